//! The SQLite files of the service: opened, and made where they are absent.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Error, Result};

/// Open the file at `path`, which is made where it is absent.
///
/// Write-ahead log and `synchronous=FULL`: what has been answered survives `kill -9` and a power cut.
///
/// # Arguments
/// `steps`: what makes the tables, from nothing to those of today. The number of steps that a file
/// has gone is that of its format; the others are gone now.
///
/// # Errors
/// It cannot be written to, or a later program has made it.
pub fn open(path: &Path, steps: &[&str]) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let left = usize::try_from(found).ok().and_then(|found| steps.get(found..));
    let left = left.ok_or_else(|| Error::StateFormat { path: path.to_owned(), found, known })?;
    for step in left {
        transaction.execute_batch(step)?;
    }
    if !left.is_empty() {
        transaction.pragma_update(None, "user_version", known)?;
    }
    transaction.commit()?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_old_file_goes_the_steps_that_it_lacks_and_a_later_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let steps = ["CREATE TABLE a (x); INSERT INTO a VALUES (1)", "CREATE TABLE b (y)"];
        drop(open(&path, &steps[..1]).unwrap());
        for _ in 0..2 {
            let connection = open(&path, &steps).unwrap();
            let count = "SELECT (SELECT COUNT(*) FROM a) + (SELECT COUNT(*) FROM b)";
            let n: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
            assert_eq!(n, 1);
        }
        let refused = open(&path, &steps[..1]);
        assert!(matches!(refused, Err(Error::StateFormat { found: 2, known: 1, .. })));
    }
}
