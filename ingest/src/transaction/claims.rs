//! The ids that a transaction claims, each with the row that claims it: of two that claim one, both
//! can be named.

use std::collections::hash_map::Entry;
use std::io;
use std::path::Path;

use super::written_ids::{BatchRow, WrittenIds};
use crate::id_map::IdMap;
use crate::origin::{Origin, RowOrigin};

/// The ids of the rows of one table.
#[derive(Default)]
pub(super) struct Claims {
    /// Of rows in memory.
    rows: IdMap<BatchRow>,
    /// Of rows in files, and perhaps of some that were rolled back.
    written: Option<WrittenIds>,
    batches: Vec<Origin>,
    /// Ids in memory since the savepoint, if there is one, and the number of batches then.
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

    /// Rows are in a file: keep their ids on disk, in `folder`, in the place of memory.
    pub fn written(&mut self, ids: &[i64], folder: &Path) -> io::Result<()> {
        let written = match self.written.take() {
            Some(written) => written,
            None => WrittenIds::new(folder)?,
        };
        let rows = ids.iter().filter_map(|id| Some((*id, self.rows.remove(id)?)));
        let rows: Vec<(i64, BatchRow)> = rows.collect();
        if let Some((since, _)) = &mut self.since {
            since.retain(|id| self.rows.contains_key(id));
        }
        self.written.insert(written).take(&rows)
    }

    /// The row in memory that claims an id.
    pub fn row_in_memory(&self, id: i64) -> Option<RowOrigin> {
        self.rows.get(&id).and_then(|row| self.origin(*row))
    }

    /// May a row in a file claim an id?
    pub fn may_be_written(&self, id: i64) -> bool {
        self.written.as_ref().is_some_and(|written| written.may_hold(id))
    }

    /// The row that claims an id, which one does.
    pub fn row(&self, id: i64) -> Option<RowOrigin> {
        self.row_in_memory(id).or_else(|| {
            let row = self.written.as_ref()?.row(id);
            self.origin(row.inspect_err(|error| tracing::warn!(%error, "ids on disk")).ok()??)
        })
    }

    fn origin(&self, (batch, row): BatchRow) -> Option<RowOrigin> {
        self.batches.get(batch as usize).map(|origin| origin.row(row as usize))
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
