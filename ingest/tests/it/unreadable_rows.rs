//! Rows that a reader cannot read: refused with the file where errors abort, rejected by themselves
//! where rows are rejected, and all other rows keep their numbers.

use std::fs;

use almagest_ingest::conform::{ConformOptions, ExtraColumns};
use almagest_ingest::format::{self, OnBadRow};
use almagest_ingest::{OnError, ReadOptions, Transaction, TransactionConfig};

use crate::sky_tables::{catalog, visible};
use crate::typed_formats::data;

/// Ingest a file of Sources under both policies.
///
/// # Arguments
/// * `first` - the error that aborts
/// * `rejected` - lines of the file of rejected rows, from the row's number on
fn check(name: &str, bytes: &[u8], first: &str, ids: &[i64], rejected: &[&str]) {
    let (folder, store) = catalog();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let short = |text: String| text.replace(&format!("{}/", folder.path().display()), "");

    let mut transaction = Transaction::begin(&store).unwrap();
    let refusal = transaction.append_file("Source", &path, &ReadOptions::default()).unwrap_err();
    assert_eq!(short(refusal.to_string()), first);
    assert_eq!(transaction.commit().unwrap().n_rows(), 0);

    // Batches of two rows, so that faults are in several.
    for batch_rows in [65_536, 2] {
        let rejects = folder.path().join(format!("rejected_{batch_rows}.csv"));
        let config = TransactionConfig {
            on_error: OnError::Reject { file: Some(rejects.clone()) },
            ..TransactionConfig::default()
        };
        let mut transaction = Transaction::begin_with(&store, config).unwrap();
        let options = ReadOptions { batch_rows, ..ReadOptions::default() };
        let report = transaction.append_file("Source", &path, &options).unwrap();
        assert_eq!(report.n_rows, ids.len() as u64);
        let text = short(fs::read_to_string(&rejects).unwrap_or_default());
        assert_eq!(text, "", "nothing is written before its time");
        if batch_rows == 2 {
            let report = transaction.commit().unwrap();
            assert_eq!(report.rejected.n_rows(), rejected.len() as u64);
            let found = visible(&store.snapshot().unwrap(), "Source", "sourceId");
            let ids: Vec<Option<i64>> = ids.iter().copied().map(Some).collect();
            assert_eq!(found, ids);
            let text = short(fs::read_to_string(&rejects).unwrap());
            let lines: Vec<&str> = text.lines().skip(1).collect();
            let expected: Vec<String> =
                rejected.iter().map(|line| format!("{name},{line}")).collect();
            assert_eq!(lines, expected);
        }
    }
}

#[test]
fn csv() {
    check(
        "s.csv",
        b"sourceId,ra,dec,flux\n1,1,1,1\n2,2,2\n3,3,3,caf\xe9\n4,4,4,4\n5,5,5,5,5\n6,6,x,6\n7,7,7,7\n",
        "s.csv: row 2: 3 fields where the header names 4",
        &[1, 4, 7],
        &[
            "2,Source,unreadable,3 fields where the header names 4",
            "3,Source,unreadable,field 4 is not UTF-8 text",
            "5,Source,unreadable,5 fields where the header names 4",
            "6,Source,wrong type,\"column dec: \"\"x\"\" is not a double (64-bit)\"",
        ],
    );
}

#[test]
fn ecsv() {
    let header = "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n# - {name: sourceId, \
                  datatype: int64}\n# - {name: ra, datatype: float64}\n# - {name: dec, datatype: \
                  float64}\nsourceId,ra,dec\n";
    check(
        "s.ecsv",
        format!("{header}1,1,1\nx,2,2\n3,3\n4,4,4\n5,bad,worse\n").as_bytes(),
        "s.ecsv: row 2, column sourceId: \"x\" is not a 64-bit integer",
        &[1, 4],
        &[
            "2,Source,unreadable,\"column sourceId: \"\"x\"\" is not a 64-bit integer\"",
            "3,Source,unreadable,2 fields where the header names 3",
            "5,Source,unreadable,\"column ra: \"\"bad\"\" is not a number\"",
        ],
    );
}

