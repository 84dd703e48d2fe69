//! `almagest backup` and `almagest restore`.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_storage::CatalogStore;
use almagest_storage::backup::copy::Trust;
use almagest_storage::backup::restore::restore;
use almagest_storage::backup::{BackupConfig, BackupReport};

use super::Result;

/// Copy a catalog to another folder, as it is now, while it is read and written.
///
/// Data files that the folder has already are not copied again. Each backup is a generation: all
/// versions that the catalog kept then, the pipeline's datasets and the log of ingest transactions.
#[derive(Debug, clap::Args)]
pub struct Backup {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Folder of the backup; absent, empty, or that of earlier backups of this catalog.
    backup: PathBuf,
    /// Keep so many generations; files of older ones go.
    #[arg(long, value_name = "GENERATIONS", default_value_t = 7, value_parser = generations)]
    keep: usize,
    /// Take files that are there for whole by their size; otherwise they are read and compared by
    /// checksum.
    #[arg(long)]
    quick: bool,
}

fn generations(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if n > 0 => Ok(n),
        _ => Err("at least 1".to_owned()),
    }
}

impl Backup {
    /// Back up, and say what was copied.
    pub fn run(self) -> Result<()> {
        let trust = if self.quick { Trust::Sizes } else { Trust::Checksums };
        let config = BackupConfig { keep: self.keep, trust };
        let report: BackupReport =
            CatalogStore::open(&self.catalog)?.back_up(&self.backup, config)?;
        writeln!(io::stdout(), "{report}")?;
        Ok(())
    }
}

/// Make a catalog of a backup, each file compared with its checksum.
#[derive(Debug, clap::Args)]
pub struct Restore {
    /// Folder of the backup.
    backup: PathBuf,
    /// Folder of the catalog; absent or empty.
    catalog: PathBuf,
    /// The newest version of the catalog; later ones are left out. Without it, the newest that there
    /// is. The pipeline's datasets are those of the generation that has the version.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
}

impl Restore {
    /// Restore, and say what.
    pub fn run(self) -> Result<()> {
        let report = restore(&self.backup, &self.catalog, self.version)?;
        writeln!(io::stdout(), "{}: {report}", self.catalog.display())?;
        Ok(())
    }
}
