//! The master bias: what each pixel reads without light and time, above the overscan of its row.

use ndarray::s;
use serde::{Deserialize, Serialize};

use super::combine::{CombineConfig, combine};
use super::{CalibrationFrame, FrameKind};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::image::MaskedImage;
use crate::isr::{Calibrations, Isr, IsrConfig, OverscanConfig};

/// Settings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct BiasConfig {
    pub overscan: OverscanConfig,
    pub combine: CombineConfig,
}

impl TaskConfig for BiasConfig {
    fn faults(&self) -> Vec<String> {
        self.combine.faults()
    }
}

/// Combine bias frames of one detector.
///
/// # Errors
/// Too few frames; amplifiers without an overscan.
pub fn measure(raws: &[&RawFrame], config: &BiasConfig) -> Result<CalibrationFrame> {
    let isr = Isr::new(IsrConfig {
        overscan: config.overscan.clone(),
        ..IsrConfig::without_calibrations()
    });
    let frames = raws
        .iter()
        .map(|raw| {
            let mut corrected = isr.correct(raw, &Calibrations::default())?;
            to_adu(&mut corrected.pixels, raw, &corrected.gains);
            Ok(corrected.pixels)
        })
        .collect::<Result<Vec<_>>>()?;
    let pixels = combine("bias", &frames, &config.combine)?;
    Ok(CalibrationFrame::of(FrameKind::Bias, raws[0], frames.len(), pixels, vec![]))
}

/// From electrons back to ADU, amplifier by amplifier.
pub(super) fn to_adu(pixels: &mut MaskedImage, raw: &RawFrame, gains: &[(String, f64)]) {
    for (amplifier, (_, gain)) in raw.amplifiers.iter().zip(gains) {
        let (b, gain) = (amplifier.bbox, *gain as f32);
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        pixels.image.slice_mut(part).mapv_inplace(|electrons| electrons / gain);
        pixels.variance.slice_mut(part).mapv_inplace(|variance| variance / (gain * gain));
    }
}
