//! A Moffat profile fitted to a stacked star: the analytic part of a pixel-basis PSF.
//!
//! Levenberg–Marquardt over flux, centre, width, exponent, shear and a constant.

use super::profile::{RadialLaw, StarProfile};
use crate::linear_algebra::Cholesky;
use ndarray::{Array1, Array2, ArrayView2};

const PARAMETERS: usize = 8;
const MAX_ITERATIONS: usize = 40;
/// Bounds of the exponent; above the upper one a Moffat is a Gaussian for our purposes.
const BETA_RANGE: (f64, f64) = (1.8, 12.0);
const MAX_SHEAR: f64 = 0.4;

/// Fit the star at the centre of `stack`; `weights` has zeros where there are no data.
pub(super) fn fit(
    stack: ArrayView2<f64>,
    weights: ArrayView2<f64>,
    fwhm_px: f64,
) -> Option<StarProfile> {
    let n = stack.nrows() as f64;
    let centre = (n - 1.0) / 2.0;
    let total: f64 = stack.sum();
    // Flux, x, y, ln width, ln (beta − 1), g1, g2, constant.
    let mut p = [total.max(1e-30), centre, centre, fwhm_px.max(1.0).ln(), 2f64.ln(), 0.0, 0.0, 0.0];
    let mut chi2 = sum_of_squares(&p, stack, weights);
    let mut damping = 1e-3;
    for _ in 0..MAX_ITERATIONS {
        let (normal, gradient) = normal_equations(&p, stack, weights);
        let mut improved = false;
        for _ in 0..8 {
            let mut damped = normal.clone();
            for k in 0..PARAMETERS {
                damped[[k, k]] = damped[[k, k]] * (1.0 + damping) + 1e-30;
            }
            let Some(factor) = Cholesky::new(&damped) else {
                damping *= 10.0;
                continue;
            };
            let trial = bounded(&p, &factor.solve(&gradient));
            let trial_chi2 = sum_of_squares(&trial, stack, weights);
            if trial_chi2 < chi2 {
                improved = chi2 - trial_chi2 > 1e-9 * chi2;
                (p, chi2) = (trial, trial_chi2);
                damping = (damping * 0.2).max(1e-9);
                break;
            }
            damping *= 5.0;
        }
        if !improved {
            break;
        }
    }
    let profile = profile_of(&p);
    let sane = p[0] > 0.0 && profile.fwhm_px > 0.5 && profile.fwhm_px < n;
    sane.then_some(profile)
}

fn profile_of(p: &[f64; PARAMETERS]) -> StarProfile {
    StarProfile {
        law: RadialLaw::Moffat { beta: 1.0 + p[4].exp() },
        fwhm_px: p[3].exp(),
        g1: p[5],
        g2: p[6],
    }
}

fn bounded(p: &[f64; PARAMETERS], step: &Array1<f64>) -> [f64; PARAMETERS] {
    let mut next = *p;
    for k in 0..PARAMETERS {
        next[k] += step[k];
    }
    next[3] = next[3].clamp(p[3] - 0.7, p[3] + 0.7);
    next[4] = next[4].clamp((BETA_RANGE.0 - 1.0).ln(), (BETA_RANGE.1 - 1.0).ln());
    next[5] = next[5].clamp(-MAX_SHEAR, MAX_SHEAR);
    next[6] = next[6].clamp(-MAX_SHEAR, MAX_SHEAR);
    next
}

fn model(p: &[f64; PARAMETERS], n: usize) -> Array2<f64> {
    let sampler = profile_of(p).sampler();
    Array2::from_shape_fn((n, n), |(j, i)| {
        p[0] * sampler.pixel(i as f64 - p[1], j as f64 - p[2]) + p[7]
    })
}

fn sum_of_squares(p: &[f64; PARAMETERS], stack: ArrayView2<f64>, weights: ArrayView2<f64>) -> f64 {
    let model = model(p, stack.nrows());
    ndarray::Zip::from(stack)
        .and(weights)
        .and(&model)
        .fold(0.0, |sum, d, w, m| sum + w * (d - m).powi(2))
}

fn normal_equations(
    p: &[f64; PARAMETERS],
    stack: ArrayView2<f64>,
    weights: ArrayView2<f64>,
) -> (Array2<f64>, Array1<f64>) {
    let n = stack.nrows();
    let base = model(p, n);
    let derivatives: Vec<Array2<f64>> = (0..PARAMETERS)
        .map(|k| {
            let h = if k == 0 { 1e-4 * p[0].abs() } else { 1e-4 };
            let (mut more, mut less) = (*p, *p);
            more[k] += h;
            less[k] -= h;
            (model(&more, n) - model(&less, n)) / (2.0 * h)
        })
        .collect();
    let residual = (&stack - &base) * weights;
    let mut normal = Array2::zeros((PARAMETERS, PARAMETERS));
    let mut gradient = Array1::zeros(PARAMETERS);
    for a in 0..PARAMETERS {
        gradient[a] = (&derivatives[a] * &residual).sum();
        let weighted = &derivatives[a] * &weights;
        for b in 0..=a {
            let sum = (&weighted * &derivatives[b]).sum();
            normal[[a, b]] = sum;
            normal[[b, a]] = sum;
        }
    }
    (normal, gradient)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_drawn_profile_is_recovered() {
        let truth =
            StarProfile { law: RadialLaw::Moffat { beta: 3.2 }, fwhm_px: 4.3, g1: 0.04, g2: -0.02 };
        let sampler = truth.sampler();
        let stack = Array2::from_shape_fn((31, 31), |(j, i)| {
            2.0 * sampler.pixel(i as f64 - 15.1, j as f64 - 14.8) + 1e-4
        });
        let fit = fit(stack.view(), Array2::ones((31, 31)).view(), 3.0).unwrap();
        assert!((fit.fwhm_px - 4.3).abs() < 1e-3, "{:?}", fit);
        assert!((fit.g1 - 0.04).abs() < 1e-3 && (fit.g2 + 0.02).abs() < 1e-3);
        let RadialLaw::Moffat { beta } = fit.law else { panic!("not a Moffat") };
        assert!((beta - 3.2).abs() < 0.01, "{fit:?}");
    }
}
