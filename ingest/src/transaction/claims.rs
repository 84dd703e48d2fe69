//! The ids that a transaction claims, each with the row that claims it: of two that claim one, both
//! can be named.

use std::collections::hash_map::Entry;

use crate::id_map::IdMap;
use crate::origin::{Origin, RowOrigin};

/// The ids of the rows of one table.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// Number of the batch and of the row in it, by id: 16 bytes a row.
    rows: IdMap<(u32, u32)>,
    batches: Vec<Origin>,
    /// Ids since the savepoint, if there is one, and the number of batches then.
    since: Option<(Vec<i64>, usize)>,
}

impl Claims {
    /// Claim the ids of a batch, of which none is claimed.
    pub fn take(&mut self, ids: &[i64], origin: &Origin) {
        let batch = self.batches.len() as u32;
        self.batches.push(origin.clone());
        for (row, &id) in ids.iter().enumerate() {
            if let Entry::Vacant(entry) = self.rows.entry(id) {
                entry.insert((batch, row as u32));
            }
        }
        if let Some((since, _)) = &mut self.since {
            since.extend(ids);
        }
    }

    /// The row that claims an id.
    pub fn row(&self, id: i64) -> Option<RowOrigin> {
        let (batch, row) = self.rows.get(&id)?;
        self.batches.get(*batch as usize).map(|origin| origin.row(*row as usize))
    }

    /// Set a savepoint.
    pub fn mark(&mut self) {
        self.since = Some((vec![], self.batches.len()));
    }

    /// Keep what came after the savepoint.
    pub fn release(&mut self) {
        self.since = None;
    }

    /// Give up what came after the savepoint.
    pub fn roll_back(&mut self) {
        let Some((ids, n_batches)) = self.since.take() else { return };
        for id in ids {
            self.rows.remove(&id);
        }
        self.batches.truncate(n_batches);
    }
}
