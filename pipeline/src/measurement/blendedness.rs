//! Blendedness: the part of the light at a source that is its neighbours'.
//!
//! `1 − F_child / F_parent` with both fluxes under the Gaussian weight of the child's adaptive moments; the
//! absolute values of the pixels count, less what noise alone would add to them. 0 for a source alone.
//!
//! Reference: Bosch et al. 2018 (2018PASJ...70S...5B), section 4.9.11.

use super::Shape;
use super::isolated::Isolated;
use std::f64::consts::{FRAC_2_PI, SQRT_2};

/// Reach of the sums, in units of the larger moment's root.
const REACH_SIGMA: f64 = 3.0;

/// Measure a source of the adaptive moments `shape`; NaN without them.
pub fn blendedness(source: &Isolated, shape: &Shape) -> f64 {
    if shape.flag {
        return f64::NAN;
    }
    let determinant = shape.xx * shape.yy - shape.xy * shape.xy;
    let reach = (REACH_SIGMA * shape.xx.max(shape.yy).sqrt()).ceil() as i64;
    let (column, row) = (shape.x.round() as i64, shape.y.round() as i64);
    let (mut child, mut parent) = (0.0, 0.0);
    for y in row - reach..=row + reach {
        for x in column - reach..=column + reach {
            let (dx, dy) = (x as f64 - shape.x, y as f64 - shape.y);
            let q =
                (shape.yy * dx * dx + shape.xx * dy * dy - 2.0 * shape.xy * dx * dy) / determinant;
            let Some((value, variance)) = source.measured(x, y).filter(|_| q < 9.0) else {
                continue;
            };
            let whole = f64::from(source.whole().image[[y as usize, x as usize]]);
            let weight = (-0.5 * q).exp();
            child += weight * magnitude(value, variance);
            parent += weight * magnitude(whole, variance);
        }
    }
    if parent > 0.0 { (1.0 - child / parent).clamp(0.0, 1.0) } else { 0.0 }
}

/// Absolute value of a pixel without the bias that noise of the variance gives it.
fn magnitude(value: f64, variance: f64) -> f64 {
    let sigma = variance.max(1e-30).sqrt();
    let mean = value.max(0.0);
    // Mean of |mean + noise|, less mean.
    let bias = FRAC_2_PI.sqrt() * sigma * (-0.5 * (mean / sigma).powi(2)).exp()
        - mean * libm::erfc(mean / (SQRT_2 * sigma));
    value.abs() - bias
}
