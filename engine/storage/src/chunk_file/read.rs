//! Reading a data file without DataFusion: some columns, of some row groups.

use std::fs::File;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;

use crate::{Error, Result};

/// Read the `columns` (all, if none are named) of the row groups for which `wanted` holds.
pub(crate) fn read(
    path: &Path,
    columns: Option<&[&str]>,
    wanted: impl Fn(&ParquetMetaData, usize) -> bool,
) -> Result<Vec<RecordBatch>> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let file = File::open(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => {
            Error::Corrupt { path: path.to_owned(), reason: "file is missing".into() }
        }
        _ => Error::Io { path: path.to_owned(), source },
    })?;
    let mut builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(parquet_error)?;
    let row_groups = (0..builder.metadata().num_row_groups())
        .filter(|&index| wanted(builder.metadata(), index))
        .collect();
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let reader = builder
        .with_row_groups(row_groups)
        .with_batch_size(64 * 1024)
        .build()
        .map_err(parquet_error)?;
    reader.collect::<Result<Vec<_>, _>>().map_err(|source| parquet_error(source.into()))
}
