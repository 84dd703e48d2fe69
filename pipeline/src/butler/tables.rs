//! The registry's tables as rows, for whoever wants to ask them in another language.
//!
//! [`butler`] and [`obscore`] define the tables in Felis, as all tables of a catalog are defined;
//! [`Registry::table_rows`] and [`Registry::obscore_rows`] make their rows, as they are now.

mod obscore;

use std::collections::HashMap;
use std::sync::Arc;

use almagest_storage::schema::SchemaDef;
use almagest_storage::schema::felis::{self, FelisError};
use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use rusqlite::Connection;
use rusqlite::types::Value as SqlValue;

pub use obscore::Published;

use super::registry::{Fault, Registry};
use crate::error::Result;

/// The tables of the registry that are shown.
const SHOWN: [&str; 12] = [
    "dataset",
    "dataset_type",
    "collection",
    "chain",
    "tag",
    "calibration",
    "visit",
    "exposure",
    "visit_detector_region",
    "quantum",
    "quantum_input",
    "attempt",
];

/// The Felis text of the schema `butler`.
const BUTLER_YAML: &str = include_str!("../../schemas/butler.yaml");

/// The Felis text of the schema `ivoa`.
const OBSCORE_YAML: &str = include_str!("../../schemas/obscore.yaml");

/// The registry's own tables.
///
/// # Errors
/// None for the text as shipped; the tests read it.
pub fn butler() -> Result<SchemaDef, FelisError> {
    felis::parse(BUTLER_YAML, &|_| None).map(|reading| reading.schema)
}

/// `ivoa.ObsCore`: images in the words of the IVOA's observation data model.
///
/// # Errors
/// None for the text as shipped; the tests read it.
pub fn obscore() -> Result<SchemaDef, FelisError> {
    felis::parse(OBSCORE_YAML, &|_| None).map(|reading| reading.schema)
}

impl Registry {
    /// The rows of a table of [`butler`], as they are now. Columns declared INTEGER are 64-bit
    /// integers, REAL doubles, all others texts; each may be NULL.
    ///
    /// # Errors
    /// Those of the registry; a name that is none of the tables gives no columns.
    pub fn table_rows(&self, table: &str) -> Result<RecordBatch> {
        let columns = self.with(|connection| {
            if !SHOWN.contains(&table) {
                return Ok(vec![]);
            }
            let sql = "SELECT name, type FROM pragma_table_info(?1) ORDER BY cid";
            let declared: HashMap<String, String> = connection
                .prepare_cached(sql)?
                .query_map([table], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            let kind = |name: &str| Kind::declared(declared.get(name).map_or("", String::as_str));
            columns(connection, &format!("SELECT * FROM {table}"), kind)
        })?;
        Ok(RecordBatch::try_from_iter_with_nullable(columns)?)
    }
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Integer,
    Real,
    Text,
}

impl Kind {
    /// As a table of SQLite declares it.
    fn declared(text: &str) -> Self {
        match text {
            "INTEGER" => Self::Integer,
            "REAL" => Self::Real,
            _ => Self::Text,
        }
    }

    fn array(self, cells: Vec<SqlValue>) -> ArrayRef {
        match self {
            Self::Integer => {
                let integer =
                    |cell| if let SqlValue::Integer(value) = cell { Some(value) } else { None };
                Arc::new(cells.into_iter().map(integer).collect::<Int64Array>())
            }
            Self::Real => {
                let real = |cell| match cell {
                    SqlValue::Real(value) => Some(value),
                    SqlValue::Integer(value) => Some(value as f64),
                    _ => None,
                };
                Arc::new(cells.into_iter().map(real).collect::<Float64Array>())
            }
            Self::Text => {
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
}

/// The columns that a SELECT gives: name, values, and that some may be NULL.
fn columns(
    connection: &Connection,
    select: &str,
    kind: impl Fn(&str) -> Kind,
) -> Result<Vec<(String, ArrayRef, bool)>, Fault> {
    let mut statement = connection.prepare(select)?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut cells: Vec<Vec<SqlValue>> = vec![vec![]; names.len()];
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for (column, cells) in cells.iter_mut().enumerate() {
            cells.push(row.get(column)?);
        }
    }
    let array = |(cells, name): (Vec<SqlValue>, String)| {
        let array = kind(&name).array(cells);
        (name, array, true)
    };
    Ok(cells.into_iter().zip(names).map(array).collect())
}
