//! What is sent twice counts once; what fails is sent again; the log tells of all of it.

use std::fs;
use std::time::Duration;

use almagest_ingest::{Contributed, Error, ErrorKind, ReadOptions, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::activity::TransactionState;

use crate::sky_tables::{catalog, files, forced_sources, objects, sources, visible};

#[test]
fn a_contribution_counts_once() {
    let (folder, store) = catalog();
    let path = folder.path().join("s.csv");
    fs::write(&path, "sourceId,ra,dec\n1,10,20\n2,11,21\n").unwrap();
    let options = ReadOptions::default();
    let mut transaction = Transaction::begin(&store).unwrap();
    let sent = transaction.contribute_file("night 1", "source", &path, &options).unwrap();
    assert!(matches!(sent, Contributed::Taken(report) if report.n_rows == 2));
    let again = transaction.contribute_file("night 1", "Source", &path, &options).unwrap();
    assert_eq!(again, Contributed::Known { version: None });
    fs::write(&path, "sourceId,ra,dec\n3,10,20\n").unwrap();
    let refusal = transaction.contribute_file("night 1", "Source", &path, &options).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "contribution night 1: other rows were sent under this key before"
    );
    assert_eq!(refusal.kind(), ErrorKind::Input);
    assert_eq!(transaction.commit().unwrap().n_rows(), 2);

    // The sender did not hear of it, and begins anew.
    fs::write(&path, "sourceId,ra,dec\n1,10,20\n2,11,21\n").unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    let again = transaction.contribute_file("night 1", "Source", &path, &options).unwrap();
    assert_eq!(again, Contributed::Known { version: Some(1) });
    assert_eq!(transaction.commit().unwrap().version, 1);
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 2);
}

#[test]
fn a_failed_contribution_is_tried_again_without_the_others() {
    let (_folder, store) = catalog();
    // Everything is written at once, so that going back has files to remove.
    for buffer_bytes in [10, 1 << 20] {
        let first = store.newest_version().unwrap() as i64 * 10;
        let config = TransactionConfig { buffer_bytes, ..TransactionConfig::default() };
        let mut transaction = Transaction::begin_with(&store, config).unwrap();
        let row = |id: i64| (first + id, 10.0 + id as f64, 20.0);
        // Children wait for a director that the failing contribution brings.
        let children = forced_sources(&[(Some(first + 3), 7)]);
        let key = |name: &str| format!("{name} {first}");
        transaction.contribute(&key("f"), "ForcedSource", "f1", &[children]).unwrap();
        transaction.contribute(&key("a"), "Source", "a1", &[sources(&[row(1)])]).unwrap();
        let n_files = files(store.root()).len();
        let bad = [objects(&[row(3), row(4)]), objects(&[(first + 5, 1.0, 91.0)])];
        let refusal = transaction.contribute(&key("b"), "Object", "b1", &bad).unwrap_err();
        assert!(
            refusal
                .to_string()
                .ends_with("row 3, column dec: declination 91 lies outside -90 to 90 degrees"),
            "{refusal}"
        );
        assert_eq!(files(store.root()).len(), n_files);
        let good = [objects(&[row(3), row(4)]), objects(&[row(5)])];
        let sent = transaction.contribute(&key("b"), "Object", "b2", &good).unwrap();
        assert!(matches!(sent, Contributed::Taken(report) if report.n_rows == 3));

        let logged = store.contributions(transaction.id()).unwrap();
        let logged: Vec<_> =
            logged.iter().map(|c| (&c.key[..1], c.n_rows, c.error.is_some())).collect();
        assert_eq!(logged, [("a", 1, false), ("b", 3, false), ("f", 1, false)]);
        assert_eq!(transaction.commit().unwrap().n_rows(), 5);
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(visible(&snapshot, "Object", "objectId").len(), 6);
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
}

#[test]
fn of_two_transactions_with_one_contribution_the_second_is_refused() {
    let (_folder, store) = catalog();
    let mut two = [(); 2].map(|()| Transaction::begin(&store).unwrap());
    // Their ids are the same, too; that the contribution is known is what helps the sender.
    for transaction in &mut two {
        let rows = [sources(&[(1, 1.0, 1.0)])];
        transaction.contribute("night 1", "Source", "same", &rows).unwrap();
    }
    let [first, second] = two;
    second.commit().unwrap();
    let refusal = first.commit().unwrap_err();
    assert_eq!(refusal.to_string(), "conflict: contribution night 1 was committed in version 1");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
}

#[test]
fn the_log_tells_what_became_of_each_transaction() {
    let (_folder, store) = catalog();
    let config = TransactionConfig { author: "me".to_owned(), ..TransactionConfig::default() };
    let begin = || Transaction::begin_with(&store, config.clone()).unwrap();
    let mut good = begin();
    good.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    good.commit_as("first").unwrap();
    begin().abort();
    let mut bad = begin();
    bad.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    let refusal: Error = bad.commit_as("second").unwrap_err();
    let open = begin();

    let other = CatalogStore::open(store.root()).unwrap();
    let log = other.transactions().unwrap();
    let told: Vec<_> = log.iter().map(|t| (t.state, &t.message[..], t.version)).collect();
    use TransactionState::{Aborted, Committed, Open};
    assert_eq!(
        told,
        [
            (Open, "", None),
            (Aborted, "second", None),
            (Aborted, "", None),
            (Committed, "first", Some(1))
        ]
    );
    assert_eq!(log[1].error, Some(refusal.to_string()));
    assert!(log.iter().all(|t| t.author == "me" && t.ended_at.is_some() == (t.state != Open)));

    // A process that does not tell any more that it lives is dead.
    let log = other.transactions_with(Duration::ZERO).unwrap();
    assert_eq!((log[0].state, log[0].error.as_deref()), (Aborted, Some("its process ended")));
    drop(open);
}
