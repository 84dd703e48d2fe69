//! Results as bytes: one encoder for each format, fed with batches of rows.
//!
//! ```text
//! RecordBatch ─▶ Canonical (few types) ─▶ Encoder ─▶ bytes ─▶ body
//! ```
//!
//! An encoder keeps at most a few bytes between batches (Parquet: one row group; FITS: a file), so
//! that memory does not grow with the number of rows.
//!
//! | format          | units, UCDs | overflow                  | failure amid the rows |
//! |-----------------|-------------|---------------------------|-----------------------|
//! | VOTable         | FIELD       | INFO after the TABLE      | INFO after the TABLE  |
//! | FITS            | TUNIT, TUCD | card QSTATUS              | no file               |
//! | Parquet         | VOTable in the footer | INFO in that VOTable | breaks off       |
//! | Arrow           | metadata of fields | cannot be told     | breaks off            |
//! | JSON            | `metadata`  | `query_status` at the end | breaks off            |
//! | CSV, TSV        | none        | cannot be told            | breaks off            |
//! | HTML, text      | above the columns | last line           | last line             |

pub mod canonical;
pub mod cell;
pub mod numeral;
pub mod row_bytes;

pub mod reference_systems;
pub mod votable;
mod base64_rows;
pub mod binary;
pub mod tabledata;

pub mod arrow_stream;
pub mod fits;
pub mod html;
pub mod json;
pub mod parquet_file;
pub mod separated;
pub mod text_table;

pub mod result_stream;

mod provenance;

use std::path::Path;

use almagest_engine::arrow::datatypes::SchemaRef;
use almagest_engine::arrow::record_batch::RecordBatch;

pub use provenance::Provenance;

use crate::Result;
use crate::dali::Format;

/// How a result ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// All rows were written.
    Complete,
    /// There are more rows than the limit.
    Overflow,
    /// The query failed after rows had been written; the text is for the caller.
    Failed(String),
}

/// Writes a result: the beginning, batches of rows, the end, and what was held back for the end.
///
/// Any part may be empty.
pub trait Encoder: Send {
    /// Return what precedes the rows.
    fn begin(&mut self) -> Result<Vec<u8>>;
    /// Return the rows of `batch`, whose columns are those of the canonical schema.
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>>;
    /// Return what follows the rows.
    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>>;
    /// Return, after the end, the next part of what was held back until then; none when that was
    /// all. Only a format that must know its rows before the first byte holds anything back.
    fn more(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    /// Can the format say, after rows, that the query failed?
    ///
    /// Where it cannot, the transfer must break off, lest a part be taken for the whole.
    fn can_report_failure(&self) -> bool;
}

/// Make the encoder of `format` for rows of the canonical schema `schema`.
///
/// # Arguments
/// `spool`: the folder for rows that must wait until all are known (FITS).
///
/// # Errors
/// A column has a type that the format cannot hold, or the folder cannot be written.
pub fn encoder(
    format: Format,
    schema: &SchemaRef,
    provenance: &Provenance,
    spool: &Path,
) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::VotableBinary2 => Box::new(binary::Binary::version_2(schema, provenance)?),
        Format::VotableBinary => Box::new(binary::Binary::version_1(schema, provenance)?),
        Format::VotableTableData => Box::new(tabledata::TableData::new(schema, provenance)?),
        Format::Csv => Box::new(separated::Separated::csv(schema)),
        Format::Tsv => Box::new(separated::Separated::tsv(schema)),
        Format::Json => Box::new(json::Json::new(schema, provenance)?),
        Format::Parquet => Box::new(parquet_file::ParquetFile::new(schema, provenance)?),
        Format::Arrow => Box::new(arrow_stream::ArrowStream::new(schema, provenance)?),
        Format::Fits => Box::new(fits::Fits::new(schema, provenance, spool)?),
        Format::Html => Box::new(html::Html::new(schema, provenance)),
        Format::Text => Box::new(text_table::TextTable::new(schema)),
    })
}
