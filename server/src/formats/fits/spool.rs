//! Rows that wait in a temporary file until all of them are known.

use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use almagest_engine::arrow::datatypes::Schema;
use almagest_engine::arrow::ipc::reader::StreamReader;
use almagest_engine::arrow::ipc::writer::StreamWriter;
use almagest_engine::arrow::record_batch::RecordBatch;

use crate::{Error, Result};

/// A file that takes rows.
pub struct Spool(StreamWriter<BufWriter<File>>);

impl Spool {
    /// Make a file in `folder`; it has no name, and is gone when it is closed.
    pub fn create(folder: &Path, schema: &Schema) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(Error::Spool)?;
        Ok(Self(StreamWriter::try_new(BufWriter::new(file), schema)?))
    }

    /// Add rows.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.0.write(batch)?)
    }

    /// Begin to read what was written.
    pub fn finish(mut self) -> Result<SpooledRows> {
        self.0.finish()?;
        let mut buffer = self.0.into_inner()?;
        buffer.flush().map_err(Error::Spool)?;
        let file = buffer.into_inner().map_err(|error| Error::Spool(error.into_error()))?;
        SpooledRows::read(file, None)
    }
}

/// The rows of a spool, from first to last.
pub struct SpooledRows {
    reader: StreamReader<BufReader<File>>,
    /// The same open file: both have one place in it, which only the reader moves.
    file: File,
}

impl SpooledRows {
    fn read(mut file: File, column: Option<usize>) -> Result<Self> {
        file.seek(SeekFrom::Start(0)).map_err(Error::Spool)?;
        let same = file.try_clone().map_err(Error::Spool)?;
        let projection = column.map(|place| vec![place]);
        Ok(Self { reader: StreamReader::try_new(BufReader::new(same), projection)?, file })
    }

    /// Return the next rows.
    pub fn next(&mut self) -> Result<Option<RecordBatch>> {
        Ok(self.reader.next().transpose()?)
    }

    /// Begin anew, with one column or all.
    pub fn again(self, column: Option<usize>) -> Result<Self> {
        Self::read(self.file, column)
    }
}
