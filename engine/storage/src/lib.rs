//! What a catalog is, on the sky and on disk.
//!
//! ```text
//!   Felis YAML ─▶ SchemaDef ─▶ TableDef ─▶ Arrow schema
//!                                 │
//!   rows with places ─▶ data file (Parquet, sorted by the sky) ─▶ commit ─▶ version n
//!                                                                            │
//!                 region, ids ─▶ Snapshot (immutable view of version n) ◀────┘
//! ```
//!
//! Invariants: only this crate knows a path or a file name inside a catalog; a committed data file
//! is never modified; only a commit makes it visible.
//!
//! What it does not do: decide what may be committed (that is `almagest-ingest`), or run queries
//! (`almagest-engine`).

pub mod schema;
pub mod sphgeom;
pub mod coverage;
pub mod chunking;
pub mod place;
pub mod catalog_store;
pub mod commit;
pub mod snapshot;
pub mod region_read;
pub mod version;
pub mod disk;
pub mod data_file;
pub mod older_form;
pub mod mount;
pub mod deletion_vector;
pub mod removal;
pub mod chunk_file;
pub mod footers;
pub mod bounded_cache;
pub mod pages;
pub mod check;
pub mod lease;
pub mod vacuum;
pub mod backup;
pub mod hats;
pub mod activity;
mod alive;
pub mod transaction_log;
pub mod checksum;
pub mod counted;
pub mod error;

mod claims;
mod files_seen;
mod id_index;
mod layout;
mod metadata;
mod chunk_reader;
mod table_files;

pub use catalog_store::{CatalogStore, PendingFile};
pub use check::CheckReport;
pub use chunk_reader::ChunkReader;
pub use commit::CommitPlan;
pub use counted::counted;
pub use deletion_vector::DeletionVector;
pub use error::{Error, Result};
pub use older_form::OlderForm;
pub use place::{Located, Place, PlacedRows};
pub use removal::Removal;
pub use snapshot::Snapshot;
pub use table_files::Sums;
pub use version::Version;
