//! What rows would become, counted instead of written: their chunks, and their size in a file.

use std::collections::BTreeMap;

use almagest_storage::chunk_file::write::size_bytes;
use almagest_storage::chunking::ChunkId;
use almagest_storage::schema::TableDef;
use almagest_storage::{PlacedRows, counted};

use crate::error::Result;

/// Rows of which the size is measured; that of the others is taken to be the same for each row.
const SAMPLE_ROWS: usize = 64 * 1024;

/// The rows of one table, counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Rows by chunk.
    pub chunks: BTreeMap<ChunkId, u64>,
    /// Expected size of the data files, bytes.
    pub n_bytes: u64,
}

impl Tally {
    /// Return the number of rows.
    pub fn n_rows(&self) -> u64 {
        self.chunks.values().sum()
    }

    /// In how many chunks the rows lie, and how many a chunk has.
    pub fn spread(&self) -> String {
        let mut counts: Vec<u64> = self.chunks.values().copied().collect();
        counts.sort_unstable();
        match counts[..] {
            [] => "no chunks".to_owned(),
            [n_rows] => format!("1 chunk of {}", counted(n_rows, "row")),
            [least, .., most] => {
                let median = counts[counts.len() / 2];
                format!("{} chunks of {least} to {most} rows, median {median}", counts.len())
            }
        }
    }

    /// Count rows that would make one file.
    pub(super) fn take(&mut self, table: &TableDef, rows: PlacedRows) -> Result<()> {
        let n_rows = rows.places.len();
        for place in &rows.places {
            *self.chunks.entry(place.chunk).or_default() += 1;
        }
        let n_sampled = n_rows.min(SAMPLE_ROWS);
        let sample = PlacedRows {
            batch: rows.batch.slice(0, n_sampled),
            places: rows.places[..n_sampled].to_vec(),
        };
        let sampled_bytes = size_bytes(table, sample)?;
        self.n_bytes += (sampled_bytes as f64 * n_rows as f64 / n_sampled.max(1) as f64) as u64;
        Ok(())
    }
}
