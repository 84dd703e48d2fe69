//! Linearity: how far the reading of an amplifier falls behind the light, from flats of growing time.
//!
//! The true signal is T = S + Σ cₖ Sᵏ of the reading S, k from 2 on. The mean of T over an amplifier grows
//! as the exposure time, so that mean S = r·t − Σ cₖ mean Sᵏ, linear in the rate r and all cₖ: one
//! weighted least-squares fit an amplifier. Moments rather than powers of the mean: pixels differ in
//! response.
//!
//! The turn-off is the largest reading before one departs by more than 1 % from what those below it
//! foretell.

use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::flat_pairs::{Signal, n_times, series, signals, steps, usable};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{Calibrations, OverscanConfig};
use crate::linear_algebra::Cholesky;

/// Departure at which a reading has turned off.
const TURN_OFF: f64 = 0.01;
/// Uncertainty of a mean beyond photon noise: that of the overscan's level, ADU.
const LEVEL_ERROR_ADU: f64 = 0.1;
/// Uncertainty of shutter and lamp, a fraction.
const TIME_ERROR: f64 = 2e-5;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearityConfig {
    /// Levels of rows.
    pub overscan: OverscanConfig,
    /// Highest power of the reading.
    pub order: usize,
}

impl Default for LinearityConfig {
    fn default() -> Self {
        Self { overscan: OverscanConfig::default(), order: 3 }
    }
}

impl TaskConfig for LinearityConfig {
    fn faults(&self) -> Vec<String> {
        match self.order {
            2..=5 => vec![],
            order => vec![format!("order = {order} is not 2 to 5")],
        }
    }
}

/// The linearity of a detector's amplifiers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linearity {
    /// One for each.
    pub amplifiers: Vec<AmplifierLinearity>,
}

/// The linearity of an amplifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmplifierLinearity {
    /// Its name.
    pub amplifier: String,
    /// cₖ of the true signal S + Σ cₖ Sᵏ, from k = 2 on, ADU^(1−k).
    pub coefficients: Vec<f64>,
    /// Standard error of each.
    pub errors: Vec<f64>,
    /// ADU a second at small signal, of the lamp that it was measured with.
    pub rate_adu_per_s: f64,
    /// Largest reading before the turn-off, ADU above the bias.
    pub turn_off_adu: f64,
    /// Root mean square of what the fit leaves, a fraction.
    pub residual: f64,
    /// Flats that took part.
    pub n_flats: usize,
}

impl Linearity {
    /// That of an amplifier.
    ///
    /// # Errors
    /// [`CalibrationError::NoAmplifier`].
    pub fn amplifier(&self, name: &str) -> Result<&AmplifierLinearity> {
        let found = self.amplifiers.iter().find(|amplifier| amplifier.amplifier == name);
        let (dataset, amplifier) = ("linearity", name.to_owned());
        Ok(found.ok_or(CalibrationError::NoAmplifier { dataset, amplifier })?)
    }
}

/// The moments of a flat's reading in one amplifier.
struct Level {
    time_s: f64,
    /// Means of S, S², S³ …
    moments: Vec<f64>,
    n_pixels: f64,
}

/// Measure the linearity of a detector from flats; of several filters the one with the most exposure
/// times counts.
///
/// # Errors
/// Fewer exposure times than the fit has unknowns, and two more.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &LinearityConfig,
) -> Result<Linearity> {
    let flats = series(raws);
    let (found, needed) = (n_times(&flats), config.order + 2);
    if found < needed {
        let (product, what) = ("linearity", "exposure times of flats");
        return Err(CalibrationError::TooFew { product, what, found, needed }.into());
    }
    let isr = steps(calibrations, &config.overscan, false)?;
    let levels: Vec<Vec<Level>> = flats
        .par_iter()
        .map(|raw| {
            let signals = signals(raw, &isr, calibrations)?;
            let time_s = raw.exposure.exposure_time_s;
            Ok(signals.iter().map(|signal| level(signal, time_s, config.order)).collect())
        })
        .collect::<Result<_>>()?;
    let amplifiers = flats[0].amplifiers.iter().enumerate().map(|(index, amplifier)| {
        let own: Vec<&Level> = levels.iter().map(|levels| &levels[index]).collect();
        fit(&amplifier.name, &own, amplifier.gain_e_per_adu, config.order)
    });
    Ok(Linearity { amplifiers: amplifiers.collect::<Result<_>>()? })
}

