//! What becomes visible, when, and beside what others commit.

use std::thread;

use almagest_ingest::format::ReadOptions;
use almagest_ingest::origin::Origin;
use almagest_ingest::{Error, ErrorKind, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;

use crate::sky_tables::{
    catalog, files, forced_sources, objects, schema, sources, visible, visits,
};

#[test]
fn all_tables_become_visible_in_one_version() {
    let (_folder, store) = catalog();
    let before = store.snapshot().unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("visit", &visits(&[7])).unwrap();
    transaction.append("Source", &sources(&[(1, 10.0, -20.0), (2, 190.0, 20.0)])).unwrap();
    transaction.append("Source", &sources(&[(3, 11.0, -20.0)])).unwrap();
    assert_eq!(visible(&store.snapshot().unwrap(), "Source", "sourceId"), []);

    let report = transaction.commit().unwrap();
    assert_eq!(report.version, before.version() + 1);
    assert_eq!(report.n_rows(), 4);
    assert_eq!(report.tables["Source"].absent_columns["flux"], 3);
    assert_eq!(report.tables.keys().collect::<Vec<_>>(), ["Source", "Visit"]);

    let after = store.snapshot().unwrap();
    assert_eq!(after.version(), report.version);
    assert_eq!(visible(&after, "Source", "sourceId"), [Some(1), Some(2), Some(3)]);
    assert_eq!(visible(&after, "Visit", "visit"), [Some(7)]);
    assert_eq!(after.data_files("Source").len(), 1, "a commit writes one file a table");
    assert_eq!(visible(&before, "Source", "sourceId"), [], "a snapshot does not change");
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn nothing_appended_makes_no_version() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Source", &sources(&[])).unwrap();
    let report = transaction.commit().unwrap();
    assert_eq!(report.version, store.snapshot().unwrap().version());
    assert_eq!(report.version, 0);
    assert!(report.tables.is_empty());
}

#[test]
fn a_full_buffer_goes_to_files_that_go_with_the_transaction() {
    let (_folder, store) = catalog();
    let config = TransactionConfig { buffer_bytes: 1000, ..TransactionConfig::default() };
    let begin = || {
        let mut transaction = Transaction::begin_with(&store, config.clone()).unwrap();
        for id in 0..10 {
            let rows: Vec<_> = (0..20).map(|n| (id * 20 + n, n as f64, n as f64)).collect();
            transaction.append("Source", &sources(&rows)).unwrap();
        }
        assert!(files(store.root()).len() > 2, "files are written before the commit");
        transaction
    };
    begin().abort();
    assert_eq!(files(store.root()), [""; 0].map(std::path::PathBuf::from));
    drop(begin());
    assert!(files(store.root()).is_empty());
    begin().commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let expected: Vec<_> = (0..200).map(Some).collect();
    assert_eq!(visible(&snapshot, "Source", "sourceId"), expected);
    assert!(snapshot.data_files("Source").len() > 1);
    assert!(store.check().unwrap().is_clean());
}

/// Large enough that rows are written while others come.
#[test]
fn rows_that_are_written_meanwhile_are_all_there_or_none() {
    const ROWS: i64 = 60_000;
    let (folder, store) = catalog();
    let config = TransactionConfig { buffer_bytes: 18 << 20, ..TransactionConfig::default() };
    let rows = |first: i64| {
        let place = |n: i64| (n, n.rem_euclid(360) as f64, (n.rem_euclid(179) - 89) as f64);
        sources(&(first..first + ROWS).map(place).collect::<Vec<_>>())
    };
    let begin = || {
        let mut transaction = Transaction::begin_with(&store, config.clone()).unwrap();
        for batch in 0..8 {
            transaction.append("Source", &rows(batch * ROWS)).unwrap();
        }
        transaction
    };
    begin().abort();
    assert!(files(store.root()).is_empty());
    drop(begin());
    assert!(files(store.root()).is_empty());
    let mut dropped = begin();
    dropped.drop_table("Source").unwrap();
    assert!(files(store.root()).is_empty());
    drop(dropped);
    let mut transaction = begin();
    let error = transaction.append("Source", &rows(-ROWS + 1)).unwrap_err();
    assert!(error.to_string().contains("sourceId 0 is already in row 1"), "{error}");
    // A file that is given up takes what was written of it along, and nothing else.
    let file = folder.path().join("given_up.csv");
    let lines = (8 * ROWS..11 * ROWS).map(|id| format!("{id},1.0,1.0\n")).collect::<String>();
    std::fs::write(&file, format!("sourceId,ra,dec\n{lines}7,1.0,1.0\n")).unwrap();
    let error = transaction.append_file("Source", &file, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::RepeatedId { id: 7, .. }), "{error}");
    transaction.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.n_rows("Source"), 8 * ROWS as u64);
    assert!(snapshot.data_files("Source").len() > 2);
    assert_eq!(files(store.root()).len(), 2 * snapshot.data_files("Source").len());
    assert!(store.check().unwrap().is_clean());
}

