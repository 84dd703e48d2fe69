//! The rows of the metadata that describe data files.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rusqlite::{Connection, Transaction, params};

use super::{NEWEST, deletion_vectors};
use crate::chunking::ChunkId;
use crate::data_file::{ColumnRange, DataFile, Footprint, IdRun, RangeValue};
use crate::deletion_vector::DeletionVector;
use crate::mount::{Mount, PendingMount};
use crate::sphgeom::{Angle, Cap, UnitVector};
use crate::{Error, Result};

/// Add files that are mounted and become visible in `version`.
pub(super) fn insert_mount(
    transaction: &Transaction<'_>,
    pending: &PendingMount,
    version: u64,
) -> Result<()> {
    let mount = &pending.mount;
    let schema = mount.schema_to_bytes();
    let schema = schema.map_err(|source| Error::Rows { table: pending.table.clone(), source })?;
    transaction.execute(
        "INSERT INTO mount (folder, file_schema, key_column) VALUES (?1, ?2, ?3)",
        params![mount.folder.to_string_lossy(), schema, mount.key],
    )?;
    let mount_id = transaction.last_insert_rowid();
    pending
        .files
        .iter()
        .try_for_each(|file| insert_file(transaction, file, Some(mount_id), version))
}

/// Add a file of the catalog that becomes visible in `version`.
pub(super) fn insert(transaction: &Transaction<'_>, file: &DataFile, version: u64) -> Result<()> {
    insert_file(transaction, file, None, version)
}

/// What paths of mounted files begin with: one file may be mounted twice.
fn prefix(mount_id: i64) -> String {
    format!("mount/{mount_id}/")
}

fn insert_file(
    transaction: &Transaction<'_>,
    file: &DataFile,
    mount_id: Option<i64>,
    version: u64,
) -> Result<()> {
    let run = file.id_run.as_ref();
    let path = mount_id.map_or(String::new(), prefix) + &file.path;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO data_file (table_name, path, n_rows, size_bytes, checksum,
                                run_path, run_bytes, run_checksum, id_min, id_max, added_in, mount_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    insert.execute(params![
        file.table,
        path,
        file.n_rows,
        file.size_bytes,
        file.checksum,
        run.map(|run| &run.path),
        run.map(|run| run.size_bytes),
        run.map(|run| &run.checksum),
        run.map(|run| run.id_min),
        run.map(|run| run.id_max),
        version,
        mount_id
    ])?;
    let file_id = transaction.last_insert_rowid();
    for footprint in &file.footprints {
        let cap = footprint.cap.as_ref();
        let mut insert = transaction.prepare_cached(
            "INSERT INTO footprint VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        insert.execute(params![
            file_id,
            footprint.chunk.to_i64(),
            footprint.first_row_group,
            footprint.n_row_groups,
            footprint.n_rows,
            cap.map(|cap| cap.center.x),
            cap.map(|cap| cap.center.y),
            cap.map(|cap| cap.center.z),
            cap.map(|cap| cap.radius.degrees()),
            footprint.key_min,
            footprint.key_max,
            footprint.max_offset.map(|offset| offset.degrees())
        ])?;
    }
    for range in &file.column_ranges {
        transaction.execute(
            "INSERT INTO column_range VALUES (?1, ?2, ?3, ?4, ?5)",
            params![file_id, range.column, range.min, range.max, range.null_count],
        )?;
    }
    Ok(())
}

/// Files that a version holds and that came after another: `?1` and `?2`.
const HELD: &str = "added_in > ?2 AND added_in <= ?1 AND (removed_in IS NULL OR removed_in > ?1)";
/// Files that some version holds or has held.
const ALL: &str = "added_in > ?2 AND added_in <= ?1";
/// A version before all others.
const BEFORE_ALL: i64 = -1;

/// How the files of a version differ from those of an older one.
#[derive(Debug)]
pub(crate) struct FileChanges {
    /// Files that came.
    pub added: Vec<DataFile>,
    /// Numbers of the files that went.
    pub removed: HashSet<i64>,
    /// What is deleted of files that stayed, where that changed.
    pub deleted: HashMap<i64, Arc<DeletionVector>>,
}

/// Return the files of a version.
pub(super) fn held(connection: &Connection, version: u64) -> Result<Vec<DataFile>> {
    files_where(connection, HELD, version, BEFORE_ALL)
}

/// Return the files of a version that came after another one.
pub(super) fn held_since(
    connection: &Connection,
    version: u64,
    before: u64,
) -> Result<Vec<DataFile>> {
    files_where(connection, HELD, version, before.cast_signed())
}

/// Return the files that some version holds or has held, with the rows that are deleted by now.
pub(super) fn all(connection: &Connection) -> Result<Vec<DataFile>> {
    files_where(connection, ALL, NEWEST, BEFORE_ALL)
}

/// Return what changed between two versions, of which the first is still kept.
pub(super) fn changes(connection: &Connection, before: u64, version: u64) -> Result<FileChanges> {
    let mut removed = connection.prepare_cached(
        "SELECT file_id FROM data_file WHERE removed_in > ?1 AND removed_in <= ?2",
    )?;
    let removed = removed.query_map([before, version], |row| row.get(0))?;
    let removed = removed.collect::<Result<_, _>>()?;
    let mut deleted = HashMap::new();
    for (file_id, bytes) in deletion_vectors::changed(connection, before, version)? {
        deleted.insert(file_id, vector_of(file_id, &bytes)?);
    }
    Ok(FileChanges { added: held_since(connection, version, before)?, removed, deleted })
}

