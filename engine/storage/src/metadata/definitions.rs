//! The definitions of tables, each with the versions in which it holds.
//!
//! A definition is the text of one table in Felis. Like a data file it carries the version that
//! added it and the version that removed it, so that an older version has the tables it had.

use std::collections::HashMap;
use std::sync::OnceLock;

use rusqlite::{Connection, Transaction, params};

use crate::schema::arrow::ArrowSchemas;
use crate::schema::{SchemaDef, TableDef, felis};
use crate::{Error, Result};

/// The tables of one version, and since when each is there.
#[derive(Debug)]
pub(crate) struct Definitions {
    /// The version for which they were read.
    pub version: u64,
    /// The tables, oldest first.
    pub schema: SchemaDef,
    /// The version that added each table.
    pub since: HashMap<String, u64>,
    /// The Arrow schemas of each table, once one was asked for.
    arrow: OnceLock<HashMap<String, ArrowSchemas>>,
}

impl Definitions {
    /// The Arrow schemas of a table.
    pub fn arrow_schemas(&self, table: &str) -> Option<&ArrowSchemas> {
        let schemas = self.arrow.get_or_init(|| {
            let tables = self.schema.tables.iter();
            tables.map(|table| (table.name.clone(), ArrowSchemas::of(table))).collect()
        });
        schemas.get(table)
    }
}

/// Add the definition of a table that is there from `version` on.
pub(super) fn insert(transaction: &Transaction<'_>, table: &TableDef, version: u64) -> Result<()> {
    let yaml = felis::table_to_yaml(table).map_err(|source| Error::DefinitionText {
        schema: table.name.clone(),
        reason: source.to_string(),
    })?;
    transaction.execute(
        "INSERT INTO table_definition (name, felis, added_in) VALUES (?1, ?2, ?3)",
        params![table.name, yaml, version],
    )?;
    Ok(())
}

/// End the definition of a table, and the visibility of its rows, with `version`.
pub(super) fn remove(transaction: &Transaction<'_>, table: &str, version: u64) -> Result<()> {
    let n_changed = transaction.execute(
        "UPDATE table_definition SET removed_in = ?1 WHERE name = ?2 AND removed_in IS NULL",
        params![version, table],
    )?;
    if n_changed == 0 {
        return Err(Error::Conflict {
            reason: format!("table {table} was dropped by another commit"),
        });
    }
    transaction.execute(
        "UPDATE data_file SET removed_in = ?1 WHERE table_name = ?2 AND removed_in IS NULL",
        params![version, table],
    )?;
    Ok(())
}

/// Return the last version up to `version` that added or removed a table.
pub(super) fn changed_in(connection: &Connection, version: u64) -> Result<u64> {
    Ok(connection
        .prepare_cached(
            "SELECT max(ifnull((SELECT max(added_in) FROM table_definition WHERE added_in <= ?1), 0),
                        ifnull((SELECT max(removed_in) FROM table_definition
                                WHERE removed_in <= ?1), 0))",
        )?
        .query_row([version], |row| row.get(0))?)
}

/// Read the definitions that hold in `version`.
///
/// # Arguments
/// * `header` - what the schema says of itself, in Felis
/// * `corrupt` - makes the error for a definition that cannot be understood
pub(super) fn read(
    connection: &Connection,
    header: &str,
    version: u64,
    corrupt: &impl Fn(String) -> Error,
) -> Result<Definitions> {
    let rows = connection
        .prepare_cached(
            "SELECT name, felis, added_in FROM table_definition
             WHERE added_in <= ?1 AND (removed_in IS NULL OR removed_in > ?1)
             ORDER BY definition_id",
        )?
        .query_map([version], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<Vec<(String, String, u64)>, _>>()?;
    let mut texts = Vec::with_capacity(rows.len());
    let mut since = HashMap::with_capacity(rows.len());
    for (name, text, added_in) in rows {
        texts.push(text);
        since.insert(name, added_in);
    }
    let schema = felis::assemble(header, &texts).map_err(|error| corrupt(error.to_string()))?;
    Ok(Definitions { version, schema, since, arrow: OnceLock::new() })
}