fn level(signal: &Signal, time_s: f64, order: usize) -> Level {
    let (low, high) = usable(&signal.adu, signal.noise_adu);
    let mut moments = vec![0.0; order];
    let mut n_pixels = 0.0;
    for &value in signal.adu.iter().filter(|value| (low..=high).contains(*value)) {
        let mut power = 1.0;
        for moment in &mut moments {
            power *= f64::from(value);
            *moment += power;
        }
        n_pixels += 1.0;
    }
    moments.iter_mut().for_each(|moment| *moment /= f64::max(n_pixels, 1.0));
    Level { time_s, moments, n_pixels }
}

/// Rate and coefficients with their errors, of levels in order of time.
struct Solution {
    rate: f64,
    coefficients: Vec<f64>,
    errors: Vec<f64>,
}

impl Solution {
    /// The mean reading that is foretold, and that was found.
    fn departure(&self, level: &Level) -> f64 {
        let terms = self.coefficients.iter().zip(&level.moments[1..]);
        let expected = self.rate * level.time_s - terms.map(|(c, m)| c * m).sum::<f64>();
        level.moments[0] / expected - 1.0
    }
}

fn solve(levels: &[&Level], gain_e_per_adu: f64, order: usize) -> Option<Solution> {
    let scale = levels.last()?.moments[0].max(1.0);
    let mut normal = Array2::<f64>::zeros((order, order));
    let mut right = Array1::<f64>::zeros(order);
    for level in levels {
        let mean = level.moments[0];
        let photons = mean.max(1.0) / (gain_e_per_adu * level.n_pixels.max(1.0));
        let weight = (photons + LEVEL_ERROR_ADU.powi(2) + (TIME_ERROR * mean).powi(2)).recip();
        // Powers in units of the largest reading, so that the equations are well scaled.
        let column = |k: usize| match k {
            0 => level.time_s,
            k => -level.moments[k] / scale.powi(k as i32),
        };
        for i in 0..order {
            right[i] += weight * column(i) * mean;
            for j in 0..order {
                normal[[i, j]] += weight * column(i) * column(j);
            }
        }
    }
    let factor = Cholesky::new(&normal)?;
    let (solution, covariance) = (factor.solve(&right), factor.inverse());
    let unscale = |k: usize| scale.powi(k as i32).recip();
    Some(Solution {
        rate: solution[0],
        coefficients: (1..order).map(|k| solution[k] * unscale(k)).collect(),
        errors: (1..order).map(|k| covariance[[k, k]].sqrt() * unscale(k)).collect(),
    })
}

fn fit(
    amplifier: &str,
    levels: &[&Level],
    gain_e_per_adu: f64,
    order: usize,
) -> Result<AmplifierLinearity> {
    let no_fit = |reason: &str| CalibrationError::NoFit {
        product: "linearity",
        amplifier: amplifier.to_owned(),
        reason: reason.to_owned(),
    };
    // As many levels as foretell the next; readings fall only, so that two unknowns are enough here.
    let mut n = levels.len().min((order + 2).max(levels.len() / 3));
    while n < levels.len() {
        let below = solve(&levels[..n], gain_e_per_adu, 2)
            .ok_or_else(|| no_fit("the flats have no light"))?;
        if below.departure(levels[n]).abs() > TURN_OFF {
            break;
        }
        n += 1;
    }
    let used = &levels[..n];
    let solution =
        solve(used, gain_e_per_adu, order).ok_or_else(|| no_fit("the flats have no light"))?;
    let squares = used.iter().map(|level| solution.departure(level).powi(2)).sum::<f64>();
    Ok(AmplifierLinearity {
        amplifier: amplifier.to_owned(),
        turn_off_adu: used.last().map_or(0.0, |level| level.moments[0]),
        residual: (squares / n as f64).sqrt(),
        n_flats: n,
        rate_adu_per_s: solution.rate,
        coefficients: solution.coefficients,
        errors: solution.errors,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_bent_amplifier_is_measured_up_to_its_turn_off() {
        let c = 2.7e-7;
        let reading = |t: f64| {
            let q = 4000.0 * t;
            (q - c * q * q).min(72_000.0)
        };
        let all: Vec<Level> = (1..=24)
            .map(|k| {
                let time_s = f64::from(k);
                let mean = reading(time_s);
                let moments = vec![mean, mean * mean, mean.powi(3)];
                Level { time_s, moments, n_pixels: 30_000.0 }
            })
            .collect();
        let fitted = fit("A", &all.iter().collect::<Vec<_>>(), 1.6, 3).unwrap();
        // The inverse of Q − cQ² begins with c and 2c².
        assert!((fitted.coefficients[0] / c - 1.0).abs() < 0.01, "{fitted:?}");
        assert!((fitted.coefficients[1] / (2.0 * c * c) - 1.0).abs() < 0.3, "{fitted:?}");
        assert!(fitted.n_flats == 18 && (fitted.turn_off_adu - 70_600.0).abs() < 100.0);
        assert!(fitted.residual < 1e-5);
    }
}
