//! Queries of older versions: `AS OF VERSION n` and `AS OF TIMESTAMP 't'`.

use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use almagest_engine::{Database, ErrorKind, QueryOptions};
use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use tempfile::TempDir;

use crate::answers::ids;

const SCHEMA: &str = r##"
name: survey
tables:
- name: Star
  "almagest:kind": director
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": starId
  primaryKey: "#Star.starId"
  columns:
  - {name: starId, datatype: long, nullable: false}
  - {name: ra, datatype: double, nullable: false}
  - {name: dec, datatype: double, nullable: false}
"##;

/// A catalog whose version n holds the stars 1 to n.
fn catalog(n_versions: i64) -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
    for id in 1..=n_versions {
        let mut transaction = Transaction::begin(&store).unwrap();
        let place = id as f64;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("starId", Arc::new(Int64Array::from(vec![id]))),
            ("ra", Arc::new(Float64Array::from(vec![place]))),
            ("dec", Arc::new(Float64Array::from(vec![-place]))),
        ];
        transaction.append("Star", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
        transaction.commit().unwrap();
    }
    let database = Database::open(&root).unwrap();
    (folder, database)
}

#[tokio::test]
async fn a_version_is_what_it_was() {
    let (_folder, database) = catalog(3);
    let all = "SELECT starId FROM Star";
    assert_eq!(ids(&database, all).await, [1, 2, 3]);
    for version in 0..=3_i64 {
        let expected: Vec<i64> = (1..=version).collect();
        let query = format!("{all} AS OF VERSION {version}");
        assert_eq!(ids(&database, &query).await, expected);
    }
    let cone = "SELECT starId FROM Star WHERE DISTANCE(ra, dec, 2, -2) < 0.1";
    assert_eq!(ids(&database, &format!("{cone} AS OF VERSION 2")).await, [2]);
    assert_eq!(ids(&database, &format!("{cone} AS OF VERSION 1;")).await, [0_i64; 0]);
    assert_eq!(
        ids(&database, &format!("{all} AS OF TIMESTAMP '2999-01-01T00:00:00'")).await,
        [1, 2, 3]
    );
}

#[tokio::test]
async fn a_version_that_is_not_there_is_the_callers_fault() {
    let (_folder, database) = catalog(1);
    for (clause, message) in [
        ("VERSION 2", "version 2 does not exist, the newest is 1"),
        ("TIMESTAMP '1999-01-01'", "the catalog did not exist at 1999-01-01"),
        ("TIMESTAMP 'noon'", "noon is not a time; write it as 2026-01-31T12:00:00 (UTC)"),
    ] {
        let session = database.session().unwrap();
        let query = format!("SELECT starId FROM Star AS OF {clause}");
        let answer = session.query(&query, QueryOptions::default()).await;
        let error = answer.err().expect("an error");
        assert_eq!(error.to_string(), message);
        assert_eq!(error.kind(), ErrorKind::Query);
    }
}

/// Add or drop tables as another process does, behind the back of an open database.
fn change(folder: &TempDir, change: impl FnOnce(&mut Transaction)) {
    let store = CatalogStore::open(&folder.path().join("catalog")).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    change(&mut transaction);
    transaction.commit().unwrap();
}

#[tokio::test]
async fn tables_come_and_go_with_the_versions() {
    let (folder, database) = catalog(1);
    let definitions =
        felis::parse(&SCHEMA.replace("Star", "Comet").replace("star", "comet"), &|_| None);
    let comet = definitions.unwrap().schema.tables;
    change(&folder, |transaction| transaction.add_tables(comet).unwrap());
    change(&folder, |transaction| {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("cometId", Arc::new(Int64Array::from(vec![7]))),
            ("ra", Arc::new(Float64Array::from(vec![1.0]))),
            ("dec", Arc::new(Float64Array::from(vec![2.0]))),
        ];
        transaction.append("Comet", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    });
    let of_comets = "SELECT cometId FROM Comet";
    assert_eq!(ids(&database, of_comets).await, [7]);
    let refreshed = database.refreshed().unwrap().expect("other tables");
    assert!(refreshed.schemas()[0].table("Comet").is_some());
    assert!(refreshed.refreshed().unwrap().is_none());

    change(&folder, |transaction| transaction.drop_table("Comet").unwrap());
    let session = database.session().unwrap();
    let gone = session.query(of_comets, QueryOptions::default()).await.err().expect("an error");
    assert_eq!(gone.to_string(), "line 1, column 21: unknown table Comet");
    for at in ["VERSION 3", "VERSION 2"] {
        let expected: &[i64] = if at == "VERSION 3" { &[7] } else { &[] };
        assert_eq!(ids(&database, &format!("{of_comets} AS OF {at}")).await, expected);
    }
    let early = format!("{of_comets} AS OF VERSION 1");
    let early = session.query(&early, QueryOptions::default()).await.err().expect("an error");
    assert_eq!(early.to_string(), "line 1, column 21: unknown table Comet");
    // Who may not see a table does not see it in any version.
    let restricted = database.restricted(|_, table| table != "Comet").unwrap();
    let hidden = format!("{of_comets} AS OF VERSION 3");
    let session = restricted.session().unwrap();
    let hidden = session.query(&hidden, QueryOptions::default()).await.err().expect("an error");
    assert_eq!(hidden.to_string(), "line 1, column 21: unknown table Comet");
}
