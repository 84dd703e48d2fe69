//! What the catalog's log says of a transaction.

use almagest_storage::CatalogStore;
use almagest_storage::activity::{LoggedContribution, TransactionState};
use almagest_storage::lease::WriteLease;

use crate::error::Result;

/// The entry of one transaction, and the lease that says that its process is alive.
///
/// The log is for people: where it cannot be written, the transaction goes on.
#[derive(Debug)]
pub(super) struct Log {
    store: CatalogStore,
    id: String,
    is_over: bool,
    /// Keeps the files that are written from being taken for orphans.
    _writing: WriteLease,
}

impl Log {
    pub fn begin(store: &CatalogStore, author: &str, base_version: u64) -> Result<Self> {
        let writing = store.begin_writing()?;
        let id = store.log_begin(author, base_version, &writing)?;
        Ok(Self { store: store.clone(), id, is_over: false, _writing: writing })
    }

    /// The transaction's name, unique in the catalog.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn contributed(&self, contribution: &LoggedContribution) {
        warn(self.store.log_contribution(&self.id, contribution));
    }

    pub fn committed(&mut self, message: &str, version: u64) {
        self.end(TransactionState::Committed, message, Some(version), None);
    }

    pub fn aborted(&mut self, message: &str, error: Option<&str>) {
        self.end(TransactionState::Aborted, message, None, error);
    }

    fn end(
        &mut self,
        state: TransactionState,
        message: &str,
        version: Option<u64>,
        error: Option<&str>,
    ) {
        if !self.is_over {
            self.is_over = true;
            warn(self.store.log_end(&self.id, state, message, version, error));
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.aborted("", Some("given up before its commit"));
    }
}

fn warn(result: almagest_storage::Result<()>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the log of ingest transactions cannot be written");
    }
}
