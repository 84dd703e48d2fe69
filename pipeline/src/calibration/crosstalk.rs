//! Crosstalk coefficients: which part of one amplifier's signal appears in another, from frames in which
//! few places are bright.
//!
//! Where a source is bright, and no other amplifier is at that place of reading, the target's signal over
//! the level of its column is regressed on the source's through the origin; values far from the line (a
//! star in the target) go. What is not significant is 0, so that nothing is corrected by noise.

use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{AmplifierImage, Calibrations, Isr, IsrConfig, Origin, OverscanConfig};
use crate::statistics::{median, robust_sigma};
use crate::tasks::not_positive;

/// Pixels of a column that its level needs.
const LEVEL_PIXELS: usize = 8;
/// Rounds in which values far from the line are left out.
const ROUNDS: usize = 3;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrosstalkMeasureConfig {
    /// Levels of rows.
    pub overscan: OverscanConfig,
    /// Sources are pixels brighter than this, electrons.
    pub source_above_e: f64,
    /// Targets are pixels fainter than this, electrons.
    pub target_below_e: f64,
    /// The level of a column is that of places of reading where all amplifiers are fainter than this,
    /// electrons.
    pub quiet_below_e: f64,
    /// Values farther from the line than so many standard deviations are left out.
    pub clip_sigma: f64,
    /// Coefficients of fewer standard errors are 0: so many that none of a detector's hundreds of pairs is
    /// there by chance.
    pub significance: f64,
    /// The least number of source pixels.
    pub min_pixels: usize,
}

impl Default for CrosstalkMeasureConfig {
    fn default() -> Self {
        Self {
            overscan: OverscanConfig::default(),
            source_above_e: 30_000.0,
            target_below_e: 10_000.0,
            quiet_below_e: 1_500.0,
            clip_sigma: 3.0,
            significance: 4.5,
            min_pixels: 50,
        }
    }
}

impl TaskConfig for CrosstalkMeasureConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("source_above_e", self.source_above_e),
            ("target_below_e", self.target_below_e),
            ("clip_sigma", self.clip_sigma),
        ])
    }
}

/// The coefficients of a detector that differ from 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrosstalkMatrix {
    /// One for each pair of amplifiers that has one.
    pub elements: Vec<CrosstalkElement>,
}

/// One coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrosstalkElement {
    /// The amplifier that is disturbed.
    pub target: String,
    /// The amplifier whose signal disturbs.
    pub source: String,
    /// Part of the source's electrons that appears in the target.
    pub coefficient: f64,
    /// Its standard error.
    pub error: f64,
}

/// One place of reading.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Signal of the source, electrons.
    source: f32,
    /// Signal of the target over its level, electrons.
    target: f32,
    /// Row of reading and frame, which share the error of their overscan.
    row: (usize, usize),
}

/// Measure the crosstalk of a detector.
///
/// # Errors
/// No source bright enough in any amplifier; no photon transfer.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &CrosstalkMeasureConfig,
) -> Result<CrosstalkMatrix> {
    let mut steps = IsrConfig::without_calibrations();
    steps.overscan = config.overscan.clone();
    steps.gain.from = Origin::Calibration;
    let isr = Isr::new(steps);
    let n = raws.first().map_or(0, |raw| raw.amplifiers.len());
    let of_frame = |(frame, raw): (usize, &&RawFrame)| -> Result<Vec<Vec<Sample>>> {
        let amplifiers = isr.amplifiers(raw, calibrations, &mut vec![])?;
        Ok(samples(&amplifiers, frame, config))
    };
    let frames: Vec<Vec<Vec<Sample>>> =
        raws.par_iter().enumerate().map(of_frame).collect::<Result<_>>()?;
    let names: Vec<&str> =
        raws.first().into_iter().flat_map(|raw| &raw.amplifiers).map(|a| a.name.as_str()).collect();
    let mut elements = vec![];
    let mut most = 0;
    for target in 0..n {
        for source in (0..n).filter(|source| *source != target) {
            let own = frames.iter().flat_map(|frame| &frame[target * n + source]);
            let samples: Vec<Sample> = own.copied().collect();
            most = most.max(samples.len());
            if samples.len() < config.min_pixels {
                continue;
            }
            let (coefficient, error) = slope(samples, config.clip_sigma);
            if coefficient.abs() > config.significance * error {
                let (target, source) = (names[target].to_owned(), names[source].to_owned());
                elements.push(CrosstalkElement { target, source, coefficient, error });
            }
        }
    }
    if most < config.min_pixels {
        let (product, what) = ("crosstalk", "bright pixels that are alone");
        let (found, needed) = (most, config.min_pixels);
        return Err(CalibrationError::TooFew { product, what, found, needed }.into());
    }
    Ok(CrosstalkMatrix { elements })
}

