//! What is to be said of a file that was read: that it was cut off, that it has other tables.
//!
//! ```text
//!   reader ─ notes ─▶ metadata of the last batch's schema ─▶ conform ─▶ report
//! ```
//!
//! Much of it is known at the end of the file only. So it comes with one more batch, which has no
//! rows, and goes the way of all batches.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::Schema;

use super::column::excerpt;
use crate::conform::listed;

/// The metadata of a schema in which notes are, one a line.
const NOTES: &str = "almagest:notes";

/// Takes notes while a file is read.
#[derive(Debug, Clone, Default)]
pub(super) struct FileNotes(Arc<Mutex<Vec<String>>>);

impl FileNotes {
    /// Note something, in one line.
    pub fn add(&self, note: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// Note that the service that wrote the table cut it off.
    ///
    /// # Arguments
    /// * `status` - what the file calls the word that says so
    pub fn add_overflow(&self, status: &str) {
        let note = "warning: rows are missing, as the service that wrote the table cut it off";
        self.add(format!("{note} ({status} is OVERFLOW)"));
    }

    /// Note that a file has more tables than the one that was taken, if that is so.
    ///
    /// # Arguments
    /// * `taken` - the first table, which nobody asked for
    pub fn add_others(&self, taken: &str, others: &[String]) {
        if !others.is_empty() {
            let n_tables = others.len() + 1;
            let others: Vec<String> = others.iter().map(|other| excerpt(other)).collect();
            let (taken, others) = (excerpt(taken), listed(&others));
            let note =
                format!("table {taken} was read, the first of {n_tables}; not read: {others}");
            // Names may be of any characters.
            self.add(note.replace(char::is_control, "\u{FFFD}"));
        }
    }

    /// Move all notes to a schema; `None` where there are none.
    pub fn move_to(&self, schema: &Schema) -> Option<Schema> {
        let notes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut schema = schema.clone();
        schema.metadata.insert(NOTES.to_owned(), notes.join("\n"));
        (!notes.is_empty()).then_some(schema)
    }
}

/// The notes that came with a batch.
pub(crate) fn notes_of(schema: &Schema) -> impl Iterator<Item = &str> {
    schema.metadata.get(NOTES).into_iter().flat_map(|notes| notes.lines())
}
