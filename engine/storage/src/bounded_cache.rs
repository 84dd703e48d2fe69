//! Caches bounded by the bytes that they hold.

use std::hash::Hash;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// Make a cache; what was not asked for lately goes first.
///
/// # Arguments
/// `by_size`: tells the bytes of an entry. `most_bytes`: of all together. `usual_bytes`: of an entry as
/// they are on average, for the number of places. `shards`: parts of the cache, each with a lock and its
/// share of the bytes, in which the largest entry must have room.
pub fn bounded_cache<K, V, W>(
    by_size: W,
    most_bytes: u64,
    usual_bytes: u64,
    shards: usize,
) -> Cache<K, V, W>
where
    K: Eq + Hash,
    V: Clone,
    W: Weighter<K, V> + Clone,
{
    let n_places = (most_bytes / usual_bytes.max(1)).max(1) as usize;
    let options = OptionsBuilder::new()
        .shards(shards)
        .estimated_items_capacity(n_places)
        .weight_capacity(most_bytes)
        .build();
    // Only options that are left out are refused.
    match options {
        Ok(options) => {
            let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
            Cache::with_options(options, by_size, hasher, lifecycle)
        }
        Err(_) => Cache::with_weighter(n_places, most_bytes, by_size),
    }
}
