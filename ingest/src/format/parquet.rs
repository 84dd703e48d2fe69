//! Parquet tables, decoded a batch at a time.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{RecordBatch, RecordBatchReader};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::{FileRows, ReadOptions};
use crate::error::{Error, Result};
use crate::origin::Origin;

/// A batch has at most about this many values, however wide the table.
const BATCH_VALUES: usize = 4 << 20;

/// Streams the rows of a Parquet file.
pub(super) struct ParquetReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// Origin of the next row; `None` after an error.
    next: Option<Origin>,
}

impl ParquetReader {
    /// Open a file and read its footer.
    pub fn open(path: &Path, options: &ReadOptions) -> Result<Self> {
        let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
        let file =
            File::open(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error)?;
        let n_columns = builder.schema().fields().len().max(1);
        let batch_rows = options.batch_rows.min(BATCH_VALUES / n_columns).max(1);
        let reader = builder.with_batch_size(batch_rows).build().map_err(parquet_error)?;
        let next = Some(Origin::new(path.display().to_string()));
        Ok(Self { path: path.to_owned(), reader, next })
    }
}

impl Iterator for ParquetReader {
    type Item = Result<FileRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let origin = self.next.take()?;
        match self.reader.next() {
            Some(Ok(batch)) => {
                self.next = Some(origin.after(batch.num_rows()));
                Some(Ok(FileRows { batch, origin }))
            }
            // A file without rows still has columns to be looked at.
            None if origin.first_row == 1 => {
                let batch = RecordBatch::new_empty(self.reader.schema());
                Some(Ok(FileRows { batch, origin }))
            }
            None => None,
            Some(Err(error)) => {
                let source = ParquetError::ArrowError(error.to_string());
                Some(Err(Error::Parquet { path: self.path.clone(), source }))
            }
        }
    }
}
