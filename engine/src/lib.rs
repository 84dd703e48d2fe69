//! ADQL over a snapshot of a catalog, on DataFusion.
//!
//! ```text
//!   Database ─▶ Session (one snapshot) ─ query(ADQL) ─▶ Query ─▶ stream of RecordBatch
//! ```
//!
//! What of DataFusion is extended, and why: a [`TableProvider`](datafusion::catalog::TableProvider)
//! over the snapshot (files, statistics and order come from the catalog's metadata, and the sky
//! prunes); functions on the sky; an analyzer rule that keeps NaN and infinities out of queries; a
//! rule that lets joins pause, so that they can be cancelled.
//!
//! What this crate does not do: read a file's name (`almagest-storage` knows paths), commit
//! (`almagest-ingest`), speak HTTP (`almagest-server`).

pub mod database;
pub mod session;

pub mod preview;
pub mod query;
pub mod progress;
pub mod estimate;
pub mod geometry;
pub mod config;
pub mod functions;
pub mod tap_schema;
pub mod upload;
pub mod error;

mod catalog_provider;
mod chunked_table;
mod layout;
mod names;
mod narrow;
mod narrow_table;
mod optimizer;
mod output_column;
mod output_type;
mod paced;
mod planner;
mod region_filter;
mod translation;
mod visibility;

pub use config::{EngineConfig, Pruning};
pub use database::Database;
pub use datafusion::arrow;
pub use error::{Error, ErrorKind, Result};
pub use estimate::{Estimate, ScanEstimate, Share};
pub use names::names;
pub use output_type::output_type;
pub use progress::{Progress, Scanned};
pub use query::Query;
pub use session::{QueryOptions, Session};
pub use upload::Upload;
