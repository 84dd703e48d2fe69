//! TAP_SCHEMA's own tables, as TAP 1.1 (section 4) defines them.

use almagest_storage::schema::{ColumnDef, Datatype, ForeignKey, SchemaDef, TableDef, TableKind};

use Datatype::{Int, String as Name, Unicode as Prose};

/// Name, type, meaning; a question mark after the name marks a column that may be NULL.
type Row = (&'static str, Datatype, &'static str);

const SCHEMAS: &[Row] = &[
    ("schema_name", Name, "Name of the schema, as queries write it"),
    ("utype?", Name, "Data model that the schema follows"),
    ("description?", Prose, "What the schema holds"),
    ("schema_index?", Int, "Order in which to list the schemas"),
];

const TABLES: &[Row] = &[
    ("schema_name", Name, "Schema that the table belongs to"),
    ("table_name", Name, "Full name of the table, as queries write it"),
    ("table_type", Name, "Either table or view"),
    ("utype?", Name, "Data model element that the table follows"),
    ("description?", Prose, "What a row of the table is"),
    ("table_index?", Int, "Order in which to list the tables of a schema"),
];

const COLUMNS: &[Row] = &[
    ("table_name", Name, "Table that the column belongs to"),
    ("column_name", Name, "Name of the column, as queries write it"),
    ("datatype", Name, "Type of a value, in the words of VOTable"),
    ("arraysize?", Name, "Number of elements of a value, in the words of VOTable"),
    ("xtype?", Name, "Extended type, in the words of DALI"),
    ("size?", Int, "Greatest length of a value; arraysize says the same and more"),
    ("description?", Prose, "What the value means"),
    ("utype?", Name, "Data model element that the column follows"),
    ("unit?", Name, "Unit, in the syntax of VOUnits"),
    ("ucd?", Name, "Unified content descriptor"),
    ("indexed", Int, "1 where conditions on the column are answered by an index, else 0"),
    ("principal", Int, "1 where the column is among the first that a user wants to see, else 0"),
    ("std", Int, "1 where a standard defines the column, else 0"),
    ("column_index?", Int, "Order in which to list the columns of a table"),
];

const KEYS: &[Row] = &[
    ("key_id", Name, "Identifier of the reference"),
    ("from_table", Name, "Table that refers"),
    ("target_table", Name, "Table that is referred to"),
    ("utype?", Name, "Data model element that the reference follows"),
    ("description?", Prose, "What the reference means"),
];

const KEY_COLUMNS: &[Row] = &[
    ("key_id", Name, "Identifier of the reference, from TAP_SCHEMA.keys"),
    ("from_column", Name, "Column of the table that refers"),
    ("target_column", Name, "Column of the table that is referred to"),
];

/// Return the definition of TAP_SCHEMA.
pub fn definition() -> SchemaDef {
    let reference = |table: &str, column: &str, target: &str, name: &str| {
        key(&format!("{table}_{name}"), &[column], target, &[name])
    };
    let tables = vec![
        table("schemas", "The schemas of this service", SCHEMAS, &["schema_name"], vec![]),
        table(
            "tables",
            "The tables of this service",
            TABLES,
            &["table_name"],
            vec![reference("tables", "schema_name", "schemas", "schema_name")],
        ),
        table(
            "columns",
            "The columns of the tables of this service",
            COLUMNS,
            &["table_name", "column_name"],
            vec![reference("columns", "table_name", "tables", "table_name")],
        ),
        table(
            "keys",
            "References from one table to another, along which they can be joined",
            KEYS,
            &["key_id"],
            vec![
                key("keys_from_table", &["from_table"], "tables", &["table_name"]),
                key("keys_target_table", &["target_table"], "tables", &["table_name"]),
            ],
        ),
        table(
            "key_columns",
            "The pairs of columns that make up a reference",
            KEY_COLUMNS,
            &["key_id", "from_column"],
            vec![reference("key_columns", "key_id", "keys", "key_id")],
        ),
    ];
    SchemaDef {
        name: super::NAME.to_owned(),
        description: "What this service holds: its schemas, tables, columns and references"
            .to_owned(),
        version: Some("1.1".to_owned()),
        tables: tables
            .into_iter()
            .enumerate()
            .map(|(index, table)| TableDef { tap_index: Some(index as i64), ..table })
            .collect(),
    }
}

fn table(
    name: &str,
    description: &str,
    rows: &[Row],
    primary_key: &[&str],
    foreign_keys: Vec<ForeignKey>,
) -> TableDef {
    TableDef {
        name: name.to_owned(),
        description: description.to_owned(),
        tap_index: None,
        utype: None,
        columns: rows.iter().enumerate().map(|(index, row)| column(index, row)).collect(),
        primary_key: owned(primary_key),
        foreign_keys,
        kind: TableKind::Replicated,
        position: None,
        id: None,
        time: None,
        n_columns_ever: None,
    }
}

fn column(index: usize, &(name, datatype, description): &Row) -> ColumnDef {
    ColumnDef {
        name: name.trim_end_matches('?').to_owned(),
        datatype,
        length: None,
        nullable: name.ends_with('?'),
        unit: None,
        ucd: None,
        utype: None,
        xtype: None,
        description: description.to_owned(),
        principal: true,
        standard: true,
        column_index: Some(index as i64),
        default: None,
        number: None,
    }
}

fn key(name: &str, columns: &[&str], target: &str, target_columns: &[&str]) -> ForeignKey {
    ForeignKey {
        name: name.to_owned(),
        description: String::new(),
        columns: owned(columns),
        target_table: target.to_owned(),
        target_columns: owned(target_columns),
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}
