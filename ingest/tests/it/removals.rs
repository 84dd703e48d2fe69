//! Rows are replaced and deleted; older versions keep them, counts are exact.

use std::collections::BTreeMap;

use almagest_ingest::{Error, ErrorKind, Transaction, TransactionConfig};
use almagest_storage::data_file::RangeValue;
use almagest_storage::sphgeom::{Cone, Region};
use almagest_storage::version::{ChunkDiff, DefinitionChange, TableChange};
use almagest_storage::{CatalogStore, Removal, Snapshot};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use crate::sky_tables::{catalog, forced_sources, objects, sources, visible, visits};

fn append(store: &CatalogStore, ids: std::ops::Range<i64>) -> u64 {
    let rows: Vec<_> = ids.map(|id| (id, (id * 7 % 360) as f64, (id % 90) as f64)).collect();
    let mut transaction = Transaction::begin(store).unwrap();
    transaction.append("Source", &sources(&rows)).unwrap();
    transaction.commit().unwrap().version
}

fn source_ids(snapshot: &Snapshot) -> Vec<i64> {
    visible(snapshot, "Source", "sourceId").into_iter().flatten().collect()
}

fn remove(store: &CatalogStore, table: &str, removal: Removal) -> Result<u64, Error> {
    let mut transaction = Transaction::begin(store)?;
    transaction.remove(table, removal)?;
    Ok(transaction.commit()?.removed.values().sum())
}

#[test]
fn deleted_rows_are_gone_from_every_reader_and_still_there_before() {
    let (_folder, store) = catalog();
    append(&store, 0..1000);
    append(&store, 1000..1010);
    let ids = [3, 4, 5, 700, 1003, 77_777].to_vec();
    assert_eq!(remove(&store, "source", Removal::Ids(ids)).unwrap(), 5);
    let is_left = |id: &i64| ![3, 4, 5, 700, 1003].contains(id);
    let expected: Vec<i64> = (0..1010).filter(is_left).collect();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(source_ids(&snapshot), expected);
    assert_eq!(snapshot.n_rows("Source"), 1005);
    assert_eq!(source_ids(&store.snapshot_at(2).unwrap()), (0..1010).collect::<Vec<_>>());
    let place = |snapshot: &Snapshot, id| snapshot.look_up_ids("Source", &[id]).unwrap().len();
    assert_eq!([3, 6].map(|id| place(&snapshot, id)), [0, 1], "the id index knows it");

    let cone = Region::Cone(Cone::closed_deg(21.0, 3.0, 30.0));
    let batches = snapshot.read_region("Source", Some(&cone), Some(&["sourceId"]), None).unwrap();
    let n_in_cone: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let inside = |id: &&i64| cone.contains_lonlat_deg((*id * 7 % 360) as f64, (*id % 90) as f64);
    assert_eq!(n_in_cone, expected.iter().filter(inside).count());
    assert!(n_in_cone > 10);

    assert_eq!(remove(&store, "Source", Removal::Ids((0..5000).collect())).unwrap(), 1005);
    assert_eq!(store.snapshot().unwrap().data_files("Source").len(), 0, "empty files go");
    assert_eq!(remove(&store, "Source", Removal::Ids(vec![3])).unwrap(), 0);
    assert_eq!(store.newest_version().unwrap(), 4, "nothing to remove makes no version");
    assert_eq!(append(&store, 0..10), 5, "their ids are free");
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.n_rows == 10, "{report}");
}

