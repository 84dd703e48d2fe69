//! Rows of a file that cannot be read, where the rows after them can.
//!
//! A reader that goes on puts NULLs in the place of such a row and tells its number and fault, so
//! that all other rows keep theirs. What leaves the reader without a place in the file (a lying
//! length, a quote left open, bytes that cannot be decompressed) ends the reading all the same.

use arrow::array::{ArrayBuilder, StringBuilder};

use super::column::ColumnBuilder;
use crate::error::{CellProblem, Error, Result, TextProblem};

/// What to do with rows that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBadRow {
    /// End with the error of the first.
    #[default]
    Refuse,
    /// Go on, and hand them out as [`FileRows::bad_rows`](super::FileRows::bad_rows).
    Report,
}

/// A row that could not be read; its values in the batch mean nothing.
#[derive(Debug)]
pub struct BadRow {
    /// The row in the batch, 0-based.
    pub index: usize,
    /// What is wrong with it; names the file and the row's number there.
    pub error: Error,
}

/// The rows of one batch that could not be read.
#[derive(Debug)]
pub(super) struct BadRows {
    policy: OnBadRow,
    pub rows: Vec<BadRow>,
}

impl BadRows {
    pub fn new(policy: OnBadRow) -> Self {
        Self { policy, rows: vec![] }
    }

    /// Note the fault of a row.
    ///
    /// # Errors
    /// The fault itself where rows are not to be passed over, or the next row cannot be found.
    pub fn pass_over(&mut self, index: usize, error: Error) -> Result<()> {
        if self.policy == OnBadRow::Refuse || !is_of_row(&error) {
            return Err(error);
        }
        self.rows.push(BadRow { index, error });
        Ok(())
    }
}

/// Is the fault one of the row alone, and the reader at the row's end?
fn is_of_row(error: &Error) -> bool {
    match error {
        Error::Cell { problem, .. } => match problem {
            CellProblem::NotA { .. }
            | CellProblem::Length { .. }
            | CellProblem::NotText(_)
            | CellProblem::OutsideHeap { .. } => true,
            CellProblem::TooLong { .. } | CellProblem::Truncated => false,
        },
        Error::Text { problem, .. } => match problem {
            TextProblem::FieldCount { .. }
            | TextProblem::NotUtf8 { .. }
            | TextProblem::NotAnObject { .. }
            | TextProblem::RepeatedKey { .. } => true,
            TextProblem::TooLong { .. } | TextProblem::OpenQuote => false,
        },
        _ => false,
    }
}

/// A column of a batch that is being read.
pub(super) trait Cells {
    /// Append anything until there are so many cells; a list that was begun ends.
    fn fill_to(&mut self, n_cells: usize);
}

impl Cells for StringBuilder {
    fn fill_to(&mut self, n_cells: usize) {
        (self.len()..n_cells).for_each(|_| self.append_null());
    }
}

impl Cells for ColumnBuilder {
    fn fill_to(&mut self, n_cells: usize) {
        if self.n_cells() < n_cells && self.end_list().is_err() {
            self.null_cell();
        }
        (self.n_cells()..n_cells).for_each(|_| self.null_cell());
    }
}

/// A column without any value needs no builder.
impl<C: Cells> Cells for Option<C> {
    fn fill_to(&mut self, n_cells: usize) {
        if let Some(cells) = self {
            cells.fill_to(n_cells);
        }
    }
}
