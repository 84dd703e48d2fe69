//! Rows of bytes as the base64 of a VOTable's STREAM: what BINARY and BINARY2 share.

use almagest_engine::arrow::record_batch::RecordBatch;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cell::columns;
use super::row_bytes::Layout;
use crate::Result;

/// Rows encoded at a time: their bytes stay in the processor's cache.
const PART_ROWS: usize = 512;

/// Encodes rows, and keeps the bytes that do not yet make up a group of three.
pub struct Base64Rows {
    layout: Layout,
    bytes: Vec<u8>,
}

impl Base64Rows {
    /// Make an encoder of rows of that layout.
    pub fn new(layout: Layout) -> Self {
        Self { layout, bytes: Vec::new() }
    }

    /// Return the text of the rows of `batch`.
    pub fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let columns = columns(batch)?;
        let mut out = Vec::with_capacity(batch.num_rows() * columns.len() * 12);
        for begin in (0..batch.num_rows()).step_by(PART_ROWS) {
            let end = batch.num_rows().min(begin + PART_ROWS);
            self.layout.write(&columns, begin..end, &mut self.bytes);
            let whole = self.bytes.len() - self.bytes.len() % 3;
            append(&self.bytes[..whole], &mut out);
            self.bytes.drain(..whole);
        }
        out.push(b'\n');
        Ok(out)
    }

    /// Return the text of the last bytes.
    pub fn end(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        append(&std::mem::take(&mut self.bytes), &mut out);
        out.push(b'\n');
        out
    }
}

fn append(bytes: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    // The room is just what the text needs.
    let written = STANDARD.encode_slice(bytes, &mut out[begin..]).unwrap_or(0);
    out.truncate(begin + written);
}
