//! Columns are altered, a catalog is backed up, restored, exported and imported, on the command line.

use std::fs;
use std::path::{Path, PathBuf};

use crate::almagest::{Catalog, run, run_well, values};

#[test]
fn a_catalog_is_altered_backed_up_restored_exported_and_imported() {
    let catalog = Catalog::create();
    let root = catalog.root();
    let beside = |name: &str| format!("{root}.{name}");
    let csv = beside("visit.csv");
    fs::write(&csv, "visit,band\n1,r\n").unwrap();
    run_well(&["ingest", &root, "Visit", &csv]);
    let added =
        run_well(&["alter", &root, "visit", "add-column", "tries", "int", "--default", "-2"]);
    assert_eq!(added, "visit: column tries added in version 2\n");
    run_well(&["alter", &root, "Visit", "rename-column", "tries", "attempts"]);
    run_well(&["alter", &root, "Visit", "widen", "attempts", "long", "--author", "ada"]);
    assert_eq!(values(&root, "SELECT visit, attempts FROM Visit"), [["1", "-2"]]);
    assert_eq!(values(&root, "SELECT tries FROM Visit AS OF VERSION 2"), [["-2"]]);
    let refused = run(&["alter", &root, "Visit", "drop-column", "visit"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("cannot be dropped"), "{}", refused.stderr);
    let refused = run(&["alter", &root, "Visit", "add-column", "x", "int", "--default", "many"]);
    assert!(refused.stderr.contains("\"many\" is no value of type int"), "{}", refused.stderr);

    let (backup, restored) = (beside("backup"), beside("restored"));
    assert!(run_well(&["backup", &root, &backup]).contains("version 4, 2 files"));
    assert!(run_well(&["backup", &root, &backup]).contains("of which 0 copied"));
    run_well(&["alter", &root, "Visit", "drop-column", "attempts"]);
    run_well(&["restore", &backup, &restored, "--version", "2"]);
    assert_eq!(values(&restored, "SELECT visit, tries FROM Visit"), [["1", "-2"]]);
    run_well(&["check", &restored]);
    let refused = run(&["restore", &backup, &beside("other"), "--version", "5"]);
    assert!(refused.stderr.contains("version 5 is in no generation"), "{}", refused.stderr);

    let csv = catalog.file("Source.csv").to_str().unwrap().to_owned();
    let schema = beside("stars.yaml");
    fs::write(&csv, "starId,ra,dec,mag\n1,10,20,15.5\n2,200,-30,16\n3,-160,-30.001,17\n").unwrap();
    let (stars, table) = (beside("stars"), "Source");
    run_well(&["create", &stars, "--from", &csv, "--schema", &schema, "--name", "sky"]);
    run_well(&["create", &stars, "--schema", &schema]);
    let ingested = run_well(&["ingest", &stars, table, &csv]);
    assert!(ingested.contains("brought to 0 to 360 degrees (1 row)"), "{ingested}");
    let hats = beside("hats");
    let exported = run_well(&["export", "hats", &stars, &hats, "--table", table]);
    assert!(exported.contains("3 rows of version 1 in 2 tiles"), "{exported}");
    let imported = beside("imported");
    run_well(&["import", "hats", &hats, &imported, "--table", "Star"]);
    let near = "SELECT starId FROM Star WHERE DISTANCE(ra, dec, 200, -30) < 0.01 ORDER BY starId";
    assert_eq!(values(&imported, near), [["2"], ["3"]]);

    // An import that fails leaves nothing where nothing was, and a catalog as it was.
    let tile = tiles(Path::new(&hats)).pop().unwrap();
    fs::write(&tile, "no Parquet").unwrap();
    let other = beside("other");
    assert_eq!(run(&["import", "hats", &hats, &other, "--table", "Star"]).code, Some(1));
    assert!(!Path::new(&other).exists());
    assert_eq!(run(&["import", "hats", &hats, &imported, "--table", "Again"]).code, Some(1));
    assert_eq!(values(&imported, near), [["2"], ["3"]]);
}

/// The files of tiles in a folder.
fn tiles(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let found = entries.flat_map(|path| match path.is_dir() {
        true => tiles(&path),
        false => vec![path],
    });
    let is_tile = |path: &PathBuf| path.to_string_lossy().contains("Npix=");
    found.filter(is_tile).collect()
}
