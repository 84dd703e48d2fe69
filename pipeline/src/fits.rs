//! FITS files: headers, images of any kind, and the files that Almagest writes.
//!
//! CFITSIO reads and writes the pixels (integers with `BSCALE`, tile-compressed images, gzip);
//! headers are parsed here, so that a camera rule can be tested on a few lines of text.
//! Reference: *Definition of the FITS standard*, version 4.0.

mod card;
mod cfitsio;
mod extent;
mod header;
mod reader;
mod writer;

pub use card::{Card, CardValue};
pub use header::Header;
pub use reader::{FitsReader, Hdu, HduKind};
pub use writer::{Compression, FitsWriter};
