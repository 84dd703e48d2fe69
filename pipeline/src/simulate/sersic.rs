//! The Sérsic law and its Fourier transform.
//!
//! `I(r) ∝ exp(−b r^(1/n))`, r in units of the half-light radius, `b` such that half of the light lies
//! within 1. Its Hankel transform `F(k)` (F(0) = 1) has no closed form; it is integrated numerically on a
//! grid of ln k once per index and interpolated.
//!
//! Reference: Graham & Driver 2005 (2005PASA...22..118G).

use rayon::prelude::*;
use std::f64::consts::PI;

/// Grid of ln k.
const LN_K_MIN: f64 = -6.0;
const LN_K_MAX: f64 = 4.8;
const STEPS: usize = 160;
/// Light beyond `b u = 30` (u = r^(1/n)) is less than 1e-6 of all for n ≤ 4.
const MAX_EXPONENT: f64 = 30.0;

/// `b(n)`: half of the light lies within the unit radius.
pub(super) fn half_light_constant(n: f64) -> f64 {
    // Bisect on the incomplete gamma function, integrated by Simpson's rule in x = b u.
    let total = incomplete_gamma(2.0 * n, 60.0 + 10.0 * n);
    let (mut low, mut high) = (1e-3, 2.0 * n + 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if incomplete_gamma(2.0 * n, middle) < 0.5 * total {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `γ(a, x) = ∫₀ˣ t^(a−1) e^(−t) dt` for a ≥ 1.
fn incomplete_gamma(a: f64, x: f64) -> f64 {
    simpson(0.0, x, 4000, |t| {
        if t > 0.0 {
            t.powf(a - 1.0) * (-t).exp()
        } else if a == 1.0 {
            1.0
        } else {
            0.0
        }
    })
}

fn simpson(from: f64, to: f64, intervals: usize, f: impl Fn(f64) -> f64) -> f64 {
    let h = (to - from) / intervals as f64;
    let mut sum = f(from) + f(to);
    for i in 1..intervals {
        sum += f(from + h * i as f64) * if i % 2 == 1 { 4.0 } else { 2.0 };
    }
    sum * h / 3.0
}

/// The transform of one index, tabulated.
#[derive(Debug, Clone)]
pub(super) struct SersicTransform {
    n: f64,
    b: f64,
    /// Surface brightness of a unit-flux profile at its centre.
    central: f64,
    values: Vec<f64>,
}

impl SersicTransform {
    /// Tabulate the transform of index `n`, 0.5 to 4.
    pub(super) fn new(n: f64) -> Self {
        let b = half_light_constant(n);
        let values = (0..=STEPS)
            .into_par_iter()
            .map(|i| {
                let k = (LN_K_MIN + (LN_K_MAX - LN_K_MIN) * i as f64 / STEPS as f64).exp();
                hankel(n, b, k)
            })
            .collect();
        // Total light: 2π n b^(−2n) Γ(2n) for unit central brightness and half-light radius.
        let total = 2.0 * PI * n * b.powf(-2.0 * n) * libm::tgamma(2.0 * n);
        Self { n, b, central: 1.0 / total, values }
    }

    /// The index.
    pub(super) fn n(&self) -> f64 {
        self.n
    }

    /// Radius beyond which the surface brightness stays below `density`; both in units of a unit-flux
    /// profile of unit half-light radius.
    pub(super) fn radius_of_density(&self, density: f64) -> f64 {
        ((self.central / density.max(1e-300)).ln().max(0.0) / self.b).powf(self.n)
    }

    /// `F(k)`, k in units of the inverse half-light radius.
    pub(super) fn at(&self, k: f64) -> f64 {
        let ln_k = k.max(1e-12).ln();
        if ln_k <= LN_K_MIN {
            return 1.0;
        }
        let t = (ln_k - LN_K_MIN) / (LN_K_MAX - LN_K_MIN) * STEPS as f64;
        if t >= (STEPS - 2) as f64 {
            return 0.0;
        }
        // Cubic through the four nearest points.
        let i = (t as usize).max(1);
        let u = t - i as f64;
        let p = &self.values[i - 1..i + 3];
        p[1] + 0.5
            * u
            * (p[2] - p[0]
                + u * (2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3]
                    + u * (3.0 * (p[1] - p[2]) + p[3] - p[0])))
    }
}

/// `∫ e^(−b u) u^(2n−1) J₀(k uⁿ) du`, normalised to 1 at k = 0.
fn hankel(n: f64, b: f64, k: f64) -> f64 {
    // At least twelve points per oscillation where the light ends.
    let u_max = MAX_EXPONENT / b;
    let phase = k * u_max.powf(n);
    let intervals = ((phase * 12.0) as usize).clamp(2_000, 1_000_000) / 2 * 2;
    let light = |u: f64| {
        if u > 0.0 {
            u.powf(2.0 * n - 1.0) * (-b * u).exp()
        } else if n == 0.5 {
            1.0
        } else {
            0.0
        }
    };
    let transform = simpson(0.0, u_max, intervals, |u| light(u) * libm::j0(k * u.powf(n)));
    let norm = simpson(0.0, u_max, 4_000, light);
    transform / norm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_those_of_the_literature() {
        for (n, b) in [(0.5, std::f64::consts::LN_2), (1.0, 1.678_347), (4.0, 7.669_249)] {
            assert!((half_light_constant(n) - b).abs() < 1e-5, "{n}: {}", half_light_constant(n));
        }
    }

    #[test]
    fn gaussian_and_exponential_have_known_transforms() {
        let gaussian = SersicTransform::new(0.5);
        let exponential = SersicTransform::new(1.0);
        for k in [0.01, 0.3, 1.0, 2.7, 6.0, 15.0] {
            let b = std::f64::consts::LN_2;
            let exact = f64::exp(-k * k / (4.0 * b));
            assert!((gaussian.at(k) - exact).abs() < 5e-5, "{k}: {} {exact}", gaussian.at(k));
            let exact = (1.0 + (k / 1.678_347f64).powi(2)).powf(-1.5);
            assert!((exponential.at(k) - exact).abs() < 5e-5, "{k}: {} {exact}", exponential.at(k));
        }
    }
}
