//! What the metadata tell of versions: when, who, why, what changed, and their tags.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::kept;
use crate::version::{DefinitionChange, TableChange, Version};
use crate::{Error, Result};

/// Note what `version` changes, once its files and definitions are in the metadata.
///
/// # Arguments
/// * `deleted` - number of rows that the version deletes one by one, by table
pub(super) fn insert_changes(
    transaction: &Transaction<'_>,
    version: u64,
    deleted: &BTreeMap<String, u64>,
) -> Result<()> {
    let mut changes: BTreeMap<String, TableChange> = BTreeMap::new();
    let mut definitions = transaction.prepare_cached(
        "SELECT name, added_in = ?1, since < added_in FROM table_definition WHERE added_in = ?1 OR removed_in = ?1
         ORDER BY definition_id",
    )?;
    let mut rows = definitions.query([version])?;
    while let Some(row) = rows.next()? {
        let is_added: bool = row.get(1)?;
        let is_altered: bool = row.get(2)?;
        let change = entry(&mut changes, row.get(0)?);
        change.definition = Some(match (change.definition, is_added) {
            (_, true) if is_altered => DefinitionChange::Altered,
            (None, true) => DefinitionChange::Added,
            (None, false) => DefinitionChange::Dropped,
            (Some(_), _) => DefinitionChange::Replaced,
        });
    }
    let mut files = transaction.prepare_cached(
        "SELECT table_name, added_in = ?1, count(*),
                sum(data_file.n_rows) - ifnull(sum(
                    (SELECT vector.n_rows FROM deletion_vector AS vector
                     WHERE vector.file_id = data_file.file_id AND vector.removed_in IS NULL)), 0)
         FROM data_file WHERE added_in = ?1 OR removed_in = ?1 GROUP BY 1, 2",
    )?;
    let mut rows = files.query([version])?;
    while let Some(row) = rows.next()? {
        let is_added: bool = row.get(1)?;
        let (n_files, n_rows): (u64, u64) = (row.get(2)?, row.get(3)?);
        let change = entry(&mut changes, row.get(0)?);
        if is_added {
            (change.files_added, change.rows_added) = (n_files, n_rows);
        } else {
            (change.files_removed, change.rows_removed) = (n_files, n_rows);
        }
    }
    for (table, n_rows) in deleted {
        entry(&mut changes, table.clone()).rows_removed += n_rows;
    }
    let mut insert =
        transaction.prepare_cached("INSERT INTO change VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for change in changes.values() {
        insert.execute(params![
            version,
            change.table,
            change.definition.map(DefinitionChange::word),
            change.rows_added,
            change.rows_removed,
            change.files_added,
            change.files_removed
        ])?;
    }
    Ok(())
}

fn entry(changes: &mut BTreeMap<String, TableChange>, table: String) -> &mut TableChange {
    changes.entry(table.clone()).or_insert(TableChange { table, ..TableChange::default() })
}

/// Return all versions, oldest first.
pub(super) fn all(connection: &Connection) -> Result<Vec<Version>> {
    let oldest_version = kept::oldest_version(connection)?;
    let mut versions: BTreeMap<u64, Version> = connection
        .prepare_cached("SELECT version, committed_at, author, message FROM version")?
        .query_map([], |row| {
            let version = Version {
                version: row.get(0)?,
                committed_at: row.get(1)?,
                author: row.get(2)?,
                message: row.get(3)?,
                tags: vec![],
                is_kept: row.get::<_, u64>(0)? >= oldest_version,
                changes: vec![],
            };
            Ok((version.version, version))
        })?
        .collect::<Result<_, _>>()?;
    let mut changes = connection.prepare_cached("SELECT * FROM change ORDER BY table_name")?;
    let mut rows = changes.query([])?;
    while let Some(row) = rows.next()? {
        let word: Option<String> = row.get(2)?;
        let change = TableChange {
            table: row.get(1)?,
            definition: word.as_deref().and_then(DefinitionChange::of_word),
            rows_added: row.get(3)?,
            rows_removed: row.get(4)?,
            files_added: row.get(5)?,
            files_removed: row.get(6)?,
        };
        if let Some(version) = versions.get_mut(&row.get(0)?) {
            version.changes.push(change);
        }
    }
    let mut tags = connection.prepare_cached("SELECT version, name FROM tag ORDER BY name")?;
    let mut rows = tags.query([])?;
    while let Some(row) = rows.next()? {
        if let Some(version) = versions.get_mut(&row.get(0)?) {
            version.tags.push(row.get(1)?);
            version.is_kept = true;
        }
    }
    Ok(versions.into_values().collect())
}

/// Give a version a name that no other version has.
pub(super) fn tag(connection: &Connection, name: &str, version: u64, message: &str) -> Result<()> {
    match version_of_tag(connection, name)? {
        Some(version) => Err(Error::TagExists { tag: name.to_owned(), version }),
        None => {
            connection.execute(
                "INSERT INTO tag VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ'), ?3)",
                params![name, version, message],
            )?;
            Ok(())
        }
    }
}

/// Take the name from a version.
pub(super) fn remove_tag(connection: &Connection, name: &str) -> Result<()> {
    match connection.execute("DELETE FROM tag WHERE name = ?1", [name])? {
        0 => Err(Error::NoSuchTag { tag: name.to_owned() }),
        _ => Ok(()),
    }
}

/// Return the version that has a name.
pub(super) fn version_of_tag(connection: &Connection, name: &str) -> Result<Option<u64>> {
    Ok(connection
        .query_row("SELECT version FROM tag WHERE name = ?1", [name], |row| row.get(0))
        .optional()?)
}
