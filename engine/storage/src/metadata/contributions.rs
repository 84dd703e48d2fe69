//! The keys of contributions, so that what is sent twice counts once.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::activity::LoggedContribution;
use crate::transaction_log::CommittedContribution;
use crate::{Error, Result};

/// Note the contributions of `version`.
///
/// # Errors
/// [`Error::Conflict`] where another commit has one of the keys already.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    contributions: &[LoggedContribution],
    version: u64,
) -> Result<()> {
    for contribution in contributions {
        if let Some(committed) = find(transaction, &contribution.key)? {
            let reason = format!(
                "contribution {} was committed in version {}",
                contribution.key, committed.version
            );
            return Err(Error::Conflict { reason });
        }
        transaction.execute(
            "INSERT INTO contribution VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                contribution.key,
                contribution.table,
                contribution.checksum,
                contribution.n_rows,
                version
            ],
        )?;
    }
    Ok(())
}

/// Find a contribution by its key.
pub(super) fn find(connection: &Connection, key: &str) -> Result<Option<CommittedContribution>> {
    Ok(connection
        .prepare_cached("SELECT * FROM contribution WHERE key = ?1")?
        .query_row([key], |row| {
            Ok(CommittedContribution {
                key: row.get(0)?,
                table: row.get(1)?,
                checksum: row.get(2)?,
                n_rows: row.get(3)?,
                version: row.get(4)?,
            })
        })
        .optional()?)
}
