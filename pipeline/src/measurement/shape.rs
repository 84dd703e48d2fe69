//! Shape: adaptive second moments.
//!
//! The weight is the Gaussian that matches the source itself: with the weighted moments
//! `C = Σ w I r rᵀ / Σ w I`, iterate `M ← 2C` and the centre until nothing moves. For a Gaussian source
//! `M` is its covariance, pixel included. Noise `δC` in the weighted moments moves the fixed point by
//! `4 δC`, since the weight follows.
//!
//! Reference: Bernstein & Jarvis 2002 (2002AJ....123..583B).

use crate::psf::star_fit::PixelAt;

/// Relative change of the size at which the iteration ends.
const CONVERGED: f64 = 1e-5;
const MAX_ITERATIONS: usize = 100;
/// Sources of smaller σ are not resolved by the pixels.
const MIN_SIGMA_PX: f64 = 0.4;
/// Reach of the sums in units of the weight's larger σ.
const REACH_SIGMA: f64 = 4.0;

/// Second moments, px².
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Column of the centre, pixels.
    pub x: f64,
    /// Row of the centre, pixels.
    pub y: f64,
    /// Along columns.
    pub xx: f64,
    /// Along rows.
    pub yy: f64,
    /// Mixed.
    pub xy: f64,
    /// Standard error of `xx + yy`.
    pub trace_err: f64,
    /// Weighted fourth moment `Σ w I q² / Σ w I` with `q = rᵀ M⁻¹ r`: 2 for a Gaussian.
    pub rho4: f64,
    /// Flux of the Gaussian with these moments, `2 Σ w I`, in the image's unit.
    pub gaussian_flux: f64,
    /// Standard error of `gaussian_flux` with the moments fixed.
    pub gaussian_flux_err: f64,
    /// The iteration did not converge, or the source is too near the edge or too large.
    pub flag: bool,
}

impl Shape {
    /// No measurement.
    pub const FAILED: Self = Self {
        x: f64::NAN,
        y: f64::NAN,
        xx: f64::NAN,
        yy: f64::NAN,
        xy: f64::NAN,
        trace_err: f64::NAN,
        rho4: f64::NAN,
        gaussian_flux: f64::NAN,
        gaussian_flux_err: f64::NAN,
        flag: true,
    };

    /// `xx + yy`.
    pub fn trace(&self) -> f64 {
        self.xx + self.yy
    }

    /// Ellipticity `(xx − yy, 2 xy) / (xx + yy)`.
    pub fn ellipticity(&self) -> (f64, f64) {
        ((self.xx - self.yy) / self.trace(), 2.0 * self.xy / self.trace())
    }

    /// Width of the circle with the same determinant, pixels.
    pub fn determinant_radius_px(&self) -> f64 {
        (self.xx * self.yy - self.xy * self.xy).max(0.0).powf(0.25)
    }

    /// Measure the source at `(x, y)`, beginning with a round weight of `sigma_px`.
    ///
    /// `pixel` gives value and variance, `None` where there are none.
    pub fn measure(pixel: &PixelAt, (x, y): (f64, f64), sigma_px: f64, max_radius_px: f64) -> Self {
        let mut state = Weight { x, y, xx: sigma_px.powi(2), yy: sigma_px.powi(2), xy: 0.0 };
        for _ in 0..MAX_ITERATIONS {
            let Some(sums) = state.sum(pixel, max_radius_px) else { return Self::FAILED };
            let next = Weight {
                x: state.x + sums.dx,
                y: state.y + sums.dy,
                xx: 2.0 * sums.xx,
                yy: 2.0 * sums.yy,
                xy: 2.0 * sums.xy,
            };
            let moved = (next.x - x).hypot(next.y - y);
            let determinant = next.xx * next.yy - next.xy * next.xy;
            let sane = determinant > MIN_SIGMA_PX.powi(4)
                && next.xx > 0.0
                && moved < 2.0 * sigma_px.max(1.0)
                && REACH_SIGMA * next.larger_sigma() < 2.0 * max_radius_px;
            if !sane {
                return Self::FAILED;
            }
            let change = ((next.xx - state.xx).abs() + (next.yy - state.yy).abs())
                / (state.xx + state.yy)
                + ((next.xy - state.xy) / (state.xx + state.yy)).abs();
            state = next;
            if change < CONVERGED {
                let Some(sums) = state.sum(pixel, max_radius_px) else { return Self::FAILED };
                return Self {
                    x: state.x,
                    y: state.y,
                    xx: state.xx,
                    yy: state.yy,
                    xy: state.xy,
                    trace_err: 4.0 * sums.trace_err,
                    rho4: sums.rho4,
                    gaussian_flux: 2.0 * sums.total,
                    gaussian_flux_err: 2.0 * sums.total_err,
                    flag: false,
                };
            }
        }
        Self::FAILED
    }
}

/// Centre and covariance of the Gaussian weight.
#[derive(Clone, Copy)]
struct Weight {
    x: f64,
    y: f64,
    xx: f64,
    yy: f64,
    xy: f64,
}

