//! Random numbers that depend on nothing but the seed and on what they are for.
//!
//! ```text
//!   seed ─▶ ChaCha key ─┬─ stream (purpose, object 0) ─▶ 0.17, 0.93, …
//!                       ├─ stream (purpose, object 1) ─▶ …
//!                       └─ …
//!   seed, object, column ─▶ mixed ─▶ one number
//! ```
//!
//! So an object's rows can be made without any other's, in any order, on any thread. A stream costs
//! some 100 ns to begin. The thousand auxiliary columns of a wide table draw one number a value
//! from a mixing function instead, so that they do not depend on which columns there are.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream of random numbers is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// Where an object is.
    Position = 1,
    /// What it is.
    Population = 2,
    /// Its measurements, visit by visit.
    Measurement = 3,
    /// What difference images show near it that is not real.
    Artefact = 4,
    /// When a field is visited.
    Cadence = 5,
    /// How a visit went.
    Visit = 6,
    /// Where deep fields and clusters are.
    Place = 7,
    /// Objects that stand for all, to measure the population with.
    Calibration = 8,
}

/// The seed of a survey.
#[derive(Debug, Clone)]
pub struct Seed {
    number: u64,
    key: ChaCha8Rng,
}

impl Seed {
    /// Take a number as the seed.
    pub fn new(number: u64) -> Self {
        Self { number, key: ChaCha8Rng::seed_from_u64(number) }
    }

    /// Return the random numbers for a purpose and an index below 2^56.
    pub fn stream(&self, purpose: Purpose, index: u64) -> ChaCha8Rng {
        let mut numbers = self.key.clone();
        numbers.set_stream((purpose as u64) << 56 | index);
        numbers
    }

    /// Return a number for a row, from which those of its auxiliary columns are mixed.
    pub fn row(&self, index: u64) -> u64 {
        mix(self.number ^ mix(index))
    }
}

/// Mix the bits of a number (the finaliser of SplitMix64: Steele, Lea and Flood 2014, OOPSLA).
pub const fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Return a number that stands for a name (FNV-1a).
pub const fn name_salt(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// Make mixed bits a number in [0, 1).
pub fn unit(bits: u64) -> f32 {
    (bits >> 40) as f32 * (1.0 / (1 << 24) as f32)
}

/// Make mixed bits a nearly Gaussian number of mean 0 and variance 1: the sum of four uniform
/// numbers, never beyond 3.5.
pub fn gauss(bits: u64) -> f32 {
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    // Four uniform numbers have the variance 4/12.
    (sum as f32 * (1.0 / 65536.0) - 2.0) * 1.732_050_8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rand::RngExt;

    use super::*;

    #[test]
    fn streams_do_not_depend_on_each_other() {
        let seed = Seed::new(7);
        let first = |purpose, index| seed.stream(purpose, index).random::<u64>();
        let mut drawn: Vec<u64> = (0..1000).map(|i| first(Purpose::Position, i)).collect();
        drawn.extend((0..1000).map(|i| first(Purpose::Population, i)));
        assert_eq!(drawn[500], first(Purpose::Position, 500));
        assert_ne!(drawn[500], Seed::new(8).stream(Purpose::Position, 500).random::<u64>());
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 2000);
    }

    #[test]
    fn mixed_numbers_have_their_moments() {
        let row = Seed::new(1).row(5);
        let salt = name_salt("ixx");
        let n = 100_000;
        let numbers: Vec<f64> =
            (0..n).map(|i| gauss(mix(row ^ salt.wrapping_add(i))).into()).collect();
        let mean = numbers.iter().sum::<f64>() / n as f64;
        let variance = numbers.iter().map(|x| x * x).sum::<f64>() / n as f64;
        // Four standard errors.
        assert!(mean.abs() < 4.0 / (n as f64).sqrt(), "{mean}");
        assert!((variance - 1.0).abs() < 4.0 * (2.0 / n as f64).sqrt(), "{variance}");
        let share = (0..n).filter(|&i| unit(mix(row ^ i)) < 0.1).count() as f64 / n as f64;
        assert!((share - 0.1).abs() < 4.0 * (0.09 / n as f64).sqrt(), "{share}");
    }
}
