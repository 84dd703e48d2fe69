//! What is said of a file beside its rows: that it was cut off, that it has other tables.

use std::fs;

use almagest_ingest::format::{self, TableChoice};
use almagest_ingest::{ReadOptions, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Datatype, SchemaDef, TableKind};

use crate::sky_tables::{Null, column, schema, table};
use crate::typed_formats::data;

/// Append a file of two ids in batches of two: the lines of the transaction's report, or the error.
fn append(name: &str, bytes: &[u8], choice: TableChoice) -> Result<Vec<String>, String> {
    let folder = tempfile::tempdir().unwrap();
    let columns = vec![column("id", Datatype::Long, Null::Forbidden)];
    let tables = vec![table("Obs", TableKind::Replicated, Some("id"), columns)];
    let root = folder.path().join("catalog");
    let chunking = Chunking::try_new(1).unwrap();
    let store = CatalogStore::create(&root, &SchemaDef { tables, ..schema() }, chunking).unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let short = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
    let options = ReadOptions { table: choice, batch_rows: 2, ..ReadOptions::default() };
    let mut transaction = Transaction::begin(&store).unwrap();
    let report = transaction.append_file("Obs", &path, &options);
    let report = report.map_err(|error| short(error.to_string()))?;
    assert_eq!(report.n_rows, 2);
    let committed = transaction.commit().unwrap();
    assert_eq!(committed.tables["Obs"].lines(), report.lines());
    Ok(report.lines().into_iter().map(short).collect())
}

fn check(name: &str, bytes: &[u8], expected: Result<&[&str], &str>) {
    let lines = append(name, bytes, TableChoice::First);
    let expected = expected.map(|lines| lines.iter().map(|&line| line.to_owned()).collect());
    assert_eq!(lines, expected.map_err(str::to_owned));
}

const DATA: &str = "<FIELD name='id' datatype='long'/><DATA><TABLEDATA><TR><TD>1</TD></TR>\
                    <TR><TD>2</TD></TR></TABLEDATA></DATA>";
const BINARY: &str = "<FIELD name='id' datatype='long'/><DATA><BINARY><STREAM encoding='base64'>\
                      AAAAAAAAAAEAAAAAAAAAAg==</STREAM></BINARY></DATA>";

fn votable(inside: &str) -> Vec<u8> {
    format!("<VOTABLE><RESOURCE type='results'>{inside}</RESOURCE></VOTABLE>").into_bytes()
}

fn status(value: &str, text: &str) -> String {
    format!("<INFO name='QUERY_STATUS' value='{value}'>{text}</INFO>")
}

#[test]
fn a_votable_that_was_cut_off() {
    let warning = "a.vot: warning: rows are missing, as the service that wrote the table cut it \
                   off (QUERY_STATUS is OVERFLOW)";
    let overflow = status("OVERFLOW", "");
    for data in [DATA, BINARY] {
        check("a.vot", &votable(&format!("<TABLE>{data}</TABLE>")), Ok(&[]));
        for votable in [
            votable(&format!("<TABLE>{data}</TABLE>{overflow}")),
            votable(&format!("<TABLE>{data}{overflow}</TABLE>")),
            votable(&format!("{overflow}<TABLE>{data}</TABLE>")),
            votable(&format!("<TABLE>{overflow}{data}</TABLE>")),
        ] {
            check("a.vot", &votable, Ok(&[warning]));
        }
    }
}

#[test]
fn a_votable_of_a_failure() {
    let error = status("ERROR", "out of time");
    let refusal = "a.vot: the service that wrote the table failed on the way: out of time";
    for votable in [
        votable(&format!("<TABLE>{DATA}</TABLE>{error}")),
        votable(&format!("{error}<TABLE>{DATA}</TABLE>")),
        votable(&format!("<TABLE>{error}{DATA}</TABLE>")),
    ] {
        check("a.vot", &votable, Err(refusal));
    }
    let silent = votable(&status("ERROR", ""));
    check("a.vot", &silent, Err("a.vot: no table in the file: QUERY_STATUS is ERROR"));
}

/// Rows as FITS, whose end is not that of the document.
#[test]
fn what_stands_behind_fits_in_a_votable() {
    let whole = fs::read_to_string(data("stilts_fits.vot")).unwrap();
    let read = |status: &str| -> Result<String, String> {
        let text = whole.replace("</TABLE>", &format!("</TABLE>{status}"));
        let bytes = std::io::Cursor::new(text.into_bytes());
        let reader = format::read_from(bytes, "a.vot", &ReadOptions::default());
        let batches = reader.and_then(|reader| reader.collect::<Result<Vec<_>, _>>());
        let batches = batches.map_err(|error| error.to_string())?;
        Ok(format!("{:?}", batches.last().unwrap().batch.schema().metadata()))
    };
    assert_eq!(read(""), Ok("{}".to_owned()));
    assert!(read(&status("OVERFLOW", "")).unwrap().contains("warning: rows are missing"));
    let refusal = "a.vot: the service that wrote the table failed on the way: out of time";
    assert_eq!(read(&status("ERROR", "out of time")), Err(refusal.to_owned()));
}

#[test]
fn other_tables_of_a_votable() {
    let three = votable(&format!(
        "<TABLE name='stars'>{DATA}</TABLE><TABLE ID='more'>{DATA}</TABLE><TABLE>{DATA}</TABLE>"
    ));
    let note = "a.vot: table stars was read, the first of 3; not read: more, 2";
    check("a.vot", &three, Ok(&[note]));
    for choice in [TableChoice::Index(0), TableChoice::Name("more".to_owned())] {
        assert_eq!(append("a.vot", &three, choice), Ok(vec![]));
    }
}

