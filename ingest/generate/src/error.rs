//! What can go wrong while a survey is generated.

use std::path::PathBuf;

use almagest_storage::schema::felis::FelisError;
use almagest_storage::sphgeom::PositionError;
use arrow::error::ArrowError;

use crate::config::MOST_OBJECTS;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why there is no survey.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A survey of nothing, or of more than ids can name.
    #[error("{n_objects} objects: a survey has 1 to {MOST_OBJECTS}")]
    ObjectCount {
        /// The number that was asked for.
        n_objects: u64,
    },
    /// A depth that is none.
    #[error("unknown depth {text}; use dp1, final, or the forced points of an object, 1 to 10000")]
    Depth {
        /// What was given.
        text: String,
    },
    /// A width that is none.
    #[error("unknown width {text}; the Object table has 12, 40, 100 or 1248 columns")]
    Width {
        /// What was given.
        text: String,
    },
    /// More deep fields than there may be.
    #[error("{n_deep_fields} deep fields: at most {most}")]
    DeepFields {
        /// The number that was asked for.
        n_deep_fields: u32,
        /// The greatest number.
        most: u32,
    },
    /// The catalog has a table of the survey already.
    #[error("{catalog}: has a table {table} already; a survey is generated into a catalog without")]
    TableExists {
        /// The catalog's folder.
        catalog: PathBuf,
        /// The table, as the catalog calls it.
        table: String,
    },
    /// A column of the schema for which there is no rule: a bug.
    #[error("no rule makes column {table}.{column}")]
    NoRule {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// Arrays that do not make a batch: a bug.
    #[error("rows of {table}: {source}")]
    Rows {
        /// The table.
        table: String,
        /// The reason.
        source: ArrowError,
    },
    /// Threads that the system does not give.
    #[error("cannot start {n_threads} threads: {source}")]
    Threads {
        /// How many were wanted.
        n_threads: usize,
        /// The reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// The catalog.
    #[error(transparent)]
    Storage(#[from] almagest_storage::Error),
    /// Rows that were not taken.
    #[error(transparent)]
    Ingest(#[from] almagest_ingest::Error),
    /// The schema.
    #[error(transparent)]
    Felis(#[from] FelisError),
    /// A position, or a resolution of the chunks.
    #[error(transparent)]
    Position(#[from] PositionError),
}
