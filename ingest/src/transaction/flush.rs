//! Writing several tables at once.
//!
//! A file is sorted, encoded and hashed by one core; the files of different tables know nothing of
//! each other.

use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use almagest_storage::CatalogStore;

use super::contribution::Contribution;
use crate::error::Result;

/// Rows in memory below which threads are not worth while, bytes.
const FEW_BYTES: usize = 8 << 20;

/// Write the placed rows of contributions to files that no version sees.
///
/// # Errors
/// The first that a contribution meets; others may have been written then.
pub(super) fn flush_all(
    mut contributions: Vec<&mut Contribution>,
    store: &CatalogStore,
) -> Result<()> {
    let n_bytes: usize = contributions.iter().map(|c| c.placed_bytes()).sum();
    let n_cores = thread::available_parallelism().map_or(1, usize::from);
    let n_threads = n_cores.min(contributions.len());
    if n_threads < 2 || n_bytes < FEW_BYTES {
        return contributions.into_iter().try_for_each(|contribution| contribution.flush(store));
    }
    // The largest is taken from the end first, so that no core waits long for another at last.
    contributions.sort_by_key(|contribution| contribution.placed_bytes());
    let waiting = Mutex::new(contributions);
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        let write = || {
            while let Some(contribution) = next() {
                contribution.flush(store)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(write)).collect();
        let ended =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|p| resume_unwind(p)));
        ended.collect()
    })
}
