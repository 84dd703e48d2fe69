//! Tables that a transaction adds, alters and drops.
//!
//! They come and go with the commit, as rows do: a table can be added, filled and published in one
//! version. Older versions, and snapshots that were taken of them, keep the tables they had.

use almagest_storage::Snapshot;
use almagest_storage::schema::{Alteration, TableChanges, TableDef};

use super::Transaction;
use crate::error::{Error, Result};

impl Transaction {
    /// Add tables, which this transaction can fill at once. A child and its director may come
    /// together, in any order.
    ///
    /// # Errors
    /// A name that is taken, whatever the case; definitions that contradict themselves or the
    /// tables there are, as a child whose director is missing. The transaction then is as it was.
    pub fn add_tables(&mut self, tables: Vec<TableDef>) -> Result<()> {
        let added = TableChanges { added: tables, ..TableChanges::default() };
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
        let dropped = TableChanges { dropped: vec![name.clone()], ..TableChanges::default() };
        self.schema = dropped.apply(&self.schema)?;
        // Its files must not become those of another table of its name.
        self.finish_writing()?;
        self.contributions.remove(&name);
        self.removals.retain(|(table, _)| *table != name);
        self.changes.altered.retain(|(table, _)| *table != name);
        self.directors.forget(&name);
        match self.changes.added.iter().position(|table| table.name == name) {
            Some(own) => drop(self.changes.added.remove(own)),
            None => self.changes.dropped.push(name),
        }
        Ok(())
    }

    /// Change the columns of a table. Its data files stay as they are: rows that are there are read
    /// with the columns that the table has in the version that is asked. Rows that this transaction
    /// appends from now on have the new columns.
    ///
    /// # Errors
    /// What [`TableChanges::apply`] refuses; [`Error::AlteredLate`] where the transaction has rows
    /// of the table, or removes some. The transaction then is as it was.
    pub fn alter_table(&mut self, table: &str, alteration: Alteration) -> Result<()> {
        let name = self.schema.find(table)?.name.clone();
        let is_removed = self.removals.iter().any(|(table, _)| *table == name);
        if is_removed || self.contributions.contains_key(&name) {
            return Err(Error::AlteredLate { table: name });
        }
        let altered =
            TableChanges { altered: vec![(name.clone(), alteration)], ..TableChanges::default() };
        self.schema = altered.apply(&self.schema)?;
        match self.is_committed(&name) {
            true => self.changes.altered.extend(altered.altered),
            false => {
                for own in &mut self.changes.added {
                    if let Some(table) = self.schema.table(&own.name) {
                        own.clone_from(table);
                    }
                }
            }
        }
        Ok(())
    }

    /// Does this transaction change the columns of a table?
    pub(super) fn is_altered(&self, table: &str) -> bool {
        self.changes.altered.iter().any(|(altered, _)| altered == table)
    }

    /// Is the table of this exact name one of the catalog, as opposed to one that this transaction
    /// adds, perhaps in the place of one that it drops?
    pub(super) fn is_committed(&self, table: &str) -> bool {
        self.changes.added.iter().all(|added| added.name != table)
    }

    /// Refuse to fill, or to drop, tables that another commit dropped or altered since the beginning.
    pub(super) fn check_tables(&self, newest: &Snapshot) -> Result<()> {
        let filled = self.contributions.keys().filter(|name| self.is_committed(name));
        // What a removal means rests on the columns too.
        let shrunk = self.removals.iter().map(|(table, _)| table);
        for name in filled.chain(shrunk).chain(&self.changes.dropped) {
            self.snapshot.refuse_changed(newest, name)?;
        }
        Ok(())
    }
}
