//! A catalog is created, written, published, read back, checked and damaged.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use almagest_storage::chunking::{Chunking, healpix29};
use almagest_storage::schema::{SchemaDef, felis};
use almagest_storage::sphgeom::{Angle, Boundary, Cone, Region, UnitVector};
use almagest_storage::{CatalogStore, CommitPlan, Error, PendingFile, Place, PlacedRows};
use arrow::array::{AsArray, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::Int64Type;

const SCHEMA: &str = r##"
name: test
description: two tables
tables:
  - name: Object
    "@id": "#Object"
    description: positions
    primaryKey: "#Object.objectId"
    "almagest:kind": director
    "almagest:ra": ra
    "almagest:dec": dec
    "almagest:id": objectId
    columns:
      - {name: objectId, "@id": "#Object.objectId", datatype: long, nullable: false, description: id}
      - {name: ra, "@id": "#Object.ra", datatype: double, nullable: false, description: longitude}
      - {name: dec, "@id": "#Object.dec", datatype: double, nullable: false, description: latitude}
  - name: Visit
    "@id": "#Visit"
    description: exposures
    primaryKey: "#Visit.visit"
    "almagest:kind": replicated
    columns:
      - {name: visit, "@id": "#Visit.visit", datatype: long, nullable: false, description: id}
"##;

struct Catalog {
    _folder: tempfile::TempDir,
    store: CatalogStore,
}

fn catalog() -> Catalog {
    let folder = tempfile::tempdir().unwrap();
    let schema: SchemaDef = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let store =
        CatalogStore::create(&folder.path().join("c"), &schema, Chunking::try_new(1).unwrap())
            .unwrap();
    Catalog { _folder: folder, store }
}

/// Positions of a spiral that covers the sphere, poles and RA 0 included.
fn positions(n: usize) -> Vec<(f64, f64)> {
    (0..n)
        .map(|i| {
            let z = 1.0 - 2.0 * i as f64 / (n - 1) as f64;
            ((i as f64 * 137.507_764) % 360.0, z.asin().to_degrees())
        })
        .collect()
}

fn write(store: &CatalogStore, ids: impl Iterator<Item = i64>, at: &[(f64, f64)]) -> PendingFile {
    try_write(store, ids, at).unwrap()
}

fn try_write(
    store: &CatalogStore,
    ids: impl Iterator<Item = i64>,
    at: &[(f64, f64)],
) -> Result<PendingFile, Error> {
    let table = store.table("Object").unwrap();
    let batch = RecordBatch::try_new(
        table.arrow_schema(),
        vec![
            Arc::new(ids.take(at.len()).collect::<Int64Array>()),
            Arc::new(at.iter().map(|p| p.0).collect::<Float64Array>()),
            Arc::new(at.iter().map(|p| p.1).collect::<Float64Array>()),
        ],
    )
    .unwrap();
    let places = at
        .iter()
        .map(|&(ra, dec)| Place {
            key: healpix29(ra, dec).unwrap(),
            chunk: store.chunking().chunk_of(ra, dec).unwrap(),
        })
        .collect();
    let mut files = store.write_data_files(table, PlacedRows { batch, places })?;
    Ok(files.pop().unwrap())
}

fn commit(store: &CatalogStore, added: Vec<PendingFile>) -> Result<u64, Error> {
    let base = store.newest_version().unwrap();
    store.commit(base, CommitPlan { added, message: "test".into(), ..CommitPlan::default() })
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let mut ids: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_is_committed_is_seen_and_nothing_else() {
    let Catalog { store, .. } = &catalog();
    let sky = positions(5000);
    let before = store.snapshot().unwrap();
    let pending = write(store, 0.., &sky);
    assert_eq!(store.snapshot().unwrap().n_rows("Object"), 0);
    assert_eq!(commit(store, vec![pending]).unwrap(), 1);
    assert_eq!(before.n_rows("Object"), 0);
    drop(write(store, 9000.., &sky));

    let snapshot = CatalogStore::open(store.root()).unwrap().snapshot().unwrap();
    assert_eq!((snapshot.version(), snapshot.n_rows("Object")), (1, 5000));
    let all = snapshot.read_region("object", None, Some(&["objectId"]), None).unwrap();
    assert_eq!(ids(&all), (0..5000).collect::<Vec<_>>());
    assert_eq!(store.snapshot_at(0).unwrap().n_rows("Object"), 0);
    assert!(matches!(store.snapshot_at(7), Err(Error::NoSuchVersion { newest: 1, .. })));
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.orphans, Vec::<String>::new());
}

#[test]
fn a_region_gives_the_rows_that_lie_in_it() {
    let Catalog { store, .. } = &catalog();
    let sky = positions(20_000);
    let pending = write(store, 0.., &sky);
    commit(store, vec![pending]).unwrap();
    let snapshot = store.snapshot().unwrap();
    for (lon, lat, radius) in [
        (0.0, 0.0, 3.0),
        (359.9, 89.0, 2.0),
        (10.0, -90.0, 5.0),
        (200.0, 30.0, 120.0),
        (5.0, 5.0, 180.0),
    ] {
        let center = UnitVector::from_lonlat_deg(lon, lat);
        let region = Region::Cone(Cone::new(center, Angle::from_degrees(radius), Boundary::Closed));
        let expected: Vec<i64> = (0..sky.len())
            .filter(|&i| region.contains_lonlat_deg(sky[i].0, sky[i].1))
            .map(|i| i as i64)
            .collect();
        assert!(!expected.is_empty());
        let found =
            snapshot.read_region("Object", Some(&region), Some(&["objectId"]), None).unwrap();
        assert_eq!(ids(&found), expected, "{lon} {lat} {radius}");
    }
}

#[test]
fn ids_lead_to_places() {
    let Catalog { store, .. } = &catalog();
    let sky = positions(3000);
    let (first, second) = (write(store, 0.., &sky), write(store, 10_000.., &sky[..500]));
    commit(store, vec![first]).unwrap();
    commit(store, vec![second]).unwrap();
    let snapshot = store.snapshot().unwrap();
    let found = snapshot.look_up_ids("Object", &[2999, 10_499, 5, 5, 77_777]).unwrap();
    assert_eq!(found.len(), 3);
    assert_eq!(found[&10_499].key, healpix29(sky[499].0, sky[499].1).unwrap());
    let chunk = store.chunking().chunk_of(sky[2999].0, sky[2999].1).unwrap();
    assert_eq!(found[&2999].chunk, chunk);
}

#[test]
fn an_id_is_given_once() {
    let Catalog { store, .. } = &catalog();
    let sky = positions(100);
    let check = |result: Result<u64, Error>, id: i64| match result {
        Err(Error::DuplicateId { id: found, .. }) => assert_eq!(found, id),
        other => panic!("{other:?}"),
    };
    let twice = try_write(store, [7_i64].into_iter().cycle(), &sky).map(|_| 0);
    check(twice, 7);
    check(commit(store, vec![write(store, 0.., &sky), write(store, 99.., &sky)]), 99);
    let pending = write(store, 0.., &sky);
    commit(store, vec![pending]).unwrap();
    // A stale writer, whose base version lacks the ids, is refused as well.
    let stale = CommitPlan { added: vec![write(store, 50.., &sky)], ..Default::default() };
    check(store.commit(0, stale), 50);
    assert_eq!(store.newest_version().unwrap(), 1);
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
}

#[test]
fn removed_files_stay_in_older_versions() {
    let Catalog { store, .. } = &catalog();
    let sky = positions(100);
    let pending = write(store, 0.., &sky);
    commit(store, vec![pending]).unwrap();
    let removed: Vec<i64> =
        store.snapshot().unwrap().data_files("Object").iter().map(|file| file.file_id).collect();
    let replacement = write(store, 0.., &sky[..10]);
    let plan = |added| CommitPlan { added, removed: removed.clone(), ..CommitPlan::default() };
    assert_eq!(store.commit(1, plan(vec![replacement])).unwrap(), 2);
    assert_eq!(store.snapshot().unwrap().n_rows("Object"), 10);
    assert_eq!(store.snapshot_at(1).unwrap().n_rows("Object"), 100);
    assert!(matches!(store.commit(1, plan(vec![])), Err(Error::Conflict { .. })));
}

#[test]
fn check_names_what_is_damaged() {
    let Catalog { store, .. } = &catalog();
    let pending = write(store, 0.., &positions(1000));
    commit(store, vec![pending]).unwrap();
    let snapshot = store.snapshot().unwrap();
    let path: PathBuf = snapshot.path(&snapshot.data_files("Object")[0]);
    let bytes = fs::read(&path).unwrap();
    let check = |damaged: Option<Vec<u8>>, fault: &str| {
        match damaged {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let report = store.check().unwrap();
        assert_eq!(report.problems.len(), 1, "{report}");
        assert!(report.problems[0].contains(fault), "{report}");
    };
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    check(Some(flipped), "checksum mismatch");
    check(Some(bytes[..bytes.len() - 1].to_vec()), "bytes");
    check(None, "file is missing");
}

#[test]
fn folders_that_are_no_catalog() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(CatalogStore::open(folder.path()), Err(Error::NotACatalog { .. })));
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let created = CatalogStore::create(folder.path(), &schema, Chunking::try_new(0).unwrap());
    assert!(matches!(created, Err(Error::AlreadyExists { .. })));
    let Catalog { store, .. } = &catalog();
    let error = store.table("Objct").unwrap_err().to_string();
    assert_eq!(error, "no table Objct in schema test; did you mean Object?");
}
