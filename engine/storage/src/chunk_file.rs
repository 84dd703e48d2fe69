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
