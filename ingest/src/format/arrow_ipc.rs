//! Arrow IPC, as a stream of messages or as a file.
//!
//! An IPC file is a stream between two marks with an index behind it, so both are read in one pass
//! and no index is trusted. Each message is framed here: its bytes are taken as they come, so that
//! a message that claims to be huge costs no memory before it is.
//!
//! Reference: Arrow columnar format, "Encapsulated message format".

use std::io::{Read, Take};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamDecoder;
use arrow::ipc::root_as_message;

use super::bad_rows::BadRows;
use super::input::{Input, Stream};
use super::{ReadOptions, RowSource, caught};
use crate::error::{Error, FileProblem, Result};
use crate::origin::Origin;

/// The mark at the beginning of a file, padded to 8 bytes.
const FILE_MARK: &[u8; 8] = b"ARROW1\0\0";

/// Streams the batches of an IPC stream or file.
pub(super) struct IpcRows {
    name: Arc<str>,
    stream: Stream,
    decoder: StreamDecoder,
    schema: SchemaRef,
    /// Bytes of the next message's metadata; `None` at the end.
    next_length: Option<u32>,
    /// What is left of a batch that is larger than one of ours may be.
    rest: Option<RecordBatch>,
    batch_rows: usize,
}

impl IpcRows {
    /// Read the schema.
    pub fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let name = Arc::clone(input.name());
        let is_file = input.head().starts_with(FILE_MARK);
        let mut rows = Self {
            name,
            stream: input.into_stream(),
            decoder: StreamDecoder::new(),
            schema: Arc::new(Schema::empty()),
            next_length: None,
            rest: None,
            batch_rows: options.batch_rows,
        };
        if is_file {
            rows.bytes(FILE_MARK.len() as u64, "the mark")?;
        }
        let prefix = rows.prefix()?;
        rows.decode(prefix)?;
        rows.message()?;
        match rows.decoder.schema() {
            Some(schema) => Ok(Self { schema, ..rows }),
            None => Err(rows.error("the first message is not a schema".to_owned())),
        }
    }

    /// Decode one message; `None` at the end of the stream, `Some(None)` for one without rows.
    fn message(&mut self) -> Result<Option<Option<RecordBatch>>> {
        let Some(length) = self.next_length.take() else { return Ok(None) };
        let metadata = self.bytes(u64::from(length), "a message")?;
        let message = root_as_message(&metadata)
            .map_err(|reason| self.error(format!("a message: {reason}")))?;
        let body_length = u64::try_from(message.bodyLength())
            .map_err(|_| self.error("a message of negative length".to_owned()))?;
        let body = self.bytes(body_length, "a batch")?;
        // The decoder acts on a message without a body only when it sees what follows.
        let prefix = self.prefix()?;
        let mut batch = None;
        for part in [metadata, body, prefix] {
            batch = self.decode(part)?.or(batch);
        }
        Ok(Some(batch))
    }

    /// Read the mark and the length of the next message; at the end, return the mark of the end.
    fn prefix(&mut self) -> Result<Vec<u8>> {
        let mut prefix = self.up_to(4)?;
        if prefix == [0xff; 4] {
            prefix.extend(self.bytes(4, "a message")?);
        }
        let length = match prefix.as_slice() {
            [] => 0,
            [.., a, b, c, d] => u32::from_le_bytes([*a, *b, *c, *d]),
            _ => return Err(self.truncated("a message")),
        };
        self.next_length = Some(length).filter(|length| *length > 0);
        Ok(if prefix.is_empty() { vec![0; 4] } else { prefix })
    }

    fn decode(&mut self, part: Vec<u8>) -> Result<Option<RecordBatch>> {
        let mut part = Buffer::from_vec(part);
        let mut batch = None;
        while !part.is_empty() {
            match caught(|| self.decoder.decode(&mut part)) {
                Some(Ok(found)) => batch = found.or(batch),
                Some(Err(source)) => {
                    return Err(Error::Arrow { input: self.name.to_string(), source });
                }
                None => return Err(self.error("the file is damaged".to_owned())),
            }
        }
        Ok(batch)
    }

    /// Read exactly so many bytes; memory grows with those that come.
    fn bytes(&mut self, n_bytes: u64, within: &str) -> Result<Vec<u8>> {
        let bytes = self.up_to(n_bytes)?;
        if (bytes.len() as u64) < n_bytes {
            return Err(self.truncated(within));
        }
        Ok(bytes)
    }

    fn up_to(&mut self, n_bytes: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut part: Take<&mut Stream> = self.stream.by_ref().take(n_bytes);
        part.read_to_end(&mut bytes)
            .map_err(|source| Error::Io { path: PathBuf::from(&*self.name), source })?;
        Ok(bytes)
    }

    fn truncated(&self, within: &str) -> Error {
        let problem = FileProblem::Truncated { within: within.to_owned() };
        Error::File { input: self.name.to_string(), problem }
    }

    fn error(&self, reason: String) -> Error {
        Error::Arrow { input: self.name.to_string(), source: ArrowError::IpcError(reason) }
    }
}

impl RowSource for IpcRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        _origin: &Origin,
        _bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let batch = match self.rest.take() {
            Some(batch) => batch,
            None => loop {
                match self.message()? {
                    Some(Some(batch)) if batch.num_rows() > 0 => break batch,
                    Some(_) => {}
                    None => return Ok(None),
                }
            },
        };
        if batch.num_rows() <= self.batch_rows {
            return Ok(Some(batch));
        }
        let n_rest = batch.num_rows() - self.batch_rows;
        self.rest = Some(batch.slice(self.batch_rows, n_rest));
        Ok(Some(batch.slice(0, self.batch_rows)))
    }
}
