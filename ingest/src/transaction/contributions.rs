//! Contributions: rows that are sent under a key, and count once however often they are sent.
//!
//! ```text
//!   key and checksum known, of this transaction or of a version  ─▶ nothing to do
//!   key known, with another checksum or table                    ─▶ refused
//!   rows refused                                                 ─▶ the transaction is as it was:
//!                                                                   send it again, or go on without
//! ```
//!
//! The keys of a commit are written with it, so that a sender who was cut off before the answer
//! sends everything again and is told what is in already.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use almagest_storage::activity::LoggedContribution;
use almagest_storage::checksum::sha256_of_file;
use arrow::array::RecordBatch;

use super::Transaction;
use super::log::Log;
use crate::conform::Report;
use crate::error::{Error, Result};
use crate::format::ReadOptions;
use crate::origin::Origin;

/// What became of a contribution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contributed {
    /// Its rows are part of the transaction.
    Taken(Report),
    /// They were sent before, to this transaction (`None`) or to the one of a version.
    Known {
        /// The version that has them.
        version: Option<u64>,
    },
}

impl Transaction {
    /// The transaction's name in the log, unique in the catalog.
    pub fn id(&self) -> &str {
        self.log.as_ref().map_or("", Log::id)
    }

    /// Append all rows of a file under a key; the checksum is that of the file.
    ///
    /// # Errors
    /// As for [`append_file`](Self::append_file); [`Error::ContributionDiffers`]. The transaction
    /// is as it was then, and goes on.
    pub fn contribute_file(
        &mut self,
        key: &str,
        table: &str,
        path: &Path,
        options: &ReadOptions,
    ) -> Result<Contributed> {
        let checksum =
            sha256_of_file(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        self.contribute_with(key, table, &checksum, |this| this.append_file(table, path, options))
    }

    /// Append all rows of a stream under a key. They are first copied to a temporary file, as only
    /// the whole stream has a checksum.
    ///
    /// # Errors
    /// As for [`contribute_file`](Self::contribute_file).
    pub fn contribute_stream(
        &mut self,
        key: &str,
        table: &str,
        mut stream: impl Read,
        name: &str,
        options: &ReadOptions,
    ) -> Result<Contributed> {
        let io_error = |source| Error::Io { path: PathBuf::from(name), source };
        let mut copy = tempfile::NamedTempFile::new().map_err(io_error)?;
        io::copy(&mut stream, &mut copy).map_err(io_error)?;
        let checksum = sha256_of_file(copy.path()).map_err(io_error)?;
        self.contribute_with(key, table, &checksum, |this| {
            this.append_stream(table, copy.reopen().map_err(io_error)?, name, options)
        })
    }

    /// Append rows under a key.
    ///
    /// # Arguments
    /// * `checksum` - of what the sender sent; any text that differs where the rows differ
    ///
    /// # Errors
    /// As for [`append`](Self::append); [`Error::ContributionDiffers`]. The transaction is as it
    /// was then, and goes on.
    pub fn contribute(
        &mut self,
        key: &str,
        table: &str,
        checksum: &str,
        batches: &[RecordBatch],
    ) -> Result<Contributed> {
        let mut origin = Origin::new(key);
        self.contribute_with(key, table, checksum, |this| {
            let mut report = Report::default();
            for batch in batches {
                report.merge(&this.append_from(table, batch, &origin)?);
                origin = origin.after(batch.num_rows());
            }
            Ok(report)
        })
    }

    fn contribute_with(
        &mut self,
        key: &str,
        table: &str,
        checksum: &str,
        append: impl FnOnce(&mut Self) -> Result<Report>,
    ) -> Result<Contributed> {
        let table = self.schema.find(table)?.name.clone();
        let is_same = |known_table: &str, known_checksum: &str| match known_table == table
            && known_checksum == checksum
        {
            true => Ok(()),
            false => Err(Error::ContributionDiffers { key: key.to_owned() }),
        };
        if let Some(known) = self.contributed.get(key) {
            is_same(&known.table, &known.checksum)?;
            return Ok(Contributed::Known { version: None });
        }
        if let Some(known) = self.store.committed_contribution(key)? {
            is_same(&known.table, &known.checksum)?;
            return Ok(Contributed::Known { version: Some(known.version) });
        }
        let result = self.within_savepoint(append);
        let contribution = LoggedContribution {
            key: key.to_owned(),
            table,
            checksum: checksum.to_owned(),
            n_rows: result.as_ref().map_or(0, |report| report.n_rows),
            error: result.as_ref().err().map(Error::to_string),
        };
        self.log.iter().for_each(|log| log.contributed(&contribution));
        let report = result?;
        self.contributed.insert(key.to_owned(), contribution);
        Ok(Contributed::Taken(report))
    }
}
