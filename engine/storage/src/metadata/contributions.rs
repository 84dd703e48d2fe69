//! The keys of contributions, so that what is sent twice counts once.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::activity::LoggedContribution;
use crate::transaction_log::CommittedContribution;
use crate::{Error, Result};

/// Refuse contributions that another commit has.
///
/// # Errors
/// [`Error::Conflict`].
pub(super) fn refuse_known(
    connection: &Connection,
    contributions: &[LoggedContribution],
) -> Result<()> {
    for contribution in contributions {
        if let Some(committed) = find(connection, &contribution.key)? {
            let (key, version) = (&contribution.key, committed.version);
            let reason = format!("contribution {key} was committed in version {version}");
            return Err(Error::Conflict { reason });
        }
    }
    Ok(())
}

/// Note the contributions of `version`, which no other has.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    contributions: &[LoggedContribution],
    version: u64,
) -> Result<()> {
    for contribution in contributions {
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
