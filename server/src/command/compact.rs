//! `almagest compact`: few large files in the place of many small ones.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_ingest::{CompactConfig, compact};
use almagest_storage::{CatalogStore, counted};

use super::{Result, progress};

/// Merge the small files of a catalog by chunk, and rewrite files with many deleted rows.
///
/// Queries and commits go on meanwhile. The files that were merged stay for older versions until
/// `vacuum` removes them.
#[derive(Debug, clap::Args)]
pub struct Compact {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Merge files below this size, MiB.
    #[arg(long, value_name = "MIB", default_value_t = 32)]
    small: u64,
    /// Merge when there are so many of them.
    #[arg(long, value_name = "N", default_value_t = 4)]
    min_files: usize,
    /// Rewrite files of which this share of the rows is deleted; 0: all with a deleted row.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    deleted_share: f64,
}

impl Compact {
    /// Compact, and say what was done.
    pub fn run(self) -> Result<()> {
        let config = CompactConfig {
            small_bytes: self.small << 20,
            min_files: self.min_files,
            deleted_share: self.deleted_share,
            ..Default::default()
        };
        let spinner = progress::spinner(format!("compacting {}", self.catalog.display()));
        let compacted = compact(&CatalogStore::open(&self.catalog)?, &config)?;
        spinner.finish_and_clear();
        let mut out = io::stdout().lock();
        if compacted.tables.is_empty() && compacted.busy.is_empty() {
            writeln!(out, "nothing to compact")?;
        }
        for table in compacted.busy {
            writeln!(out, "{table}: not now, as other commits change it")?;
        }
        for report in compacted.tables {
            writeln!(
                out,
                "{}: {} to {}, {} (version {})",
                report.table,
                counted(report.files_before, "file"),
                report.files_after,
                counted(report.n_rows, "row"),
                report.version
            )?;
        }
        Ok(())
    }
}
