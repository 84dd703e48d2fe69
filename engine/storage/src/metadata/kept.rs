//! Which versions are kept, and what is forgotten with the others.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::Result;

/// Forget mounts that no file is of.
pub(super) const FORGET_MOUNTS: &str = "DELETE FROM mount WHERE mount_id NOT IN
     (SELECT mount_id FROM data_file WHERE mount_id IS NOT NULL)";

/// Return the oldest version that is kept whole.
pub(super) fn oldest_version(connection: &Connection) -> Result<u64> {
    let oldest: Option<String> = connection
        .prepare_cached("SELECT value FROM catalog WHERE key = 'oldest_version'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(oldest.and_then(|oldest| oldest.parse().ok()).unwrap_or(0))
}

/// Keep every version that was the newest within `grace`, and all later ones; return the oldest.
/// What is not kept by then does not come back.
pub(super) fn keep_since(transaction: &Transaction<'_>, grace: Duration) -> Result<u64> {
    let then: Option<u64> = transaction.query_row(
        "SELECT max(version) FROM version
         WHERE julianday(committed_at) <= julianday('now') - ?1 / 86400.0",
        [grace.as_secs_f64()],
        |row| row.get(0),
    )?;
    let oldest = then.unwrap_or(0).max(oldest_version(transaction)?);
    transaction.execute(
        "INSERT INTO catalog VALUES ('oldest_version', ?1)
         ON CONFLICT (key) DO UPDATE SET value = ?1",
        [oldest.to_string()],
    )?;
    Ok(oldest)
}

/// Has a version a tag?
pub(super) fn is_tagged(connection: &Connection, version: u64) -> Result<bool> {
    let tagged = "SELECT EXISTS (SELECT 1 FROM tag WHERE version = ?1)";
    Ok(connection.query_row(tagged, [version], |row| row.get(0))?)
}

/// Forget the files and deletion vectors that neither a version from `oldest` on has nor one with
/// a tag; return the paths of the files, those of each together: of mounted ones none, as they are not
/// the catalog's.
pub(super) fn forget_files(transaction: &Transaction<'_>, oldest: u64) -> Result<Vec<Vec<String>>> {
    let gone = |table: &str| {
        format!(
            "{table}.removed_in <= ?1 AND NOT EXISTS
             (SELECT 1 FROM tag WHERE tag.version >= {table}.added_in
                                  AND tag.version < {table}.removed_in)"
        )
    };
    let files = transaction
        .prepare(&format!(
            "SELECT file_id, iif(mount_id IS NULL, path, NULL), run_path FROM data_file WHERE {}",
            gone("data_file")
        ))?
        .query_map([oldest], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(i64, Option<String>, Option<String>)>, _>>()?;
    for table in ["footprint", "column_range", "deletion_vector", "data_file"] {
        let mut delete = transaction.prepare(&format!("DELETE FROM {table} WHERE file_id = ?1"))?;
        for (file_id, ..) in &files {
            delete.execute(params![file_id])?;
        }
    }
    transaction.execute(FORGET_MOUNTS, [])?;
    let vectors = format!("DELETE FROM deletion_vector WHERE {}", gone("deletion_vector"));
    transaction.execute(&vectors, [oldest])?;
    Ok(files
        .into_iter()
        .map(|(_, path, run)| [path, run].into_iter().flatten().collect())
        .collect())
}
