//! Files with types of their own, written by astropy, STILTS, pandas and pyarrow: values, types
//! and metadata. `tests/data/make.py` makes the files.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use almagest_ingest::format::{self, FileRows, TableChoice};
use almagest_ingest::{ConformOptions, Error, ErrorKind, Format, ReadOptions, conform};
use almagest_storage::schema::arrow::{ARRAYSIZE, COOSYS, DESCRIPTION, TIMESYS, UCD, UNIT, UTYPE};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bzip2::write::BzEncoder;
use flate2::{Compression, write::GzEncoder};

pub(crate) fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn whole(reader: almagest_ingest::TableReader) -> Result<RecordBatch, Error> {
    let schema = reader.schema();
    let batches = reader.map(|rows| rows.map(|FileRows { batch, .. }| batch));
    Ok(concat_batches(&schema, &batches.collect::<Result<Vec<_>, _>>()?).unwrap())
}

/// Batches of three rows, so that the four rows of the files are in two.
fn options() -> ReadOptions {
    ReadOptions { batch_rows: 3, ..ReadOptions::default() }
}

/// The columns as `name type`, then the rows; values between bars, NULL is empty.
pub(crate) fn shown(batch: &RecordBatch) -> Vec<String> {
    let format = FormatOptions::new();
    let formatters: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &format).unwrap())
        .collect();
    let schema = batch.schema();
    let types = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    let mut lines = vec![types.collect::<Vec<_>>().join("|")];
    for row in 0..batch.num_rows() {
        let values = formatters.iter().map(|column| column.value(row).to_string());
        lines.push(values.collect::<Vec<_>>().join("|"));
    }
    lines
}

/// Read a file from its path, then from a stream, then compressed, each time with the same result.
fn check(name: &str, options: &ReadOptions, expected: &[&str]) -> RecordBatch {
    let path = data(name);
    let from_path = whole(format::read(&path, options).unwrap()).unwrap();
    assert_eq!(shown(&from_path), expected, "{name}");

    let stream = File::open(&path).unwrap();
    let from_stream = whole(format::read_from(stream, name, options).unwrap()).unwrap();
    assert_eq!(from_stream, from_path, "{name} as a stream");

    let bytes = fs::read(&path).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    let gzip = std::io::Cursor::new(gzip.finish().unwrap());
    // The name says nothing of the format: the first bytes do, except where they cannot.
    let upload = if name.ends_with("jsonl") { "upload.jsonl" } else { "upload" };
    let from_gzip = whole(format::read_from(gzip, upload, options).unwrap()).unwrap();
    assert_eq!(from_gzip, from_path, "{name} in gzip");

    let mut bzip = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip.write_all(&bytes).unwrap();
    let bzip = std::io::Cursor::new(bzip.finish().unwrap());
    let from_bzip = whole(format::read_from(bzip, upload, options).unwrap()).unwrap();
    assert_eq!(from_bzip, from_path, "{name} in bzip2");

    let zstd = zstd::encode_all(bytes.as_slice(), 1).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let compressed = folder.path().join(format!("{name}.zst"));
    fs::write(&compressed, zstd).unwrap();
    let from_zstd = whole(format::read(&compressed, options).unwrap()).unwrap();
    assert_eq!(from_zstd, from_path, "{name} in zstd");
    from_path
}

fn fact<'a>(batch: &'a RecordBatch, column: &str, key: &str) -> Option<&'a str> {
    batch.schema_ref().field_with_name(column).unwrap().metadata().get(key).map(String::as_str)
}

