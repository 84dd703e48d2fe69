//! What bounds the engine, and what it may do to be fast.

/// Settings of a [`Database`](crate::Database).
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Number of partitions in which a plan runs; by default the number of cores.
    pub target_partitions: usize,
    /// Bytes that all running queries together may hold.
    pub memory_limit_bytes: usize,
    /// Skip files, row groups and pages that a region cannot meet. Switched off only to test that
    /// the answers do not depend on it.
    pub pruning: Pruning,
    /// A table of at least so many columns is planned through those that the query names, and as
    /// many that it only selects are passed on together. One: each table is.
    pub wide_table_columns: usize,
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
            pruning: Pruning::On,
            wide_table_columns: 64,
        }
    }
}
