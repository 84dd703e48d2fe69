//! The log of ingest transactions: what was begun, what came of it, and which contributions are in.
//!
//! States and errors are in the activity file; the keys of contributions that were committed are in
//! the catalog's metadata, written with the commit, so that a sender who did not hear the answer
//! can ask.

use std::time::Duration;

use crate::Result;
use crate::activity::{ContributionEntry, LoggedContribution, LoggedTransaction, TransactionState};
use crate::catalog_store::CatalogStore;
use crate::layout;
use crate::lease::{LEASE_TIMEOUT, WriteLease};

/// A contribution that is part of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedContribution {
    /// What the sender called it.
    pub key: String,
    /// The table.
    pub table: String,
    /// Checksum of what was sent.
    pub checksum: String,
    /// Number of its rows.
    pub n_rows: u64,
    /// The version that made them visible.
    pub version: u64,
}

impl CatalogStore {
    /// Note that a transaction begins; return its name, which no other has.
    ///
    /// # Arguments
    /// * `writing` - the lease by which others see that its process is alive
    pub fn log_begin(
        &self,
        author: &str,
        base_version: u64,
        writing: &WriteLease,
    ) -> Result<String> {
        let id = layout::unique_stem();
        self.leases().activity().begin(&id, author, base_version, writing.number())?;
        Ok(id)
    }

    /// Note that a transaction is over.
    pub fn log_end(
        &self,
        id: &str,
        state: TransactionState,
        message: &str,
        version: Option<u64>,
        error: Option<&str>,
    ) -> Result<()> {
        self.leases().activity().end(id, state, message, version, error)
    }

    /// Note how a contribution to a transaction went; a later try takes the place of an earlier.
    pub fn log_contribution(&self, id: &str, contribution: &LoggedContribution) -> Result<()> {
        self.leases().activity().contributed(id, contribution)
    }

    /// Return the transactions of all processes, latest first. One whose process died is aborted.
    pub fn transactions(&self) -> Result<Vec<LoggedTransaction>> {
        self.transactions_with(LEASE_TIMEOUT)
    }

    /// Return the transactions; a process without a heartbeat for `timeout` has died.
    pub fn transactions_with(&self, timeout: Duration) -> Result<Vec<LoggedTransaction>> {
        self.abort_those_of_the_dead(timeout)?;
        self.leases().activity().transactions()
    }

    /// Return the transaction of a name, whatever process began it. One whose process died is aborted.
    pub fn transaction(&self, id: &str) -> Result<Option<LoggedTransaction>> {
        self.abort_those_of_the_dead(LEASE_TIMEOUT)?;
        self.leases().activity().transaction(id)
    }

    fn abort_those_of_the_dead(&self, timeout: Duration) -> Result<()> {
        let leases = self.leases();
        leases.refresh()?;
        leases.protected(timeout)?;
        leases.activity().abort_those_of_the_dead()
    }

    /// Return the contributions to a transaction, by key.
    pub fn contributions(&self, id: &str) -> Result<Vec<LoggedContribution>> {
        self.leases().activity().contributions(id)
    }

    /// Return the contributions to all transactions, the latest last.
    pub fn all_contributions(&self) -> Result<Vec<ContributionEntry>> {
        self.leases().activity().all_contributions()
    }

    /// A number that rises with every change of the log, by whatever process.
    ///
    /// That a process died is a change, noted where it is found.
    pub fn log_stamp(&self) -> Result<u64> {
        let leases = self.leases();
        if leases.forget_dead()? {
            leases.activity().abort_those_of_the_dead()?;
        }
        leases.activity().n_changes()
    }

    /// Find the contribution of a key among those that are part of a version.
    pub fn committed_contribution(&self, key: &str) -> Result<Option<CommittedContribution>> {
        self.metadata().committed_contribution(key)
    }
}
