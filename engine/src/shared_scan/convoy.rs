//! Which scans of whole tables are under way, and where in the table they are.
//!
//! A scan that joins others begins with the fragment that they are at, and comes to those that it has
//! missed in the end: so all of them want the same columns at the same time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::decoded::DecodedColumns;
use crate::fragments::Place;

/// Scans by the table that they read.
#[derive(Debug)]
pub struct Convoys {
    by_table: Mutex<HashMap<String, Convoy>>,
    n_scans: AtomicU64,
    /// What they have in common.
    decoded: Arc<DecodedColumns>,
}

/// The scans of a table.
#[derive(Debug, Default)]
struct Convoy {
    /// Each scan, and in how many partitions it runs.
    scans: HashMap<u64, usize>,
    /// The fragments that were begun last, by the partition that did.
    at: HashMap<usize, Place>,
}

impl Convoys {
    /// No scans yet; when there are none again, what is in `decoded` is forgotten.
    pub fn new(decoded: Arc<DecodedColumns>) -> Self {
        Self { by_table: Mutex::default(), n_scans: AtomicU64::new(0), decoded }
    }

    /// A number for a new scan.
    pub fn next_scan(&self) -> u64 {
        self.n_scans.fetch_add(1, Ordering::Relaxed)
    }

    /// Let a partition of a scan begin; it ends when the member is dropped.
    pub fn join(self: &Arc<Self>, table: &str, scan: u64, partition: usize) -> Member {
        *self.locked().entry(table.to_owned()).or_default().scans.entry(scan).or_default() += 1;
        Member { convoys: self.clone(), table: table.to_owned(), scan, partition }
    }

    /// The fragments that scans of a table are at.
    pub fn at(&self, table: &str) -> Vec<Place> {
        let convoys = self.locked();
        let at = convoys.get(table).map(|convoy| convoy.at.values().cloned().collect());
        at.unwrap_or_default()
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Convoy>> {
        // What is counted stays right whoever panics.
        self.by_table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A partition of a scan that is under way.
#[derive(Debug)]
pub struct Member {
    convoys: Arc<Convoys>,
    table: String,
    scan: u64,
    partition: usize,
}

impl Member {
    /// Say what is read next; return whether other scans are under way in its table.
    pub fn goes_to(&self, place: &Place) -> bool {
        let mut convoys = self.convoys.locked();
        let Some(convoy) = convoys.get_mut(&self.table) else { return false };
        convoy.at.insert(self.partition, place.clone());
        convoy.scans.len() > 1
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut convoys = self.convoys.locked();
        let Some(convoy) = convoys.get_mut(&self.table) else { return };
        if let Some(n_partitions) = convoy.scans.get_mut(&self.scan) {
            *n_partitions -= 1;
            if *n_partitions == 0 {
                convoy.scans.remove(&self.scan);
            }
        }
        if convoy.scans.is_empty() {
            convoys.remove(&self.table);
        }
        if convoys.is_empty() {
            self.convoys.decoded.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn scans_count_once_however_many_partitions_they_have() {
        let convoys = Arc::new(Convoys::new(Arc::new(DecodedColumns::new(1))));
        let place = Place { path: Path::new("a").into(), first_row_group: 4 };
        let (one, two) = (convoys.next_scan(), convoys.next_scan());
        let first = convoys.join("Object", one, 0);
        let second = convoys.join("Object", one, 1);
        assert!(!first.goes_to(&place));
        assert_eq!(convoys.at("Object"), std::slice::from_ref(&place));
        let other = convoys.join("Object", two, 0);
        assert!(first.goes_to(&place) && other.goes_to(&place));
        let elsewhere = convoys.join("Source", two, 0);
        assert!(!elsewhere.goes_to(&place));
        drop(first);
        assert!(other.goes_to(&place));
        drop(second);
        assert!(!other.goes_to(&place));
        drop((other, elsewhere));
        assert!(convoys.locked().is_empty());
        assert!(convoys.at("Object").is_empty());
    }
}
