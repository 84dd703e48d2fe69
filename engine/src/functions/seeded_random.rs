//! `seeded_random` (seed): a number from 0 up to 1 that follows from the seed alone.
//!
//! The same seed gives the same number in each row, query and machine, however rows are spread over
//! threads: `RAND(objectId) < 0.01` is a sample that can be drawn again.
//!
//! Reference: Steele, Lea & Flood 2014 (OOPSLA, SplitMix64).

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::error::Result;

use super::row_function::{Argument, Call, Returns, RowFunction};

pub(super) const FUNCTIONS: [RowFunction; 1] = [RowFunction {
    name: "seeded_random",
    overloads: &[&[Argument::Integer]],
    returns: Returns::Number,
    body: random,
}];

fn random(call: &Call<'_>) -> Result<ArrayRef> {
    let numbers: Float64Array = call.integers(0)?.unary(|seed| fraction(mix(seed as u64)));
    Ok(Arc::new(numbers))
}

fn mix(seed: u64) -> u64 {
    let z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The upper 53 bits as a fraction, which a double holds exactly.
fn fraction(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_seeds_are_spread_evenly() {
        let numbers: Vec<f64> = (0..10_000).map(|seed| fraction(mix(seed))).collect();
        assert!(numbers.iter().all(|x| (0.0..1.0).contains(x)));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        // The mean of n uniform numbers scatters by 1 / sqrt(12 n) = 0.0029.
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let tenth = numbers.iter().filter(|x| **x < 0.1).count();
        assert!((900..1100).contains(&tenth), "{tenth}");
    }

    #[test]
    fn the_first_number_of_the_published_generator() {
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
    }
}
