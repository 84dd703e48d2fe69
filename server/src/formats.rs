//! Results as bytes: one encoder for each format, fed with batches of rows.
//!
//! ```text
//! RecordBatch ─▶ Canonical (few types) ─▶ Encoder ─▶ bytes ─▶ body
//! ```
//!
//! An encoder keeps at most a few bytes between batches (Parquet: one row group), so that memory
//! does not grow with the number of rows.

pub mod binary2;
pub mod canonical;
pub mod cell;
pub mod parquet_file;
pub mod result_stream;
pub mod separated;
pub mod tabledata;
pub mod votable;

use almagest_engine::arrow::datatypes::SchemaRef;
use almagest_engine::arrow::record_batch::RecordBatch;

use crate::Result;
use crate::dali::Format;

/// What a result says of itself beside its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The query as it was sent.
    pub query: String,
    /// Version of the catalog that the rows come from.
    pub version: u64,
    /// What was read leniently or renamed.
    pub warnings: Vec<String>,
}

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

/// Writes a result: the beginning, batches of rows, the end.
pub trait Encoder: Send {
    /// Return what precedes the rows.
    fn begin(&mut self) -> Result<Vec<u8>>;
    /// Return the rows of `batch`, whose columns are those of the canonical schema.
    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>>;
    /// Return what follows the rows.
    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>>;
    /// Can the format say, after rows, that the query failed?
    ///
    /// Where it cannot, the transfer must break off, lest a part be taken for the whole.
    fn can_report_failure(&self) -> bool;
}

/// Make the encoder of `format` for rows of the canonical schema `schema`.
///
/// # Errors
/// A column has a type that the format cannot hold.
pub fn encoder(
    format: Format,
    schema: &SchemaRef,
    provenance: &Provenance,
) -> Result<Box<dyn Encoder>> {
    Ok(match format {
        Format::VotableBinary2 => Box::new(binary2::Binary2::new(schema, provenance)?),
        Format::VotableTableData => Box::new(tabledata::TableData::new(schema, provenance)?),
        Format::Csv => Box::new(separated::Separated::csv(schema)),
        Format::Tsv => Box::new(separated::Separated::tsv(schema)),
        Format::Parquet => Box::new(parquet_file::ParquetFile::new(schema, provenance)?),
    })
}
