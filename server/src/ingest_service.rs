//! Ingest transactions of callers elsewhere.
//!
//! ```text
//!   POST /ingest/transactions                              begin          201, Location
//!   PUT  /ingest/transactions/{id}/contributions/{key}     rows of a file, under a key
//!   GET  /ingest/transactions/{id}                         how it stands
//!   POST /ingest/transactions/{id}/commit | abort
//! ```
//!
//! A body goes to a file as it comes, so that a sender waits for the disk and memory does not grow;
//! then its rows are taken, one contribution of a transaction at a time. A contribution that was
//! refused leaves the transaction as it was; one that is sent again counts once, as its key and its
//! checksum are known. A commit while one is on its way, or was refused and not sent again, is refused
//! itself: what a sender meant to be visible is visible, or he has said that it may be missing.
//! Transactions are in the memory of the service: when it ends, they are aborted, and their senders
//! begin again with the same keys.
//!
//! Who sends shows a token that may write the table.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sent::Sent;

use almagest_ingest::{CommitReport, Contributed, ReadOptions, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::activity::{LoggedContribution, LoggedTransaction, TransactionState};

use crate::{Error, Result};

pub mod client;
pub mod endpoints;
mod sent;

pub use sent::Sending;

/// A transaction of which nothing was heard for so long is aborted.
const IDLE: Duration = Duration::from_secs(3600);
/// Open transactions that a caller may have.
const MOST_OPEN: usize = 8;
/// Rows in memory of one transaction, bytes; what exceeds it goes to files.
const BUFFER_BYTES: usize = 64 << 20;

/// The transactions of callers; cheap to clone.
#[derive(Debug, Clone)]
pub struct IngestService {
    stores: Arc<Vec<CatalogStore>>,
    open: Arc<Mutex<HashMap<String, Arc<Open>>>>,
}

/// A transaction that was begun here and is not over.
#[derive(Debug)]
struct Open {
    owner: String,
    store: CatalogStore,
    /// None once it is over.
    transaction: Mutex<Option<Transaction>>,
    sent: Mutex<Sent>,
    last_used: Mutex<Instant>,
}

/// How a transaction stands.
#[derive(Debug)]
pub struct Standing {
    /// Schema of the catalog.
    pub schema: String,
    /// The transaction.
    pub transaction: LoggedTransaction,
    /// What was contributed to it, by key.
    pub contributions: Vec<LoggedContribution>,
    /// Keys of contributions on their way.
    pub on_their_way: Vec<String>,
    /// Why contributions were refused, or cut off, that were not sent again, by key.
    pub refused: BTreeMap<String, String>,
}

impl Open {
    fn touch(&self) {
        *self.last_used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn transaction(&self) -> MutexGuard<'_, Option<Transaction>> {
        self.transaction.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self) -> MutexGuard<'_, Sent> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_idle(&self) -> bool {
        let last_used = *self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        // One that works on rows just now is not idle.
        last_used.elapsed() > IDLE && self.transaction.try_lock().is_ok()
    }
}

impl IngestService {
    /// Take transactions on some catalogs.
    pub fn new(stores: Vec<CatalogStore>) -> Self {
        Self { stores: Arc::new(stores), open: Arc::default() }
    }

    /// The catalog of a schema, whatever the case; the first where none is named.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`].
    pub fn store(&self, schema: Option<&str>) -> Result<&CatalogStore> {
        let found = match schema {
            None => self.stores.first(),
            Some(name) => self.stores.iter().find(|store| store.name().eq_ignore_ascii_case(name)),
        };
        let name = schema.unwrap_or_default().to_owned();
        found.ok_or(Error::NoSuchTable { name })
    }

    /// Begin a transaction on a catalog; return its name.
    ///
    /// # Errors
    /// The caller has too many; the catalog cannot be read.
    pub fn begin(&self, owner: &str, store: &CatalogStore) -> Result<String> {
        self.abort_idle();
        let n_open = self.open().values().filter(|open| open.owner == owner).count();
        if n_open >= MOST_OPEN {
            return Err(Error::TooManyTransactions { most: MOST_OPEN });
        }
        let config = TransactionConfig {
            author: owner.to_owned(),
            buffer_bytes: BUFFER_BYTES,
            known_ids_at_once: true,
            ..TransactionConfig::default()
        };
        let transaction = Transaction::begin_with(store, config)?;
        let id = transaction.id().to_owned();
        let open = Open {
            owner: owner.to_owned(),
            store: store.clone(),
            transaction: Mutex::new(Some(transaction)),
            sent: Mutex::default(),
            last_used: Mutex::new(Instant::now()),
        };
        self.open().insert(id.clone(), Arc::new(open));
        Ok(id)
    }

    /// Note that a contribution is on its way, until what is returned is given to
    /// [`contribute`](Self::contribute), or dropped.
    ///
    /// # Errors
    /// [`Error::NoSuchTransaction`], [`Error::TransactionOver`].
    pub fn receive(&self, owner: &str, id: &str, key: &str) -> Result<Sending> {
        let open = self.find(owner, id)?;
        open.touch();
        Ok(Sending::begin(open, id, key))
    }

