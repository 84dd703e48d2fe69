//! Felis YAML to table definitions, and back.
//!
//! Felis is the format in which Rubin publishes its catalogs (reference: sdm-schemas.lsst.io and
//! felis.lsst.io). Almagest adds annotations at table level; a table that lacks them is inferred:
//!
//! | annotation            | says                                                | inferred from |
//! |-----------------------|-----------------------------------------------------|---------------|
//! | `almagest:kind`       | director, child, positional, ref-match, replicated  | who refers to whom |
//! | `almagest:ra`, `:dec` | the columns of the position                         | UCDs `pos.eq.*`, the main ones first |
//! | `almagest:epoch`      | the epoch of all positions, such as `J2016.0`       | nothing |
//! | `almagest:id`         | the column that identifies a row                    | primary key, UCD, unique constraint |
//! | `almagest:director`   | the director table (a list of two for a ref-match)  | foreign keys, names of id columns |
//! | `almagest:key`        | the column that holds the director's id             | the same |
//! | `almagest:time`       | the column of the time                              | UCD `time.epoch` |
//!
//! An annotation of `null` says that there is none, and nothing is inferred. [`to_yaml`] writes all
//! of them, so that a definition comes back as it was.
//!
//! Keys that are not used here are never fatal: each is reported once.
//!
//! ```text
//! YAML ─ reader ─▶ tables as written ─ infer ─▶ SchemaDef ─ check ─▶ all problems at once
//! ```

use std::fs;
use std::path::Path;

use serde_yaml_ng::{Mapping, Value};

use super::{SchemaDef, TableDef};

mod check;
mod error;
mod infer;
mod reader;
mod writer;

pub use error::{FelisError, Problem};
pub use writer::{header_to_yaml, table_to_yaml, to_yaml};

/// A schema that was read, and what should be said about the reading.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The definitions.
    pub schema: SchemaDef,
    /// What was inferred in place of annotations, one line each.
    pub inferred: Vec<String>,
    /// What was ignored or looks doubtful, one line each.
    pub warnings: Vec<String>,
}

/// Read a Felis document. `resource` returns the text of another document that this one refers to
/// (`resources:` and `columnRefs:`), by its URI.
///
/// # Errors
/// Text that is not YAML, a resource that cannot be had, or definitions that contradict
/// themselves: then all problems are named.
pub fn parse(text: &str, resource: &dyn Fn(&str) -> Option<String>) -> Result<Reading, FelisError> {
    understand(reader::read(text, resource)?)
}

/// Read a Felis document whose tables are to join those of `existing`, to which they may refer;
/// the reading holds the new tables only.
///
/// # Errors
/// As for [`parse`].
pub fn parse_addition(
    text: &str,
    existing: &SchemaDef,
    resource: &dyn Fn(&str) -> Option<String>,
) -> Result<Reading, FelisError> {
    let mut root = reader::mapping_of(text, reader::THE_DEFINITION)?;
    let yaml_error =
        |source| FelisError::Yaml { document: reader::THE_DEFINITION.to_owned(), source };
    let written = existing.tables.iter().map(|table| parsed(&table_to_yaml(table)?));
    let mut tables: Vec<Value> = written.collect::<Result<_, _>>().map_err(yaml_error)?;
    let new = root.get("tables").and_then(Value::as_sequence).cloned().unwrap_or_default();
    tables.extend(new);
    root.insert("name".into(), existing.name.as_str().into());
    root.insert("tables".into(), Value::Sequence(tables));
    let mut reading = understand(reader::read_root(&root, resource)?)?;
    reading.schema.tables.retain(|table| existing.table(&table.name).is_none());
    Ok(reading)
}

/// Put a schema together from what [`header_to_yaml`] and [`table_to_yaml`] wrote.
///
/// # Errors
/// As for [`parse`].
pub fn assemble(header: &str, tables: &[String]) -> Result<SchemaDef, FelisError> {
    let yaml_error =
        |source| FelisError::Yaml { document: reader::THE_DEFINITION.to_owned(), source };
    let mut root: Mapping = serde_yaml_ng::from_str(header).map_err(yaml_error)?;
    let tables = tables.iter().map(|table| parsed(table)).collect::<Result<_, _>>();
    root.insert("tables".into(), Value::Sequence(tables.map_err(yaml_error)?));
    Ok(understand(reader::read_root(&root, &|_| None)?)?.schema)
}

/// Read one table that [`table_to_yaml`] wrote, whatever became of those that it refers to.
///
/// # Errors
/// Text that is no table.
pub fn read_table(table: &str) -> Result<TableDef, FelisError> {
    let yaml_error =
        |source| FelisError::Yaml { document: reader::THE_DEFINITION.to_owned(), source };
    let mut root = Mapping::new();
    root.insert("name".into(), "of_one_table".into());
    let tables = vec![parsed(table).map_err(yaml_error)?];
    root.insert("tables".into(), Value::Sequence(tables));
    let mut document = reader::read_root(&root, &|_| None)?;
    match document.tables.pop() {
        Some(table) if document.problems.is_empty() => Ok(table.def),
        _ => Err(FelisError::Invalid { schema: table.to_owned(), problems: document.problems }),
    }
}

/// Name every contradiction in a schema.
///
/// # Errors
/// [`FelisError::Invalid`].
pub fn validate(schema: &SchemaDef) -> Result<(), FelisError> {
    let mut problems = vec![];
    check::check(schema, &mut problems, &mut vec![]);
    match problems.is_empty() {
        true => Ok(()),
        false => Err(FelisError::Invalid { schema: schema.name.clone(), problems }),
    }
}

fn parsed(yaml: &str) -> Result<Value, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(yaml)
}

fn understand(document: reader::Document) -> Result<Reading, FelisError> {
    let mut problems = document.problems;
    let mut warnings = document.warnings;
    let (schema, inferred) = infer::infer(document.header, document.tables, &mut problems);
    check::check(&schema, &mut problems, &mut warnings);
    if problems.is_empty() {
        Ok(Reading { schema, inferred, warnings })
    } else {
        Err(FelisError::Invalid { schema: schema.name, problems })
    }
}

/// Read a Felis file; what it refers to is looked for beside it.
///
/// # Errors
/// A file that cannot be read, and the errors of [`parse`].
pub fn load(path: &Path) -> Result<Reading, FelisError> {
    let text = fs::read_to_string(path)
        .map_err(|source| FelisError::Read { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &|uri| fs::read_to_string(folder.join(uri)).ok())
}

#[cfg(test)]
mod tests;
