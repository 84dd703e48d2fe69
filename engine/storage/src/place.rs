//! Where a row lives: its chunk, and the key by which it is sorted there.

use std::collections::{HashMap, HashSet};

use arrow::record_batch::RecordBatch;

use crate::chunking::ChunkId;

/// The chunk of a row and its sort key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// `_healpix_29` of the row's position, or of its director's for a child.
    pub key: i64,
    /// The H3 cell of the same position.
    pub chunk: ChunkId,
}

impl Place {
    /// The place of all rows of replicated tables.
    pub fn replicated() -> Self {
        Self { key: 0, chunk: ChunkId::REPLICATED }
    }
}

/// Where the rows of some ids live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Located {
    /// The place of each id that is there.
    pub places: HashMap<i64, Place>,
    /// Numbers of the data files that have these rows; none where rows of these places are to be sought in
    /// all files.
    pub files: Option<HashSet<i64>>,
}

/// Rows of one table, each with its place.
#[derive(Debug, Clone)]
pub struct PlacedRows {
    /// The rows, in exactly the Arrow schema of the table's definition.
    pub batch: RecordBatch,
    /// One place a row.
    pub places: Vec<Place>,
}
