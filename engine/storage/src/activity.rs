//! Who is at work on a catalog: leases of readers and writers, and the log of ingest transactions.
//!
//! A second SQLite file, `activity.db`, as it is written often and says nothing of what the catalog
//! holds: without it every version is still whole. It is not synced to disk at each write, for what
//! a power cut takes from it are the marks of processes that are no more.
//!
//! A lease has a heartbeat. One that has not beaten for a while belongs to a dead process and
//! counts no more; where the file system has locks, one of a dead process is found at once.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Result;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS lease (
    lease_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    process        INTEGER NOT NULL,
    oldest_version INTEGER,
    writing_since  REAL,
    heartbeat_at   REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ingest_transaction (
    transaction_id TEXT PRIMARY KEY,
    state          TEXT NOT NULL,
    author         TEXT NOT NULL,
    message        TEXT NOT NULL,
    base_version   INTEGER NOT NULL,
    version        INTEGER,
    begun_at       TEXT NOT NULL,
    ended_at       TEXT,
    error          TEXT,
    lease_id       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ingest_transaction_open ON ingest_transaction (lease_id) WHERE state = 'open';
CREATE TABLE IF NOT EXISTS ingest_contribution (
    transaction_id TEXT NOT NULL,
    key            TEXT NOT NULL,
    table_name     TEXT NOT NULL,
    checksum       TEXT NOT NULL,
    state          TEXT NOT NULL,
    n_rows         INTEGER NOT NULL,
    error          TEXT,
    PRIMARY KEY (transaction_id, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ingest_log (n_changes INTEGER NOT NULL);
INSERT INTO ingest_log SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM ingest_log);
";

/// When contributions were received; the log of older programs lacks it.
const RECEIVED_AT: &str = "ALTER TABLE ingest_contribution ADD COLUMN received_at TEXT";

/// What a lease protects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Protected {
    /// All versions from this one on.
    Versions(u64),
    /// Files that no version names yet, written since this instant, seconds of Unix time.
    FilesSince(f64),
}

/// How far an ingest transaction has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// It takes rows. Where its process is no more, it will not go on.
    Open,
    /// Its rows are visible.
    Committed,
    /// Nothing of it is left.
    Aborted,
}

impl TransactionState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committed => "committed",
            Self::Aborted => "aborted",
        }
    }

    fn of_word(word: &str) -> Self {
        let all = [Self::Open, Self::Committed, Self::Aborted];
        all.into_iter().find(|state| state.word() == word).unwrap_or(Self::Aborted)
    }
}

/// An ingest transaction as the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedTransaction {
    /// Its name, unique in the catalog.
    pub id: String,
    /// How far it has come.
    pub state: TransactionState,
    /// Who began it.
    pub author: String,
    /// What it is, for people.
    pub message: String,
    /// The version on which it began.
    pub base_version: u64,
    /// The version that it made.
    pub version: Option<u64>,
    /// When it began: UTC, ISO 8601.
    pub begun_at: String,
    /// When it was committed or aborted.
    pub ended_at: Option<String>,
    /// Why it was aborted, or its last error.
    pub error: Option<String>,
}

/// A contribution to an ingest transaction as the log tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedContribution {
    /// What the sender calls it.
    pub key: String,
    /// The table.
    pub table: String,
    /// Checksum of what was sent.
    pub checksum: String,
    /// Number of rows that were taken; 0 where it failed.
    pub n_rows: u64,
    /// Why it failed.
    pub error: Option<String>,
}

impl LoggedContribution {
    /// The word for what became of it.
    pub fn state(&self) -> &'static str {
        if self.error.is_some() { "failed" } else { "taken" }
    }
}

/// A contribution with the transaction to which it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContributionEntry {
    /// Name of the transaction.
    pub transaction: String,
    /// When the last try ended: UTC, ISO 8601.
    pub received_at: Option<String>,
    /// The contribution.
    pub contribution: LoggedContribution,
}

/// An open activity file.
#[derive(Debug)]
pub(crate) struct Activity {
    connection: Connection,
}

