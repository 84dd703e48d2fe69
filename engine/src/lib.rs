//! ADQL over a snapshot of a catalog, on DataFusion.
//!
//! ```text
//!   Database ─▶ Session (one snapshot) ─ query(ADQL) ─▶ Query ─▶ stream of RecordBatch
//! ```
//!
//! What of DataFusion is extended, and why: a [`TableProvider`](datafusion::catalog::TableProvider)
//! over the snapshot (which files, row groups and pages are read follows from the catalog's metadata,
//! the sky and the id index); scans that share what they decode; functions on the sky; a join of neighbours; an analyzer rule that keeps
//! NaN and infinities out of queries; a rule that lets joins pause, so that they can be cancelled.
//!
//! ```no_run
//! # async fn example() -> almagest_engine::Result<()> {
//! use almagest_engine::{Database, QueryOptions};
//! use futures::TryStreamExt;
//!
//! let database = Database::open("catalog".as_ref())?;
//! let adql = "SELECT objectId, coord_ra, coord_dec FROM Object WHERE coord_dec > 89.9";
//! let query = database.session()?.query(adql, QueryOptions::default()).await?;
//! for field in query.schema().fields() {
//!     println!("{} [{}]", field.name(), field.metadata().get("unit").map_or("", String::as_str));
//! }
//! let mut rows = query.into_stream().await?;
//! while let Some(batch) = rows.try_next().await? {
//!     println!("{} rows", batch.num_rows());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What this crate does not do: read a file's name (`almagest-storage` knows paths), commit
//! (`almagest-ingest`), speak HTTP (`almagest-server`).

pub mod database;
pub mod session;

pub mod preview;
pub mod query;
pub mod row_places;
pub mod progress;
pub mod estimate;
pub mod geometry;
pub mod config;
pub mod functions;
pub mod tap_schema;
pub mod upload;
pub mod error;

mod best_of_each;
mod casts;
mod catalog_provider;
mod chunked_table;
mod data_file_reader;
mod fragments;
mod latitudes;
mod layout;
mod names;
mod live_schema;
mod long_lists;
mod narrow;
mod narrow_table;
mod older_files;
mod optimizer;
mod output_column;
mod output_type;
mod paced;
mod planner;
mod region_filter;
mod screen;
mod shared_scan;
mod sky_join;
mod rows_wanted;
mod totals;
mod translation;
mod tree;
mod visibility;
mod wanted_ids;
mod work;

pub use config::{EngineConfig, Pruning};
pub use database::Database;
pub use datafusion::arrow;
pub use error::{Error, ErrorKind, Result};
pub use estimate::{Estimate, ScanEstimate, Share};
pub use live_schema::LiveSchema;
pub use names::names;
pub use output_type::output_type;
pub use progress::{Progress, Scanned};
pub use query::Query;
pub use session::{QueryOptions, Session};
pub use upload::Upload;
