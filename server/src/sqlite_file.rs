//! The SQLite files of the service: opened, and made where they are absent.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// Open the file at `path`; where it is absent, make it with `tables`.
///
/// Write-ahead log and `synchronous=FULL`: what has been answered survives `kill -9` and a power cut.
///
/// # Arguments
/// `format`: number of the format of the tables; a file of another number is refused.
///
/// # Errors
/// It cannot be written to, or is of another format.
pub fn open(path: &Path, format: i64, tables: &str) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found == 0 {
        transaction.execute_batch(tables)?;
        transaction.pragma_update(None, "user_version", format)?;
    } else if found != format {
        return Err(Error::StateFormat { path: path.to_owned(), found, known: format });
    }
    transaction.commit()?;
    Ok(connection)
}
