//! What bounds the engine, and what it may do to be fast.

use std::path::PathBuf;

/// Settings of a [`Database`](crate::Database).
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Number of partitions in which a plan runs; by default the number of cores.
    pub target_partitions: usize,
    /// Bytes that all running queries together may hold.
    pub memory_limit_bytes: usize,
    /// Where sorts, aggregates and joins that do not fit into the memory put their rows.
    pub spill: Spill,
    /// Skip files, row groups and pages that a region cannot meet. Switched off only to test that
    /// the answers do not depend on it.
    pub pruning: Pruning,
    /// A table of at least so many columns is planned through those that the query names, and as
    /// many that it only selects are passed on together. One: each table is.
    pub wide_table_columns: usize,
    /// Bytes of decoded columns that scans of whole tables which run at the same time have in
    /// common, for each database; 0: each decodes for itself.
    pub shared_scan_bytes: u64,
}

/// Where rows go that do not fit into the memory.
#[derive(Debug, Clone)]
pub struct Spill {
    /// The folder; that of the system for temporary files, if absent.
    pub folder: Option<PathBuf>,
    /// Bytes that all running queries together may put there; a query that needs more fails.
    pub limit_bytes: u64,
}

impl Default for Spill {
    fn default() -> Self {
        Self { folder: None, limit_bytes: 64 << 30 }
    }
}

/// Are data that a region cannot meet skipped?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pruning {
    /// Yes.
    On,
    /// No: all rows are read and tested.
    Off,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            target_partitions: std::thread::available_parallelism().map_or(2, usize::from),
            memory_limit_bytes: 4 << 30,
            spill: Spill::default(),
            pruning: Pruning::On,
            wide_table_columns: 64,
            shared_scan_bytes: 256 << 20,
        }
    }
}
