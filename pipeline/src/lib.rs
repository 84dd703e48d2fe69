//! From images to measured rows.

pub mod camera;
pub mod error;
pub mod exposure;
pub mod fits;
pub mod image;
pub mod inspect;
pub mod photo_calib;
pub mod visit_info;
pub mod wcs;

pub use error::{Error, Result};
