//! Rows in a file: written as Parquet, read from any format that ingest knows.

use std::fs::File;
use std::path::Path;

use almagest_ingest::format::{self, ReadOptions};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::super::datastore::io;
use crate::error::Result;

pub(super) fn write(path: &Path, rows: &RecordBatch) -> Result<()> {
    let file = File::create(path).map_err(|source| io(path, source))?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let write = || -> Result<(), ParquetError> {
        let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties))?;
        writer.write(rows)?;
        writer.close()?;
        Ok(())
    };
    let error = |error: ParquetError| io(path, std::io::Error::other(error));
    Ok(write().map_err(error)?)
}

pub(super) fn read(path: &Path) -> Result<RecordBatch> {
    let reader = format::read(path, &ReadOptions::default())?;
    let schema = reader.schema();
    let batches: Vec<RecordBatch> =
        reader.map(|rows| rows.map(|rows| rows.batch)).collect::<Result<_, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}
