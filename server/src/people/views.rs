//! The database as each caller may see it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use almagest_engine::{Database, tap_schema};

use super::allowance::Allowance;
use super::store::{ALL_TABLES, PeopleStore, Restriction};
use crate::Result;
use crate::config::ServerConfig;
use crate::user_tables::UserTables;
use crate::user_tables::store::{Person, Visible};
use crate::uws::Owner;

/// Tables that a caller may not see, by schema and name.
type Hidden = BTreeSet<(String, String)>;

/// Views that are kept; there is one for each set of groups that makes a difference.
const MAX_VIEWS: usize = 64;

/// Makes views, and keeps them; cheap to clone.
#[derive(Debug, Clone)]
pub struct Views {
    whole: Database,
    people: PeopleStore,
    user_tables: UserTables,
    /// By the tables that are hidden in them, and those of users that are there.
    kept: Arc<Mutex<HashMap<(Hidden, Visible), Database>>>,
}

impl Views {
    /// Make views of `whole`, with the tables of users beside it, by what `people` says.
    pub fn new(whole: Database, people: PeopleStore, user_tables: UserTables) -> Self {
        Self { whole, people, user_tables, kept: Arc::default() }
    }

    /// All that there is, for questions about the service itself.
    pub fn whole(&self) -> &Database {
        &self.whole
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
        let groups = self.groups(owner)?;
        let hidden = self.hidden(&groups)?;
        let visible = self.user_tables.visible_to(owner, &groups)?;
        if hidden.is_empty() && visible.is_empty() {
            return Ok(self.whole.clone());
        }
        let key = (hidden, visible);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = kept.get(&key) {
            return Ok(view.clone());
        }
        let view = self.view(&key.0, &key.1)?;
        if kept.len() >= MAX_VIEWS {
            kept.clear();
        }
        kept.insert(key, view.clone());
        Ok(view)
    }

    fn view(&self, hidden: &Hidden, visible: &Visible) -> Result<Database> {
        let schemas: BTreeSet<&str> = visible.keys().map(|(schema, _)| schema.as_str()).collect();
        let all = self.whole.beside(self.user_tables.catalogs(&schemas)?)?;
        Ok(all.restricted(|schema, table| {
            let name = (schema.to_owned(), table.to_owned());
            match schemas.contains(schema) {
                true => visible.contains_key(&name),
                false => !hidden.contains(&name),
            }
        })?)
    }

    fn groups(&self, owner: &Owner) -> Result<BTreeSet<String>> {
        match &owner.0 {
            Some(user) => self.people.groups(user),
            None => Ok(BTreeSet::new()),
        }
    }

    fn hidden(&self, groups: &BTreeSet<String>) -> Result<Hidden> {
        let restrictions = self.people.restrictions()?;
        if restrictions.is_empty() {
            return Ok(BTreeSet::new());
        }
        let schemas = self.whole.schemas().iter().filter(|schema| schema.name != tap_schema::NAME);
        let tables = schemas.flat_map(|schema| {
            schema.tables.iter().map(|table| (schema.name.clone(), table.name.clone()))
        });
        Ok(tables.filter(|table| !is_visible(table, &restrictions, groups)).collect())
    }
}

/// A table's own restriction counts, and only where there is none that of its schema.
fn is_visible(
    (schema, table): &(String, String),
    restrictions: &[Restriction],
    groups: &BTreeSet<String>,
) -> bool {
    let of = |wanted: &str| -> Vec<&Restriction> {
        let is_it = |r: &&Restriction| r.schema == *schema && r.table == wanted;
        restrictions.iter().filter(is_it).collect()
    };
    let own = of(table);
    let counts = if own.is_empty() { of(ALL_TABLES) } else { own };
    counts.is_empty() || counts.iter().any(|restriction| groups.contains(&restriction.group))
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
            let found = is_visible(&("s".to_owned(), table.to_owned()), &all, &groups);
            assert_eq!(found, expected, "{table} {groups:?}");
        };
        check("Open", &[], false);
        check("Open", &["team"], true);
        check("Secret", &["team"], false);
        check("Secret", &["two"], true);
        assert!(is_visible(&("t".to_owned(), "x".to_owned()), &all, &BTreeSet::new()));
    }
}