#[test]
fn votables_of_astropy() {
    let expected = [
        "id Int64|ra Float64|dec Float64|flag Boolean|u1 UInt8|i2 Int16|i4 Int32|f4 Float32|name Utf8|vec List(Float32)|mat List(Int32)|var List(Float64)|cplx List(Float32)",
        "1|10.5|-20.25|true|0|-32768|-2147483647|1.5|alpha|[1.0, 2.0, 3.0]|[0, 1, 2, 3, 4, 5]|[1.5]|[1.0, 2.0]",
        "2|359.999999999|89.5||||||",
        "3|0.0|0.0|false|128|0|0|-0.25|a<b & \"c\"|[7.0, 8.0, 9.0]|[12, 13, 14, 15, 16, 17]|[2.5, 3.5]|[-0.0, -1.0]",
        "9007199254740993|180.25|-90.0|true|255|32767|2147483647|inf|été|[10.0, 11.0, 12.0]|[18, 19, 20, 21, 22, 23]|[4.5]|[3.0, 0.0]",
    ];
    for name in ["astropy_tabledata.vot", "astropy_binary.vot", "astropy_binary2.vot"] {
        // BINARY has no NULL for a bit.
        let flag = if name == "astropy_binary.vot" { "false" } else { "" };
        // Only BINARY2 tells an array without elements from none.
        let var = if name == "astropy_binary2.vot" { "[]" } else { "" };
        let second = format!(
            "2|359.999999999|89.5|{flag}||||||[4.0, , 6.0]|[6, 7, 8, 9, 10, 11]|{var}|[0.0, 0.0]"
        );
        let mut expected = expected;
        expected[2] = &second;
        let batch = check(name, &options(), &expected);
        assert_eq!(fact(&batch, "ra", UCD), Some("pos.eq.ra;meta.main"));
        assert_eq!(fact(&batch, "ra", UNIT), Some("deg"));
        assert_eq!(fact(&batch, "ra", DESCRIPTION), Some("Right ascension"));
        assert_eq!(fact(&batch, "ra", ARRAYSIZE), None);
        assert_eq!(fact(&batch, "mat", ARRAYSIZE), Some("3x2"));
        assert_eq!(fact(&batch, "name", ARRAYSIZE), Some("9"));
    }
}

#[test]
fn votables_and_fits_files_of_stilts() {
    let whole = [
        "id Int64|ra Float64|dec Float64|flag Boolean|u1 UInt8|i2 Int16|i4 Int32|f4 Float32|name Utf8|vec List(Float32)|mat List(Int32)",
        "1|10.5|-20.25|true|0|-32767|-2147483647|1.5|alpha|[1.0, 2.0, 3.0]|[0, 1, 2, 3, 4, 5]",
        "2|359.999999999|89.5|||||||[4.0, , 6.0]|[6, 7, 8, 9, 10, 11]",
        "3|0.0|0.0|false|128|0|0|-0.25|a<b & \"c\"|[7.0, 8.0, 9.0]|[12, 13, 14, 15, 16, 17]",
        "9007199254740993|180.25|-90.0|true|254|32767|2147483647|0.5|omega|[10.0, 11.0, 12.0]|[18, 19, 20, 21, 22, 23]",
    ];
    for name in [
        "stilts_tabledata.vot",
        "stilts_binary.vot",
        "stilts_binary2.vot",
        "stilts_fits.vot",
        "stilts.fits",
        "stilts_var.fits",
    ] {
        let batch = check(name, &options(), &whole);
        assert_eq!(fact(&batch, "ra", UCD), Some("pos.eq.ra;meta.main"), "{name}");
        assert_eq!(fact(&batch, "ra", UTYPE), Some("stc:ra"), "{name}");
        assert_eq!(fact(&batch, "id", DESCRIPTION), Some("number of the star"), "{name}");
        assert_eq!(fact(&batch, "mat", ARRAYSIZE), Some("2x3"), "{name}");
    }
}

