//! A change of a table's columns that leaves its data files as they are.
//!
//! ```text
//!   definition, version 3      a #1   b #2   c #3            files written then: a b c
//!     rename b to d, drop c, add e
//!   definition, version 4      a #1   d #2          e #4     files written then: a d e
//!                                                            older ones read as: a b∷d  default∷e
//! ```
//!
//! Each column has a number that stays when its name changes and that no other column gets when it
//! is dropped. Columns of two definitions are the same where their numbers are.

use super::{ColumnDef, Datatype, SchemaDef, TableDef, TableKind};
use crate::{Error, Result};

/// A change of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Alteration {
    /// Add a column, after all others; rows that are there have its default, or NULL.
    AddColumn(ColumnDef),
    /// Drop the column of a name, whatever the case.
    DropColumn(String),
    /// Give a column another name.
    RenameColumn {
        /// The name as it is, whatever the case.
        column: String,
        /// The exact name as it will be.
        to: String,
    },
    /// Give a column a type that holds all values of its own.
    WidenColumn {
        /// The name, whatever the case.
        column: String,
        /// The type.
        datatype: Datatype,
        /// The greatest length of a string; none where it is not bounded.
        length: Option<u32>,
    },
}

impl TableDef {
    /// The number by which data files know the column at `index`.
    pub fn column_number(&self, index: usize) -> u32 {
        self.columns.get(index).and_then(|column| column.number).unwrap_or(index as u32 + 1)
    }

    /// Say each column's number, so that it keeps it whatever comes and goes.
    fn number_columns(&mut self) {
        let numbers: Vec<u32> = (0..self.columns.len()).map(|at| self.column_number(at)).collect();
        let most = numbers.iter().copied().max().unwrap_or(0);
        self.n_columns_ever = Some(self.n_columns_ever.unwrap_or(0).max(most));
        for (column, number) in self.columns.iter_mut().zip(numbers) {
            column.number = Some(number);
        }
    }

    /// Find a column by its name, whatever the case; one of the exact name comes first.
    fn find_column(&self, name: &str) -> Result<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        let alike = || self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name));
        exact.or_else(alike).ok_or_else(|| Error::NoSuchColumn {
            table: self.name.clone(),
            column: name.to_owned(),
        })
    }

    /// Refuse a name that another column has, whatever the case.
    fn refuse_taken(&self, name: &str, except: Option<usize>) -> Result<()> {
        let mut others = self.columns.iter().enumerate().filter(|(at, _)| Some(*at) != except);
        match others.find(|(_, column)| column.name.to_lowercase() == name.to_lowercase()) {
            None => Ok(()),
            Some((_, column)) => {
                Err(Error::ColumnExists { table: self.name.clone(), column: column.name.clone() })
            }
        }
    }
}

impl SchemaDef {
    /// Alter a table, and what refers to its columns.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchColumn`]; [`Error::AlteredView`];
    /// [`Error::ColumnExists`]; [`Error::ColumnName`]; [`Error::NeedsDefault`];
    /// [`Error::ColumnInUse`]; [`Error::NotWider`].
    pub(super) fn alter(&mut self, name: &str, alteration: &Alteration) -> Result<()> {
        let name = self.find(name)?.name.clone();
        let place = self.tables.iter().position(|table| table.name == name).unwrap_or_default();
        let table = &mut self.tables[place];
        if matches!(table.kind, TableKind::View { .. }) {
            return Err(Error::AlteredView { table: name });
        }
        match alteration {
            Alteration::AddColumn(column) => {
                check_name(table, &column.name)?;
                table.refuse_taken(&column.name, None)?;
                if !column.nullable && column.default.is_none() {
                    let column = column.name.clone();
                    return Err(Error::NeedsDefault { table: name, column });
                }
                table.number_columns();
                let number = table.n_columns_ever.unwrap_or(0) + 1;
                table.n_columns_ever = Some(number);
                table.columns.push(ColumnDef { number: Some(number), ..column.clone() });
            }
            Alteration::DropColumn(column) => {
                let at = table.find_column(column)?;
                let column = table.columns[at].name.clone();
                let by = self.uses_of(&name, &column);
                if !by.is_empty() {
                    return Err(Error::ColumnInUse { table: name, column, by });
                }
                let table = &mut self.tables[place];
                table.number_columns();
                table.columns.remove(at);
            }
            Alteration::RenameColumn { column, to } => {
                let at = table.find_column(column)?;
                check_name(table, to)?;
                table.refuse_taken(to, Some(at))?;
                table.number_columns();
                let from = std::mem::replace(&mut table.columns[at].name, to.clone());
                self.rename_uses(&name, &from, to);
            }
            Alteration::WidenColumn { column, datatype, length } => {
                let at = table.find_column(column)?;
                let found = &table.columns[at];
                let is_id = table.id.as_ref() == Some(&found.name);
                if is_id || !is_wider(found, *datatype, *length) {
                    return Err(Error::NotWider {
                        table: name,
                        column: found.name.clone(),
                        from: type_name(found.datatype, found.length),
                        to: type_name(*datatype, *length),
                    });
                }
                table.number_columns();
                let column = &mut table.columns[at];
                (column.datatype, column.length) = (*datatype, *length);
                let column = column.name.clone();
                self.widen_views(&name, &column, *datatype, *length);
            }
        }
        Ok(())
    }

