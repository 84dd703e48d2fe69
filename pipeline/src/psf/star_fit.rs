//! One star under a known PSF: least-squares flux and position.
//!
//! The fit is linear in the flux and Gauss–Newton in the position. Every good pixel has equal weight, so
//! that neither a wrong PSF nor the star's own photon noise biases the answer with brightness; the
//! covariance is that of this estimator under the image's variance,
//! `(JᵀJ)⁻¹ JᵀVJ (JᵀJ)⁻¹`.

use super::{LocalPsf, PsfModel};
use crate::linear_algebra::Cholesky;
use ndarray::{Array1, Array2};

/// Step of the numerical derivative of the PSF, pixels.
const DERIVATIVE_STEP_PX: f64 = 0.05;
/// Iterations end when the position moves less than this, pixels.
const CONVERGED_PX: f64 = 1e-3;
/// The derivative is renewed after a longer step, pixels.
const STALE_PX: f64 = 0.1;
const MAX_ITERATIONS: usize = 12;

/// A star as fitted.
#[derive(Debug, Clone, Copy)]
pub struct StarFit {
    /// Column of the centre, pixels.
    pub x: f64,
    /// Row of the centre, pixels.
    pub y: f64,
    /// Flux, in the image's unit.
    pub flux: f64,
    /// Standard error of `flux` with the position free.
    pub flux_err: f64,
    /// Standard error of `x`, pixels.
    pub x_err: f64,
    /// Standard error of `y`, pixels.
    pub y_err: f64,
    /// Covariance of `x` and `y`, px².
    pub xy_cov: f64,
    /// Sum of squared residuals over the variance, per degree of freedom.
    pub reduced_chi2: f64,
}

/// A pixel's value and variance, `None` where it must not be used.
pub type PixelAt<'a> = dyn Fn(i64, i64) -> Option<(f64, f64)> + 'a;

/// Fit a star near `(x, y)` to the pixels within `radius` of it.
///
/// Returns `None` when fewer than half of the pixels are usable, the flux is not positive, or the
/// position leaves `max_shift_px`.
pub fn fit_star(
    psf: &PsfModel,
    pixel: &PixelAt,
    (x_start, y_start): (f64, f64),
    radius: usize,
    max_shift_px: f64,
) -> Option<StarFit> {
    let (mut x, mut y) = (x_start, y_start);
    let local = psf.at(x, y);
    let mut gradient = Gradient::new(&local, (x, y), radius);
    for _ in 0..MAX_ITERATIONS {
        let step = Linearized::new(&local, pixel, (x, y), radius, &gradient)?.solve()?;
        let (dx, dy) = (step.parameters[1].clamp(-0.7, 0.7), step.parameters[2].clamp(-0.7, 0.7));
        x += dx;
        y += dy;
        if (x - x_start).hypot(y - y_start) > max_shift_px || !x.is_finite() || !y.is_finite() {
            return None;
        }
        if dx.hypot(dy) < CONVERGED_PX {
            let c = &step.covariance;
            return Some(StarFit {
                x,
                y,
                flux: step.parameters[0],
                flux_err: c[[0, 0]].sqrt(),
                x_err: c[[1, 1]].sqrt(),
                y_err: c[[2, 2]].sqrt(),
                xy_cov: c[[1, 2]],
                reduced_chi2: step.reduced_chi2,
            });
        }
        if dx.hypot(dy) > STALE_PX || first_pixel(x, y, radius) != gradient.first {
            gradient = Gradient::new(&local, (x, y), radius);
        }
    }
    None
}

/// First column and row of the square of `2 · radius + 1` pixels around a place.
fn first_pixel(x: f64, y: f64, radius: usize) -> (i64, i64) {
    (x.round() as i64 - radius as i64, y.round() as i64 - radius as i64)
}

/// Derivatives of a unit star's pixels by its position.
struct Gradient {
    first: (i64, i64),
    along_x: Array2<f64>,
    along_y: Array2<f64>,
}

impl Gradient {
    fn new(psf: &LocalPsf, (x, y): (f64, f64), radius: usize) -> Self {
        let h = DERIVATIVE_STEP_PX;
        // Stamps of slightly different centres on the same pixels.
        let first = first_pixel(x, y, radius);
        let at = |dx: f64, dy: f64| psf.stamp_on((x + dx, y + dy), first, 2 * radius + 1).values;
        Self {
            first,
            along_x: (at(h, 0.0) - at(-h, 0.0)) / (2.0 * h),
            along_y: (at(0.0, h) - at(0.0, -h)) / (2.0 * h),
        }
    }
}

/// The model `f·P + (f·dx)·(−∂P/∂u) + (f·dy)·(−∂P/∂v)` at one position.
struct Linearized {
    /// Columns of the design matrix at each used pixel, with its value and variance.
    rows: Vec<([f64; 3], f64, f64)>,
}

