//! What a schema must fulfil before a catalog is made of it.

use std::collections::HashMap;

use super::error::Problem;
use crate::schema::{Datatype, SchemaDef, TableDef, TableKind};

/// Add all problems and doubts of the schema.
pub(super) fn check(schema: &SchemaDef, problems: &mut Vec<Problem>, warnings: &mut Vec<String>) {
    let names = schema.tables.iter().map(|table| table.name.as_str());
    distinct(names, |name| format!("table {name}"), problems, warnings);
    for table in &schema.tables {
        let names = table.columns.iter().map(|column| column.name.as_str());
        let place = |name: &str| format!("table {}, column {name}", table.name);
        distinct(names.clone(), place, problems, warnings);
        let reserved = names.filter(|name| name.to_lowercase().starts_with("_healpix_"));
        problems.extend(reserved.map(|name| Problem::Reserved { place: place(name) }));
        check_keys(schema, table, problems);
        check_roles(table, problems);
        check_kind(schema, table, problems);
    }
}

fn distinct<'a>(
    names: impl Iterator<Item = &'a str>,
    place: impl Fn(&str) -> String,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) {
    let mut seen: HashMap<String, &str> = HashMap::new();
    for name in names {
        match seen.insert(name.to_lowercase(), name) {
            Some(before) if before == name => {
                problems.push(Problem::Duplicate { place: place(name) });
            }
            Some(before) => warnings.push(format!(
                "{} differs from `{before}` by case only: queries must quote both",
                place(name)
            )),
            None => {}
        }
    }
}

fn check_keys(schema: &SchemaDef, table: &TableDef, problems: &mut Vec<Problem>) {
    let lacks = |target: &TableDef, role: &str, column: &String| {
        target.column(column).is_none().then(|| Problem::NoColumn {
            table: table.name.clone(),
            role: role.to_owned(),
            column: column.clone(),
            target: target.name.clone(),
        })
    };
    problems.extend(table.primary_key.iter().filter_map(|key| lacks(table, "primaryKey", key)));
    for key in &table.foreign_keys {
        let role = format!("foreign key {}", key.name);
        problems.extend(key.columns.iter().filter_map(|column| lacks(table, &role, column)));
        match schema.table(&key.target_table) {
            Some(target) => problems.extend(
                key.target_columns.iter().filter_map(|column| lacks(target, &role, column)),
            ),
            None => problems.push(Problem::NoTable {
                table: table.name.clone(),
                role,
                target: key.target_table.clone(),
            }),
        }
    }
}

/// Columns that play a role exist and have a type that suits it.
fn check_roles(table: &TableDef, problems: &mut Vec<Problem>) {
    const TIMES: &str = "a double or a timestamp";
    let is_double = |datatype: Datatype| datatype == Datatype::Double;
    let is_time = |datatype| matches!(datatype, Datatype::Double | Datatype::Timestamp);
    if let Some(position) = &table.position {
        check_role(table, &position.ra, "the right ascension", "a double", is_double, problems);
        check_role(table, &position.dec, "the declination", "a double", is_double, problems);
    }
    if let Some(id) = &table.id {
        check_role(table, id, "the id", "an integer", Datatype::is_integer, problems);
    }
    if let Some(time) = &table.time {
        check_role(table, time, "the time", TIMES, is_time, problems);
    }
    let keys = match &table.kind {
        TableKind::Child { key, .. } => vec![key],
        TableKind::RefMatch { first, second } => vec![&first.1, &second.1],
        _ => Vec::new(),
    };
    for key in keys {
        let integer = Datatype::is_integer;
        check_role(table, key, "the key of the director", "an integer", integer, problems);
    }
}

fn check_role(
    table: &TableDef,
    column: &str,
    role: &'static str,
    expected: &'static str,
    suits: impl Fn(Datatype) -> bool,
    problems: &mut Vec<Problem>,
) {
    match table.column(column) {
        None => problems.push(Problem::NoColumn {
            table: table.name.clone(),
            role: role.to_owned(),
            column: column.to_owned(),
            target: table.name.clone(),
        }),
        Some(found) if !suits(found.datatype) || found.geometry().is_some() => {
            problems.push(Problem::Unsuitable {
                table: table.name.clone(),
                column: column.to_owned(),
                role,
                expected,
                datatype: found.datatype.felis_name(),
            })
        }
        Some(_) => {}
    }
}

fn check_kind(schema: &SchemaDef, table: &TableDef, problems: &mut Vec<Problem>) {
    let mut needs = |kind, needs| {
        problems.push(Problem::Needs { table: table.name.clone(), kind, needs });
    };
    match &table.kind {
        TableKind::Director => {
            if table.position.is_none() {
                needs("director", "a position (almagest:ra and almagest:dec)");
            }
            if table.id.is_none() {
                needs("director", "an id (almagest:id)");
            }
        }
        TableKind::Positional if table.position.is_none() => {
            needs("positional", "a position (almagest:ra and almagest:dec)");
        }
        TableKind::Child { director, .. } => check_director(schema, table, director, problems),
        TableKind::RefMatch { first, second } => {
            check_director(schema, table, &first.0, problems);
            check_director(schema, table, &second.0, problems);
        }
        TableKind::View { of, columns } => check_view(schema, table, of, columns, problems),
        TableKind::Positional | TableKind::Replicated => {}
    }
}

fn check_director(
    schema: &SchemaDef,
    table: &TableDef,
    director: &str,
    problems: &mut Vec<Problem>,
) {
    match schema.table(director) {
        None => problems.push(Problem::NoTable {
            table: table.name.clone(),
            role: "almagest:director".to_owned(),
            target: director.to_owned(),
        }),
        Some(found) if found.kind != TableKind::Director => problems.push(Problem::NotDirector {
            table: table.name.clone(),
            director: director.to_owned(),
            kind: found.kind.to_string(),
        }),
        Some(_) => {}
    }
}

/// A view is of a table with rows, and its columns are of the same types as those that they are of.
fn check_view(
    schema: &SchemaDef,
    table: &TableDef,
    of: &str,
    columns: &[String],
    problems: &mut Vec<Problem>,
) {
    let Some(target) = schema.table(of) else {
        problems.push(Problem::NoTable {
            table: table.name.clone(),
            role: "almagest:of".to_owned(),
            target: of.to_owned(),
        });
        return;
    };
    let wrong = |reason: String| Problem::View { table: table.name.clone(), reason };
    if matches!(target.kind, TableKind::View { .. }) {
        problems.push(wrong(format!("{of} is itself a view")));
    }
    if columns.len() != table.columns.len() {
        let (own, theirs) = (table.columns.len(), columns.len());
        problems.push(wrong(format!("it has {own} columns, and almagest:columns {theirs}")));
    }
    for (own, source) in table.columns.iter().zip(columns) {
        match target.column(source) {
            None => problems.push(Problem::NoColumn {
                table: table.name.clone(),
                role: "almagest:columns".to_owned(),
                column: source.clone(),
                target: of.to_owned(),
            }),
            Some(found) if found.datatype != own.datatype || found.geometry() != own.geometry() => {
                let (here, there) = (own.datatype.felis_name(), found.datatype.felis_name());
                let name = &own.name;
                problems.push(wrong(format!("{name} is {here}, and {of}.{source} is {there}")));
            }
            Some(_) => {}
        }
    }
}
