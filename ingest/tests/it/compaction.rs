//! Compaction changes files and no answer; vacuum removes what nobody can ask for.

use std::thread;
use std::time::{Duration, Instant};

use almagest_ingest::{CompactConfig, Compacted, ErrorKind, Transaction, compact};
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::Datatype;
use almagest_storage::vacuum::VacuumConfig;
use almagest_storage::{CatalogStore, Error as StorageError, Removal};

use crate::sky_tables::{
    Null, catalog, column, files, forced_sources, objects, schema, sources, visible, visits,
};

const NOW: VacuumConfig =
    VacuumConfig { grace: Duration::ZERO, lease_timeout: Duration::from_secs(60) };

fn eager() -> CompactConfig {
    CompactConfig { min_files: 2, ..CompactConfig::default() }
}

/// Six visits of 50 objects, in six files a table.
fn fill(store: &CatalogStore) {
    for visit in 0..6 {
        let ids = visit * 50..visit * 50 + 50;
        let rows: Vec<_> =
            ids.clone().map(|id| (id + 1, (id % 360) as f64, (id % 80) as f64)).collect();
        let forced: Vec<_> = ids.map(|id| (Some(id + 1), visit)).collect();
        let mut transaction = Transaction::begin(store).unwrap();
        transaction.append("Visit", &visits(&[visit])).unwrap();
        transaction.append("Object", &objects(&rows)).unwrap();
        transaction.append("Source", &sources(&rows)).unwrap();
        transaction.append("ForcedSource", &forced_sources(&forced)).unwrap();
        transaction.commit().unwrap();
    }
}

fn everything(store: &CatalogStore) -> Vec<Vec<Option<i64>>> {
    let snapshot = store.snapshot().unwrap();
    [("Object", "objectId"), ("ForcedSource", "visit"), ("Source", "sourceId"), ("Visit", "visit")]
        .map(|(table, column)| visible(&snapshot, table, column))
        .to_vec()
}

#[test]
fn small_files_become_one_and_holes_are_closed() {
    let (_folder, store) = catalog();
    fill(&store);
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("ForcedSource", Removal::data_id("visit", 3)).unwrap();
    transaction.remove("Source", Removal::Ids((1..30).collect())).unwrap();
    transaction.commit().unwrap();
    let before = everything(&store);
    let places = store.snapshot().unwrap().look_up_ids("Object", &[7, 299]).unwrap();

    let reports = compact(&store, &eager()).unwrap().tables;
    let tables: Vec<_> = reports.iter().map(|r| (&r.table[..], r.files_before, r.n_rows)).collect();
    assert_eq!(
        tables,
        [("Object", 6, 300), ("ForcedSource", 5, 250), ("Source", 6, 271), ("Visit", 6, 6)]
    );
    assert_eq!(everything(&store), before);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.look_up_ids("Object", &[7, 299]).unwrap(), places);
    for table in ["Object", "ForcedSource", "Source", "Visit"] {
        assert_eq!(snapshot.data_files(table).len(), 1, "{table}");
        assert!(snapshot.data_files(table)[0].deleted.is_none());
    }
    assert_eq!(compact(&store, &eager()).unwrap(), Compacted::default(), "nothing is left to do");
    assert_eq!(store.versions().unwrap().last().unwrap().message, "compact Visit: 6 files to 1");
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn a_small_target_parts_files_between_chunks() {
    let (_folder, store) = catalog();
    fill(&store);
    let before = everything(&store);
    let config = CompactConfig { target_bytes: 6000, ..eager() };
    let reports = compact(&store, &config).unwrap().tables;
    assert!(reports.iter().any(|report| report.files_after > 1), "{reports:?}");
    assert_eq!(compact(&store, &config).unwrap(), Compacted::default(), "nothing is left to do");
    assert_eq!(everything(&store), before);
    let snapshot = store.snapshot().unwrap();
    let mut chunks: Vec<_> = snapshot
        .data_files("Source")
        .iter()
        .flat_map(|file| file.footprints.iter().map(|footprint| footprint.chunk))
        .collect();
    let n_chunks = chunks.len();
    chunks.sort_unstable();
    chunks.dedup();
    assert_eq!(chunks.len(), n_chunks, "a chunk is in one file");
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn vacuum_keeps_what_readers_tags_and_the_grace_period_need() {
    let (_folder, store) = catalog();
    fill(&store);
    store.tag("dr1", 2, "").unwrap();
    let other = CatalogStore::open(store.root()).unwrap();
    let reader = other.snapshot_at(4).unwrap();
    compact(&store, &eager()).unwrap();
    let n_files = files(store.root()).len();

    let report = store.vacuum(VacuumConfig::default()).unwrap();
    assert_eq!((report.n_data_files, report.oldest_version), (0, 0), "all is younger than a day");
    assert_eq!(files(store.root()).len(), n_files);

    let report = store.vacuum(NOW).unwrap();
    assert_eq!(
        report.n_data_files, 0,
        "the reader sees version 4, and what it has is in all later"
    );
    assert_eq!(report.oldest_version, 10);
    assert_eq!(visible(&reader, "Visit", "visit").len(), 4);
    let gone = store.snapshot_at(4).unwrap_err();
    assert_eq!(
        gone.to_string(),
        "version 4 is no longer kept: those from 10 on are, and those with a tag"
    );
    assert!(matches!(gone, StorageError::VersionGone { .. }));

    drop(reader);
    drop(other);
    let report = store.vacuum(NOW).unwrap();
    // Of each of four tables four files of six: those of the tagged version 2 stay.
    assert_eq!(report.n_data_files, 16);
    assert!(report.size_bytes > 0);
    let kept: Vec<u64> = store
        .versions()
        .unwrap()
        .into_iter()
        .filter(|version| version.is_kept)
        .map(|version| version.version)
        .collect();
    assert_eq!(kept, [2, 10]);
    let tagged = store.snapshot_at(store.find_version("dr1").unwrap()).unwrap();
    assert_eq!(visible(&tagged, "Visit", "visit").len(), 2);
    drop(tagged);
    store.remove_tag("dr1").unwrap();
    assert_eq!(store.vacuum(NOW).unwrap().n_data_files, 8);
    assert_eq!(everything(&store)[3].len(), 6);
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty() && report.n_files == 4, "{report}");
}

