//! Rows land in the chunk where queries will look for them.

use std::collections::{BTreeMap, BTreeSet};

use almagest_ingest::{Error, ErrorKind, Transaction, TransactionConfig};
use almagest_storage::{CatalogStore, Error as StorageError};
use arrow::array::{Float64Array, Int64Array, RecordBatch};

use crate::sky_tables::{batch, catalog, forced_sources, objects, values, visible};

/// Chunks of the newest file of a table.
fn chunks(store: &CatalogStore, table: &str) -> BTreeSet<u64> {
    let snapshot = store.snapshot().unwrap();
    let file = snapshot.data_files(table).last().unwrap();
    file.footprints.iter().map(|footprint| footprint.chunk.get()).collect()
}

fn chunk_at(store: &CatalogStore, ra: f64, dec: f64) -> BTreeSet<u64> {
    [store.chunking().chunk_of(ra, dec).unwrap().get()].into()
}

fn commit(store: &CatalogStore, appends: &[(&str, RecordBatch)]) -> Result<(), Error> {
    let mut transaction = Transaction::begin(store)?;
    for (table, rows) in appends {
        transaction.append(table, rows)?;
    }
    transaction.commit().map(|_| ())
}

fn dia_objects(rows: &[(i64, f64, f64, f64)]) -> RecordBatch {
    let column = |of: fn(&(i64, f64, f64, f64)) -> f64| {
        values::<Float64Array>(rows.iter().map(of).collect::<Vec<_>>())
    };
    batch(vec![
        ("diaObjectId", values::<Int64Array>(rows.iter().map(|row| row.0).collect::<Vec<_>>())),
        ("validityStart", column(|row| row.1)),
        ("ra", column(|row| row.2)),
        ("dec", column(|row| row.3)),
    ])
}

/// Forced sources with a position of their own, far from any object.
fn measured(object: Option<i64>, ra: Option<f64>, dec: f64) -> RecordBatch {
    batch(vec![
        ("objectId", values::<Int64Array>(vec![object])),
        ("visit", values::<Int64Array>(vec![1])),
        ("ra", values::<Float64Array>(vec![ra])),
        ("dec", values::<Float64Array>(vec![dec])),
    ])
}

