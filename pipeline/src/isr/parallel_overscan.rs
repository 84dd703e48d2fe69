//! Parallel overscan: what an amplifier reads after its last row of pixels, column by column.
//!
//! Off by default where a master bias has the structure of the columns: so few rows know a column's level
//! only to the read noise over the root of their number.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::camera::RawAmplifier;
use crate::statistics::median;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ParallelOverscanConfig {
    /// Is it done?
    pub enabled: bool,
    /// Columns over which the levels are smoothed by a running median.
    pub smooth_px: usize,
    /// A column whose level differs from that of its neighbours by more than this keeps its own, ADU: its
    /// charge came late.
    pub max_deviation_adu: f64,
}

impl Default for ParallelOverscanConfig {
    fn default() -> Self {
        Self { enabled: false, smooth_px: 5, max_deviation_adu: 5.0 }
    }
}

/// Subtract the levels of the columns from an amplifier's data, whose rows lie at `rows` of the raw image.
pub(super) fn subtract(
    amplifier: &RawAmplifier,
    rows: &[f32],
    image: &mut Array2<f32>,
    config: &ParallelOverscanConfig,
) {
    let Some(overscan) = amplifier.parallel_overscan.filter(|_| config.enabled) else { return };
    let data = amplifier.data;
    let mut levels: Vec<f64> = (data.x0..data.x0 + data.nx)
        .map(|x| {
            let own = overscan.y0..overscan.y0 + overscan.ny;
            let mut column: Vec<f64> =
                own.map(|y| f64::from(amplifier.pixels[[y, x]] - rows[y])).collect();
            median(&mut column)
        })
        .collect();
    let raw = levels.clone();
    let half = config.smooth_px / 2;
    for (x, level) in levels.iter_mut().enumerate() {
        let near = x.saturating_sub(half)..(x + half + 1).min(raw.len());
        let smooth = median(&mut raw[near].to_vec());
        if (raw[x] - smooth).abs() <= config.max_deviation_adu {
            *level = smooth;
        }
    }
    for mut row in image.rows_mut() {
        row.iter_mut().zip(&levels).for_each(|(value, level)| *value -= *level as f32);
    }
}