#[test]
fn vacuum_removes_orphans_and_leaves_writers_alone() {
    let (_folder, store) = catalog();
    fill(&store);
    let orphan = store.root().join("data/Source/left-by-a-crash.parquet");
    std::fs::write(&orphan, "half").unwrap();
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::open(&orphan).unwrap().set_modified(an_hour_ago).unwrap();
    let config = almagest_ingest::TransactionConfig { buffer_bytes: 10, ..Default::default() };
    let mut writer = Transaction::begin_with(&store, config).unwrap();
    writer.append("Source", &sources(&[(9001, 1.0, 2.0), (9002, 5.0, 6.0)])).unwrap();
    assert_eq!(store.check().unwrap().orphans.len(), 3, "the writer's files are no version's yet");
    let report = store.vacuum(VacuumConfig::default()).unwrap();
    assert_eq!((report.n_orphans, report.n_untouched), (0, 3), "they may be young");
    let other = CatalogStore::open(store.root()).unwrap();
    let report = other.vacuum(NOW).unwrap();
    assert_eq!((report.n_orphans, report.size_bytes, report.n_untouched), (1, 4, 2));
    assert!(report.to_string().contains("2 files of no version left alone"), "{report}");
    assert!(!orphan.exists());
    writer.commit().unwrap();
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 302);
}

#[test]
fn a_commit_to_the_same_files_makes_compaction_begin_anew() {
    let (_folder, store) = catalog();
    fill(&store);
    let file = store.snapshot().unwrap().data_files("Source")[0].file_id;
    // What a compaction would do, with a deletion in between.
    let snapshot = store.snapshot().unwrap();
    let plan = almagest_storage::CommitPlan { removed: vec![file], ..Default::default() };
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("Source", Removal::Ids(vec![1])).unwrap();
    transaction.commit().unwrap();
    let refusal = store.commit(snapshot.version(), plan).unwrap_err();
    assert!(matches!(refusal, StorageError::Conflict { .. }), "{refusal}");
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 299);
}

