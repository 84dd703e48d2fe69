//! Text tables: a header row with the columns' names, then one row a line, fields perhaps quoted.
//!
//! All columns are read as text; what they mean is for the table's definition to say, so that a
//! number with leading zeros or a column of NULLs is never guessed wrong. Batches are bounded in
//! rows and in bytes, however wide the table. Lines without any character are skipped.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use csv::{ErrorKind, Reader, ReaderBuilder, StringRecord};
use flate2::read::MultiGzDecoder;

use super::{FileRows, ReadOptions};
use crate::error::{Error, Result, TextProblem};
use crate::origin::Origin;

/// A batch is complete when its text reaches this size.
const BATCH_BYTES: usize = 16 << 20;

/// No row of a survey table comes near this; a forgotten quote does.
const ROW_BYTES_LIMIT: usize = 256 << 20;

/// Streams the rows of a text file.
pub(super) struct TextReader {
    path: PathBuf,
    reader: Reader<Box<dyn Read>>,
    schema: SchemaRef,
    null_fields: Vec<String>,
    batch_rows: usize,
    /// Origin of the next row; `None` after the end or an error.
    next: Option<Origin>,
    record: StringRecord,
}

impl TextReader {
    /// Open a file and read its header.
    pub fn open(path: &Path, delimiter: u8, options: &ReadOptions) -> Result<Self> {
        let io_error = |source| Error::Io { path: path.to_owned(), source };
        let file = BufReader::new(File::open(path).map_err(io_error)?);
        let is_compressed = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz"));
        let bytes: Box<dyn Read> =
            if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };

        let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(bytes);
        let header = match reader.headers() {
            Ok(header) => header.clone(),
            Err(error) => return Err(row_error(path, &Origin::new(shown(path)), error)),
        };
        if header.iter().all(|name| name.trim().is_empty()) {
            return Err(Error::NoHeader { path: path.to_owned() });
        }
        let fields = header.iter().map(|name| Field::new(name.trim(), DataType::Utf8, true));
        Ok(Self {
            path: path.to_owned(),
            reader,
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            null_fields: options.null_fields.clone(),
            batch_rows: options.batch_rows.max(1),
            next: Some(Origin::new(shown(path))),
            record: StringRecord::new(),
        })
    }

    /// Read the batch that begins at `origin`; no rows: the end of the file.
    fn read_batch(&mut self, origin: &Origin) -> Result<RecordBatch> {
        let mut columns: Vec<StringBuilder> =
            self.schema.fields().iter().map(|_| StringBuilder::new()).collect();
        let (mut n_rows, mut n_bytes) = (0, 0);
        while n_rows < self.batch_rows && n_bytes < BATCH_BYTES {
            let has_row = self
                .reader
                .read_record(&mut self.record)
                .map_err(|error| row_error(&self.path, &origin.after(n_rows), error))?;
            if !has_row {
                break;
            }
            let row_bytes = self.record.as_slice().len();
            if row_bytes > ROW_BYTES_LIMIT {
                let problem = TextProblem::TooLong { n_bytes: row_bytes };
                return Err(Error::Text { origin: origin.row(n_rows), problem });
            }
            for (column, field) in columns.iter_mut().zip(&self.record) {
                if self.null_fields.iter().any(|null| null == field) {
                    column.append_null();
                } else {
                    column.append_value(field);
                }
            }
            n_rows += 1;
            n_bytes += row_bytes;
        }
        let columns = columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef);
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect())
            .map_err(|source| Error::Rows { table: origin.input.to_string(), source })
    }
}

impl Iterator for TextReader {
    type Item = Result<FileRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let origin = self.next.take()?;
        match self.read_batch(&origin) {
            Ok(batch) if batch.num_rows() > 0 => {
                self.next = Some(origin.after(batch.num_rows()));
                Some(Ok(FileRows { batch, origin }))
            }
            // A file without rows still has columns to be looked at.
            Ok(batch) if origin.first_row == 1 => Some(Ok(FileRows { batch, origin })),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// Name the file and row of a failure to read.
fn row_error(path: &Path, origin: &Origin, error: csv::Error) -> Error {
    let problem = match error.into_kind() {
        ErrorKind::Io(source) => return Error::Io { path: path.to_owned(), source },
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            TextProblem::FieldCount { found: len, expected: expected_len }
        }
        ErrorKind::Utf8 { err, .. } => TextProblem::NotUtf8 { field: err.field() + 1 },
        kind => {
            let source = std::io::Error::other(format!("{kind:?}"));
            return Error::Io { path: path.to_owned(), source };
        }
    };
    Error::Text { origin: origin.row(0), problem }
}
