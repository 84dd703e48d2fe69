//! Scans of whole tables that run at the same time: the rows are those of each by itself, and columns
//! are decoded once for all.

use std::sync::Arc;

use almagest_engine::arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
};
use almagest_engine::arrow::datatypes::Float64Type;
use almagest_engine::arrow::util::display::{ArrayFormatter, FormatOptions};
use almagest_engine::{Database, EngineConfig, QueryOptions};
use almagest_ingest::Transaction;
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use futures::future::join_all;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

const SCHEMA: &str = r##"
name: survey
tables:
- name: Star
  "almagest:kind": director
  "almagest:ra": ra
  "almagest:dec": dec
  "almagest:id": starId
  primaryKey: "#Star.starId"
  columns:
  - {name: starId, datatype: long, nullable: false}
  - {name: ra, datatype: double, nullable: false}
  - {name: dec, datatype: double, nullable: false}
  - {name: flux, datatype: double}
  - {name: name, datatype: char, length: 12}
  - {name: outline, datatype: double, "votable:arraysize": "*", "votable:xtype": polygon}
"##;

const N_FILES: i64 = 8;
const N_ROWS_OF_A_FILE: i64 = 12_000;

fn part(rng: &mut ChaCha8Rng, nth: i64) -> RecordBatch {
    let ids = 1 + nth * N_ROWS_OF_A_FILE..1 + (nth + 1) * N_ROWS_OF_A_FILE;
    let mut drawn = |from: f64, to: f64| -> Vec<f64> {
        ids.clone().map(|_| rng.random_range(from..to)).collect()
    };
    let (ra, dec, flux) = (drawn(10.0, 40.0), drawn(-10.0, 20.0), drawn(0.0, 1000.0));
    // Some values are absent, and outlines have three vertices or four.
    let some = |(nth, flux): (usize, &f64)| (nth % 11 != 0).then_some(*flux);
    let names = ids.clone().map(|id| (id % 7 != 0).then(|| format!("star {}", id % 1000)));
    let outlines = ids.clone().map(|id| {
        let corner = [10.0, 10.0, 12.0, 10.0, 12.0, 11.0, 10.0, 11.0];
        let length = 6 + 2 * (id % 2) as usize;
        (id % 3 != 0).then(|| corner[..length].iter().map(|place| Some(*place)).collect::<Vec<_>>())
    });
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("starId", Arc::new(Int64Array::from_iter_values(ids.clone()))),
        ("flux", Arc::new(flux.iter().enumerate().map(some).collect::<Float64Array>())),
        ("ra", Arc::new(Float64Array::from(ra))),
        ("dec", Arc::new(Float64Array::from(dec))),
        ("name", Arc::new(names.collect::<StringArray>())),
        ("outline", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(outlines))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// A catalog whose table has several files, each with rows of several chunks.
fn catalog() -> (TempDir, CatalogStore) {
    let folder = tempfile::tempdir().unwrap();
    let schema = felis::parse(SCHEMA, &|_| None).unwrap().schema;
    let root = folder.path().join("catalog");
    let store = CatalogStore::create(&root, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for nth in 0..N_FILES {
        let mut transaction = Transaction::begin(&store).unwrap();
        transaction.append("Star", &part(&mut rng, nth)).unwrap();
        transaction.commit().unwrap();
    }
    (folder, store)
}

fn database(store: &CatalogStore, shared_scan_bytes: u64) -> Database {
    let config = EngineConfig { shared_scan_bytes, ..Default::default() };
    Database::with_config(store.clone(), config).unwrap()
}

/// Queries of other columns and other rows of one table, each a scan of all of it.
fn queries() -> Vec<String> {
    let by_flux =
        (0..6).map(|nth| format!("SELECT starId, flux FROM Star WHERE flux > {}", 100 + 150 * nth));
    let others = [
        "SELECT starId, name, outline FROM Star WHERE name LIKE 'star 1%'",
        "SELECT starId, flux * 2 AS twice, name FROM Star WHERE name IS NULL",
        "SELECT starId, outline FROM Star WHERE flux IS NULL",
        "SELECT * FROM Star WHERE starId >= 0 OR flux < 3",
        "SELECT a.starId, b.flux FROM Star AS a JOIN Star AS b ON a.starId = b.starId + 1 WHERE b.flux > 500",
        "SELECT name, COUNT(*) AS n, MAX(flux) AS most FROM Star GROUP BY name",
    ];
    by_flux.chain(others.map(str::to_owned)).collect()
}

type Rows = BoxStream<'static, almagest_engine::Result<RecordBatch>>;

async fn begun(database: &Database, adql: &str) -> Rows {
    let query = database.session().unwrap().query(adql, QueryOptions::default()).await;
    let query = query.unwrap_or_else(|error| panic!("{adql}\n{error}"));
    query.into_stream().await.unwrap()
}

/// The rows as texts, in an order of their own.
async fn texts(rows: Rows) -> Vec<String> {
    let batches: Vec<RecordBatch> = rows.try_collect().await.unwrap();
    let options = FormatOptions::default().with_null("NULL");
    let mut texts = vec![];
    for batch in &batches {
        let columns = batch.columns().iter();
        let columns: Vec<ArrayFormatter<'_>> =
            columns.map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let values: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            texts.push(values.join(" | "));
        }
    }
    texts.sort_unstable();
    texts
}

/// Begin all queries, then take their rows; return how many columns were asked for and decoded.
async fn check(store: &CatalogStore, shared_scan_bytes: u64) -> (u64, u64) {
    let (alone, together) = (database(store, 0), database(store, shared_scan_bytes));
    let queries = queries();
    let mut running = vec![];
    for adql in &queries {
        // Rows wait for whoever takes them, so that no scan is done when the last begins.
        running.push(begun(&together, adql).await);
    }
    let found = join_all(running.into_iter().map(texts)).await;
    for (adql, found) in queries.iter().zip(found) {
        let expected = texts(begun(&alone, adql).await).await;
        assert!(!expected.is_empty());
        assert!(found == expected, "{adql}: {} rows, not {}", found.len(), expected.len());
    }
    let usage = together.usage();
    assert_eq!(alone.usage().shared_columns_asked, 0);
    (usage.shared_columns_asked, usage.shared_columns_decoded)
}

#[tokio::test]
async fn scans_at_the_same_time_decode_each_column_once() {
    let (_folder, store) = catalog();
    let (asked, decoded) = check(&store, 1 << 30).await;
    assert!(asked > 3 * decoded && decoded > 0, "{asked} {decoded}");
}

#[tokio::test]
async fn what_does_not_fit_is_decoded_again() {
    let (_folder, store) = catalog();
    let (asked, decoded) = check(&store, 1 << 10).await;
    assert!(asked >= decoded && decoded > 0, "{asked} {decoded}");
}

#[tokio::test]
async fn a_scan_by_itself_shares_nothing() {
    let (_folder, store) = catalog();
    let database = database(&store, 1 << 30);
    for adql in queries().iter().filter(|adql| !adql.contains("JOIN")) {
        texts(begun(&database, adql).await).await;
    }
    assert_eq!(database.usage().shared_columns_asked, 0);
    // What says where its rows are does not read the table.
    let cone = "SELECT starId FROM Star WHERE CONTAINS(POINT(ra, dec), CIRCLE(20, 0, 5)) = 1";
    let all = "SELECT starId, flux FROM Star";
    let (whole, part) = (begun(&database, all).await, begun(&database, cone).await);
    texts(part).await;
    texts(whole).await;
    assert_eq!(database.usage().shared_columns_asked, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scans_that_end_early_hold_up_nobody() {
    let (_folder, store) = catalog();
    let (alone, together) = (database(&store, 0), database(&store, 1 << 30));
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let queries = queries();
    for round in 0..8 {
        let mut running = vec![];
        for adql in &queries {
            let (rows, n_taken) = (begun(&together, adql).await, rng.random_range(0..4));
            running.push(tokio::spawn(async move { rows.take(n_taken).count().await }));
        }
        let adql = &queries[round % queries.len()];
        let found = texts(begun(&together, adql).await).await;
        let expected = texts(begun(&alone, adql).await).await;
        assert!(found == expected, "{adql}: {} rows, not {}", found.len(), expected.len());
        for scan in running.drain(1..) {
            scan.abort();
        }
    }
}
