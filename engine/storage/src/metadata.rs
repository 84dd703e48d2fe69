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

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::activity::LoggedContribution;
use crate::data_file::DataFile;
use crate::deletion_vector::DeletionVector;
use crate::mount::PendingMount;
use crate::schema::{SchemaDef, TableChanges, felis};
use crate::transaction_log::CommittedContribution;
use crate::version::Version;
use crate::{Error, Result};

mod contributions;
mod data_files;
mod definitions;
mod deletion_vectors;
mod format;
mod kept;
mod rewind;
mod shrunk;
mod versions;

pub(crate) use data_files::FileChanges;
use data_files::{insert, insert_mount};
pub(crate) use definitions::Definitions;
pub(crate) use rewind::is_kept_in;

/// A version after all others.
const NEWEST: u64 = i64::MAX as u64;

/// An open metadata file.
#[derive(Debug)]
pub(crate) struct Metadata {
    connection: Connection,
    path: PathBuf,
    /// What the schema says of itself, in Felis.
    header: String,
    /// H3 resolution of the chunks.
    resolution: u8,
}

/// What one commit changes.
pub(crate) struct Change<'a> {
    pub message: &'a str,
    pub author: &'a str,
    /// The definitions that the writer knows; where they are the newest, none are read.
    pub known: &'a Definitions,
    pub tables: &'a TableChanges,
    pub added: &'a [DataFile],
    pub mounts: &'a [PendingMount],
    /// Numbers of the files that go.
    pub removed: &'a [i64],
    /// Rows that go, by number of the file.
    pub deleted: &'a BTreeMap<i64, DeletionVector>,
    /// Tables that rows are removed from, as opposed to written anew.
    pub shrunk: Vec<&'a str>,
    /// Tables whose rows must be what they were in the base version, or more.
    pub directors: &'a [String],
    /// Contributions whose rows are in the files.
    pub contributions: &'a [LoggedContribution],
}

/// What a commit finds under the write lock.
pub(crate) struct Newest<'a> {
    /// The tables before the commit.
    pub definitions: &'a Definitions,
    /// Files that other commits added since the base version.
    pub added_since: Vec<DataFile>,
}

impl Metadata {
    /// Create the file at `path` with version 0, which has tables and no rows.
    pub fn create(path: &Path, schema: &SchemaDef, resolution: u8) -> Result<()> {
        let header = felis::header_to_yaml(schema)
            .map_err(|error| Error::Corrupt { path: path.to_owned(), reason: error.to_string() })?;
        let mut connection = connect(path)?;
        let transaction = connection.transaction()?;
        format::create(&transaction)?;
        for (key, value) in [
            ("format", format::FORMAT.to_string()),
            ("schema", header),
            ("resolution", resolution.to_string()),
            (shrunk::NOTED, String::new()),
        ] {
            transaction.execute("INSERT INTO catalog VALUES (?1, ?2)", params![key, value])?;
        }
        insert_version(&transaction, 0, "created", "")?;
        for table in &schema.tables {
            definitions::insert(&transaction, table, 0)?;
        }
        Ok(transaction.commit()?)
    }

    /// Open the file at `path`, which exists, and bring it to this program's format.
    pub fn open(path: &Path) -> Result<Self> {
        let mut connection = connect(path)?;
        let corrupt = |reason: String| Error::Corrupt { path: path.to_owned(), reason };
        if format::is_older(&value(&connection, "format", &corrupt)?) {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            // Another process may have done it while this one waited for the lock.
            let format = value(&transaction, "format", &corrupt)?;
            format::migrate(&transaction, &format, &corrupt)?;
            transaction.commit()?;
        }
        let found = value(&connection, "format", &corrupt)?;
        if found != format::FORMAT.to_string() {
            return Err(corrupt(format!(
                "catalog format {found}, this program reads formats up to {}",
                format::FORMAT
            )));
        }
        format::index(&connection)?;
        let header = value(&connection, "schema", &corrupt)?;
        let resolution = value(&connection, "resolution", &corrupt)?
            .parse()
            .map_err(|_| corrupt("resolution is not a number".into()))?;
        Ok(Self { connection, path: path.to_owned(), header, resolution })
    }

