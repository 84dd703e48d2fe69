//! Rows of any shape become rows of exactly their table's schema, or are refused with reasons.
//!
//! ```text
//! batch ─▶ match columns by name ─▶ convert types ─▶ clean floats ─▶ check ─▶ conformed batch
//!          all mismatches at once   first bad value,  NaN → NULL      NOT NULL,
//!                                   with its row      ±inf → NULL     lengths,
//!                                                     −0.0 → 0.0      positions
//! ```
//!
//! What comes out is what the query engine relies on: no NaN, no infinity and no negative zero in
//! any column, a value wherever one is required, every declination between the poles. (Parquet's
//! statistics ignore NaN while Arrow orders it above all numbers, so one NaN would make a query's
//! rows depend on which pages were skipped.)

use std::collections::BTreeMap;

use almagest_storage::schema::{ColumnDef, TableDef};
use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::Schema;

use crate::error::{ColumnMismatch, Error, Result};
use crate::origin::Origin;
use check::Requirement;

mod check;
mod clean;
mod convert;
mod fault;
mod geometry;

pub(crate) use check::degrees;
pub(crate) use convert::instant;

/// What to do with input that a table cannot hold as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConformOptions {
    /// Columns of the input that the table lacks.
    pub extra_columns: ExtraColumns,
    /// Infinities in float columns.
    pub infinities: Infinities,
}

/// What to do with columns of the input that the table lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExtraColumns {
    /// Refuse the input.
    #[default]
    Refuse,
    /// Leave them out and name them in the report.
    Ignore,
}

/// What to do with infinities in float columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Infinities {
    /// Write NULL and count them in the report.
    #[default]
    ToNull,
    /// Refuse the input.
    Refuse,
}

/// What conforming changed, over one batch or many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rows that conformed.
    pub n_rows: u64,
    /// NaNs that became NULL, by column.
    pub nans: BTreeMap<String, u64>,
    /// Infinities (and numbers beyond a 32-bit float's range) that became NULL, by column.
    pub infinities: BTreeMap<String, u64>,
    /// Columns of the table that the input lacked, all NULL, with the number of such rows.
    pub absent_columns: BTreeMap<String, u64>,
    /// Columns of the input that were left out, with the number of such rows.
    pub ignored_columns: BTreeMap<String, u64>,
}

impl Report {
    /// Return the number of NaNs that became NULL.
    pub fn n_nans(&self) -> u64 {
        self.nans.values().sum()
    }

    /// Return the number of infinities that became NULL.
    pub fn n_infinities(&self) -> u64 {
        self.infinities.values().sum()
    }

    /// Add another report's counts to this one's.
    pub fn merge(&mut self, other: &Self) {
        self.n_rows += other.n_rows;
        for (mine, theirs) in [
            (&mut self.nans, &other.nans),
            (&mut self.infinities, &other.infinities),
            (&mut self.absent_columns, &other.absent_columns),
            (&mut self.ignored_columns, &other.ignored_columns),
        ] {
            for (column, count) in theirs {
                *mine.entry(column.clone()).or_default() += count;
            }
        }
    }
}

/// Return the rows with exactly the table's Arrow schema, and what had to be changed.
///
/// Columns are found by exact name, then by name in any case. Columns that the input lacks are
/// NULL. Values convert where nothing is lost: integers that fit, whole floats to integers, text
/// to everything but binary, instants of any precision to microseconds.
///
/// # Errors
/// [`Error::Columns`] with every mismatch of names and types, or else [`Error::Value`] with the
/// first row that holds a value that does not fit.
pub fn conform(
    table: &TableDef,
    batch: &RecordBatch,
    origin: &Origin,
    options: ConformOptions,
) -> Result<(RecordBatch, Report)> {
    let n_rows = batch.num_rows();
    let mut report = Report { n_rows: n_rows as u64, ..Report::default() };
    let sources = match_columns(table, batch.schema_ref(), options, &mut report)
        .map_err(|mismatches| columns_error(table, origin, mismatches))?;

    let mut columns = Vec::with_capacity(table.columns.len());
    let mut worst: Option<(fault::Fault, &ColumnDef)> = None;
    let mut n_faults = 0;
    for (column, source) in table.columns.iter().zip(sources) {
        let Some(source) = source else {
            report.absent_columns.insert(column.name.clone(), n_rows as u64);
            columns.push(new_null_array(&column.to_arrow(), n_rows));
            continue;
        };
        let (values, faults) =
            conform_column(table, column, batch.column(source), options, &mut report);
        columns.push(values);
        n_faults += faults.count();
        if let Some(fault) = faults.first
            && worst.as_ref().is_none_or(|(worst, _)| fault.row < worst.row)
        {
            worst = Some((fault, column));
        }
    }
    if let Some((fault, column)) = worst {
        return Err(Error::Value {
            origin: origin.row(fault.row),
            column: column.name.clone(),
            value: fault.value,
            problem: fault.problem,
            n_more: n_faults - 1,
        });
    }

    let row_count = RecordBatchOptions::new().with_row_count(Some(n_rows));
    RecordBatch::try_new_with_options(table.arrow_schema(), columns, &row_count)
        .map(|batch| (batch, report))
        .map_err(|source| Error::Rows { table: table.name.clone(), source })
}

