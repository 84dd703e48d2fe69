//! TAP_SCHEMA: the tables that describe all tables, themselves included.
//!
//! A pure function of the table definitions ([`definition`] adds TAP_SCHEMA's own, [`rows`] makes
//! the five tables), so that what a client reads here cannot differ from what VOSI tables or the
//! fields of a result say.

mod definition;
pub mod identifier;
mod votable_type;

use std::sync::Arc;

use almagest_storage::schema::{ColumnDef, ForeignKey, SchemaDef, TableDef, TableKind};
use datafusion::arrow::array::{ArrayRef, Int32Array, StringArray};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;

pub use definition::definition;
pub use votable_type::{ArraySize, Primitive, VotableType};

/// The name of the schema.
pub const NAME: &str = "TAP_SCHEMA";

/// Return the rows of the five tables, each with the name of its table.
///
/// # Arguments
/// `schemas`: all schemas that a query can name; TAP_SCHEMA's own definition is among them if it
/// is to describe itself.
pub fn rows(schemas: &[SchemaDef]) -> Result<Vec<(String, RecordBatch)>, ArrowError> {
    let own = definition();
    own.tables
        .iter()
        .map(|table| {
            let columns = match table.name.as_str() {
                "schemas" => schemas_columns(schemas),
                "tables" => tables_columns(schemas),
                "columns" => columns_columns(schemas),
                "keys" => keys_columns(schemas),
                _ => key_columns_columns(schemas),
            };
            Ok((table.name.clone(), RecordBatch::try_new(table.arrow_schema(), columns)?))
        })
        .collect()
}

/// Return the full name of the table that `key` refers to from a table of `schema`.
pub fn target_of(schema: &SchemaDef, key: &ForeignKey) -> String {
    match key.target_table.split_once('.') {
        Some((schema, table)) => identifier::qualified(schema, table),
        None => identifier::qualified(&schema.name, &key.target_table),
    }
}

/// What the tables that describe tables call a table.
pub fn table_type(table: &TableDef) -> &'static str {
    match table.kind {
        TableKind::View { .. } => "view",
        _ => "table",
    }
}

/// Is a condition on `column` answered without reading the whole table?
///
/// Positions prune chunks and pages, ids have an id index, and the rows of a child table are
/// sorted by their director.
pub fn is_indexed(table: &TableDef, column: &ColumnDef) -> bool {
    let name = &column.name;
    let keyed = match &table.kind {
        TableKind::Child { key, .. } => key == name,
        TableKind::RefMatch { first, .. } => first.1 == *name,
        TableKind::Director
        | TableKind::Positional
        | TableKind::Replicated
        | TableKind::View { .. } => false,
    };
    let placed = table.is_chunked()
        && table.position.as_ref().is_some_and(|at| at.ra == *name || at.dec == *name);
    keyed || placed || table.id.as_ref() == Some(name)
}

fn schemas_columns(schemas: &[SchemaDef]) -> Vec<ArrayRef> {
    vec![
        strings(schemas.iter().map(|s| Some(identifier::in_query(&s.name).into_owned()))),
        strings(schemas.iter().map(|_| None)),
        strings(schemas.iter().map(|s| filled(&s.description))),
        integers((0..schemas.len()).map(|index| Some(index as i64))),
    ]
}

fn tables_columns(schemas: &[SchemaDef]) -> Vec<ArrayRef> {
    let all: Vec<_> = tables(schemas).collect();
    vec![
        strings(all.iter().map(|(s, _)| Some(identifier::in_query(&s.name).into_owned()))),
        strings(all.iter().map(|(s, t)| Some(identifier::qualified(&s.name, &t.name)))),
        strings(all.iter().map(|(_, table)| Some(table_type(table).to_owned()))),
        strings(all.iter().map(|(_, t)| t.utype.clone())),
        strings(all.iter().map(|(_, t)| filled(&t.description))),
        integers(all.iter().map(|(_, t)| t.tap_index)),
    ]
}

fn columns_columns(schemas: &[SchemaDef]) -> Vec<ArrayRef> {
    let all: Vec<_> = tables(schemas)
        .flat_map(|(schema, table)| {
            let name = identifier::qualified(&schema.name, &table.name);
            table.columns.iter().enumerate().map(move |(place, column)| {
                // Those of a table that says nothing are listed as they are declared.
                let index = column.column_index.unwrap_or(place as i64);
                (name.clone(), table, index, column, VotableType::of_column(column))
            })
        })
        .collect();
    let text = |of: &dyn Fn(&ColumnDef) -> Option<String>| {
        strings(all.iter().map(|(.., column, _)| of(column)))
    };
    vec![
        strings(all.iter().map(|(table, ..)| Some(table.clone()))),
        text(&|column| Some(identifier::in_query(&column.name).into_owned())),
        strings(all.iter().map(|(.., kind)| Some(kind.primitive.as_str().to_owned()))),
        strings(all.iter().map(|(.., kind)| kind.arraysize.attribute())),
        strings(all.iter().map(|(.., kind)| kind.xtype.clone())),
        integers(all.iter().map(|(.., kind)| match kind.arraysize {
            ArraySize::AtMost(n) | ArraySize::Fixed(n) => Some(i64::from(n)),
            ArraySize::Scalar | ArraySize::Any => None,
        })),
        text(&|column| filled(&column.description)),
        text(&|column| column.utype.clone()),
        text(&|column| column.unit.clone()),
        text(&|column| column.ucd.clone()),
        integers(all.iter().map(|(_, table, _, column, _)| Some(is_indexed(table, column).into()))),
        integers(all.iter().map(|(.., column, _)| Some(column.principal.into()))),
        integers(all.iter().map(|(.., column, _)| Some(column.standard.into()))),
        integers(all.iter().map(|(_, _, index, ..)| Some(*index))),
    ]
}

