//! Yesterday's catalogs open today: each folder of `tests/data` is a catalog of an older format,
//! written by the program of its time.

use std::fs;
use std::path::Path;

use almagest_storage::CatalogStore;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Two rows of Star in version 1, one of Night in version 2, one of Star in version 3.
#[test]
fn format_1_opens_with_all_its_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("c");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format_1"), &root);
    for opening in 0..2 {
        let store = CatalogStore::open(&root).unwrap();
        assert_eq!((store.name(), store.newest_version().unwrap()), ("old", 3), "{opening}");
        let report = store.check().unwrap();
        assert!(report.is_clean() && report.n_rows == 4, "{report}");
        let rows = |version| {
            let snapshot = store.snapshot_at(version).unwrap();
            (snapshot.n_rows("Star"), snapshot.n_rows("Night"))
        };
        assert_eq!([0, 1, 2, 3].map(rows), [(0, 0), (2, 0), (2, 1), (3, 1)]);
        let changes: Vec<Vec<(String, u64)>> = store
            .versions()
            .unwrap()
            .into_iter()
            .map(|version| {
                let change = |change: almagest_storage::version::TableChange| {
                    (change.table, change.rows_added)
                };
                version.changes.into_iter().map(change).collect()
            })
            .collect();
        let one = |table: &str, n_rows| vec![(table.to_owned(), n_rows)];
        assert_eq!(changes, [vec![], one("Star", 2), one("Night", 1), one("Star", 1)]);
        let places = store.snapshot().unwrap().look_up_ids("Star", &[1, 3, 9]).unwrap();
        assert_eq!(places.len(), 2);
    }
}

/// The same rows; version 1 has a tag, version 2 an author. Its log of transactions is there too.
#[test]
fn format_2_opens_with_all_its_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("c");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format_2"), &root);
    for opening in 0..2 {
        let store = CatalogStore::open(&root).unwrap();
        assert_eq!((store.name(), store.newest_version().unwrap()), ("old", 3), "{opening}");
        let report = store.check().unwrap();
        assert!(report.is_clean() && report.n_rows == 4, "{report}");
        let snapshot = store.snapshot().unwrap();
        for table in ["Star", "Night"] {
            assert_eq!(snapshot.table_since(table), Some(0));
            assert_eq!(snapshot.table_defined_in(table), Some(0));
        }
        assert_eq!(store.snapshot_at(1).unwrap().n_rows("Star"), 2);
        assert_eq!(store.find_version("first").unwrap(), 1);
        assert_eq!(store.versions().unwrap()[2].author, "ada");
        assert_eq!(store.transactions().unwrap().len(), 3);
        assert!(store.all_contributions().unwrap().is_empty());
    }
}

/// The catalog of format 2, with a column added to Star in version 4, and rows after that.
#[test]
fn format_3_opens_with_all_its_versions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("c");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format_3"), &root);
    for opening in 0..2 {
        let store = CatalogStore::open(&root).unwrap();
        assert_eq!((store.name(), store.newest_version().unwrap()), ("old", 6), "{opening}");
        let report = store.check().unwrap();
        assert!(report.is_clean() && report.n_rows == 6, "{report}");
        let snapshot = store.snapshot().unwrap();
        assert_eq!((snapshot.n_rows("Star"), snapshot.n_rows("Night")), (4, 2));
        assert_eq!(snapshot.table_defined_in("Star"), Some(4));
        assert!(snapshot.mounted_from("Star").is_none());
        let mag = snapshot.read_region("Star", None, Some(&["mag"]), None).unwrap();
        assert_eq!(mag.iter().map(|batch| batch.num_rows()).sum::<usize>(), 4);
        assert!(store.snapshot_at(3).unwrap().table("Star").unwrap().column("mag").is_none());
    }
}