    /// Take the rows of a file.
    ///
    /// # Errors
    /// [`Error::TransactionOver`]; what the rows are refused for: the transaction is as it was then.
    pub fn contribute(
        sending: Sending,
        table: &str,
        path: &Path,
        options: &ReadOptions,
    ) -> Result<Contributed> {
        let open = sending.open();
        open.touch();
        let taken = match open.transaction().as_mut() {
            None => Err(Error::TransactionOver { id: sending.id().to_owned() }),
            Some(it) => it.contribute_file(sending.key(), table, path, options).map_err(Into::into),
        };
        open.touch();
        match &taken {
            Ok(_) => sending.taken(),
            Err(error) => sending.refused(error),
        }
        taken
    }

    /// Make the rows visible.
    ///
    /// # Arguments
    /// * `without_refused` - also where contributions were refused and not sent again
    ///
    /// # Returns
    /// What is visible, and the keys of what was refused.
    ///
    /// # Errors
    /// [`Error::NoSuchTransaction`], [`Error::TransactionOver`]; [`Error::NotAllCame`], or
    /// [`Error::NoDirectors`]: the transaction is as it was. [`Error::NotCommitted`]: it is aborted.
    pub fn commit(
        &self,
        owner: &str,
        id: &str,
        message: &str,
        without_refused: bool,
    ) -> Result<(CommitReport, Vec<String>)> {
        let open = self.find(owner, id)?;
        open.touch();
        let missing = open.sent().check(id, without_refused)?;
        let committed = {
            // Others wait here, and find that it is over.
            let mut transaction = open.transaction();
            if let Some(transaction) = transaction.as_mut() {
                transaction
                    .check_directors()
                    .map_err(|source| Error::NoDirectors { id: id.to_owned(), source })?;
            }
            let over = || Error::TransactionOver { id: id.to_owned() };
            let message = if message.is_empty() { "ingest" } else { message };
            transaction.take().ok_or_else(over)?.commit_as(message)
        };
        self.open().remove(id);
        let committed =
            committed.map_err(|source| Error::NotCommitted { id: id.to_owned(), source })?;
        Ok((committed, missing))
    }

    /// Give a transaction up, when no contribution is at work on it.
    ///
    /// # Errors
    /// [`Error::NoSuchTransaction`], [`Error::TransactionOver`].
    pub fn abort(&self, owner: &str, id: &str) -> Result<()> {
        let open = self.find(owner, id)?;
        let transaction = open.transaction().take();
        self.open().remove(id);
        transaction.ok_or_else(|| Error::TransactionOver { id: id.to_owned() })?.abort();
        Ok(())
    }

    /// Say how a transaction stands, one that is over too.
    ///
    /// # Errors
    /// [`Error::NoSuchTransaction`]; the log cannot be read.
    pub fn standing(&self, owner: &str, id: &str) -> Result<Standing> {
        for store in self.stores.iter() {
            let logged = store.transaction(id).map_err(almagest_ingest::Error::from)?;
            if let Some(transaction) = logged.filter(|logged| logged.author == owner) {
                let contributions =
                    store.contributions(id).map_err(almagest_ingest::Error::from)?;
                let schema = store.name().to_owned();
                let open = self.open().get(id).map(Arc::clone);
                let sent = open.as_ref().map(|open| open.sent());
                let on_their_way = sent.as_ref().map(|sent| sent.on_their_way());
                let refused = sent.as_ref().map(|sent| sent.refused());
                let on_their_way = on_their_way.unwrap_or_default();
                let refused = refused.unwrap_or_default();
                return Ok(Standing { schema, transaction, contributions, on_their_way, refused });
            }
        }
        Err(Error::NoSuchTransaction { id: id.to_owned() })
    }

    /// The catalog of an open transaction.
    ///
    /// # Errors
    /// As [`Self::contribute`].
    pub fn store_of(&self, owner: &str, id: &str) -> Result<CatalogStore> {
        Ok(self.find(owner, id)?.store.clone())
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, owner: &str, id: &str) -> Result<Arc<Open>> {
        if let Some(open) = self.open().get(id).filter(|open| open.owner == owner) {
            return Ok(Arc::clone(open));
        }
        match self.standing(owner, id)?.transaction.state {
            // It is open in another process, which alone can go on with it.
            TransactionState::Open => Err(Error::NoSuchTransaction { id: id.to_owned() }),
            _ => Err(Error::TransactionOver { id: id.to_owned() }),
        }
    }

    /// Abort what was forgotten.
    fn abort_idle(&self) {
        let mut open = self.open();
        let idle: Vec<String> =
            open.iter().filter(|(_, it)| it.is_idle()).map(|(id, _)| id.clone()).collect();
        for id in idle {
            if let Some(forgotten) = open.remove(&id) {
                tracing::info!(%id, owner = forgotten.owner, "an idle ingest transaction is aborted");
                drop(forgotten.transaction().take());
            }
        }
    }
}
