//! Who may see and change the tables of users, where they come from, and until when they live: a
//! SQLite file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::uws::Moment;
use crate::{Result, sqlite_file};

const STEPS: [&str; 1] = ["
CREATE TABLE user_table (
    schema      TEXT NOT NULL,
    name        TEXT NOT NULL,
    created     INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    origin      TEXT,
    is_public   INTEGER NOT NULL DEFAULT 0,
    read_group  TEXT,
    write_group TEXT,
    PRIMARY KEY (schema, name)
);
CREATE INDEX user_table_by_expiry ON user_table (expires);
"];

/// The register; cheap to clone. Its calls take microseconds.
#[derive(Debug, Clone)]
pub struct Register(Arc<Mutex<Connection>>);

/// With whom a table is shared, besides its owner.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sharing {
    /// May everybody read it?
    pub is_public: bool,
    /// A group whose members may read it.
    pub read_group: Option<String>,
    /// A group whose members may read and change it.
    pub write_group: Option<String>,
}

/// A table of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The user's schema.
    pub schema: String,
    /// Exact name.
    pub name: String,
    /// When it was made: the same name at another time is another table.
    pub created: Moment,
    /// When it is dropped.
    pub expires: Moment,
    /// The query whose result it was made of.
    pub origin: Option<String>,
    /// With whom it is shared.
    pub sharing: Sharing,
}

impl Sharing {
    /// May a member of `groups`, who is not the owner, read the table?
    pub fn lets_read(&self, groups: &BTreeSet<String>) -> bool {
        let is_in = |group: &Option<String>| group.as_ref().is_some_and(|g| groups.contains(g));
        self.is_public || is_in(&self.read_group) || is_in(&self.write_group)
    }

    /// May a member of `groups`, who is not the owner, change the table?
    pub fn lets_write(&self, groups: &BTreeSet<String>) -> bool {
        self.write_group.as_ref().is_some_and(|group| groups.contains(group))
    }
}

impl Register {
    /// Open the file at `path`, which is made where it is absent.
    ///
    /// # Errors
    /// It cannot be written to, or a later program has made it.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Arc::new(Mutex::new(sqlite_file::open(path, &STEPS)?))))
    }

    /// Return all tables.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT * FROM user_table ORDER BY schema, name")?
                .query_map([], entry)?
                .collect()
        })
    }

    /// Find a table, by a name in any letter case.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn find(&self, schema: &str, name: &str) -> Result<Option<Entry>> {
        let sql = "SELECT * FROM user_table
                   WHERE schema = ?1 COLLATE NOCASE AND name = ?2 COLLATE NOCASE";
        self.with(|connection| {
            connection.prepare_cached(sql)?.query_row([schema, name], entry).optional()
        })
    }

    /// Enter a table, in the place of one of the same name.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn enter(&self, entry: &Entry) -> Result<()> {
        let Entry { schema, name, created, expires, origin, sharing } = entry;
        let sql = "INSERT OR REPLACE INTO user_table
                   (schema, name, created, expires, origin, is_public, read_group, write_group)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let Sharing { is_public, read_group, write_group } = sharing;
        self.with(|connection| {
            connection.prepare_cached(sql)?.execute(params![
                schema,
                name,
                created,
                expires,
                origin,
                is_public,
                read_group,
                write_group
            ])
        })
        .map(|_| ())
    }

    /// Forget a table.
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn strike(&self, schema: &str, name: &str) -> Result<()> {
        let sql = "DELETE FROM user_table WHERE schema = ?1 AND name = ?2";
        self.with(|connection| connection.prepare_cached(sql)?.execute([schema, name])).map(|_| ())
    }

    /// Return the tables whose time has come.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn expired(&self) -> Result<Vec<Entry>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT * FROM user_table WHERE expires <= ?1")?
                .query_map([Moment::now()], entry)?
                .collect()
        })
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        Ok(work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))?)
    }
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        schema: row.get("schema")?,
        name: row.get("name")?,
        created: row.get("created")?,
        expires: row.get("expires")?,
        origin: row.get("origin")?,
        sharing: Sharing {
            is_public: row.get("is_public")?,
            read_group: row.get("read_group")?,
            write_group: row.get("write_group")?,
        },
    })
}
