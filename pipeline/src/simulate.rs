//! A simulated sky and the camera that looks at it, with the truth beside each image.
//!
//! ```text
//!   SurveyConfig ─▶ Survey: sky, visits, sensors            (all of it from one seed)
//!                     │
//!                     ▼ frame by frame, in any order
//!   sky ─▶ light through atmosphere and optics ─▶ charge in the sensor ─▶ amplifiers ─▶ RawFrame
//!                     │                                                                 + truth
//!                     └─▶ the same light as a perfect instrument would see it ─▶ Exposure
//! ```
//!
//! [`survey`] makes raw frames of a camera that a file describes, with every effect that instrument
//! signature removal must undo; each is a switch of [`Effects`] and one small file. [`field`] makes
//! calibrated exposures of one detector, without an instrument, for tests of measurements.
//! Random numbers come from streams that are keyed by what they are for and by visit and detector
//! ([`random`]), so that neither the order of the work nor the number of threads changes a byte.
//!
//! Light is integrated over pixels; galaxies are convolved with the PSF in Fourier space. (Drawing is
//! checked against galsim, pixel by pixel.)

pub mod config;
pub mod field;
pub mod frame;
pub mod galaxy;
mod light;
mod moffat_transform;
mod psf_field;
pub mod random;
mod refraction;
pub mod sensor;
mod sersic;
pub mod sky;
pub mod survey;
pub mod truth;
mod turbulence;
pub mod visit;
pub mod write;

pub use config::{Effects, Preset, SurveyConfig};
pub use field::{
    BANDS, Scene, SimulateConfig, SimulatedVisit, Simulation, TruthEpoch, TruthObject, TruthShape,
    Variability, observe, scene, simulate,
};
pub use frame::{FrameId, SimulatedFrame};
pub use galaxy::{GalaxyPainter, GalaxyShape};
pub use survey::Survey;
pub use write::{WriteOptions, write_survey};

/// The bands of a survey, in the order of an object's fluxes.
pub const SURVEY_BANDS: [&str; 6] = ["u", "g", "r", "i", "z", "y"];
