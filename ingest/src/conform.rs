//! Rows of any shape become rows of exactly their table's schema, or are refused with reasons.
//!
//! ```text
//! batch ─▶ match columns ─▶ convert types, units ─▶ clean floats ─▶ check ─▶ conformed batch
//!          all mismatches   first bad value,        NaN → NULL      NOT NULL,
//!          at once          with its row            ±inf → NULL     lengths,
//!                                                   −0.0 → 0.0      positions
//! ```
//!
//! What comes out is what the query engine relies on: no NaN, no infinity and no negative zero in
//! any column, a value wherever one is required, every declination between the poles. (Parquet's
//! statistics ignore NaN while Arrow orders it above all numbers, so one NaN would make a query's
//! rows depend on which pages were skipped.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use almagest_storage::counted;
use almagest_storage::schema::{ColumnDef, Datatype, TableDef};
use arrow::array::{
    ArrayRef, AsArray, Float64Array, RecordBatch, RecordBatchOptions, StringArray, new_null_array,
};
use arrow::datatypes::Float64Type;
use arrow::error::ArrowError;

use crate::error::{ColumnMismatch, Error, Result};
use crate::format::notes_of;
use crate::mapping::Mapping;
use crate::origin::Origin;
use check::Requirement;
use columns::{Given, match_columns};
use fault::Faults;
use scale::Change;

mod check;
mod clean;
mod column_notes;
mod columns;
mod convert;
mod fault;
mod geometry;
mod level;
mod scale;

pub(crate) use check::degrees;
pub use column_notes::ColumnNotes;
pub(crate) use column_notes::listed;
pub(crate) use convert::instant;
pub(crate) use level::Level;

/// What to do with input that a table cannot hold as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConformOptions {
    /// Columns of the input that the table lacks.
    pub extra_columns: ExtraColumns,
    /// Infinities in float columns.
    pub infinities: Infinities,
    /// What fills the columns of tables, by the tables' names in any case.
    pub mappings: BTreeMap<String, Arc<Mapping>>,
}

impl ConformOptions {
    fn mapping(&self, table: &str) -> Option<&Mapping> {
        let named = self.mappings.iter().find(|(name, _)| name.eq_ignore_ascii_case(table));
        named.map(|(_, mapping)| mapping.as_ref())
    }
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
    /// Infinities that became NULL, by column.
    pub infinities: BTreeMap<String, u64>,
    /// Longitudes beyond 0° to 360° that were brought there by whole turns, by column.
    pub turned: BTreeMap<String, u64>,
    /// Columns of the table that the input lacked, all NULL, with the number of such rows.
    pub absent_columns: BTreeMap<String, u64>,
    /// Columns of the table that the input lacked and that have a default, with the number of such
    /// rows.
    pub default_columns: BTreeMap<String, u64>,
    /// Columns of the input that were left out, with the number of such rows.
    pub ignored_columns: BTreeMap<String, u64>,
    /// How columns were found, and units and types that were changed.
    pub notes: Box<ColumnNotes>,
    /// What is to be said of files as a whole, each with the names of the files.
    pub files: BTreeMap<String, BTreeSet<String>>,
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

