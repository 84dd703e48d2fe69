//! A small schema with one table of each kind, and batches for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{
    ColumnDef, Datatype, PositionColumns, SchemaDef, TableDef, TableKind,
};
use almagest_storage::{CatalogStore, Snapshot};
use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use tempfile::TempDir;

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
        default: None,
        number: None,
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
        position: has_position.then(|| PositionColumns {
            ra: "ra".to_owned(),
            dec: "dec".to_owned(),
            epoch: None,
        }),
        id: id.map(str::to_owned),
        time: None,
        n_columns_ever: None,
        columns,
    }
}

/// Object (director), ForcedSource (its child), DiaObject (versioned director), Source
/// (positional), Visit (replicated).
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
        TableDef {
            primary_key: vec!["diaObjectId".to_owned(), "validityStart".to_owned()],
            ..table(
                "DiaObject",
                TableKind::Director,
                Some("diaObjectId"),
                vec![
                    column("diaObjectId", Long, Forbidden),
                    column("validityStart", Double, Forbidden),
                    column("ra", Double, Forbidden),
                    column("dec", Double, Forbidden),
                ],
            )
        },
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

/// Create an empty catalog of [`schema`] in a new folder.
pub fn catalog() -> (TempDir, CatalogStore) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let store = CatalogStore::create(&root, &schema(), Chunking::try_new(1).unwrap()).unwrap();
    (folder, store)
}

/// Names of the data and index files of a catalog, committed or not.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.join("data"), root.join("index")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// Read a column of 64-bit integers of all visible rows, ascending; NULL comes first.
pub fn visible(snapshot: &Snapshot, table: &str, column: &str) -> Vec<Option<i64>> {
    let batches = snapshot.read_region(table, None, Some(&[column]), None).unwrap();
    let mut found: Vec<Option<i64>> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().iter().collect::<Vec<_>>())
        .collect();
    found.sort_unstable();
    found
}

/// Objects at positions (RA, Dec in degrees).
pub fn objects(rows: &[(i64, f64, f64)]) -> RecordBatch {
    batch(vec![
        ("objectId", values::<Int64Array>(rows.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("ra", values::<Float64Array>(rows.iter().map(|row| row.1).collect::<Vec<_>>())),
        ("dec", values::<Float64Array>(rows.iter().map(|row| row.2).collect::<Vec<_>>())),
    ])
}

/// Sources at positions (RA, Dec in degrees).
pub fn sources(rows: &[(i64, f64, f64)]) -> RecordBatch {
    let objects = objects(rows);
    let mut columns = objects.columns().to_vec();
    let id = columns.remove(0);
    batch(vec![("sourceId", id), ("ra", columns.remove(0)), ("dec", columns.remove(0))])
}

/// Forced sources: object, visit.
pub fn forced_sources(rows: &[(Option<i64>, i64)]) -> RecordBatch {
    batch(vec![
        ("objectId", values::<Int64Array>(rows.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("visit", values::<Int64Array>(rows.iter().map(|row| row.1).collect::<Vec<_>>())),
    ])
}

/// Visits in band g.
pub fn visits(ids: &[i64]) -> RecordBatch {
    batch(vec![
        ("visit", values::<Int64Array>(ids.to_vec())),
        ("band", values::<StringArray>(vec!["g"; ids.len()])),
    ])
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