#[test]
fn a_fits_table_with_every_type() {
    let expected = [
        "id Int64|ra Float64|dec Float64|flag Boolean|bits List(Boolean)|u1 UInt8|i1 Int8|i2 Int16|u2 UInt16|i4 Int32|u4 UInt32|u8 UInt64|scaled Float64|f4 Float32|name Utf8|names List(Utf8)|vec List(Float32)|mat List(Int32)|var List(Int32)|wide List(Int32)|cplx List(Float32)",
        "1|10.5|-20.25|true|[true, false, true, false, true, false, true, false, true, false, true]|0|-128|-32768|0|-2147483647|0|0|100.0|1.5|alpha|[a, bc, def]|[1.0, 2.0, 3.0]|[0, 1, 2, 3, 4, 5]|[1, 2]|[1, 2]|[1.0, 2.0]",
        "2|359.999999999|89.5|false|[true, false, true, false, true, false, true, false, true, false, true]||0||1||1|1|100.5|||[a, bc, def]|[4.0, , 6.0]|[6, 7, 8, 9, 10, 11]|||[0.0, 0.0]",
        "3|0.0|0.0|false|[true, false, true, false, true, false, true, false, true, false, true]|128|1|0|32768|0|2147483648|9223372036854775808|99.0|-0.25|a<b & \"c\"|[a, bc, def]|[7.0, 8.0, 9.0]|[12, 13, 14, 15, 16, 17]|[3]|[3]|[-0.0, -1.0]",
        "9007199254740993|180.25|-90.0|true|[true, false, true, false, true, false, true, false, true, false, true]|255|127|32767|65535|2147483647|4294967295|18446744073709551615|101.0|inf|omega|[a, bc, def]|[10.0, 11.0, 12.0]|[18, 19, 20, 21, 22, 23]|[4, 5, 6]|[4, 5, 6]|[3.0, 0.0]",
    ];
    let batch = check("astropy.fits", &options(), &expected);
    assert_eq!(fact(&batch, "ra", DESCRIPTION), Some("Right ascension"));
    assert_eq!(fact(&batch, "mat", ARRAYSIZE), Some("2x3"));
}

#[test]
fn ecsv_of_astropy() {
    let expected = [
        "id Int64|ra Float64|dec Float64|flag Boolean|u1 UInt8|i2 Int16|i4 Int32|f4 Float32|name Utf8|vec List(Float32)|mat List(Int32)",
        "1|10.5|-20.25|true|0|-32768|-2147483647|1.5|alpha|[1.0, 2.0, 3.0]|[0, 1, 2, 3, 4, 5]",
        "2|359.999999999|89.5|||||||[4.0, , 6.0]|[6, 7, 8, 9, 10, 11]",
        "3|0.0|0.0|false|128|0|0|-0.25|a<b & \"c\"|[7.0, 8.0, 9.0]|[12, 13, 14, 15, 16, 17]",
        "9007199254740993|180.25|-90.0|true|255|32767|2147483647|inf|été|[10.0, 11.0, 12.0]|[18, 19, 20, 21, 22, 23]",
    ];
    for name in ["astropy.ecsv", "astropy_comma.ecsv"] {
        let batch = check(name, &options(), &expected);
        assert_eq!(fact(&batch, "ra", UCD), Some("pos.eq.ra;meta.main"));
        assert_eq!(fact(&batch, "ra", UNIT), Some("deg"));
        assert_eq!(fact(&batch, "mat", ARRAYSIZE), Some("2x3"));
    }
}

#[test]
fn files_of_pandas_and_pyarrow() {
    let json = [
        "id Int64|ra Float64|i4 Int64|flag Boolean|name Utf8",
        "1|10.5|-2147483647|true|alpha",
        "2|359.999999999|||",
        "3|0.0|0|false|a<b & \"c\"",
        "9007199254740993|180.25|2147483647|true|été",
    ];
    check("pandas.jsonl", &options(), &json);
    let mut parquet = json;
    parquet[0] = "id Int64|ra Float64|i4 Int32|flag Boolean|name Utf8";
    // Newer pandas write their strings with wide offsets.
    let batch = whole(format::read(&data("pandas.parquet"), &options()).unwrap()).unwrap();
    assert_eq!(shown(&batch)[1..], parquet[1..]);
    let arrow = [
        "1|10.5|-2147483647|true|alpha|star|[1.5]",
        "2|359.999999999||||galaxy|",
        "3|0.0|0|false|a<b & \"c\"|star|[2.5, 3.5]",
        "9007199254740993|180.25|2147483647|true|été||[]",
    ];
    for name in ["pyarrow.arrow", "pyarrow.arrows"] {
        let batch = whole(format::read(&data(name), &ReadOptions::default()).unwrap()).unwrap();
        assert_eq!(shown(&batch)[1..], arrow, "{name}");
        let header = shown(&batch)[0].clone();
        check(name, &options(), &[&[header.as_str()][..], &arrow[..]].concat());
    }
}

