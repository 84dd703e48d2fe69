//! A catalog as it was: what came after a version is forgotten.

use rusqlite::{Connection, Transaction, params};

use super::{kept, newest_version};
use crate::Result;

/// Has a metadata file a version, and can it be seen?
pub(crate) fn is_kept_in(connection: &Connection, version: u64) -> Result<bool> {
    let is_there = version <= newest_version(connection)?;
    let is_kept = version >= kept::oldest_version(connection)?;
    Ok(is_there && (is_kept || kept::is_tagged(connection, version)?))
}

/// Forget all versions after `version`, which becomes the newest.
pub(super) fn rewind(transaction: &Transaction<'_>, version: u64) -> Result<()> {
    for table in ["footprint", "column_range"] {
        transaction.execute(
            &format!(
                "DELETE FROM {table} WHERE file_id IN
                 (SELECT file_id FROM data_file WHERE added_in > ?1)"
            ),
            [version],
        )?;
    }
    for table in ["deletion_vector", "data_file", "table_definition"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE added_in > ?1"), [version])?;
        transaction.execute(
            &format!("UPDATE {table} SET removed_in = NULL WHERE removed_in > ?1"),
            [version],
        )?;
    }
    transaction.execute(kept::FORGET_MOUNTS, [])?;
    for table in ["change", "tag", "contribution", "version"] {
        transaction.execute(&format!("DELETE FROM {table} WHERE version > ?1"), [version])?;
    }
    transaction.execute(
        "DELETE FROM catalog WHERE key LIKE 'shrunk: %' AND CAST(value AS INTEGER) > ?1",
        [version],
    )?;
    // Of versions before one that only its tag kept, nothing but what other tags keep is left.
    let oldest = kept::oldest_version(transaction)?.min(version);
    transaction.execute(
        "UPDATE catalog SET value = ?1 WHERE key = 'oldest_version'",
        params![oldest.to_string()],
    )?;
    Ok(())
}
