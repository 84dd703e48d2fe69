//! What can go wrong with a catalog's files, grouped by who must act.

use std::path::PathBuf;

use crate::schema::felis::FelisError;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed operation on a catalog.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no catalog in the folder.
    #[error("{path}: not an Almagest catalog")]
    NotACatalog {
        /// The folder that was opened.
        path: PathBuf,
    },
    /// The folder cannot take a new catalog.
    #[error("{path}: already exists and is not empty")]
    AlreadyExists {
        /// The folder that was to be created.
        path: PathBuf,
    },
    /// The catalog has no such table.
    #[error("no table {table} in schema {schema}{}", .suggestion.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default())]
    NoSuchTable {
        /// Name as given.
        table: String,
        /// The catalog's schema.
        schema: String,
        /// The nearest name that exists.
        suggestion: Option<String>,
    },
    /// A table has no such column.
    #[error("table {table} has no column {column}")]
    NoSuchColumn {
        /// The table.
        table: String,
        /// The column as given.
        column: String,
    },
    /// Nothing tells the time of a table's rows.
    #[error("table {table} has no column of times, and refers to no table that has one")]
    NoTimes {
        /// The table.
        table: String,
    },
    /// A row that is to be removed is not there.
    #[error("{table}: data file {file_id} has no such rows, or they are deleted already")]
    NoSuchRow {
        /// The table.
        table: String,
        /// Number of the file.
        file_id: i64,
    },
    /// The catalog has no such tag.
    #[error("no version is tagged {tag}")]
    NoSuchTag {
        /// The tag as given.
        tag: String,
    },
    /// Another version has the tag.
    #[error("version {version} is tagged {tag} already")]
    TagExists {
        /// The tag.
        tag: String,
        /// The version that has it.
        version: u64,
    },
    /// A tag cannot be called so.
    #[error(
        "tag {tag:?}: a tag has 1 to 128 characters, is no number and has no control characters"
    )]
    TagName {
        /// The tag as given.
        tag: String,
    },
    /// The version is no longer kept.
    #[error(
        "version {version} is no longer kept: those from {oldest} on are, and those with a tag"
    )]
    VersionGone {
        /// Version as given.
        version: u64,
        /// The oldest version that is kept whole, tags aside.
        oldest: u64,
    },
    /// A table of that name is there already.
    #[error("table {table} exists already")]
    TableExists {
        /// Its exact name.
        table: String,
    },
    /// A table cannot be dropped while others follow it or refer to it.
    #[error("table {table} cannot be dropped: {} {} it", .by.join(", "), if .by.len() == 1 { "needs" } else { "need" })]
    TableInUse {
        /// The table.
        table: String,
        /// Its children, and the tables whose foreign keys refer to it.
        by: Vec<String>,
    },
    /// A table cannot have such a name.
    #[error("table name {table:?}: {reason}")]
    TableName {
        /// The name, control characters escaped.
        table: String,
        /// The rule.
        reason: &'static str,
    },
    /// A table has a column of that name already.
    #[error("table {table} has a column {column} already")]
    ColumnExists {
        /// The table.
        table: String,
        /// Exact name of the column that is there.
        column: String,
    },
    /// A column cannot have such a name.
    #[error("table {table}, column name {column:?}: {reason}")]
    ColumnName {
        /// The table.
        table: String,
        /// The name, control characters escaped.
        column: String,
        /// The rule.
        reason: &'static str,
    },
    /// A column cannot be dropped while something needs it.
    #[error("column {column} of table {table} cannot be dropped: {} {} it", .by.join(", "), if .by.len() == 1 { "needs" } else { "need" })]
    ColumnInUse {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Keys, views, and what it is to the table.
        by: Vec<String>,
    },
    /// A column without NULL is to be added to rows that have no value for it.
    #[error("column {column} of table {table} may not be NULL, so that it needs a default")]
    NeedsDefault {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A type does not hold all values of a column, or is the one that it has.
    #[error("column {column} of table {table} is {from}, which {to} is not wider than")]
    NotWider {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        from: String,
        /// The type as given.
        to: String,
    },
    /// A view has the columns of another table.
    #[error("{table} is a view: its columns are those of the table that it is of")]
    AlteredView {
        /// The view.
        table: String,
    },
    /// The definitions of tables contradict each other.
    #[error(transparent)]
    Definition(#[from] FelisError),
    /// Definitions cannot be written down.
    #[error("definitions of schema {schema}: {reason}")]
    DefinitionText {
        /// The schema.
        schema: String,
        /// The writer's reason.
        reason: String,
    },
    /// The catalog has no such version.
    #[error("version {version} does not exist, the newest is {newest}")]
    NoSuchVersion {
        /// Version as given.
        version: u64,
        /// The newest version.
        newest: u64,
    },
    /// The catalog had no version at an instant.
    #[error("the catalog did not exist at {timestamp}")]
    NoVersionAt {
        /// The instant as given, UTC.
        timestamp: String,
    },
    /// A text is no instant.
    #[error("{timestamp} is not a time; write it as 2026-01-31T12:00:00 (UTC)")]
    NotATime {
        /// The text.
        timestamp: String,
    },
    /// Another commit came first and the two cannot both stand.
    #[error("conflict: {reason}")]
    Conflict {
        /// What both commits claim.
        reason: String,
    },
    /// A row claims an id that another row has.
    #[error("{table}: {column} {id} exists already{}", if *.n_more > 0 { format!(", and {} more", .n_more) } else { String::new() })]
    DuplicateId {
        /// The table.
        table: String,
        /// Its id column.
        column: String,
        /// One of the ids.
        id: i64,
        /// How many more ids are claimed twice.
        n_more: usize,
    },
    /// A table's rows are files of others.
    #[error("table {table} is mounted from {folder}: rows can be neither added to it nor removed")]
    Mounted {
        /// The table.
        table: String,
        /// The folder of the files.
        folder: PathBuf,
    },
    /// Rows of a table have no positions of their own.
    #[error("table {table} has no positions of its own")]
    NoPositions {
        /// The table.
        table: String,
    },
    /// The folder holds something else than a backup.
    #[error("{path}: not a backup of an Almagest catalog")]
    NotABackup {
        /// The folder.
        path: PathBuf,
    },
    /// Another process changes the backup.
    #[error("{path}: another backup is under way there")]
    BackupBusy {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds the backup of another catalog.
    #[error("{path}: a backup of another catalog")]
    BackupOfAnother {
        /// A generation of it.
        path: PathBuf,
    },
    /// No generation of a backup has a version.
    #[error("{path}: version {version} is in no generation of the backup")]
    NotBackedUp {
        /// The folder.
        path: PathBuf,
        /// The version as given.
        version: u64,
    },
    /// A file that was to be copied is no more.
    #[error("{path}: the file is gone")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// A file of the catalog is absent or is not what was written.
    #[error("{path}: {reason}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// The metadata file refused.
    #[error("catalog metadata: {0}")]
    Metadata(#[from] rusqlite::Error),
    /// A data file could not be written or read.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reader's or writer's reason.
        source: parquet::errors::ParquetError,
    },
    /// Rows do not have the columns of their table: a bug of the caller.
    #[error("rows of {table}: {source}")]
    Rows {
        /// The table.
        table: String,
        /// Arrow's reason.
        source: arrow::error::ArrowError,
    },
}
