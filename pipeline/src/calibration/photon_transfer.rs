//! Photon transfer: gain, read noise and the brighter-fatter coefficient a₀₀ of each amplifier, from the
//! noise of pairs of flats of growing level.
//!
//! The variance of a linear signal of μ ADU is (Astier et al. 2019, 2019A&A...629A..36A, equation 16)
//!
//! ```text
//!     C₀₀(μ) = (exp(2 a₀₀ g μ) − 1) / (2 a₀₀ g²) + n / g²
//! ```
//!
//! with the gain g, the read noise n = (electrons)² and a₀₀ < 0: charge drives charge away, and bright
//! flats are smoother than photons are. Each pair gives one point, the overscan another at no light.
//! The covariances of neighbours are kept for the brighter-fatter kernel.

use ndarray::{Array1, Array2};
use rand::{RngExt, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::covariance::covariances;
use super::flat_pairs::{Signal, pairs, series, signals, steps, usable};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{Calibrations, OverscanConfig};
use crate::linear_algebra::Cholesky;
use crate::tasks::not_positive;

/// Variance of rounding to whole ADU.
const ROUNDING: f64 = 1.0 / 12.0;
/// Rounds of the fit at most.
const ROUNDS: usize = 50;
/// A fall of the variance to this part of the largest so far means that pixels are full.
const FALL: f64 = 0.85;
/// Probability below which differences are not Gaussian.
const NOT_GAUSSIAN: f64 = 0.01;
/// Points of which the fit needs so many.
const LEAST_PAIRS: usize = 4;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PhotonTransferConfig {
    /// Levels of rows.
    pub overscan: OverscanConfig,
    /// Differences of a pair beyond so many standard deviations are left out.
    pub clip_sigma: f64,
    /// Rounds of that.
    pub clip_rounds: usize,
    /// Pairs that depart from the fit by more than so many of their errors are left out, in two rounds.
    pub outlier_sigma: f64,
    /// Largest lag of the covariances, pixels.
    pub lag_px: usize,
}

impl Default for PhotonTransferConfig {
    fn default() -> Self {
        Self {
            overscan: OverscanConfig::default(),
            clip_sigma: 5.5,
            clip_rounds: 3,
            outlier_sigma: 5.0,
            lag_px: 8,
        }
    }
}

impl TaskConfig for PhotonTransferConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("clip_sigma", self.clip_sigma),
            ("outlier_sigma", self.outlier_sigma),
            ("lag_px", self.lag_px as f64),
        ])
    }
}

/// Photon transfer of a detector's amplifiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhotonTransfer {
    /// One for each.
    pub amplifiers: Vec<AmplifierTransfer>,
}

/// Photon transfer of an amplifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmplifierTransfer {
    /// Its name.
    pub amplifier: String,
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Its standard error.
    pub gain_error: f64,
    /// Read noise, electrons.
    pub read_noise_e: f64,
    /// Change of a pixel's area by its own charge, per electron.
    pub a00_per_e: f64,
    /// Its standard error.
    pub a00_error: f64,
    /// Largest level at which pixels are not full, ADU above the bias, linear.
    pub turn_off_adu: f64,
    /// χ² of the fit over its degrees of freedom.
    pub chi2: f64,
    /// The pairs, by level.
    pub pairs: Vec<PairNoise>,
}

/// The noise of a pair of flats in an amplifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairNoise {
    /// Mean of both, ADU above the bias, linear.
    pub mean_adu: f64,
    /// Pixels that took part.
    pub n_pixels: f64,
    /// Does it take part in the fit?
    pub is_used: bool,
    /// Probability that Gaussian differences are as far from a Gaussian.
    pub p_gaussian: f64,
    /// Covariances of one image at lags (dx, dy) from 0, row by row of dy, ADU².
    pub covariances: Vec<f64>,
}

impl PairNoise {
    /// The variance, ADU².
    pub fn variance(&self) -> f64 {
        self.covariances.first().copied().unwrap_or(f64::NAN)
    }
}

impl PhotonTransfer {
    /// That of an amplifier.
    ///
    /// # Errors
    /// [`CalibrationError::NoAmplifier`].
    pub fn amplifier(&self, name: &str) -> Result<&AmplifierTransfer> {
        let found = self.amplifiers.iter().find(|amplifier| amplifier.amplifier == name);
        let (dataset, amplifier) = ("photon_transfer", name.to_owned());
        Ok(found.ok_or(CalibrationError::NoAmplifier { dataset, amplifier })?)
    }
}

