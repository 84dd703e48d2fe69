//! Where rows come from, so that every refusal can name the input and the row.

use std::fmt;
use std::sync::Arc;

/// Where the rows of one batch come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, or what the caller calls the rows.
    pub input: Arc<str>,
    /// Number of the batch's first row in the whole input, 1-based, headers not counted.
    pub first_row: u64,
}

impl Origin {
    /// Name an input, at its first row.
    pub fn new(input: impl Into<Arc<str>>) -> Self {
        Self { input: input.into(), first_row: 1 }
    }

    /// Return the origin of a row.
    ///
    /// # Arguments
    /// * `index` - the row in the batch, 0-based
    pub fn row(&self, index: usize) -> RowOrigin {
        RowOrigin { input: Arc::clone(&self.input), row: self.first_row + index as u64 }
    }

    /// Return the origin of the batch that follows one of `n_rows` rows.
    pub fn after(&self, n_rows: usize) -> Self {
        Self { input: Arc::clone(&self.input), first_row: self.first_row + n_rows as u64 }
    }
}

/// One row of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowOrigin {
    /// The file, or what the caller calls the rows.
    pub input: Arc<str>,
    /// The row in the whole input, 1-based, headers not counted.
    pub row: u64,
}

impl fmt::Display for RowOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row {}", self.input, self.row)
    }
}