/// Read a text as an upload; the rows or the error without the name.
fn upload(text: &str, options: &ReadOptions) -> Result<Vec<String>, String> {
    let bytes = std::io::Cursor::new(text.to_owned().into_bytes());
    let result = format::read_from(bytes, "upload t", options).and_then(whole);
    let cut = |error: Error| error.to_string().trim_start_matches("upload t: ").to_owned();
    result.map(|batch| shown(&batch)).map_err(cut)
}

fn votable(fields: &str, rows: &str) -> String {
    format!(
        "<?xml version='1.0'?>\n<v:VOTABLE version='1.1' xmlns:v='http://www.ivoa.net/xml/VOTable/v1.1'>\
         <v:RESOURCE><v:TABLE name='t'>{fields}<v:DATA><v:TABLEDATA>{rows}</v:TABLEDATA></v:DATA>\
         </v:TABLE></v:RESOURCE></v:VOTABLE>"
    )
}

fn check_votable(fields: &str, rows: &str, expected: Result<&[&str], &str>) {
    let found = upload(&votable(fields, rows), &ReadOptions::default());
    let expected = expected
        .map(|rows| rows.iter().map(|row| (*row).to_owned()).collect())
        .map_err(str::to_owned);
    assert_eq!(found, expected, "{fields} {rows}");
}

#[test]
fn cells_of_a_votable() {
    check_votable(
        "<FIELD name='when' datatype='char' arraysize='*' xtype='timestamp'/>\
         <FIELD name='n' datatype='int'><VALUES null='-99'/></FIELD>\
         <FIELD name='words' datatype='char' arraysize='3x*'/><FIELD name='one' datatype='char'/>\
         <FIELD name='b' datatype='bit' arraysize='3'/>",
        "<TR><TD>2026-01-02T03:04:05.5</TD><TD> 0x1F </TD><TD>a  bc def</TD><TD>&lt;</TD><TD>1 01</TD></TR>\n\
         <TR><TD/><TD>-99</TD><TD></TD><TD><![CDATA[&]]></TD><TD>000</TD></TR>",
        Ok(&[
            "when Timestamp(µs)|n Int32|words List(Utf8)|one Utf8|b List(Boolean)",
            "2026-01-02T03:04:05.500|31|[a, bc, def]|<|[true, false, true]",
            "|||&|[false, false, false]",
        ]),
    );
    let int = "<FIELD name='n' datatype='int'/>";
    check_votable(int, "", Ok(&["n Int32"]));
    check_votable(
        int,
        "<TR><TD>1</TD></TR><TR><TD>bright</TD></TR>",
        Err("row 2, column n: \"bright\" is not a 32-bit integer"),
    );
    check_votable(
        int,
        "<TR><TD>3000000000</TD></TR>",
        Err("row 1, column n: \"3000000000\" is not a 32-bit integer"),
    );
    check_votable(
        int,
        "<TR><TD>1</TD><TD>2</TD></TR>",
        Err("row 1: 2 fields where the header names 1"),
    );
    check_votable(
        "<FIELD name='v' datatype='float' arraysize='2'/>",
        "<TR><TD>1 2 3</TD></TR>",
        Err("row 1, column v: 3 elements where there must be 2"),
    );
    check_votable("<FIELD name='n' datatype='integer'/>", "", Err("column n: no datatype integer"));
    check_votable("", "", Err("header: a TABLE without FIELD"));
}

