//! Reading columns of the tables that tasks hand to each other.

use arrow::array::{Array, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;

use crate::error::Result;

fn column(rows: &RecordBatch, name: &str, data_type: &DataType) -> Result<arrow::array::ArrayRef> {
    let missing = || ArrowError::SchemaError(format!("no column {name}"));
    Ok(cast(rows.column_by_name(name).ok_or_else(missing)?, data_type)?)
}

/// A column of numbers.
pub(crate) fn numbers(rows: &RecordBatch, name: &str) -> Result<Float64Array> {
    Ok(column(rows, name, &DataType::Float64)?.as_primitive::<Float64Type>().clone())
}

/// A column of whole numbers.
pub(crate) fn integers(rows: &RecordBatch, name: &str) -> Result<Int64Array> {
    Ok(column(rows, name, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// A column of flags.
pub(crate) fn flags(rows: &RecordBatch, name: &str) -> Result<BooleanArray> {
    Ok(column(rows, name, &DataType::Boolean)?.as_boolean().clone())
}

/// A column of texts; empty where there is none.
pub(crate) fn texts(rows: &RecordBatch, name: &str) -> Result<Vec<String>> {
    let texts = column(rows, name, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let text = |row| if texts.is_valid(row) { texts.value(row).to_owned() } else { String::new() };
    Ok((0..texts.len()).map(text).collect())
}

/// The value of a cell; NaN where there is none.
pub(crate) fn number(column: &Float64Array, row: usize) -> f64 {
    if column.is_valid(row) { column.value(row) } else { f64::NAN }
}
