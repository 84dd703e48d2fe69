//! A backup is the catalog of an instant, copied once, and restored as of any version in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use almagest_ingest::{CompactConfig, Transaction, compact};
use almagest_storage::backup::{BackupConfig, copy::Trust, restore::restore};
use almagest_storage::schema::Alteration;
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Error, Removal};

use crate::sky_tables::{catalog, files, sources, visible, visits};

const NOW: VacuumConfig =
    VacuumConfig { grace: Duration::ZERO, lease_timeout: Duration::from_secs(60) };

/// Add a source and a visit; return the version.
fn commit(store: &CatalogStore, id: i64) -> u64 {
    let mut transaction = Transaction::begin(store).unwrap();
    transaction.append("Source", &sources(&[(id, 10.0, 20.0)])).unwrap();
    transaction.append("Visit", &visits(&[id])).unwrap();
    transaction.commit().unwrap().version
}

fn ids(store: &CatalogStore, version: u64) -> Vec<i64> {
    let snapshot = store.snapshot_at(version).unwrap();
    visible(&snapshot, "Source", "sourceId").into_iter().flatten().collect()
}

fn beside(store: &CatalogStore, name: &str) -> PathBuf {
    store.root().with_file_name(name)
}

fn restored(store: &CatalogStore, name: &str, version: Option<u64>) -> CatalogStore {
    restore(&beside(store, "backup"), &beside(store, name), version).unwrap();
    let restored = CatalogStore::open(&beside(store, name)).unwrap();
    let report = restored.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
    restored
}

#[test]
fn what_is_there_is_not_copied_again_and_any_version_comes_back() {
    let (_folder, store) = catalog();
    let backup = beside(&store, "backup");
    commit(&store, 1);
    commit(&store, 2);
    let first = store.back_up(&backup, BackupConfig::default()).unwrap();
    // Two commits of two tables, each file with its run of ids.
    assert_eq!((first.version, first.n_files, first.n_copied), (2, 8, 8));
    let again = store.back_up(&backup, BackupConfig::default()).unwrap();
    assert_eq!((again.n_files, again.n_copied, again.copied_bytes), (8, 0, 0));

    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("Source", Removal::Ids(vec![1])).unwrap();
    transaction.commit().unwrap();
    commit(&store, 3);
    let rename = Alteration::RenameColumn { column: "sourceId".into(), to: "id".into() };
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.alter_table("Source", rename).unwrap();
    transaction.commit().unwrap();
    store.tag("release", 4, "").unwrap();
    let later = store.back_up(&backup, BackupConfig::default()).unwrap();
    assert_eq!((later.version, later.n_copied), (5, 4));

    let whole = restored(&store, "whole", None);
    assert_eq!(whole.versions().unwrap(), store.versions().unwrap());
    assert_eq!(ids(&whole, 2), [1, 2]);
    assert_eq!(ids(&whole, 4), [2, 3]);
    assert_eq!(visible(&whole.snapshot().unwrap(), "Source", "id"), [Some(2), Some(3)]);
    assert_eq!(whole.find_version("release").unwrap(), 4);
    // Its transactions are in it, and it goes on from there.
    assert_eq!(whole.transactions().unwrap().len(), store.transactions().unwrap().len());

    let past = restored(&store, "past", Some(2));
    assert_eq!(past.newest_version().unwrap(), 2);
    assert_eq!(ids(&past, 2), [1, 2]);
    assert!(past.find_version("release").is_err());
    assert_eq!(files(past.root()).len(), 8, "and not the files of later versions");
    assert_eq!(commit(&past, 9), 3);
    assert_eq!(ids(&past, 3), [1, 2, 9]);
}

#[test]
fn versions_that_vacuum_removed_come_back_from_older_generations() {
    let (_folder, store) = catalog();
    let backup = beside(&store, "backup");
    for id in 1..=3 {
        commit(&store, id);
    }
    store.back_up(&backup, BackupConfig { keep: 2, trust: Trust::Sizes }).unwrap();
    let config = CompactConfig { min_files: 2, ..CompactConfig::default() };
    compact(&store, &config).unwrap();
    store.vacuum(NOW).unwrap();
    assert!(store.snapshot_at(1).is_err());
    let newer = store.back_up(&backup, BackupConfig { keep: 2, trust: Trust::Sizes }).unwrap();
    assert_eq!((newer.version, newer.n_copied, newer.n_removed), (5, 4, 0));
    assert_eq!(ids(&restored(&store, "of_the_older", Some(1)), 1), [1]);
    assert_eq!(ids(&restored(&store, "of_the_newer", Some(5)), 5), [1, 2, 3]);

    // When the older generation goes, so do its files, and the version with them.
    let last = store.back_up(&backup, BackupConfig { keep: 1, trust: Trust::Sizes }).unwrap();
    assert_eq!((last.n_copied, last.n_removed), (0, 12));
    let error = restore(&backup, &beside(&store, "none"), Some(1)).unwrap_err();
    assert!(matches!(error, Error::NotBackedUp { version: 1, .. }), "{error}");
    assert!(!beside(&store, "none").exists());
    assert_eq!(ids(&restored(&store, "last", None), 5), [1, 2, 3]);
}