#[test]
fn systems_that_a_field_refers_to() {
    let text = votable(
        "<COOSYS ID='s' system='ICRS' epoch='2016.0'/><TIMESYS ID='t' timescale='TAI' timeorigin='MJD-origin' refposition='TOPOCENTER'/>\
         <FIELD name='ra' datatype='double' ref='s'/><FIELD name='mjd' datatype='double' ref='t'/>",
        "",
    );
    let bytes = std::io::Cursor::new(text.into_bytes());
    let batch = whole(format::read_from(bytes, "u", &ReadOptions::default()).unwrap()).unwrap();
    assert_eq!(fact(&batch, "ra", COOSYS), Some("system=ICRS epoch=2016.0"));
    let time = "timescale=TAI timeorigin=MJD-origin refposition=TOPOCENTER";
    assert_eq!(fact(&batch, "mjd", TIMESYS), Some(time));
}

#[test]
fn hostile_and_broken_documents_are_refused_in_words() {
    let check = |text: &str, expected: &str| {
        let error = upload(text, &ReadOptions::default()).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        "<?xml version='1.0'?><!DOCTYPE v [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><VOTABLE>&b;</VOTABLE>",
        "a DOCTYPE with declarations of its own is not read",
    );
    check("<?xml version='1.0'?><html><body/></html>", "header: the document is a html");
    check("<?xml version='1.0' encoding='EBCDIC'?><VOTABLE/>", "not read: text encoded as ebcdic");
    let field = "<FIELD name='n' datatype='int'/>";
    let whole = votable(field, "<TR><TD>1</TD></TR>");
    check(&whole[..whole.len() - 12], "the file ends within");
    let two = votable(field, "<TR><TD>1</TD></TR><TR><TD>2</TD></TR>");
    let before = |part: &str| &two[..two.find(part).unwrap()];
    check(before("</TD></TR></"), "the file ends within row 2");
    check(before("<TR><TD>2"), "the file ends within TABLEDATA, after row 1");
    check(&whole[..whole.len() - 30], "not well-formed XML at byte ");
    check(&whole.replace("</TD></TR>", "</TR>"), "not well-formed XML at byte ");
    check(&whole.replace("<TD>1", "<TD>&b;"), "not well-formed XML at byte ");
    check(
        &whole.replace(
            "</v:TABLE>",
            "</v:TABLE><INFO name='QUERY_STATUS' value='ERROR'>out of time</INFO>",
        ),
        "the service that wrote the table failed on the way: out of time",
    );
    check(
        "<VOTABLE><RESOURCE><INFO name='QUERY_STATUS' value='ERROR'>no such table</INFO></RESOURCE></VOTABLE>",
        "no table in the file: no such table",
    );
    let binary = |stream: &str| {
        format!(
            "<VOTABLE><RESOURCE><TABLE>{field}<DATA><BINARY>{stream}</BINARY></DATA></TABLE></RESOURCE></VOTABLE>"
        )
    };
    check(
        &binary("<STREAM href='file:///etc/passwd'/>"),
        "data at another address are not fetched: file:///etc/passwd",
    );
    check(
        &binary("<STREAM encoding='base64'>AAAAAQAA</STREAM>"),
        "row 2, column n: the file ends within the value",
    );
    check(&binary("<STREAM encoding='base64'>A!AA</STREAM>"), "data cannot be decoded: base64");
    let deep = "<a>".repeat(100_000);
    check(&format!("<VOTABLE>{deep}"), "not read: elements nested");
    assert_eq!(
        upload(
            &binary("<STREAM encoding='base64'>\nAAAA\n AQAAAAI= </STREAM>"),
            &ReadOptions::default()
        ),
        Ok(vec!["n Int32".to_owned(), "1".to_owned(), "2".to_owned()])
    );
}

