//! Compaction: the small files that commits leave become few large ones, by chunk.
//!
//! ```text
//!   file 1 │ A B C │            │ A A A B B │   sorted as a new file would be; rows that are
//!   file 2 │ A C   │  ───────▶  │ C C C     │   deleted are left out, and their vectors go
//!   file 3 │ B C × │            parted where chunks meet, at about the target size
//! ```
//!
//! No row changes, moves to another chunk or gets another key, so that a query has the same answer
//! before and after. Readers go on with the files they see, which `vacuum` removes when nobody can
//! ask for them any more. A commit that touches the same files meanwhile makes the compaction a
//! conflict, and it begins anew; additions do not disturb it.

use std::collections::BTreeMap;
use std::sync::Arc;

use almagest_storage::chunk_file::FileFilling;
use almagest_storage::chunking::ChunkId;
use almagest_storage::data_file::DataFile;
use almagest_storage::schema::TableDef;
use almagest_storage::{
    CatalogStore, CommitPlan, Error as StorageError, PlacedRows, Snapshot, counted,
};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;

use crate::error::{Error, Result};

/// How often a table is tried again when other commits come in between.
const TRIES: usize = 5;

/// What a text takes in memory, where nothing better is known.
const TEXT_BYTES: usize = 32;

/// What is worth rewriting.
#[derive(Debug, Clone, PartialEq)]
pub struct CompactConfig {
    /// Files below this size are merged.
    pub small_bytes: u64,
    /// So many small files are needed for that.
    pub min_files: usize,
    /// Files of which this share of the rows or more is deleted are rewritten.
    pub deleted_share: f64,
    /// Files are parted when their rows take this much memory.
    pub target_bytes: usize,
}

impl Default for CompactConfig {
    /// Files below 32 MiB, from four on; a tenth deleted; parted at 256 MiB.
    fn default() -> Self {
        Self { small_bytes: 32 << 20, min_files: 4, deleted_share: 0.1, target_bytes: 256 << 20 }
    }
}

/// What was done to one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactReport {
    /// The table.
    pub table: String,
    /// Files that were rewritten.
    pub files_before: usize,
    /// Files that hold their rows now.
    pub files_after: usize,
    /// Rows in them.
    pub n_rows: u64,
    /// The version that this made.
    pub version: u64,
}

/// What was done to all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Tables that were compacted.
    pub tables: Vec<CompactReport>,
    /// Tables whose rows other commits removed again and again meanwhile; they stay as they are
    /// until the next compaction.
    pub busy: Vec<String>,
}

