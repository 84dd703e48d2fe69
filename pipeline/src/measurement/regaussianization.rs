//! Regaussianisation: the ellipticity that a galaxy had before the PSF rounded it.
//!
//! 1. The PSF `P` is a Gaussian `G` of its adaptive moments plus a remainder `ε = P − G`.
//! 2. What the remainder does to the galaxy is taken off, `I′ = I − ε ∗ f₀`, with `f₀` the Gaussian of the
//!    source's flux and of the moments `M_I − M_P`.
//! 3. The resolution `R = 1 − (T_P / T′)(1 + a₄′)/(1 − a₄′)` with the moments `T′ = xx + yy` and the kurtosis
//!    `a₄′ = ρ₄′/2 − 1` of `I′` gives `e = (e′ − (1 − R) e_P) / R`.
//!
//! Ellipticities are `(xx − yy, 2 xy)/(xx + yy)`. Reference: Hirata & Seljak 2003 (2003MNRAS.343..459H).

use super::Shape;
use super::isolated::Isolated;
use crate::psf::{PsfModel, Stamp};
use ndarray::Array2;

/// Least eigenvalue of the moments of the galaxy before the PSF, px².
const LEAST_MOMENT: f64 = 0.1;
/// Resolution below which a shape says nothing.
const LEAST_RESOLUTION: f64 = 0.1;
/// Reach of the remainder, in units of the PSF's σ.
const REACH_SIGMA: f64 = 6.0;

/// The shape of a galaxy without the PSF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regaussianized {
    /// Ellipticity along the axes; NaN with a flag where it cannot be told.
    pub e1: f64,
    /// Ellipticity along the diagonals.
    pub e2: f64,
    /// Standard error of each.
    pub sigma_e: f64,
    /// 0 for what looks like the PSF, 1 for what is much larger.
    pub resolution: f64,
    /// The source is not resolved, or has no moments.
    pub flag: bool,
}

impl Regaussianized {
    const FAILED: Self =
        Self { e1: f64::NAN, e2: f64::NAN, sigma_e: f64::NAN, resolution: f64::NAN, flag: true };

    /// Measure a source with the adaptive moments `shape`, those of the PSF there being `psf_shape`.
    pub fn measure(source: &Isolated, psf: &PsfModel, shape: &Shape, psf_shape: &Shape) -> Self {
        if shape.flag || psf_shape.flag || 2.0 * shape.trace_err > shape.trace() {
            return Self::FAILED;
        }
        let sigma_px = psf_shape.determinant_radius_px();
        if shape.trace() < psf_shape.trace() * (1.0 + 0.5 * LEAST_RESOLUTION) {
            return Self::FAILED;
        }
        let correction = remainder(psf, shape, psf_shape, (REACH_SIGMA * sigma_px).ceil() as i64);
        let pixel = |x: i64, y: i64| {
            let (value, variance) = source.measured(x, y)?;
            let at = [y - correction.y0, x - correction.x0];
            let here = usize::try_from(at[0]).ok().zip(usize::try_from(at[1]).ok());
            let change = here.and_then(|(j, i)| correction.values.get([j, i])).copied();
            Some((value - change.unwrap_or(0.0), variance))
        };
        let start = (shape.x, shape.y);
        let radius = 4.0 * shape.trace().sqrt() + 4.0;
        let corrected = Shape::measure(&pixel, start, shape.determinant_radius_px(), radius);
        if corrected.flag {
            return Self::FAILED;
        }
        let a4 = corrected.rho4 / 2.0 - 1.0;
        let resolution = 1.0 - psf_shape.trace() / corrected.trace() * (1.0 + a4) / (1.0 - a4);
        if resolution.is_nan() || resolution < LEAST_RESOLUTION {
            return Self { resolution, ..Self::FAILED };
        }
        let (of_image, of_psf) = (corrected.ellipticity(), psf_shape.ellipticity());
        let unround = |e: f64, p: f64| (e - (1.0 - resolution) * p) / resolution;
        // For a round source the ellipticity scatters as the relative size does.
        let sigma_e = shape.trace_err / shape.trace() / resolution;
        Self {
            e1: unround(of_image.0, of_psf.0),
            e2: unround(of_image.1, of_psf.1),
            sigma_e,
            resolution,
            flag: false,
        }
    }
}

