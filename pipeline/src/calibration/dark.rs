//! The master dark: what gathers in each pixel in a second without light, ADU.

use serde::{Deserialize, Serialize};

use super::bias::to_adu;
use super::combine::{CombineConfig, combine};
use super::{CalibrationError, CalibrationFrame, FrameKind};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{Calibrations, Isr, IsrConfig, OverscanConfig};

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct DarkConfig {
    pub overscan: OverscanConfig,
    pub combine: CombineConfig,
    /// Frames of less darkness are left out, s.
    pub min_time_s: f64,
}

impl Default for DarkConfig {
    fn default() -> Self {
        Self {
            overscan: OverscanConfig::default(),
            combine: CombineConfig::default(),
            min_time_s: 1.0,
        }
    }
}

impl TaskConfig for DarkConfig {
    fn faults(&self) -> Vec<String> {
        self.combine.faults()
    }
}

/// Combine dark frames of one detector; linearity counts where it is known.
///
/// # Errors
/// Too few frames that are long enough; no bias.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &DarkConfig,
) -> Result<CalibrationFrame> {
    let mut steps = IsrConfig::without_calibrations();
    steps.overscan = config.overscan.clone();
    steps.bias.enabled = true;
    steps.linearity.enabled = calibrations.linearity.is_some();
    let isr = Isr::new(steps);
    let mut frames = vec![];
    for raw in raws.iter().filter(|raw| raw.exposure.dark_time_s >= config.min_time_s) {
        let mut corrected = isr.correct(raw, calibrations)?;
        to_adu(&mut corrected.pixels, raw, &corrected.gains);
        let time_s = raw.exposure.dark_time_s as f32;
        corrected.pixels.image.mapv_inplace(|adu| adu / time_s);
        corrected.pixels.variance.mapv_inplace(|variance| variance / (time_s * time_s));
        frames.push(corrected.pixels);
    }
    let pixels = combine("dark", &frames, &config.combine)?;
    let first = raws.first().ok_or(CalibrationError::TooFew {
        product: "dark",
        what: "frames",
        found: 0,
        needed: config.combine.min_frames,
    })?;
    Ok(CalibrationFrame::of(FrameKind::Dark, first, frames.len(), pixels, vec![]))
}