fn keys_columns(schemas: &[SchemaDef]) -> Vec<ArrayRef> {
    let all: Vec<_> = keys(schemas).collect();
    vec![
        strings(all.iter().map(|&(s, t, k)| Some(key_id(s, t, k)))),
        strings(all.iter().map(|(s, t, _)| Some(identifier::qualified(&s.name, &t.name)))),
        strings(all.iter().map(|(s, _, k)| Some(target_of(s, k)))),
        strings(all.iter().map(|_| None)),
        strings(all.iter().map(|(_, _, k)| filled(&k.description))),
    ]
}

fn key_columns_columns(schemas: &[SchemaDef]) -> Vec<ArrayRef> {
    let all: Vec<_> = keys(schemas)
        .flat_map(|(schema, table, key)| {
            key.columns.iter().zip(&key.target_columns).map(move |(from, to)| {
                (key_id(schema, table, key), identifier::in_query(from), identifier::in_query(to))
            })
        })
        .collect();
    vec![
        strings(all.iter().map(|(id, ..)| Some(id.clone()))),
        strings(all.iter().map(|(_, from, _)| Some(from.clone().into_owned()))),
        strings(all.iter().map(|(_, _, to)| Some(to.clone().into_owned()))),
    ]
}

fn tables(schemas: &[SchemaDef]) -> impl Iterator<Item = (&SchemaDef, &TableDef)> {
    schemas.iter().flat_map(|schema| schema.tables.iter().map(move |table| (schema, table)))
}

fn keys(schemas: &[SchemaDef]) -> impl Iterator<Item = (&SchemaDef, &TableDef, &ForeignKey)> {
    tables(schemas)
        .flat_map(|(schema, table)| table.foreign_keys.iter().map(move |key| (schema, table, key)))
}

/// A key's name is unique in its table at least.
fn key_id(schema: &SchemaDef, table: &TableDef, key: &ForeignKey) -> String {
    format!("{}.{}.{}", schema.name, table.name, key.name)
}

fn filled(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn strings(values: impl Iterator<Item = Option<String>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

fn integers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.map(|value| value.and_then(|v| i32::try_from(v).ok())).collect::<Int32Array>())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::Int32Type;

    fn table(name: &str) -> RecordBatch {
        let all = rows(&[definition()]).unwrap();
        all.into_iter().find(|(found, _)| found == name).unwrap().1
    }

    #[test]
    fn tap_schema_describes_itself() {
        assert_eq!(table("schemas").num_rows(), 1);
        assert_eq!(table("tables").num_rows(), 5);
        assert_eq!(table("columns").num_rows(), 4 + 6 + 14 + 5 + 3);
        assert_eq!(table("keys").num_rows(), 5);
        assert_eq!(table("key_columns").num_rows(), 5);
    }

    #[test]
    fn names_are_written_as_queries_write_them() {
        let columns = table("columns");
        let names = columns.column_by_name("column_name").unwrap().as_string::<i32>();
        assert!(names.iter().any(|name| name == Some("\"size\"")));
        let tables = columns.column_by_name("table_name").unwrap().as_string::<i32>();
        assert_eq!(tables.value(0), "TAP_SCHEMA.schemas");
    }

    #[test]
    fn flags_are_zero_or_one() {
        let columns = table("columns");
        for name in ["indexed", "principal", "std"] {
            let flags = columns.column_by_name(name).unwrap().as_primitive::<Int32Type>();
            assert!(flags.iter().all(|flag| matches!(flag, Some(0 | 1))), "{name}");
            assert_eq!(flags.null_count(), 0);
        }
    }

    #[test]
    fn references_name_existing_columns() {
        let own = definition();
        for table in &own.tables {
            for key in &table.foreign_keys {
                let target = own.table(&key.target_table).unwrap();
                assert!(key.columns.iter().all(|c| table.column(c).is_some()), "{}", key.name);
                assert!(key.target_columns.iter().all(|c| target.column(c).is_some()));
            }
        }
    }
}
