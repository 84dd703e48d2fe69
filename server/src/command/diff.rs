//! `almagest diff`: how two versions of a catalog differ.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_storage::{CatalogStore, counted};

use super::Result;

/// Compare two versions of a catalog: rows by table, and by chunk with --chunks.
///
/// Rows that only moved to other files, as by `compact`, are counted as added and as removed.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// The first version: its number, its tag, or a time (UTC).
    before: String,
    /// The second version; the newest where none is given.
    after: Option<String>,
    /// Name each chunk.
    #[arg(long)]
    chunks: bool,
}

impl Diff {
    /// Print the differences.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let before = store.find_version(&self.before)?;
        let after = match &self.after {
            Some(text) => store.find_version(text)?,
            None => store.newest_version()?,
        };
        let mut out = io::stdout().lock();
        let tables = store.diff(before, after)?;
        if tables.is_empty() {
            writeln!(out, "versions {before} and {after} hold the same")?;
        }
        for table in tables {
            let definition = table.definition.map(|change| format!(" (table {})", change.word()));
            writeln!(
                out,
                "{}{}: {}, then {}; {}",
                table.table,
                definition.unwrap_or_default(),
                counted(table.rows_before, "row"),
                table.rows_after,
                match table.chunks.len() {
                    1 => "1 chunk differs".to_owned(),
                    n => format!("{n} chunks differ"),
                }
            )?;
            for (chunk, rows) in table.chunks.iter().filter(|_| self.chunks) {
                writeln!(out, "  {chunk}: +{} -{}", rows.rows_added, rows.rows_removed)?;
            }
        }
        Ok(())
    }
}
