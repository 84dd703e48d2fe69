//! What a header means is decided by the camera that wrote it.
//!
//! | camera | recognised by | rule |
//! |---|---|---|
//! | DECam, Community Pipeline | `INSTRUME`, or the archive's name in `EXP_BN`, or `FILTER` | [`decam`] |
//! | Almagest's simulator | `INSTRUME = 'AlmagestSim'` | [`almagest_sim`] |
//! | any other | | [`unknown`]: what the header leaves open comes from options or a sidecar |
//!
//! Those are the rules of calibrated frames. Raw frames need no rule in code: a [`model`] of the camera, a
//! YAML file, says how [`raw`] files are laid out and what their headers mean.
//!
//! Whatever a rule reads from a header, a sidecar file `NAME.yaml` beside `NAME.fits` overrides, and
//! the options of the call override both.

pub mod almagest_sim;
pub mod decam;
mod facts;
mod files;
mod mask;
pub mod model;
mod options;
pub mod raw;
mod read;
mod sexagesimal;
mod time;
pub mod unknown;
mod variance;

pub(crate) use almagest_sim::write_exposure_with_psf;
pub use almagest_sim::{write_exposure, write_exposure_compressed};
pub use facts::FrameFacts;
pub use files::{FrameFiles, find_frames};
pub use mask::MaskMeaning;
pub use model::CameraModel;
pub use options::FrameOptions;
pub use raw::{
    RawAmplifier, RawExposure, RawFacts, RawFrame, camera_of_raw, raw_of_no_camera, read_raw,
    read_raw_detector, read_raw_facts, write_raw,
};
pub use read::{read_exposures, read_frame, read_visits, refuse_conflicts};
pub use time::{parse_time, utc_to_tai};

pub(crate) use read::interpret_frame;

use crate::fits::{Hdu, Header};

/// A camera with a rule of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Camera {
    /// The Dark Energy Camera, calibrated by NOIRLab's Community Pipeline.
    Decam,
    /// Almagest's simulator.
    AlmagestSim,
    /// A camera of which nothing is known.
    Unknown,
}

impl Camera {
    /// The camera whose rule a header asks for, by what stands in it, never by the file's folder.
    pub fn of(header: &Header) -> Camera {
        let instrument = header.text("INSTRUME").unwrap_or_default();
        if instrument == almagest_sim::INSTRUMENT {
            Camera::AlmagestSim
        } else if instrument.eq_ignore_ascii_case("decam")
            || (instrument.is_empty() && decam::has_marks(header))
        {
            Camera::Decam
        } else {
            Camera::Unknown
        }
    }

    /// What the rule reads from the header of a detector's image.
    pub fn facts(self, header: &Header) -> FrameFacts {
        match self {
            Camera::Decam => decam::facts(header),
            Camera::AlmagestSim => almagest_sim::facts(header),
            Camera::Unknown => unknown::facts(header),
        }
    }

    /// Whether an image HDU holds a detector's pixels, not a mask or variance that travels with them.
    pub fn is_detector(self, hdu: &Hdu) -> bool {
        let name = hdu.name.as_deref().unwrap_or_default().to_ascii_uppercase();
        match self {
            Camera::Decam => true,
            Camera::AlmagestSim => name == almagest_sim::IMAGE,
            Camera::Unknown => !unknown::COMPANION_NAMES.contains(&name.as_str()),
        }
    }
}