/// Compact every table of a catalog that is worth it, each in a version of its own.
///
/// # Errors
/// Storage errors. Tables that were compacted before stay so.
pub fn compact(store: &CatalogStore, config: &CompactConfig) -> Result<Compacted> {
    let names: Vec<String> =
        store.snapshot()?.schema().tables.iter().map(|table| table.name.clone()).collect();
    let mut compacted = Compacted::default();
    for name in names {
        let mut tries = 1;
        loop {
            match compact_table(store, &name, config) {
                Ok(report) => {
                    compacted.tables.extend(report);
                    break;
                }
                Err(Error::Storage(StorageError::Conflict { .. })) if tries < TRIES => tries += 1,
                Err(Error::Storage(StorageError::Conflict { .. })) => {
                    compacted.busy.push(name);
                    break;
                }
                // It was dropped meanwhile.
                Err(Error::Storage(StorageError::NoSuchTable { .. })) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(compacted)
}

fn compact_table(
    store: &CatalogStore,
    name: &str,
    config: &CompactConfig,
) -> Result<Option<CompactReport>> {
    let _writing = store.begin_writing()?;
    let snapshot = store.snapshot()?;
    let table = snapshot.table(name)?.clone();
    // Files that are mounted are not the catalog's.
    if snapshot.mounted_from(&table.name).is_some() {
        return Ok(None);
    }
    let files = worth_rewriting(&table, snapshot.data_files(&table.name), config);
    if files.is_empty() {
        return Ok(None);
    }
    let mut plan = CommitPlan {
        removed: files.iter().map(|file| file.file_id).collect(),
        ..CommitPlan::default()
    };
    let mut reader = snapshot.chunk_reader(&table.name, &files)?;
    for chunks in parts(&table, &files, config.target_bytes) {
        let rows = chunks.into_iter().map(|(chunk, _)| reader.read(chunk));
        write(store, &table, rows.collect::<Result<_, _>>()?, &mut plan)?;
    }
    let (files_before, files_after) = (files.len(), plan.added.len());
    let n_rows = plan.added.iter().map(|file| file.n_rows()).sum();
    plan.message =
        format!("compact {}: {} to {files_after}", table.name, counted(files_before, "file"));
    let version = commit(store, &snapshot, plan)?;
    Ok(Some(CompactReport { table: table.name, files_before, files_after, n_rows, version }))
}

fn commit(store: &CatalogStore, snapshot: &Snapshot, plan: CommitPlan) -> Result<u64> {
    Ok(store.commit(snapshot.version(), plan)?)
}

fn worth_rewriting<'a>(
    table: &TableDef,
    files: &'a [Arc<DataFile>],
    config: &CompactConfig,
) -> Vec<&'a DataFile> {
    let is_holed = |file: &DataFile| {
        let n_deleted = (file.n_rows - file.n_visible_rows()) as f64;
        n_deleted > 0.0 && n_deleted >= config.deleted_share * file.n_rows as f64
    };
    let is_small = |file: &DataFile| file.size_bytes < config.small_bytes;
    let files = files.iter().map(Arc::as_ref);
    let small: Vec<&DataFile> = files.clone().filter(|file| is_small(file)).collect();
    // What stays several files would be merged again and again.
    let is_worth_while = small.len() >= config.min_files.max(2)
        && small.len() >= 2 * n_merged(table, &small, config.target_bytes);
    files.filter(|file| is_worth_while && is_small(file) || is_holed(file)).collect()
}

/// Return how many files others become when they are merged.
fn n_merged(table: &TableDef, files: &[&DataFile], target_bytes: usize) -> usize {
    let n_files = |chunks: Vec<(ChunkId, u64)>| {
        let mut filling = FileFilling::of(table);
        chunks.iter().filter(|(_, n_rows)| filling.begins_with(*n_rows)).count()
    };
    parts(table, files, target_bytes).into_iter().map(n_files).sum()
}

/// Part the chunks of files, in their order and each with its number of rows, so that the rows of a part take
/// about the target size in memory.
fn parts(table: &TableDef, files: &[&DataFile], target_bytes: usize) -> Vec<Vec<(ChunkId, u64)>> {
    let mut chunks: BTreeMap<ChunkId, u64> = BTreeMap::new();
    for footprint in files.iter().flat_map(|file| &file.footprints) {
        *chunks.entry(footprint.chunk).or_default() += footprint.n_rows;
    }
    let row_bytes = row_bytes(table, files);
    let mut parts = vec![];
    let mut part_bytes = u64::MAX;
    for (chunk, n_rows) in chunks {
        if part_bytes >= target_bytes as u64 {
            parts.push(vec![]);
            part_bytes = 0;
        }
        part_bytes += n_rows * row_bytes;
        parts.last_mut().into_iter().for_each(|part: &mut Vec<_>| part.push((chunk, n_rows)));
    }
    parts
}

/// About the memory that a row takes. Texts are as long as one may guess, or as the files say: compressed,
/// they are half as large.
fn row_bytes(table: &TableDef, files: &[&DataFile]) -> u64 {
    let schema = table.arrow_schema();
    let widths = schema.fields().iter().map(|field| field.data_type().primitive_width());
    let widths: Vec<Option<usize>> = widths.collect();
    let typical: usize = widths.iter().map(|width| width.unwrap_or(TEXT_BYTES)).sum();
    if widths.iter().all(Option::is_some) {
        return typical as u64;
    }
    let n_bytes: u64 = files.iter().map(|file| file.size_bytes).sum();
    let n_rows: u64 = files.iter().map(|file| file.n_rows).sum();
    (typical as u64).max(2 * n_bytes / n_rows.max(1))
}

/// Write rows to files of the plan.
fn write(
    store: &CatalogStore,
    table: &TableDef,
    rows: Vec<PlacedRows>,
    plan: &mut CommitPlan,
) -> Result<()> {
    let (batches, places): (Vec<RecordBatch>, Vec<_>) =
        rows.into_iter().map(|rows| (rows.batch, rows.places)).unzip();
    let places = places.concat();
    if places.is_empty() {
        return Ok(());
    }
    let batch = concat_batches(&table.arrow_schema(), &batches)
        .map_err(|source| Error::Rows { table: table.name.clone(), source })?;
    plan.added.extend(store.write_data_files(table, PlacedRows { batch, places })?);
    Ok(())
}