    /// H3 resolution of the chunks.
    pub fn resolution(&self) -> u8 {
        self.resolution
    }

    /// Return the last version up to `version` that added, altered or removed a table.
    pub fn tables_changed_in(&self, version: u64) -> Result<u64> {
        definitions::changed_in(&self.connection, version)
    }

    /// Had a table lost rows, other than by being dropped, by `version`?
    pub fn has_shrunk(&self, table: &str, version: u64) -> Result<bool> {
        shrunk::has_shrunk(&self.connection, table, version)
    }

    /// Has a table lost rows, other than by being dropped, after `version`?
    pub fn has_shrunk_since(&self, table: &str, version: u64) -> Result<bool> {
        shrunk::has_shrunk_since(&self.connection, table, version)
    }

    /// Return the tables of a version.
    pub fn definitions(&self, version: u64) -> Result<Definitions> {
        let corrupt = |reason: String| Error::Corrupt { path: self.path.clone(), reason };
        definitions::read(&self.connection, &self.header, version, &corrupt)
    }

    /// Return the newest version.
    pub fn newest_version(&self) -> Result<u64> {
        newest_version(&self.connection)
    }

    /// Return the newest version, and the present instant as names of files have it, UTC.
    pub fn newest_and_stamp(&self) -> Result<(u64, String)> {
        let now = "SELECT replace(strftime('%Y%m%dT%H%M%f', 'now'), '.', '') || 'Z'";
        let stamp = self.connection.query_row(now, [], |row| row.get(0))?;
        Ok((self.newest_version()?, stamp))
    }

