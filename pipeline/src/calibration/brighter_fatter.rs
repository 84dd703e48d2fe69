//! The brighter-fatter kernel: the potential of an electron, whose differences move pixel boundaries.
//!
//! Covariances of flats grow as (Astier et al. 2019, equation 20, to second order, electrons)
//!
//! ```text
//!     C_ij(μ) = μ δ₀ + a_ij μ² + ⅔ (a ∗ a)_ij μ³ ,
//! ```
//!
//! a_ij the change of a pixel's area by an electron at that lag. They are averaged over the pairs of all
//! amplifiers, with the weights of their noise, in some rounds for the term of third order. a₀₀ is that of
//! photon transfer, and the others are brought to a sum of −a₀₀, as no charge is lost. The kernel K obeys
//! ∇²K = a (five points) and is 0 beyond its lag: solved by successive over-relaxation (Coulton et al.
//! 2018, 2018AJ....155..258C).

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::{CalibrationError, PhotonTransfer};
use crate::config::TaskConfig;
use crate::error::Result;
use crate::tasks::not_positive;

/// Rounds for the term of third order.
const ROUNDS: usize = 6;
/// Sweeps of the relaxation at most.
const SWEEPS: usize = 10_000;
/// Change of the kernel, of its largest value, at which the relaxation ends.
const TOLERANCE: f64 = 1e-12;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrighterFatterKernelConfig {
    /// Pairs of less are left out, electrons.
    pub min_level_e: f64,
    /// Lags beyond this follow a power law, whose noise is far less, pixels.
    pub measured_lag_px: f64,
    /// Exponent of that law.
    pub decline: f64,
}

impl Default for BrighterFatterKernelConfig {
    fn default() -> Self {
        Self { min_level_e: 5_000.0, measured_lag_px: 2.9, decline: -2.7 }
    }
}

impl TaskConfig for BrighterFatterKernelConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("min_level_e", self.min_level_e),
            ("measured_lag_px", self.measured_lag_px),
        ])
    }
}

/// The potential of an electron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrighterFatterKernel {
    /// Largest lag, pixels.
    pub lag: usize,
    /// K at lags (dx, dy) from −lag to lag, row by row of dy, 1/electron.
    pub values: Vec<f64>,
}

impl BrighterFatterKernel {
    /// K at a lag; 0 beyond the largest.
    pub fn at(&self, dx: i64, dy: i64) -> f64 {
        let (lag, size) = (self.lag as i64, 2 * self.lag + 1);
        let index = |d: i64| usize::try_from(d + lag).ok().filter(|index| *index < size);
        let place = index(dx).zip(index(dy)).map(|(i, j)| j * size + i);
        place.and_then(|place| self.values.get(place)).copied().unwrap_or(0.0)
    }

    /// Half of it: the potential of the charge that is there on average while light comes.
    pub(crate) fn half_image(&self) -> Array2<f32> {
        let (lag, size) = (self.lag as i64, 2 * self.lag + 1);
        Array2::from_shape_fn((size, size), |(j, i)| {
            (0.5 * self.at(i as i64 - lag, j as i64 - lag)) as f32
        })
    }

    /// The change of a pixel's area by an electron at a lag: the Laplacian of K.
    pub fn area_coefficient(&self, dx: i64, dy: i64) -> f64 {
        let around = self.at(dx + 1, dy) + self.at(dx - 1, dy) + self.at(dx, dy + 1);
        around + self.at(dx, dy - 1) - 4.0 * self.at(dx, dy)
    }
}

/// The kernel that a detector's photon transfer tells.
///
/// # Errors
/// No pair that is bright enough; covariances of different lags.
pub fn measure(
    transfer: &PhotonTransfer,
    config: &BrighterFatterKernelConfig,
) -> Result<BrighterFatterKernel> {
    let product = "brighter_fatter_kernel";
    let levels = levels(transfer, config);
    let Some(first) = levels.first() else {
        let what = "pairs of flats that are bright enough";
        return Err(CalibrationError::TooFew { product, what, found: 0, needed: 1 }.into());
    };
    let side = first.covariances.len().isqrt();
    if side < 2 || levels.iter().any(|level| level.covariances.len() != side * side) {
        let reason = "has covariances of different lags, or of none".to_owned();
        return Err(
            CalibrationError::Malformed { dataset: "photon_transfer".to_owned(), reason }.into()
        );
    }
    let n = transfer.amplifiers.len() as f64;
    let a00 = transfer.amplifiers.iter().map(|amplifier| amplifier.a00_per_e).sum::<f64>() / n;
    let mut areas = Array2::<f64>::zeros((side, side));
    areas[[0, 0]] = a00;
    for _ in 0..ROUNDS {
        areas = averaged(&levels, &areas, a00);
        follow_law(&mut areas, config);
        keep_charge(&mut areas);
    }
    Ok(relax(&areas))
}

