//! The values of one column that do not fit: the first of them in full, the others as a number.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::error::ValueProblem;

/// Longest excerpt of a value in a message, characters.
const EXCERPT_LENGTH: usize = 60;

/// A value that does not fit.
#[derive(Debug)]
pub(super) struct Fault {
    /// The row in the batch, 0-based.
    pub row: usize,
    /// The value as it was found, shortened.
    pub value: String,
    /// Why it does not fit.
    pub problem: ValueProblem,
}

/// All values of a column that do not fit. A value has one fault: the first that was found.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// The fault of the first row.
    pub first: Option<Fault>,
    rows: HashSet<usize>,
}

impl Faults {
    /// Note a fault; its value is written out only if it comes first.
    pub fn add(&mut self, row: usize, problem: ValueProblem, value: impl FnOnce() -> String) {
        if self.rows.insert(row) && self.first.as_ref().is_none_or(|first| row < first.row) {
            self.first = Some(Fault { row, value: excerpt(&value()), problem });
        }
    }

    /// Add the faults of the same column that another step found.
    pub fn merge(&mut self, other: Self) {
        let is_earlier = |fault: &Fault| {
            !self.rows.contains(&fault.row)
                && self.first.as_ref().is_none_or(|first| fault.row < first.row)
        };
        if let Some(fault) = other.first.filter(is_earlier) {
            self.first = Some(fault);
        }
        self.rows.extend(other.rows);
    }

    /// Return how many values do not fit.
    pub fn count(&self) -> usize {
        self.rows.len()
    }
}

/// Write out a value of an array for a message; text in quotes, its control characters escaped.
pub(super) fn shown(array: &dyn Array, row: usize) -> String {
    if let Some(texts) = array.as_string_opt::<i32>() {
        return format!("{:?}", texts.value(row));
    }
    let value = array.slice(row, 1);
    let number = || formatted(cast(&value, &DataType::Int64).ok()?.as_ref());
    // Instants beyond the calendar are shown as the numbers that they are.
    formatted(&value).or_else(number).unwrap_or_else(|| "the value".to_owned())
}

/// Write out the only value of an array.
fn formatted(value: &dyn Array) -> Option<String> {
    let options = FormatOptions::new().with_display_error(false);
    ArrayFormatter::try_new(value, &options).ok()?.value(0).try_to_string().ok()
}

fn excerpt(value: &str) -> String {
    if value.chars().count() <= EXCERPT_LENGTH {
        return value.to_owned();
    }
    value.chars().take(EXCERPT_LENGTH).chain("…".chars()).collect()
}
