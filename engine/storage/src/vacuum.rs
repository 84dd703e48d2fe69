//! Vacuum: files that nobody can ask for any more are removed.
//!
//! ```text
//!   1  the metadata say from which version on all is kept              (grace period)
//!   2  leases and tags say which older versions are still in use
//!   3  files that were removed from the catalog before all of these leave the metadata
//!   4  … and then the disk
//!   5  files on disk that the metadata do not know (orphans: what a crash leaves) go too, if they
//!      are older than the grace period and than every writer at work
//! ```
//!
//! Files of others that were mounted leave the metadata, and never the disk.
//!
//! Killed between any two steps, it leaves orphans at most, for the next vacuum.

use std::fmt;
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::activity::{Protected, now};
use crate::catalog_store::CatalogStore;
use crate::lease::LEASE_TIMEOUT;
use crate::{Error, Result, check, counted, layout};

/// A file may seem this much older than it is: file systems stamp files by a coarse clock.
const CLOCK_SLACK_S: f64 = 2.0;
/// That clock here ticks at least so often, seconds.
const TICK_S: f64 = 0.02;

/// What vacuum may remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VacuumConfig {
    /// Every version that was the newest within this time is kept, and so is every file younger.
    pub grace: Duration,
    /// Leases without a heartbeat for so long belong to dead processes.
    pub lease_timeout: Duration,
}

impl Default for VacuumConfig {
    /// A day; a minute without a heartbeat.
    fn default() -> Self {
        Self { grace: Duration::from_secs(24 * 3600), lease_timeout: LEASE_TIMEOUT }
    }
}

/// What vacuum removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VacuumReport {
    /// The oldest version that is kept whole; tagged ones are kept besides.
    pub oldest_version: u64,
    /// Data files that only older versions had.
    pub n_data_files: usize,
    /// Files that no version had.
    pub n_orphans: usize,
    /// Files that no version has and that stay: younger than the grace period, or than a writer at work,
    /// whose they may be.
    pub n_untouched: usize,
    /// Size of all that were removed.
    pub size_bytes: u64,
}

impl fmt::Display for VacuumReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} and {} removed, {}; versions from {} on are kept",
            counted(self.n_data_files, "data file"),
            counted(self.n_orphans, "orphaned file"),
            counted(self.size_bytes, "byte"),
            self.oldest_version
        )?;
        match self.n_untouched {
            0 => Ok(()),
            n => write!(
                f,
                "; {} of no version left alone: younger than the grace period, or than a writer at work",
                counted(n, "file")
            ),
        }
    }
}

impl CatalogStore {
    /// Remove the files that no version needs which is kept: the newest, those within the grace
    /// period, those that a reader sees, those with a tag.
    ///
    /// # Errors
    /// The metadata cannot be read or written. A file that cannot be removed is left as an orphan.
    pub fn vacuum(&self, config: VacuumConfig) -> Result<VacuumReport> {
        // Before it is known who writes: whoever begins to write after that makes younger files.
        let begin = now() - TICK_S;
        let oldest_version = self.metadata().keep_since(config.grace)?;
        let mut report = VacuumReport { oldest_version, ..VacuumReport::default() };
        self.leases().refresh()?;
        let protected = self.leases().protected(config.lease_timeout)?;
        let mut oldest = report.oldest_version;
        let mut untouched = begin - config.grace.as_secs_f64();
        for protected in protected {
            match protected {
                Protected::Versions(version) => oldest = oldest.min(version),
                Protected::FilesSince(since) => untouched = untouched.min(since - CLOCK_SLACK_S),
            }
        }
        let forgotten = self.metadata().forget_files(oldest)?;
        report.n_data_files = forgotten.iter().filter(|paths| !paths.is_empty()).count();
        for relative in forgotten.iter().flatten() {
            report.size_bytes += self.remove_file(relative)?;
        }
        // What is listed before the metadata are read can only have become a file of a version.
        let listed = check::files_on_disk(self.root());
        let known = self.metadata().all_files()?;
        let known = check::names_of(&known);
        for relative in listed.iter().filter(|relative| !known.contains(relative.as_str())) {
            let path = layout::absolute(self.root(), relative);
            let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
            let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            if modified.is_some_and(|modified| modified.as_secs_f64() <= untouched) {
                report.size_bytes += self.remove_file(relative)?;
                report.n_orphans += 1;
            } else {
                report.n_untouched += 1;
            }
        }
        Ok(report)
    }

    /// Remove a file, if it is there, and return its size.
    fn remove_file(&self, relative: &str) -> Result<u64> {
        let path = layout::absolute(self.root(), relative);
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        match self.disk().remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { path, source })
            }
            _ => Ok(size),
        }
    }
}
