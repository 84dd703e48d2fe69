//! Rows as BINARY or BINARY2: big-endian values one after the other.
//!
//! Reference: VOTable 1.5, sections 5.3 and 5.4.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::field::VotableColumn;
use crate::error::{CellProblem, Error, FileProblem, Result};
use crate::format::bad_rows::BadRows;
use crate::format::column::ColumnBuilder;
use crate::format::input::{Bytes, io_error};
use crate::format::{RowSource, batch, read_rows};
use crate::origin::Origin;

/// Streams the rows of a BINARY or BINARY2 table.
pub(super) struct BinaryRows {
    name: Arc<str>,
    stream: BufReader<Bytes>,
    columns: Vec<VotableColumn>,
    schema: SchemaRef,
    /// One bit for each column before each row, set where it is NULL; empty in BINARY.
    flags: Vec<u8>,
    scratch: Vec<u8>,
    batch_rows: usize,
}

impl BinaryRows {
    /// Begin at the first row.
    pub fn new(
        name: Arc<str>,
        bytes: Bytes,
        columns: Vec<VotableColumn>,
        schema: SchemaRef,
        has_flags: bool,
        batch_rows: usize,
    ) -> Self {
        let flags = vec![0; if has_flags { columns.len().div_ceil(8) } else { 0 }];
        let stream = BufReader::with_capacity(64 << 10, bytes);
        Self { name, stream, columns, schema, flags, scratch: vec![], batch_rows }
    }

    /// Read the row that `origin` names first; `None` at the end, else its bytes.
    fn read_row(
        &mut self,
        origin: &Origin,
        builders: &mut [ColumnBuilder],
    ) -> Result<Option<usize>> {
        let failed = |error: io::Error| read_error(&self.name, origin.first_row, error);
        if self.stream.fill_buf().map_err(failed)?.is_empty() {
            return Ok(None);
        }
        let cell_error = |column: &VotableColumn, problem| Error::Cell {
            origin: origin.row(0),
            column: column.name.clone(),
            problem,
        };
        self.stream.read_exact(&mut self.flags).map_err(failed)?;
        let mut n_bytes = self.flags.len();
        // A row is read to its end, so that the next can be read whatever is wrong with this one.
        let mut fault = None;
        for (index, (column, builder)) in self.columns.iter().zip(builders).enumerate() {
            let is_null = self.flags.get(index / 8).map(|flags| flags >> (7 - index % 8) & 1 == 1);
            let read = column.read_binary(
                &mut self.stream,
                is_null,
                &mut self.scratch,
                &mut n_bytes,
                builder,
            );
            match read {
                Ok(Ok(())) => {}
                // The bytes of such a cell were not taken: there is no next row.
                Ok(Err(problem @ CellProblem::TooLong { .. })) => {
                    return Err(cell_error(column, problem));
                }
                Ok(Err(problem)) => {
                    fault.get_or_insert_with(|| cell_error(column, problem));
                }
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(cell_error(column, CellProblem::Truncated));
                }
                Err(error) => return Err(failed(error)),
            }
        }
        if n_bytes == 0 {
            let reason = "rows without bytes".to_owned();
            let problem = FileProblem::Header { reason };
            return Err(Error::File { input: self.name.to_string(), problem });
        }
        fault.map_or(Ok(Some(n_bytes)), Err)
    }
}

impl RowSource for BinaryRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let mut builders: Vec<ColumnBuilder> =
            self.columns.iter().map(VotableColumn::builder).collect();
        read_rows(self.batch_rows, origin, &mut builders, bad_rows, |row, builders| {
            self.read_row(row, builders)
        })?;
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        batch(self.schema(), columns, origin)
    }
}

/// Name the document and the row in a failure of the stream in it: base64 or gzip that is none.
fn read_error(name: &str, row: u64, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            let problem = FileProblem::Encoding { reason: error.to_string() };
            Error::File { input: name.to_owned(), problem }
        }
        io::ErrorKind::UnexpectedEof => {
            let problem = FileProblem::Truncated { within: format!("row {row}") };
            Error::File { input: name.to_owned(), problem }
        }
        _ => io_error(name, error),
    }
}
