//! `/tap/examples`: queries that work on this very catalog, as DALI wants them (XHTML with RDFa).

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use almagest_engine::arrow::array::AsArray;
use almagest_engine::arrow::compute::cast;
use almagest_engine::arrow::datatypes::{DataType, Float64Type};
use almagest_engine::tap_schema::{self, identifier};
use almagest_engine::{Database, QueryOptions};
use almagest_storage::schema::{PositionColumns, SchemaDef, TableDef, TableKind};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use crate::people::Caller;
use crate::state::AppState;
use crate::xml::Escaped;

/// A query worth showing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Identifier within the page.
    pub id: String,
    /// What it is for, in a few words.
    pub name: String,
    /// The query.
    pub query: String,
}

/// The examples of one version, kept until there is another; cheap to clone.
///
/// They are made from rows of the catalog, which takes some queries.
#[derive(Debug, Clone, Default)]
pub struct Shelf(Arc<Mutex<HashMap<Shown, Arc<Vec<Example>>>>>);

/// The versions of the catalogs, and the tables that a caller may see.
type Shown = (Vec<u64>, Vec<String>);

/// Sets of examples that are kept.
const MAX_KEPT: usize = 16;

impl Shelf {
    /// Return the examples of `database`.
    pub async fn of(&self, database: &Database) -> Arc<Vec<Example>> {
        let Ok(versions) = database.newest_versions() else { return Arc::default() };
        let names = database.schemas().iter().flat_map(|schema| {
            schema.tables.iter().map(|table| identifier::qualified(&schema.name, &table.name))
        });
        let shown = (versions, names.collect());
        if let Some(known) = self.kept().get(&shown) {
            return known.clone();
        }
        let made = Arc::new(of_catalog(database).await);
        let mut kept = self.kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(shown, made.clone());
        made
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Shown, Arc<Vec<Example>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answer with the examples.
pub async fn examples(State(state): State<AppState>, caller: Caller) -> Response {
    let (database, shelf) = (caller.database, state.examples.clone());
    let page = match state.queries.run(async move { shelf.of(&database).await }).await {
        Ok(examples) => page(&examples),
        Err(error) => return error.into_text(),
    };
    ([(header::CONTENT_TYPE, "application/xhtml+xml; charset=utf-8")], page).into_response()
}

/// Make examples of the tables that the catalog has, around a position where it has rows.
pub async fn of_catalog(database: &Database) -> Vec<Example> {
    let schemas = database.schemas();
    let mut examples = Vec::new();
    for schema in schemas.iter().filter(|schema| schema.name != tap_schema::NAME) {
        for table in &schema.tables {
            if let (TableKind::Director | TableKind::Positional, Some(at)) =
                (&table.kind, &table.position)
            {
                let (ra, dec) =
                    first_position(database, schema, table, at).await.unwrap_or((0., 0.));
                examples.push(cone(schema, table, at, ra, dec));
            }
            if let TableKind::Child { director, key } = &table.kind {
                examples.extend(children(schema, table, director, key));
            }
        }
    }
    examples.push(Example {
        id: "columns".to_owned(),
        name: "All columns with their units and meanings".to_owned(),
        query: "SELECT table_name, column_name, unit, ucd, description\nFROM TAP_SCHEMA.columns\n\
                ORDER BY table_name, column_index"
            .to_owned(),
    });
    examples
}

fn cone(schema: &SchemaDef, table: &TableDef, at: &PositionColumns, ra: f64, dec: f64) -> Example {
    let name = identifier::qualified(&schema.name, &table.name);
    let columns = principal_columns(table, at);
    let position = format!("{}, {}", identifier::in_query(&at.ra), identifier::in_query(&at.dec));
    Example {
        id: format!("cone-{}-{}", schema.name, table.name),
        name: format!("Rows of {name} within 2 arcminutes of a position"),
        query: format!(
            "SELECT TOP 100 {columns}\nFROM {name}\n\
             WHERE CONTAINS(POINT('ICRS', {position}), CIRCLE('ICRS', {ra:.4}, {dec:.4}, 0.0333)) = 1"
        ),
    }
}

/// The children of one director, if the definition says by which column to join.
fn children(schema: &SchemaDef, table: &TableDef, director: &str, key: &str) -> Option<Example> {
    let director = schema.table(director)?;
    let id = identifier::in_query(director.id.as_deref()?);
    let name = identifier::qualified(&schema.name, &table.name);
    let director_name = identifier::qualified(&schema.name, &director.name);
    let key = identifier::in_query(key);
    Some(Example {
        id: format!("count-{}-{}", schema.name, table.name),
        name: format!("Rows of {name} for each row of {director_name}"),
        query: format!(
            "SELECT TOP 100 d.{id}, COUNT(*) AS n\nFROM {director_name} AS d\n\
             JOIN {name} AS c ON c.{key} = d.{id}\nGROUP BY d.{id}\nORDER BY n DESC"
        ),
    })
}

/// The columns that a user wants to see first, five or so; never one half of a position.
fn principal_columns(table: &TableDef, at: &PositionColumns) -> String {
    let principal = table.columns.iter().filter(|column| column.principal);
    let mut names: Vec<&str> = principal.take(5).map(|column| column.name.as_str()).collect();
    let place = |names: &[&str], wanted: &str| names.iter().position(|name| *name == wanted);
    match (place(&names, &at.ra), place(&names, &at.dec)) {
        (Some(ra), None) => names.insert(ra + 1, &at.dec),
        (None, Some(dec)) => names.insert(dec, &at.ra),
        _ => {}
    }
    if names.is_empty() {
        return "*".to_owned();
    }
    let names: Vec<_> = names.into_iter().map(identifier::in_query).collect();
    names.join(", ")
}

/// Some position that the table holds; none where it is empty or cannot be read.
async fn first_position(
    database: &Database,
    schema: &SchemaDef,
    table: &TableDef,
    at: &PositionColumns,
) -> Option<(f64, f64)> {
    let text = format!(
        "SELECT TOP 1 {}, {} FROM {}",
        identifier::in_query(&at.ra),
        identifier::in_query(&at.dec),
        identifier::qualified(&schema.name, &table.name)
    );
    let query = database.session().ok()?.query(&text, QueryOptions::default()).await.ok()?;
    let mut rows = query.into_stream().await.ok()?;
    while let Some(batch) = rows.next().await {
        let batch = batch.ok()?;
        if batch.num_rows() > 0 {
            let degrees = |index: usize| {
                let column = cast(batch.column(index), &DataType::Float64).ok()?;
                Some(column.as_primitive::<Float64Type>().value(0))
            };
            return Some((degrees(0)?, degrees(1)?));
        }
    }
    None
}

fn page(examples: &[Example]) -> String {
    let mut out = String::from(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml">
<head><title>Examples of queries</title></head>
<body vocab="http://www.ivoa.net/rdf/examples#">
<h1>Examples of queries</h1>
"#,
    );
    for Example { id, name, query } in examples {
        let (id, name, query) = (Escaped(id), Escaped(name), Escaped(query));
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "<div typeof=\"example\" id=\"{id}\" resource=\"#{id}\">\n<h2 property=\"name\">{name}</h2>\n\
             <pre property=\"query\">{query}</pre>\n</div>"
        );
    }
    out + "</body>\n</html>\n"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_storage::schema::felis;

    #[test]
    fn an_example_shows_whole_positions() {
        let columns: String = ["a", "b", "c", "d", "ra", "dec"]
            .map(|name| format!("  - {{name: {name}, datatype: double, \"tap:principal\": 1}}\n"))
            .concat();
        let text = format!(
            "name: sky\ntables:\n- name: T\n  \"almagest:kind\": positional\n  \"almagest:ra\": ra\n  \
             \"almagest:dec\": dec\n  columns:\n{columns}"
        );
        let schema = felis::parse(&text, &|_| None).unwrap().schema;
        let table = &schema.tables[0];
        let columns = principal_columns(table, table.position.as_ref().unwrap());
        assert_eq!(columns, "a, b, c, d, ra, dec");
    }
}
