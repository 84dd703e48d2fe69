//! Rows that wait for their tiles.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use super::{io_error, rows_error};
use crate::Result;

/// Bytes of rows in memory that wait for their tiles.
const BUFFER_BYTES: usize = 256 << 20;

/// Rows that wait for their tiles: in memory, and in files where these are too many.
pub(super) struct Spool {
    folder: PathBuf,
    schema: SchemaRef,
    /// By place of the tile.
    rows: BTreeMap<usize, Vec<RecordBatch>>,
    n_bytes: usize,
    /// Number of files of each tile.
    files: BTreeMap<usize, usize>,
}

impl Spool {
    pub fn new(folder: PathBuf, schema: SchemaRef) -> Self {
        Self { folder, schema, rows: BTreeMap::new(), n_bytes: 0, files: BTreeMap::new() }
    }

    /// Keep rows for tiles: each for those whose places come with it.
    pub fn take(
        &mut self,
        places: impl Iterator<Item = (usize, u32)>,
        keys: &[i64],
        rows: &RecordBatch,
    ) -> Result<()> {
        let mut of_tile: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (place, row) in places {
            of_tile.entry(place).or_default().push(row);
        }
        if of_tile.is_empty() {
            return Ok(());
        }
        let mut columns = vec![Arc::new(Int64Array::from(keys.to_vec())) as _];
        columns.extend(rows.columns().iter().cloned());
        let all = RecordBatch::try_new(self.schema.clone(), columns).map_err(rows_error)?;
        for (place, rows) in of_tile {
            let rows = take_record_batch(&all, &UInt32Array::from(rows)).map_err(rows_error)?;
            self.n_bytes += rows.get_array_memory_size();
            self.rows.entry(place).or_default().push(rows);
        }
        if self.n_bytes > BUFFER_BYTES { self.flush() } else { Ok(()) }
    }

    /// The places of the tiles that have rows.
    pub fn places(&self) -> BTreeSet<usize> {
        self.rows.keys().chain(self.files.keys()).copied().collect()
    }

    /// Write what is in memory to files.
    fn flush(&mut self) -> Result<()> {
        self.n_bytes = 0;
        for (place, batches) in std::mem::take(&mut self.rows) {
            let number = self.files.entry(place).or_default();
            let path = self.folder.join(format!("{place}-{number}"));
            *number += 1;
            let file = File::create(&path).map_err(|source| io_error(&path, source))?;
            let mut writer = StreamWriter::try_new(file, &self.schema).map_err(rows_error)?;
            for batch in &batches {
                writer.write(batch).map_err(rows_error)?;
            }
            writer.finish().map_err(rows_error)?;
        }
        Ok(())
    }

    /// Take the rows of a tile, sorted by key.
    pub fn rows_of(&mut self, place: usize) -> Result<RecordBatch> {
        let mut batches = self.rows.remove(&place).unwrap_or_default();
        for number in 0..self.files.remove(&place).unwrap_or(0) {
            let path = self.folder.join(format!("{place}-{number}"));
            let file = File::open(&path).map_err(|source| io_error(&path, source))?;
            for batch in StreamReader::try_new(file, None).map_err(rows_error)? {
                batches.push(batch.map_err(rows_error)?);
            }
            fs::remove_file(&path).map_err(|source| io_error(&path, source))?;
        }
        let rows = concat_batches(&self.schema, &batches).map_err(rows_error)?;
        let order = sort_to_indices(rows.column(0), None, None).map_err(rows_error)?;
        take_record_batch(&rows, &order).map_err(rows_error)
    }
}
