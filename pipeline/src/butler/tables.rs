//! The registry's tables as rows, for whoever wants to ask them in another language.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use rusqlite::types::Value as SqlValue;

use super::registry::Registry;
use crate::error::Result;

/// The tables, each with what a row of it is.
pub const TABLES: [(&str, &str); 12] = [
    ("dataset", "a dataset: what it is, where its file lies, its checksum"),
    ("dataset_type", "a kind of dataset"),
    ("collection", "a collection of datasets"),
    ("chain", "a collection within a chain"),
    ("tag", "a dataset in a tagged collection"),
    ("calibration", "a dataset with the time for which it holds"),
    ("visit", "a visit"),
    ("exposure", "an exposure"),
    ("visit_detector_region", "where a detector saw in a visit"),
    ("quantum", "one task on one data id"),
    ("quantum_input", "a dataset that a quantum read"),
    ("attempt", "a try of a quantum"),
];

impl Registry {
    /// The rows of one of [`TABLES`], as they are now. Columns declared INTEGER are 64-bit integers,
    /// REAL doubles, all others text; each may be NULL.
    ///
    /// # Errors
    /// Those of the registry; a name that is none of the tables gives no columns.
    pub fn table_rows(&self, table: &str) -> Result<RecordBatch> {
        let columns: Vec<(String, ArrayRef)> = self.with(|connection| {
            if !TABLES.iter().any(|(known, _)| *known == table) {
                return Ok(vec![]);
            }
            let sql = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";
            let declared: Vec<(String, String)> = connection
                .prepare_cached(sql)?
                .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
            let mut cells: Vec<Vec<SqlValue>> = vec![vec![]; declared.len()];
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                for (column, cells) in cells.iter_mut().enumerate() {
                    cells.push(row.get(column)?);
                }
            }
            let array = |(cells, (name, kind)): (Vec<SqlValue>, (String, String))| {
                (name, column(cells, &kind))
            };
            Ok(cells.into_iter().zip(declared).map(array).collect())
        })?;
        let fields = columns.into_iter().map(|(name, array)| (name, array, true));
        Ok(RecordBatch::try_from_iter_with_nullable(fields)?)
    }
}

fn column(cells: Vec<SqlValue>, kind: &str) -> ArrayRef {
    match kind {
        "INTEGER" => {
            let integer =
                |cell| if let SqlValue::Integer(value) = cell { Some(value) } else { None };
            Arc::new(cells.into_iter().map(integer).collect::<Int64Array>())
        }
        "REAL" => {
            let real = |cell| match cell {
                SqlValue::Real(value) => Some(value),
                SqlValue::Integer(value) => Some(value as f64),
                _ => None,
            };
            Arc::new(cells.into_iter().map(real).collect::<Float64Array>())
        }
        _ => {
            let text = |cell| match cell {
                SqlValue::Text(text) => Some(text),
                SqlValue::Integer(value) => Some(value.to_string()),
                SqlValue::Real(value) => Some(value.to_string()),
                SqlValue::Null | SqlValue::Blob(_) => None,
            };
            Arc::new(cells.into_iter().map(text).collect::<StringArray>())
        }
    }
}
