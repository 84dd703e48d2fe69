//! `/tap/tables`: the tables and their columns, as VODataService has them.
//!
//! Made from the same definitions, by the same functions, as TAP_SCHEMA.

use almagest_engine::tap_schema::{VotableType, identifier, is_indexed, table_type, target_of};
use almagest_storage::schema::{ColumnDef, ForeignKey, SchemaDef, TableDef};
use axum::extract::Path;
use axum::response::Response;

use crate::dali::Parameters;
use crate::people::Caller;
use crate::xml::{Attribute, Element, Escaped};
use crate::{Error, Result};

const NAMESPACES: &str = r#"xmlns:vosi="http://www.ivoa.net/xml/VOSITables/v1.0" xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance""#;

/// How much to say of each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Names and descriptions; columns are then asked for table by table.
    Min,
    /// All columns and references too.
    Max,
}

/// Answer with all tables.
pub async fn tables(caller: Caller, parameters: Parameters) -> Result<Response, Response> {
    let detail = detail(&parameters).map_err(Error::into_text)?;
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vosi:tableset {NAMESPACES}>\n");
    for schema in caller.database.schemas() {
        out += "<schema>\n";
        out += &Element("name", Some(&identifier::in_query(&schema.name))).to_string();
        out += &Element("description", Some(schema.description.trim())).to_string();
        for table in &schema.tables {
            out += &format!("\n<table type=\"{}\">", table_type(table));
            out += &contents(schema, table, detail);
            out += "</table>";
        }
        out += "\n</schema>\n";
    }
    out += "</vosi:tableset>\n";
    Ok(super::xml(out))
}

/// Answer with one table, named as a query would.
pub async fn table(caller: Caller, Path(name): Path<String>) -> Result<Response, Response> {
    let found = find(caller.database.schemas(), &name);
    let (schema, table) = found.ok_or(Error::NoSuchTable { name }).map_err(Error::into_text)?;
    Ok(super::xml(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<vosi:table type=\"{}\" {NAMESPACES}>{}</vosi:table>\n",
        table_type(table),
        contents(schema, table, Detail::Max)
    )))
}

/// Find a table by its full name; letter case and quotes are free.
pub fn find<'a>(schemas: &'a [SchemaDef], name: &str) -> Option<(&'a SchemaDef, &'a TableDef)> {
    schemas
        .iter()
        .flat_map(|schema| schema.tables.iter().map(move |table| (schema, table)))
        .find(|(schema, table)| plain(name) == plain(&format!("{}.{}", schema.name, table.name)))
}

/// A name without quotes, in one letter case.
pub fn plain(name: &str) -> String {
    name.replace('"', "").to_lowercase()
}

fn detail(parameters: &Parameters) -> Result<Detail> {
    match parameters.get("DETAIL")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "max") => Ok(Detail::Max),
        Some("min") => Ok(Detail::Min),
        Some(other) => Err(Error::BadParameter {
            name: "DETAIL",
            value: other.to_owned(),
            expected: "min or max".to_owned(),
        }),
    }
}

fn contents(schema: &SchemaDef, table: &TableDef, detail: Detail) -> String {
    let name = identifier::qualified(&schema.name, &table.name);
    let mut out = Element("name", Some(&name)).to_string();
    out += &Element("description", Some(table.description.trim())).to_string();
    out += &Element("utype", table.utype.as_deref()).to_string();
    if detail == Detail::Max {
        for each in &table.columns {
            out += &column(table, each);
        }
        for key in &table.foreign_keys {
            out += &foreign_key(schema, key);
        }
    }
    out
}

fn column(table: &TableDef, column: &ColumnDef) -> String {
    let kind = VotableType::of_column(column);
    let arraysize = kind.arraysize.attribute();
    let flags = [
        ("indexed", is_indexed(table, column)),
        ("primary", table.primary_key == [column.name.as_str()]),
        ("principal", column.principal),
        ("nullable", column.nullable),
    ];
    let flags: String = flags
        .iter()
        .filter(|(_, set)| *set)
        .map(|(flag, _)| Element("flag", Some(flag)).to_string())
        .collect();
    format!(
        "\n<column std=\"{}\">{}{}{}{}{}<dataType xsi:type=\"vs:VOTableType\"{}{}>{}</dataType>{flags}</column>",
        column.standard,
        Element("name", Some(&identifier::in_query(&column.name))),
        Element("description", Some(column.description.trim())),
        Element("unit", column.unit.as_deref()),
        Element("ucd", column.ucd.as_deref()),
        Element("utype", column.utype.as_deref()),
        Attribute("arraysize", arraysize.as_deref()),
        Attribute("extendedType", kind.xtype.as_deref()),
        Escaped(kind.primitive.as_str()),
    )
}

fn foreign_key(schema: &SchemaDef, key: &ForeignKey) -> String {
    let columns: String = key
        .columns
        .iter()
        .zip(&key.target_columns)
        .map(|(from, target)| {
            format!(
                "<fkColumn>{}{}</fkColumn>",
                Element("fromColumn", Some(&identifier::in_query(from))),
                Element("targetColumn", Some(&identifier::in_query(target))),
            )
        })
        .collect();
    format!(
        "\n<foreignKey>{}{columns}{}</foreignKey>",
        Element("targetTable", Some(&target_of(schema, key))),
        Element("description", Some(key.description.trim())),
    )
}
