//! Every file and folder name inside a catalog.
//!
//! ```text
//! CATALOG/
//!   catalog.db                      metadata: definition, versions, data files (SQLite)
//!   activity.db                     leases of readers and writers, log of ingest transactions (SQLite)
//!   alive/1763923334000000000       locked by a process at work
//!   data/Source/20261121…-0f3a.parquet    rows; immutable once committed
//!   index/Source/20261121…-0f3a.parquet   id → place, one run per data file of a table with ids
//!   butler.db                       the pipeline's datasets, collections and quanta (SQLite)
//!   datasets/RUN/TYPE/…             files of those datasets
//! ```
//!
//! Paths in the metadata are relative to the catalog's folder, with `/` between the parts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Name of the metadata file.
pub(crate) const METADATA: &str = "catalog.db";
/// Name of the file of leases and of the log of ingest transactions.
pub(crate) const ACTIVITY: &str = "activity.db";
/// Folder of the files that processes at work hold locked.
pub(crate) const ALIVE: &str = "alive";
/// Folder of the data files.
pub(crate) const DATA: &str = "data";
/// Folder of the id-index runs.
pub(crate) const INDEX: &str = "index";

/// Name of the registry of the pipeline's datasets.
pub(crate) const BUTLER: &str = "butler.db";
/// Folder of the pipeline's datasets.
pub(crate) const DATASETS: &str = "datasets";

static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Make a file stem that no other process or thread makes: time, process, counter.
pub(crate) fn unique_stem() -> String {
    let nanoseconds =
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{nanoseconds:020x}-{:x}-{count:x}", std::process::id())
}

/// Relative path of a data file of `table`.
pub(crate) fn data_file(table: &str, stem: &str) -> String {
    format!("{DATA}/{}/{stem}.parquet", folder(table))
}

/// Relative path of the id-index run beside the data file of the same stem.
pub(crate) fn index_file(table: &str, stem: &str) -> String {
    format!("{INDEX}/{}/{stem}.parquet", folder(table))
}

/// Name of the folder of a table's files: the table's name where it is plain; otherwise what is
/// plain in it, as no name of a table may lead out of the catalog's folder.
///
/// Two tables may share a folder: file names are unique, and the metadata say whose they are.
fn folder(table: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    table.chars().map(|c| if is_plain(c) { c } else { '-' }).collect()
}

/// Join a relative path of the metadata to the catalog's folder.
pub(crate) fn absolute(root: &Path, relative: &str) -> PathBuf {
    relative.split('/').fold(root.to_path_buf(), |path, part| path.join(part))
}
