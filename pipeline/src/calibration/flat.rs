//! The master flat: response of each pixel to even light, 1 on average over the good pixels.

use ndarray::s;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::combine::{CombineConfig, combine};
use super::{CalibrationError, CalibrationFrame, FrameKind};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};
use crate::isr::{Calibrations, Isr, IsrConfig, Origin, OverscanConfig};
use crate::statistics::clipped_mean;
use crate::tasks::not_positive;

/// Pixels that say nothing of the light.
const BAD: u32 = mask_plane::BAD | mask_plane::SAT | mask_plane::NO_DATA;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FlatConfig {
    pub overscan: OverscanConfig,
    pub combine: CombineConfig,
    /// Flats of levels between these are combined, electrons; others are left to photon transfer.
    pub level_e: (f64, f64),
    /// An amplifier of any flat below this has no light, electrons.
    pub no_light_e: f64,
}

impl Default for FlatConfig {
    fn default() -> Self {
        Self {
            overscan: OverscanConfig::default(),
            combine: CombineConfig::default(),
            level_e: (15_000.0, 80_000.0),
            no_light_e: 50.0,
        }
    }
}

impl TaskConfig for FlatConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = self.combine.faults();
        faults
            .extend(not_positive(&[("level_e", self.level_e.0), ("no_light_e", self.no_light_e)]));
        if self.level_e.0 >= self.level_e.1 {
            faults.push("level_e: the first is not below the second".to_owned());
        }
        faults
    }
}

/// A flat in units of its level, and the gains with which it was made.
type Levelled = (MaskedImage, Vec<(String, f64)>);

/// Combine flats of one detector and filter; each counts as its own level has it.
///
/// # Errors
/// A frame without light; too few frames at the right level; a calibration that is lacking.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &FlatConfig,
) -> Result<CalibrationFrame> {
    let mut steps = IsrConfig::without_calibrations();
    steps.overscan = config.overscan.clone();
    (steps.bias.enabled, steps.dark.enabled) = (true, true);
    steps.linearity.enabled = calibrations.linearity.is_some();
    steps.crosstalk.enabled = calibrations.crosstalk.is_some();
    if calibrations.photon_transfer.is_some() {
        steps.gain.from = Origin::Calibration;
    }
    let isr = Isr::new(steps);
    let one = |raw: &&RawFrame| -> Result<Option<Levelled>> {
        let mut corrected = isr.correct(raw, calibrations)?;
        let level = level(&corrected.pixels, raw, config.no_light_e)?;
        if level < config.level_e.0 || level > config.level_e.1 {
            return Ok(None);
        }
        let level = level as f32;
        corrected.pixels.image.mapv_inplace(|electrons| electrons / level);
        corrected.pixels.variance.mapv_inplace(|variance| variance / (level * level));
        Ok(Some((corrected.pixels, corrected.gains)))
    };
    let made: Vec<_> = raws.par_iter().map(one).collect::<Result<_>>()?;
    let (frames, gains): (Vec<_>, Vec<_>) = made.into_iter().flatten().unzip();
    let mut pixels = combine("flat", &frames, &config.combine)?;
    normalise(&mut pixels);
    let gains = gains.into_iter().next().unwrap_or_default();
    Ok(CalibrationFrame::of(FrameKind::Flat, raws[0], frames.len(), pixels, gains))
}

/// Clipped mean of the good pixels of a flat, electrons.
fn level(pixels: &MaskedImage, raw: &RawFrame, no_light_e: f64) -> Result<f64> {
    for amplifier in &raw.amplifiers {
        let b = amplifier.bbox;
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let mut values: Vec<f64> =
            pixels.image.slice(part).iter().step_by(7).map(|v| f64::from(*v)).collect();
        let level = clipped_mean(&mut values, 3.0, 3).map_or(0.0, |clipped| clipped.mean);
        if level < no_light_e {
            let frame = format!("flat {}", raw.exposure.visit);
            let (amplifier, unit) = (amplifier.name.clone(), "electrons");
            return Err(CalibrationError::NoLight { frame, amplifier, level, unit }.into());
        }
    }
    Ok(good_mean(pixels))
}

fn good_mean(pixels: &MaskedImage) -> f64 {
    let both = pixels.image.iter().zip(&pixels.mask);
    let good = both.filter(|(_, mask)| **mask & BAD == 0).map(|(value, _)| f64::from(*value));
    clipped_mean(&mut good.collect(), 5.0, 3).map_or(0.0, |clipped| clipped.mean)
}

/// Let the good pixels be 1 on average.
fn normalise(pixels: &mut MaskedImage) {
    let mean = good_mean(pixels) as f32;
    if mean > 0.0 {
        pixels.image.mapv_inplace(|value| value / mean);
        pixels.variance.mapv_inplace(|variance| variance / (mean * mean));
    }
}
