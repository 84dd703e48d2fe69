//! Collections: runs own datasets, the others group them.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Fault, Registry, now};
use crate::butler::{ButlerError, nearest};
use crate::error::Result;

/// What a collection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionKind {
    /// Owns the datasets that one run made or took in.
    Run,
    /// Groups datasets of any runs, one of each type and data id.
    Tagged,
    /// Other collections, searched in their order.
    Chained,
    /// Datasets with the times for which they hold.
    Calibration,
}

impl CollectionKind {
    const ALL: [Self; 4] = [Self::Run, Self::Tagged, Self::Chained, Self::Calibration];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Run => "RUN",
            Self::Tagged => "TAGGED",
            Self::Chained => "CHAINED",
            Self::Calibration => "CALIBRATION",
        }
    }

    /// The kind of a name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: CollectionKind,
    /// Of a chain: what it holds, in the order of search.
    pub children: Vec<String>,
    /// Datasets in it, those of its children not counted.
    pub n_datasets: u64,
}

/// A collection in a search: no chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::butler) struct Leaf {
    pub id: i64,
    pub name: String,
    pub kind: CollectionKind,
}

impl Registry {
    /// Make a collection, unless it is there; its kind must then be the same.
    pub fn register_collection(&self, name: &str, kind: CollectionKind) -> Result<()> {
        self.change(|connection| register(connection, name, kind)).map(drop)
    }

    /// Make a chain, or give it other children.
    ///
    /// # Errors
    /// Children that there are not; a chain that would contain itself.
    pub fn set_chain(&self, name: &str, children: &[&str]) -> Result<()> {
        self.change(|connection| {
            let parent_id = register(connection, name, CollectionKind::Chained)?;
            connection.execute("DELETE FROM chain WHERE parent_id = ?1", [parent_id])?;
            for (position, child) in children.iter().enumerate() {
                let child_id = find(connection, child)?.id;
                let insert = "INSERT INTO chain VALUES (?1, ?2, ?3)";
                connection.execute(insert, params![parent_id, position, child_id])?;
            }
            leaves(connection, name, &mut vec![], &mut vec![])
        })
    }

    /// List the collections whose names match a pattern of `*` and `?`.
    pub fn collections(&self, pattern: &str) -> Result<Vec<Collection>> {
        self.with(|connection| {
            let sql = "SELECT collection_id, name, kind,
                    (SELECT COUNT(*) FROM dataset WHERE run_id = collection_id)
                    + (SELECT COUNT(*) FROM tag t WHERE t.collection_id = c.collection_id)
                    + (SELECT COUNT(*) FROM calibration b WHERE b.collection_id = c.collection_id)
                FROM collection c WHERE name GLOB ?1 ORDER BY name";
            let mut statement = connection.prepare(sql)?;
            let rows = statement.query_map([pattern], |row| {
                Ok((row.get::<_, i64>(0)?, row.get(1)?, kind_of(row, 2)?, row.get(3)?))
            })?;
            rows.map(|row| {
                let (id, name, kind, n_datasets) = row?;
                let children = children(connection, id)?.into_iter().map(|leaf| leaf.name);
                Ok(Collection { name, kind, children: children.collect(), n_datasets })
            })
            .collect()
        })
    }

    /// The collections that a search in `names` (patterns allowed) goes through, chains unfolded.
    pub(in crate::butler) fn search_path(&self, names: &[&str]) -> Result<Vec<Leaf>> {
        self.with(|connection| {
            let mut path = vec![];
            for name in names {
                let mut statement =
                    connection.prepare_cached("SELECT name FROM collection WHERE name GLOB ?1")?;
                let matching: Vec<String> = match name.contains(['*', '?']) {
                    true => statement
                        .query_map([name], |row| row.get(0))?
                        .collect::<rusqlite::Result<_>>()?,
                    false => vec![(*name).to_owned()],
                };
                for name in matching {
                    leaves(connection, &name, &mut vec![], &mut path)?;
                }
            }
            Ok(path)
        })
    }
}

/// Make a collection or find it; return its number.
pub(super) fn register(
    connection: &Connection,
    name: &str,
    kind: CollectionKind,
) -> Result<i64, Fault> {
    let insert = "INSERT OR IGNORE INTO collection (name, kind, created_at) VALUES (?1, ?2, ?3)";
    connection.execute(insert, params![name, kind.name(), now()])?;
    of_kind(connection, name, kind)
}

/// Find a collection of a kind; return its number.
pub(super) fn of_kind(
    connection: &Connection,
    name: &str,
    kind: CollectionKind,
) -> Result<i64, Fault> {
    let leaf = find(connection, name)?;
    if leaf.kind != kind {
        let (found, wanted) = (leaf.kind.name(), kind.name());
        return Err(ButlerError::CollectionKind { name: leaf.name, found, wanted }.into());
    }
    Ok(leaf.id)
}

fn find(connection: &Connection, name: &str) -> Result<Leaf, Fault> {
    let sql = "SELECT collection_id, name, kind FROM collection WHERE name = ?1";
    let found = connection.prepare_cached(sql)?.query_row([name], leaf).optional()?;
    if let Some(leaf) = found {
        return Ok(leaf);
    }
    let mut statement = connection.prepare("SELECT name FROM collection")?;
    let names = statement.query_map([], |row| row.get(0))?;
    let names: Vec<String> = names.collect::<rusqlite::Result<_>>()?;
    let near = nearest(name, names.iter().map(String::as_str));
    Err(ButlerError::NoCollection { name: name.to_owned(), near }.into())
}

fn children(connection: &Connection, parent_id: i64) -> Result<Vec<Leaf>, Fault> {
    let sql =
        "SELECT collection_id, name, kind FROM chain JOIN collection ON child_id = collection_id
        WHERE parent_id = ?1 ORDER BY position";
    let mut statement = connection.prepare_cached(sql)?;
    let children = statement.query_map([parent_id], leaf)?;
    Ok(children.collect::<rusqlite::Result<_>>()?)
}

/// Append what a search in `name` goes through; `above` are the chains that lead there.
fn leaves(
    connection: &Connection,
    name: &str,
    above: &mut Vec<String>,
    path: &mut Vec<Leaf>,
) -> Result<(), Fault> {
    let leaf = find(connection, name)?;
    if above.contains(&leaf.name) {
        return Err(ButlerError::CollectionCycle { name: leaf.name }.into());
    }
    if leaf.kind != CollectionKind::Chained {
        if !path.contains(&leaf) {
            path.push(leaf);
        }
        return Ok(());
    }
    above.push(leaf.name);
    for child in children(connection, leaf.id)? {
        leaves(connection, &child.name, above, path)?;
    }
    above.pop();
    Ok(())
}

fn leaf(row: &rusqlite::Row<'_>) -> rusqlite::Result<Leaf> {
    Ok(Leaf { id: row.get(0)?, name: row.get(1)?, kind: kind_of(row, 2)? })
}

fn kind_of(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<CollectionKind> {
    let name: String = row.get(column)?;
    CollectionKind::named(&name).ok_or_else(|| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::InvalidColumnType(column, format!("kind {name}"), kind)
    })
}
