//! Linearity: what an amplifier would read if it read bright pixels as faithfully as faint ones.

use ndarray::Array2;

use super::{Calibrations, IsrConfig, LINEARITY, Origin, needed};
use crate::camera::RawFrame;
use crate::error::Result;

/// Rounds of Newton's method; the curve is nearly straight.
const ROUNDS: usize = 8;

/// True signal of a reading: I + Σ cₖ Iᵏ, k from 2 on, ADU.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curve {
    coefficients: Vec<f64>,
}

impl Curve {
    /// The curve of an amplifier that reads a charge of Q electrons as Q (1 − c Q), whose inverse is
    /// Q + c Q² + 2 c² Q³ + 5 c³ Q⁴ + …
    fn of_bend(per_e: f64, gain_e_per_adu: f64) -> Self {
        let c = per_e * gain_e_per_adu;
        Self { coefficients: vec![c, 2.0 * c * c, 5.0 * c.powi(3), 14.0 * c.powi(4)] }
    }

    fn at(&self, reading: f64) -> f64 {
        let terms = self.coefficients.iter().rev();
        reading * (1.0 + reading * terms.fold(0.0, |sum, c| sum * reading + c))
    }

    fn slope_at(&self, reading: f64) -> f64 {
        let terms = self.coefficients.iter().enumerate().rev();
        1.0 + reading * terms.fold(0.0, |sum, (k, c)| sum * reading + c * (k as f64 + 2.0))
    }

    /// What a true signal reads as, ADU.
    pub fn reading_of(&self, signal: f64) -> f64 {
        let mut reading = signal;
        for _ in 0..ROUNDS {
            reading -= (self.at(reading) - signal) / self.slope_at(reading);
        }
        reading
    }
}

/// The curves of a frame's amplifiers; straight ones where the step is off.
pub(super) fn of(
    raw: &RawFrame,
    calibrations: &Calibrations,
    config: &IsrConfig,
) -> Result<Vec<Curve>> {
    if !config.linearity.enabled {
        return Ok(vec![Curve::default(); raw.amplifiers.len()]);
    }
    if config.linearity.from == Origin::Camera {
        let curve = |amplifier: &crate::camera::RawAmplifier| {
            Curve::of_bend(amplifier.nonlinearity_per_e, amplifier.gain_e_per_adu)
        };
        return Ok(raw.amplifiers.iter().map(curve).collect());
    }
    let measured = calibrations.linearity.as_ref();
    let measured = needed(measured, raw, LINEARITY)?;
    raw.amplifiers
        .iter()
        .map(|amplifier| {
            let coefficients = measured.amplifier(&amplifier.name)?.coefficients.clone();
            Ok(Curve { coefficients })
        })
        .collect()
}

/// Make an amplifier's electrons linear.
pub(super) fn correct(electrons: &mut Array2<f32>, curve: &Curve, gain_e_per_adu: f64) {
    // The k-th coefficient goes with the k-th power of ADU, of which a gain's worth is an electron.
    let scaled = curve.coefficients.iter().zip(1..);
    let per_e: Vec<f32> =
        scaled.map(|(c, power)| (c / gain_e_per_adu.powi(power)) as f32).collect();
    if per_e.is_empty() {
        return;
    }
    electrons.mapv_inplace(|e| e * (1.0 + e * per_e.iter().rev().fold(0.0, |sum, c| sum * e + c)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bent_reading_is_straightened() {
        let (per_e, gain) = (1.7e-7, 1.6);
        let curve = Curve::of_bend(per_e, gain);
        let mut worst: f64 = 0.0;
        for q in [-50.0, 0.0, 10.0, 1e3, 3e4, 1.2e5] {
            let reading = q * (1.0 - per_e * q);
            let mut electrons = Array2::from_elem((1, 1), reading as f32);
            correct(&mut electrons, &curve, gain);
            worst = worst.max((f64::from(electrons[[0, 0]]) - q).abs() / (q.abs() + 1.0));
            let again = curve.reading_of(q / gain) * gain;
            assert!((again - reading).abs() < 1e-3 + 1e-6 * q.abs(), "{q}: {again}");
        }
        assert!(worst < 2e-6, "{worst}");
    }
}