struct Solution {
    /// Flux, then the shifts of x and y.
    parameters: [f64; 3],
    /// Covariance of the same.
    covariance: Array2<f64>,
    reduced_chi2: f64,
}

impl Linearized {
    fn new(
        psf: &LocalPsf,
        pixel: &PixelAt,
        (x, y): (f64, f64),
        radius: usize,
        gradient: &Gradient,
    ) -> Option<Self> {
        let centre = psf.stamp_on((x, y), gradient.first, 2 * radius + 1);
        let limit2 = (radius as f64 + 0.5).powi(2);
        let (mut rows, mut inside) = (Vec::new(), 0usize);
        for ((j, i), &value) in centre.values.indexed_iter() {
            let (px, py) = (centre.x0 + i as i64, centre.y0 + j as i64);
            if (px as f64 - x).powi(2) + (py as f64 - y).powi(2) > limit2 {
                continue;
            }
            inside += 1;
            if let Some((data, variance)) = pixel(px, py) {
                let (along_x, along_y) = (gradient.along_x[[j, i]], gradient.along_y[[j, i]]);
                rows.push(([value, along_x, along_y], data, variance));
            }
        }
        (2 * rows.len() >= inside && rows.len() > 6).then_some(Self { rows })
    }

    fn solve(&self) -> Option<Solution> {
        let mut normal = Array2::<f64>::zeros((3, 3));
        let mut noise = Array2::<f64>::zeros((3, 3));
        let mut right = Array1::<f64>::zeros(3);
        for (design, data, variance) in &self.rows {
            for a in 0..3 {
                right[a] += design[a] * data;
                for b in 0..3 {
                    normal[[a, b]] += design[a] * design[b];
                    noise[[a, b]] += design[a] * design[b] * variance;
                }
            }
        }
        let factor = Cholesky::new(&normal)?;
        let p = factor.solve(&right);
        let flux = p[0];
        if !(flux > 0.0) {
            return None;
        }
        let inverse = factor.inverse();
        let mut covariance = inverse.dot(&noise).dot(&inverse);
        for a in 0..3 {
            for b in 0..3 {
                // From (f, f·dx, f·dy) to (f, dx, dy).
                let scale = |k: usize| if k == 0 { 1.0 } else { flux };
                covariance[[a, b]] /= scale(a) * scale(b);
            }
        }
        let chi2: f64 = self
            .rows
            .iter()
            .map(|(d, data, variance)| {
                (data - d[0] * p[0] - d[1] * p[1] - d[2] * p[2]).powi(2) / variance
            })
            .sum();
        Some(Solution {
            parameters: [flux, p[1] / flux, p[2] / flux],
            covariance,
            reduced_chi2: chi2 / (self.rows.len() as f64 - 3.0),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{RadialLaw, StarProfile};
    use super::*;
    use crate::statistics::robust_sigma;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn psf() -> PsfModel {
        PsfModel::Analytic(StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, 4.0))
    }

    #[test]
    fn scatter_matches_the_reported_errors() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let (mut dx, mut dy, mut df) = (Vec::new(), Vec::new(), Vec::new());
        for k in 0..1_000 {
            let (x, y) = (20.0 + 0.37 * f64::from(k % 7), 20.0 - 0.29 * f64::from(k % 5));
            let star = psf().stamp(x, y, 20);
            let noise: Vec<f64> = (0..60 * 60).map(|_| StandardNormal.sample(&mut rng)).collect();
            let pixel = |px: i64, py: i64| {
                let (i, j) = ((px - star.x0) as usize, (py - star.y0) as usize);
                Some((150.0 * star.values[[j, i]] + noise[(py * 60 + px) as usize], 1.0))
            };
            let fit = fit_star(&psf(), &pixel, (x + 0.4, y - 0.3), 8, 2.0).unwrap();
            dx.push((fit.x - x) / fit.x_err);
            dy.push((fit.y - y) / fit.y_err);
            df.push((fit.flux - 150.0) / fit.flux_err);
        }
        for pulls in [&mut dx, &mut dy, &mut df] {
            // A thousand draws fix a robust spread to 4 per cent.
            let sigma = robust_sigma(pulls);
            assert!((0.88..1.12).contains(&sigma), "pulls scatter by {sigma}");
        }
    }

    #[test]
    fn a_blank_or_masked_place_has_no_star() {
        assert!(fit_star(&psf(), &|_, _| Some((-1.0, 1.0)), (30.0, 30.0), 8, 2.0).is_none());
        assert!(fit_star(&psf(), &|_, _| None, (30.0, 30.0), 8, 2.0).is_none());
    }
}