fn fits_unit(cards: &[&str], data: &[u8]) -> Vec<u8> {
    let mut unit: Vec<u8> =
        cards.iter().chain(&["END"]).flat_map(|c| format!("{c:<80}").into_bytes()).collect();
    unit.resize(unit.len().next_multiple_of(2880), b' ');
    unit.extend(data);
    unit.resize(unit.len().next_multiple_of(2880), 0);
    unit
}

fn primary() -> Vec<u8> {
    fits_unit(&["SIMPLE  =                    T", "BITPIX  = 8", "NAXIS   = 0"], &[])
}

/// Two ids, as numbers or as arrays of one number.
fn bintable(name: &str, form: &str) -> Vec<u8> {
    let name = format!("EXTNAME = '{name}'");
    let form_card = format!("TFORM1  = '{form}'");
    let (row_bytes, heap) =
        if form == "K" { ("NAXIS1  = 8", "PCOUNT  = 0") } else { ("NAXIS1  = 8", "PCOUNT  = 16") };
    let mut data = vec![];
    for id in 1..=2_u64 {
        match form {
            "K" => data.extend(id.to_be_bytes()),
            _ => data.extend([1_u32.to_be_bytes(), (8 * (id as u32 - 1)).to_be_bytes()].concat()),
        }
    }
    if form != "K" {
        data.extend([1_u64.to_be_bytes(), 2_u64.to_be_bytes()].concat());
    }
    fits_unit(
        &[
            "XTENSION= 'BINTABLE'",
            "BITPIX  = 8",
            "NAXIS   = 2",
            row_bytes,
            "NAXIS2  = 2",
            heap,
            "GCOUNT  = 1",
            "TFIELDS = 1",
            "TTYPE1  = 'id'",
            &form_card,
            &name,
        ],
        &data,
    )
}

fn ascii_table() -> Vec<u8> {
    let cards = [
        "XTENSION= 'TABLE'",
        "BITPIX  = 8",
        "NAXIS   = 2",
        "NAXIS1  = 4",
        "NAXIS2  = 2",
        "PCOUNT  = 0",
        "GCOUNT  = 1",
        "TFIELDS = 1",
        "TTYPE1  = 'id'",
        "TBCOL1  = 1",
        "TFORM1  = 'I4'",
        "EXTNAME = 'OLD'",
    ];
    fits_unit(&cards, b"   1   2")
}

#[test]
fn other_tables_of_a_fits_file() {
    let image = fits_unit(
        &["XTENSION= 'IMAGE'", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 5000"],
        &[7; 5000],
    );
    let one = [primary(), image.clone(), bintable("STARS", "K")].concat();
    check("a.fits", &one, Ok(&[]));
    let several = [one, image, bintable("MORE", "K"), ascii_table(), bintable("", "K")].concat();
    let note = "a.fits: table STARS (HDU 2) was read, the first of 4; not read: MORE (HDU 4), OLD \
                (HDU 5), of HDU 6";
    check("a.fits", &several, Ok(&[note]));
    for choice in [TableChoice::Index(0), TableChoice::Name("more".to_owned())] {
        assert_eq!(append("a.fits", &several, choice), Ok(vec![]));
    }
    // As a stream the file is read once.
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &several).unwrap();
    check("a.fits", &gzip.finish().unwrap(), Ok(&[note]));
    // A damaged end is no fault of the first table.
    check(
        "a.fits",
        &several[..several.len() - 5000],
        Ok(&[&note.replace("4; ", "3; ").replace(", of HDU 6", "")]),
    );
}

/// As our own service writes its results.
#[test]
fn a_fits_table_that_was_cut_off() {
    let with = |status: &str| {
        let table = String::from_utf8(bintable("STARS", "K")).unwrap();
        let blank = format!("{:<80}{:<80}", "END", "");
        let cards = format!("{:<80}{:<80}", format!("QSTATUS = '{status}'"), "END");
        [primary(), table.replacen(&blank, &cards, 1).into_bytes()].concat()
    };
    let warning = "a.fits: warning: rows are missing, as the service that wrote the table cut it \
                   off (QSTATUS is OVERFLOW)";
    check("a.fits", &with("OK"), Ok(&[]));
    check("a.fits", &with("OVERFLOW"), Ok(&[warning]));
    let refusal = "a.fits: the service that wrote the table failed on the way: QSTATUS is ERROR";
    check("a.fits", &with("ERROR"), Err(refusal));
}

#[test]
fn other_tables_behind_a_heap() {
    let several = [primary(), bintable("LISTS", "1PK"), bintable("MORE", "K")].concat();
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &several).unwrap();
    for bytes in [several, gzip.finish().unwrap()] {
        let rows = std::io::Cursor::new(bytes);
        let reader = format::read_from(rows, "a", &ReadOptions::default());
        let last = reader.unwrap().last().unwrap().unwrap().batch;
        let metadata = format!("{:?}", last.schema().metadata());
        assert!(metadata.contains("table LISTS (HDU 1) was read"), "{metadata}");
        assert!(metadata.contains("not read: MORE (HDU 2)"), "{metadata}");
    }
}

#[test]
fn an_ascii_table_of_a_fits_file() {
    let refusal = "a.fits: not read: an ASCII table (XTENSION = 'TABLE'); binary tables are";
    check("a.fits", &[primary(), ascii_table()].concat(), Err(refusal));
    let both = [primary(), ascii_table(), bintable("STARS", "K")].concat();
    check("a.fits", &both, Ok(&[]));
    let old = TableChoice::Name("old".to_owned());
    assert_eq!(append("a.fits", &both, old), Err(refusal.to_owned()));
}
