//! A calibration image: the pixels of one detector with what they are.

use crate::image::MaskedImage;

/// What a calibration image is, which tells its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// What is read without light and time, ADU.
    Bias,
    /// What gathers in the dark, ADU a second.
    Dark,
    /// Response to even light, 1 on average over the detector.
    Flat,
    /// Pattern of the night sky's interference, a fraction of the sky.
    Fringe,
}

impl FrameKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Bias, Self::Dark, Self::Flat, Self::Fringe];

    /// Its name, which is that of its dataset type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bias => "bias",
            Self::Dark => "dark",
            Self::Flat => "flat",
            Self::Fringe => "fringe",
        }
    }

    /// The unit of its pixels, as FITS writes it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Bias => "adu",
            Self::Dark => "adu/s",
            Self::Flat | Self::Fringe => "",
        }
    }
}

/// A calibration image of one detector, assembled.
#[derive(Debug, Clone)]
pub struct CalibrationFrame {
    /// What it is.
    pub kind: FrameKind,
    /// Name of the camera.
    pub instrument: String,
    /// Number of the detector.
    pub detector: i32,
    /// The filter, where light went through one.
    pub physical_filter: Option<String>,
    /// How many frames it was combined from.
    pub n_frames: usize,
    /// Pixels in the unit of the kind, mask planes, variance.
    pub pixels: MaskedImage,
    /// Electrons per ADU with which a flat was made, by amplifier.
    pub gains: Vec<(String, f64)>,
}

impl CalibrationFrame {
    /// A calibration image of the detector of a raw frame.
    pub fn of(
        kind: FrameKind,
        raw: &crate::camera::RawFrame,
        n_frames: usize,
        pixels: MaskedImage,
        gains: Vec<(String, f64)>,
    ) -> Self {
        let has_filter = matches!(kind, FrameKind::Flat | FrameKind::Fringe);
        Self {
            kind,
            instrument: raw.camera.name().to_owned(),
            detector: raw.detector.id,
            physical_filter: raw.exposure.physical_filter.clone().filter(|_| has_filter),
            n_frames,
            pixels,
            gains,
        }
    }
}