/// A transaction whose first batches are in files already.
fn written(store: &CatalogStore) -> Transaction {
    let config = TransactionConfig { buffer_bytes: 1000, ..TransactionConfig::default() };
    let mut transaction = Transaction::begin_with(store, config).unwrap();
    for batch in 0..10 {
        let rows: Vec<_> = (0..20).map(|n| (batch + n * 10, n as f64, n as f64)).collect();
        let origin = Origin::new(format!("part {batch}"));
        transaction.append_from("Source", &sources(&rows), &origin).unwrap();
    }
    assert!(files(store.root()).len() > 2);
    transaction
}

#[test]
fn an_id_of_a_row_that_is_written_already_is_refused() {
    let (_folder, store) = catalog();
    let mut transaction = written(&store);
    let again = sources(&[(1000, 1.0, 1.0), (51, 1.0, 1.0), (0, 1.0, 1.0), (1001, 1.0, 1.0)]);
    let error = transaction.append("Source", &again).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rows of Source: row 2: Source sourceId 51 is already in row 6 of part 1, and 1 more"
    );
    transaction.commit().unwrap();
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 200);
}

#[test]
fn an_id_that_the_catalog_has_is_named_with_its_row_though_that_is_written_already() {
    let (_folder, store) = catalog();
    let mut earlier = Transaction::begin(&store).unwrap();
    earlier.append("Source", &sources(&[(43, 1.0, 1.0), (81, 1.0, 1.0), (500, 1.0, 1.0)])).unwrap();
    earlier.commit().unwrap();
    let error = written(&store).commit().unwrap_err();
    let expected = "part 3: row 5: Source sourceId 43 exists already, and 1 more";
    assert_eq!(error.to_string(), expected);
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 3);
}

#[test]
fn ids_of_a_file_that_is_given_up_are_free_again() {
    let (folder, store) = catalog();
    let mut transaction = written(&store);
    let rows = |ids: std::ops::Range<i64>| {
        let lines = ids.map(|id| format!("{id},1.0,1.0\n")).collect::<String>();
        format!("sourceId,ra,dec\n{lines}")
    };
    let file = folder.path().join("new.csv");
    // Its first ids go to files before the last one is refused.
    std::fs::write(&file, rows(1000..30_000) + "51,1.0,1.0\n").unwrap();
    let options = ReadOptions::default();
    let error = transaction.append_file("Source", &file, &options).unwrap_err();
    assert!(matches!(error, Error::RepeatedId { id: 51, .. }), "{error}");
    std::fs::write(&file, rows(1000..30_000)).unwrap();
    transaction.append_file("Source", &file, &options).unwrap();
    let error = transaction.append_file("Source", &file, &options).unwrap_err();
    assert!(error.to_string().contains("sourceId 1000 is already in row 1, and "), "{error}");
    transaction.commit().unwrap();
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 29_200);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn interleaved_transactions_both_stand() {
    let (_folder, store) = catalog();
    let mut first = Transaction::begin(&store).unwrap();
    let mut second = Transaction::begin(&store).unwrap();
    first.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    second.append("Source", &sources(&[(2, 2.0, 2.0)])).unwrap();
    assert_eq!(second.commit().unwrap().version, 1);
    assert_eq!(first.commit().unwrap().version, 2);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(visible(&snapshot, "Source", "sourceId"), [Some(1), Some(2)]);
}