/// Each store has its own connection and its own leases, as a process of its own would.
#[test]
fn readers_see_whole_versions_while_others_write_compact_and_vacuum() {
    let (_folder, store) = catalog();
    fill(&store);
    // Leases of snapshots that are gone last until the next heartbeat, or vacuum.
    store.vacuum(NOW).unwrap();
    let root = store.root();
    let until = Instant::now() + Duration::from_secs(4);
    let (n_replaced, n_compacted, n_removed, n_read) = thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let store = CatalogStore::open(root).unwrap();
            let mut n = 0;
            while Instant::now() < until {
                let visit = n % 6;
                let mut transaction = Transaction::begin(&store).unwrap();
                for table in ["Visit", "ForcedSource"] {
                    transaction.remove(table, Removal::data_id("visit", visit)).unwrap();
                }
                let forced: Vec<_> = (1..=50 + n).map(|id| (Some(1 + id % 300), visit)).collect();
                transaction.append("Visit", &visits(&[visit])).unwrap();
                transaction.append("ForcedSource", &forced_sources(&forced)).unwrap();
                transaction.append("Source", &sources(&[(10_000 + n, 1.0, 2.0)])).unwrap();
                match transaction.commit() {
                    Ok(_) => n += 1,
                    // A compaction came in between.
                    Err(error) if error.kind() == ErrorKind::Conflict => {}
                    Err(error) => panic!("{error}"),
                }
            }
            n
        });
        let compactor = scope.spawn(move || {
            let store = CatalogStore::open(root).unwrap();
            let mut n = 0;
            while Instant::now() < until {
                n += compact(&store, &eager()).unwrap().tables.len();
                thread::sleep(Duration::from_millis(20));
            }
            n
        });
        let vacuumer = scope.spawn(move || {
            let store = CatalogStore::open(root).unwrap();
            let mut n = 0;
            while Instant::now() < until {
                n += store.vacuum(NOW).unwrap().n_data_files;
                thread::sleep(Duration::from_millis(5));
            }
            n
        });
        let reader = scope.spawn(move || {
            let store = CatalogStore::open(root).unwrap();
            let mut n = 0;
            while Instant::now() < until {
                let snapshot = store.snapshot().unwrap();
                let n_commits = snapshot.n_rows("Source") as i64 - 300;
                thread::sleep(Duration::from_millis(10));
                assert_eq!(visible(&snapshot, "Visit", "visit").len(), 6);
                // Each of the last six commits left 50 rows and as many more as came before it.
                let expected: i64 =
                    (0..6).map(|age| n_commits - 1 - age).map(|n| 50 + n.max(0)).sum();
                let seen = visible(&snapshot, "ForcedSource", "visit");
                assert_eq!(seen.len() as i64, expected, "after {n_commits} commits");
                assert_eq!(snapshot.n_rows("ForcedSource") as i64, expected);
                n += 1;
            }
            n
        });
        let join = |result: thread::Result<_>| result.unwrap();
        (writer.join().unwrap(), join(compactor.join()), join(vacuumer.join()), join(reader.join()))
    });
    println!(
        "{n_replaced} visits replaced, {n_compacted} compactions, {n_removed} files removed, {n_read} reads"
    );
    assert!(n_replaced > 1 && n_compacted > 1 && n_removed > 0 && n_read > 5);
    store.vacuum(NOW).unwrap();
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{report}");
}

/// A footer that is too large to be kept would be read by each query anew.
#[test]
fn rows_of_many_chunks_and_columns_make_several_files() {
    const N_COLUMNS: usize = 560;
    let mut schema = schema();
    let object = &mut schema.tables[0];
    let more = (object.columns.len()..N_COLUMNS)
        .map(|number| column(&format!("flux{number}"), Datatype::Float, Null::Allowed));
    object.columns.extend(more);
    let folder = tempfile::tempdir().unwrap();
    let chunking = Chunking::try_new(0).unwrap();
    let store = CatalogStore::create(&folder.path().join("catalog"), &schema, chunking).unwrap();

    // A row or two for each of the 122 chunks, and each visit's in an order of its own.
    let n_rows = 300;
    let load = |visit: i64| {
        let row = |index: i64| {
            let at = (index * 7919 + visit) % n_rows;
            let sin = 2.0 * (at as f64 + 0.5) / n_rows as f64 - 1.0;
            (1 + visit * n_rows + at, (at as f64 * 222.49) % 360.0, sin.asin().to_degrees())
        };
        let rows: Vec<_> = (0..n_rows).map(row).collect();
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("Object", &objects(&rows)).unwrap();
        transaction.commit().unwrap();
        rows
    };
    let rows: Vec<_> = (0..2).flat_map(load).collect();
    let all_are_there = |n_files: usize| {
        let snapshot = store.snapshot().unwrap();
        let files = snapshot.data_files("Object");
        assert_eq!(files.len(), n_files);
        assert_eq!(files.iter().map(|file| file.n_rows).sum::<u64>(), rows.len() as u64);
        for file in files {
            let n_row_groups: u32 = file.footprints.iter().map(|f| f.n_row_groups).sum();
            assert!(n_row_groups as usize * (N_COLUMNS + 1) <= 64 * 1024, "{n_row_groups}");
            let ids = &file.column_ranges[0];
            assert_eq!((&ids.column[..], ids.null_count), ("objectId", 0));
        }
        let mut ids: Vec<i64> = rows.iter().map(|row| row.0).collect();
        ids.sort_unstable();
        assert_eq!(visible(&snapshot, "Object", "objectId").len(), rows.len());
        assert_eq!(snapshot.look_up_ids("Object", &ids).unwrap().len(), rows.len());
        assert!(store.check().unwrap().is_clean());
    };
    all_are_there(4);
    assert_eq!(compact(&store, &eager()).unwrap().tables[0].files_after, 2);
    all_are_there(2);
    assert_eq!(compact(&store, &eager()).unwrap(), Compacted::default(), "nothing is left to do");
}