impl Activity {
    /// Open the file at `path`; make it where it is absent.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(60))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(TABLES)?;
        let has_times = "SELECT EXISTS (SELECT 1 FROM pragma_table_info('ingest_contribution')
                                        WHERE name = 'received_at')";
        if !connection.query_row(has_times, [], |row| row.get(0))? {
            match connection.execute_batch(RECEIVED_AT) {
                // Another process was quicker.
                Err(error) if error.to_string().contains("duplicate column") => {}
                result => result?,
            }
        }
        Ok(Self { connection })
    }

    /// Add a lease and return its number.
    pub fn add_lease(&self, process: i64, protected: Protected) -> Result<i64> {
        let (version, since) = columns(protected);
        self.connection.execute(
            "INSERT INTO lease (process, oldest_version, writing_since, heartbeat_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![process, version, since, now()],
        )?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Let a lease live on and say what it protects. A lease that was taken for dead comes back.
    pub fn renew_lease(&self, lease: i64, process: i64, protected: Protected) -> Result<()> {
        let (version, since) = columns(protected);
        self.connection.execute(
            "INSERT INTO lease VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (lease_id) DO UPDATE
             SET oldest_version = ?3, writing_since = ?4, heartbeat_at = ?5",
            params![lease, process, version, since, now()],
        )?;
        Ok(())
    }

    /// End a lease.
    pub fn remove_lease(&self, lease: i64) -> Result<()> {
        self.connection.execute("DELETE FROM lease WHERE lease_id = ?1", [lease])?;
        Ok(())
    }

    /// End the leases of a process.
    pub fn remove_leases_of(&self, process: i64) -> Result<()> {
        self.connection.execute("DELETE FROM lease WHERE process = ?1", [process])?;
        Ok(())
    }

    /// Forget the leases that have not beaten for `timeout`; return what the others protect.
    pub fn protected(&self, timeout: Duration) -> Result<Vec<Protected>> {
        self.connection.execute(
            "DELETE FROM lease WHERE heartbeat_at < ?1",
            [now() - timeout.as_secs_f64()],
        )?;
        let leases = self
            .connection
            .prepare("SELECT oldest_version, writing_since FROM lease")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<Vec<(Option<u64>, Option<f64>)>, _>>()?;
        let versions = leases.iter().filter_map(|(version, _)| version.map(Protected::Versions));
        let files = leases.iter().filter_map(|(_, since)| since.map(Protected::FilesSince));
        Ok(versions.chain(files).collect())
    }

    /// Forget all leases, as in a copy that none of their processes knows.
    pub fn forget_leases(&self) -> Result<()> {
        self.connection.execute("DELETE FROM lease", [])?;
        self.abort_those_of_the_dead()
    }

    /// Note that a transaction begins.
    pub fn begin(&self, id: &str, author: &str, base_version: u64, lease: i64) -> Result<()> {
        self.connection.execute(
            "INSERT INTO ingest_transaction
             VALUES (?1, 'open', ?2, '', ?3, NULL, strftime('%Y-%m-%dT%H:%M:%fZ'), NULL, NULL, ?4)",
            params![id, author, base_version, lease],
        )?;
        self.count_change()
    }

    /// Note that a transaction is over.
    pub fn end(
        &self,
        id: &str,
        state: TransactionState,
        message: &str,
        version: Option<u64>,
        error: Option<&str>,
    ) -> Result<()> {
        self.connection.execute(
            "UPDATE ingest_transaction SET state = ?2, message = ?3, version = ?4, error = ?5,
                    ended_at = strftime('%Y-%m-%dT%H:%M:%fZ') WHERE transaction_id = ?1",
            params![id, state.word(), message, version, error],
        )?;
        self.count_change()
    }

    /// Note how a contribution went; a later try takes the place of an earlier one.
    pub fn contributed(&self, transaction: &str, contribution: &LoggedContribution) -> Result<()> {
        self.connection.execute(
            "INSERT OR REPLACE INTO ingest_contribution
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, strftime('%Y-%m-%dT%H:%M:%fZ'))",
            params![
                transaction,
                contribution.key,
                contribution.table,
                contribution.checksum,
                contribution.state(),
                contribution.n_rows,
                contribution.error
            ],
        )?;
        self.count_change()
    }

    /// Return the transactions, latest first.
    pub fn transactions(&self) -> Result<Vec<LoggedTransaction>> {
        Ok(self
            .connection
            .prepare(
                "SELECT * FROM ingest_transaction ORDER BY begun_at DESC, transaction_id DESC",
            )?
            .query_map([], logged)?
            .collect::<Result<_, _>>()?)
    }

    /// Return the transaction of a name.
    pub fn transaction(&self, id: &str) -> Result<Option<LoggedTransaction>> {
        let of_id = "SELECT * FROM ingest_transaction WHERE transaction_id = ?1";
        Ok(self.connection.prepare_cached(of_id)?.query_row([id], logged).optional()?)
    }

    /// Return the contributions to a transaction, by key.
    pub fn contributions(&self, transaction: &str) -> Result<Vec<LoggedContribution>> {
        Ok(self
            .connection
            .prepare(
                "SELECT key, table_name, checksum, n_rows, error FROM ingest_contribution
                 WHERE transaction_id = ?1 ORDER BY key",
            )?
            .query_map([transaction], |row| {
                Ok(LoggedContribution {
                    key: row.get(0)?,
                    table: row.get(1)?,
                    checksum: row.get(2)?,
                    n_rows: row.get(3)?,
                    error: row.get(4)?,
                })
            })?
            .collect::<Result<_, _>>()?)
    }

    /// Return the contributions to all transactions, the latest last.
    pub fn all_contributions(&self) -> Result<Vec<ContributionEntry>> {
        let read = |row: &Row<'_>| {
            Ok(ContributionEntry {
                transaction: row.get(0)?,
                received_at: row.get(6)?,
                contribution: LoggedContribution {
                    key: row.get(1)?,
                    table: row.get(2)?,
                    checksum: row.get(3)?,
                    n_rows: row.get(4)?,
                    error: row.get(5)?,
                },
            })
        };
        Ok(self
            .connection
            .prepare(
                "SELECT transaction_id, key, table_name, checksum, n_rows, error, received_at
                 FROM ingest_contribution ORDER BY received_at, transaction_id, key",
            )?
            .query_map([], read)?
            .collect::<Result<_, _>>()?)
    }

    /// A number that rises with every change of the log of transactions.
    pub fn n_changes(&self) -> Result<u64> {
        let count = "SELECT n_changes FROM ingest_log";
        Ok(self.connection.prepare_cached(count)?.query_row([], |row| row.get(0))?)
    }

    fn count_change(&self) -> Result<()> {
        self.connection
            .prepare_cached("UPDATE ingest_log SET n_changes = n_changes + 1")?
            .execute([])?;
        Ok(())
    }

    /// Note that open transactions without a lease are aborted: their processes are no more.
    pub fn abort_those_of_the_dead(&self) -> Result<()> {
        let n_changed = self.connection.execute(
            "UPDATE ingest_transaction SET state = 'aborted', error = 'its process ended',
                    ended_at = strftime('%Y-%m-%dT%H:%M:%fZ')
             WHERE state = 'open' AND lease_id NOT IN (SELECT lease_id FROM lease)",
            [],
        )?;
        if n_changed > 0 { self.count_change() } else { Ok(()) }
    }
}

fn logged(row: &Row<'_>) -> rusqlite::Result<LoggedTransaction> {
    Ok(LoggedTransaction {
        id: row.get(0)?,
        state: TransactionState::of_word(&row.get::<_, String>(1)?),
        author: row.get(2)?,
        message: row.get(3)?,
        base_version: row.get(4)?,
        version: row.get(5)?,
        begun_at: row.get(6)?,
        ended_at: row.get(7)?,
        error: row.get(8)?,
    })
}

fn columns(protected: Protected) -> (Option<u64>, Option<f64>) {
    match protected {
        Protected::Versions(oldest) => (Some(oldest), None),
        Protected::FilesSince(since) => (None, Some(since)),
    }
}

/// Seconds of Unix time.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64())
}
