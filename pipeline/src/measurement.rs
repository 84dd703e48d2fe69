//! Measurement: from detected peaks to rows of positions, fluxes, shapes and flags.
//!
//! Each algorithm has its own file, which declares its flags. What an algorithm cannot measure is NaN with
//! a flag; it never drops the source. [`source`] puts them together for the peaks of one image.

pub mod aperture_flux;
pub mod blendedness;
pub mod centroid;
pub mod compensated_tophat;
pub mod extendedness;
pub mod isolated;
pub mod kron;
pub mod local_background;
pub mod pixel_flags;
pub mod psf_flux;
pub mod regaussianization;
pub mod shape;
pub mod sky_source;
pub mod source;

pub use aperture_flux::{ApertureFlux, aperture_flux};
pub use centroid::Centroid;
pub use kron::KronFlux;
pub use pixel_flags::PixelFlags;
pub use psf_flux::{PsfFlux, PsfFluxConfig};
pub use regaussianization::Regaussianized;
pub use shape::Shape;
pub use source::{MeasureConfig, Measured, Measurements, measure};
