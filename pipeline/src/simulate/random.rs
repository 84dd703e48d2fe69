//! Streams of random numbers, keyed by what they are for.
//!
//! A stream's key is (seed, purpose, two numbers, such as visit and detector). Two streams have nothing to
//! do with each other, and none depends on how much of another was used: frames can be made in any order
//! and by any number of threads. The numbers come from ChaCha with 8 rounds, a counter-based cipher.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};

/// What a stream of random numbers is for. The numbers are part of what a seed means: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
#[allow(missing_docs)]
pub enum Purpose {
    Stars = 1,
    Galaxies = 2,
    Transients = 3,
    Asteroids = 4,
    Visit = 5,
    Sensor = 6,
    Photons = 7,
    CosmicRays = 8,
    Readout = 9,
    Streaks = 10,
    Calibrated = 11,
    LightCurve = 12,
    XRays = 13,
}

/// The stream of a purpose and two numbers.
pub fn stream(seed: u64, purpose: Purpose, first: i64, second: i64) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [seed, purpose as u64, first.cast_unsigned(), second.cast_unsigned()];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// A number from the unit Gaussian.
pub(super) fn gaussian(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// A number between two others.
pub(super) fn between(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Expectation above which a Poisson number is made from a Gaussian.
const EXACT_POISSON: f64 = 40.0;

/// A number of photons of this expectation.
///
/// Above 40 it is a Gaussian with the Poisson law's skewness (Cornish & Fisher 1938), rounded; mean and
/// variance are exact (the width is less by what skewness and rounding add), the third moment to 1 %.
pub(super) fn photons(expected: f64, rng: &mut ChaCha8Rng) -> f64 {
    if expected < EXACT_POISSON {
        return Poisson::new(expected).map_or(0.0, |law| law.sample(rng));
    }
    let z = gaussian(rng);
    let width = (expected - 1.0 / 18.0 - 1.0 / 12.0).sqrt();
    (expected + width * z + (z * z - 1.0) / 6.0).round().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_part_of_their_key() {
        let first = |seed, purpose, a, b| stream(seed, purpose, a, b).random::<u64>();
        let base = first(1, Purpose::Stars, 2, 3);
        assert_eq!(base, first(1, Purpose::Stars, 2, 3));
        for other in [
            first(2, Purpose::Stars, 2, 3),
            first(1, Purpose::Galaxies, 2, 3),
            first(1, Purpose::Stars, 3, 3),
            first(1, Purpose::Stars, 2, 4),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn photons_have_the_moments_of_the_poisson_law() {
        let mut rng = stream(1, Purpose::Photons, 0, 0);
        for expected in [0.7, 20.0, 45.0, 1000.0] {
            let n = 400_000;
            let values: Vec<f64> = (0..n).map(|_| photons(expected, &mut rng)).collect();
            let mean = values.iter().sum::<f64>() / f64::from(n);
            let moment = |p| values.iter().map(|v| (v - mean).powi(p)).sum::<f64>() / f64::from(n);
            let root = f64::from(n).sqrt();
            // Five standard deviations of each moment of so many numbers.
            assert!((mean - expected).abs() < 5.0 * expected.sqrt() / root, "{mean}");
            assert!(
                (moment(2) / expected - 1.0).abs() < 5.0 * (2.0 + 1.0 / expected).sqrt() / root
            );
            let skewness = moment(3) / expected.powf(1.5);
            assert!((skewness - expected.powf(-0.5)).abs() < 0.06, "{expected}: {skewness}");
        }
    }
}
