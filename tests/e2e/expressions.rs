//! Random expressions over awkward numbers: whatever a query computes, no NaN, no infinity and no
//! −0.0 comes out, and none decides a condition, a mean or an order.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use almagest_engine::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use almagest_engine::arrow::datatypes::{DataType, Float32Type, Float64Type};
use almagest_engine::{Database, QueryOptions, Session};
use almagest_ingest::{ReadOptions, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::felis;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tempfile::TempDir;

const SCHEMA: &str = r##"
name: awkward
tables:
- name: Number
  "almagest:kind": replicated
  "almagest:id": id
  primaryKey: "#Number.id"
  columns:
  - {name: id, datatype: long, nullable: false}
  - {name: x, datatype: double}
  - {name: y, datatype: double}
  - {name: r, datatype: float}
  - {name: n, datatype: long}
  - {name: i, datatype: int}
  - {name: s, datatype: short}
  - {name: flux, datatype: double}
"##;

/// Values at the edges of domains and types, and NULL.
const ROWS: &str = "id,x,y,r,n,i,s,flux
1,0,0,0,0,0,0,100
2,1,-1,1,1,-1,1,-50
3,-1.5,2.5,-2,-1,7,-1,0
4,1e308,1e308,3e38,9223372036854775807,2147483647,32767,3e9
5,-1e308,1e-308,-3e38,-9223372036854775808,-2147483648,-32768,-3e9
6,,,,,,,
7,1e-300,-1e-300,1e-38,2,3,4,1e-5
8,0.5,3.141592653589793,0.5,-7,2,-3,250
9,90,-90,180,1000000007,-1000003,181,-0.001
";

fn catalog() -> (TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let (schema, rows) = (folder.path().join("schema.yaml"), folder.path().join("rows.csv"));
    fs::write(&schema, SCHEMA).unwrap();
    fs::write(&rows, ROWS).unwrap();
    let database = filled(&folder.path().join("catalog"), &schema, &rows);
    (folder, database)
}

fn filled(root: &Path, schema: &Path, rows: &Path) -> Database {
    let schema = felis::load(schema).unwrap().schema;
    let store = CatalogStore::create(root, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append_file("Number", rows, &ReadOptions::default()).unwrap();
    transaction.commit().unwrap();
    Database::open(root).unwrap()
}

async fn ask(session: &Session, query: &str) -> Vec<RecordBatch> {
    let planned = session.query(query, QueryOptions::default()).await;
    let planned = planned.unwrap_or_else(|error| panic!("{query}: {error}"));
    planned.collect().await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn first_bad(column: &ArrayRef) -> Option<f64> {
    let bad = |x: &f64| !x.is_finite() || (*x == 0.0 && x.is_sign_negative());
    match column.data_type() {
        DataType::Float64 => column.as_primitive::<Float64Type>().iter().flatten().find(bad),
        DataType::Float32 => {
            let numbers = column.as_primitive::<Float32Type>();
            numbers.iter().flatten().map(f64::from).find(bad)
        }
        _ => None,
    }
}

fn pick<'a>(rng: &mut impl Rng, from: &[&'a str]) -> &'a str {
    from[rng.random_range(0..from.len())]
}

/// A random expression of numbers. Integers and floats mix.
fn expression(rng: &mut impl Rng, depth: u32) -> String {
    const LEAVES: [&str; 16] = [
        "x", "y", "r", "n", "i", "s", "flux", "0", "1", "-1", "0.0", "-2.5", "3", "1e200",
        "1e-200", "NULL",
    ];
    const UNARY: [&str; 24] = [
        "ABS",
        "CEILING",
        "DEGREES",
        "EXP",
        "FLOOR",
        "LOG",
        "LOG10",
        "RADIANS",
        "SQRT",
        "ROUND",
        "TRUNCATE",
        "ACOS",
        "ASIN",
        "ATAN",
        "COS",
        "COT",
        "SIN",
        "TAN",
        "CBRT",
        "SIGN",
        "scisql_nanojanskyToAbMag",
        "scisql_abMagToNanojansky",
        "scisql_fluxToAbMag",
        "scisql_abMagToFlux",
    ];
    const BINARY: [&str; 8] = [
        "POWER",
        "ATAN2",
        "MOD",
        "COALESCE",
        "scisql_nanojanskyToAbMagSigma",
        "scisql_dnToFlux",
        "scisql_dnToAbMag",
        "scisql_abMagToDn",
    ];
    if depth == 0 {
        // A lone NULL has no type to compute with.
        return match pick(rng, &LEAVES) {
            "NULL" => "CAST(NULL AS DOUBLE PRECISION)".to_owned(),
            leaf => leaf.to_owned(),
        };
    }
    let a = expression(rng, depth - 1);
    match rng.random_range(0..10) {
        0..=4 => {
            let operator = pick(rng, &["+", "-", "*", "/", "*", "/"]);
            let depth = rng.random_range(0..depth);
            format!("({a} {operator} {})", expression(rng, depth))
        }
        5 => format!("(- {a})"),
        6 => {
            let b = expression(rng, 0);
            format!("{}({a}, {b})", pick(rng, &BINARY))
        }
        7 => format!("ROUND({a}, {})", rng.random_range(-5..20)),
        _ => format!("{}({a})", pick(rng, &UNARY)),
    }
}