#[test]
fn a_visit_that_is_processed_again_replaces_its_rows_in_one_version() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    let rows: Vec<_> = (1..=50).map(|id| (id, id as f64, 0.5)).collect();
    transaction.append("Object", &objects(&rows)).unwrap();
    for visit in [7, 8] {
        transaction.append("Visit", &visits(&[visit])).unwrap();
        let rows: Vec<_> = (1..=50).map(|id| (Some(id), visit)).collect();
        transaction.append("ForcedSource", &forced_sources(&rows)).unwrap();
    }
    transaction.commit().unwrap();
    let before = store.snapshot().unwrap();

    let config = TransactionConfig { author: "pipeline".to_owned(), ..Default::default() };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    transaction.remove("Visit", Removal::data_id("visit", 7)).unwrap();
    let text = Removal::DataId(vec![
        ("visit".to_owned(), RangeValue::Integer(7)),
        ("objectId".to_owned(), RangeValue::Integer(1)),
    ]);
    transaction.remove("ForcedSource", text).unwrap();
    transaction.remove("ForcedSource", Removal::data_id("visit", 7)).unwrap();
    transaction.append("Visit", &visits(&[7])).unwrap();
    transaction.append("ForcedSource", &forced_sources(&[(Some(1), 7), (Some(2), 7)])).unwrap();
    let report = transaction.commit_as("visit 7 again").unwrap();
    assert_eq!(
        report.removed,
        BTreeMap::from([("ForcedSource".to_owned(), 50), ("Visit".to_owned(), 1)])
    );
    let after = store.snapshot().unwrap();
    assert_eq!(visible(&after, "Visit", "visit"), [Some(7), Some(8)]);
    let of_7 = |snapshot| {
        visible(snapshot, "ForcedSource", "visit").iter().filter(|v| **v == Some(7)).count()
    };
    assert_eq!((of_7(&before), of_7(&after), after.n_rows("ForcedSource")), (50, 2, 52));

    let versions = store.versions().unwrap();
    let last = versions.last().unwrap();
    assert_eq!((last.author.as_str(), last.message.as_str()), ("pipeline", "visit 7 again"));
    let change = |table: &str, added, removed| TableChange {
        table: table.to_owned(),
        rows_added: added,
        rows_removed: removed,
        files_added: 1,
        ..TableChange::default()
    };
    assert_eq!(last.changes, [change("ForcedSource", 2, 50), change("Visit", 1, 1)]);

    let diff = store.diff(1, 2).unwrap();
    assert_eq!(
        diff.iter().map(|d| d.table.as_str()).collect::<Vec<_>>(),
        ["ForcedSource", "Visit"]
    );
    let total = |diff: &BTreeMap<_, ChunkDiff>| {
        diff.values().fold((0, 0), |(a, r), d| (a + d.rows_added, r + d.rows_removed))
    };
    assert_eq!(total(&diff[0].chunks), (2, 50));
    assert!(diff[0].chunks.len() > 1);
    assert_eq!((diff[0].rows_before, diff[0].rows_after), (100, 52));
    assert_eq!(total(&store.diff(2, 1).unwrap()[0].chunks), (50, 2));
    assert!(store.diff(2, 2).unwrap().is_empty());
    assert_eq!(store.diff(0, 1).unwrap()[0].definition, None::<DefinitionChange>);
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn two_commits_that_remove_the_same_rows_conflict_and_others_do_not() {
    let (_folder, store) = catalog();
    append(&store, 0..100);
    let file = store.snapshot().unwrap().data_files("Source")[0].file_id;
    let rows = |rows: &[u32]| Removal::Rows([(file, rows.iter().copied().collect())].into());
    let (mut a, mut b, mut c) = {
        let begin = || Transaction::begin(&store).unwrap();
        (begin(), begin(), begin())
    };
    a.remove("Source", rows(&[1, 2])).unwrap();
    b.remove("Source", rows(&[2, 3])).unwrap();
    c.remove("Source", rows(&[4])).unwrap();
    a.commit().unwrap();
    let refusal = b.commit().unwrap_err();
    assert_eq!(refusal.to_string(), "conflict: rows of Source were removed by another commit");
    assert_eq!(refusal.kind(), ErrorKind::Conflict);
    c.commit().unwrap();
    assert_eq!(store.snapshot().unwrap().n_rows("Source"), 97);
    let refusal = remove(&store, "Source", rows(&[100])).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        format!("Source: data file {file} has no such rows, or they are deleted already")
    );
    let refusal = remove(&store, "Source", Removal::data_id("vist", 1)).unwrap_err();
    assert_eq!(refusal.to_string(), "table Source has no column vist");
    assert_eq!(refusal.kind(), ErrorKind::Input);
}

