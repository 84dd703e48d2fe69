//! Reading a data file without DataFusion: some columns, of some row groups, of the rows that are
//! not deleted.

use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaData;
use parquet::schema::types::SchemaDescriptor;

use crate::data_file::DataFile;
use crate::deletion_vector::DeletionVector;
use crate::footers::open;
use crate::{Error, Result};

/// Rows that are decoded at a time.
pub(crate) const BATCH_ROWS: usize = 64 * 1024;

/// A data file that is read part by part: its footer, which may tell of very many row groups, is read once.
pub(crate) struct Opened {
    path: PathBuf,
    footer: ArrowReaderMetadata,
}

impl Opened {
    /// Open the file at `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let footer = ArrowReaderMetadata::load(&open(path)?, ArrowReaderOptions::default());
        let error = |source| Error::Parquet { path: path.to_owned(), source };
        Ok(Self { path: path.to_owned(), footer: footer.map_err(error)? })
    }

    /// Read the `columns` (all, if none are named) of the row groups for which `wanted` holds.
    pub fn read(
        &self,
        columns: Option<&[&str]>,
        wanted: impl Fn(&ParquetMetaData, usize) -> bool,
    ) -> Result<Vec<RecordBatch>> {
        let mut batches = vec![];
        each_batch_of(self, columns, &wanted, None, |_, batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }

    /// Read `columns` of the table as it is now, as [`each_batch_now`] does, all batches.
    pub fn read_now(
        &self,
        file: &DataFile,
        columns: &[&str],
        wanted: impl Fn(&ParquetMetaData, usize) -> bool,
        deleted: Option<&DeletionVector>,
    ) -> Result<Vec<RecordBatch>> {
        let mut batches = vec![];
        each_batch_now_of(self, file, columns, &wanted, deleted, |_, batch| {
            batches.push(batch);
            Ok(())
        })?;
        Ok(batches)
    }
}

/// Read the `columns` (all, if none are named) of the row groups for which `wanted` holds, without
/// the rows that are `deleted`, one batch at a time, each with the number of its first row in the file;
/// the rows of a batch follow each other, unless some are `deleted`.
pub(crate) fn each_batch(
    path: &Path,
    columns: Option<&[&str]>,
    wanted: &dyn Fn(&ParquetMetaData, usize) -> bool,
    deleted: Option<&DeletionVector>,
    take: impl FnMut(u32, RecordBatch) -> Result<()>,
) -> Result<()> {
    each_batch_of(&Opened::open(path)?, columns, wanted, deleted, take)
}

fn each_batch_of(
    opened: &Opened,
    columns: Option<&[&str]>,
    wanted: &dyn Fn(&ParquetMetaData, usize) -> bool,
    deleted: Option<&DeletionVector>,
    mut take: impl FnMut(u32, RecordBatch) -> Result<()>,
) -> Result<()> {
    let path = &opened.path;
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let footer = opened.footer.clone();
    let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(open(path)?, footer);
    if let Some(columns) = columns {
        let mask = columns_of(builder.parquet_schema(), columns);
        builder = builder.with_projection(mask);
    }
    let spans = wanted_spans(builder.metadata(), wanted);
    builder = builder
        .with_row_groups(spans.iter().flat_map(|(row_groups, _)| row_groups.clone()).collect())
        .with_batch_size(BATCH_ROWS);
    if let Some(deleted) = deleted.filter(|deleted| !deleted.is_empty()) {
        let ranges = spans.iter().map(|(_, rows)| rows.clone());
        builder = builder.with_row_selection(deleted.selection(ranges));
    }
    // Batches run through row groups that follow each other in the file; where some are left out,
    // a batch may hold rows from before and after the gap.
    let mut spans = spans.into_iter().map(|(_, rows)| rows).peekable();
    let mut next = spans.peek().map_or(0, |rows| rows.start);
    for batch in builder.build().map_err(parquet_error)? {
        let batch = batch.map_err(|source| parquet_error(source.into()))?;
        let mut offset = 0;
        while offset < batch.num_rows() {
            let left = spans.peek().map_or(u64::MAX, |rows| rows.end - next);
            let length = (batch.num_rows() - offset).min(left as usize);
            take(next as u32, batch.slice(offset, length))?;
            offset += length;
            next += length as u64;
            if spans.peek().is_some_and(|rows| next == rows.end) {
                spans.next();
                next = spans.peek().map_or(next, |rows| rows.start);
            }
        }
    }
    Ok(())
}

/// Read `columns` of the table as it is now, of a data file that may be of an older form, as
/// [`each_batch`] does. Columns may come in another order.
pub(crate) fn each_batch_now(
    path: &Path,
    file: &DataFile,
    columns: &[&str],
    wanted: &dyn Fn(&ParquetMetaData, usize) -> bool,
    deleted: Option<&DeletionVector>,
    take: impl FnMut(u32, RecordBatch) -> Result<()>,
) -> Result<()> {
    each_batch_now_of(&Opened::open(path)?, file, columns, wanted, deleted, take)
}

fn each_batch_now_of(
    opened: &Opened,
    file: &DataFile,
    columns: &[&str],
    wanted: &dyn Fn(&ParquetMetaData, usize) -> bool,
    deleted: Option<&DeletionVector>,
    mut take: impl FnMut(u32, RecordBatch) -> Result<()>,
) -> Result<()> {
    let Some(form) = &file.older_form else {
        return each_batch_of(opened, Some(columns), wanted, deleted, take);
    };
    let written = form.written(columns);
    each_batch_of(opened, Some(&written), wanted, deleted, |first_row, batch| {
        let batch = form.read_as_now(columns, &batch);
        take(first_row, batch.map_err(|source| Error::Rows { table: file.table.clone(), source })?)
    })
}

/// Select columns by their whole names: a name may have dots, which elsewhere part a column from its fields.
pub(crate) fn columns_of(schema: &SchemaDescriptor, names: &[&str]) -> ProjectionMask {
    let is_wanted = |leaf: &usize| {
        let root = schema.column(*leaf).path().parts().first().cloned();
        root.is_some_and(|root| names.contains(&root.as_str()))
    };
    ProjectionMask::leaves(schema, (0..schema.num_columns()).filter(is_wanted))
}

/// Runs of wanted row groups that follow each other, each with its rows in the file.
fn wanted_spans(
    metadata: &ParquetMetaData,
    wanted: &dyn Fn(&ParquetMetaData, usize) -> bool,
) -> Vec<(Range<usize>, Range<u64>)> {
    let mut spans: Vec<(Range<usize>, Range<u64>)> = vec![];
    let mut first_row = 0;
    for index in 0..metadata.num_row_groups() {
        let end_row = first_row + metadata.row_group(index).num_rows() as u64;
        if wanted(metadata, index) {
            match spans.last_mut() {
                Some((row_groups, rows)) if row_groups.end == index => {
                    row_groups.end += 1;
                    rows.end = end_row;
                }
                _ => spans.push((index..index + 1, first_row..end_row)),
            }
        }
        first_row = end_row;
    }
    spans
}
