//! The database as each caller may see it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use almagest_engine::Database;

use super::allowance::Allowance;
use super::store::{ALL_TABLES, PeopleStore, Restriction};
use crate::Result;
use crate::config::ServerConfig;
use crate::images::Images;
use crate::ingest_log;
use crate::user_tables::UserTables;
use crate::user_tables::store::{Person, Visible};
use crate::uws::Owner;

/// Whether what is restricted, a table or all of a schema, is open to a caller.
///
/// It holds for tables that are there in older versions only, too.
type Rights = BTreeMap<(String, String), bool>;

/// Views that are kept; there is one for each set of groups that makes a difference.
const MAX_VIEWS: usize = 64;

/// Makes views, and keeps them; cheap to clone.
#[derive(Debug, Clone)]
pub struct Views {
    whole: Arc<Mutex<Database>>,
    people: PeopleStore,
    user_tables: UserTables,
    images: Images,
    /// Are the schemas of images among those of `whole`? They come with the first image.
    has_images: Arc<AtomicBool>,
    /// By what is restricted in them, and the tables of users that are there.
    kept: Arc<Mutex<HashMap<(Rights, Visible), Database>>>,
}

impl Views {
    /// Make views of `whole`, with the tables of users beside it, by what `people` says.
    pub fn new(
        whole: Database,
        people: PeopleStore,
        user_tables: UserTables,
        images: Images,
    ) -> Self {
        let whole = Arc::new(Mutex::new(whole));
        let (has_images, kept) = (Arc::default(), Arc::default());
        Self { whole, people, user_tables, images, has_images, kept }
    }

    /// All that there is, for questions about the service itself.
    pub fn whole(&self) -> Database {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The images of the catalogs.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// All that there is now: other processes add and drop tables too, and bring the first images.
    fn refreshed(&self) -> Result<Database> {
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = whole.refreshed()?;
        if !self.has_images.load(Ordering::Relaxed) {
            let schemas = self.images.schemas(&whole)?;
            if !schemas.is_empty() {
                self.has_images.store(true, Ordering::Relaxed);
                changed = Some(changed.as_ref().unwrap_or(&whole).with_live(schemas)?);
            }
        }
        if let Some(changed) = changed {
            *whole = changed;
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
        Ok(whole.clone())
    }

    /// The tables of users.
    pub fn user_tables(&self) -> &UserTables {
        &self.user_tables
    }

    /// All that counts of who `owner` is.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn person(&self, owner: &Owner, config: &ServerConfig) -> Result<Person> {
        let allowance = self.allowance(owner, config)?;
        Ok(Person { owner: owner.clone(), groups: self.groups(owner)?, allowance })
    }

    /// Who is known.
    pub fn people(&self) -> &PeopleStore {
        &self.people
    }

    /// What `owner` may have: what is said of that one, and else what `config` says of all.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn allowance(&self, owner: &Owner, config: &ServerConfig) -> Result<Allowance> {
        Ok(self.people.allowance(owner.0.as_deref())?.or(&config.allowance))
    }

    /// Return the database as `owner` may see it now.
    ///
    /// # Errors
    /// The rights cannot be read: then nothing is shown.
    pub fn of(&self, owner: &Owner) -> Result<Database> {
        let whole = self.refreshed()?;
        let groups = self.groups(owner)?;
        let rights = rights(&self.people.restrictions()?, &groups);
        let visible = self.user_tables.visible_to(owner, &groups)?;
        if rights.values().all(|is_open| *is_open) && visible.is_empty() {
            return Ok(whole);
        }
        let key = (rights, visible);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = kept.get(&key) {
            return Ok(view.clone());
        }
        let view = self.view(&whole, key.0.clone(), key.1.clone())?;
        if kept.len() >= MAX_VIEWS {
            kept.clear();
        }
        kept.insert(key, view.clone());
        Ok(view)
    }

    fn view(&self, whole: &Database, rights: Rights, visible: Visible) -> Result<Database> {
        let schemas: BTreeSet<&str> = visible.keys().map(|(schema, _)| schema.as_str()).collect();
        let all = whole.beside(self.user_tables.catalogs(&schemas)?)?;
        let schemas: BTreeSet<String> = schemas.into_iter().map(str::to_owned).collect();
        let rights = with_log_closed(self.with_images_closed(rights)?);
        Ok(all.restricted(move |schema, table| match schemas.contains(schema) {
            true => visible.contains_key(&(schema.to_owned(), table.to_owned())),
            false => is_visible(schema, table, &rights),
        })?)
    }

    /// Datasets hold the rows of all tables: who may not see one of a catalog may not see its
    /// datasets, unless something is said of those themselves.
    fn with_images_closed(&self, mut rights: Rights) -> Result<Rights> {
        let (catalogs, shown) = self.images.names()?;
        let is_closed = |catalog: &String| {
            rights.iter().any(|((schema, _), is_open)| schema == catalog && !is_open)
        };
        if catalogs.iter().any(is_closed) {
            for schema in shown {
                rights.entry((schema, ALL_TABLES.to_owned())).or_insert(false);
            }
        }
        Ok(rights)
    }

    fn groups(&self, owner: &Owner) -> Result<BTreeSet<String>> {
        match &owner.0 {
            Some(user) => self.people.groups(user),
            None => Ok(BTreeSet::new()),
        }
    }
}

/// The log of transactions tells of all tables: who may not see one of them may not see the log, unless
/// something is said of it itself.
fn with_log_closed(mut rights: Rights) -> Rights {
    if rights.values().any(|is_open| !is_open) {
        rights.entry((ingest_log::NAME.to_owned(), ALL_TABLES.to_owned())).or_insert(false);
    }
    rights
}

/// What of the restricted is open to these groups.
fn rights(restrictions: &[Restriction], groups: &BTreeSet<String>) -> Rights {
    let mut rights = Rights::new();
    for Restriction { schema, table, group } in restrictions {
        *rights.entry((schema.clone(), table.clone())).or_default() |= groups.contains(group);
    }
    rights
}

/// A table's own restriction counts, and only where there is none that of its schema.
fn is_visible(schema: &str, table: &str, rights: &Rights) -> bool {
    let of = |table: &str| rights.get(&(schema.to_owned(), table.to_owned())).copied();
    of(table).or_else(|| of(ALL_TABLES)).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_seen_by_the_groups_that_it_names_or_else_by_those_of_its_schema() {
        let restriction = |table: &str, group: &str| Restriction {
            schema: "s".to_owned(),
            table: table.to_owned(),
            group: group.to_owned(),
        };
        let all =
            [restriction("*", "team"), restriction("Secret", "few"), restriction("Secret", "two")];
        let check = |table: &str, groups: &[&str], expected: bool| {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let found = is_visible("s", table, &rights(&all, &groups));
            assert_eq!(found, expected, "{table} {groups:?}");
        };
        check("Open", &[], false);
        check("Open", &["team"], true);
        check("Secret", &["team"], false);
        check("Secret", &["two"], true);
        assert!(is_visible("t", "x", &rights(&all, &BTreeSet::new())));
    }
}