    /// Forget all versions after `version`, which becomes the newest.
    pub fn rewind(&mut self, version: u64) -> Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        rewind::rewind(&transaction, version)?;
        Ok(transaction.commit()?)
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
        data_files::held(&self.connection, version)
    }

    /// Return how the files of a version differ from those of an older one, if that is still kept: what
    /// vacuum has removed is not known any more.
    pub fn changes_of_files(&self, before: u64, version: u64) -> Result<Option<FileChanges>> {
        let transaction = self.connection.unchecked_transaction()?;
        if !is_kept(&transaction, before)? {
            return Ok(None);
        }
        data_files::changes(&transaction, before, version).map(Some)
    }

    /// Return every file that any version holds or has held.
    pub fn all_files(&self) -> Result<Vec<DataFile>> {
        data_files::all(&self.connection)
    }

    /// Return all versions, oldest first.
    pub fn versions(&self) -> Result<Vec<Version>> {
        versions::all(&self.connection)
    }

    /// Give a version a name.
    pub fn tag(&mut self, name: &str, version: u64, message: &str) -> Result<()> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let newest = newest_version(&transaction)?;
        if version > newest {
            return Err(Error::NoSuchVersion { version, newest });
        }
        if version < kept::oldest_version(&transaction)? && !kept::is_tagged(&transaction, version)?
        {
            let oldest = kept::oldest_version(&transaction)?;
            return Err(Error::VersionGone { version, oldest });
        }
        versions::tag(&transaction, name, version, message)?;
        Ok(transaction.commit()?)
    }

    /// Take the name from a version.
    pub fn remove_tag(&self, name: &str) -> Result<()> {
        versions::remove_tag(&self.connection, name)
    }

    /// Return the version that has a name.
    pub fn version_of_tag(&self, name: &str) -> Result<Option<u64>> {
        versions::version_of_tag(&self.connection, name)
    }

    /// Refuse contributions that are part of a version.
    pub fn refuse_contributions(&self, contributions: &[LoggedContribution]) -> Result<()> {
        contributions::refuse_known(&self.connection, contributions)
    }

    /// Find a contribution that is part of a version.
    pub fn committed_contribution(&self, key: &str) -> Result<Option<CommittedContribution>> {
        contributions::find(&self.connection, key)
    }

    /// Keep every version that was the newest within `grace`, and all later ones; return the oldest.
    pub fn keep_since(&mut self, grace: Duration) -> Result<u64> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let oldest = kept::keep_since(&transaction, grace)?;
        transaction.commit()?;
        Ok(oldest)
    }

    /// Return the oldest version that is kept whole.
    pub fn oldest_version(&self) -> Result<u64> {
        kept::oldest_version(&self.connection)
    }

    /// Can a version be seen: is it not older than those that are kept, or has it a tag?
    pub fn is_kept(&self, version: u64) -> Result<bool> {
        is_kept(&self.connection, version)
    }

    /// Forget the files that neither a version from `oldest` on has nor one with a tag; return
    /// their paths, those of each file together.
    pub fn forget_files(&mut self, oldest: u64) -> Result<Vec<Vec<String>>> {
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let paths = kept::forget_files(&transaction, oldest)?;
        transaction.commit()?;
        Ok(paths)
    }

    /// Publish a change as one new version.
    ///
    /// `verify` runs under the write lock, after conflicts over files; what it refuses is not
    /// committed.
    pub fn commit(
        &mut self,
        base_version: u64,
        change: &Change<'_>,
        verify: impl FnOnce(&Newest<'_>) -> Result<()>,
    ) -> Result<u64> {
        let corrupt = |reason: String| Error::Corrupt { path: self.path.clone(), reason };
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let newest = newest_version(&transaction)?;
        let version = newest + 1;
        let read;
        let definitions = if definitions::changed_in(&transaction, newest)? == change.known.version
        {
            change.known
        } else {
            read = definitions::read(&transaction, &self.header, newest, &corrupt)?;
            &read
        };
        insert_version(&transaction, version, change.message, change.author)?;
        let after = change.tables.apply(&definitions.schema)?;
        let added_since = data_files::held_since(&transaction, newest, base_version)?;
        for file_id in change.removed {
            deletion_vectors::remove_file(&transaction, *file_id, base_version, version)?;
        }
        let mut n_deleted: BTreeMap<String, u64> = BTreeMap::new();
        for (file_id, rows) in change.deleted {
            deletion_vectors::delete(&transaction, *file_id, rows, version)?;
            let table = data_files::table_of(&transaction, *file_id)?;
            *n_deleted.entry(table).or_default() += rows.n_rows();
        }
        // What conflicts may be tried again; so this comes before what is refused for good.
        contributions::refuse_known(&transaction, change.contributions)?;
        for director in change.directors {
            if shrunk::has_shrunk_since(&transaction, director, base_version)? {
                let reason = format!("rows of {director} were removed by another commit");
                return Err(Error::Conflict { reason });
            }
        }
        verify(&Newest { definitions, added_since })?;
        for table in &change.tables.dropped {
            definitions::remove(&transaction, table, version)?;
        }
        // One alteration may change several definitions, as those of views.
        let is_new = |name: &str| change.tables.added.iter().any(|table| table.name == name);
        for table in after.tables.iter().filter(|table| !is_new(&table.name)) {
            if definitions.schema.table(&table.name).is_some_and(|before| before != table) {
                definitions::replace(&transaction, table, version)?;
            }
        }
        for table in &change.tables.added {
            definitions::insert(&transaction, table, version)?;
        }
        for file in change.added {
            insert(&transaction, file, version)?;
        }
        for mount in change.mounts {
            insert_mount(&transaction, mount, version)?;
        }
        shrunk::note(&transaction, &change.shrunk, version)?;
        contributions::insert(&transaction, change.contributions, version)?;
        versions::insert_changes(&transaction, version, &n_deleted)?;
        transaction.commit()?;
        Ok(version)
    }
}

fn is_kept(connection: &Connection, version: u64) -> Result<bool> {
    Ok(version >= kept::oldest_version(connection)? || kept::is_tagged(connection, version)?)
}

fn value(connection: &Connection, key: &str, corrupt: &impl Fn(String) -> Error) -> Result<String> {
    connection
        .query_row("SELECT value FROM catalog WHERE key = ?1", [key], |row| row.get(0))
        .optional()?
        .ok_or_else(|| corrupt(format!("no entry {key}")))
}

fn insert_version(
    transaction: &Transaction<'_>,
    version: u64,
    message: &str,
    author: &str,
) -> Result<()> {
    transaction.execute(
        "INSERT INTO version (version, committed_at, message, author)
         VALUES (?1, strftime('%Y-%m-%dT%H:%M:%fZ'), ?2, ?3)",
        params![version, message, author],
    )?;
    Ok(())
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