/// The covariances of a pair in an amplifier, electrons².
struct Level {
    electrons: f64,
    n_pixels: f64,
    covariances: Vec<f64>,
}

fn levels(transfer: &PhotonTransfer, config: &BrighterFatterKernelConfig) -> Vec<Level> {
    let mut levels = vec![];
    for amplifier in &transfer.amplifiers {
        let gain = amplifier.gain_e_per_adu;
        for pair in amplifier.pairs.iter().filter(|pair| pair.is_used) {
            let electrons = pair.mean_adu * gain;
            if electrons >= config.min_level_e {
                let covariances = pair.covariances.iter().map(|c| c * gain * gain).collect();
                levels.push(Level { electrons, n_pixels: pair.n_pixels, covariances });
            }
        }
    }
    levels
}

/// a_ij of all levels, the term of third order taken off as the coefficients so far have it.
fn averaged(levels: &[Level], areas: &Array2<f64>, a00: f64) -> Array2<f64> {
    let side = areas.nrows();
    let second = Array2::from_shape_fn((side, side), |(j, i)| convolved(areas, j as i64, i as i64));
    Array2::from_shape_fn((side, side), |(j, i)| {
        if (j, i) == (0, 0) {
            return a00;
        }
        let (mut sum, mut weights) = (0.0, 0.0);
        for level in levels {
            let mu = level.electrons;
            let area =
                level.covariances[j * side + i] / (mu * mu) - 2.0 / 3.0 * second[[j, i]] * mu;
            // A covariance of noise μ scatters by μ/√N.
            let weight = level.n_pixels * mu * mu;
            sum += weight * area;
            weights += weight;
        }
        sum / weights
    })
}

/// (a ∗ a) at a lag; a is known in one quadrant and symmetric.
fn convolved(areas: &Array2<f64>, dy: i64, dx: i64) -> f64 {
    let lag = areas.nrows() as i64 - 1;
    let at = |y: i64, x: i64| {
        areas.get([y.unsigned_abs() as usize, x.unsigned_abs() as usize]).copied().unwrap_or(0.0)
    };
    let lags = (-lag..=lag).flat_map(|y| (-lag..=lag).map(move |x| (y, x)));
    lags.map(|(y, x)| at(y, x) * at(dy - y, dx - x)).sum()
}

/// Replace far coefficients by a power law that their sum supports.
fn follow_law(areas: &mut Array2<f64>, config: &BrighterFatterKernelConfig) {
    let law = |j: usize, i: usize| (i as f64).hypot(j as f64).powf(config.decline);
    let is_far = |j: usize, i: usize| (i as f64).hypot(j as f64) > config.measured_lag_px;
    let (mut xx, mut xy) = (0.0, 0.0);
    for ((j, i), value) in areas.indexed_iter().filter(|((j, i), _)| is_far(*j, *i)) {
        xx += law(j, i).powi(2);
        xy += law(j, i) * value;
    }
    let amplitude = if xx > 0.0 { (xy / xx).max(0.0) } else { 0.0 };
    for ((j, i), value) in areas.indexed_iter_mut().filter(|((j, i), _)| is_far(*j, *i)) {
        *value = amplitude * law(j, i);
    }
}

/// Scale the neighbours so that they gain what the pixel loses.
fn keep_charge(areas: &mut Array2<f64>) {
    let times =
        |j: usize, i: usize| f64::from(1 + u8::from(j > 0)) * f64::from(1 + u8::from(i > 0));
    let around: f64 = areas.indexed_iter().map(|((j, i), value)| times(j, i) * value).sum();
    let around = around - areas[[0, 0]];
    if around > 0.0 {
        let factor = -areas[[0, 0]] / around;
        let a00 = areas[[0, 0]];
        areas.mapv_inplace(|value| value * factor);
        areas[[0, 0]] = a00;
    }
}

