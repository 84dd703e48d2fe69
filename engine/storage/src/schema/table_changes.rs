//! What a commit does to the set of tables: some are dropped, some altered, some added.

use super::{Alteration, SchemaDef, TableDef, TableKind, felis};
use crate::{Error, Result};

/// Greatest length of a table's name, characters.
const NAME_LENGTH: usize = 128;

/// Tables that are dropped, altered and added, in this order: a table may take the name of one that
/// goes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableChanges {
    /// Exact names.
    pub dropped: Vec<String>,
    /// Exact names of tables, and what changes in each, in this order.
    pub altered: Vec<(String, Alteration)>,
    /// Definitions.
    pub added: Vec<TableDef>,
}

impl TableChanges {
    /// Does nothing change?
    pub fn is_empty(&self) -> bool {
        self.dropped.is_empty() && self.altered.is_empty() && self.added.is_empty()
    }

    /// Return the schema after the changes.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`] for a table to drop or to alter; [`Error::TableInUse`] where a table that stays
    /// follows or refers to one that goes; [`Error::TableExists`], whatever the case of the name;
    /// what an alteration refuses, such as [`Error::ColumnInUse`];
    /// [`Error::TableName`]; [`Error::Definition`] where a new table contradicts itself or the
    /// others, as a child whose director is missing.
    pub fn apply(&self, schema: &SchemaDef) -> Result<SchemaDef> {
        let mut after = schema.clone();
        for name in &self.dropped {
            let index = after.tables.iter().position(|table| table.name == *name);
            let index = index.ok_or_else(|| schema.no_such_table(name))?;
            after.tables.remove(index);
        }
        for name in &self.dropped {
            let by: Vec<String> = after
                .tables
                .iter()
                .filter(|table| table.needs(name))
                .map(|table| table.name.clone())
                .collect();
            if !by.is_empty() && self.added.iter().all(|table| table.name != *name) {
                return Err(Error::TableInUse { table: name.clone(), by });
            }
        }
        for (table, alteration) in &self.altered {
            after.alter(table, alteration)?;
        }
        for table in &self.added {
            check_name(&table.name)?;
            let taken = after.tables.iter().find(|other| is_alike(&other.name, &table.name));
            if let Some(taken) = taken {
                return Err(Error::TableExists { table: taken.name.clone() });
            }
            after.tables.push(table.clone());
        }
        if self.is_empty() {
            return Ok(after);
        }
        felis::validate(&after)?;
        // What is kept is the text: a definition that could not be read again must not get in.
        let text = felis::to_yaml(&after).map_err(|source| Error::DefinitionText {
            schema: schema.name.clone(),
            reason: source.to_string(),
        })?;
        match after.tables.is_empty() {
            true => Ok(after),
            false => Ok(felis::parse(&text, &|_| None)?.schema),
        }
    }
}

impl TableDef {
    /// Does the table follow or refer to the table of the exact name `other`?
    fn needs(&self, other: &str) -> bool {
        let follows = match &self.kind {
            TableKind::Child { director, .. } => director == other,
            TableKind::RefMatch { first, second } => first.0 == other || second.0 == other,
            TableKind::View { of, .. } => of == other,
            TableKind::Director | TableKind::Positional | TableKind::Replicated => false,
        };
        follows || self.foreign_keys.iter().any(|key| key.target_table == other)
    }
}

fn is_alike(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn check_name(name: &str) -> Result<()> {
    let reason = match name.chars().count() {
        0 => "a table needs a name",
        n if n > NAME_LENGTH => "the name of a table has at most 128 characters",
        _ if name.chars().any(char::is_control) => "the name of a table has no control characters",
        _ if name.contains(['.', '#']) => "the name of a table has no `.` and no `#`",
        _ => return Ok(()),
    };
    Err(Error::TableName { table: name.escape_default().to_string(), reason })
}
