//! The tables of the metadata file, and how those of an older format become those of this one.
//!
//! The number of the format rises when an older program would misread a catalog. A program refuses
//! a catalog of a newer format, and brings one of an older format up to its own when it opens it,
//! in one SQLite transaction.
//!
//! | format | since then |
//! |--------|------------|
//! | 1      | one definition of all tables for the whole catalog |
//! | 2      | tables come and go with versions; authors, changes, tags, deletion vectors, keys of contributions |
//! | 3      | tables are altered: a table may have several definitions, and files of each |
//! | 4      | files are mounted from other folders |

use rusqlite::{Connection, Transaction, params};

use super::definitions;
use crate::schema::felis;
use crate::{Error, Result};

/// Number of the on-disk format that this program writes.
pub(super) const FORMAT: u32 = 4;

/// Is a catalog of this number of the format to be brought to [`FORMAT`]?
pub(super) fn is_older(format: &str) -> bool {
    format.parse::<u32>().is_ok_and(|format| format < FORMAT)
}

/// What all formats have.
const TABLES_1: &str = "
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

/// What format 2 adds.
const TABLES_2: &str = "
ALTER TABLE version ADD COLUMN author TEXT NOT NULL DEFAULT '';
CREATE TABLE table_definition (
    definition_id INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    felis         TEXT NOT NULL,
    added_in      INTEGER NOT NULL REFERENCES version,
    removed_in    INTEGER REFERENCES version
);
CREATE INDEX table_definition_by_removal ON table_definition (removed_in, added_in);
CREATE TABLE change (
    version       INTEGER NOT NULL REFERENCES version,
    table_name    TEXT NOT NULL,
    definition    TEXT,
    rows_added    INTEGER NOT NULL,
    rows_removed  INTEGER NOT NULL,
    files_added   INTEGER NOT NULL,
    files_removed INTEGER NOT NULL,
    PRIMARY KEY (version, table_name)
) WITHOUT ROWID;
CREATE TABLE tag (
    name      TEXT PRIMARY KEY,
    version   INTEGER NOT NULL REFERENCES version,
    tagged_at TEXT NOT NULL,
    message   TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE deletion_vector (
    vector_id  INTEGER PRIMARY KEY,
    file_id    INTEGER NOT NULL REFERENCES data_file,
    deleted    BLOB NOT NULL,
    n_rows     INTEGER NOT NULL,
    added_in   INTEGER NOT NULL REFERENCES version,
    removed_in INTEGER REFERENCES version
);
CREATE INDEX deletion_vector_by_file ON deletion_vector (file_id, added_in);
CREATE TABLE contribution (
    key        TEXT PRIMARY KEY,
    table_name TEXT NOT NULL,
    checksum   TEXT NOT NULL,
    n_rows     INTEGER NOT NULL,
    version    INTEGER NOT NULL REFERENCES version
) WITHOUT ROWID;
";

/// What format 3 adds: the version that added the table of a definition.
const TABLES_3: &str = "
ALTER TABLE table_definition ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
UPDATE table_definition SET since = added_in;
";

/// What format 4 adds: where files are mounted from, which are none of the catalog's.
const TABLES_4: &str = "
CREATE TABLE mount (
    mount_id    INTEGER PRIMARY KEY,
    folder      TEXT NOT NULL,
    file_schema BLOB NOT NULL,
    key_column  TEXT
);
ALTER TABLE data_file ADD COLUMN mount_id INTEGER REFERENCES mount;
";

/// By what the changes between two versions are found. They are no part of the format: where a program
/// of before them made the catalog, they come with the next that opens it.
const INDEXES: &str = "
CREATE INDEX IF NOT EXISTS data_file_by_version ON data_file (added_in);
CREATE INDEX IF NOT EXISTS data_file_by_removal ON data_file (removed_in) WHERE removed_in IS NOT NULL;
CREATE INDEX IF NOT EXISTS deletion_vector_by_version ON deletion_vector (added_in);
";

/// Make the indexes that are not there.
pub(super) fn index(connection: &Connection) -> Result<()> {
    Ok(connection.execute_batch(INDEXES)?)
}

/// Make the tables of a new catalog.
pub(super) fn create(transaction: &Transaction<'_>) -> Result<()> {
    for tables in [TABLES_1, TABLES_2, TABLES_3, TABLES_4] {
        transaction.execute_batch(tables)?;
    }
    index(transaction)
}

/// Bring a catalog of an older format to this one.
///
/// # Arguments
/// * `format` - the number that the catalog gives
pub(super) fn migrate(
    transaction: &Transaction<'_>,
    format: &str,
    corrupt: &impl Fn(String) -> Error,
) -> Result<()> {
    match format {
        "1" => migrate_from_1(transaction, corrupt)?,
        "2" => transaction.execute_batch(TABLES_3)?,
        "3" => {}
        _ => return Ok(()),
    }
    transaction.execute_batch(TABLES_4)?;
    transaction
        .execute("UPDATE catalog SET value = ?1 WHERE key = 'format'", [FORMAT.to_string()])?;
    Ok(())
}

/// Say what a catalog of format 1 has in the tables of this one.
fn migrate_from_1(transaction: &Transaction<'_>, corrupt: &impl Fn(String) -> Error) -> Result<()> {
    transaction.execute_batch(TABLES_2)?;
    transaction.execute_batch(TABLES_3)?;
    let yaml: String =
        transaction
            .query_row("SELECT value FROM catalog WHERE key = 'schema'", [], |row| row.get(0))?;
    let schema = felis::parse(&yaml, &|_| None).map_err(|error| corrupt(error.to_string()))?.schema;
    for table in &schema.tables {
        definitions::insert(transaction, table, 0)?;
    }
    let header = felis::header_to_yaml(&schema).map_err(|error| corrupt(error.to_string()))?;
    transaction.execute("UPDATE catalog SET value = ?1 WHERE key = 'schema'", params![header])?;
    transaction.execute_batch(
        "INSERT INTO change
         SELECT version, table_name, NULL, sum(added), sum(removed), sum(added_file), sum(removed_file)
         FROM (SELECT added_in AS version, table_name, n_rows AS added, 0 AS removed,
                      1 AS added_file, 0 AS removed_file FROM data_file
               UNION ALL
               SELECT removed_in, table_name, 0, n_rows, 0, 1 FROM data_file
               WHERE removed_in IS NOT NULL)
         GROUP BY version, table_name;",
    )?;
    Ok(())
}
