//! Takes rows into a catalog, all or nothing.
//!
//! ```text
//!  source ─▶ format ─▶ conform ─▶ place ─▶ rows in memory ─▶ invisible files ─▶ one commit
//!                       ▲   ▲                                 └▶ counts, in a rehearsal
//!  batch ───────────────┘   └─ mapping (columns, units, transforms)
//! ```
//!
//! The life of a transaction:
//!
//! ```text
//!        append, append_file, contribute:       rows in memory that no file
//!        rows refused, all as it was            can be written for
//!                  ┌───────┐
//!   begin ──▶ ┌────▼───────┴──┐ ───────────────────────────────▶ ┌────────────┐
//!             │     open      │                                  │ incomplete │
//!             └────▲───────┬──┘                                  └─────┬──────┘
//!                  └───────┤ rows taken                                │
//!                          │                                           │
//!         ┌────────────────┼──────────────────────┐                    │
//!  commit │         commit │ refused         abort,│ drop              │ commit (refused), abort,
//!         ▼                ▼                      ▼                    ▼ drop
//!    committed         aborted                 aborted              aborted
//!    (a version)       (the catalog is as it was, the files are removed)
//! ```
//!
//! What a crash leaves: before the catalog's metadata has the commit, files that no version names
//! (orphans, harmless, for vacuum to remove); after it, the whole version. Nothing in between, as
//! the data files and their folder are synced before the metadata is written, in one SQLite
//! transaction.
//!
//! Concurrent transactions do not wait for each other. Each places its rows by the version on
//! which it began; at the commit, ids are compared with everything committed meanwhile, so that of
//! two that claim one id the second is refused, and otherwise both stand.
//!
//! Read in this order: [`Transaction`], [`conform()`], [`mapping`], [`format`](mod@format), [`source`],
//! [`infer`], [`Error`].
//!
//! What this crate does not do: name files inside a catalog or write them (`almagest-storage`),
//! or answer queries (`almagest-engine`).
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::path::Path;
//!
//! use almagest_ingest::{ReadOptions, Transaction};
//! use almagest_storage::CatalogStore;
//!
//! let store = CatalogStore::open(Path::new("catalog"))?;
//! let mut transaction = Transaction::begin(&store)?;
//! transaction.append_file("Visit", Path::new("visit.csv"), &ReadOptions::default())?;
//! transaction.append_file("Source", Path::new("source.parquet"), &ReadOptions::default())?;
//! let report = transaction.commit()?;
//! println!("{} rows are visible in version {}", report.n_rows(), report.version);
//! # Ok(())
//! # }
//! ```

pub mod compact;
pub mod config;
pub mod conform;
pub mod error;
pub mod format;
pub mod infer;
pub mod hats;
pub mod mapping;
pub mod origin;
mod new_file;
mod directors;
mod id_map;
mod place;
pub mod source;
pub mod transaction;
pub mod transform;

pub use compact::{CompactConfig, CompactReport, Compacted, compact};
pub use config::{OnError, TransactionConfig};
pub use conform::{ColumnNotes, ConformOptions, ExtraColumns, Infinities, Report, conform};
pub use error::{Error, ErrorKind, Result};
pub use format::{Format, ReadOptions, TableChoice, TableReader};
pub use mapping::Mapping;
pub use origin::{Origin, RowOrigin};
pub use transaction::{
    CommitReport, Contributed, Forecast, Rehearsal, Rejected, Tally, Transaction,
};
pub use transform::Transform;
