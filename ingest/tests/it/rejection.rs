//! Rows that do not fit are left out, counted and written down, and all others are taken.

use std::collections::BTreeMap;
use std::fs;

use almagest_ingest::{OnError, ReadOptions, Transaction, TransactionConfig};

use crate::sky_tables::{catalog, forced_sources, objects, sources, visible};

#[test]
fn bad_rows_go_to_a_file_with_their_reasons() {
    let (folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append("Source", &sources(&[(500, 1.0, 1.0)])).unwrap();
    transaction.append("Object", &objects(&[(1, 1.0, 1.0)])).unwrap();
    transaction.commit().unwrap();

    let mut text = "sourceId,ra,dec,flux\n".to_owned();
    for id in 1..=1000 {
        let (ra, dec) = (id % 360, id % 90);
        text += &match id {
            17 => format!("{id},{ra},91,1\n"),
            18 => format!("{id},{ra},{dec},bright\n"),
            400 => format!("17,{ra},{dec},1\n"),
            401 => format!("399,{ra},{dec},1\n"),
            999 => format!(",{ra},{dec},1\n"),
            1000 => format!("99999999999999999999,{ra},{dec},1\n"),
            _ => format!("{id},{ra},{dec},1\n"),
        };
    }
    let path = folder.path().join("s.csv");
    fs::write(&path, text).unwrap();
    let rejects = folder.path().join("rejected.csv");
    let config = TransactionConfig {
        on_error: OnError::Reject { file: Some(rejects.clone()) },
        ..TransactionConfig::default()
    };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    transaction.append_file("Source", &path, &ReadOptions::default()).unwrap();
    let forced = forced_sources(&[(Some(1), 7), (Some(2), 7), (None, 7), (Some(3), 8)]);
    transaction.append("ForcedSource", &forced).unwrap();
    let report = transaction.commit().unwrap();

    assert_eq!(report.tables["Source"].n_rows, 994);
    assert_eq!(report.tables["ForcedSource"].n_rows, 1);
    let expected = [
        ("bad position", 1),
        ("duplicate id", 2),
        ("missing value", 1),
        ("no place", 1),
        ("overflow", 1),
        ("unknown director", 2),
        ("wrong type", 1),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(kind, n)| (kind.to_owned(), n)).into();
    assert_eq!(report.rejected.by_kind, expected);
    assert_eq!(report.rejected.n_rows(), 9);
    let text = fs::read_to_string(&rejects).unwrap();
    // What is there is not overwritten.
    let config = TransactionConfig {
        on_error: OnError::Reject { file: Some(rejects.clone()) },
        ..TransactionConfig::default()
    };
    let error = Transaction::begin_with(&store, config).unwrap_err().to_string();
    assert!(error.ends_with("there is such a file, and it is not overwritten"), "{error}");
    assert_eq!(fs::read_to_string(&rejects).unwrap(), text);
    let text = text.replace(&format!("{}/", folder.path().display()), "");
    let lines: Vec<&str> = text.lines().collect();
    let expected = [
        "input,row,table,kind,reason",
        "s.csv,17,Source,bad position,column dec: declination 91 lies outside -90 to 90 degrees",
        "s.csv,18,Source,wrong type,\"column flux: \"\"bright\"\" is not a double (64-bit)\"",
        "s.csv,401,Source,duplicate id,Source sourceId 399 is already in row 399",
        "s.csv,500,Source,duplicate id,Source sourceId 500 exists already",
        "s.csv,999,Source,missing value,column sourceId: a value is required",
        "s.csv,1000,Source,overflow,\"column sourceId: \"\"99999999999999999999\"\" does not fit a \
         long (64-bit integer)\"",
        "rows of ForcedSource,3,ForcedSource,no place,a row of ForcedSource without objectId needs \
         a position of its own",
        "rows of ForcedSource,2,ForcedSource,unknown director,no Object has objectId 2",
        "rows of ForcedSource,4,ForcedSource,unknown director,no Object has objectId 3",
    ];
    assert_eq!(lines, expected);
    let snapshot = store.snapshot().unwrap();
    let ids = visible(&snapshot, "Source", "sourceId");
    assert_eq!(ids.len(), 995);
    assert!(ids.contains(&Some(17)), "the id of a rejected row is free for a later one");
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn what_is_wrong_with_the_whole_input_is_no_rows_fault() {
    let (folder, store) = catalog();
    let path = folder.path().join("s.csv");
    fs::write(&path, "sourceId,ra\n1,2\n").unwrap();
    let config =
        TransactionConfig { on_error: OnError::Reject { file: None }, ..Default::default() };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    fs::write(&path, "sourceId,ra,dec,colour\n1,2,3,red\n").unwrap();
    let refusal =
        transaction.append_file("Source", &path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(refusal.ends_with("column colour is not in the table"), "{refusal}");
    let report = transaction.commit().unwrap();
    assert_eq!((report.version, report.rejected.n_rows()), (0, 0));
}