/// Convert, clean and check one column.
fn conform_column(
    table: &TableDef,
    column: &ColumnDef,
    source: &ArrayRef,
    options: ConformOptions,
    report: &mut Report,
) -> (ArrayRef, fault::Faults) {
    let (values, mut faults) = match column.geometry() {
        Some(kind) => geometry::convert(source, kind),
        None => convert::convert(source, column.datatype),
    };
    let requirement = Requirement::of(table, column);
    let cleaned = clean::clean(&values, requirement, options.infinities, &mut faults);
    for (count, counts) in
        [(cleaned.nans, &mut report.nans), (cleaned.infinities, &mut report.infinities)]
    {
        if count > 0 {
            counts.insert(column.name.clone(), count);
        }
    }
    check::check(table, column, requirement, &cleaned.values, &mut faults);
    (cleaned.values, faults)
}

/// Find the input's column for each of the table's columns.
fn match_columns(
    table: &TableDef,
    input: &Schema,
    options: ConformOptions,
    report: &mut Report,
) -> Result<Vec<Option<usize>>, Vec<ColumnMismatch>> {
    let names: Vec<&str> = input.fields().iter().map(|field| field.name().as_str()).collect();
    let folded: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let mut is_taken = vec![false; names.len()];
    let mut mismatches = Vec::new();
    let mut sources = Vec::with_capacity(table.columns.len());

    for column in &table.columns {
        let exact = positions(&names, &column.name.as_str());
        let found = match exact.is_empty() {
            true => positions(&folded, &column.name.to_lowercase()),
            false => exact,
        };
        for &index in &found {
            is_taken[index] = true;
        }
        let [index] = found[..] else {
            if !found.is_empty() {
                mismatches.push(ColumnMismatch::Ambiguous {
                    column: column.name.clone(),
                    candidates: found.iter().map(|&index| names[index].to_owned()).collect(),
                });
            } else if Requirement::of(table, column) == Requirement::Required {
                mismatches.push(ColumnMismatch::Missing { column: column.name.clone() });
            }
            sources.push(None);
            continue;
        };
        let found_type = input.field(index).data_type();
        let is_convertible = match column.geometry() {
            Some(_) => geometry::is_convertible(found_type),
            None => convert::is_convertible(found_type, column.datatype),
        };
        if !is_convertible {
            mismatches.push(ColumnMismatch::Type {
                column: column.name.clone(),
                found: found_type.to_string(),
                expected: column.datatype,
            });
        }
        sources.push(Some(index));
    }

    for (name, _) in names.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken) {
        match options.extra_columns {
            ExtraColumns::Refuse => {
                mismatches.push(ColumnMismatch::Extra { column: (*name).to_owned() });
            }
            ExtraColumns::Ignore => {
                report.ignored_columns.insert((*name).to_owned(), report.n_rows);
            }
        }
    }
    if mismatches.is_empty() { Ok(sources) } else { Err(mismatches) }
}

fn positions<T: PartialEq>(names: &[T], wanted: &T) -> Vec<usize> {
    names.iter().enumerate().filter(|(_, name)| *name == wanted).map(|(index, _)| index).collect()
}

fn columns_error(table: &TableDef, origin: &Origin, mismatches: Vec<ColumnMismatch>) -> Error {
    Error::Columns { input: origin.input.to_string(), table: table.name.clone(), mismatches }
}