#[test]
fn json_lines() {
    check(
        "s.jsonl",
        b"{\"sourceId\": 1, \"ra\": 1, \"dec\": 1}\n[1, 2]\n{\"sourceId\": 3, \"ra\": [3], \"dec\": 3}\n\
          {\"sourceId\": 4, \"ra\": \"?\", \"dec\": 4}\n{\"sourceId\": 5, \"ra\": 5.5, \"dec\": 5}\n{\"sou\n\
          {\"sourceId\": 7, \"ra\": 7, \"dec\": 7, \"ra\": 8}\n",
        "s.jsonl: row 2: not a JSON object: invalid type: sequence, expected an object",
        &[1, 5],
        &[
            "2,Source,unreadable,\"not a JSON object: invalid type: sequence, expected an object\"",
            "3,Source,unreadable,\"column ra: \"\"[3]\"\" is not a string, as in the other rows\"",
            "4,Source,wrong type,\"column ra: \"\"?\"\" is not a double (64-bit)\"",
            "6,Source,unreadable,not a JSON object: control character (\\u0000-\\u001F) found while parsing a string",
            "7,Source,unreadable,the key ra is there twice",
        ],
    );
}

#[test]
fn json_lines_with_nested_values() {
    // The column is what the other rows make it, whichever comes first.
    check(
        "n.jsonl",
        b"{\"sourceId\": 1, \"ra\": {\"deg\": 1}, \"dec\": 1}\n{\"sourceId\": 2, \"ra\": 2, \"dec\": 2}\n\
          {\"sourceId\": 3, \"ra\": [[3]], \"dec\": 3}\n{\"sourceId\": 4, \"ra\": 4.5, \"dec\": 4}\n",
        "n.jsonl: row 2, column ra: \"2\" is not an object or nested array, as in the other rows",
        &[2, 4],
        &[
            "1,Source,unreadable,\"column ra: \"\"{\\\"\"deg\\\"\":1}\"\" is not a number, as in the other rows\"",
            "3,Source,unreadable,\"column ra: \"\"[[3]]\"\" is not a number, as in the other rows\"",
        ],
    );
}

/// Ingest a file of Sources, bad rows rejected and extra columns refused or ignored.
fn rejecting(text: &str, extra_columns: ExtraColumns) -> Result<u64, String> {
    let (folder, store) = catalog();
    let path = folder.path().join("s.jsonl");
    fs::write(&path, text).unwrap();
    let config = TransactionConfig {
        on_error: OnError::Reject { file: None },
        conform: ConformOptions { extra_columns, ..ConformOptions::default() },
        ..Default::default()
    };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    let report = transaction.append_file("Source", &path, &ReadOptions::default());
    let report = report.map(|report| report.n_rows);
    report.map_err(|error| error.to_string().split_once(": ").unwrap().1.to_owned())
}

#[test]
fn nested_values_are_never_nulls() {
    // A column of which every value is nested is none of the table's, and none that is passed over.
    let flux = "{\"sourceId\": 1, \"ra\": 1, \"dec\": 1, \"flux\": {\"g\": 1}}\n";
    assert_eq!(
        rejecting(&flux.repeat(2), ExtraColumns::Refuse).unwrap_err(),
        "does not fit table Source: column flux holds nested values, not a double (64-bit)"
    );
    let extra = "{\"sourceId\": 1, \"ra\": 1, \"dec\": 1, \"tags\": [[1], [2]]}\n";
    assert_eq!(
        rejecting(extra, ExtraColumns::Refuse).unwrap_err(),
        "does not fit table Source: column tags is not in the table"
    );
    assert_eq!(rejecting(extra, ExtraColumns::Ignore), Ok(1));
    let none = rejecting("[1]\n{\"ra\": 1, \"ra\": 2}\n", ExtraColumns::Refuse).unwrap_err();
    assert!(none.starts_with("row 1: not a JSON object"), "{none}");
}

