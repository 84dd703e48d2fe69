//! `almagest vacuum`: files that no version needs any more.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use almagest_storage::CatalogStore;
use almagest_storage::vacuum::VacuumConfig;

use super::Result;

/// Remove the files of versions that are no longer kept, and what crashes left behind.
///
/// Kept are the newest version, those of the grace period, those with a tag, and those that a
/// running query or service sees. Other versions can no longer be asked for.
#[derive(Debug, clap::Args)]
pub struct Vacuum {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Keep every version that was the newest within so many hours.
    #[arg(long, value_name = "HOURS", default_value_t = 24.0, value_parser = hours)]
    grace: f64,
}

fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if (0.0..=1e6).contains(&hours) => Ok(hours),
        _ => Err("not a number of hours from 0 to 1000000".to_owned()),
    }
}

impl Vacuum {
    /// Vacuum, and say what was removed.
    pub fn run(self) -> Result<()> {
        let grace = Duration::from_secs_f64(self.grace * 3600.0);
        let config = VacuumConfig { grace, ..Default::default() };
        let report = CatalogStore::open(&self.catalog)?.vacuum(config)?;
        writeln!(io::stdout(), "{report}")?;
        Ok(())
    }
}
