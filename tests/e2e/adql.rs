//! ADQL by example: files of queries, each with the answer that the standard demands.
//!
//! A file in `adql/` is a list of cases, each a block of lines and empty lines between blocks:
//!
//! ```text
//! rows                      what to compare: rows, columns, error or warning
//! SELECT n FROM Star        the query, on one or more lines
//! ----
//! 7                         one line a row, values separated by " | "; NULL and '' are written so
//! ```
//!
//! `columns` compares name, type, unit and UCD of the output; `error` the message in full,
//! `warning` what is said beside the rows. The catalog is that of `adql/catalog.yaml`. Rows are
//! compared in the order in which they come where the query orders them, else sorted.

use std::fs;
use std::path::{Path, PathBuf};

use almagest_adql::function::FUNCTIONS;
use almagest_engine::arrow::array::RecordBatch;
use almagest_engine::arrow::util::display::{ArrayFormatter, FormatOptions};
use almagest_engine::{Database, EngineConfig, Error, Query, QueryOptions};
use almagest_ingest::{ReadOptions, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::schema::felis;
use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/adql")
}

/// The catalog, opened as it is and so that each table is planned as a wide one.
pub fn catalog() -> (TempDir, [Database; 2]) {
    let temporary = tempfile::tempdir().unwrap();
    let schema = felis::load(&folder().join("catalog.yaml")).unwrap().schema;
    let root = temporary.path().join("catalog");
    let store = CatalogStore::create(&root, &schema, Chunking::try_new(1).unwrap()).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    for table in ["Star", "Visit", "Epoch", "Field"] {
        let path = folder().join("data").join(table).with_extension("csv");
        transaction.append_file(table, &path, &ReadOptions::default()).unwrap();
    }
    transaction.commit().unwrap();
    let wide = EngineConfig { wide_table_columns: 1, ..Default::default() };
    let wide = Database::with_config(CatalogStore::open(&root).unwrap(), wide).unwrap();
    (temporary, [Database::open(&root).unwrap(), wide])
}

/// A query and what becomes of it.
struct Case {
    line: usize,
    what: String,
    query: String,
    expected: Vec<String>,
}

fn cases(text: &str) -> Vec<Case> {
    let mut cases = vec![];
    let mut lines = text.lines().enumerate().peekable();
    while let Some((index, what)) = lines.next() {
        if what.is_empty() || what.starts_with('#') {
            continue;
        }
        let mut block = |end: &str| -> Vec<String> {
            std::iter::from_fn(|| lines.next().filter(|(_, line)| *line != end))
                .map(|(_, line)| line.to_owned())
                .collect()
        };
        let query = block("----").join("\n");
        let expected = block("");
        cases.push(Case { line: index + 1, what: what.to_owned(), query, expected });
    }
    cases
}

fn rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::new().with_null("NULL");
    let mut rows = vec![];
    for batch in batches {
        let columns: Vec<ArrayFormatter> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let shown = |column: &ArrayFormatter| match column.value(row).to_string() {
                empty if empty.is_empty() => "''".to_owned(),
                value => value,
            };
            rows.push(columns.iter().map(shown).collect::<Vec<_>>().join(" | "));
        }
    }
    rows
}

fn columns(query: &Query) -> Vec<String> {
    let fields = query.schema().fields().iter();
    fields
        .map(|field| {
            let fact = |key: &str| field.metadata().get(key).map_or("-", String::as_str);
            format!("{} {} {} {}", field.name(), field.data_type(), fact(UNIT), fact(UCD))
        })
        .collect()
}

async fn outcome(database: &Database, case: &Case) -> Result<Vec<String>, Error> {
    let session = database.session()?;
    let query = session.query(&case.query, QueryOptions::default()).await?;
    match case.what.as_str() {
        "columns" => Ok(columns(&query)),
        "warning" => Ok(query.warnings().to_vec()),
        "rows" | "error" => Ok(rows(&query.collect().await?)),
        other => panic!("line {}: what is {other}?", case.line),
    }
}

/// Run the cases of a file.
async fn check(name: &str) {
    let path = folder().join(name);
    let cases = cases(&fs::read_to_string(&path).unwrap());
    assert!(cases.len() > 3, "{name} has cases");
    let (_folder, databases) = catalog();
    let mut different = vec![];
    let twice =
        databases.iter().flat_map(|database| cases.iter().map(move |case| (database, case)));
    for (database, case) in twice {
        let found = match (outcome(database, case).await, case.what.as_str()) {
            (Ok(rows), "error") => {
                vec!["no error, but:".to_owned()].into_iter().chain(rows).collect()
            }
            (Ok(found), _) => found,
            (Err(Error::Adql { text, error }), "error") => {
                error.render(&text).lines().map(str::to_owned).collect()
            }
            (Err(error), _) => vec![format!("error: {error}")],
        };
        let ordered = case.what != "rows" || case.query.to_uppercase().contains("ORDER BY");
        let sorted = |mut lines: Vec<String>| {
            if !ordered {
                lines.sort();
            }
            lines
        };
        let (found, expected) = (sorted(found), sorted(case.expected.clone()));
        if found != expected {
            different.push(format!(
                "{name}:{}:\n{}\nexpected:\n{}\nfound:\n{}",
                case.line,
                case.query,
                expected.join("\n"),
                found.join("\n")
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn select() {
    check("select.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_and_numbers() {
    check("null_and_numbers.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions() {
    check("functions.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ivoa_functions() {
    check("ivoa_functions.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn survey_functions() {
    check("survey_functions.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aggregates() {
    check("aggregates.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units() {
    check("units.txt").await;
}

/// What capabilities announce has a case in which the engine executes it.
#[test]
fn each_available_function_is_executed() {
    let mut executed = String::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let cases = cases(&fs::read_to_string(&path).unwrap());
            for case in cases.into_iter().filter(|case| case.what == "rows") {
                executed += &case.query.to_uppercase();
            }
        }
    }
    let without: Vec<&str> = FUNCTIONS
        .iter()
        .filter(|function| function.is_available())
        .map(|function| function.name)
        .filter(|name| !executed.contains(&format!("{}(", name.to_uppercase())))
        .collect();
    assert!(without.is_empty(), "no case with rows: {without:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn windows() {
    check("windows.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn joins_and_sets() {
    check("joins_and_sets.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn units_and_ucds() {
    check("units_and_ucds.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wide() {
    check("wide.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views() {
    check("views.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subqueries() {
    check("subqueries.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn correlated() {
    check("correlated.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn correlated_random() {
    check("correlated_random.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_selects() {
    check("random_selects.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn areas() {
    check("areas.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metadata() {
    check("metadata.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typing() {
    check("typing.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups() {
    check("groups.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors() {
    check("errors.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn geometry() {
    check("geometry.txt").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tap_schema() {
    check("tap_schema.txt").await;
}
