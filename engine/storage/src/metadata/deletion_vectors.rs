//! The rows of the metadata that hold deletion vectors.
//!
//! A file has at most one vector in a version; a commit that deletes more rows ends the former
//! vector and adds the union.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use crate::deletion_vector::DeletionVector;
use crate::{Error, Result};

/// Return the vectors of the files that fulfil `condition` on the versions `?1` and `?2`, as they are in
/// the first: file and bytes.
pub(super) fn seen_in(
    connection: &Connection,
    condition: &str,
    version: u64,
    after: i64,
) -> Result<Vec<(i64, Vec<u8>)>> {
    // The files are those of the condition, whose columns have the same names as the vector's.
    Ok(connection
        .prepare_cached(&format!(
            "SELECT file_id, deleted FROM deletion_vector AS vector
             WHERE vector.added_in <= ?1 AND (vector.removed_in IS NULL OR vector.removed_in > ?1)
               AND file_id IN (SELECT file_id FROM data_file WHERE {condition})"
        ))?
        .query_map(params![version, after], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}

/// Return the vectors of a version that came after another one: file and bytes.
pub(super) fn changed(
    connection: &Connection,
    before: u64,
    version: u64,
) -> Result<Vec<(i64, Vec<u8>)>> {
    Ok(connection
        .prepare_cached(
            "SELECT file_id, deleted FROM deletion_vector
             WHERE added_in > ?1 AND added_in <= ?2 AND (removed_in IS NULL OR removed_in > ?2)",
        )?
        .query_map([before, version], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}

/// Delete rows of a file from `version` on; return how many are left.
///
/// # Errors
/// [`Error::Conflict`] where the file is gone or some of the rows are deleted already.
pub(super) fn delete(
    transaction: &Transaction<'_>,
    file_id: i64,
    rows: &DeletionVector,
    version: u64,
) -> Result<()> {
    let conflict = || Error::Conflict {
        reason: format!("rows of data file {file_id} were removed by another commit"),
    };
    let is_there: Option<i64> = transaction
        .query_row(
            "SELECT file_id FROM data_file WHERE file_id = ?1 AND removed_in IS NULL",
            [file_id],
            |row| row.get(0),
        )
        .optional()?;
    is_there.ok_or_else(conflict)?;
    let former: Option<Vec<u8>> = transaction
        .query_row(
            "SELECT deleted FROM deletion_vector WHERE file_id = ?1 AND removed_in IS NULL",
            [file_id],
            |row| row.get(0),
        )
        .optional()?;
    let bitmap = |source| Error::Corrupt {
        path: format!("deletion vector of data file {file_id}").into(),
        reason: std::io::Error::to_string(&source),
    };
    let vector = match former {
        None => rows.clone(),
        Some(bytes) => {
            let former = DeletionVector::from_bytes(&bytes).map_err(bitmap)?;
            if !former.is_disjoint(rows) {
                return Err(conflict());
            }
            former.union(rows)
        }
    };
    transaction.execute(
        "UPDATE deletion_vector SET removed_in = ?1 WHERE file_id = ?2 AND removed_in IS NULL",
        params![version, file_id],
    )?;
    transaction.execute(
        "INSERT INTO deletion_vector (file_id, deleted, n_rows, added_in) VALUES (?1, ?2, ?3, ?4)",
        params![file_id, vector.to_bytes().map_err(bitmap)?, vector.n_rows(), version],
    )?;
    Ok(())
}

/// Remove a whole file from `version` on.
///
/// # Errors
/// [`Error::Conflict`] where the file is gone, or rows of it were deleted after `base_version`.
pub(super) fn remove_file(
    transaction: &Transaction<'_>,
    file_id: i64,
    base_version: u64,
    version: u64,
) -> Result<()> {
    let n_changed = transaction.execute(
        "UPDATE data_file SET removed_in = ?1 WHERE file_id = ?2 AND removed_in IS NULL",
        params![version, file_id],
    )?;
    if n_changed == 0 {
        return Err(Error::Conflict {
            reason: format!("data file {file_id} was removed by another commit"),
        });
    }
    let n_since: i64 = transaction.query_row(
        "SELECT count(*) FROM deletion_vector WHERE file_id = ?1 AND added_in > ?2",
        params![file_id, base_version],
        |row| row.get(0),
    )?;
    if n_since > 0 {
        return Err(Error::Conflict {
            reason: format!("rows of data file {file_id} were removed by another commit"),
        });
    }
    Ok(())
}
