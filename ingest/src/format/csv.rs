//! Text tables: a header row with the columns' names, then one row a line, fields perhaps quoted.
//!
//! All columns are read as text; what they mean is for the table's definition to say, so that a
//! number with leading zeros or a column of NULLs is never guessed wrong. Batches are bounded in
//! rows and in bytes, however wide the table. Lines without any character are skipped.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};

use super::bad_rows::BadRows;
use super::input::{Bytes, Input};
use super::{ROW_BYTES_LIMIT, ReadOptions, RowSource, batch, read_rows};
use crate::error::{Error, Result, TextProblem};
use crate::origin::Origin;

/// Streams the rows of a text file.
pub(super) struct TextRows {
    lines: Lines,
    schema: SchemaRef,
    null_fields: Vec<String>,
    batch_rows: usize,
}

impl TextRows {
    /// Read the header of a file.
    pub fn open(input: Input, delimiter: u8, options: &ReadOptions) -> Result<Self> {
        let name = Arc::clone(input.name());
        let mut lines = Lines::new(Box::new(input.into_stream()), delimiter);
        let header = lines.header(&name)?;
        let fields = header.iter().map(|name| Field::new(name.trim(), DataType::Utf8, true));
        Ok(Self {
            lines,
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            null_fields: options.null_fields.clone(),
            batch_rows: options.batch_rows,
        })
    }
}

impl RowSource for TextRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let mut columns: Vec<StringBuilder> =
            self.schema.fields().iter().map(|_| StringBuilder::with_capacity(0, 0)).collect();
        read_rows(self.batch_rows, origin, &mut columns, bad_rows, |row, columns| {
            let Some(record) = self.lines.record(row)? else { return Ok(None) };
            for (column, field) in columns.iter_mut().zip(record) {
                if self.null_fields.iter().any(|null| null == field) {
                    column.append_null();
                } else {
                    column.append_value(field);
                }
            }
            Ok(Some(record.as_slice().len()))
        })?;
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        batch(self.schema(), columns.collect(), origin)
    }
}

/// The header and the records of a text table, each within a limit of bytes.
pub(super) struct Lines {
    reader: Reader<RowBytes>,
    record: StringRecord,
    delimiter: u8,
}

impl Lines {
    /// Begin with the header row.
    pub fn new(bytes: Bytes, delimiter: u8) -> Self {
        let bytes = RowBytes {
            inner: bytes,
            n_bytes: 0,
            kept: vec![],
            kept_from: 0,
            row_from: 0,
            is_at_end: false,
        };
        let reader = ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
        Self { reader, record: StringRecord::new(), delimiter }
    }

    /// Read the names of the columns.
    pub fn header(&mut self, name: &Arc<str>) -> Result<StringRecord> {
        let origin = Origin::new(Arc::clone(name));
        let header = self.reader.headers().cloned();
        self.check_quotes(&origin)?;
        let header = header.map_err(|error| row_error(&origin, error))?;
        if header.iter().all(|name| name.trim().is_empty()) {
            return Err(Error::NoHeader { path: PathBuf::from(&**name) });
        }
        Ok(header)
    }

    /// Read the row that `origin` names first; `None` at the end.
    pub fn record(&mut self, origin: &Origin) -> Result<Option<&StringRecord>> {
        let row_from = self.reader.position().byte();
        let bytes = self.reader.get_mut();
        (bytes.n_bytes, bytes.row_from) = (0, row_from);
        let has_row = self.reader.read_record(&mut self.record);
        self.check_quotes(origin)?;
        Ok(has_row.map_err(|error| row_error(origin, error))?.then_some(&self.record))
    }

    /// Refuse a row that the end of the file ended inside a quoted field: the reader takes it for a whole
    /// one, with all that follows the quote.
    fn check_quotes(&self, origin: &Origin) -> Result<()> {
        let bytes = self.reader.get_ref();
        match bytes.is_at_end && ends_in_quotes(bytes.row(), self.delimiter) {
            true => Err(Error::Text { origin: origin.row(0), problem: TextProblem::OpenQuote }),
            false => Ok(()),
        }
    }
}

