//! The SQLite file of a catalog: its definition, its versions and the files of each version.
//!
//! A row of `data_file` carries the version that added it and the version that removed it, so that
//! a snapshot is one indexed query and an old version stays readable:
//!
//! ```text
//!   visible in version v   ⇔   added_in <= v  and  (removed_in is null or removed_in > v)
//! ```
//!
//! Write-ahead log and `synchronous=FULL`: a commit that has returned survives a power cut.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::chunking::ChunkId;
use crate::data_file::{ColumnRange, DataFile, Footprint, IdRun, RangeValue};
use crate::sphgeom::{Angle, Cap, UnitVector};
use crate::{Error, Result};

/// Number of the on-disk format; a catalog of another number is refused.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE catalog (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE version (
    version      INTEGER PRIMARY KEY,
    committed_at TEXT NOT NULL,
    message      TEXT NOT NULL
);
CREATE TABLE data_file (
    file_id    INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    path       TEXT NOT NULL UNIQUE,
    n_rows     INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    checksum   TEXT NOT NULL,
    run_path   TEXT,
    run_bytes  INTEGER,
    run_checksum TEXT,
    id_min     INTEGER,
    id_max     INTEGER,
    added_in   INTEGER NOT NULL REFERENCES version,
    removed_in INTEGER REFERENCES version
);
CREATE INDEX data_file_by_table ON data_file (table_name, added_in);
CREATE TABLE footprint (
    file_id         INTEGER NOT NULL REFERENCES data_file,
    chunk           INTEGER NOT NULL,
    first_row_group INTEGER NOT NULL,
    n_row_groups    INTEGER NOT NULL,
    n_rows          INTEGER NOT NULL,
    cap_x REAL, cap_y REAL, cap_z REAL, cap_radius_deg REAL,
    key_min         INTEGER NOT NULL,
    key_max         INTEGER NOT NULL,
    max_offset_deg  REAL,
    PRIMARY KEY (file_id, first_row_group)
) WITHOUT ROWID;
CREATE TABLE column_range (
    file_id     INTEGER NOT NULL REFERENCES data_file,
    column_name TEXT NOT NULL,
    min_value, max_value,
    null_count  INTEGER NOT NULL,
    PRIMARY KEY (file_id, column_name)
) WITHOUT ROWID;
";

/// What a catalog is created with.
pub(crate) struct Definition {
    /// The schema, as the YAML that is read back at each open.
    pub schema_yaml: String,
    /// H3 resolution of the chunks.
    pub resolution: u8,
}

/// An open metadata file.
#[derive(Debug)]
pub(crate) struct Metadata {
    connection: Connection,
}

impl Metadata {
    /// Create the file at `path` with version 0, which is empty.
    pub fn create(path: &Path, definition: &Definition) -> Result<Self> {
        let mut metadata = Self { connection: connect(path)? };
        let transaction = metadata.connection.transaction()?;
        transaction.execute_batch(TABLES)?;
        for (key, value) in [
            ("format", FORMAT.to_string()),
            ("schema", definition.schema_yaml.clone()),
            ("resolution", definition.resolution.to_string()),
        ] {
            transaction.execute("INSERT INTO catalog VALUES (?1, ?2)", params![key, value])?;
        }
        transaction.execute(
            "INSERT INTO version VALUES (0, strftime('%Y-%m-%dT%H:%M:%fZ'), 'created')",
            [],
        )?;
        transaction.commit()?;
        Ok(metadata)
    }

    /// Open the file at `path`, which exists.
    pub fn open(path: &Path) -> Result<(Self, Definition)> {
        let metadata = Self { connection: connect(path)? };
        let corrupt = |reason: String| Error::Corrupt { path: path.to_owned(), reason };
        let format: String = metadata.value("format", &corrupt)?;
        if format != FORMAT.to_string() {
            return Err(corrupt(format!(
                "catalog format {format}, this program reads format {FORMAT}"
            )));
        }
        let definition = Definition {
            schema_yaml: metadata.value("schema", &corrupt)?,
            resolution: metadata
                .value("resolution", &corrupt)?
                .parse()
                .map_err(|_| corrupt("resolution is not a number".into()))?,
        };
        Ok((metadata, definition))
    }

    fn value(&self, key: &str, corrupt: &impl Fn(String) -> Error) -> Result<String> {
        self.connection
            .query_row("SELECT value FROM catalog WHERE key = ?1", [key], |row| row.get(0))
            .optional()?
            .ok_or_else(|| corrupt(format!("no entry {key}")))
    }

    /// Return the newest version.
    pub fn newest_version(&self) -> Result<u64> {
        newest_version(&self.connection)
    }