/// Many expressions a query: planning costs more than nine rows.
#[tokio::test(flavor = "multi_thread")]
async fn no_nan_no_infinity_no_negative_zero() {
    let (_folder, database) = catalog();
    let session = database.session().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let (queries, columns) =
        if std::env::var_os("ALMAGEST_LONG").is_some() { (2_000, 50) } else { (40, 50) };
    let mut n_values = 0;
    for _ in 0..queries {
        let expressions: Vec<String> = (0..columns)
            .map(|_| {
                let depth = rng.random_range(1..5);
                expression(&mut rng, depth)
            })
            .collect();
        let mut select = String::new();
        for (n, expression) in expressions.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(select, "{comma}{expression} AS c{n}").unwrap();
        }
        for batch in ask(&session, &format!("SELECT {select} FROM Number")).await {
            for (column, expression) in batch.columns().iter().zip(&expressions) {
                let bad = first_bad(column);
                assert!(bad.is_none(), "{expression} gives {bad:?}");
                n_values += column.len() - column.null_count();
            }
        }
    }
    // Were nearly all NULL, the test would prove little.
    assert!(n_values > queries * columns * 9 / 3, "{n_values} values");
}

/// What holds of a value holds in a condition: no row that a NULL should keep out gets in.
#[tokio::test(flavor = "multi_thread")]
async fn conditions_means_and_orders_see_what_the_output_shows() {
    let (_folder, database) = catalog();
    let session = database.session().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for _ in 0..40 {
        let e = expression(&mut rng, 3);
        let count = |batches: Vec<RecordBatch>| -> Vec<i64> {
            use almagest_engine::arrow::datatypes::Int64Type;
            let columns = batches[0].columns().iter();
            columns.map(|column| column.as_primitive::<Int64Type>().value(0)).collect()
        };
        let query = format!(
            "SELECT COUNT(*), COUNT(e), SUM(big), SUM(small) FROM (SELECT {e} AS e, \
             CASE WHEN {e} > 1 THEN 1 ELSE 0 END AS big, \
             CASE WHEN {e} <= 1 THEN 1 ELSE 0 END AS small FROM Number) AS t"
        );
        let counts = count(ask(&session, &query).await);
        assert_eq!(counts[1], counts[2] + counts[3], "{e}: {counts:?}");
        let filtered = count(
            ask(
                &session,
                &format!(
                    "SELECT (SELECT COUNT(*) FROM Number WHERE {e} > 1) AS a, \
                     (SELECT COUNT(*) FROM Number WHERE NOT ({e} > 1)) AS b FROM Number WHERE id = 1"
                ),
            )
            .await,
        );
        assert_eq!(filtered, counts[2..], "{e}");
        let query = format!(
            "SELECT AVG({e}) AS a, STDDEV({e}) AS s, CORR({e}, y) AS c, MEDIAN({e}) AS m, \
             SUM({e}) AS t, VAR_POP({e}) AS v, MIN({e}) AS l, MAX({e}) AS h FROM Number"
        );
        for batch in ask(&session, &query).await {
            for column in batch.columns() {
                assert!(first_bad(column).is_none(), "{query}: {column:?}");
            }
        }
        let ordered = ask(&session, &format!("SELECT {e} AS e FROM Number ORDER BY e")).await;
        for batch in ordered {
            if batch.column(0).data_type() == &DataType::Float64 {
                let numbers = batch.column(0).as_primitive::<Float64Type>();
                let numbers: Vec<f64> = numbers.iter().flatten().collect();
                assert!(numbers.is_sorted(), "{e}: {numbers:?}");
            }
        }
    }
}

/// The issue's own example: faint and difference fluxes are often negative.
#[tokio::test(flavor = "multi_thread")]
async fn negative_fluxes_have_no_magnitude() {
    let (_folder, database) = catalog();
    let session = database.session().unwrap();
    for magnitude in ["-2.5 * LOG10(flux) + 31.4", "scisql_nanojanskyToAbMag(flux)"] {
        let ids = async |query: String| -> Vec<i64> {
            use almagest_engine::arrow::datatypes::Int64Type;
            let batches = ask(&session, &query).await;
            batches
                .iter()
                .flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec())
                .collect()
        };
        // 100, 3e9, 1e-5 and 250 nJy are 26.4, 7.7, 43.9 and 25.4 mag.
        let faint = format!("SELECT id FROM Number WHERE {magnitude} > 24 ORDER BY id");
        assert_eq!(ids(faint).await, [1, 7, 8]);
        let bright = format!("SELECT id FROM Number WHERE NOT ({magnitude} > 24)");
        assert_eq!(ids(bright).await, [4]);
        let order = format!("SELECT TOP 4 id, {magnitude} AS m FROM Number ORDER BY m");
        assert_eq!(ids(order).await, [4, 8, 1, 7]);
        let mean = format!("SELECT AVG({magnitude}) AS m, COUNT({magnitude}) AS n FROM Number");
        let batches = ask(&session, &mean).await;
        let mean = batches[0].column(0).as_primitive::<Float64Type>().value(0);
        assert!((mean - 25.853_086_71).abs() < 1e-6, "{mean}");
    }
}
