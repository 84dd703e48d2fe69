//! `almagest versions`: what made each version of a catalog.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_storage::version::TableChange;
use almagest_storage::{CatalogStore, counted};

use super::Result;

/// List the versions of a catalog, newest first: when, who, why, what changed, and their tags.
///
/// A query asks for any of them with `AS OF VERSION n`, until `vacuum` has removed what only that one had.
#[derive(Debug, clap::Args)]
pub struct Versions {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Show this many.
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
}

impl Versions {
    /// Print the list.
    pub fn run(self) -> Result<()> {
        let versions = CatalogStore::open(&self.catalog)?.versions()?;
        let mut out = io::stdout().lock();
        for version in versions.iter().rev().take(self.last) {
            write!(out, "{:>6}  {}  {}", version.version, version.committed_at, version.message)?;
            if !version.author.is_empty() {
                write!(out, "  by {}", version.author)?;
            }
            if !version.tags.is_empty() {
                write!(out, "  [{}]", version.tags.join(", "))?;
            }
            if !version.is_kept {
                write!(out, "  (no longer kept)")?;
            }
            writeln!(out)?;
            for change in &version.changes {
                writeln!(out, "        {}", described(change))?;
            }
        }
        if versions.len() > self.last {
            writeln!(out, "and {} older ones", versions.len() - self.last)?;
        }
        Ok(())
    }
}

fn described(change: &TableChange) -> String {
    let mut parts = vec![];
    if let Some(definition) = change.definition {
        parts.push(format!("table {}", definition.word()));
    }
    for (n_rows, n_files, what) in [
        (change.rows_added, change.files_added, "added"),
        (change.rows_removed, change.files_removed, "removed"),
    ] {
        if n_rows > 0 || n_files > 0 {
            let [rows, files] = [counted(n_rows, "row"), counted(n_files, "file")];
            parts.push(format!("{rows} {what} ({files})"));
        }
    }
    format!("{}: {}", change.table, parts.join(", "))
}
