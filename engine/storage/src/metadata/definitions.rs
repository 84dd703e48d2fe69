//! The definitions of tables, each with the versions in which it holds.
//!
//! A definition is the text of one table in Felis. Like a data file it carries the version that
//! added it and the version that removed it, so that an older version has the tables it had. A table
//! that is altered gets a new definition; all of its definitions carry the version that added the
//! table.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, Transaction, params};

use crate::data_file::DataFile;
use crate::older_form::OlderForm;
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
    /// The version that gave each table the definition it has.
    pub defined_in: HashMap<String, u64>,
    /// Of tables that were altered: the forms of files that were written before, by the version
    /// that began each, ascending.
    older_forms: HashMap<String, Vec<(u64, Arc<OlderForm>)>>,
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

    /// Refuse a commit that fills a table which newer definitions lack, or have altered.
    ///
    /// # Errors
    /// [`Error::Conflict`].
    pub fn refuse_changed(&self, newer: &Self, table: &str) -> Result<()> {
        let what = match () {
            () if newer.since.get(table) != self.since.get(table) => "dropped",
            () if newer.defined_in.get(table) != self.defined_in.get(table) => "altered",
            () => return Ok(()),
        };
        Err(Error::Conflict { reason: format!("table {table} was {what} by another commit") })
    }

    /// Say of data files how their columns are those of these definitions. The files of a mount were added
    /// in one version.
    pub fn note_older_forms(&self, files: &mut [DataFile]) {
        let mut mounted: HashMap<i64, Option<Arc<OlderForm>>> = HashMap::new();
        for file in files {
            if let Some(mount) = &file.mount {
                let form = mounted.entry(mount.mount_id).or_insert_with(|| {
                    let table = self.schema.table(&file.table)?;
                    let then = self.older_form(&file.table, file.added_in);
                    Some(Arc::new(OlderForm::of_mount(table, then.map(Arc::as_ref), mount)))
                });
                file.older_form.clone_from(form);
            } else if let Some(form) = self.older_form(&file.table, file.added_in) {
                form.rename_ranges(&mut file.column_ranges);
                file.older_form = Some(Arc::clone(form));
            }
        }
    }

    /// The form of a table's files that were added in a version; none where it is that of the table.
    fn older_form(&self, table: &str, added_in: u64) -> Option<&Arc<OlderForm>> {
        self.defined_in.get(table).filter(|since| added_in < **since)?;
        let forms = self.older_forms.get(table)?;
        forms.iter().rev().find(|(since, _)| *since <= added_in).map(|(_, form)| form)
    }
}

/// Add the definition of a table that is there from `version` on.
pub(super) fn insert(transaction: &Transaction<'_>, table: &TableDef, version: u64) -> Result<()> {
    insert_since(transaction, table, version, version)
}

/// Put a definition in the place of the one that a table has, from `version` on.
pub(super) fn replace(transaction: &Transaction<'_>, table: &TableDef, version: u64) -> Result<()> {
    let since: u64 = transaction
        .prepare_cached(
            "UPDATE table_definition SET removed_in = ?1 WHERE name = ?2 AND removed_in IS NULL
             RETURNING since",
        )?
        .query_row(params![version, table.name], |row| row.get(0))?;
    insert_since(transaction, table, version, since)
}

fn insert_since(
    transaction: &Transaction<'_>,
    table: &TableDef,
    version: u64,
    since: u64,
) -> Result<()> {
    let yaml = felis::table_to_yaml(table).map_err(|source| Error::DefinitionText {
        schema: table.name.clone(),
        reason: source.to_string(),
    })?;
    transaction.execute(
        "INSERT INTO table_definition (name, felis, added_in, since) VALUES (?1, ?2, ?3, ?4)",
        params![table.name, yaml, version, since],
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

/// Return the last version up to `version` that added, altered or removed a table.
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
            "SELECT name, felis, added_in, since FROM table_definition
             WHERE added_in <= ?1 AND (removed_in IS NULL OR removed_in > ?1)
             ORDER BY definition_id",
        )?
        .query_map([version], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<Vec<(String, String, u64, u64)>, _>>()?;
    let mut texts = Vec::with_capacity(rows.len());
    let mut since = HashMap::with_capacity(rows.len());
    let mut defined_in = HashMap::with_capacity(rows.len());
    for (name, text, added_in, first) in rows {
        texts.push(text);
        since.insert(name.clone(), first);
        defined_in.insert(name, added_in);
    }
    let schema = felis::assemble(header, &texts).map_err(|error| corrupt(error.to_string()))?;
    let mut older_forms = HashMap::new();
    for table in &schema.tables {
        let (first, last) = (since[&table.name], defined_in[&table.name]);
        if first < last {
            let forms = read_older_forms(connection, table, first, last, corrupt)?;
            older_forms.insert(table.name.clone(), forms);
        }
    }
    Ok(Definitions { version, schema, since, defined_in, older_forms, arrow: OnceLock::new() })
}

/// Read the definitions that a table had since `first` and before `last`.
fn read_older_forms(
    connection: &Connection,
    table: &TableDef,
    first: u64,
    last: u64,
    corrupt: &impl Fn(String) -> Error,
) -> Result<Vec<(u64, Arc<OlderForm>)>> {
    let rows = connection
        .prepare_cached(
            "SELECT felis, added_in FROM table_definition
             WHERE name = ?1 AND since = ?2 AND added_in < ?3 ORDER BY added_in",
        )?
        .query_map(params![table.name, first, last], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(String, u64)>, _>>()?;
    let form = |(text, since): (String, u64)| {
        let then = felis::read_table(&text).map_err(|error| corrupt(error.to_string()))?;
        Ok((since, Arc::new(OlderForm::new(table, &then, since))))
    };
    rows.into_iter().map(form).collect()
}