#[test]
fn rejected_rows_are_kept_only_with_the_others() {
    let (folder, store) = catalog();
    let (path, rejects) = (folder.path().join("s.csv"), folder.path().join("rejects.csv"));
    fs::write(&path, "sourceId,ra,dec\n1,1,100\n2,2,2\n").unwrap();
    let begin = || {
        let on_error = OnError::Reject { file: Some(rejects.clone()) };
        Transaction::begin_with(&store, TransactionConfig { on_error, ..Default::default() })
    };
    let mut transaction = begin().unwrap();
    transaction.append_file("Source", &path, &ReadOptions::default()).unwrap();
    transaction.abort();
    assert!(!rejects.exists());
    let mut transaction = begin().unwrap();
    transaction.append_file("Source", &path, &ReadOptions::default()).unwrap();
    transaction.commit().unwrap();
    assert_eq!(fs::read_to_string(&rejects).unwrap().lines().count(), 2);
    // What is there is not overwritten, and stays.
    assert!(begin().is_err());
    assert!(rejects.exists());
}

#[test]
fn votable_tabledata() {
    let head = "<VOTABLE><RESOURCE><TABLE><FIELD name=\"sourceId\" datatype=\"long\"/>\
                <FIELD name=\"ra\" datatype=\"double\"/><FIELD name=\"dec\" datatype=\"double\"/>\
                <DATA><TABLEDATA>";
    let rows = "<TR><TD>1</TD><TD>1</TD><TD>1</TD></TR><TR><TD>2</TD><TD>two</TD><TD>2</TD></TR>\
                <TR><TD>3</TD><TD>3</TD></TR><TR><TD>4</TD><TD>4</TD><TD>4</TD><TD>4</TD></TR>\
                <TR><TD>5</TD><TD>5</TD><TD>5</TD></TR>";
    let end = "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>";
    check(
        "s.vot",
        format!("{head}{rows}{end}").as_bytes(),
        "s.vot: row 2, column ra: \"two\" is not a number",
        &[1, 5],
        &[
            "2,Source,unreadable,\"column ra: \"\"two\"\" is not a number\"",
            "3,Source,unreadable,2 fields where the header names 3",
            "4,Source,unreadable,4 fields where the header names 3",
        ],
    );
}

#[test]
fn what_loses_the_place_in_the_file_is_no_rows_fault() {
    let (folder, store) = catalog();
    let config =
        TransactionConfig { on_error: OnError::Reject { file: None }, ..Default::default() };
    let mut transaction = Transaction::begin_with(&store, config).unwrap();
    let path = folder.path().join("s.vot");
    let text = "<VOTABLE><RESOURCE><TABLE><FIELD name=\"sourceId\" datatype=\"long\"/><DATA>\
                <TABLEDATA><TR><TD>1</TD></TR><TR><TD>2</T";
    fs::write(&path, text).unwrap();
    transaction.append_file("Source", &path, &ReadOptions::default()).unwrap_err();
    assert_eq!(transaction.commit().unwrap().n_rows(), 0);
}

/// Damage one byte in each row of a file of fixed width; all else is read as it was.
#[test]
fn a_damaged_row_of_a_fits_table_leaves_the_others() {
    let bytes = fs::read(data("astropy.fits")).unwrap();
    let whole: Vec<_> = format::read(&data("astropy.fits"), &ReadOptions::default())
        .unwrap()
        .map(|rows| rows.unwrap().batch)
        .collect();
    let place = bytes.windows(5).position(|part| part == b"alpha").unwrap();
    let mut damaged = bytes.clone();
    damaged[place] = 0xff;
    let read = |on_bad_row| {
        let options = ReadOptions { on_bad_row, ..ReadOptions::default() };
        format::read_from(std::io::Cursor::new(damaged.clone()), "d.fits", &options).unwrap().next()
    };
    let error = read(OnBadRow::Refuse).unwrap().unwrap_err();
    assert_eq!(error.to_string(), "d.fits: row 1, column name: not ASCII text");
    let rows = read(OnBadRow::Report).unwrap().unwrap();
    assert_eq!(rows.bad_rows.len(), 1);
    assert_eq!(rows.bad_rows[0].index, 0);
    assert_eq!(rows.bad_rows[0].error.to_string(), error.to_string());
    assert_eq!(rows.batch.slice(1, 3), whole[0].slice(1, 3));
}