    /// Return the version that was the newest at an instant, in ISO 8601.
    pub fn version_at(&self, timestamp: &str) -> Result<u64> {
        let (instant, version): (Option<f64>, Option<u64>) = self.connection.query_row(
            "SELECT julianday(?1),
                    (SELECT max(version) FROM version
                     WHERE julianday(committed_at) <= julianday(?1))",
            [timestamp],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let timestamp = timestamp.to_owned();
        match (instant, version) {
            (None, _) => Err(Error::NotATime { timestamp }),
            (Some(_), None) => Err(Error::NoVersionAt { timestamp }),
            (Some(_), Some(version)) => Ok(version),
        }
    }

    /// Return the files of `table` (or of all tables) that are visible in `version`.
    pub fn data_files(&self, version: u64) -> Result<Vec<DataFile>> {
        data_files_where(
            &self.connection,
            "added_in <= ?1 AND (removed_in IS NULL OR removed_in > ?1)",
            version,
        )
    }

    /// Return every file that any version holds or has held.
    pub fn all_files(&self) -> Result<Vec<DataFile>> {
        data_files_where(&self.connection, "added_in >= ?1", 0)
    }

    /// Add and remove files as one new version.
    ///
    /// `verify` runs under the write lock and sees the files that other commits added since
    /// `base_version`; what it refuses is not committed.
    pub fn commit(
        &mut self,
        base_version: u64,
        message: &str,
        added: &[DataFile],
        removed: &[i64],
        verify: impl FnOnce(&[DataFile]) -> Result<()>,
    ) -> Result<u64> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let newest = newest_version(&transaction)?;
        verify(&data_files_where(&transaction, "added_in > ?1", base_version)?)?;
        let version = newest + 1;
        transaction.execute(
            "INSERT INTO version VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ'), ?2)",
            params![version, message],
        )?;
        for file in added {
            insert(&transaction, file, version)?;
        }
        for file_id in removed {
            let n_changed = transaction.execute(
                "UPDATE data_file SET removed_in = ?1 WHERE file_id = ?2 AND removed_in IS NULL",
                params![version, file_id],
            )?;
            if n_changed == 0 {
                return Err(Error::Conflict {
                    reason: format!("data file {file_id} was removed by another commit"),
                });
            }
        }
        transaction.commit()?;
        Ok(version)
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn newest_version(connection: &Connection) -> Result<u64> {
    Ok(connection.query_row("SELECT max(version) FROM version", [], |row| row.get(0))?)
}

fn insert(transaction: &Transaction<'_>, file: &DataFile, version: u64) -> Result<()> {
    let run = file.id_run.as_ref();
    transaction.execute(
        "INSERT INTO data_file (table_name, path, n_rows, size_bytes, checksum,
                                run_path, run_bytes, run_checksum, id_min, id_max, added_in)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            file.table,
            file.path,
            file.n_rows,
            file.size_bytes,
            file.checksum,
            run.map(|run| &run.path),
            run.map(|run| run.size_bytes),
            run.map(|run| &run.checksum),
            run.map(|run| run.id_min),
            run.map(|run| run.id_max),
            version
        ],
    )?;
    let file_id = transaction.last_insert_rowid();
    for footprint in &file.footprints {
        let cap = footprint.cap.as_ref();
        transaction.execute(
            "INSERT INTO footprint VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
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
            ],
        )?;
    }
    for range in &file.column_ranges {
        transaction.execute(
            "INSERT INTO column_range VALUES (?1, ?2, ?3, ?4, ?5)",
            params![file_id, range.column, range.min, range.max, range.null_count],
        )?;
    }
    Ok(())
}

fn data_files_where(
    connection: &Connection,
    condition: &str,
    version: u64,
) -> Result<Vec<DataFile>> {
    let mut files = connection
        .prepare_cached(&format!(
            "SELECT file_id, table_name, path, n_rows, size_bytes, checksum,
                    run_path, run_bytes, run_checksum, id_min, id_max
             FROM data_file WHERE {condition} ORDER BY file_id"
        ))?
        .query_map([version], |row| {
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
            Ok(DataFile {
                file_id: row.get(0)?,
                table: row.get(1)?,
                path: row.get(2)?,
                n_rows: row.get(3)?,
                size_bytes: row.get(4)?,
                checksum: row.get(5)?,
                id_run,
                footprints: vec![],
                column_ranges: vec![],
            })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let index_of: std::collections::HashMap<i64, usize> =
        files.iter().enumerate().map(|(index, file)| (file.file_id, index)).collect();

    let mut statement = connection.prepare_cached(&format!(
        "SELECT footprint.* FROM footprint JOIN data_file USING (file_id)
         WHERE {condition} ORDER BY file_id, first_row_group"
    ))?;
    let mut rows = statement.query([version])?;
    while let Some(row) = rows.next()? {
        let x: Option<f64> = row.get(5)?;
        let cap = match x {
            Some(x) => Some(Cap {
                center: UnitVector { x, y: row.get(6)?, z: row.get(7)? },
                radius: Angle::from_degrees(row.get(8)?),
            }),
            None => None,
        };
        let footprint = Footprint {
            chunk: ChunkId::from_i64(row.get(1)?),
            first_row_group: row.get(2)?,
            n_row_groups: row.get(3)?,
            n_rows: row.get(4)?,
            cap,
            key_min: row.get(9)?,
            key_max: row.get(10)?,
            max_offset: row.get::<_, Option<f64>>(11)?.map(Angle::from_degrees),
        };
        if let Some(&index) = index_of.get(&row.get(0)?) {
            files[index].footprints.push(footprint);
        }
    }

    let mut statement = connection.prepare_cached(&format!(
        "SELECT column_range.* FROM column_range JOIN data_file USING (file_id)
         WHERE {condition} ORDER BY file_id, column_name"
    ))?;
    let mut rows = statement.query([version])?;
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
