//! Tables that a transaction adds and drops.
//!
//! They come and go with the commit, as rows do: a table can be added, filled and published in one
//! version. Older versions, and snapshots that were taken of them, keep the tables they had.

use almagest_storage::schema::{TableChanges, TableDef};
use almagest_storage::{Error as StorageError, Snapshot};

use super::Transaction;
use crate::error::Result;

impl Transaction {
    /// Add tables, which this transaction can fill at once. A child and its director may come
    /// together, in any order.
    ///
    /// # Errors
    /// A name that is taken, whatever the case; definitions that contradict themselves or the
    /// tables there are, as a child whose director is missing. The transaction then is as it was.
    pub fn add_tables(&mut self, tables: Vec<TableDef>) -> Result<()> {
        let added = TableChanges { dropped: vec![], added: tables };
        self.schema = added.apply(&self.schema)?;
        self.changes.added.extend(added.added);
        Ok(())
    }

    /// Drop a table and all its rows, those of this transaction included. Its name is free again
    /// for a table of this or of a later transaction.
    ///
    /// # Errors
    /// There is no such table; other tables follow it or refer to it. The transaction then is as
    /// it was.
    pub fn drop_table(&mut self, table: &str) -> Result<()> {
        let name = self.schema.find(table)?.name.clone();
        let dropped = TableChanges { dropped: vec![name.clone()], added: vec![] };
        self.schema = dropped.apply(&self.schema)?;
        self.contributions.remove(&name);
        self.removals.retain(|(table, _)| *table != name);
        self.directors.forget(&name);
        match self.changes.added.iter().position(|table| table.name == name) {
            Some(own) => drop(self.changes.added.remove(own)),
            None => self.changes.dropped.push(name),
        }
        Ok(())
    }

    /// Is the table of this exact name one of the catalog, as opposed to one that this transaction
    /// adds, perhaps in the place of one that it drops?
    pub(super) fn is_committed(&self, table: &str) -> bool {
        self.changes.added.iter().all(|added| added.name != table)
    }

    /// Refuse to fill, or to drop, tables that another commit dropped since the beginning.
    pub(super) fn check_tables(&self, newest: &Snapshot) -> Result<()> {
        let filled = self.contributions.keys().filter(|name| self.is_committed(name));
        for name in filled.chain(&self.changes.dropped) {
            if newest.table_since(name) != self.snapshot.table_since(name) {
                let reason = format!("table {name} was dropped by another commit");
                return Err(StorageError::Conflict { reason }.into());
            }
        }
        Ok(())
    }
}
