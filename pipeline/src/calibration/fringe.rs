//! The fringe pattern of a filter: what the night sky's interference adds, as a fraction of the sky.
//!
//! Exposures of different fields, corrected but for fringes, are divided by their sky; what stands out of
//! the noise (stars, and a margin around them) is left out, and the rest combined. A surface of second
//! order, which is the sky's and not the sensor's, is taken off.

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::combine::{CombineConfig, combine};
use super::{CalibrationError, CalibrationFrame, FrameKind};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};
use crate::isr::{Calibrations, Isr, IsrConfig};
use crate::linear_algebra::Cholesky;
use crate::statistics::clipped_mean;
use crate::tasks::not_positive;

/// Terms of the surface: 1, x, y, x², xy, y².
const TERMS: usize = 6;
/// Rows and columns of which the surface is fitted to one in so many.
const SURFACE_STEP: usize = 4;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FringeMeasureConfig {
    pub combine: CombineConfig,
    /// Pixels that exceed the sky by more than so many standard deviations belong to objects…
    pub object_sigma: f64,
    /// …and so do those around them, pixels.
    pub grow_px: usize,
    /// Frames of a fainter sky are left out, electrons.
    pub min_sky_e: f64,
    /// Half the side of the box over which the pattern is smoothed, far below the width of a fringe, pixels.
    pub smooth_px: usize,
}

impl Default for FringeMeasureConfig {
    fn default() -> Self {
        Self {
            combine: CombineConfig { clip_sigma: 3.0, min_frames: 3 },
            object_sigma: 3.5,
            grow_px: 3,
            min_sky_e: 100.0,
            smooth_px: 2,
        }
    }
}

impl TaskConfig for FringeMeasureConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = self.combine.faults();
        faults.extend(not_positive(&[("object_sigma", self.object_sigma)]));
        faults
    }
}

/// Combine exposures of the sky of one detector and filter.
///
/// # Errors
/// A calibration that is lacking; too few frames with a sky bright enough.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &FringeMeasureConfig,
) -> Result<CalibrationFrame> {
    let mut steps = IsrConfig::default();
    steps.fringe.enabled = false;
    steps.interpolation.enabled = false;
    let isr = Isr::new(steps);
    let one = |raw: &&RawFrame| -> Result<Option<MaskedImage>> {
        let pixels = isr.correct(raw, calibrations)?.pixels;
        Ok(over_sky(pixels, config))
    };
    let frames: Vec<Option<MaskedImage>> = raws.par_iter().map(one).collect::<Result<_>>()?;
    let frames: Vec<MaskedImage> = frames.into_iter().flatten().collect();
    let mut pixels = combine("fringe", &frames, &config.combine)?;
    flatten(&mut pixels);
    smooth(&mut pixels, config.smooth_px);
    let first = raws.first().ok_or(CalibrationError::TooFew {
        product: "fringe",
        what: "frames",
        found: 0,
        needed: config.combine.min_frames,
    })?;
    Ok(CalibrationFrame::of(FrameKind::Fringe, first, frames.len(), pixels, vec![]))
}

/// An image less its sky, in units of it, without objects; nothing where the sky is too faint.
fn over_sky(mut pixels: MaskedImage, config: &FringeMeasureConfig) -> Option<MaskedImage> {
    let left_out = mask_plane::BAD | mask_plane::SAT | mask_plane::NO_DATA;
    let both = pixels.image.iter().zip(&pixels.mask).step_by(3);
    let good = both.filter(|(_, mask)| **mask & left_out == 0).map(|(value, _)| f64::from(*value));
    let sky = clipped_mean(&mut good.collect(), 3.0, 5)?;
    if sky.mean < config.min_sky_e {
        return None;
    }
    let limit = (sky.mean + config.object_sigma * sky.sigma) as f32;
    let (ny, nx) = pixels.image.dim();
    let objects: Vec<(usize, usize)> = pixels
        .image
        .indexed_iter()
        .filter(|(_, value)| **value > limit)
        .map(|(at, _)| at)
        .collect();
    // A pixel of noise alone is no object: one of its neighbours is bright too.
    let is_object = |&(y, x): &(usize, usize)| {
        let right = x + 1 < nx && pixels.image[[y, x + 1]] > limit;
        let above = y + 1 < ny && pixels.image[[y + 1, x]] > limit;
        right || above
    };
    let objects: Vec<(usize, usize)> = objects.into_iter().filter(is_object).collect();
    for (y, x) in objects {
        let by = config.grow_px;
        for row in y.saturating_sub(by)..(y + by + 1).min(ny) {
            for column in x.saturating_sub(by)..(x + by + 1).min(nx) {
                pixels.mask[[row, column]] |= mask_plane::NO_DATA;
            }
        }
    }
    let level = sky.mean as f32;
    pixels.image.mapv_inplace(|value| value / level - 1.0);
    pixels.variance.mapv_inplace(|variance| variance / (level * level));
    Some(pixels)
}

/// Take a surface of second order off; pixels without a value become 0.
fn flatten(pixels: &mut MaskedImage) {
    let (ny, nx) = pixels.image.dim();
    let terms = |y: usize, x: usize| {
        let (u, v) = (2.0 * x as f64 / nx as f64 - 1.0, 2.0 * y as f64 / ny as f64 - 1.0);
        [1.0, u, v, u * u, u * v, v * v]
    };
    let mut normal = Array2::<f64>::zeros((TERMS, TERMS));
    let mut right = Array1::<f64>::zeros(TERMS);
    for y in (0..ny).step_by(SURFACE_STEP) {
        for x in (0..nx).step_by(SURFACE_STEP).filter(|&x| pixels.mask[[y, x]] == 0) {
            let terms = terms(y, x);
            for i in 0..TERMS {
                right[i] += terms[i] * f64::from(pixels.image[[y, x]]);
                for j in 0..TERMS {
                    normal[[i, j]] += terms[i] * terms[j];
                }
            }
        }
    }
    let surface = Cholesky::new(&normal).map(|factor| factor.solve(&right));
    for ((y, x), value) in pixels.image.indexed_iter_mut() {
        if pixels.mask[[y, x]] != 0 {
            *value = 0.0;
        } else if let Some(surface) = &surface {
            *value -= terms(y, x).iter().zip(surface).map(|(t, c)| t * c).sum::<f64>() as f32;
        }
    }
}

/// Replace each pixel by the mean of those in the box around it that have a value.
fn smooth(pixels: &mut MaskedImage, half: usize) {
    let (ny, nx) = pixels.image.dim();
    let (image, variance, mask) = (&pixels.image, &pixels.variance, &pixels.mask);
    let mean = |y: usize, x: usize| {
        let rows = y.saturating_sub(half)..(y + half + 1).min(ny);
        let columns = x.saturating_sub(half)..(x + half + 1).min(nx);
        let (mut sum, mut noise, mut n) = (0.0, 0.0, 0.0_f32);
        for at in rows.flat_map(|y| columns.clone().map(move |x| [y, x])) {
            if mask[at] == 0 {
                sum += image[at];
                noise += variance[at];
                n += 1.0;
            }
        }
        if n > 0.0 { (sum / n, noise / (n * n)) } else { (0.0, f32::INFINITY) }
    };
    let smooth = Array2::from_shape_fn((ny, nx), |(y, x)| mean(y, x));
    pixels.image = smooth.mapv(|(value, _)| value);
    pixels.variance = smooth.mapv(|(_, variance)| variance);
}
