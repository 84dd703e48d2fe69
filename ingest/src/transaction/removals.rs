//! Rows of the catalog that a transaction removes.
//!
//! They go in the same version in which the transaction's own rows come, so that a visit that was
//! processed again replaces its rows in one step. What a removal means is looked up at the commit,
//! in the newest version; where another commit changes the same rows between that and the writing
//! of the version, the commit is refused as a conflict, and can be tried again.

use std::collections::BTreeMap;

use almagest_storage::{DeletionVector, Error as StorageError, Removal, Snapshot};

use super::Transaction;
use crate::error::{Error, Result};

/// What removals come to in one version.
#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Files of which nothing is left.
    pub files: Vec<i64>,
    /// Rows of other files.
    pub rows: BTreeMap<i64, DeletionVector>,
    /// Number of rows by table.
    pub n_rows: BTreeMap<String, u64>,
}

impl Transaction {
    /// Remove rows of the catalog with the commit; rows that this transaction appends stay.
    ///
    /// Rows that refer to removed ones, as children to their director, are left as they are.
    ///
    /// # Errors
    /// There is no such table or column; ids of a table that has none.
    pub fn remove(&mut self, table: &str, removal: Removal) -> Result<()> {
        let table = self.schema.find(table)?;
        removal.check(table)?;
        if self.is_altered(&table.name) {
            return Err(Error::AlteredLate { table: table.name.clone() });
        }
        // A table that this transaction adds holds nothing that could go.
        if self.is_committed(&table.name) {
            self.snapshot.refuse_mounted(&table.name)?;
            self.removals.push((table.name.clone(), removal));
        }
        Ok(())
    }

    /// Find the rows that are to go.
    pub(super) fn removed(&self, newest: &Snapshot) -> Result<Removed> {
        let mut removed = Removed::default();
        let mut rows_of: BTreeMap<(&str, i64), DeletionVector> = BTreeMap::new();
        for (table, removal) in &self.removals {
            let found = newest.find_rows(table, removal).map_err(|error| match error {
                StorageError::NoSuchRow { .. } if newest.version() > self.snapshot.version() => {
                    let reason = format!("rows of {table} were removed by another commit");
                    StorageError::Conflict { reason }
                }
                other => other,
            })?;
            for (file_id, rows) in found {
                let all = rows_of.entry((table, file_id)).or_default();
                *all = all.union(&rows);
            }
        }
        for ((table, file_id), rows) in rows_of {
            *removed.n_rows.entry(table.to_owned()).or_default() += rows.n_rows();
            let file = newest.data_files(table).iter().find(|file| file.file_id == file_id);
            match file {
                Some(file) if file.n_visible_rows() == rows.n_rows() => removed.files.push(file_id),
                _ => drop(removed.rows.insert(file_id, rows)),
            }
        }
        Ok(removed)
    }
}
