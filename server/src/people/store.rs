//! Users, groups, tokens and restrictions, in a SQLite file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::token::{Token, TokenHash};
use crate::uws::Moment;
use crate::{Error, Result, sqlite_file};

/// Number of the format of the file.
const FORMAT: i64 = 1;

const TABLES: &str = "
CREATE TABLE user (name TEXT PRIMARY KEY, created INTEGER NOT NULL);
CREATE TABLE membership (
    user   TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    grp    TEXT NOT NULL,
    PRIMARY KEY (user, grp)
);
CREATE TABLE token (
    hash    BLOB PRIMARY KEY,
    user    TEXT NOT NULL REFERENCES user (name) ON DELETE CASCADE,
    label   TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    UNIQUE (user, label)
);
CREATE TABLE restriction (
    schema TEXT NOT NULL,
    tbl    TEXT NOT NULL,
    grp    TEXT NOT NULL,
    PRIMARY KEY (schema, tbl, grp)
);
";

/// All tables of a schema, in the place of one.
pub const ALL_TABLES: &str = "*";

/// The store; cheap to clone. Its calls take microseconds.
#[derive(Debug, Clone)]
pub struct PeopleStore(Arc<Mutex<Connection>>);

/// A user, as the operator sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups that the user is in.
    pub groups: BTreeSet<String>,
    /// The user's tokens, each by its label, with the time until which it is good.
    pub tokens: Vec<(String, Option<Moment>)>,
}

/// A table, or all of a schema, that only some groups may see.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Restriction {
    /// The schema.
    pub schema: String,
    /// The table, or [`ALL_TABLES`].
    pub table: String,
    /// A group whose members may see it.
    pub group: String,
}

impl PeopleStore {
    /// Open the file at `path`, which is made where it is absent.
    ///
    /// # Errors
    /// It cannot be written to, or is of another format.
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self(Arc::new(Mutex::new(sqlite_file::open(path, FORMAT, TABLES)?))))
    }

    /// Add a user.
    ///
    /// # Errors
    /// The name is no name, or taken.
    pub fn add_user(&self, name: &str) -> Result<()> {
        check_name("user", name)?;
        let sql = "INSERT INTO user (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        match self.change(sql, params![name, Moment::now()])? {
            0 => Err(Error::People { what: format!("there is a user {name} already") }),
            _ => Ok(()),
        }
    }

    /// Remove a user and the user's tokens.
    ///
    /// # Errors
    /// There is no such user.
    pub fn remove_user(&self, name: &str) -> Result<()> {
        match self.change("DELETE FROM user WHERE name = ?1", params![name])? {
            0 => Err(no_user(name)),
            _ => Ok(()),
        }
    }

    /// Put a user into a group.
    ///
    /// # Errors
    /// There is no such user, or the name of the group is none.
    pub fn join(&self, user: &str, group: &str) -> Result<()> {
        check_name("group", group)?;
        self.check_user(user)?;
        let sql = "INSERT INTO membership (user, grp) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        self.change(sql, params![user, group]).map(|_| ())
    }

    /// Take a user out of a group.
    ///
    /// # Errors
    /// The user is not in it.
    pub fn leave(&self, user: &str, group: &str) -> Result<()> {
        let sql = "DELETE FROM membership WHERE user = ?1 AND grp = ?2";
        match self.change(sql, params![user, group])? {
            0 => Err(Error::People { what: format!("{user} is not in the group {group}") }),
            _ => Ok(()),
        }
    }

    /// Make a token of a user.
    ///
    /// # Arguments
    /// `label`: what the token is for; a user has one of each label.
    /// `life`: how long it is good; for ever where nothing is said.
    ///
    /// # Errors
    /// There is no such user, or one has a token of this label already.
    pub fn add_token(&self, user: &str, label: &str, life: Option<Duration>) -> Result<Token> {
        self.check_user(user)?;
        let token = Token::draw();
        let now = Moment::now();
        let expires = life.map(|life| now.after(life));
        let sql = "INSERT INTO token (hash, user, label, created, expires)
                   VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (user, label) DO NOTHING";
        match self.change(sql, params![token.hash(), user, label, now, expires])? {
            0 => Err(Error::People {
                what: format!(
                    "{user} has a token {label:?} already; revoke it, or choose another label"
                ),
            }),
            _ => Ok(token),
        }
    }

    /// Make a token worthless.
    ///
    /// # Errors
    /// The user has none of this label.
    pub fn revoke_token(&self, user: &str, label: &str) -> Result<()> {
        let sql = "DELETE FROM token WHERE user = ?1 AND label = ?2";
        match self.change(sql, params![user, label])? {
            0 => Err(Error::People { what: format!("{user} has no token {label:?}") }),
            _ => Ok(()),
        }
    }

    /// Name the user who holds a token that is good now.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn holder(&self, hash: &TokenHash) -> Result<Option<String>> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT user FROM token WHERE hash = ?1 AND (expires IS NULL OR expires > ?2)",
                )?
                .query_row(params![hash, Moment::now()], |row| row.get(0))
                .optional()
        })
    }

    /// Let only members of `group`, and of groups named before, see a table or a whole schema.
    ///
    /// # Errors
    /// The name of the group is none.
    pub fn restrict(&self, restriction: &Restriction) -> Result<()> {
        check_name("group", &restriction.group)?;
        let Restriction { schema, table, group } = restriction;
        let sql =
            "INSERT INTO restriction (schema, tbl, grp) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.change(sql, params![schema, table, group]).map(|_| ())
    }

    /// Let everybody see a table, or a whole schema, again.
    ///
    /// # Errors
    /// It is not restricted.
    pub fn release(&self, schema: &str, table: &str) -> Result<()> {
        let sql = "DELETE FROM restriction WHERE schema = ?1 AND tbl = ?2";
        match self.change(sql, params![schema, table])? {
            0 => Err(Error::People { what: format!("{schema}.{table} is not restricted") }),
            _ => Ok(()),
        }
    }

    /// Return all restrictions.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn restrictions(&self) -> Result<Vec<Restriction>> {
        self.with(|connection| {
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Restriction { schema: row.get(0)?, table: row.get(1)?, group: row.get(2)? })
            };
            connection
                .prepare_cached("SELECT schema, tbl, grp FROM restriction ORDER BY 1, 2, 3")?
                .query_map([], read)?
                .collect()
        })
    }

    /// Return the groups that a user is in.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn groups(&self, user: &str) -> Result<BTreeSet<String>> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT grp FROM membership WHERE user = ?1")?
                .query_map([user], |row| row.get(0))?
                .collect()
        })
    }

    /// Return all users.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn users(&self) -> Result<Vec<User>> {
        let names: Vec<String> = self.with(|connection| {
            connection
                .prepare("SELECT name FROM user ORDER BY name")?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let user = |name: String| {
            let tokens = self.with(|connection| {
                connection
                    .prepare_cached("SELECT label, expires FROM token WHERE user = ?1 ORDER BY 1")?
                    .query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })?;
            Ok(User { groups: self.groups(&name)?, tokens, name })
        };
        names.into_iter().map(user).collect()
    }

    /// Is anybody known? Where nobody is, nothing is asked of callers.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM user)")?
                .query_row([], |row| row.get(0))
        })
    }

    fn check_user(&self, name: &str) -> Result<()> {
        let is_known: bool = self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE name = ?1)")?
                .query_row([name], |row| row.get(0))
        })?;
        if is_known { Ok(()) } else { Err(no_user(name)) }
    }

    fn change(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize> {
        self.with(|connection| connection.prepare_cached(sql)?.execute(values))
    }

    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        Ok(work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))?)
    }
}

