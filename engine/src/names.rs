//! What a query may name, from the definitions of schemas.

use almagest_adql::{
    ColumnKind, ColumnName, Names, PositionNames, SchemaNames, TableNames, TimeScale,
};
use almagest_storage::schema::{ColumnDef, Datatype, GeometryType, SchemaDef, TableDef};

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
