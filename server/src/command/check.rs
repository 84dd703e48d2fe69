//! `almagest check`: is a catalog what its metadata say?

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_storage::CatalogStore;
use almagest_storage::check::MountedRows;

use super::{CommandError, Result, progress};

/// Compare a catalog's files with its metadata.
///
/// Every file is present and has its checksum, every row lies in its chunk and in order. Exit code
/// 0 means that the catalog is sound; files of no version (orphaned: a crash left
/// them behind, or a writer at work has yet to commit them) are counted, and harmless. Mounted
/// files are there, with their size and footer.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Read the rows of mounted files too: each lies in its tile, and where its key says.
    #[arg(long)]
    full: bool,
}

impl Check {
    /// Check, and print the report.
    pub fn run(self) -> Result<()> {
        let spinner = progress::spinner(format!("checking {}", self.catalog.display()));
        let mounted = if self.full { MountedRows::Read } else { MountedRows::Trusted };
        let report = CatalogStore::open(&self.catalog)?.check_with(mounted)?;
        spinner.finish_and_clear();
        writeln!(io::stdout(), "{report}")?;
        match report.problems.len() {
            0 => Ok(()),
            n => Err(CommandError::Unsound(n)),
        }
    }
}