fn no_user(name: &str) -> Error {
    Error::People { what: format!("there is no user {name}") }
}

/// Names become parts of the names of schemas, and stand in logs.
fn check_name(what: &str, name: &str) -> Result<()> {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match is_name {
        true => Ok(()),
        false => Err(Error::People {
            what: format!(
                "{name:?} cannot be the name of a {what}: letters, digits and _, at most 64, beginning with a letter"
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tokens_are_good_until_they_expire_or_are_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.db");
        let store = PeopleStore::open(&path).unwrap();
        assert!(store.is_empty().unwrap());
        store.add_user("ada").unwrap();
        assert!(store.add_user("ada").is_err() && store.add_user("a b").is_err());
        assert!(store.add_token("bob", "laptop", None).is_err());
        let token = store.add_token("ada", "laptop", None).unwrap();
        assert!(store.add_token("ada", "laptop", None).is_err());
        let stale = store.add_token("ada", "old", Some(Duration::ZERO)).unwrap();
        let holder = |token: &Token| store.holder(&token.hash()).unwrap();
        assert_eq!(holder(&token).as_deref(), Some("ada"));
        assert_eq!(holder(&stale), None);
        assert_eq!(holder(&Token::draw()), None);
        // Another process sees it, and what it revokes is worthless here.
        PeopleStore::open(&path).unwrap().revoke_token("ada", "laptop").unwrap();
        assert_eq!(holder(&token), None);
        // The secret is not in the file.
        let bytes = std::fs::read(&path).unwrap();
        let secret = token.reveal().as_bytes();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret));
    }

    #[test]
    fn a_user_who_is_removed_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = PeopleStore::open(&folder.path().join("people.db")).unwrap();
        store.add_user("ada").unwrap();
        store.join("ada", "survey").unwrap();
        let token = store.add_token("ada", "laptop", None).unwrap();
        assert_eq!(store.users().unwrap()[0].groups, BTreeSet::from(["survey".to_owned()]));
        store.remove_user("ada").unwrap();
        assert_eq!(store.holder(&token.hash()).unwrap(), None);
        store.add_user("ada").unwrap();
        assert!(store.groups("ada").unwrap().is_empty());
    }
}
