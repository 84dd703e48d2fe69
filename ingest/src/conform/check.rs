//! What a converted column must hold: values where they are required, strings within their
//! length, declinations between the poles, no director of id 0.

use almagest_storage::schema::{ColumnDef, TableDef, TableKind};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use super::fault::{Faults, shown};
use crate::error::ValueProblem;

/// Must each row have a value in the column?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Requirement {
    Required,
    Optional,
}

impl Requirement {
    /// Return what a table asks of a column: a value where the definition says so, and also for
    /// the id of a row and the position by which rows are placed, whatever it says.
    pub fn of(table: &TableDef, column: &ColumnDef) -> Self {
        let is_id = table.id.as_ref() == Some(&column.name);
        let is_place = matches!(table.kind, TableKind::Director | TableKind::Positional)
            && table
                .position
                .as_ref()
                .is_some_and(|position| [&position.ra, &position.dec].contains(&&column.name));
        if !column.nullable || is_id || is_place { Self::Required } else { Self::Optional }
    }
}

/// Check a converted and cleaned column.
pub(super) fn check(
    table: &TableDef,
    column: &ColumnDef,
    requirement: Requirement,
    values: &ArrayRef,
    faults: &mut Faults,
) {
    if requirement == Requirement::Required && values.null_count() > 0 {
        for row in (0..values.len()).filter(|&row| values.is_null(row)) {
            faults.add(row, ValueProblem::Absent, || "NULL".to_owned());
        }
    }
    if let (Some(length), Some(texts)) = (column.length, values.as_string_opt::<i32>()) {
        for (row, text) in texts.iter().enumerate() {
            if text.is_some_and(|text| is_longer(text, length as usize)) {
                faults.add(row, ValueProblem::TooLong { length }, || shown(values, row));
            }
        }
    }
    if table.kind == TableKind::Director
        && table.id.as_ref() == Some(&column.name)
        && let Some(ids) = values.as_primitive_opt::<Int64Type>()
    {
        for (row, _) in ids.iter().enumerate().filter(|(_, id)| *id == Some(0)) {
            faults.add(row, ValueProblem::ZeroDirector, || "0".to_owned());
        }
    }
    if table.position.as_ref().is_some_and(|position| position.dec == column.name) {
        for (row, dec) in degrees(values).iter().enumerate() {
            if let Some(dec) = dec.filter(|dec| dec.abs() > 90.0) {
                faults.add(row, ValueProblem::BeyondPole, || dec.to_string());
            }
        }
    }
}

/// Return a position column as doubles, whichever float the table stores.
pub(crate) fn degrees(values: &ArrayRef) -> Float64Array {
    match cast(values, &DataType::Float64) {
        Ok(doubles) => doubles.as_primitive::<Float64Type>().clone(),
        // Unreachable for numbers; a definition with another type has no positions.
        Err(_) => Float64Array::new_null(values.len()),
    }
}

/// Compare characters, counting them only where the bytes do not decide.
fn is_longer(text: &str, length: usize) -> bool {
    text.len() > length && text.chars().count() > length
}
