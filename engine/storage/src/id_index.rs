//! The id index: from an id to the place of its row.
//!
//! Each data file of a table with an id column has one *run*: a Parquet file of (id, key, chunk)
//! sorted by id, written with it and never modified. A look-up opens only the runs whose range of
//! ids holds a wanted one, and in them only such pages.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::basic::Encoding;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::statistics::Statistics;

use crate::chunk_file::read::each_batch;
use crate::chunk_file::write::HashingWriter;
use crate::chunking::ChunkId;
use crate::data_file::IdRun;
use crate::disk::Disk;
use crate::footers::{Footers, open};
use crate::pages::{any_within, pages};
use crate::place::Place;
use crate::{Error, Result};

/// Rows of a row group.
const ROW_GROUP_ROWS: usize = 64 * 1024;
/// Rows of a page, the unit that a look-up reads.
const PAGE_ROWS: usize = 1024;
/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8 * 1024;
/// Number of the column of ids.
const ID: usize = 0;

/// Write the run of `entries`, which are sorted by id and not empty.
pub(crate) fn write_run(
    disk: &dyn Disk,
    path: &Path,
    relative: String,
    entries: &[(i64, Place)],
) -> Result<IdRun> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let io_error = |source| Error::Io { path: path.to_owned(), source };
    let column = |name: &str| Field::new(name, DataType::Int64, false);
    let schema = Arc::new(Schema::new(vec![column("id"), column("key"), column("chunk")]));
    let batch = RecordBatch::try_new(
        schema.clone(),
        vec![
            Arc::new(entries.iter().map(|(id, _)| *id).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|(_, place)| place.key).collect::<Int64Array>()),
            Arc::new(entries.iter().map(|(_, place)| place.chunk.to_i64()).collect::<Int64Array>()),
        ],
    )
    .map_err(|source| Error::Rows { table: relative.clone(), source })?;
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_dictionary_enabled(false)
        .set_column_dictionary_enabled("chunk".into(), true)
        .set_column_encoding("id".into(), Encoding::DELTA_BINARY_PACKED)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .build();
    let folder = path.parent().unwrap_or(path);
    let folder_error = |source| Error::Io { path: folder.to_owned(), source };
    disk.make_folder(folder).map_err(folder_error)?;
    let file = HashingWriter::new(disk.create_file(path).map_err(io_error)?);
    let mut writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(parquet_error)?;
    writer.write(&batch).map_err(parquet_error)?;
    writer.finish().map_err(parquet_error)?;
    let (size_bytes, checksum) = writer.inner_mut().finish().map_err(io_error)?;
    disk.sync_folder(folder).map_err(folder_error)?;
    let first = entries.first().map_or(0, |(id, _)| *id);
    let last = entries.last().map_or(0, |(id, _)| *id);
    Ok(IdRun { path: relative, size_bytes, checksum, id_min: first, id_max: last })
}

/// Add to `found` the places of those of `ids` (sorted) that the run at `path` holds.
pub(crate) fn look_up(
    footers: &Footers,
    path: &Path,
    ids: &[i64],
    found: &mut HashMap<i64, Place>,
) -> Result<()> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let footer = footers.of(path)?;
    let (row_groups, selection) = pages_of(&footer, ids);
    if row_groups.is_empty() {
        return Ok(());
    }
    let metadata = ArrowReaderMetadata::try_new(footer, ArrowReaderOptions::new());
    let metadata = metadata.map_err(parquet_error)?;
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(open(path)?, metadata)
        .with_row_groups(row_groups)
        .with_row_selection(selection)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(parquet_error)?;
    for batch in batches {
        let batch = batch.map_err(|source| parquet_error(source.into()))?;
        let [id, key, chunk] =
            [0, 1, 2].map(|column| batch.column(column).as_primitive::<Int64Type>().values());
        let (Some(&first), Some(&last)) = (id.first(), id.last()) else { continue };
        let wanted = ids.partition_point(|&id| id < first)..ids.partition_point(|&id| id <= last);
        let mut row = 0;
        for &wanted in &ids[wanted] {
            row += id[row..].partition_point(|&id| id < wanted);
            if row == id.len() {
                break;
            }
            if id[row] == wanted {
                let place = Place { key: key[row], chunk: ChunkId::from_i64(chunk[row]) };
                found.insert(wanted, place);
            }
        }
    }
    Ok(())
}

/// Which row groups of a run may hold one of `ids` (sorted), and which pages of these.
fn pages_of(footer: &ParquetMetaData, ids: &[i64]) -> (Vec<usize>, RowSelection) {
    let may_hold = |min: i64, max: i64| any_within(ids, min, max);
    let mut row_groups = vec![];
    let mut selectors = vec![];
    for index in 0..footer.num_row_groups() {
        if ids_of_row_group(footer, index).is_none_or(|ids| may_hold(ids.min, ids.max)) {
            row_groups.push(index);
            for page in pages(footer, index, ID) {
                let is_read = page.bounds.is_none_or(|(min, max)| may_hold(min, max));
                selectors.push(page.selector(is_read));
            }
        }
    }
    (row_groups, RowSelection::from(selectors))
}

/// The ids from one to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub min: i64,
    pub max: i64,
}

impl IdRange {
    /// All ids there can be.
    pub const ALL: Self = Self { min: i64::MIN, max: i64::MAX };

    /// Have the two an id in common?
    pub fn meets(self, other: Self) -> bool {
        self.min <= other.max && other.min <= self.max
    }

    /// Those of `ids` (ascending) that are in the range.
    pub fn part_of(self, ids: &[i64]) -> &[i64] {
        let start = ids.partition_point(|&id| id < self.min);
        let end = ids.partition_point(|&id| id <= self.max);
        &ids[start..end]
    }

    fn holds(self, id: i64) -> bool {
        self.min <= id && id <= self.max
    }
}

impl IdRun {
    /// The range of its ids.
    pub(crate) fn ids(&self) -> IdRange {
        IdRange { min: self.id_min, max: self.id_max }
    }
}

/// The range of the ids of a row group of a run, as its footer tells.
pub(crate) fn ids_of_row_group(footer: &ParquetMetaData, row_group: usize) -> Option<IdRange> {
    match footer.row_group(row_group).column(ID).statistics()? {
        Statistics::Int64(ids) => Some(IdRange { min: *ids.min_opt()?, max: *ids.max_opt()? }),
        _ => None,
    }
}

/// Read the ids of the run at `path` that are in a range, ascending.
pub(crate) fn read_ids(path: &Path, range: IdRange, ids: &mut Vec<i64>) -> Result<()> {
    let may_hold = |footer: &ParquetMetaData, row_group| {
        ids_of_row_group(footer, row_group).is_none_or(|of_group| of_group.meets(range))
    };
    each_batch(path, Some(&["id"]), &may_hold, None, |_, batch| {
        let read = batch.column(ID).as_primitive::<Int64Type>().values();
        ids.extend(read.iter().filter(|&&id| range.holds(id)));
        Ok(())
    })
}

/// Read all ids of the run at `path`, ascending.
pub(crate) fn ids(path: &Path) -> Result<Vec<i64>> {
    let mut ids = vec![];
    read_ids(path, IdRange::ALL, &mut ids)?;
    Ok(ids)
}