#[test]
fn of_two_that_replace_one_visit_the_second_may_try_again() {
    let (_folder, store) = catalog();
    append(&store, 0..10);
    let snapshot = store.snapshot().unwrap();
    let base = snapshot.version();
    let batch = snapshot.read_region("Source", None, None, None).unwrap()[0].slice(0, 1);
    let id = batch.column(0).as_primitive::<Int64Type>().value(0);
    let deleted = snapshot.find_rows("Source", &Removal::Ids(vec![id])).unwrap();
    let replace = || {
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.remove("Source", Removal::Ids(vec![id])).unwrap();
        transaction.append("Source", &sources(&[(id, 1.0, 1.0)])).unwrap();
        transaction.commit()
    };
    replace().unwrap();
    // The same, decided on the version before: a conflict, not a duplicate id.
    let table = snapshot.table("Source").unwrap();
    let rows = almagest_storage::PlacedRows {
        batch,
        places: snapshot.look_up_ids("Source", &[id]).unwrap().into_values().collect(),
    };
    let added = store.write_data_files(table, rows).unwrap();
    let plan = almagest_storage::CommitPlan { added, deleted, ..Default::default() };
    let refusal = store.commit(base, plan).unwrap_err();
    assert!(matches!(refusal, almagest_storage::Error::Conflict { .. }), "{refusal}");
    replace().unwrap();
    assert_eq!(source_ids(&store.snapshot().unwrap()), (0..10).collect::<Vec<_>>());
}

#[test]
fn versions_are_tagged_and_found() {
    let (_folder, store) = catalog();
    append(&store, 0..10);
    append(&store, 10..20);
    store.tag("dr1", 1, "first release").unwrap();
    assert_eq!(store.find_version("dr1").unwrap(), 1);
    assert_eq!(store.find_version("2").unwrap(), 2);
    assert_eq!(store.find_version("2999-01-01").unwrap(), 2);
    assert_eq!(store.versions().unwrap()[1].tags, ["dr1"]);
    let message = |result: Result<(), almagest_storage::Error>| result.unwrap_err().to_string();
    assert_eq!(message(store.tag("dr1", 2, "")), "version 1 is tagged dr1 already");
    assert_eq!(message(store.tag("dr2", 9, "")), "version 9 does not exist, the newest is 2");
    assert_eq!(message(store.find_version("dr9").map(drop)), "no version is tagged dr9");
    assert!(message(store.tag("12", 1, "")).starts_with("tag \"12\": a tag has"));
    store.remove_tag("dr1").unwrap();
    assert_eq!(message(store.remove_tag("dr1")), "no version is tagged dr1");
}

#[test]
fn rows_whose_directors_another_commit_removed_are_refused() {
    let (_folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Object", &objects(&[(1, 10.0, 5.0), (2, 20.0, 5.0)])).unwrap();
    transaction.commit().unwrap();
    let begin = || {
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("ForcedSource", &forced_sources(&[(Some(1), 7)])).unwrap();
        transaction
    };
    let late = begin();
    remove(&store, "Object", Removal::Ids(vec![1])).unwrap();
    let refused = late.commit().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("rows of Object were removed"), "{refused}");
    // Tried again, they have no director.
    let mut again = Transaction::begin(&store).unwrap();
    again.append("ForcedSource", &forced_sources(&[(Some(1), 7)])).unwrap();
    assert!(matches!(again.commit(), Err(Error::UnknownDirector { .. })));
    assert_eq!(store.snapshot().unwrap().n_rows("ForcedSource"), 0);
    let mut other = Transaction::begin(&store).unwrap();
    other.append("ForcedSource", &forced_sources(&[(Some(2), 7)])).unwrap();
    other.commit().unwrap();
}
