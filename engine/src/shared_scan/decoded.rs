//! Columns of row groups as they come out of the decoder, kept while several scans want them.
//!
//! A column that is being decoded for one scan is waited for by the others. What is kept is bounded by
//! its size in memory; what was not asked for lately goes first, and all of it with the last scan.

use std::fmt;
use std::fs::File;
use std::hash::Hash;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use almagest_storage::bounded_cache::bounded_cache;
use almagest_storage::footers::open;
use bytes::{Buf, Bytes};
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder,
};
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::reader::{ChunkReader, Length};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

/// Bytes of a decoded column as they are on average, for the number of places.
const USUAL_BYTES: u64 = 512 << 10;
/// Parts of the cache, each with a lock and its share of the bytes.
const SHARDS: usize = 4;

/// A column of a row group.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ColumnChunk {
    /// The file.
    pub path: Arc<Path>,
    /// The row group in it.
    pub row_group: usize,
    /// The column of the file.
    pub column: usize,
    /// Rows of a batch.
    pub batch_rows: usize,
}

/// The values of a column of a row group, batch by batch.
pub type Decoded = Arc<[ArrayRef]>;

/// How often columns were decoded, and how often they were there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Columns of row groups that were asked for.
    pub asked: u64,
    /// Those of them that were decoded for it.
    pub decoded: u64,
}

/// Decoded columns of row groups.
pub struct DecodedColumns {
    kept: Cache<ColumnChunk, Decoded, BySize>,
    asked: AtomicU64,
    decoded: AtomicU64,
}

impl fmt::Debug for DecodedColumns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedColumns").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct BySize;

impl Weighter<ColumnChunk, Decoded> for BySize {
    fn weight(&self, _: &ColumnChunk, decoded: &Decoded) -> u64 {
        let arrays = decoded.iter().map(|array| array.get_array_memory_size() as u64);
        arrays.sum::<u64>().max(1)
    }
}

impl DecodedColumns {
    /// Keep so many bytes.
    pub fn new(most_bytes: u64) -> Self {
        let kept = bounded_cache(BySize, most_bytes, USUAL_BYTES, SHARDS);
        Self { kept, asked: AtomicU64::new(0), decoded: AtomicU64::new(0) }
    }

    /// Return the values of a column of a row group, decoded by whoever asks first.
    ///
    /// # Arguments
    /// `footer`: that of the file. `note_read`: told how many bytes are read from it.
    pub async fn get(
        &self,
        chunk: &ColumnChunk,
        footer: &ArrowReaderMetadata,
        note_read: impl FnOnce(usize),
    ) -> Result<Decoded> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let decode = async {
            self.decoded.fetch_add(1, Ordering::Relaxed);
            decode(chunk, footer, note_read)
        };
        self.kept.get_or_insert_async(chunk, decode).await
    }

    /// Keep nothing of what there is.
    pub fn forget(&self) {
        self.kept.clear();
    }

    /// What has been counted since the beginning.
    pub fn counts(&self) -> Counts {
        Counts {
            asked: self.asked.load(Ordering::Relaxed),
            decoded: self.decoded.load(Ordering::Relaxed),
        }
    }
}

fn decode(
    chunk: &ColumnChunk,
    footer: &ArrowReaderMetadata,
    note_read: impl FnOnce(usize),
) -> Result<Decoded> {
    let columns = footer.parquet_schema();
    let row_group = footer.metadata().row_group(chunk.row_group);
    // A list has a column of the file for its elements.
    let leaves = (0..columns.num_columns())
        .filter(|leaf| columns.get_column_root_idx(*leaf) == chunk.column)
        .map(|leaf| row_group.column(leaf).byte_range());
    let range = leaves.map(|(start, length)| start..start + length);
    let range = range.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
    note_read((range.end - range.start) as usize);
    let external = |error| DataFusionError::External(Box::new(error));
    let file = open(&chunk.path).map_err(external)?;
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start)?;
    let part = Part { bytes: bytes.into(), start: range.start, end: length_of(&file)? };
    let batches = ParquetRecordBatchReaderBuilder::new_with_metadata(part, footer.clone())
        .with_projection(ProjectionMask::roots(columns, [chunk.column]))
        .with_row_groups(vec![chunk.row_group])
        .with_batch_size(chunk.batch_rows)
        .build()?;
    let arrays = batches.map(|batch| Ok(batch?.column(0).clone()));
    arrays.collect::<Result<Vec<ArrayRef>>>().map(Into::into)
}

fn length_of(file: &File) -> Result<u64> {
    Ok(file.metadata()?.len())
}

/// A part of a file, at its place in the file.
struct Part {
    bytes: Bytes,
    start: u64,
    /// Where the file ends.
    end: u64,
}

impl Part {
    fn from(&self, start: u64) -> ParquetResult<Bytes> {
        let at = start.checked_sub(self.start).map(|at| at as usize);
        match at.filter(|at| *at <= self.bytes.len()) {
            Some(at) => Ok(self.bytes.slice(at..)),
            None => Err(ParquetError::EOF(format!("{start} is not in the part that was read"))),
        }
    }
}

impl Length for Part {
    fn len(&self) -> u64 {
        self.end
    }
}

impl ChunkReader for Part {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        Ok(self.from(start)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let rest = self.from(start)?;
        match length <= rest.len() {
            true => Ok(rest.slice(..length)),
            false => Err(ParquetError::EOF(format!("{length} bytes at {start} were not read"))),
        }
    }
}
