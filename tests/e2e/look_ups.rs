//! Rows by their ids and by those of their directors: found through the id index, they are the same
//! as those that a scan of everything finds.

use std::sync::Arc;

use almagest_engine::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch};
use almagest_engine::{Database, EngineConfig, Pruning, QueryOptions, Session, Upload};
use almagest_ingest::Transaction;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use almagest_storage::{CatalogStore, Removal};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::answers::ids_of;
use crate::scattered::scattered;

/// Some ids that are there and some that are not, as an upload with a column of either width.
fn upload(name: &str, ids: &[i64]) -> Upload {
    let wide: ArrayRef = Arc::new(Int64Array::from(ids.to_vec()));
    let narrow: ArrayRef =
        Arc::new(ids.iter().map(|&id| i32::try_from(id).ok()).collect::<Int32Array>());
    let batch = RecordBatch::try_from_iter([("id", wide), ("short_id", narrow)]).unwrap();
    Upload::try_new(name, &batch.schema(), &[batch], None).unwrap()
}

/// Is a query planned with fewer rows than the table has?
async fn rows_read(session: &Session, adql: &str) -> (u64, u64) {
    let query = session.query(adql, QueryOptions::default()).await.unwrap();
    let rows = query.estimate().unwrap().total(|files| files.rows);
    (rows.read, rows.all)
}