    /// Say who needs a column of the table of an exact name.
    fn uses_of(&self, name: &str, column: &str) -> Vec<String> {
        let mut uses = vec![];
        for table in &self.tables {
            if table.name == name {
                uses.extend(table.roles_of(column).into_iter().map(str::to_owned));
                let keys = table.foreign_keys.iter();
                let keys = keys.filter(|key| key.columns.iter().any(|own| own == column));
                uses.extend(keys.map(|key| format!("foreign key {}", key.name)));
            }
            match &table.kind {
                TableKind::View { of, columns } if of == name => {
                    let is_seen = columns.iter().any(|seen| seen == column);
                    uses.extend(is_seen.then(|| format!("view {}", table.name)));
                }
                _ => {}
            }
            let keys = table.foreign_keys.iter().filter(|key| {
                key.target_table == name && key.target_columns.iter().any(|own| own == column)
            });
            uses.extend(keys.map(|key| format!("foreign key {} of {}", key.name, table.name)));
        }
        if self.table(name).is_some_and(|table| table.columns.len() == 1) {
            uses.push("the table, which has no other column".to_owned());
        }
        uses
    }

    /// Write another name wherever a column of the table of an exact name is meant.
    fn rename_uses(&mut self, name: &str, from: &str, to: &str) {
        let rename = |word: &mut String| {
            if word == from {
                to.clone_into(word);
            }
        };
        for table in &mut self.tables {
            for key in &mut table.foreign_keys {
                if table.name == name {
                    key.columns.iter_mut().for_each(rename);
                }
                if key.target_table == name {
                    key.target_columns.iter_mut().for_each(rename);
                }
            }
            match &mut table.kind {
                TableKind::View { of, columns } if of == name => {
                    columns.iter_mut().for_each(rename);
                }
                TableKind::Child { key, .. } if table.name == name => rename(key),
                TableKind::RefMatch { first, second } if table.name == name => {
                    rename(&mut first.1);
                    rename(&mut second.1);
                }
                _ => {}
            }
            if table.name == name {
                table.primary_key.iter_mut().for_each(rename);
                table.id.iter_mut().chain(&mut table.time).for_each(rename);
                if let Some(position) = &mut table.position {
                    rename(&mut position.ra);
                    rename(&mut position.dec);
                }
            }
        }
    }

    /// Give columns of views the type of what they show.
    fn widen_views(&mut self, name: &str, column: &str, datatype: Datatype, length: Option<u32>) {
        for table in &mut self.tables {
            let TableKind::View { of, columns } = &table.kind else { continue };
            if of != name {
                continue;
            }
            for (own, shown) in table.columns.iter_mut().zip(columns) {
                if shown == column {
                    (own.datatype, own.length) = (datatype, length);
                }
            }
        }
    }
}

impl TableDef {
    /// What a column is to the table itself.
    fn roles_of(&self, column: &str) -> Vec<&'static str> {
        let position = self.position.as_ref();
        let is_position =
            position.is_some_and(|position| position.ra == column || position.dec == column);
        let is_director_key = match &self.kind {
            TableKind::Child { key, .. } => key == column,
            TableKind::RefMatch { first, second } => first.1 == column || second.1 == column,
            _ => false,
        };
        let mut roles = vec![];
        for (role, is_so) in [
            ("the table as its id", self.id.as_deref() == Some(column)),
            ("the table as its position", is_position),
            ("the table as its time", self.time.as_deref() == Some(column)),
            ("the table as the key of its director", is_director_key),
            ("the primary key", self.primary_key.iter().any(|key| key == column)),
        ] {
            roles.extend(is_so.then_some(role));
        }
        roles
    }
}

/// Does a type hold all values of a column's own, and more?
fn is_wider(column: &ColumnDef, to: Datatype, length: Option<u32>) -> bool {
    use Datatype::{Byte, Char, Double, Float, Int, Long, Short, String, Text, Unicode};
    if column.geometry().is_some() {
        return false;
    }
    match (column.datatype, to) {
        (Byte, Short | Int | Long | Float | Double)
        | (Short, Int | Long | Float | Double)
        | (Int, Long | Double)
        | (Float, Double) => length.is_none(),
        (Char | String | Unicode | Text, Char | String | Unicode | Text) => {
            // Only these hold more than ASCII.
            let is_ascii = |datatype| matches!(datatype, Char | String);
            let is_longer = match (column.length, length) {
                (Some(own), Some(length)) => {
                    length > own || (length == own && to != column.datatype)
                }
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => to != column.datatype,
            };
            is_longer && (is_ascii(column.datatype) || !is_ascii(to))
        }
        _ => false,
    }
}

fn type_name(datatype: Datatype, length: Option<u32>) -> String {
    match length {
        Some(length) => format!("{}({length})", datatype.felis_name()),
        None => datatype.felis_name().to_owned(),
    }
}

/// Longest name of a column, characters.
const NAME_LENGTH: usize = 128;

fn check_name(table: &TableDef, name: &str) -> Result<()> {
    let reason = match name.chars().count() {
        0 => "a column needs a name",
        n if n > NAME_LENGTH => "the name of a column has at most 128 characters",
        _ if name.chars().any(char::is_control) => "the name of a column has no control characters",
        _ if name.contains(['.', '#']) => "the name of a column has no `.` and no `#`",
        _ => return Ok(()),
    };
    let column = name.escape_default().to_string();
    Err(Error::ColumnName { table: table.name.clone(), column, reason })
}
