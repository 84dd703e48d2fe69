//! From images to measured rows.

pub mod image;
