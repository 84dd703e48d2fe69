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

pub mod task;

pub mod expression;
pub mod butler;
pub mod config;
pub mod connections;
pub mod definition;
pub mod graph;
pub mod executor;
pub mod provenance;

pub mod calibration;
pub mod isr;

pub mod background;
pub mod cosmic_ray;
pub mod detection;
pub mod deblend;
pub mod psf;

pub mod measurement;

pub mod characterize;
pub mod cutout;

pub mod association;
pub mod forced_photometry;

pub mod astrometry;
pub mod reference_catalog;
pub mod identifier;
pub mod catalog;
pub mod tasks;
pub mod process;

pub mod quality;

pub mod simulate;

mod linear_algebra;
pub mod statistics;

pub use error::{Error, Result};