/// Measure photon transfer from flats; of several filters the one with the most exposure times counts.
///
/// # Errors
/// No linearity; fewer than four pairs of equal exposure time; a fit that has no solution.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &PhotonTransferConfig,
) -> Result<PhotonTransfer> {
    let flats = series(raws);
    let pairs = pairs(&flats);
    let (found, needed) = (pairs.len(), LEAST_PAIRS);
    if found < needed {
        let (product, what) = ("photon_transfer", "pairs of flats of one exposure time");
        return Err(CalibrationError::TooFew { product, what, found, needed }.into());
    }
    let isr = steps(calibrations, &config.overscan, true)?;
    let measured: Vec<Vec<(PairNoise, f64)>> = pairs
        .par_iter()
        .map(|(first, second)| {
            let seed = first.exposure.visit.cast_unsigned();
            let both = (signals(first, &isr, calibrations)?, signals(second, &isr, calibrations)?);
            let amplifiers = both.0.iter().zip(&both.1);
            Ok(amplifiers.map(|(a, b)| pair_noise(a, b, seed, config)).collect())
        })
        .collect::<Result<_>>()?;
    let amplifiers = flats[0].amplifiers.iter().enumerate().map(|(index, amplifier)| {
        let mut own: Vec<PairNoise> = measured.iter().map(|all| all[index].0.clone()).collect();
        own.sort_by(|a, b| a.mean_adu.total_cmp(&b.mean_adu));
        let dark = measured.iter().map(|all| all[index].1.powi(2)).sum::<f64>() / found as f64;
        fit(&amplifier.name, own, dark, config)
    });
    Ok(PhotonTransfer { amplifiers: amplifiers.collect::<Result<_>>()? })
}

/// The noise of a pair, and the scatter of its overscans, ADU.
fn pair_noise(
    first: &Signal,
    second: &Signal,
    seed: u64,
    config: &PhotonTransferConfig,
) -> (PairNoise, f64) {
    let (low_a, high_a) = usable(&first.adu, first.noise_adu);
    let (low_b, high_b) = usable(&second.adu, second.noise_adu);
    let mut good = Array2::<f32>::zeros(first.adu.dim());
    ndarray::Zip::from(&mut good).and(&first.adu).and(&second.adu).for_each(|good, a, b| {
        let both = (low_a..=high_a).contains(a) && (low_b..=high_b).contains(b);
        *good = if both { 1.0 } else { 0.0 };
    });
    let means = |good: &Array2<f32>| (mean(&first.adu, good), mean(&second.adu, good));
    let (mut a, mut b) = means(&good);
    // The lamp need not have been equally bright: both are brought to the same mean.
    let level = 0.5 * (a + b);
    let mut difference = Array2::<f32>::zeros(good.dim());
    for _ in 0..config.clip_rounds.max(1) {
        let (of_a, of_b) = ((level / a) as f32, (level / b) as f32);
        ndarray::Zip::from(&mut difference)
            .and(&first.adu)
            .and(&second.adu)
            .and(&good)
            .for_each(|difference, &a, &b, &good| *difference = good * (of_a * a - of_b * b));
        let n = f64::from(good.sum()).max(1.0);
        let variance = difference.iter().map(|d| f64::from(d * d)).sum::<f64>() / n;
        let limit = (config.clip_sigma * config.clip_sigma * variance) as f32;
        let mut clipped = 0;
        ndarray::Zip::from(&mut good).and(&difference).for_each(|good, &d| {
            if *good > 0.0 && d * d > limit {
                *good = 0.0;
                clipped += 1;
            }
        });
        if clipped == 0 {
            break;
        }
        (a, b) = means(&good);
    }
    ndarray::Zip::from(&mut difference).and(&good).for_each(|d, good| *d *= good);
    let covariances = covariances(&difference, &good, config.lag_px);
    let noise = PairNoise {
        mean_adu: level,
        n_pixels: f64::from(good.sum()),
        is_used: true,
        p_gaussian: p_gaussian(&difference, &good, seed),
        covariances: covariances.iter().copied().collect(),
    };
    let dark = 0.5 * (first.noise_adu.powi(2) + second.noise_adu.powi(2));
    (noise, dark.sqrt())
}

/// Mean of the good pixels.
fn mean(image: &Array2<f32>, good: &Array2<f32>) -> f64 {
    let sums = image
        .iter()
        .zip(good)
        .fold((0.0, 0.0), |(sum, n), (v, g)| (sum + f64::from(v * g), n + f64::from(*g)));
    sums.0 / f64::max(sums.1, 1.0)
}