#[test]
fn one_table_of_several() {
    let two = votable("<FIELD name='n' datatype='int'/>", "<TR><TD>1</TD></TR>").replace(
        "<v:RESOURCE>",
        "<v:RESOURCE><v:TABLE ID='first'><FIELD name='m' datatype='int'/></v:TABLE>",
    );
    let with = |table| ReadOptions { table, ..ReadOptions::default() };
    let name = |name: &str| with(TableChoice::Name(name.to_owned()));
    assert_eq!(upload(&two, &with(TableChoice::First)), Ok(vec!["m Int32".to_owned()]));
    for options in [name("T"), with(TableChoice::Index(1))] {
        assert_eq!(upload(&two, &options), Ok(vec!["n Int32".to_owned(), "1".to_owned()]));
    }
    let error = upload(&two, &name("third")).unwrap_err();
    assert_eq!(error, "no table third in the file, it has first, t");

    let second = format::read(&data("astropy.fits"), &name("more")).unwrap();
    assert_eq!(whole(second).unwrap().num_rows(), 4);
    let error = format::read(&data("astropy.fits"), &with(TableChoice::Index(2))).unwrap_err();
    assert!(error.to_string().ends_with("no table 2 in the file, it has STARS, MORE"), "{error}");
}

#[test]
fn limits_are_named() {
    for name in [
        "astropy.fits",
        "stilts_binary2.vot",
        "astropy.ecsv",
        "pyarrow.arrow",
        "pandas.jsonl",
        "pandas.parquet",
    ] {
        let read = |options: ReadOptions| format::read(&data(name), &options).and_then(whole);
        let four = ReadOptions { max_rows: Some(4), ..options() };
        assert_eq!(read(four).unwrap().num_rows(), 4, "{name}");
        let three = ReadOptions { max_rows: Some(3), ..ReadOptions::default() };
        let error = read(three).unwrap_err();
        assert!(error.to_string().ends_with(": more than 3 rows, the limit"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Input);
        let error = read(ReadOptions { max_bytes: Some(200), ..options() }).unwrap_err();
        let expected = ": more than 200 bytes after decompression, the limit";
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    // A megabyte of zeros is a thousand bytes.
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![b'0'; 4 << 20]).unwrap();
    let bomb = std::io::Cursor::new(gzip.finish().unwrap());
    let options = ReadOptions {
        format: Some(Format::Csv),
        max_bytes: Some(1 << 20),
        ..ReadOptions::default()
    };
    let error = format::read_from(bomb, "bomb", &options).and_then(whole).unwrap_err();
    assert_eq!(error.to_string(), "bomb: more than 1048576 bytes after decompression, the limit");
}

#[test]
fn json_lines_that_are_none() {
    let options = ReadOptions { format: Some(Format::JsonLines), ..ReadOptions::default() };
    let check = |text: &str, expected: &str| {
        let error = upload(text, &options).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    };
    check(
        "{\"a\":1}\n{\"a\":\"x\"}\n",
        "row 2, column a: \"\\\"x\\\"\" is not a number, as in the other rows",
    );
    check("{\"a\":1}\n{\"a\":{}}\n", "row 2, column a: \"{}\" is not a number");
    check("{\"a\":1}\n[1]\n", "row 2: not a JSON object");
    check("{\"a\":1}\n{\"a\":1,\"b\":2,\"a\":1}\n", "row 2: the key a is there twice");
    let no_number = "row 2: not a JSON object: Infinity, which is no number of JSON";
    check("{\"a\":1}\n{\"a\":-Infinity}\n", no_number);
    check("{\"a\":NaNa}\n", "row 1: not a JSON object: expected");
    let mixed = "{\"a\":1,\"v\":[]}\n\n{\"b\":\"x\",\"a\":2.5,\"v\":[1,null]}\n";
    assert_eq!(
        upload(mixed, &options),
        Ok(vec![
            "a Float64|v List(Int64)|b Utf8".to_owned(),
            "1.0|[]|".to_owned(),
            "2.5|[1, ]|x".to_owned(),
        ])
    );
}

/// As Python's json writes them; what stands in a text stays.
#[test]
fn json_lines_with_nan() {
    let options = ReadOptions { format: Some(Format::JsonLines), ..ReadOptions::default() };
    let text =
        "{\"a\": NaN, \"NaN\": \"NaN, \\\" NaN\"}\n{\"a\": 2.5, \"NaN\": NaN, \"v\": [NaN,1]}\n";
    let expected = ["a Float64|NaN Utf8|v List(Int64)", "|NaN, \" NaN|", "2.5||[, 1]"];
    assert_eq!(upload(text, &options), Ok(expected.map(str::to_owned).to_vec()));
}

/// A file that never ends: a beginning, then the same bytes again and again.
fn endless(head: &str, again: &'static [u8]) -> impl Read + Send + 'static {
    let again = (0..).map(move |_| again);
    let tail = again.flatten().copied();
    std::io::Cursor::new(head.to_owned().into_bytes()).chain(Cycle(Box::new(tail)))
}

struct Cycle(Box<dyn Iterator<Item = u8> + Send>);

impl Read for Cycle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        for (place, byte) in buffer.iter_mut().zip(&mut self.0) {
            *place = byte;
        }
        Ok(buffer.len())
    }
}