/// The samples of a frame for each target and source.
fn samples(
    amplifiers: &[AmplifierImage],
    frame: usize,
    config: &CrosstalkMeasureConfig,
) -> Vec<Vec<Sample>> {
    let n = amplifiers.len();
    let mut samples = vec![vec![]; n * n];
    let (bright, faint) = (config.source_above_e as f32, config.target_below_e as f32);
    let is_quiet = quiet(amplifiers, config.quiet_below_e as f32);
    let level = |amplifier: &AmplifierImage| column_levels(&amplifier.image, &is_quiet);
    let levels: Vec<Vec<f32>> = amplifiers.iter().map(level).collect();
    for (source, own) in amplifiers.iter().enumerate() {
        for ((y, x), &signal) in own.image.indexed_iter() {
            if signal < bright {
                continue;
            }
            let at = |other: &AmplifierImage| other.image.get([y, x]).copied();
            let others = || amplifiers.iter().enumerate().filter(|(other, _)| *other != source);
            // Who else is bright there would leave its own part.
            if others().any(|(_, other)| at(other).is_some_and(|value| value > faint)) {
                continue;
            }
            for (target, other) in others() {
                if let Some(value) = at(other) {
                    samples[target * n + source].push(Sample {
                        source: signal,
                        target: value - levels[target][x],
                        row: (frame, y),
                    });
                }
            }
        }
    }
    samples
}

/// Places of reading at which no amplifier is bright, so that none leaks much into another.
fn quiet(amplifiers: &[AmplifierImage], below: f32) -> Array2<bool> {
    let size = amplifiers.first().map_or((0, 0), |amplifier| amplifier.image.dim());
    let mut is_quiet = Array2::from_elem(size, true);
    for amplifier in amplifiers.iter().filter(|amplifier| amplifier.image.dim() == size) {
        ndarray::Zip::from(&mut is_quiet)
            .and(&amplifier.image)
            .for_each(|quiet, value| *quiet &= *value < below);
    }
    is_quiet
}

/// Median of the quiet pixels of each column: sky and the bias's structure; of all its pixels where few
/// are quiet.
fn column_levels(image: &Array2<f32>, is_quiet: &Array2<bool>) -> Vec<f32> {
    let level = |x: usize| {
        let of = |wanted: bool| -> Vec<f64> {
            let column = (0..image.nrows())
                .filter(|&y| !wanted || is_quiet.get([y, x]).copied().unwrap_or(true));
            column.map(|y| f64::from(image[[y, x]])).collect()
        };
        let mut values = of(true);
        if values.len() < LEVEL_PIXELS {
            values = of(false);
        }
        median(&mut values) as f32
    };
    (0..image.ncols()).map(level).collect()
}

/// Slope of a line through the origin, and its standard error: that of rows, since all of a row's values
/// share the error of its level.
fn slope(mut samples: Vec<Sample>, clip_sigma: f64) -> (f64, f64) {
    // A few stars in the target must not lead the first line astray.
    let ratio = |sample: &Sample| f64::from(sample.target) / f64::from(sample.source);
    let mut coefficient = median(&mut samples.iter().map(ratio).collect::<Vec<_>>());
    let mut xx = 1.0;
    for _ in 0..ROUNDS {
        let off = |s: &Sample| f64::from(s.target) - coefficient * f64::from(s.source);
        let sigma = robust_sigma(&mut samples.iter().map(off).collect::<Vec<_>>());
        samples.retain(|sample| off(sample).abs() <= clip_sigma * sigma);
        xx = samples.iter().map(|s| f64::from(s.source).powi(2)).sum::<f64>();
        let xy = samples.iter().map(|s| f64::from(s.source) * f64::from(s.target)).sum::<f64>();
        coefficient = xy / xx;
    }
    samples.sort_unstable_by_key(|sample| sample.row);
    let of_row = |row: &[Sample]| {
        let left = |s: &Sample| {
            f64::from(s.source) * (f64::from(s.target) - coefficient * f64::from(s.source))
        };
        row.iter().map(left).sum::<f64>().powi(2)
    };
    let variance: f64 = samples.chunk_by(|a, b| a.row == b.row).map(of_row).sum();
    (coefficient, variance.sqrt() / xx)
}
