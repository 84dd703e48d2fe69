//! The Fourier transform of star profiles.
//!
//! Of a Moffat profile of exponent β and scale α, at wave number k: `2 (x/2)^(β−1) K_(β−1)(x) / Γ(β−1)`
//! with x = kα (Trujillo et al. 2001, 2001MNRAS.328..977T). The Bessel function is integrated once,
//! `K_ν(x) = ∫₀^∞ e^(−x cosh t) cosh(νt) dt`, and tabulated over ln x.

use crate::psf::RadialLaw;

/// Grid of ln x.
const LN_X_MIN: f64 = -7.0;
const LN_X_MAX: f64 = 3.6;
const STEPS: usize = 400;
/// Beyond this a transform is below 1e-9.
const MAX_X: f64 = 26.0;

/// The transform of a radial law of unit flux, by wave number in units of its inverse scale.
#[derive(Debug, Clone)]
pub(super) enum StarTransform {
    Gaussian,
    Moffat { beta: f64, values: Vec<f64> },
}

impl StarTransform {
    /// The transform of a law.
    pub fn new(law: RadialLaw) -> StarTransform {
        match law {
            RadialLaw::Gaussian => StarTransform::Gaussian,
            RadialLaw::Moffat { beta } => {
                let value = |i: usize| {
                    let ln_x = LN_X_MIN + (LN_X_MAX - LN_X_MIN) * i as f64 / STEPS as f64;
                    moffat(beta, ln_x.exp())
                };
                StarTransform::Moffat { beta, values: (0..=STEPS).map(value).collect() }
            }
        }
    }

    /// Whether this is the transform of that law.
    pub fn is_of(&self, law: RadialLaw) -> bool {
        match (self, law) {
            (StarTransform::Gaussian, RadialLaw::Gaussian) => true,
            (StarTransform::Moffat { beta, .. }, RadialLaw::Moffat { beta: other }) => {
                *beta == other
            }
            _ => false,
        }
    }

    /// The transform at wave number x, times the law's scale.
    pub fn at(&self, x: f64) -> f64 {
        match self {
            StarTransform::Gaussian => (-0.5 * x * x).exp(),
            StarTransform::Moffat { values, .. } => {
                if x >= MAX_X {
                    return 0.0;
                }
                let t = (x.max(1e-12).ln() - LN_X_MIN) * (STEPS as f64 / (LN_X_MAX - LN_X_MIN));
                if t <= 0.0 {
                    return 1.0;
                }
                // Cubic through the four nearest points.
                let i = (t as usize).clamp(1, STEPS - 2);
                let u = t - i as f64;
                let p = &values[i - 1..i + 3];
                p[1] + 0.5
                    * u
                    * (p[2] - p[0]
                        + u * (2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3]
                            + u * (3.0 * (p[1] - p[2]) + p[3] - p[0])))
            }
        }
    }
}

fn moffat(beta: f64, x: f64) -> f64 {
    let order = beta - 1.0;
    // The integrand ends where x cosh t reaches 700; the trapezoidal rule converges exponentially.
    let end = (700.0 / x).max(1.0).acosh() + 0.5;
    let n = 400;
    let h = end / f64::from(n);
    let term = |k: i32| {
        let t = h * f64::from(k);
        (-x * t.cosh()).exp() * (order * t).cosh()
    };
    let bessel = h * (0.5 * term(0) + (1..=n).map(term).sum::<f64>());
    2.0 * (x / 2.0).powf(order) * bessel / libm::tgamma(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_have_known_values() {
        let three = StarTransform::new(RadialLaw::Moffat { beta: 3.0 });
        // x² K₂(x) / 2 with K₂(1) = 1.624838898635177, K₂(0.1) = 199.5039646421141, K₂(5) = 0.005308943712223.
        for (x, k2) in [(1.0, 1.624_838_898_635), (0.1, 199.503_964_642), (5.0, 0.005_308_943_712)]
        {
            let exact = 0.5 * x * x * k2;
            assert!((three.at(x) - exact).abs() < 2e-7, "{x}: {} {exact}", three.at(x));
        }
        // β = 3/2 has the transform e^(−x).
        let cusp = StarTransform::new(RadialLaw::Moffat { beta: 1.5 });
        assert!((cusp.at(2.0) - (-2f64).exp()).abs() < 2e-7);
        assert!((three.at(1e-6) - 1.0).abs() < 1e-6 && three.at(100.0) == 0.0);
        assert_eq!(StarTransform::new(RadialLaw::Gaussian).at(1.0), (-0.5f64).exp());
    }
}
