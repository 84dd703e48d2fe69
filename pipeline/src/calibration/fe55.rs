//! The gain that X-rays of iron-55 tell: each photon of manganese's K-alpha line sets a known charge free.
//!
//! Events are pixels above a threshold that exceed their eight neighbours and are alone; what their 3 x 3
//! pixels hold is summed. The histogram of the sums has two peaks, K-alpha (5.895 keV) and K-beta
//! (6.490 keV), of fixed distance and ratio: two Gaussians are fitted by expectation and maximisation,
//! which needs no bins. 3.65 eV set an electron free at −100 °C; to half a per cent that depends on the
//! temperature.

use ndarray::{Array2, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use super::flat_pairs::{dark_signals, dark_steps};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::isr::{Calibrations, OverscanConfig};
use crate::statistics::{clipped_mean, median};
use crate::tasks::not_positive;

/// Electrons that K-alpha and K-beta set free.
pub const K_ALPHA_E: f64 = 1615.0;
/// K-beta over K-alpha.
pub const K_BETA_RATIO: f64 = 6.490 / 5.895;
/// Rounds of the fit.
const ROUNDS: usize = 60;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fe55Config {
    /// Levels of rows.
    pub overscan: OverscanConfig,
    /// Electrons of a K-alpha photon.
    pub k_alpha_e: f64,
    /// Charge of an event's brightest pixel, electrons by the camera's gain.
    pub peak_e: (f64, f64),
    /// The least number of events.
    pub min_events: usize,
}

impl Default for Fe55Config {
    fn default() -> Self {
        Self {
            overscan: OverscanConfig::default(),
            k_alpha_e: K_ALPHA_E,
            peak_e: (250.0, 2500.0),
            min_events: 200,
        }
    }
}

impl TaskConfig for Fe55Config {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("k_alpha_e", self.k_alpha_e),
            ("peak_e", self.peak_e.0),
            ("min_events", self.min_events as f64),
        ])
    }
}

/// Gains of a detector's amplifiers by X-rays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fe55Gains {
    /// One for each.
    pub amplifiers: Vec<AmplifierFe55>,
}

/// Gain of an amplifier by X-rays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AmplifierFe55 {
    /// Its name.
    pub amplifier: String,
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Its standard error.
    pub gain_error: f64,
    /// K-alpha's peak, ADU.
    pub peak_adu: f64,
    /// Width of the peak, ADU.
    pub sigma_adu: f64,
    /// Events.
    pub n_events: usize,
}

/// Measure gains from exposures to iron-55.
///
/// # Errors
/// Too few events in an amplifier; no bias.
pub fn measure(
    raws: &[&RawFrame],
    calibrations: &Calibrations,
    config: &Fe55Config,
) -> Result<Fe55Gains> {
    let isr = dark_steps(calibrations, &config.overscan);
    let of_frame = |raw: &&RawFrame| -> Result<Vec<Vec<f64>>> {
        let signals = dark_signals(raw, &isr, calibrations)?;
        let both = signals.iter().zip(&raw.amplifiers);
        Ok(both
            .map(|(signal, amplifier)| {
                let (low, high) = config.peak_e;
                let gain = amplifier.gain_e_per_adu;
                events(&signal.adu, ((low / gain) as f32, (high / gain) as f32), signal.noise_adu)
            })
            .collect())
    };
    let frames: Vec<Vec<Vec<f64>>> = raws.par_iter().map(of_frame).collect::<Result<_>>()?;
    let names = raws.first().into_iter().flat_map(|raw| &raw.amplifiers).map(|a| &a.name);
    let amplifiers = names.enumerate().map(|(index, name)| {
        let sums: Vec<f64> =
            frames.iter().flat_map(|amplifiers| &amplifiers[index]).copied().collect();
        let (found, needed) = (sums.len(), config.min_events);
        if found < needed {
            let (product, what) = ("fe55", "isolated X-ray events in an amplifier");
            return Err(CalibrationError::TooFew { product, what, found, needed }.into());
        }
        let peak = fit(sums);
        let gain = config.k_alpha_e / peak.centre;
        Ok(AmplifierFe55 {
            amplifier: name.clone(),
            gain_e_per_adu: gain,
            gain_error: gain * peak.sigma / peak.centre / peak.n.sqrt(),
            peak_adu: peak.centre,
            sigma_adu: peak.sigma,
            n_events: found,
        })
    });
    Ok(Fe55Gains { amplifiers: amplifiers.collect::<Result<_>>()? })
}

