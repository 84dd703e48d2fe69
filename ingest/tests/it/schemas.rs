//! Real schemas take rows: each table of Almagest's own, and of Rubin's, one row.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use almagest_ingest::{Origin, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey::SURVEY_YAML;
use almagest_storage::schema::{Datatype, SchemaDef, TableDef, felis};
use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};

/// A row of text in which all ids are 1, so that each director exists.
fn row(table: &TableDef) -> RecordBatch {
    let columns = table.columns.iter().map(|column| {
        let value: ArrayRef = match column.datatype {
            Datatype::Binary => new_null_array(&column.datatype.to_arrow(), 1),
            Datatype::Boolean => Arc::new(StringArray::from(vec!["t"])),
            Datatype::Timestamp => Arc::new(StringArray::from(vec!["2026-11-21T08:12:24.5"])),
            _ => Arc::new(StringArray::from(vec!["1"])),
        };
        (column.name.to_uppercase(), value, true)
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn check(schema: &SchemaDef) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let store = CatalogStore::create(&root, schema, Chunking::try_new(0).unwrap()).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    // Children come before their directors, or after them: the order of names is as good as any.
    let mut tables: Vec<_> = schema.tables.iter().collect();
    tables.sort_by_key(|table| &table.name);
    for table in &tables {
        let origin = Origin::new(format!("{}.{}", schema.name, table.name));
        let appended = transaction.append_from(&table.name, &row(table), &origin);
        assert_eq!(appended.map(|report| report.n_rows).map_err(|e| e.to_string()), Ok(1));
    }
    assert_eq!(transaction.commit().unwrap().tables.len(), tables.len());
    let snapshot = store.snapshot().unwrap();
    for table in tables {
        assert_eq!(snapshot.n_rows(&table.name), 1, "{}.{}", schema.name, table.name);
    }
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{}: {report}", schema.name);
}

#[test]
fn the_survey_takes_rows() {
    check(&felis::parse(SURVEY_YAML, &|_| None).unwrap().schema);
}

#[test]
fn rubins_schemas_take_rows() {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data");
    let data = std::env::var_os("ALMAGEST_DATA").map_or_else(|| beside.into(), PathBuf::from);
    for name in ["dp1", "apdb"] {
        let path = data.join("felis").join(format!("{name}.yaml"));
        match fs::read_to_string(&path) {
            Ok(text) => check(&felis::parse(&text, &|_| None).unwrap().schema),
            Err(_) => println!("skipped: {} is absent", path.display()),
        }
    }
}