/// Weighted first and second moments about the weight's centre.
struct Sums {
    dx: f64,
    dy: f64,
    xx: f64,
    yy: f64,
    xy: f64,
    trace_err: f64,
    rho4: f64,
    total: f64,
    total_err: f64,
}

impl Weight {
    fn larger_sigma(&self) -> f64 {
        let mean = 0.5 * (self.xx + self.yy);
        let difference = (0.25 * (self.xx - self.yy).powi(2) + self.xy * self.xy).sqrt();
        (mean + difference).sqrt()
    }

    fn sum(&self, pixel: &PixelAt, max_radius_px: f64) -> Option<Sums> {
        let determinant = self.xx * self.yy - self.xy * self.xy;
        let (a, b, c) = (self.yy / determinant, self.xx / determinant, -self.xy / determinant);
        let reach = (REACH_SIGMA * self.larger_sigma()).min(max_radius_px).ceil() as i64;
        let (column, row) = (self.x.round() as i64, self.y.round() as i64);
        let (mut total, mut sx, mut sy) = (0.0, 0.0, 0.0);
        let (mut sxx, mut syy, mut sxy, mut sqq) = (0.0, 0.0, 0.0, 0.0);
        let mut noise = [0.0; 3];
        for py in row - reach..=row + reach {
            for px in column - reach..=column + reach {
                let (dx, dy) = (px as f64 - self.x, py as f64 - self.y);
                let q = a * dx * dx + b * dy * dy + 2.0 * c * dx * dy;
                if q > REACH_SIGMA * REACH_SIGMA {
                    continue;
                }
                let w = (-0.5 * q).exp();
                // A hole near the centre would bias the moments; in the wings it does not matter.
                let Some((value, variance)) = pixel(px, py) else {
                    if q < 4.0 {
                        return None;
                    }
                    continue;
                };
                let (wi, r2) = (w * value, dx * dx + dy * dy);
                total += wi;
                sx += wi * dx;
                sy += wi * dy;
                sxx += wi * dx * dx;
                syy += wi * dy * dy;
                sxy += wi * dx * dy;
                sqq += wi * q * q;
                let wv = w * w * variance;
                noise[0] += wv;
                noise[1] += wv * r2;
                noise[2] += wv * r2 * r2;
            }
        }
        if total.is_nan() || total <= 0.0 {
            return None;
        }
        let trace = (sxx + syy) / total;
        let variance = noise[2] - 2.0 * trace * noise[1] + trace * trace * noise[0];
        Some(Sums {
            dx: 2.0 * sx / total,
            dy: 2.0 * sy / total,
            xx: sxx / total,
            yy: syy / total,
            xy: sxy / total,
            trace_err: variance.max(0.0).sqrt() / total,
            rho4: sqq / total,
            total,
            total_err: noise[0].sqrt(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psf::{PsfModel, RadialLaw, StarProfile};

    #[test]
    fn a_gaussian_has_its_own_covariance() {
        let profile = StarProfile { law: RadialLaw::Gaussian, fwhm_px: 5.0, g1: 0.1, g2: -0.05 };
        let star = PsfModel::Analytic(profile).stamp(30.3, 29.6, 25);
        let pixel = |x: i64, y: i64| {
            let at = [(y - star.y0) as usize, (x - star.x0) as usize];
            star.values.get(at).map(|v| (*v, 1e-8))
        };
        let shape = Shape::measure(&pixel, (30.0, 30.0), 1.5, 25.0);
        let sigma2 = (5.0 / 2.354_820_045_f64).powi(2);
        let norm = 1.0 / (1.0 - 0.01 - 0.0025);
        // The covariance of the sheared profile S·Sᵀ σ², plus that of a pixel.
        let pixel2 = 1.0 / 12.0;
        let xx = sigma2 * (1.1 * 1.1 + 0.0025) * norm + pixel2;
        let yy = sigma2 * (0.9 * 0.9 + 0.0025) * norm + pixel2;
        let xy = sigma2 * (-0.05 * 2.0) * norm;
        assert!(!shape.flag);
        // The pixel makes the Gaussian a little flatter; the sum ends at four standard deviations.
        assert!((shape.rho4 - 2.0).abs() < 0.01, "{}", shape.rho4);
        assert!((shape.gaussian_flux - 1.0).abs() < 2e-3, "{}", shape.gaussian_flux);
        assert!((shape.x - 30.3).hypot(shape.y - 29.6) < 1e-3);
        for (found, expected) in [(shape.xx, xx), (shape.yy, yy), (shape.xy, xy)] {
            assert!((found - expected).abs() < 5e-3, "{found} instead of {expected}");
        }
    }

    #[test]
    fn noise_and_holes_are_flagged() {
        assert!(Shape::measure(&|_, _| None, (10.0, 10.0), 2.0, 20.0).flag);
        assert!(Shape::measure(&|_, _| Some((-1.0, 1.0)), (10.0, 10.0), 2.0, 20.0).flag);
        assert!(Shape::measure(&|_, _| Some((1.0, 1.0)), (10.0, 10.0), 2.0, 20.0).flag);
    }
}