#[test]
fn of_two_that_claim_one_id_the_second_is_refused() {
    let (_folder, store) = catalog();
    let mut first = Transaction::begin(&store).unwrap();
    let mut second = Transaction::begin(&store).unwrap();
    first.append("Visit", &visits(&[1])).unwrap();
    first.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    second.append("Source", &sources(&[(1, 2.0, 2.0), (5, 1.0, 1.0)])).unwrap();
    second.commit().unwrap();
    let before = files(store.root());
    let error = first.commit().unwrap_err();
    assert_eq!(error.to_string(), "rows of Source: row 1: Source sourceId 1 exists already");
    assert!(matches!(error, Error::KnownId { id: 1, .. }));
    assert_eq!(error.kind(), ErrorKind::Input);
    assert_eq!(files(store.root()), before);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.version(), 1);
    assert_eq!(visible(&snapshot, "Visit", "visit"), []);
    assert_eq!(visible(&snapshot, "Source", "sourceId"), [Some(1), Some(5)]);
}

#[test]
fn many_writers_with_own_connections_commit_at_once() {
    const WRITERS: i64 = 4;
    const COMMITS: i64 = 8;
    let (_folder, store) = catalog();
    // All writers race for the visits 0..COMMITS; each visit must be won once, with all its rows.
    let won: i64 = thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let root = store.root();
                scope.spawn(move || {
                    let store = CatalogStore::open(root).unwrap();
                    let mut won = 0;
                    for visit in 0..COMMITS {
                        let mut transaction = Transaction::begin(&store).unwrap();
                        transaction.append("Visit", &visits(&[visit])).unwrap();
                        let id = (visit * WRITERS + writer) * 2;
                        let pair = [(id, 0.5, 0.5), (id + 1, 359.0, -89.0)];
                        transaction.append("Source", &sources(&pair)).unwrap();
                        match transaction.commit() {
                            Ok(_) => won += 1,
                            Err(Error::KnownId { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    won
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(won, COMMITS);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.version(), COMMITS as u64);
    assert_eq!(visible(&snapshot, "Visit", "visit"), (0..COMMITS).map(Some).collect::<Vec<_>>());
    assert_eq!(snapshot.n_rows("Source"), 2 * COMMITS as u64);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn a_refused_batch_changes_nothing() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Object", &objects(&[(1, 1.0, 1.0)])).unwrap();
    let refuse = |transaction: &mut Transaction, table: &str, rows, expected: &str| {
        assert_eq!(transaction.append(table, &rows).unwrap_err().to_string(), expected);
    };
    refuse(
        &mut transaction,
        "Object",
        objects(&[(2, 1.0, 1.0), (3, 1.0, 1.0), (2, 1.0, 1.0)]),
        "rows of Object: row 3: Object objectId 2 is already in row 1",
    );
    refuse(
        &mut transaction,
        "Object",
        objects(&[(4, 1.0, 1.0), (1, 1.0, 1.0)]),
        "rows of Object: row 2: Object objectId 1 is already in row 1",
    );
    refuse(
        &mut transaction,
        "ForcedSource",
        forced_sources(&[(Some(1), 1), (None, 1)]),
        "rows of ForcedSource: row 2: a row of ForcedSource without objectId needs a position of \
         its own",
    );
    // What was refused claims no ids: the same ids may come again.
    transaction.append("Object", &objects(&[(2, 1.0, 1.0), (4, 1.0, 1.0)])).unwrap();
    let report = transaction.commit().unwrap();
    assert_eq!(report.tables.keys().collect::<Vec<_>>(), ["Object"]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(visible(&snapshot, "Object", "objectId"), [Some(1), Some(2), Some(4)]);
    assert_eq!(visible(&snapshot, "ForcedSource", "visit"), []);
    assert_eq!(schema().tables.len(), store.schema().tables.len());
}
