//! What a catalog is, on the sky and on disk.

pub mod error;
pub mod schema;

pub use error::{Error, Result};
