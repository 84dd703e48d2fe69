//! What a query may name, from the definitions of schemas.

use almagest_adql::{
    ColumnKind, ColumnName, Names, PositionNames, SchemaNames, TableNames, TimeScale, ViewNames,
};
use almagest_storage::schema::{ColumnDef, Datatype, GeometryType, SchemaDef, TableDef, TableKind};

/// Collect the names of all schemas; a table without a schema is looked for in `default_schema`
/// first.
pub fn names(schemas: &[SchemaDef], default_schema: &str) -> Names {
    let schemas = schemas
        .iter()
        .map(|schema| SchemaNames {
            name: schema.name.clone(),
            tables: schema.tables.iter().map(table_names).collect(),
        })
        .collect();
    Names { schemas, default_schema: default_schema.to_owned() }
}

fn table_names(table: &TableDef) -> TableNames {
    // An id is unique but in a versioned director, whose primary key says so.
    let key = match table.primary_key.as_slice() {
        [] => table.id.iter().cloned().collect(),
        key => key.to_vec(),
    };
    let position = table.position.as_ref();
    TableNames {
        name: table.name.clone(),
        columns: table.columns.iter().map(column_name).collect(),
        key,
        position: position.map(|p| PositionNames { lon: p.ra.clone(), lat: p.dec.clone() }),
        view: view(table),
    }
}

fn view(table: &TableDef) -> Option<ViewNames> {
    match &table.kind {
        TableKind::View { of, columns } => {
            Some(ViewNames { of: of.clone(), columns: columns.clone() })
        }
        _ => None,
    }
}

fn column_name(column: &ColumnDef) -> ColumnName {
    ColumnName {
        name: column.name.clone(),
        kind: kind(column),
        unit: column.unit.clone(),
        ucd: column.ucd.clone(),
        time_scale: time_scale(column),
    }
}

fn kind(column: &ColumnDef) -> ColumnKind {
    match column.geometry() {
        Some(GeometryType::Point) => return ColumnKind::Point,
        Some(GeometryType::Circle) => return ColumnKind::Circle,
        Some(GeometryType::Polygon) => return ColumnKind::Polygon,
        Some(GeometryType::Region) => return ColumnKind::Region,
        None => {}
    }
    match column.datatype {
        Datatype::Boolean => ColumnKind::Boolean,
        Datatype::Byte | Datatype::Short => ColumnKind::SmallInt,
        Datatype::Int => ColumnKind::Integer,
        Datatype::Long => ColumnKind::BigInt,
        Datatype::Float => ColumnKind::Real,
        Datatype::Double => ColumnKind::Double,
        Datatype::Char | Datatype::String | Datatype::Unicode | Datatype::Text => ColumnKind::Text,
        Datatype::Binary => ColumnKind::Binary,
        Datatype::Timestamp => ColumnKind::Timestamp,
    }
}

/// The scale that a column of timestamps declares: in the words of its description, or, as Rubin
/// names such columns, at the end of its name (`validityStartMjdTai`).
fn time_scale(column: &ColumnDef) -> Option<TimeScale> {
    if column.datatype != Datatype::Timestamp {
        return None;
    }
    let words = column.description.split(|c: char| !c.is_ascii_alphanumeric());
    let mut declared: Vec<TimeScale> = words.filter_map(scale_named).collect();
    declared.dedup();
    match declared.as_slice() {
        [one] => Some(*one),
        [] if column.name.ends_with("Tai") => Some(TimeScale::Tai),
        [] if column.name.ends_with("Utc") => Some(TimeScale::Utc),
        _ => None,
    }
}

fn scale_named(word: &str) -> Option<TimeScale> {
    match word {
        "TAI" => Some(TimeScale::Tai),
        "UTC" => Some(TimeScale::Utc),
        "TT" => Some(TimeScale::Tt),
        "TDB" => Some(TimeScale::Tdb),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use almagest_storage::schema::felis;

    use super::*;

    const SCHEMA: &str = r##"
name: s
tables:
- name: Visit
  primaryKey: "#Visit.visit"
  columns:
  - {name: visit, datatype: long, nullable: false}
  - {name: obsStart, datatype: timestamp, description: "Start of the visit, TAI, accurate to 10ms."}
  - {name: validityStartTai, datatype: timestamp, description: "Start of validity."}
  - {name: processed, datatype: timestamp, description: "When it was processed."}
  - {name: mixed, datatype: timestamp, description: "UTC, from a clock that counts TAI."}
  - {name: mjd, datatype: double, description: "Time, MJD in TAI."}
  - {name: place, datatype: double, "votable:xtype": point}
"##;

    #[test]
    fn what_columns_declare() {
        let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
        let names = names(&[schema], "s");
        let table = &names.schemas[0].tables[0];
        assert_eq!(table.key, ["visit"]);
        let check = |name: &str, kind: ColumnKind, scale: Option<TimeScale>| {
            let column = table.columns.iter().find(|column| column.name == name).unwrap();
            assert_eq!((column.kind, column.time_scale), (kind, scale), "{name}");
        };
        check("visit", ColumnKind::BigInt, None);
        check("obsStart", ColumnKind::Timestamp, Some(TimeScale::Tai));
        check("validityStartTai", ColumnKind::Timestamp, Some(TimeScale::Tai));
        check("processed", ColumnKind::Timestamp, None);
        check("mixed", ColumnKind::Timestamp, None);
        check("mjd", ColumnKind::Double, None);
        check("place", ColumnKind::Point, None);
    }
}
