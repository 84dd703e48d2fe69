//! An amplifier under correction: its pixels in electrons, in the order in which they were read.

use ndarray::Array2;

use super::config::AmplifierCheckConfig;
use super::{Calibrations, GAIN, IsrConfig, Origin, needed};
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::mask_plane;

/// An amplifier's pixels and numbers.
#[derive(Debug, Clone)]
pub struct AmplifierImage {
    /// Name.
    pub name: String,
    /// Electrons.
    pub image: Array2<f32>,
    /// Mask planes.
    pub mask: Array2<u32>,
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Read noise, electrons.
    pub read_noise_e: f64,
    /// Charge at which it saturates, electrons.
    pub saturation_e: f64,
    /// Is it bad as a whole?
    pub is_bad: bool,
    /// Scatter of the overscan, electrons.
    pub noise_e: Option<f64>,
}

/// Gain, read noise and saturation of an amplifier.
pub(super) struct Numbers {
    name: String,
    gain_e_per_adu: f64,
    read_noise_e: f64,
    /// ADU above the bias, if reading were linear.
    pub saturation_adu: f64,
}

/// The numbers of all amplifiers.
///
/// # Errors
/// Photon transfer that is asked for and absent, or silent on an amplifier.
pub(super) fn of(
    raw: &RawFrame,
    calibrations: &Calibrations,
    config: &IsrConfig,
) -> Result<Vec<Numbers>> {
    let camera = raw.amplifiers.iter().map(|amplifier| Numbers {
        name: amplifier.name.clone(),
        gain_e_per_adu: amplifier.gain_e_per_adu,
        read_noise_e: amplifier.read_noise_e,
        saturation_adu: amplifier.saturation_adu,
    });
    if config.gain.from == Origin::Camera {
        return Ok(camera.collect());
    }
    let measured = calibrations.photon_transfer.as_ref();
    let measured = needed(measured, raw, GAIN)?;
    camera
        .map(|numbers| {
            let amplifier = measured.amplifier(&numbers.name)?;
            Ok(Numbers {
                gain_e_per_adu: amplifier.gain_e_per_adu,
                read_noise_e: amplifier.read_noise_e,
                ..numbers
            })
        })
        .collect()
}

impl AmplifierImage {
    /// Apply the gain.
    pub(super) fn new(
        mut image: Array2<f32>,
        mask: Array2<u32>,
        numbers: &Numbers,
        noise_adu: Option<f64>,
    ) -> Self {
        let gain = numbers.gain_e_per_adu;
        image.mapv_inplace(|adu| adu * gain as f32);
        Self {
            name: numbers.name.clone(),
            image,
            mask,
            gain_e_per_adu: gain,
            read_noise_e: numbers.read_noise_e,
            saturation_e: numbers.saturation_adu * gain,
            is_bad: false,
            noise_e: noise_adu.map(|noise| noise * gain),
        }
    }

    /// Mark an amplifier that is too noisy as bad; say so.
    pub(super) fn check(&mut self, config: &AmplifierCheckConfig) -> Option<String> {
        let noise = self.noise_e.filter(|noise| config.enabled && *noise > config.max_noise_e)?;
        self.is_bad = true;
        self.mask.mapv_inplace(|bits| bits | mask_plane::BAD);
        let limit = config.max_noise_e;
        Some(format!(
            "amplifier {} is bad: read noise of {noise:.1} electrons, {limit} are allowed",
            self.name
        ))
    }
}
