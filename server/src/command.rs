//! The command line: one file a command.
//!
//! Exit codes: 0 done, 1 the command failed (one clear line on standard error says why), 2 the
//! command line itself was wrong.

use std::io;
use std::path::PathBuf;

use almagest_storage::schema::felis::FelisError;

pub mod adql;
pub mod alter;
pub mod backup;
pub mod butler;
pub mod check;
pub mod compact;
pub mod create;
pub mod delete;
pub mod demo;
pub mod diff;
pub mod export;
pub mod frame_options;
pub mod generate;
pub mod graph;
pub mod import;
pub mod ingest;
pub mod inspect;
pub mod pipeline_arguments;
pub mod process;
pub mod progress;
pub mod provenance;
pub mod qa;
pub mod query;
pub mod run;
pub mod serve;
pub mod serve_conduct;
pub mod serve_limits;
pub mod simulate;
pub mod tag;
pub mod user;
pub mod vacuum;
pub mod versions;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The catalog.
    #[error(transparent)]
    Storage(#[from] almagest_storage::Error),
    /// Rows that cannot be taken.
    #[error(transparent)]
    Ingest(#[from] almagest_ingest::Error),
    /// A survey that cannot be generated.
    #[error(transparent)]
    Generate(#[from] almagest_generate::Error),
    /// A query.
    #[error(transparent)]
    Engine(almagest_engine::Error),
    /// A query whose text is wrong, with the place marked.
    #[error("{0}")]
    Adql(String),
    /// An image.
    #[error(transparent)]
    Pipeline(#[from] almagest_pipeline::Error),
    /// The service, or the writing of rows.
    #[error(transparent)]
    Server(#[from] almagest_server::Error),
    /// A schema.
    #[error(transparent)]
    Felis(#[from] FelisError),
    /// A resolution of the chunks that there is not.
    #[error(transparent)]
    Position(#[from] almagest_storage::sphgeom::PositionError),
    /// A file that cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Standard output, or the network.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A check found problems, which are printed already.
    #[error("the catalog has {0} problems")]
    Unsound(usize),
    /// What was found is not enough to go on.
    #[error("{0}")]
    Refused(String),
}

impl From<almagest_engine::Error> for CommandError {
    /// Where the text of a query is wrong, the place is marked.
    fn from(error: almagest_engine::Error) -> Self {
        match error {
            almagest_engine::Error::Adql { text, error } => Self::Adql(error.render(&text)),
            other => Self::Engine(other),
        }
    }
}

/// Shorthand for results of commands.
pub type Result<T, E = CommandError> = std::result::Result<T, E>;
