//! Crosstalk coefficients: which part of one amplifier's signal appears in another, from frames in which
//! few places are bright.
//!
//! Where a source is bright, and no other amplifier is at that place of reading, the target's signal over
//! the level of its column is regressed on the source's through the origin; values far from the line (a
//! star in the target) go. What is not significant is 0, so that nothing is corrected by noise.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{AmplifierImage, Calibrations, Isr, IsrConfig, Origin, OverscanConfig};
use crate::statistics::{median, robust_sigma};
use crate::tasks::not_positive;

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
    /// Values farther from the line than so many standard deviations are left out.
    pub clip_sigma: f64,
    /// Coefficients of fewer standard errors are 0.
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
            clip_sigma: 3.0,
            significance: 3.0,
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

/// Signal of source and target at one place of reading, electrons.
type Sample = (f32, f32);

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
    let of_frame = |raw: &&RawFrame| -> Result<Vec<Vec<Sample>>> {
        let amplifiers = isr.amplifiers(raw, calibrations, &mut vec![])?;
        Ok(samples(&amplifiers, config))
    };
    let frames: Vec<Vec<Vec<Sample>>> = raws.par_iter().map(of_frame).collect::<Result<_>>()?;
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
fn samples(amplifiers: &[AmplifierImage], config: &CrosstalkMeasureConfig) -> Vec<Vec<Sample>> {
    let n = amplifiers.len();
    let mut samples = vec![vec![]; n * n];
    let (bright, faint) = (config.source_above_e as f32, config.target_below_e as f32);
    let levels: Vec<Vec<f32>> =
        amplifiers.iter().map(|amplifier| column_levels(&amplifier.image, faint)).collect();
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
                    samples[target * n + source].push((signal, value - levels[target][x]));
                }
            }
        }
    }
    samples
}

/// Median of the faint pixels of each column: sky and the bias's structure.
fn column_levels(image: &Array2<f32>, faint: f32) -> Vec<f32> {
    let level = |column: ndarray::ArrayView1<'_, f32>| {
        let mut values: Vec<f64> =
            column.iter().filter(|v| **v < faint).map(|v| f64::from(*v)).collect();
        if values.is_empty() { 0.0 } else { median(&mut values) as f32 }
    };
    image.axis_iter(Axis(1)).map(level).collect()
}

/// Slope of a line through the origin, and its standard error.
fn slope(mut samples: Vec<Sample>, clip_sigma: f64) -> (f64, f64) {
    let fit = |samples: &[Sample]| {
        let (mut xx, mut xy) = (0.0, 0.0);
        for &(x, y) in samples {
            xx += f64::from(x) * f64::from(x);
            xy += f64::from(x) * f64::from(y);
        }
        (xy / xx, xx)
    };
    // A few stars in the target must not lead the first line astray.
    let mut ratios: Vec<f64> = samples.iter().map(|&(x, y)| f64::from(y) / f64::from(x)).collect();
    let (mut coefficient, mut sigma) = (median(&mut ratios), 0.0);
    let mut xx = 1.0;
    for _ in 0..ROUNDS {
        let off = |&(x, y): &Sample| f64::from(y) - coefficient * f64::from(x);
        sigma = robust_sigma(&mut samples.iter().map(off).collect::<Vec<_>>());
        samples.retain(|sample| off(sample).abs() <= clip_sigma * sigma);
        (coefficient, xx) = fit(&samples);
    }
    (coefficient, sigma / xx.sqrt())
}