fn vector_of(file_id: i64, bytes: &[u8]) -> Result<Arc<DeletionVector>> {
    let vector = DeletionVector::from_bytes(bytes).map_err(|error| Error::Corrupt {
        path: format!("data file {file_id}").into(),
        reason: format!("deletion vector: {error}"),
    })?;
    Ok(Arc::new(vector))
}

/// Return the files whose row in the metadata fulfils `condition` on the versions `?1` and `?2`, with
/// the rows that are deleted in the first.
fn files_where(
    connection: &Connection,
    condition: &str,
    version: u64,
    after: i64,
) -> Result<Vec<DataFile>> {
    let mounts = mounts(connection)?;
    let mut files = connection
        .prepare_cached(&format!(
            "SELECT file_id, table_name, path, n_rows, size_bytes, checksum,
                    run_path, run_bytes, run_checksum, id_min, id_max, added_in, mount_id
             FROM data_file WHERE {condition} ORDER BY file_id"
        ))?
        .query_map(params![version, after], |row| {
            let run_path: Option<String> = row.get(6)?;
            let id_run = match run_path {
                Some(path) => Some(IdRun {
                    path,
                    size_bytes: row.get(7)?,
                    checksum: row.get(8)?,
                    id_min: row.get(9)?,
                    id_max: row.get(10)?,
                }),
                None => None,
            };
            let mount_id: Option<i64> = row.get(12)?;
            let mount = mount_id.and_then(|mount_id| mounts.get(&mount_id).cloned());
            let path: String = row.get(2)?;
            let prefix = mount_id.map_or(String::new(), prefix);
            Ok(DataFile {
                file_id: row.get(0)?,
                table: row.get(1)?,
                path: path.strip_prefix(&prefix).unwrap_or(&path).to_owned(),
                mount,
                n_rows: row.get(3)?,
                deleted: None,
                size_bytes: row.get(4)?,
                checksum: row.get(5)?,
                added_in: row.get(11)?,
                older_form: None,
                id_run,
                footprints: vec![],
                column_ranges: vec![],
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let index_of: HashMap<i64, usize> =
        files.iter().enumerate().map(|(index, file)| (file.file_id, index)).collect();

    let mut statement = connection.prepare_cached(&format!(
        "SELECT footprint.* FROM footprint JOIN data_file USING (file_id)
         WHERE {condition} ORDER BY file_id, first_row_group"
    ))?;
    let mut rows = statement.query(params![version, after])?;
    while let Some(row) = rows.next()? {
        let x: Option<f64> = row.get(5)?;
        let cap = match x {
            Some(x) => Some(Cap {
                center: UnitVector { x, y: row.get(6)?, z: row.get(7)? },
                radius: Angle::from_degrees(row.get(8)?),
            }),
            None => None,
        };
        let Some(&index) = index_of.get(&row.get(0)?) else { continue };
        let before = files[index].footprints.last();
        let footprint = Footprint {
            chunk: ChunkId::from_i64(row.get(1)?),
            first_row_group: row.get(2)?,
            n_row_groups: row.get(3)?,
            first_row: before.map_or(0, |before| before.rows().end),
            n_rows: row.get(4)?,
            cap,
            key_min: row.get(9)?,
            key_max: row.get(10)?,
            max_offset: row.get::<_, Option<f64>>(11)?.map(Angle::from_degrees),
        };
        files[index].footprints.push(footprint);
    }

    for (file_id, bytes) in deletion_vectors::seen_in(connection, condition, version, after)? {
        if let Some(&index) = index_of.get(&file_id) {
            files[index].deleted = Some(vector_of(file_id, &bytes)?);
        }
    }

    let mut statement = connection.prepare_cached(&format!(
        "SELECT column_range.* FROM column_range JOIN data_file USING (file_id)
         WHERE {condition} ORDER BY file_id, column_name"
    ))?;
    let mut rows = statement.query(params![version, after])?;
    while let Some(row) = rows.next()? {
        let range = ColumnRange {
            column: row.get(1)?,
            min: row.get::<_, Option<RangeValue>>(2)?,
            max: row.get::<_, Option<RangeValue>>(3)?,
            null_count: row.get(4)?,
        };
        if let Some(&index) = index_of.get(&row.get(0)?) {
            files[index].column_ranges.push(range);
        }
    }
    Ok(files)
}

/// Read where files are mounted from.
fn mounts(connection: &Connection) -> Result<HashMap<i64, Arc<Mount>>> {
    let mut statement =
        connection.prepare_cached("SELECT mount_id, folder, file_schema, key_column FROM mount")?;
    let mut rows = statement.query([])?;
    let mut mounts = HashMap::new();
    while let Some(row) = rows.next()? {
        let (mount_id, folder, schema): (i64, String, Vec<u8>) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let file_schema = Mount::schema_from_bytes(&schema)
            .map_err(|source| Error::Rows { table: folder.clone(), source })?;
        let mount = Mount { mount_id, folder: folder.into(), file_schema, key: row.get(3)? };
        mounts.insert(mount_id, Arc::new(mount));
    }
    Ok(mounts)
}

/// Return the name of the table of a file.
pub(super) fn table_of(connection: &Connection, file_id: i64) -> Result<String> {
    let table = "SELECT table_name FROM data_file WHERE file_id = ?1";
    Ok(connection.query_row(table, [file_id], |row| row.get(0))?)
}