/// Is a quoted field open at the end of a row? A quote opens one only where the field begins.
fn ends_in_quotes(row: &[u8], delimiter: u8) -> bool {
    enum At {
        FieldBegin,
        Plain,
        Quoted,
        /// Behind a quote in a quoted field: its end, or the first half of a quote that it holds.
        Quote,
    }
    let mut at = At::FieldBegin;
    for &byte in row {
        at = match (at, byte) {
            (At::FieldBegin | At::Quote, b'"') | (At::Quoted, 0..b'"' | b'#'..) => At::Quoted,
            (At::Quoted, b'"') => At::Quote,
            (_, b'\r' | b'\n') => At::FieldBegin,
            (_, byte) if byte == delimiter => At::FieldBegin,
            _ => At::Plain,
        };
    }
    matches!(at, At::Quoted)
}

/// The bytes of a file, of which those of the row that is being read are kept. Refuses to read on within
/// one row of too many: the whole file could follow a forgotten quote.
struct RowBytes {
    inner: Bytes,
    /// Bytes read since the row began.
    n_bytes: usize,
    /// The last bytes read, those of the row among them, and the place of the first in the file.
    kept: Vec<u8>,
    kept_from: u64,
    /// Where the row begins in the file.
    row_from: u64,
    /// Have all bytes been read?
    is_at_end: bool,
}

impl RowBytes {
    /// The bytes of the row, and what was read after it.
    fn row(&self) -> &[u8] {
        &self.kept[self.n_before_row()..]
    }

    fn n_before_row(&self) -> usize {
        let n_before = self.row_from.saturating_sub(self.kept_from);
        usize::try_from(n_before).map_or(self.kept.len(), |n| n.min(self.kept.len()))
    }
}

/// What [`RowBytes`] says to itself through the reader between them.
#[derive(Debug, thiserror::Error)]
#[error("{n_bytes} bytes in one row")]
struct RowTooLong {
    n_bytes: usize,
}

impl Read for RowBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        let n_done = self.n_before_row();
        self.kept.drain(..n_done);
        self.kept_from += n_done as u64;
        self.kept.extend_from_slice(&buffer[..n_bytes]);
        self.is_at_end = n_bytes == 0;
        self.n_bytes += n_bytes;
        if self.n_bytes > ROW_BYTES_LIMIT {
            return Err(io::Error::other(RowTooLong { n_bytes: self.n_bytes }));
        }
        Ok(n_bytes)
    }
}

/// Name the file and row of a failure to read.
fn row_error(origin: &Origin, error: csv::Error) -> Error {
    let problem = match error.into_kind() {
        ErrorKind::Io(source) => {
            match source.get_ref().and_then(|inner| inner.downcast_ref::<RowTooLong>()) {
                Some(row) => TextProblem::TooLong { n_bytes: row.n_bytes },
                None => return Error::Io { path: PathBuf::from(&*origin.input), source },
            }
        }
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            TextProblem::FieldCount { found: len, expected: expected_len }
        }
        ErrorKind::Utf8 { err, .. } => TextProblem::NotUtf8 { field: err.field() + 1 },
        kind => {
            let source = io::Error::other(format!("{kind:?}"));
            return Error::Io { path: PathBuf::from(&*origin.input), source };
        }
    };
    Error::Text { origin: origin.row(0), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_is_open_or_not() {
        for (row, is_open) in [
            ("", false),
            ("a,b", false),
            ("1,\"abc\n2,def\n", true),
            ("\"", true),
            ("\"a\"", false),
            ("\"a\"\"", true),
            ("\"a\"\"\"", false),
            ("5\" pipe,x", false),
            ("a,\"b,c\"x\"", false),
            ("\"a\n\"\r\n\"", true),
        ] {
            assert_eq!(ends_in_quotes(row.as_bytes(), b','), is_open, "{row:?}");
        }
    }
}
