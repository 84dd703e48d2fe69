//! Saturation: pixels that are full, or nearly, by what they read before linearity is corrected.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::linearity::Curve;
use crate::image::mask_plane;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SaturationConfig {
    /// Is it done?
    pub enabled: bool,
    /// Part of the saturation level from which on a pixel is `SAT`.
    pub fraction: f64,
    /// Part of it from which on a pixel is `SUSPECT`.
    pub suspect_fraction: f64,
    /// Pixels by which saturated regions grow.
    pub grow_px: usize,
}

impl Default for SaturationConfig {
    fn default() -> Self {
        Self { enabled: true, fraction: 0.985, suspect_fraction: 0.9, grow_px: 1 }
    }
}

/// The mask of an amplifier that saturates at a true level, ADU above the bias.
pub(super) fn mask(
    image: &Array2<f32>,
    curve: &Curve,
    saturation_adu: f64,
    config: &SaturationConfig,
) -> Array2<u32> {
    let mut mask = Array2::zeros(image.dim());
    if !config.enabled {
        return mask;
    }
    let full = curve.reading_of(saturation_adu * config.fraction) as f32;
    let suspect = curve.reading_of(saturation_adu * config.suspect_fraction) as f32;
    let mut saturated = vec![];
    for ((y, x), (&value, bits)) in
        image.indexed_iter().zip(mask.iter_mut()).map(|((at, value), bits)| (at, (value, bits)))
    {
        if value >= suspect {
            *bits = if value >= full { mask_plane::SAT } else { mask_plane::SUSPECT };
            if value >= full {
                saturated.push((y, x));
            }
        }
    }
    grow(&mut mask, &saturated, config.grow_px);
    mask
}

/// Let saturated pixels spread into a square around each.
fn grow(mask: &mut Array2<u32>, saturated: &[(usize, usize)], by: usize) {
    let (ny, nx) = mask.dim();
    for &(y, x) in saturated {
        for row in y.saturating_sub(by)..(y + by + 1).min(ny) {
            for column in x.saturating_sub(by)..(x + by + 1).min(nx) {
                mask[[row, column]] |= mask_plane::SAT;
            }
        }
    }
}
