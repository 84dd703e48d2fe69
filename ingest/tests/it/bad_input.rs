//! Bad input: one clear line, and the catalog is as it was.

use std::fs;
use std::path::Path;

use almagest_ingest::{
    ConformOptions, Error, Infinities, ReadOptions, Transaction, TransactionConfig,
};

use crate::sky_tables::{catalog, files, sources, visible};

/// Ingest a file into a catalog that holds a Source 1 and compare the refusal.
fn check(table: &str, name: &str, text: &str, expected: &str) {
    let (folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Source", &sources(&[(1, 1.0, 1.0)])).unwrap();
    transaction.commit().unwrap();
    let before = files(store.root());

    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    // A small buffer, so that files have been written when the bad row comes.
    let conform = ConformOptions { infinities: Infinities::Refuse, ..ConformOptions::default() };
    let config = TransactionConfig { buffer_bytes: 1 << 20, conform, ..Default::default() };
    let error = ingest(&store, config, table, &path).unwrap_err().to_string();

    assert_eq!(error.replace(&format!("{}/", folder.path().display()), ""), expected);
    assert!(!error.contains('\n'), "one line: {error}");
    assert_eq!(files(store.root()), before);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.version(), 1);
    assert_eq!(visible(&snapshot, "Source", "sourceId"), [Some(1)]);
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
}

fn ingest(
    store: &almagest_storage::CatalogStore,
    config: TransactionConfig,
    table: &str,
    path: &Path,
) -> Result<u64, Error> {
    let mut transaction = Transaction::begin_with(store, config)?;
    transaction.append_file(table, path, &ReadOptions::default())?;
    Ok(transaction.commit()?.version)
}

/// A table of Sources with ids from 2, where one row is replaced.
fn source_table(n_rows: i64, row: i64, replacement: &str) -> String {
    let mut text = "sourceId,ra,dec,flux\n".to_owned();
    for number in 1..=n_rows {
        if number == row {
            text += &format!("{replacement}\n");
        } else {
            text += &format!("{},{},{},1.5\n", number + 1, number % 360, number % 90);
        }
    }
    text
}

#[test]
fn a_wrong_type_in_row_70000() {
    check(
        "Source",
        "s.csv",
        &source_table(80_000, 70_000, "70001,1.0,1.0,bright"),
        "s.csv: row 70000, column flux: \"bright\" is not a double (64-bit)",
    );
}

#[test]
fn a_quote_left_open() {
    let open = source_table(9, 7, "8,1.0,1.0,\"1.5");
    let expected = "s.csv: row 7: a quote is opened here and not closed up to the end of the file";
    check("Source", "s.csv", &open, expected);
    check("Source", "s.csv", open.trim_end(), expected);
    let first = expected.replace("row 7", "row 1");
    check("Source", "s.csv", &source_table(9, 1, "8,1.0,1.0,\"1.5"), &first);
    check("Source", "s.csv", "sourceId,ra,dec,\"flux\n2,1.0,1.0,1\n", &first);
    let tabs = open.replace(',', "\t");
    check("Source", "s.tsv", &tabs, &expected.replace("csv", "tsv"));
}

/// Quotes that close, stray ones, and a last row without a line end are read as before.
#[test]
fn quotes_that_are_not_open() {
    let (folder, store) = catalog();
    let path = folder.path().join("s.csv");
    let text = "\"sourceId\",ra,dec,flux\r\n2,\"1.0\",1.0,\"1.5\"\r\n3,1.0,1.0,\"\"\n4,1,1,\"2\"";
    fs::write(&path, text).unwrap();
    ingest(&store, TransactionConfig::default(), "Source", &path).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(visible(&snapshot, "Source", "sourceId"), [Some(2), Some(3), Some(4)]);
}

#[test]
fn positions_off_the_sphere() {
    check(
        "source",
        "s.csv",
        &source_table(5, 3, "4,1.0,91,1.5"),
        "s.csv: row 3, column dec: declination 91 lies outside -90 to 90 degrees",
    );
    check(
        "Source",
        "s.csv",
        &source_table(5, 2, "3,inf,1.0,1.5"),
        "s.csv: row 2, column ra: inf is not a finite number",
    );
    check(
        "Source",
        "s.csv",
        &source_table(5, 2, "3,,1.0,1.5"),
        "s.csv: row 2, column ra: a value is required",
    );
}

#[test]
fn infinities_where_they_are_refused() {
    check(
        "Source",
        "s.csv",
        &source_table(5, 5, "6,1.0,1.0,-Infinity"),
        "s.csv: row 5, column flux: -inf is not a finite number",
    );
}

#[test]
fn unknown_tables_and_columns() {
    check(
        "Sorce",
        "s.csv",
        &source_table(1, 0, ""),
        "no table Sorce in schema survey; did you mean Source?",
    );
    check(
        "Source",
        "s.csv",
        "sourceId,ra,decl,flux\n2,1,1,1\n",
        "s.csv: does not fit table Source: column dec is missing; column decl is not in the table",
    );
}

#[test]
fn a_file_without_rows_has_columns_all_the_same() {
    check(
        "Source",
        "s.csv",
        "sourceId,ra,decl,flux\n",
        "s.csv: does not fit table Source: column dec is missing; column decl is not in the table",
    );
}

#[test]
fn ids_that_are_taken() {
    check(
        "Source",
        "s.csv",
        &source_table(10, 7, "1,1.0,1.0,1.5"),
        "s.csv: row 7: Source sourceId 1 exists already",
    );
    check(
        "Source",
        "s.csv",
        &source_table(10, 7, "3,1.0,1.0,1.5"),
        "s.csv: row 7: Source sourceId 3 is already in row 2",
    );
    check(
        "Source",
        "s.csv",
        &source_table(70_000, 69_999, "3,1.0,1.0,1.5"),
        "s.csv: row 69999: Source sourceId 3 is already in row 2",
    );
}

#[test]
fn a_file_that_fails_half_way_leaves_the_transaction_as_it_was() {
    let (folder, store) = catalog();
    let path = folder.path().join("s.csv");
    fs::write(&path, source_table(80_000, 70_000, "70001,1.0,1.0,bright")).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append_file("Source", &path, &ReadOptions::default()).unwrap_err();
    let other = folder.path().join("t.csv");
    fs::write(&other, source_table(10, 1, "1,1.0,1.0,2.5")).unwrap();
    transaction.append_file("Source", &other, &ReadOptions::default()).unwrap();
    assert_eq!(transaction.commit().unwrap().n_rows(), 10, "the ids are free again");
    Transaction::begin(&store)
        .unwrap()
        .append_file("Source", &path, &ReadOptions::default())
        .unwrap_err();
    assert_eq!(store.snapshot().unwrap().version(), 1);
    assert_eq!(files(store.root()).len(), 2);
}
