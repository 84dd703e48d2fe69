//! The footers of Parquet files, kept once they have been read.
//!
//! A committed file is never modified, so that its footer, page index included, is read once. What is
//! kept is bounded by its size in memory; what was not asked for lately goes first.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::bounded_cache::bounded_cache;
use crate::{Error, Result};

/// Bytes of footers that are kept.
const MOST_BYTES: u64 = 384 << 20;
/// Bytes of a footer as they are on average, for the number of places.
const USUAL_BYTES: u64 = 64 << 10;
/// Parts of the cache, each with a lock and its share of the bytes: that share must have room for the
/// footer of a file of a thousand columns.
const SHARDS: usize = 2;

/// The footers of a catalog's files.
pub struct Footers {
    kept: Cache<PathBuf, Arc<ParquetMetaData>, BySize>,
}

#[derive(Clone)]
struct BySize;

impl Weighter<PathBuf, Arc<ParquetMetaData>> for BySize {
    fn weight(&self, path: &PathBuf, footer: &Arc<ParquetMetaData>) -> u64 {
        (path.as_os_str().len() + footer.memory_size()) as u64
    }
}

impl Default for Footers {
    fn default() -> Self {
        Self { kept: bounded_cache(BySize, MOST_BYTES, USUAL_BYTES, SHARDS) }
    }
}

impl Footers {
    /// Return the footer of the file at `path`, with its page index.
    ///
    /// # Errors
    /// [`Error::Corrupt`] where the file is missing, [`Error::Io`], [`Error::Parquet`].
    pub fn of(&self, path: &Path) -> Result<Arc<ParquetMetaData>> {
        if let Some(footer) = self.kept.get(path) {
            return Ok(footer);
        }
        let footer = Arc::new(read_footer(&open(path)?, path)?);
        self.kept.insert(path.to_owned(), Arc::clone(&footer));
        Ok(footer)
    }
}

/// Open a file of a catalog.
///
/// # Errors
/// [`Error::Corrupt`] where it is missing, [`Error::Io`].
pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            Error::Corrupt { path: path.to_owned(), reason: "file is missing".into() }
        }
        _ => Error::Io { path: path.to_owned(), source },
    })
}

fn read_footer(file: &File, path: &Path) -> Result<ParquetMetaData> {
    ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Optional)
        .parse_and_finish(file)
        .map_err(|source| Error::Parquet { path: path.to_owned(), source })
}
