//! Each format of a result, byte by byte. With ALMAGEST_UPDATE_GOLDEN set, the files are rewritten;
//! with ALMAGEST_KEEP_SAMPLES set to a folder, the sample is written there in each format, for
//! readers that are not in Rust.

use std::path::PathBuf;

use almagest_engine::arrow::array::AsArray;
use almagest_engine::arrow::datatypes::Float64Type;
use almagest_server::dali::Format;
use almagest_server::formats::canonical::Canonical;
use almagest_server::formats::{Ending, encoder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::sample;

/// Encode the sample in batches of `batch_rows` rows.
fn encode(format: Format, batch_rows: usize, ending: &Ending) -> Vec<u8> {
    let batch = match format {
        Format::VotableBinary => sample::batch_for_binary(),
        _ => sample::batch(),
    };
    let canonical = Canonical::new(&batch.schema()).unwrap();
    let spool = std::env::temp_dir();
    let mut encoder = encoder(format, canonical.schema(), &sample::provenance(), &spool).unwrap();
    let mut bytes = encoder.begin().unwrap();
    for start in (0..batch.num_rows()).step_by(batch_rows) {
        let rows = batch_rows.min(batch.num_rows() - start);
        let part = canonical.convert(&batch.slice(start, rows)).unwrap();
        bytes.extend(encoder.rows(&part).unwrap());
    }
    bytes.extend(encoder.end(ending).unwrap());
    while let Some(more) = encoder.more().unwrap() {
        bytes.extend(more);
    }
    bytes
}

fn check(format: Format, ending: &Ending, golden: &str) {
    let found = String::from_utf8(encode(format, 3, ending)).unwrap();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(golden);
    if std::env::var_os("ALMAGEST_UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(found, expected, "{golden}");
}

/// Read all events, so that what is not well-formed is noticed.
fn assert_well_formed(document: &[u8]) {
    assert!(document.iter().all(|&byte| byte >= b' ' || byte == b'\n'), "control character");
    let mut reader = quick_xml::Reader::from_reader(document);
    let mut buffer = Vec::new();
    loop {
        match reader.read_event_into(&mut buffer).unwrap() {
            quick_xml::events::Event::Eof => break,
            _ => buffer.clear(),
        }
    }
}

#[test]
fn votable_tabledata() {
    check(Format::VotableTableData, &Ending::Complete, "tabledata.vot");
}

#[test]
fn votable_binary2_with_overflow() {
    check(Format::VotableBinary2, &Ending::Overflow, "binary2.vot");
}

#[test]
fn votable_binary() {
    check(Format::VotableBinary, &Ending::Complete, "binary.vot");
}

#[test]
fn json() {
    check(Format::Json, &Ending::Overflow, "result.json");
    let found: serde_json::Value =
        serde_json::from_slice(&encode(Format::Json, 1, &Ending::Complete)).unwrap();
    assert_eq!(found["data"].as_array().unwrap().len(), 3);
    assert_eq!(found["data"][2][5], "<Ω&\u{1}\t𝛼>");
    assert_eq!(found["data"][0][0], i64::MAX);
    assert_eq!(found["metadata"][1]["unit"], "deg");
    assert_eq!(found["query_status"], "OK");
}

#[test]
fn html() {
    check(Format::Html, &Ending::Overflow, "result.html");
    for ending in [Ending::Complete, Ending::Failed("chunk <7>: \u{0} & worse".to_owned())] {
        let page = encode(Format::Html, 2, &ending);
        assert_well_formed(&page[page.iter().position(|b| *b == b'\n').unwrap()..]);
    }
}

#[test]
fn text() {
    check(Format::Text, &Ending::Complete, "result.txt");
}

#[test]
fn samples_are_kept_for_other_readers() {
    for format in Format::ALL {
        let bytes = encode(format, 2, &Ending::Complete);
        let empty = {
            let none = sample::batch().slice(0, 0);
            let canonical = Canonical::new(&none.schema()).unwrap();
            let provenance = sample::provenance();
            let spool = std::env::temp_dir();
            let mut encoder = encoder(format, canonical.schema(), &provenance, &spool).unwrap();
            let mut bytes = encoder.begin().unwrap();
            bytes.extend(encoder.end(&Ending::Overflow).unwrap());
            while let Some(more) = encoder.more().unwrap() {
                bytes.extend(more);
            }
            bytes
        };
        assert!(empty.len() < bytes.len(), "{format:?}: columns without rows are not shorter");
        if let Some(folder) = std::env::var_os("ALMAGEST_KEEP_SAMPLES") {
            let name = |what: &str| format!("{what}-{format:?}.{}", format.extension());
            std::fs::write(PathBuf::from(&folder).join(name("sample")), &bytes).unwrap();
            std::fs::write(PathBuf::from(&folder).join(name("empty")), &empty).unwrap();
        }
    }
}

#[test]
fn comma_separated() {
    check(Format::Csv, &Ending::Complete, "result.csv");
}

#[test]
fn tab_separated() {
    check(Format::Tsv, &Ending::Complete, "result.tsv");
}

#[test]
fn votable_is_well_formed_however_it_ends() {
    for format in [Format::VotableBinary2, Format::VotableBinary, Format::VotableTableData] {
        for ending in [
            Ending::Complete,
            Ending::Overflow,
            Ending::Failed("chunk <7>: \u{0} & worse".to_owned()),
        ] {
            assert_well_formed(&encode(format, 2, &ending));
        }
    }
}

#[test]
fn the_value_of_binary2_does_not_depend_on_batches() {
    let data = |batch_rows| {
        let document = encode(Format::VotableBinary2, batch_rows, &Ending::Complete);
        let document = String::from_utf8(document).unwrap();
        let (_, rest) = document.split_once("base64\">").unwrap();
        rest.split_once("</STREAM>").unwrap().0.replace('\n', "")
    };
    assert_eq!(data(1), data(3));
    assert_eq!(data(2), data(3));
}

#[test]
fn parquet_reads_back_and_describes_itself() {
    let bytes = bytes::Bytes::from(encode(Format::Parquet, 1, &Ending::Overflow));
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let metadata = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let value =
        |key: &str| metadata.iter().find(|kv| kv.key == key).unwrap().value.clone().unwrap();
    assert_eq!(value("IVOA.VOTable-Parquet.version"), "1.0");
    let document = value("IVOA.VOTable-Parquet.content");
    assert_well_formed(document.as_bytes());
    assert!(document.contains("ucd=\"pos.eq.ra;meta.main\""), "{document}");
    assert!(document.contains("value=\"OVERFLOW\""), "{document}");

    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(rows, 3);
    let ra = batches[0].column_by_name("ra").unwrap().as_primitive::<Float64Type>();
    assert_eq!(ra.value(0), 53.123_456_789_012_3);
    assert!(batches[0].schema().field(1).metadata().get("unit").is_some_and(|unit| unit == "deg"));
}
