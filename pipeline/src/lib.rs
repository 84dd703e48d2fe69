//! From images to measured rows.

pub mod image;

pub mod task;

pub mod background;
pub mod detection;
pub mod psf;

pub mod measurement;

mod linear_algebra;
pub mod statistics;
pub mod error { pub type Result<T> = std::result::Result<T, ()>; }