#[test]
fn children_live_with_their_director() {
    let (_folder, store) = catalog();
    let here = chunk_at(&store, 40.0, -30.0);
    // In the same transaction, after it.
    let object = ("Object", objects(&[(1, 40.0, -30.0)]));
    commit(&store, &[object, ("ForcedSource", measured(Some(1), Some(200.0), 50.0))]).unwrap();
    assert_eq!(chunks(&store, "ForcedSource"), here);
    // In a later one.
    commit(&store, &[("ForcedSource", measured(Some(1), Some(200.0), 50.0))]).unwrap();
    assert_eq!(chunks(&store, "ForcedSource"), here);
    // In the same transaction, before it.
    let forced = ("ForcedSource", forced_sources(&[(Some(2), 1), (Some(1), 2), (Some(2), 3)]));
    commit(&store, &[forced, ("Object", objects(&[(2, 220.0, 10.0)]))]).unwrap();
    let both = here.union(&chunk_at(&store, 220.0, 10.0)).copied().collect();
    assert_eq!(chunks(&store, "ForcedSource"), both);
    assert_eq!(store.snapshot().unwrap().n_rows("ForcedSource"), 5);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn children_of_nobody_live_where_they_are() {
    let (_folder, store) = catalog();
    for nobody in [None, Some(0)] {
        commit(&store, &[("ForcedSource", measured(nobody, Some(200.0), 50.0))]).unwrap();
        assert_eq!(chunks(&store, "ForcedSource"), chunk_at(&store, 200.0, 50.0));
    }
    let error = commit(&store, &[("ForcedSource", measured(Some(0), None, 50.0))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of ForcedSource: row 1: a row of ForcedSource without objectId needs a position of \
         its own"
    );
}

#[test]
fn no_director_has_the_id_that_means_none() {
    let (_folder, store) = catalog();
    let error = commit(&store, &[("Object", objects(&[(0, 1.0, 1.0)]))]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of Object: row 1, column objectId: 0 means no row and cannot be an id"
    );
}

#[test]
fn unknown_directors_are_named() {
    let (_folder, store) = catalog();
    let rows: Vec<_> = (0..20).map(|row| (Some(row / 2 + 1), row)).collect();
    let object = ("Object", objects(&[(1, 40.0, -30.0), (3, 40.0, -30.0)]));
    let error = commit(&store, &[("ForcedSource", forced_sources(&rows)), object]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of ForcedSource: row 3: no Object has objectId 2, 4, 5, 6, 7, and 3 more"
    );
    assert_eq!(store.snapshot().unwrap().version(), 0);
}

#[test]
fn directors_that_others_commit_meanwhile_are_found() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("ForcedSource", &forced_sources(&[(Some(1), 1)])).unwrap();
    commit(&store, &[("Object", objects(&[(1, 40.0, -30.0)]))]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(chunks(&store, "ForcedSource"), chunk_at(&store, 40.0, -30.0));
}

#[test]
fn waiting_children_survive_a_full_buffer() {
    let (_folder, store) = catalog();
    let config = TransactionConfig { buffer_bytes: 1, ..TransactionConfig::default() };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    for visit in 0..5 {
        let rows = [(Some(1), visit), (Some(2), visit)];
        transaction.append("ForcedSource", &forced_sources(&rows)).unwrap();
        let object = objects(&[(visit + 10, 1.0, 1.0)]);
        transaction.append("Object", &object).unwrap();
        if visit == 2 {
            transaction.append("Object", &objects(&[(2, 40.0, -30.0)])).unwrap();
        }
    }
    transaction.append("Object", &objects(&[(1, 40.0, -30.0)])).unwrap();
    transaction.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let expected: Vec<_> = (0..10).map(|row| Some(row / 5 + 1)).collect();
    assert_eq!(visible(&snapshot, "ForcedSource", "objectId"), expected);
    assert_eq!(chunks(&store, "ForcedSource"), chunk_at(&store, 40.0, -30.0));
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn children_of_directors_in_files_are_looked_up_together() {
    let (_folder, store) = catalog();
    let place = |id: i64| (id, (id * 37 % 360) as f64, (id * 11 % 160) as f64 - 80.0);
    let directors = |ids: std::ops::Range<i64>| objects(&ids.map(place).collect::<Vec<_>>());
    commit(&store, &[("Object", directors(1..40))]).unwrap();
    let config = TransactionConfig { buffer_bytes: 3000, kept_places: 7, ..Default::default() };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    for ids in [40..60, 60..80] {
        transaction.append("Object", &directors(ids)).unwrap();
    }
    for visit in 0..10 {
        let rows: Vec<_> = (1..80).map(|id| (Some(id * 30 % 79 + 1), visit)).collect();
        transaction.append("ForcedSource", &forced_sources(&rows)).unwrap();
    }
    transaction.commit().unwrap();
    let mut expected = BTreeMap::new();
    for (_, ra, dec) in (1..80).map(place) {
        *expected.entry(store.chunking().chunk_of(ra, dec).unwrap().get()).or_insert(0) += 10;
    }
    let mut n_rows = BTreeMap::new();
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.data_files("ForcedSource").len() > 1);
    for footprint in snapshot.data_files("ForcedSource").iter().flat_map(|file| &file.footprints) {
        *n_rows.entry(footprint.chunk.get()).or_insert(0) += footprint.n_rows;
    }
    assert_eq!(n_rows, expected);
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("ForcedSource", &forced_sources(&[(Some(1), 90), (Some(99), 90)])).unwrap();
    let error = transaction.commit().unwrap_err();
    assert!(error.to_string().contains("no Object has objectId 99"), "{error}");
}

#[test]
fn a_first_place_in_a_file_conflicts_too() {
    let (_folder, store) = catalog();
    let config = TransactionConfig { buffer_bytes: 1, ..TransactionConfig::default() };
    let mut slower = Transaction::begin_with(&store, config).unwrap();
    slower.append("DiaObject", &dia_objects(&[(1, 60_001.0, 100.0, 60.0)])).unwrap();
    assert!(!crate::sky_tables::files(store.root()).is_empty());
    commit(&store, &[("DiaObject", dia_objects(&[(1, 60_000.0, 40.0, -30.0)]))]).unwrap();
    let error = slower.commit().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
}

#[test]
fn a_versioned_director_stays_where_it_was_first() {
    let (_folder, store) = catalog();
    let here = chunk_at(&store, 40.0, -30.0);
    let first = dia_objects(&[(1, 60_000.0, 40.0, -30.0), (1, 60_001.0, 100.0, 60.0)]);
    commit(&store, &[("DiaObject", first)]).unwrap();
    assert_eq!(chunks(&store, "DiaObject"), here);
    commit(&store, &[("DiaObject", dia_objects(&[(1, 60_002.0, 200.0, 0.0)]))]).unwrap();
    assert_eq!(chunks(&store, "DiaObject"), here);
    assert_eq!(store.snapshot().unwrap().n_rows("DiaObject"), 3);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn two_first_places_of_a_versioned_director_conflict() {
    let (_folder, store) = catalog();
    let mut slower = Transaction::begin(&store).unwrap();
    slower.append("DiaObject", &dia_objects(&[(1, 60_001.0, 100.0, 60.0)])).unwrap();
    commit(&store, &[("DiaObject", dia_objects(&[(1, 60_000.0, 40.0, -30.0)]))]).unwrap();
    let error = slower.commit().unwrap_err();
    assert!(matches!(error, Error::Storage(StorageError::Conflict { .. })), "{error}");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // Tried anew, it finds the place that the other froze.
    commit(&store, &[("DiaObject", dia_objects(&[(1, 60_001.0, 100.0, 60.0)]))]).unwrap();
    assert_eq!(chunks(&store, "DiaObject"), chunk_at(&store, 40.0, -30.0));
}
