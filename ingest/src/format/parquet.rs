//! Parquet tables, decoded a batch at a time.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::bad_rows::BadRows;
use super::input::Input;
use super::{ReadOptions, RowSource, caught};
use crate::error::{Error, Result};
use crate::origin::Origin;

mod column_facts;

/// A batch has at most about this many values, however wide the table.
const BATCH_VALUES: usize = 4 << 20;

/// Streams the rows of a Parquet file.
pub(super) struct ParquetRows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: SchemaRef,
}

impl ParquetRows {
    /// Read the footer of a file.
    pub fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let path = PathBuf::from(&**input.name());
        let file = input.into_file()?;
        let open = || {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            let n_columns = builder.schema().fields().len().max(1);
            let batch_rows = options.batch_rows.min(BATCH_VALUES / n_columns).max(1);
            let metadata = builder.metadata().file_metadata().key_value_metadata().cloned();
            Ok((builder.with_batch_size(batch_rows).build()?, metadata))
        };
        match caught(open) {
            Some(Ok((reader, metadata))) => {
                let schema = column_facts::described(reader.schema(), metadata.as_ref());
                Ok(Self { path, reader, schema })
            }
            Some(Err(source)) => Err(Error::Parquet { path, source }),
            None => Err(damaged(&path)),
        }
    }
}

impl RowSource for ParquetRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        _bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        match caught(|| self.reader.next()) {
            Some(Some(Ok(batch))) => described(batch, &self.schema, origin).map(Some),
            Some(Some(Err(error))) => {
                let source = ParquetError::ArrowError(error.to_string());
                Err(Error::Parquet { path: self.path.clone(), source })
            }
            Some(None) => Ok(None),
            None => Err(damaged(&self.path)),
        }
    }
}

/// The batch under the schema that says more of its columns.
fn described(batch: RecordBatch, schema: &SchemaRef, origin: &Origin) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|source| Error::Rows { table: origin.input.to_string(), source })
}

fn damaged(path: &std::path::Path) -> Error {
    let source = ParquetError::General("the file is damaged".to_owned());
    Error::Parquet { path: path.to_owned(), source }
}