/// The potential whose Laplacian the coefficients are, 0 beyond the largest lag.
fn relax(areas: &Array2<f64>) -> BrighterFatterKernel {
    let lag = areas.nrows() - 1;
    let size = 2 * lag + 3;
    let middle = lag + 1;
    let mut kernel = Array2::<f64>::zeros((size, size));
    // The over-relaxation that suits a square of this size.
    let rho = (std::f64::consts::PI / size as f64).cos();
    let omega = 2.0 / (1.0 + (1.0 - rho * rho).sqrt());
    for _ in 0..SWEEPS {
        let (mut change, mut largest) = (0.0_f64, 0.0_f64);
        for y in 1..size - 1 {
            for x in 1..size - 1 {
                let area = areas[[y.abs_diff(middle), x.abs_diff(middle)]];
                let around = kernel[[y - 1, x]] + kernel[[y + 1, x]];
                let around = around + kernel[[y, x - 1]] + kernel[[y, x + 1]];
                let step = omega * (0.25 * (around - area) - kernel[[y, x]]);
                kernel[[y, x]] += step;
                change = change.max(step.abs());
                largest = largest.max(kernel[[y, x]].abs());
            }
        }
        if change <= TOLERANCE * largest {
            break;
        }
    }
    let inner = kernel.slice(ndarray::s![1..size - 1, 1..size - 1]);
    BrighterFatterKernel { lag, values: inner.iter().copied().collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::calibration::photon_transfer::{AmplifierTransfer, PairNoise};

    const SIDE: usize = 9;

    /// Coefficients of a detector without noise.
    fn areas() -> Array2<f64> {
        let mut areas = Array2::from_shape_fn((SIDE, SIDE), |(j, i)| {
            if (j, i) == (0, 0) { 0.0 } else { (i as f64).hypot(j as f64 / 1.2).powf(-2.7) }
        });
        areas[[0, 0]] = -2.5e-6;
        keep_charge(&mut areas);
        areas
    }

    fn transfer() -> PhotonTransfer {
        let (gain, areas) = (1.6, areas());
        let pair = |electrons: f64| PairNoise {
            mean_adu: electrons / gain,
            n_pixels: 1e5,
            is_used: true,
            p_gaussian: 0.5,
            covariances: areas
                .indexed_iter()
                .map(|((j, i), a)| {
                    let third = 2.0 / 3.0 * convolved(&areas, j as i64, i as i64);
                    let photons = if (j, i) == (0, 0) { electrons } else { 0.0 };
                    (photons + a * electrons.powi(2) + third * electrons.powi(3)) / (gain * gain)
                })
                .collect(),
        };
        let amplifier = AmplifierTransfer {
            amplifier: "A".to_owned(),
            gain_e_per_adu: gain,
            gain_error: 0.0,
            read_noise_e: 5.0,
            a00_per_e: -2.5e-6,
            a00_error: 0.0,
            turn_off_adu: 7e4,
            chi2: 1.0,
            pairs: [1e4, 3e4, 6e4, 9e4].map(pair).to_vec(),
        };
        PhotonTransfer { amplifiers: vec![amplifier] }
    }

    #[test]
    fn the_laplacian_of_the_kernel_is_the_coefficients() {
        let config = BrighterFatterKernelConfig { measured_lag_px: 20.0, ..Default::default() };
        let kernel = measure(&transfer(), &config).unwrap();
        let areas = areas();
        for j in 0..SIDE as i64 {
            for i in 0..SIDE as i64 {
                let expected = areas[[j as usize, i as usize]];
                let found = kernel.area_coefficient(i, j);
                assert!((found - expected).abs() < 1e-3 * 2.5e-6, "{i} {j}: {found} {expected}");
                assert!((kernel.at(i, j) - kernel.at(-i, j)).abs() < 1e-8 * kernel.at(0, 0));
            }
        }
        // A potential that falls from its middle to nothing at the edge.
        assert!(
            kernel.at(0, 0) > 2.0 * kernel.at(2, 0) && kernel.at(8, 8) < 0.05 * kernel.at(0, 0)
        );
        assert_eq!(kernel.at(9, 0), 0.0);
    }

    #[test]
    fn faint_pairs_alone_tell_nothing() {
        let config = BrighterFatterKernelConfig { min_level_e: 1e6, ..Default::default() };
        let error = measure(&transfer(), &config).unwrap_err().to_string();
        assert!(
            error.contains("brighter_fatter_kernel: 0 pairs of flats that are bright"),
            "{error}"
        );
    }
}