/// Charges of isolated events, ADU.
fn events(adu: &Array2<f32>, (low, high): (f32, f32), noise_adu: f64) -> Vec<f64> {
    let (ny, nx) = adu.dim();
    // Nine pixels of dark current would pass for charge of the X-ray.
    let sample = adu.iter().step_by(3).map(|v| f64::from(*v));
    let level = clipped_mean(&mut sample.collect(), 3.0, 5).map_or(0.0, |clipped| clipped.mean);
    let mut sums = vec![];
    for y in 2..ny.saturating_sub(2) {
        for x in 2..nx.saturating_sub(2) {
            let peak = adu[[y, x]];
            if peak < low || peak > high {
                continue;
            }
            let near = adu.slice(s![y - 1..=y + 1, x - 1..=x + 1]);
            let is_peak = near.indexed_iter().all(|((j, i), &value)| {
                // Of two equal pixels the first is the peak.
                value < peak || (value == peak && (j, i) >= (1, 1))
            });
            let wide = adu.slice(s![y - 2..=y + 2, x - 2..=x + 2]);
            let limit = 6.0 * noise_adu as f32;
            let is_alone = wide.indexed_iter().all(|((j, i), &value)| {
                let is_ring = j == 0 || j == 4 || i == 0 || i == 4;
                !is_ring || value < limit
            });
            if is_peak && is_alone {
                sums.push(f64::from(near.sum()) - 9.0 * level);
            }
        }
    }
    sums
}

/// K-alpha's peak.
struct Peak {
    centre: f64,
    sigma: f64,
    n: f64,
}

/// Two Gaussians of one relative width, and a flat rest, whose centres keep their ratio.
fn fit(mut sums: Vec<f64>) -> Peak {
    let mut centre = median(&mut sums);
    let mut sigma = 0.05 * centre;
    let (mut share_alpha, mut share_beta, mut share_rest) = (0.8, 0.1, 0.1);
    let range = (0.6 * centre, 1.5 * centre);
    sums.retain(|v| (range.0..range.1).contains(v));
    let mut n = sums.len() as f64;
    for _ in 0..ROUNDS {
        let density = |v: f64, c: f64| (-0.5 * ((v - c) / sigma).powi(2)).exp() / (sigma * 2.5066);
        let (mut alpha, mut beta) = (0.0, 0.0);
        let (mut sum, mut weight, mut squares) = (0.0, 0.0, 0.0);
        for &v in &sums {
            let p_alpha = share_alpha * density(v, centre);
            let p_beta = share_beta * density(v, K_BETA_RATIO * centre);
            let p = p_alpha + p_beta + share_rest / (range.1 - range.0);
            let (a, b) = (p_alpha / p, p_beta / p);
            alpha += a;
            beta += b;
            // Both lines tell the centre: minimise Σ a (v − c)² + b (v − r c)².
            sum += a * v + b * K_BETA_RATIO * v;
            weight += a + b * K_BETA_RATIO * K_BETA_RATIO;
            squares += a * (v - centre).powi(2) + b * (v - K_BETA_RATIO * centre).powi(2);
        }
        let all = sums.len() as f64;
        (share_alpha, share_beta) = (alpha / all, beta / all);
        share_rest = 1.0 - share_alpha - share_beta;
        n = alpha + beta;
        sigma = (squares / n.max(1.0)).sqrt();
        centre = sum / weight;
    }
    Peak { centre, sigma, n }
}
