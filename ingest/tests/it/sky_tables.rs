//! A small schema with one table of each kind, and batches for it.

use std::sync::Arc;

use almagest_storage::schema::{
    ColumnDef, Datatype, PositionColumns, SchemaDef, TableDef, TableKind,
};
use arrow::array::{Array, ArrayRef, RecordBatch};

/// May rows lack a value?
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Null {
    Allowed,
    Forbidden,
}

pub fn column(name: &str, datatype: Datatype, null: Null) -> ColumnDef {
    ColumnDef {
        name: name.to_owned(),
        datatype,
        length: None,
        nullable: null == Null::Allowed,
        unit: None,
        ucd: None,
        utype: None,
        xtype: None,
        description: String::new(),
        principal: false,
        standard: false,
        column_index: None,
    }
}

pub fn table(name: &str, kind: TableKind, id: Option<&str>, columns: Vec<ColumnDef>) -> TableDef {
    let has_position = columns.iter().any(|column| column.name == "dec");
    TableDef {
        name: name.to_owned(),
        description: String::new(),
        tap_index: None,
        utype: None,
        primary_key: id.map(str::to_owned).into_iter().collect(),
        foreign_keys: Vec::new(),
        kind,
        position: has_position
            .then(|| PositionColumns { ra: "ra".to_owned(), dec: "dec".to_owned() }),
        id: id.map(str::to_owned),
        time: None,
        columns,
    }
}

/// Object (director), ForcedSource (child), Source (positional), Visit (replicated).
pub fn schema() -> SchemaDef {
    use Datatype::{Double, Float, Long, String};
    use Null::{Allowed, Forbidden};
    let child = |key: &str| TableKind::Child { director: "Object".to_owned(), key: key.to_owned() };
    let tables = vec![
        table(
            "Object",
            TableKind::Director,
            Some("objectId"),
            vec![
                column("objectId", Long, Forbidden),
                column("ra", Double, Forbidden),
                column("dec", Double, Forbidden),
                column("flux", Float, Allowed),
            ],
        ),
        table(
            "ForcedSource",
            child("objectId"),
            None,
            vec![
                column("objectId", Long, Allowed),
                column("visit", Long, Forbidden),
                column("ra", Double, Allowed),
                column("dec", Double, Allowed),
                column("flux", Float, Allowed),
            ],
        ),
        table(
            "Source",
            TableKind::Positional,
            Some("sourceId"),
            vec![
                column("sourceId", Long, Forbidden),
                column("ra", Double, Forbidden),
                column("dec", Double, Forbidden),
                column("flux", Double, Allowed),
            ],
        ),
        table(
            "Visit",
            TableKind::Replicated,
            Some("visit"),
            vec![
                column("visit", Long, Forbidden),
                ColumnDef { length: Some(1), ..column("band", String, Allowed) },
            ],
        ),
    ];
    SchemaDef {
        name: "survey".to_owned(),
        description: std::string::String::new(),
        version: None,
        tables,
    }
}

/// Make a batch of named columns.
pub fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, values)| (name, values, true)),
    )
    .unwrap()
}

/// Make a column of values.
pub fn values<A: Array + 'static>(array: impl Into<A>) -> ArrayRef {
    Arc::new(array.into())
}
