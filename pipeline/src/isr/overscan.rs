//! Serial overscan: what an amplifier reads where there is no pixel, row by row.

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use crate::calibration::CalibrationError;
use crate::camera::RawAmplifier;
use crate::camera::model::Section;
use crate::error::Result;
use crate::statistics::median;

/// Values of a row within so many standard deviations of their median are averaged.
const CLIP_SIGMA: f64 = 3.5;
/// The least standard deviation of the overscan, ADU: that of rounding.
const ROUNDING_ADU: f64 = 0.3;

/// The statistic of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OverscanStatistic {
    /// Its median.
    Median,
    /// The mean of what is near the median: a fifth less noise, and not bound to whole ADU.
    #[default]
    ClippedMean,
}

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OverscanConfig {
    /// Is it done?
    pub enabled: bool,
    /// What is taken of a row.
    pub statistic: OverscanStatistic,
    /// First columns of the overscan that are not used: charge that was late arrives there.
    pub skip_columns: usize,
    /// Values that differ from the median of the whole overscan by more than this are ignored, ADU.
    pub max_deviation_adu: f64,
}

impl Default for OverscanConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            statistic: OverscanStatistic::default(),
            skip_columns: 2,
            max_deviation_adu: 1000.0,
        }
    }
}

/// What the overscan of an amplifier tells.
pub(super) struct Levels {
    /// Level of each row of the raw image, ADU; 0 where the step is off.
    pub rows: Vec<f32>,
    /// Scatter about the levels, ADU; `None` without an overscan.
    pub noise_adu: Option<f64>,
}

/// The levels of an amplifier's rows.
///
/// # Errors
/// An amplifier without a serial overscan.
pub(super) fn levels(amplifier: &RawAmplifier, config: &OverscanConfig) -> Result<Levels> {
    let n_rows = amplifier.pixels.nrows();
    let Some(overscan) = amplifier.serial_overscan else {
        if config.enabled {
            let amplifier = amplifier.name.clone();
            return Err(CalibrationError::NoOverscan { amplifier }.into());
        }
        return Ok(Levels { rows: vec![0.0; n_rows], noise_adu: None });
    };
    let columns = used_columns(overscan, config.skip_columns);
    let strip = amplifier.pixels.slice(s![.., columns]);
    let rows_of_section = overscan.y0..overscan.y0 + overscan.ny;
    let mut all: Vec<f64> =
        strip.slice(s![rows_of_section, ..]).iter().map(|v| f64::from(*v)).collect();
    let centre = median(&mut all);
    let mut noise = Noise::default();
    let mut values = vec![];
    let mut sigma = f64::INFINITY;
    let mut rows = Vec::with_capacity(n_rows);
    // Rows of the parallel overscan are read with the same columns after them.
    for row in strip.rows() {
        values.clear();
        let near = row.iter().map(|v| f64::from(*v));
        values.extend(near.filter(|v| (v - centre).abs() <= config.max_deviation_adu));
        if values.is_empty() {
            rows.push(centre as f32);
            continue;
        }
        let middle = median(&mut values);
        values.retain(|v| (v - middle).abs() <= CLIP_SIGMA * sigma);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        noise.add(&values, mean);
        sigma = noise.sigma().max(ROUNDING_ADU);
        let level = match config.statistic {
            OverscanStatistic::Median => middle,
            OverscanStatistic::ClippedMean => mean,
        };
        rows.push(level as f32);
    }
    if !config.enabled {
        rows.fill(0.0);
    }
    Ok(Levels { rows, noise_adu: noise.value() })
}

fn used_columns(overscan: Section, skip: usize) -> std::ops::Range<usize> {
    // An overscan that is no wider than what is skipped is used whole.
    let skip = if skip < overscan.nx { skip } else { 0 };
    overscan.x0 + skip..overscan.x0 + overscan.nx
}

/// The data of an amplifier less the levels of its rows, in order of reading.
pub(super) fn subtract(amplifier: &RawAmplifier, levels: &Levels) -> Array2<f32> {
    let data = amplifier.data;
    let mut image = data.of(&amplifier.pixels).to_owned();
    for (mut row, level) in image.rows_mut().into_iter().zip(&levels.rows[data.y0..]) {
        row.iter_mut().for_each(|value| *value -= level);
    }
    image
}

/// Scatter of the rows about their means so far.
#[derive(Default)]
struct Noise {
    squares: f64,
    freedom: f64,
}

impl Noise {
    fn add(&mut self, values: &[f64], mean: f64) {
        self.squares += values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        self.freedom += values.len() as f64 - 1.0;
    }

    fn value(&self) -> Option<f64> {
        (self.freedom > 0.0).then(|| (self.squares / self.freedom).sqrt())
    }

    fn sigma(&self) -> f64 {
        self.value().unwrap_or(f64::INFINITY)
    }
}