/// `ε ∗ f₀` around the source.
///
/// For the Gaussian part of `ε` the convolution is a Gaussian of the sum of the moments; the PSF itself is
/// convolved by sums.
fn remainder(psf: &PsfModel, shape: &Shape, psf_shape: &Shape, reach: i64) -> Stamp {
    let before =
        floored([shape.xx - psf_shape.xx, shape.yy - psf_shape.yy, shape.xy - psf_shape.xy]);
    let (x, y) = (shape.x.round(), shape.y.round());
    let light = psf.stamp(x, y, reach as usize).values;
    let n = light.nrows();
    let gaussian = Gaussian::new([psf_shape.xx, psf_shape.yy, psf_shape.xy]);
    let epsilon = Array2::from_shape_fn((n, n), |(j, i)| {
        light[[j, i]] - gaussian.at((i as i64 - reach) as f64, (j as i64 - reach) as f64)
    });
    // f₀ sits off the pixel's centre by as much as the source does.
    let (sub_x, sub_y) = (shape.x - x, shape.y - y);
    let kernel = Gaussian::new(before);
    let half = (4.0 * (before[0].max(before[1])).sqrt()).ceil().max(2.0) as i64;
    let f0 = Array2::from_shape_fn((2 * half as usize + 1, 2 * half as usize + 1), |(j, i)| {
        kernel.in_pixel((i as i64 - half) as f64 - sub_x, (j as i64 - half) as f64 - sub_y)
    });
    let side = n + 2 * half as usize;
    let mut values = Array2::<f64>::zeros((side, side));
    for ((j, i), weight) in f0.indexed_iter() {
        let mut part = values.slice_mut(ndarray::s![j..j + n, i..i + n]);
        part.scaled_add(weight * shape.gaussian_flux, &epsilon);
    }
    Stamp { x0: x as i64 - reach - half, y0: y as i64 - reach - half, values }
}

/// Moments whose eigenvalues are at least [`LEAST_MOMENT`].
fn floored([xx, yy, xy]: [f64; 3]) -> [f64; 3] {
    let (mean, half) = (0.5 * (xx + yy), 0.5 * (xx - yy));
    let radius = half.hypot(xy);
    let (high, low) = ((mean + radius).max(LEAST_MOMENT), (mean - radius).max(LEAST_MOMENT));
    let (cos, sin) = if radius > 0.0 { (half / radius, xy / radius) } else { (1.0, 0.0) };
    let (mean, radius) = (0.5 * (high + low), 0.5 * (high - low));
    [mean + radius * cos, mean - radius * cos, radius * sin]
}

/// A Gaussian of unit flux.
struct Gaussian {
    peak: f64,
    inverse: [f64; 3],
}

impl Gaussian {
    fn new([xx, yy, xy]: [f64; 3]) -> Self {
        let determinant = xx * yy - xy * xy;
        Self {
            peak: 1.0 / (2.0 * std::f64::consts::PI * determinant.sqrt()),
            inverse: [yy / determinant, xx / determinant, -xy / determinant],
        }
    }

    fn at(&self, dx: f64, dy: f64) -> f64 {
        let [a, b, c] = self.inverse;
        self.peak * (-0.5 * (a * dx * dx + b * dy * dy + 2.0 * c * dx * dy)).exp()
    }

    /// Mean over a pixel, for Gaussians that are narrower than it.
    fn in_pixel(&self, dx: f64, dy: f64) -> f64 {
        const STEPS: [f64; 4] = [-0.375, -0.125, 0.125, 0.375];
        STEPS
            .iter()
            .flat_map(|v| STEPS.iter().map(move |u| (u, v)))
            .map(|(u, v)| self.at(dx + u, dy + v))
            .sum::<f64>()
            / 16.0
    }
}
