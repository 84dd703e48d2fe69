//! VOTable with rows as base64 of binary values.
//!
//! ```text
//! row:   null flags, one bit a column, first column in the highest bit │ value │ value │ …
//! value: big-endian number, or 4-byte count and elements where the length varies
//! ```
//!
//! Reference: VOTable 1.4, section 5.4 and 6.

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::record_batch::RecordBatch;
use almagest_engine::tap_schema::VotableType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cell::Column;
use super::{Encoder, Ending, Provenance, votable};
use crate::Result;

/// Writes VOTable BINARY2.
pub struct Binary2 {
    head: String,
    types: Vec<VotableType>,
    /// Bytes that do not yet make up a group of three, which base64 encodes together.
    rest: Vec<u8>,
}

impl Binary2 {
    /// Make an encoder of rows of the canonical schema `schema`.
    pub fn new(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let head = votable::head(schema, provenance)?;
        Ok(Self { head, types: votable::types(schema)?, rest: Vec::new() })
    }
}

impl Encoder for Binary2 {
    fn begin(&mut self) -> Result<Vec<u8>> {
        let head = std::mem::take(&mut self.head);
        Ok((head + "<DATA><BINARY2><STREAM encoding=\"base64\">\n").into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = batch.columns().iter().map(Column::of).collect::<Result<Vec<_>>>()?;
        let mut bytes = std::mem::take(&mut self.rest);
        bytes.reserve(batch.num_rows() * (columns.len() * 8 + columns.len().div_ceil(8)));
        for row in 0..batch.num_rows() {
            write_null_flags(&columns, row, &mut bytes);
            for (column, kind) in columns.iter().zip(&self.types) {
                column.write_binary(row, kind, &mut bytes);
            }
        }
        self.rest = bytes.split_off(bytes.len() - bytes.len() % 3);
        Ok((STANDARD.encode(bytes) + "\n").into_bytes())
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let rest = STANDARD.encode(std::mem::take(&mut self.rest));
        let tail = votable::tail(ending);
        Ok(format!("{rest}\n</STREAM></BINARY2></DATA>\n{tail}").into_bytes())
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}

fn write_null_flags(columns: &[Column<'_>], row: usize, out: &mut Vec<u8>) {
    for eight in columns.chunks(8) {
        let flags = eight.iter().enumerate().filter(|(_, column)| column.is_null(row));
        out.push(flags.fold(0, |byte, (index, _)| byte | 0x80 >> index));
    }
}
