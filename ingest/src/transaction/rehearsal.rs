//! A transaction without a commit: everything is read, checked, placed and counted, nothing written.
//!
//! Rows that do not fit are counted as they are where they are rejected; a file that would be
//! refused as a whole (columns that do not match, bytes that cannot be read) is noted with its
//! reason, and the next one is looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use almagest_storage::{CatalogStore, counted};

use super::{Rejected, Tally, Transaction};
use crate::config::{OnError, TransactionConfig};
use crate::conform::Report;
use crate::error::{Error, ErrorKind, Result};
use crate::format::ReadOptions;

/// Rows that are only tried.
#[derive(Debug)]
pub struct Rehearsal {
    transaction: Transaction,
    refused: Vec<Error>,
}

/// What an ingest would do.
#[derive(Debug)]
pub struct Forecast {
    /// Why files would be refused as a whole.
    pub refused: Vec<Error>,
    /// Rows that fit, and what conforming would change in them, by table.
    pub tables: BTreeMap<String, Report>,
    /// Where the rows would lie, and how large they would be, by table.
    pub tallies: BTreeMap<String, Tally>,
    /// Rows that do not fit.
    pub rejected: Rejected,
}

impl fmt::Display for Forecast {
    /// Some lines for people, each ended.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.refused {
            writeln!(f, "refused: {error}")?;
        }
        for (table, report) in &self.tables {
            let tally = self.tallies.get(table).cloned().unwrap_or_default();
            writeln!(
                f,
                "{table}: {}, {}, in {}",
                counted(tally.n_rows(), "row"),
                size(tally.n_bytes),
                tally.spread()
            )?;
            for line in report.lines() {
                writeln!(f, "  {line}")?;
            }
        }
        for (kind, n_rows) in &self.rejected.by_kind {
            let verb = if *n_rows == 1 { "does" } else { "do" };
            writeln!(f, "{} {verb} not fit: {kind}", counted(*n_rows, "row"))?;
        }
        Ok(())
    }
}

fn size(n_bytes: u64) -> String {
    match n_bytes as f64 {
        bytes if bytes < 1e6 => format!("{:.1} kB", bytes / 1e3),
        bytes if bytes < 1e9 => format!("{:.1} MB", bytes / 1e6),
        bytes => format!("{:.1} GB", bytes / 1e9),
    }
}

impl Rehearsal {
    /// Begin on the newest version of a catalog.
    ///
    /// # Errors
    /// The catalog cannot be read; the file for rejected rows cannot be written.
    pub fn begin(store: &CatalogStore, mut config: TransactionConfig) -> Result<Self> {
        if config.on_error == OnError::Abort {
            config.on_error = OnError::Reject { file: None };
        }
        let transaction = Transaction::on_newest(store, config, None)?;
        Ok(Self { transaction, refused: vec![] })
    }

    /// Try the rows of a file.
    ///
    /// # Errors
    /// There is no such table; the catalog cannot be read. What is wrong with the file is noted.
    pub fn try_file(&mut self, table: &str, path: &Path, options: &ReadOptions) -> Result<()> {
        let tried = self.transaction.append_file(table, path, options);
        self.note(tried)
    }

    /// Try the rows of a stream.
    ///
    /// # Errors
    /// As for [`try_file`](Self::try_file).
    pub fn try_stream(
        &mut self,
        table: &str,
        stream: impl Read + Send + 'static,
        name: &str,
        options: &ReadOptions,
    ) -> Result<()> {
        let tried = self.transaction.append_stream(table, stream, name, options);
        self.note(tried)
    }

    fn note(&mut self, tried: Result<Report>) -> Result<()> {
        match tried {
            Ok(_) => Ok(()),
            Err(error @ Error::Storage(_)) => Err(error),
            Err(error) if error.kind() == ErrorKind::Bug => Err(error),
            Err(error) => {
                self.refused.push(error);
                Ok(())
            }
        }
    }

    /// Return what the ingest would do.
    ///
    /// # Errors
    /// The catalog cannot be read; the file for rejected rows cannot be written.
    pub fn finish(mut self) -> Result<Forecast> {
        let transaction = &mut self.transaction;
        let newest = transaction.store.snapshot()?;
        for contribution in transaction.contributions.values_mut() {
            contribution.settle(&mut transaction.directors, &newest)?;
        }
        transaction.reject_waiting()?;
        let (mut tables, mut tallies) = (BTreeMap::new(), BTreeMap::new());
        for (name, mut contribution) in std::mem::take(&mut transaction.contributions) {
            contribution.take_parcel()?;
            tables.insert(name.clone(), contribution.report);
            tallies.extend(contribution.tally.map(|tally| (name, tally)));
        }
        transaction.rejecting.iter_mut().try_for_each(super::Rejecting::write)?;
        let rejected = transaction.rejecting.take().map(super::Rejecting::keep).unwrap_or_default();
        Ok(Forecast { refused: self.refused, tables, tallies, rejected })
    }
}
