//! Maps by id: an id is hashed by one multiplication, under a key that nobody who sends ids knows.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

/// A map by id.
pub(crate) type IdMap<V> = HashMap<i64, V, IdHash>;

/// Makes the hashers of one map.
#[derive(Debug, Clone)]
pub(crate) struct IdHash {
    key: u64,
}

impl Default for IdHash {
    fn default() -> Self {
        Self { key: RandomState::new().hash_one(()) }
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher { state: self.key }
    }
}

/// Hashes one id.
pub(crate) struct IdHasher {
    state: u64,
}

impl Hasher for IdHasher {
    fn write_u64(&mut self, number: u64) {
        /// The golden ratio: its multiples are far from each other.
        const FACTOR: u128 = 0x9E37_79B9_7F4A_7C15;
        let product = u128::from(number ^ self.state) * FACTOR;
        self.state = (product >> 64) as u64 ^ product as u64;
    }

    fn write_i64(&mut self, id: i64) {
        self.write_u64(id.cast_unsigned());
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::collections::HashSet;

    use super::*;

    /// A map looks at the seven highest bits and at the lowest ones.
    #[test]
    fn hashes_of_regular_ids_are_spread() {
        let hash = IdHash::default();
        for step in [1_i64, 1 << 7, 1 << 20, 1 << 40, 3 << 50] {
            let hashes = || (0..4096_i64).map(|number| hash.hash_one(number.wrapping_mul(step)));
            let low: HashSet<u64> = hashes().map(|hash| hash & 4095).collect();
            let high: HashSet<u64> = hashes().map(|hash| hash >> 57).collect();
            assert!(low.len() > 1500 && high.len() > 60, "{step}: {} {}", low.len(), high.len());
        }
    }
}