/// Probability that Gaussian values are as far from a Gaussian as the differences are (Kolmogorov and
/// Smirnov). What rounding to whole ADU made coarse is spread evenly again.
fn p_gaussian(difference: &Array2<f32>, good: &Array2<f32>, seed: u64) -> f64 {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let both = difference.iter().zip(good).filter(|(_, good)| **good > 0.0);
    let mut values: Vec<f64> =
        both.map(|(d, _)| f64::from(*d) + rng.random::<f64>() - rng.random::<f64>()).collect();
    let n = values.len() as f64;
    if n < 100.0 {
        return 0.0;
    }
    let mean = values.iter().sum::<f64>() / n;
    let sigma = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    values.sort_unstable_by(f64::total_cmp);
    let largest = values.iter().enumerate().fold(0.0_f64, |largest, (k, v)| {
        let expected = 0.5 * (1.0 + libm::erf((v - mean) / sigma / std::f64::consts::SQRT_2));
        let off = (expected - k as f64 / n).abs().max((expected - (k + 1) as f64 / n).abs());
        largest.max(off)
    });
    // Kolmogorov's law; mean and width were taken from the values, which makes it cautious.
    let lambda = largest * (n.sqrt() + 0.12 + 0.11 / n.sqrt());
    let terms = (1..=20).map(|k| {
        let k = f64::from(k);
        let sign = if k % 2.0 == 1.0 { 1.0 } else { -1.0 };
        sign * (-2.0 * (k * lambda).powi(2)).exp()
    });
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

/// The model's variance and its derivatives by a₀₀, g and n.
fn model(mean: f64, [a, g, n]: [f64; 3]) -> (f64, [f64; 3]) {
    let x = 2.0 * a * g * mean;
    // (eˣ − 1)/x and its derivative, which are smooth through 0.
    let (ratio, slope) = if x.abs() < 1e-4 {
        (1.0 + x / 2.0 + x * x / 6.0, 0.5 + x / 3.0)
    } else {
        (x.exp_m1() / x, (x * x.exp() - x.exp_m1()) / (x * x))
    };
    let photons = mean / g * ratio;
    let by_x = mean / g * slope;
    let value = photons + n / (g * g);
    let by_g = -photons / g + by_x * 2.0 * a * mean - 2.0 * n / g.powi(3);
    (value, [by_x * 2.0 * g * mean, by_g, 1.0 / (g * g)])
}

fn fit(
    amplifier: &str,
    mut pairs: Vec<PairNoise>,
    dark: f64,
    config: &PhotonTransferConfig,
) -> Result<AmplifierTransfer> {
    let no_fit = |reason: &str| CalibrationError::NoFit {
        product: "photon_transfer",
        amplifier: amplifier.to_owned(),
        reason: reason.to_owned(),
    };
    let turn_off_adu = turn_off(&pairs);
    for pair in &mut pairs {
        pair.is_used = pair.mean_adu <= turn_off_adu && pair.mean_adu > 0.0;
    }
    let first = pairs.iter().find(|pair| pair.is_used && pair.variance() > dark);
    let first = first.ok_or_else(|| no_fit("no pair has the noise of light"))?;
    let gain = first.mean_adu / (first.variance() - dark);
    let mut parameters = [-1e-6, gain, dark * gain * gain];
    let mut covariance = Array2::zeros((3, 3));
    let mut chi2 = f64::NAN;
    for round in 0..3 {
        (parameters, covariance) =
            solve(&pairs, dark, parameters).ok_or_else(|| no_fit("the fit has no solution"))?;
        let pull = |pair: &PairNoise| {
            let expected = model(pair.mean_adu, parameters).0;
            (pair.variance() - expected) / (expected * (2.0 / pair.n_pixels).sqrt())
        };
        let used = pairs.iter().filter(|pair| pair.is_used);
        let n = used.clone().count();
        if n < LEAST_PAIRS {
            return Err(no_fit("fewer than 4 pairs below the turn-off agree").into());
        }
        chi2 = used.map(|pair| pull(pair).powi(2)).sum::<f64>() / (n as f64 - 2.0);
        if round < 2 {
            let outliers: Vec<bool> =
                pairs.iter().map(|pair| pull(pair).abs() > config.outlier_sigma).collect();
            for (pair, is_outlier) in pairs.iter_mut().zip(outliers) {
                pair.is_used &= !is_outlier;
            }
        }
    }
    let [a00, gain, noise] = parameters;
    let read_noise = (noise - ROUNDING * gain * gain).max(0.0).sqrt();
    Ok(AmplifierTransfer {
        amplifier: amplifier.to_owned(),
        gain_e_per_adu: gain,
        gain_error: covariance[[1, 1]].sqrt(),
        read_noise_e: read_noise,
        a00_per_e: a00,
        a00_error: covariance[[0, 0]].sqrt(),
        turn_off_adu,
        chi2,
        pairs,
    })
}

/// The largest level at which differences are Gaussian and the variance still grows.
fn turn_off(pairs: &[PairNoise]) -> f64 {
    let mut largest: f64 = 0.0;
    let mut level = 0.0;
    for pair in pairs {
        if pair.variance() < FALL * largest {
            break;
        }
        largest = largest.max(pair.variance());
        if pair.p_gaussian > NOT_GAUSSIAN {
            level = pair.mean_adu;
        }
    }
    level
}

/// Gauss and Newton's method on the pairs in use and the point without light.
fn solve(
    pairs: &[PairNoise],
    dark: f64,
    mut parameters: [f64; 3],
) -> Option<([f64; 3], Array2<f64>)> {
    // a₀₀ is so small that the equations are solved for a million times it.
    let scale = [1e-6, 1.0, 1.0];
    let n_dark: f64 = pairs.iter().map(|pair| pair.n_pixels).sum::<f64>() / 8.0;
    let used = || pairs.iter().filter(|pair| pair.is_used);
    for _ in 0..ROUNDS {
        let mut normal = Array2::<f64>::zeros((3, 3));
        let mut right = Array1::<f64>::zeros(3);
        let points = used().map(|pair| (pair.mean_adu, pair.variance(), pair.n_pixels));
        for (mean, variance, n) in points.chain([(0.0, dark, n_dark.max(1.0))]) {
            let (value, slopes) = model(mean, parameters);
            // The error is that of the expected variance, lest low scatter weigh more.
            let weight = n / (2.0 * value * value);
            for i in 0..3 {
                right[i] += weight * scale[i] * slopes[i] * (variance - value);
                for j in 0..3 {
                    normal[[i, j]] += weight * scale[i] * slopes[i] * scale[j] * slopes[j];
                }
            }
        }
        let factor = Cholesky::new(&normal)?;
        let step = factor.solve(&right);
        for (k, parameter) in parameters.iter_mut().enumerate() {
            *parameter += scale[k] * step[k];
        }
        if parameters.iter().any(|v| !v.is_finite()) || parameters[1] <= 0.0 {
            return None;
        }
        if step[1].abs() < 1e-9 * parameters[1] && step[0].abs() < 1e-6 {
            let inverse = factor.inverse();
            let covariance =
                Array2::from_shape_fn((3, 3), |(i, j)| inverse[[i, j]] * scale[i] * scale[j]);
            return Some((parameters, covariance));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TRUE: [f64; 3] = [-2.5e-6, 1.6, 49.0];

    fn pair(mean: f64, variance: f64) -> PairNoise {
        PairNoise {
            mean_adu: mean,
            n_pixels: 1e5,
            is_used: true,
            p_gaussian: 0.5,
            covariances: vec![variance],
        }
    }

    #[test]
    fn the_derivatives_of_the_model_are_its_differences() {
        for mean in [0.0, 20.0, 3e4] {
            let (_, slopes) = model(mean, TRUE);
            for k in 0..3 {
                let mut parameters = TRUE;
                let step = TRUE[k].abs() * 1e-4;
                parameters[k] += step;
                let above = model(mean, parameters).0;
                parameters[k] -= 2.0 * step;
                let numeric = (above - model(mean, parameters).0) / (2.0 * step);
                let error = (numeric - slopes[k]).abs();
                assert!(error <= 1e-5 * slopes[k].abs() + 1e-9, "{mean} {k}: {numeric}");
            }
        }
    }

    #[test]
    fn a_curve_gives_its_parameters_up_to_where_pixels_are_full() {
        let level = |k: i32| 300.0 * 1.4_f64.powi(k);
        let mut pairs: Vec<_> = (0..16).map(|k| pair(level(k), model(level(k), TRUE).0)).collect();
        pairs[5].covariances[0] *= 1.1;
        pairs.push(pair(72_000.0, 8000.0));
        let fitted = fit("A", pairs, 49.0 / 1.6 / 1.6, &PhotonTransferConfig::default()).unwrap();
        assert!((fitted.gain_e_per_adu / 1.6 - 1.0).abs() < 1e-6, "{fitted:?}");
        assert!((fitted.a00_per_e / -2.5e-6 - 1.0).abs() < 1e-5);
        assert!((fitted.read_noise_e - (49.0 - 1.6 * 1.6 / 12.0_f64).sqrt()).abs() < 1e-4);
        assert!((fitted.turn_off_adu - level(15)).abs() < 1.0 && !fitted.pairs[5].is_used);
        assert!(fitted.chi2 < 1e-6 && !fitted.pairs[16].is_used);
    }
}
