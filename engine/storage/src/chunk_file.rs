//! Rows to and from one Parquet file, sorted so that the sky prunes it.
//!
//! ```text
//!   rows, each with its place
//!     │ sort by chunk, key, then (director id, band, visit | id)
//!     ▼
//!   ┌ chunk A ──────────────┬ chunk B ┬ …
//!   │ row group │ row group │ row gr. │     a row group holds one chunk, at most 128 Ki rows
//!   └───────────┴───────────┴─────────┘     pages of at most 8 Ki rows, page index on
//! ```
//!
//! Rows of very many chunks and columns make several files, so that no footer takes long to read.
//!
//! A chunked table's file has one column more than its definition: [`HEALPIX_29`], the sort key,
//! last. Floats are stored plain (they hardly compress, and decode fastest), the key as deltas,
//! the rest by dictionary where that helps; the reasons with figures are in DESIGN.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::schema::TableDef;

mod encode;
mod extent;
mod order;
pub mod read;
pub mod write;

/// Greatest number of rows of a row group. The row groups of a chunk are full but the last: readers
/// rely on it, so that another number is another format of the catalog.
pub const ROW_GROUP_ROWS: usize = 128 * 1024;

/// Greatest number of column chunks of a file, unless one chunk of the sky has more: their part of the
/// footer is decoded in some 0.1 s and takes some 50 MB of memory.
const MOST_COLUMN_CHUNKS: usize = 64 * 1024;

/// Parts the rows of a table, chunk after chunk, into files whose footers stay small.
pub struct FileFilling {
    most_row_groups: u64,
    n_row_groups: u64,
}

impl FileFilling {
    /// Nothing yet.
    pub fn of(table: &TableDef) -> Self {
        let n_columns = table.columns.len() + usize::from(table.is_chunked());
        let most_row_groups = (MOST_COLUMN_CHUNKS / n_columns.max(1)) as u64;
        Self { most_row_groups, n_row_groups: 0 }
    }

    /// Take so many rows of the next chunk; do they begin a file?
    pub fn begins_with(&mut self, n_rows: u64) -> bool {
        let n_row_groups = n_rows.div_ceil(ROW_GROUP_ROWS as u64);
        let begins =
            self.n_row_groups == 0 || self.n_row_groups + n_row_groups > self.most_row_groups;
        self.n_row_groups = if begins { n_row_groups } else { self.n_row_groups + n_row_groups };
        begins
    }
}

/// Name of the sort-key column: the HEALPix cell of order 29, nested, of the row's position, or of
/// its director's position for a child.
pub const HEALPIX_29: &str = "_healpix_29";

/// Return the Arrow schema of the table's files: the definition's columns with their Parquet field
/// ids, and the sort key where the table is chunked.
pub fn file_schema(table: &TableDef) -> SchemaRef {
    let mut fields: Vec<Field> = Vec::with_capacity(table.columns.len() + 1);
    for (index, column) in table.columns.iter().enumerate() {
        let field = column.to_field();
        let mut metadata = field.metadata().clone();
        metadata
            .insert(PARQUET_FIELD_ID_META_KEY.to_owned(), table.column_number(index).to_string());
        fields.push(field.with_metadata(metadata));
    }
    if table.is_chunked() {
        fields.push(Field::new(HEALPIX_29, DataType::Int64, false));
    }
    Arc::new(Schema::new(fields))
}