#[tokio::test(flavor = "multi_thread")]
async fn looked_up_or_scanned_rows_are_the_same() {
    let scattered = scattered();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for n_ids in [1, 2, 5, 40] {
        let ids: Vec<i64> = (0..n_ids).map(|_| rng.random_range(1..40_000)).collect();
        let [pruning, all] = [&scattered.pruning, &scattered.reading_all]
            .map(|database| database.session_with(vec![upload("mine", &ids)]).unwrap());
        let list = ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        let mut n_found = 0;
        for query in [
            "SELECT objectId FROM Object WHERE objectId IN ({ids})",
            "SELECT forcedId FROM ForcedSource WHERE objectId IN ({ids})",
            "SELECT sourceId FROM Source WHERE sourceId IN ({ids}) AND dec > 0",
            "SELECT forcedId FROM ForcedSource AS f JOIN TAP_UPLOAD.mine AS m ON m.id = f.objectId",
            "SELECT forcedId FROM TAP_UPLOAD.mine AS m JOIN ForcedSource AS f ON m.short_id = f.objectId
             JOIN Object AS o ON o.objectId = f.objectId",
            "SELECT f.forcedId FROM (SELECT objectId AS o, forcedId FROM ForcedSource WHERE dec < 80) AS f
             LEFT JOIN TAP_UPLOAD.mine AS m ON m.id = f.o WHERE f.forcedId < 300",
            "SELECT m.id FROM TAP_UPLOAD.mine AS m LEFT JOIN Object AS o ON m.id = o.objectId",
            "SELECT m.id FROM TAP_UPLOAD.mine AS m LEFT JOIN Object AS o ON m.id = o.objectId
             WHERE o.objectId IS NULL",
            "SELECT objectId FROM Object WHERE objectId IN (SELECT id FROM TAP_UPLOAD.mine)",
            "SELECT sourceId FROM Source WHERE sourceId NOT IN (SELECT id FROM TAP_UPLOAD.mine)
             AND sourceId < 500",
            "SELECT objectId FROM Object WHERE objectId IN ({ids}) OR dec > 89",
            "SELECT objectId FROM Object WHERE objectId IN ({ids}) AND objectId IN (SELECT id FROM TAP_UPLOAD.mine)",
        ] {
            let query = query.replace("{ids}", &list);
            let found = ids_of(&pruning, &query).await;
            assert_eq!(found, ids_of(&all, &query).await, "{query}");
            n_found += found.len();
        }
        assert!(n_found > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn little_is_read() {
    let session = scattered().pruning.session_with(vec![upload("mine", &[1, 7])]).unwrap();
    for query in [
        "SELECT * FROM Object WHERE objectId = 7",
        "SELECT * FROM Object WHERE objectId IN (7, 8, 9, 10, 11)",
        "SELECT * FROM ForcedSource WHERE objectId = 7",
        "SELECT f.* FROM ForcedSource AS f JOIN TAP_UPLOAD.mine AS m ON m.id = f.objectId",
        "SELECT * FROM Object WHERE objectId IN (SELECT id FROM TAP_UPLOAD.mine)",
    ] {
        let (read, all) = rows_read(&session, query).await;
        assert!(read * 4 < all, "{query}: {read} of {all}");
    }
    let (read, _) = rows_read(&session, "SELECT * FROM Object WHERE objectId = 77777777").await;
    assert_eq!(read, 0);
}

/// A catalog of a director and its children, on both of whose queries the tests look.
fn with_children() -> (tempfile::TempDir, CatalogStore) {
    let folder = tempfile::tempdir().unwrap();
    let schema = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/scattered.yaml");
    let schema = felis::load(&schema).unwrap().schema;
    let chunking = Chunking::try_new(1).unwrap();
    let store = CatalogStore::create(&folder.path().join("catalog"), &schema, chunking).unwrap();
    (folder, store)
}

fn add(store: &CatalogStore, object: Option<(i64, f64, f64)>, children: &[(i64, i64)]) {
    let mut transaction = Transaction::begin(store).unwrap();
    if let Some((id, ra, dec)) = object {
        let columns: [(&str, ArrayRef); 3] = [
            ("objectId", Arc::new(Int64Array::from(vec![id]))),
            ("ra", Arc::new(Float64Array::from(vec![ra]))),
            ("dec", Arc::new(Float64Array::from(vec![dec]))),
        ];
        transaction.append("Object", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    }
    if !children.is_empty() {
        let (ids, directors): (Vec<i64>, Vec<i64>) = children.iter().copied().unzip();
        let somewhere = Float64Array::from(vec![1.0; ids.len()]);
        let columns: [(&str, ArrayRef); 4] = [
            ("forcedId", Arc::new(Int64Array::from(ids))),
            ("objectId", Arc::new(Int64Array::from(directors))),
            ("ra", Arc::new(somewhere.clone())),
            ("dec", Arc::new(somewhere)),
        ];
        transaction.append("ForcedSource", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    }
    transaction.commit().unwrap();
}

#[tokio::test]
async fn children_of_a_director_that_was_elsewhere_are_found() {
    let (_folder, store) = with_children();
    let open = |pruning| {
        Database::with_config(store.clone(), EngineConfig { pruning, ..Default::default() })
            .unwrap()
    };
    let curve = "SELECT forcedId FROM ForcedSource WHERE objectId = 5";
    add(&store, Some((5, 10.0, 20.0)), &[(1, 5), (2, 5)]);
    add(&store, Some((6, 200.0, -20.0)), &[(3, 6)]);
    let found = async || ids_of(&open(Pruning::On).session().unwrap(), curve).await;
    assert_eq!(found().await, [1, 2]);
    assert!(rows_read(&open(Pruning::On).session().unwrap(), curve).await.0 < 3);

    // The director goes, its children stay.
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("Object", Removal::Ids(vec![5])).unwrap();
    transaction.commit().unwrap();
    assert_eq!(found().await, [1, 2]);
    // Another of its id comes, elsewhere on the sky.
    add(&store, Some((5, 100.0, 70.0)), &[(4, 5)]);
    assert_eq!(found().await, [1, 2, 4]);
    almagest_ingest::compact(&store, &almagest_ingest::CompactConfig::default()).unwrap();
    assert_eq!(found().await, [1, 2, 4]);
    // In the version before it went, the index still leads there.
    let before = open(Pruning::On);
    let asked = format!("{curve} AS OF VERSION 2");
    assert_eq!(ids_of(&before.session().unwrap(), &asked).await, [1, 2]);
}

#[tokio::test]
async fn a_row_of_many_small_files_is_read_from_its_own() {
    let (_folder, store) = with_children();
    for id in 1..=6 {
        add(&store, Some((id, 10.0 + (id % 2) as f64, 20.0)), &[(id, 1)]);
    }
    let database = Database::with_config(store.clone(), EngineConfig::default()).unwrap();
    let session = database.session().unwrap();
    let n_files = async |adql: &str| {
        let query = session.query(adql, QueryOptions::default()).await.unwrap();
        query.estimate().unwrap().total(|files| files.files).read
    };
    for (n, query) in [
        (1, "SELECT objectId FROM Object WHERE objectId = 3"),
        (2, "SELECT objectId FROM Object WHERE objectId IN (3, 4)"),
        (0, "SELECT objectId FROM Object WHERE objectId = 9"),
        // Children are where their director is, in any file.
        (6, "SELECT forcedId FROM ForcedSource WHERE objectId = 1"),
    ] {
        assert_eq!(n_files(query).await, n, "{query}");
    }
    let one = "SELECT objectId FROM Object WHERE objectId = 3";
    assert_eq!(ids_of(&session, one).await, [3]);
    let curve = "SELECT forcedId FROM ForcedSource WHERE objectId = 1";
    assert_eq!(ids_of(&session, curve).await, [1, 2, 3, 4, 5, 6]);
    // It goes, and comes again in another file.
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.remove("Object", Removal::Ids(vec![3])).unwrap();
    transaction.commit().unwrap();
    let newest = async || ids_of(&database.session().unwrap(), one).await;
    assert!(newest().await.is_empty());
    add(&store, Some((3, 200.0, 20.0)), &[]);
    assert_eq!(newest().await, [3]);
    almagest_ingest::compact(&store, &almagest_ingest::CompactConfig::default()).unwrap();
    assert_eq!(newest().await, [3]);
}

#[tokio::test]
async fn ids_that_have_no_index_are_found_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.yaml");
    let definition = "name: short
tables:
- name: Star
  \"almagest:kind\": positional
  \"almagest:ra\": ra
  \"almagest:dec\": dec
  \"almagest:id\": id
  primaryKey: \"#Star.id\"
  columns:
  - {name: id, datatype: int, nullable: false}
  - {name: ra, datatype: double, nullable: false, \"ivoa:unit\": deg}
  - {name: dec, datatype: double, nullable: false, \"ivoa:unit\": deg}
";
    std::fs::write(&path, definition).unwrap();
    let schema = felis::load(&path).unwrap().schema;
    let chunking = Chunking::try_new(0).unwrap();
    let store = CatalogStore::create(&folder.path().join("catalog"), &schema, chunking).unwrap();
    let columns: [(&str, ArrayRef); 3] = [
        ("id", Arc::new(Int32Array::from(vec![5, 6]))),
        ("ra", Arc::new(Float64Array::from(vec![1.0, 200.0]))),
        ("dec", Arc::new(Float64Array::from(vec![1.0, -20.0]))),
    ];
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Star", &RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    transaction.commit().unwrap();
    let database = Database::with_config(store, EngineConfig::default()).unwrap();
    let session = database.session_with(vec![upload("mine", &[6, 7])]).unwrap();
    for query in [
        "SELECT COUNT(*) AS n FROM Star WHERE id = 6",
        "SELECT COUNT(*) AS n FROM Star JOIN TAP_UPLOAD.mine AS m ON m.short_id = Star.id",
        "SELECT COUNT(*) AS n FROM Star JOIN TAP_UPLOAD.mine AS m ON m.id = Star.id",
    ] {
        assert_eq!(ids_of(&session, query).await, [1], "{query}");
    }
}
