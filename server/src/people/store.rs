//! Users, groups, tokens and restrictions, in a SQLite file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::allowance::{Allowance, Resource};
use super::token::{Token, TokenHash};
use crate::uws::Moment;
use crate::{Error, Result, sqlite_file};

const STEPS: [&str; 3] = [
    "
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
",
    "
CREATE TABLE allowance (
    is_group INTEGER NOT NULL,
    name     TEXT NOT NULL,
    resource TEXT NOT NULL,
    amount   INTEGER NOT NULL,
    PRIMARY KEY (is_group, name, resource)
);
",
    "
CREATE TABLE writing (
    user   TEXT NOT NULL,
    label  TEXT NOT NULL,
    schema TEXT NOT NULL,
    tbl    TEXT NOT NULL,
    PRIMARY KEY (user, label, schema, tbl),
    FOREIGN KEY (user, label) REFERENCES token (user, label) ON DELETE CASCADE
);
",
];

/// In the place of a user's name, those who have none.
pub const ANONYMOUS: &str = "anonymous";

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

/// To whom something is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// A user, or [`ANONYMOUS`].
    User(String),
    /// Each member of a group.
    Group(String),
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
        Ok(Self(Arc::new(Mutex::new(sqlite_file::open(path, &STEPS)?))))
    }

    /// Add a user.
    ///
    /// # Errors
    /// The name is no name, or taken.
    pub fn add_user(&self, name: &str) -> Result<()> {
        check_name("user", name)?;
        if name == ANONYMOUS {
            return Err(Error::People { what: format!("{name} stands for those without a name") });
        }
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
            0 => return Err(no_user(name)),
            _ => self
                .change("DELETE FROM allowance WHERE name = ?1 AND NOT is_group", params![name])?,
        };
        Ok(())
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

    /// Make sure that a group has members.
    ///
    /// # Errors
    /// It has none, or the file cannot be read.
    pub fn check_group(&self, group: &str) -> Result<()> {
        let what = format!("there is no group {group}");
        match self.exists("SELECT 1 FROM membership WHERE grp = ?1", group)? {
            true => Ok(()),
            false => Err(Error::People { what }),
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

    /// Let the holder of a token write a table of a catalog, or all of a schema.
    ///
    /// # Errors
    /// The user has no such token.
    pub fn allow_writing(&self, user: &str, label: &str, schema: &str, table: &str) -> Result<()> {
        let sql = "INSERT INTO writing (user, label, schema, tbl)
                   SELECT user, label, ?3, ?4 FROM token WHERE user = ?1 AND label = ?2
                   ON CONFLICT DO UPDATE SET tbl = tbl";
        match self.change(sql, params![user, label, schema, table])? {
            0 => Err(Error::People { what: format!("{user} has no token {label:?}") }),
            _ => Ok(()),
        }
    }

    /// May the holder of a token write a table?
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn may_write(&self, token: &TokenHash, schema: &str, table: &str) -> Result<bool> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM writing JOIN token USING (user, label)
                                    WHERE hash = ?1 AND schema = ?2 AND tbl IN (?3, ?4))",
                )?
                .query_row(params![token, schema, table, ALL_TABLES], |row| row.get(0))
        })
    }

    /// May the holder of a token write any table of a schema?
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn may_write_any(&self, token: &TokenHash, schema: &str) -> Result<bool> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM writing JOIN token USING (user, label)
                                    WHERE hash = ?1 AND schema = ?2)",
                )?
                .query_row(params![token, schema], |row| row.get(0))
        })
    }

    /// What the tokens of a user may write: label, and table or schema.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn writings(&self, user: &str) -> Result<Vec<(String, String)>> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT label, schema || '.' || tbl FROM writing WHERE user = ?1 ORDER BY 1, 2",
                )?
                .query_map([user], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })
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

    /// Allow a user, or each member of a group, so much of a resource; `None` allows what is usual.
    ///
    /// # Errors
    /// There is no such user, or the name of the group is none.
    pub fn allow(&self, whom: &Whom, resource: Resource, amount: Option<u64>) -> Result<()> {
        let (is_group, name) = match whom {
            Whom::User(name) if name == ANONYMOUS => (false, name),
            Whom::User(name) => {
                self.check_user(name)?;
                (false, name)
            }
            Whom::Group(name) => {
                check_name("group", name)?;
                (true, name)
            }
        };
        let resource = resource.as_str();
        let Some(amount) = amount else {
            let sql = "DELETE FROM allowance WHERE is_group = ?1 AND name = ?2 AND resource = ?3";
            return self.change(sql, params![is_group, name, resource]).map(|_| ());
        };
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        let sql = "INSERT OR REPLACE INTO allowance (is_group, name, resource, amount)
                   VALUES (?1, ?2, ?3, ?4)";
        self.change(sql, params![is_group, name, resource, amount]).map(|_| ())
    }

    /// Return what a user, or who has no name, may have: what is said of the user goes before what
    /// is said of groups, of which the most generous counts.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn allowance(&self, user: Option<&str>) -> Result<Allowance> {
        let all = self.allowances()?;
        if all.is_empty() {
            return Ok(Allowance::default());
        }
        let of = |whom| all.get(&whom).cloned().unwrap_or_default();
        let own = of(Whom::User(user.unwrap_or(ANONYMOUS).to_owned()));
        let groups = user.map(|user| self.groups(user)).transpose()?.unwrap_or_default();
        let of_groups = groups.into_iter().map(|group| of(Whom::Group(group)));
        Ok(own.or(&of_groups.reduce(Allowance::most).unwrap_or_default()))
    }

    /// Return what is allowed to whom.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn allowances(&self) -> Result<BTreeMap<Whom, Allowance>> {
        let rows: Vec<(bool, String, String, u64)> = self.with(|connection| {
            let sql = "SELECT is_group, name, resource, amount FROM allowance";
            let read =
                |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            connection.prepare_cached(sql)?.query_map([], read)?.collect()
        })?;
        let mut found: BTreeMap<Whom, Allowance> = BTreeMap::new();
        for (is_group, name, resource, amount) in rows {
            // What a later program allows is nothing to this one.
            let Ok(resource) = resource.parse() else { continue };
            let whom = if is_group { Whom::Group(name) } else { Whom::User(name) };
            let allowed = found.entry(whom).or_default();
            *allowed = std::mem::take(allowed).or(&Allowance::of_all([(resource, amount)]));
        }
        Ok(found)
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
        match self.exists("SELECT 1 FROM user WHERE name = ?1", name)? {
            true => Ok(()),
            false => Err(no_user(name)),
        }
    }

    fn exists(&self, sql: &str, name: &str) -> Result<bool> {
        self.with(|connection| connection.prepare_cached(sql)?.exists([name]))
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
    #[test]
    fn allowances_are_of_users_before_those_of_groups() {
        let folder = tempfile::tempdir().unwrap();
        let store = PeopleStore::open(&folder.path().join("people.db")).unwrap();
        store.add_user("ada").unwrap();
        store.join("ada", "survey").unwrap();
        let (ada, survey) = (Whom::User("ada".to_owned()), Whom::Group("survey".to_owned()));
        store.allow(&survey, Resource::Rows, Some(10)).unwrap();
        store.allow(&survey, Resource::Jobs, Some(3)).unwrap();
        store.allow(&ada, Resource::Rows, Some(5)).unwrap();
        store.allow(&Whom::User(ANONYMOUS.to_owned()), Resource::Jobs, Some(0)).unwrap();
        assert!(store.allow(&Whom::User("bob".to_owned()), Resource::Rows, Some(1)).is_err());
        let of = |user, resource| store.allowance(user).unwrap().of(resource);
        assert_eq!(of(Some("ada"), Resource::Rows), 5);
        assert_eq!(of(Some("ada"), Resource::Jobs), 3);
        assert_eq!(of(Some("bob"), Resource::Jobs), u64::MAX);
        assert_eq!(of(None, Resource::Jobs), 0);
        store.allow(&ada, Resource::Rows, None).unwrap();
        assert_eq!(of(Some("ada"), Resource::Rows), 10);
        assert!(store.add_user(ANONYMOUS).is_err());
    }
}