/// Change a byte in the middle of one file of a folder.
fn damage(folder: &Path) -> PathBuf {
    let table = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let path = fs::read_dir(table).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn damage_is_found_mended_and_never_restored() {
    let (_folder, store) = catalog();
    let backup = beside(&store, "backup");
    commit(&store, 1);
    store.back_up(&backup, BackupConfig::default()).unwrap();
    let path = damage(&backup.join("data"));
    let error = restore(&backup, &beside(&store, "restored"), None).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: checksum mismatch", path.display()));
    assert!(!beside(&store, "restored").exists());
    let mended = store.back_up(&backup, BackupConfig::default()).unwrap();
    assert_eq!((mended.n_copied, mended.n_mended), (1, 1));
    // What the failed restoration has done is taken up.
    assert_eq!(ids(&restored(&store, "restored", None), 1), [1]);
    assert!(!beside(&store, "restored.restoring").exists());

    // A damaged catalog makes no generation, and leaves those there are.
    commit(&store, 2);
    let path = damage(&store.root().join("index"));
    fs::remove_dir_all(backup.join("index")).unwrap();
    let error = store.back_up(&backup, BackupConfig::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: checksum mismatch", path.display()));
    assert_eq!(fs::read_dir(backup.join("generations")).unwrap().count(), 2);
}

#[test]
fn a_backup_is_of_one_catalog_and_made_by_one_process() {
    let (_folder, store) = catalog();
    let (_other_folder, other) = catalog();
    let backup = beside(&store, "backup");
    store.back_up(&backup, BackupConfig::default()).unwrap();
    let error = other.back_up(&backup, BackupConfig::default()).unwrap_err();
    assert!(matches!(error, Error::BackupOfAnother { .. }), "{error}");
    let error = store.back_up(store.root(), BackupConfig::default()).unwrap_err();
    assert!(matches!(error, Error::NotABackup { .. }), "{error}");
    let lock = fs::File::options().append(true).open(backup.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = store.back_up(&backup, BackupConfig::default()).unwrap_err();
    assert!(matches!(error, Error::BackupBusy { .. }), "{error}");
    drop(lock);
    let error = restore(store.root(), &beside(&store, "x"), None).unwrap_err();
    assert!(matches!(error, Error::NotABackup { .. }), "{error}");
    let error = restore(&backup, store.root(), None).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

#[test]
fn a_backup_is_whole_while_others_write_compact_and_vacuum() {
    let (_folder, store) = catalog();
    let backup = beside(&store, "backup");
    std::thread::scope(|scope| {
        let root = store.root().to_owned();
        let writer = scope.spawn(move || {
            let store = CatalogStore::open(&root).unwrap();
            let config = CompactConfig { min_files: 2, ..CompactConfig::default() };
            for id in 1..=30 {
                commit(&store, id);
                if id % 3 == 0 {
                    compact(&store, &config).unwrap();
                    store.vacuum(NOW).unwrap();
                }
            }
        });
        let mut n_backups = 0;
        while !writer.is_finished() || n_backups == 0 {
            let config = BackupConfig { keep: 1, trust: Trust::Sizes };
            let report = store.back_up(&backup, config).unwrap();
            let copy = restored(&store, "copy", None);
            let snapshot = copy.snapshot().unwrap();
            assert_eq!(snapshot.version(), report.version);
            let sources = visible(&snapshot, "Source", "sourceId");
            assert_eq!(sources, visible(&snapshot, "Visit", "visit"));
            assert_eq!(sources, (1..=sources.len() as i64).map(Some).collect::<Vec<_>>());
            drop((copy, snapshot));
            fs::remove_dir_all(beside(&store, "copy")).unwrap();
            n_backups += 1;
        }
        writer.join().unwrap();
    });
}