#[test]
fn the_first_rows_come_before_the_last_ones_are_read() {
    let check = |head: &str, again: &'static [u8]| {
        let rows = format::read_from(endless(head, again), "endless", &options()).unwrap();
        let n_rows: usize = rows.take(3).map(|rows| rows.unwrap().batch.num_rows()).sum();
        assert_eq!(n_rows, 9, "{head}");
        let limited = ReadOptions { max_bytes: Some(1 << 20), ..ReadOptions::default() };
        let rows = format::read_from(endless(head, again), "endless", &limited).unwrap();
        let error = rows.map(|rows| rows.map(drop)).find_map(Result::err).unwrap();
        assert!(matches!(error, Error::Limit { .. }), "{error}");
    };
    let table = "<VOTABLE><RESOURCE><TABLE><FIELD name='n' datatype='int'/><DATA>";
    check(&format!("{table}<TABLEDATA>"), b"<TR><TD>1</TD></TR>\n");
    check(&format!("{table}<BINARY><STREAM encoding='base64'>"), b"AAAA\n");
    check("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: n, datatype: int32}\nn\n", b"1\n");
    let cards = |cards: &[&str]| {
        let cards = cards.iter().map(|card| format!("{card:<80}")).collect::<String>();
        format!("{cards:<2880}")
    };
    let primary = cards(&["SIMPLE  =                    T", "BITPIX  = 8", "NAXIS   = 0", "END"]);
    let table = cards(&[
        "XTENSION= 'BINTABLE'",
        "BITPIX  = 8",
        "NAXIS   = 2",
        "NAXIS1  = 4",
        "NAXIS2  = 1000000000000",
        "TFIELDS = 1",
        "TFORM1  = 'J'",
        "END",
    ]);
    check(&format!("{primary}{table}"), &[0, 0, 0, 1]);
}

#[test]
fn typed_columns_conform_to_a_table() {
    let text = votable(
        "<FIELD name='SourceId' datatype='int'/><FIELD name='ra' datatype='float'/>\
         <FIELD name='dec' datatype='double'/><FIELD name='flux' datatype='unsignedByte'/>",
        "<TR><TD>7</TD><TD>10.5</TD><TD>-20</TD><TD>3</TD></TR>\
         <TR><TD>8</TD><TD>11</TD><TD>-21</TD><TD/></TR>",
    );
    let rows = format::read_from(std::io::Cursor::new(text.into_bytes()), "u", &options()).unwrap();
    let rows = rows.map(Result::unwrap).next().unwrap();
    let schema = crate::sky_tables::schema();
    let source = schema.table("Source").unwrap();
    let (conformed, _) =
        conform(source, &rows.batch, &rows.origin, &ConformOptions::default()).unwrap();
    assert_eq!(conformed.schema(), source.arrow_schema());
    let lines = shown(&conformed);
    assert!(
        lines[1].contains("7") && lines[1].contains("10.5") && lines[1].contains("3.0"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 3);
}
