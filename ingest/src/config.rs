//! The options of a transaction.

use std::path::PathBuf;

use crate::conform::ConformOptions;

/// What to do with rows that do not fit their table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OnError {
    /// Refuse the batch or the file that holds them.
    #[default]
    Abort,
    /// Leave them out and count them by kind.
    Reject {
        /// A CSV file that takes input, number, table, kind and reason of each; there may be no such file before.
        file: Option<PathBuf>,
    },
}

/// The options of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionConfig {
    /// Rows are written to (invisible) files when those that came exceed a third of this size, bytes; the rest
    /// is for rows that are being written. 64 bytes are counted for the order of each row.
    /// Children whose directors have not come yet stay in memory whatever their size, so that a
    /// bulk load should append directors first. Of rows that are written, two bytes stay for each id
    /// that names one row, 128 MiB at most.
    pub buffer_bytes: usize,
    /// Places of directors that are kept in memory once they were looked up, of one table. Children of others
    /// wait to be looked up together, when rows are written.
    pub kept_places: usize,
    /// What to do with input that a table cannot hold as it is.
    pub conform: ConformOptions,
    /// What to do with rows that do not fit their table.
    pub on_error: OnError,
    /// Compare ids with those of the catalog when rows are appended, and not only at the commit: who appends is
    /// told, and the other rows stay. It costs one more look-up of each id.
    pub known_ids_at_once: bool,
    /// Who commits, as the list of versions shows it.
    pub author: String,
}

impl Default for TransactionConfig {
    /// 480 MiB and two million places: a visit stays one file a table, a bulk load takes little memory.
    fn default() -> Self {
        Self {
            buffer_bytes: 480 << 20,
            kept_places: 2 << 20,
            conform: ConformOptions::default(),
            on_error: OnError::Abort,
            known_ids_at_once: false,
            author: String::new(),
        }
    }
}
