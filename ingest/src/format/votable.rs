//! VOTable in all its serializations.
//!
//! ```text
//!   VOTABLE ─ RESOURCE ─ TABLE ─ FIELD …     head: which table, its columns
//!                          └ DATA ─ TABLEDATA                    tabledata ┐
//!                                 ─ BINARY, BINARY2 ─ STREAM     binary    ├▶ batches
//!                                 ─ FITS ─ STREAM                fits_table┘
//!   … INFO QUERY_STATUS                      the rest: did the service fail, or cut the rows off?
//! ```
//!
//! The document is pulled through in one pass, whatever its prefixes, its version (1.0 to 1.5) and
//! its size; base64 streams are decoded as they come. It is read to its end: one that breaks off is
//! an error, and so is one whose service failed; that rows are cut off (OVERFLOW), and that there are
//! other tables than the first, is noted. Entities of its own, data at
//! other addresses, and encodings other than UTF-8 and ISO-8859-1 are refused.
//!
//! An empty TD is NULL, and so is a text or array without elements in BINARY, which has no other
//! way to say it. In BINARY2 the flags decide.
//!
//! Reference: VOTable 1.5.

use std::io::Read;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use flate2::bufread::MultiGzDecoder;

use super::bad_rows::BadRows;
use super::fits_table::FitsRows;
use super::input::{Bytes, Input};
use super::{ReadOptions, RowSource, TableChoice};
use crate::error::{Error, FileProblem, Result};
use crate::origin::Origin;
use base64_stream::Base64Stream;
use field::VotableColumn;
use head::{Data, Stream};
use xml::Xml;

mod base64_stream;
mod binary;
mod field;
mod head;
mod tabledata;
mod xml;

/// Find the table and stream its rows.
pub(super) fn open(input: Input, options: &ReadOptions) -> Result<Box<dyn RowSource>> {
    let name = Arc::clone(input.name());
    let mut xml = Xml::open(input)?;
    let head::Table { columns, fields, data } = head::find_table(&mut xml, &options.table)?;
    let schema = Arc::new(Schema::new(fields.clone()));
    let batch_rows = options.batch_rows;
    Ok(match data {
        Data::None => {
            xml.finish()?;
            Box::new(NoRows { schema })
        }
        Data::Tabledata => {
            Box::new(tabledata::TabledataRows::new(xml, columns, schema, batch_rows))
        }
        Data::Binary { stream, has_flags } => {
            let bytes = decoded(xml, stream);
            Box::new(binary::BinaryRows::new(name, bytes, columns, schema, has_flags, batch_rows))
        }
        Data::Fits { stream, extension } => {
            let table = match extension {
                Some(unit) => TableChoice::Index(unit.saturating_sub(1)),
                None => TableChoice::First,
            };
            let options = ReadOptions { table, ..options.clone() };
            let notes = xml.notes().clone();
            let nested = Input::nested(Arc::clone(&name), decoded(xml, stream), notes);
            let rows = FitsRows::open(nested, &options)?;
            check_fields(&name, &columns, &fields, &rows.schema())?;
            Box::new(rows.described_by(&fields))
        }
    })
}

/// The fields of a table, whatever its data.
pub(super) fn fields(input: Input, choice: &TableChoice) -> Result<Vec<Field>> {
    let mut xml = Xml::open(input)?;
    Ok(head::find_table(&mut xml, choice)?.fields)
}

/// The bytes of a stream in the document.
fn decoded(xml: Xml, stream: Stream) -> Bytes {
    let bytes = Base64Stream::new(xml, stream.is_empty);
    match stream.is_gzip {
        true => Box::new(MultiGzDecoder::new(std::io::BufReader::new(bytes))),
        false => Box::new(bytes),
    }
}

/// The FITS file must be the one that the fields describe.
fn check_fields(
    name: &str,
    columns: &[VotableColumn],
    fields: &[Field],
    found: &SchemaRef,
) -> Result<()> {
    if columns.len() == found.fields().len() {
        return Ok(());
    }
    let reason =
        format!("{} fields for a FITS table of {} columns", fields.len(), found.fields().len());
    Err(Error::File { input: name.to_owned(), problem: FileProblem::Header { reason } })
}

/// A table of metadata only.
struct NoRows {
    schema: SchemaRef,
}

impl RowSource for NoRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        _origin: &Origin,
        _bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        Ok(None)
    }
}

/// Decodes ISO-8859-1 to UTF-8.
struct Latin1 {
    inner: Bytes,
    decoded: std::collections::VecDeque<u8>,
}

impl Read for Latin1 {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.decoded.is_empty() {
            let mut bytes = [0; 8192];
            let n_bytes = self.inner.read(&mut bytes)?;
            for byte in &bytes[..n_bytes] {
                let mut letter = [0; 2];
                self.decoded.extend(char::from(*byte).encode_utf8(&mut letter).bytes());
            }
        }
        self.decoded.read(buffer)
    }
}