    /// One line for each thing that was changed, absent or left out, as people read them.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![];
        for (note, inputs) in &self.files {
            let inputs: Vec<String> = inputs.iter().cloned().collect();
            lines.push(format!("{}: {note}", listed(&inputs)));
        }
        for (what, counts) in [
            ("NaN became NULL", &self.nans),
            ("infinities became NULL", &self.infinities),
            ("brought to 0 to 360 degrees", &self.turned),
        ] {
            let line = |(column, &n_rows): (&String, &u64)| {
                format!("{column}: {what} ({})", counted(n_rows, "row"))
            };
            lines.extend(counts.iter().map(line));
        }
        lines.extend(self.notes.lines());
        for (what, counts) in [
            ("NULL, as the input lacks them", &self.absent_columns),
            ("their default, as the input lacks them", &self.default_columns),
            ("ignored, as the table lacks them", &self.ignored_columns),
        ] {
            if !counts.is_empty() {
                let columns: Vec<String> = counts.keys().cloned().collect();
                lines.push(format!("{what}: {}", listed(&columns)));
            }
        }
        lines
    }

    /// Add another report's counts to this one's.
    pub fn merge(&mut self, other: &Self) {
        self.n_rows += other.n_rows;
        self.notes.merge(&other.notes);
        for (note, inputs) in &other.files {
            self.files.entry(note.clone()).or_default().extend(inputs.iter().cloned());
        }
        for (mine, theirs) in [
            (&mut self.nans, &other.nans),
            (&mut self.infinities, &other.infinities),
            (&mut self.turned, &other.turned),
            (&mut self.absent_columns, &other.absent_columns),
            (&mut self.default_columns, &other.default_columns),
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
/// Columns are found by the mapping, by exact name, by name in any case, or by a UCD that no other
/// has. Columns that the input lacks are NULL. Values convert where nothing is lost: integers that
/// fit, whole floats to integers, text to everything but binary, instants of any precision to
/// microseconds; and from the unit that the input's field metadata says to the column's.
///
/// # Errors
/// [`Error::Columns`] with every mismatch of names, types and units, or else [`Error::Value`] with the
/// first row that holds a value that does not fit.
pub fn conform(
    table: &TableDef,
    batch: &RecordBatch,
    origin: &Origin,
    options: &ConformOptions,
) -> Result<(RecordBatch, Report)> {
    let n_rows = batch.num_rows();
    let mut report = Report { n_rows: n_rows as u64, ..Report::default() };
    for note in notes_of(batch.schema_ref()) {
        report.files.insert(note.to_owned(), [origin.input.to_string()].into());
    }
    let given = match_columns(table, batch.schema_ref(), options, &mut report)
        .map_err(|mismatches| columns_error(table, origin, mismatches))?;

    let mut columns = Vec::with_capacity(table.columns.len());
    let mut worst: Option<(fault::Fault, &ColumnDef)> = None;
    let mut n_faults = 0;
    for (column, given) in table.columns.iter().zip(given) {
        let converted = match given {
            Given::Absent => {
                report.absent_columns.insert(column.name.clone(), n_rows as u64);
                columns.push(new_null_array(&column.to_arrow(), n_rows));
                continue;
            }
            Given::Default(default) => {
                report.default_columns.insert(column.name.clone(), n_rows as u64);
                let values = default.array(&column.to_arrow(), n_rows);
                columns.push(values.map_err(|source| rows_error(table, source))?);
                continue;
            }
            Given::Constant(text) => {
                let texts = StringArray::from_iter_values(std::iter::repeat_n(text, n_rows));
                convert_column(column, &(Arc::new(texts) as ArrayRef))
            }
            Given::Column { index, change: None } => convert_column(column, batch.column(index)),
            Given::Column { index, change: Some(change) } => {
                change_column(column, batch, index, &change)
            }
        };
        let (values, faults) =
            clean_column(table, column, converted, options.infinities, &mut report);
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
        .map_err(|source| rows_error(table, source))
}

fn rows_error(table: &TableDef, source: ArrowError) -> Error {
    Error::Rows { table: table.name.clone(), source }
}

/// Convert values to the column's type.
fn convert_column(column: &ColumnDef, source: &ArrayRef) -> (ArrayRef, Faults) {
    match column.geometry() {
        Some(kind) => geometry::convert(source, kind),
        None => convert::convert(source, column.datatype),
    }
}

/// Change a column's numbers (units, transforms) and convert them to its type.
fn change_column(
    column: &ColumnDef,
    batch: &RecordBatch,
    index: usize,
    change: &Change,
) -> (ArrayRef, Faults) {
    let doubles = |index: usize| -> (Float64Array, Faults) {
        let (doubles, faults) = convert::convert(batch.column(index), Datatype::Double);
        (doubles.as_primitive::<Float64Type>().clone(), faults)
    };
    let (values, mut faults) = doubles(index);
    let second = change.transform.as_ref().and_then(|step| step.second);
    let second = second.map(|(second, _)| doubles(second));
    let changed = change.apply(&values, second.as_ref().map(|(values, _)| values));
    let (values, of_type) = convert::convert(&changed, column.datatype);
    faults.merge(of_type);
    faults.merge(second.map(|(_, faults)| faults).unwrap_or_default());
    (values, faults)
}

/// Clean and check a converted column.
fn clean_column(
    table: &TableDef,
    column: &ColumnDef,
    (values, mut faults): (ArrayRef, Faults),
    infinities: Infinities,
    report: &mut Report,
) -> (ArrayRef, Faults) {
    let requirement = Requirement::of(table, column);
    let cleaned = clean::clean(&values, requirement, infinities, &mut faults);
    for (count, counts) in
        [(cleaned.nans, &mut report.nans), (cleaned.infinities, &mut report.infinities)]
    {
        if count > 0 {
            counts.insert(column.name.clone(), count);
        }
    }
    check::check(table, column, requirement, &cleaned.values, &mut faults);
    if table.position.as_ref().is_some_and(|position| position.ra == column.name) {
        let (values, n_turned) = clean::turned(&cleaned.values);
        if n_turned > 0 {
            report.turned.insert(column.name.clone(), n_turned);
        }
        return (values, faults);
    }
    (cleaned.values, faults)
}

fn columns_error(table: &TableDef, origin: &Origin, mismatches: Vec<ColumnMismatch>) -> Error {
    Error::Columns { input: origin.input.to_string(), table: table.name.clone(), mismatches }
}
