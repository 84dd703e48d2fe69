//! Surveys in catalogs: sound, in their chunks, refused where there is one.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use almagest_generate::schema::{TABLES, survey_schema};
use almagest_generate::{Error, SurveyConfig, Width, WriteConfig, generate};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::{ChunkId, Chunking};
use almagest_storage::schema::survey;

use super::columns::{count, longs, read};

#[test]
fn a_catalog_is_sound_and_children_are_with_their_directors() {
    let folder = tempfile::tempdir().unwrap();
    let config = SurveyConfig {
        depth: "20".parse().unwrap(),
        width: Width::Narrow,
        ..SurveyConfig::new(3000, 6)
    };
    let write = WriteConfig { buffer_bytes: 4 << 20, ..WriteConfig::default() };
    let told = RefCell::new(vec![]);
    let report = generate(folder.path(), &config, &write, &|n| told.borrow_mut().push(n)).unwrap();
    assert_eq!(report.versions.len(), 1);
    assert_eq!(told.borrow().last(), Some(&3000));
    assert!(told.borrow().is_sorted());

    let store = CatalogStore::open(folder.path()).unwrap();
    let check = store.check().unwrap();
    assert!(check.is_clean(), "{check}");
    assert!(check.orphans.is_empty());
    assert_eq!(check.n_rows, report.total_rows());
    let snapshot = store.snapshot().unwrap();
    for (table, n_rows) in &report.n_rows {
        assert_eq!(snapshot.n_rows(table), *n_rows, "{table}");
        assert_eq!(count(&read(&snapshot, table)) as u64, *n_rows, "{table}");
    }

    for (director, child, key) in
        [("Object", "ForcedSource", "objectId"), ("DiaObject", "DiaSource", "diaObjectId")]
    {
        // Ids by chunk, of each file alone: a file holds few chunks.
        let ids = |table: &str| {
            let mut ids: HashMap<ChunkId, HashSet<i64>> = HashMap::new();
            for file in snapshot.data_files(table) {
                for chunk in file.footprints.iter().map(|footprint| footprint.chunk) {
                    let rows =
                        snapshot.chunk_reader(table, &[file]).unwrap().read(chunk).unwrap().batch;
                    ids.entry(chunk).or_default().extend(longs(&[rows], key));
                }
            }
            ids
        };
        let directors = ids(director);
        let children = ids(child);
        assert!(children.len() > 100, "{}", children.len());
        for (chunk, ids) in children {
            // An asteroid has no director and lies where it is.
            let here = directors.get(&chunk);
            let is_lost = |id: &i64| *id != 0 && !here.is_some_and(|here| here.contains(id));
            assert_eq!(ids.iter().filter(|id| is_lost(id)).count(), 0, "{child} in {chunk}");
        }
    }
}

#[test]
fn the_widest_object_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let config = SurveyConfig { width: Width::Whole, ..SurveyConfig::new(20, 6) };
    generate(folder.path(), &config, &WriteConfig::default(), &|_| {}).unwrap();
    let store = CatalogStore::open(folder.path()).unwrap();
    assert_eq!(store.table("Object").unwrap().columns.len(), 1248);
    assert!(store.check().unwrap().is_clean());
    let objects = read(&store.snapshot().unwrap(), "Object");
    assert_eq!((count(&objects), objects[0].num_columns()), (20, 1248));
}

#[test]
fn surveys_of_many_objects_come_in_several_versions() {
    let folder = tempfile::tempdir().unwrap();
    let config = SurveyConfig {
        depth: "5".parse().unwrap(),
        width: Width::Narrow,
        ..SurveyConfig::new(2000, 6)
    };
    let write = WriteConfig { commit_objects: 700, batch_rows: 500, ..WriteConfig::default() };
    let report = generate(folder.path(), &config, &write, &|_| {}).unwrap();
    assert_eq!(report.versions.len(), 3);
    let store = CatalogStore::open(folder.path()).unwrap();
    assert!(store.check().unwrap().is_clean());
    assert_eq!(store.snapshot().unwrap().n_rows("Object"), 2000);
}

#[test]
fn tables_join_those_of_a_catalog_but_do_not_mix_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog");
    let mut schema = survey_schema(Width::Narrow).unwrap();
    schema.name = "mine".to_owned();
    // Visits stay, under another name.
    schema.tables.truncate(1);
    schema.tables[0].name = "Pointing".to_owned();
    CatalogStore::create(&path, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let config = SurveyConfig { depth: "5".parse().unwrap(), ..SurveyConfig::new(100, 6) };
    let write = WriteConfig::default();
    generate(&path, &config, &write, &|_| {}).unwrap();
    let store = CatalogStore::open(&path).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.schema().tables.len(), 1 + TABLES.len());
    assert_eq!(snapshot.n_rows("Object"), 100);

    let error = generate(&path, &config, &write, &|_| {}).unwrap_err();
    assert!(matches!(&error, Error::TableExists { table, .. } if table == "Visit"), "{error}");
    let other = folder.path().join("other");
    let shipped = survey::survey_schema().unwrap();
    let store = CatalogStore::create(&other, &shipped, Chunking::try_new(0).unwrap()).unwrap();
    let version = store.newest_version().unwrap();
    let error = generate(&other, &config, &write, &|_| {}).unwrap_err().to_string();
    assert!(error.contains("has a table Visit already"), "{error}");
    // Nothing was done to it.
    assert_eq!(store.newest_version().unwrap(), version);
}

#[test]
fn options_that_make_no_survey_make_no_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog");
    let error = generate(&path, &SurveyConfig::new(0, 1), &WriteConfig::default(), &|_| {});
    assert!(matches!(error, Err(Error::ObjectCount { n_objects: 0 })));
    assert!(!path.exists());
}
