//! Files in, batches with row numbers out; every refusal names file and row.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use almagest_ingest::{ConformOptions, Format, ReadOptions, conform, format};
use arrow::array::{Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use flate2::{Compression, write::GzEncoder};
use parquet::arrow::ArrowWriter;

use crate::sky_tables::{self, batch, values};

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// Read a whole file; the error's text without the folder.
fn read(path: &Path, options: &ReadOptions) -> Result<RecordBatch, String> {
    let shorten = |error: almagest_ingest::Error| {
        error.to_string().replace(&format!("{}/", path.parent().unwrap().display()), "")
    };
    let mut batches = Vec::new();
    let mut next_row = 1;
    for rows in format::read(path, options).map_err(shorten)? {
        let rows = rows.map_err(shorten)?;
        assert_eq!(rows.origin.first_row, next_row);
        assert!(rows.batch.num_rows() <= options.batch_rows);
        next_row += rows.batch.num_rows() as u64;
        batches.push(rows.batch);
    }
    let schema = batches.first().expect("at least one batch").schema();
    Ok(concat_batches(&schema, &batches).unwrap())
}

fn small_batches() -> ReadOptions {
    ReadOptions { batch_rows: 2, ..ReadOptions::default() }
}

fn check_text(name: &str, bytes: &[u8], expected: Result<&[&[Option<&str>]], &str>) {
    let folder = tempfile::tempdir().unwrap();
    let found = read(&write(folder.path(), name, bytes), &small_batches());
    let found = found.map(|rows| rows.columns().to_vec());
    let expected = expected.map_err(str::to_owned).map(|columns| {
        columns.iter().map(|column| values::<StringArray>(column.to_vec())).collect::<Vec<_>>()
    });
    assert_eq!(found, expected, "{name}: {}", String::from_utf8_lossy(bytes));
}

#[test]
fn text_tables() {
    let (one, two, three) = (Some("1"), Some("2"), Some("3"));
    check_text("a.csv", b"a,b\n1,2\n2,3\n3,1\n", Ok(&[&[one, two, three], &[two, three, one]]));
    check_text("a.tsv", b"a\tb\r\n1\t2\r\n", Ok(&[&[one], &[two]]));
    check_text("bom.csv", b"\xef\xbb\xbfa,b\n1,2", Ok(&[&[one], &[two]]));
    check_text("null.csv", b"a,b,c\n,\\N,\"\"\n", Ok(&[&[None], &[None], &[None]]));
    check_text("header.csv", b"a,b\n", Ok(&[&[], &[]]));
    check_text(
        "quotes.csv",
        b"a,b\n\"x,\"\"y\"\"\nz\",2\n3,\"1\"\n",
        Ok(&[&[Some("x,\"y\"\nz"), three], &[two, one]]),
    );
    check_text(
        "ragged.csv",
        b"a,b\n1,2\n1,2\n1,2\n1,2,3\n",
        Err("ragged.csv: row 4: 3 fields where the header names 2"),
    );
    check_text(
        "latin1.csv",
        b"a,b\n1,2\n1,2\n1,\xe9\n",
        Err("latin1.csv: row 3: field 2 is not UTF-8 text"),
    );
    check_text("empty.csv", b"", Err("empty.csv: no header row with the names of the columns"));
    check_text(
        "a.dat",
        b"a\n1\n",
        Err(
            "a.dat: unknown format: the first bytes do not tell, and there is neither a media type that does nor a name that ends in .csv, .tsv, .ecsv, .jsonl, .vot, .xml, .fits, .parquet or .arrow, also with .gz, .zst or .bz2",
        ),
    );
}

#[test]
fn null_fields_are_a_choice() {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.dat", b"a,b\nNULL,\n");
    let options = ReadOptions {
        format: Some(Format::Csv),
        null_fields: vec!["NULL".to_owned()],
        ..ReadOptions::default()
    };
    let rows = read(&path, &options).unwrap();
    assert_eq!(rows.column(0), &values::<StringArray>(vec![None::<&str>]));
    assert_eq!(rows.column(1), &values::<StringArray>(vec![Some("")]));
}

#[test]
fn compressed_text_and_its_truncation() {
    let folder = tempfile::tempdir().unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(b"a,b\n1,2\n3,4\n").unwrap();
    let bytes = encoder.finish().unwrap();
    let whole = read(&write(folder.path(), "a.csv.gz", &bytes), &small_batches()).unwrap();
    assert_eq!(whole.num_rows(), 2);
    let cut = write(folder.path(), "cut.csv.gz", &bytes[..bytes.len() - 9]);
    let error = read(&cut, &small_batches()).unwrap_err();
    assert_eq!(error, "cut.csv.gz: the file ends within its gzip compression");
    // Members follow each other, and what is no member is not passed over.
    let two = [bytes.as_slice(), &bytes].concat();
    let whole = read(&write(folder.path(), "two.csv.gz", &two), &small_batches()).unwrap();
    assert_eq!(whole.num_rows(), 5);
    // Zeros that fill up a block are no rows.
    let padded = write(folder.path(), "p.csv.gz", &[bytes.as_slice(), &[0; 512]].concat());
    assert_eq!(read(&padded, &small_batches()).unwrap().num_rows(), 2);
    for behind in
        [b"\n".as_slice(), b"more, which is no gzip", &[[0; 512].as_slice(), b"x"].concat()]
    {
        let trailed = write(folder.path(), "t.csv.gz", &[bytes.as_slice(), behind].concat());
        let error = read(&trailed, &small_batches()).unwrap_err();
        let reason = "its gzip compression is damaged: bytes that are no gzip follow its end";
        assert_eq!(error, format!("t.csv.gz: {reason}"));
    }
    let mut damaged = bytes;
    // The checksum.
    let place = damaged.len() - 6;
    damaged[place] ^= 1;
    let error = read(&write(folder.path(), "b.csv.gz", &damaged), &small_batches()).unwrap_err();
    assert!(error.starts_with("b.csv.gz: its gzip compression is damaged: "), "{error}");
}

#[test]
fn parquet_tables_and_damaged_ones() {
    let folder = tempfile::tempdir().unwrap();
    let rows = batch(vec![
        ("id", values::<Int64Array>((0..10).collect::<Vec<_>>())),
        ("x", values::<Float64Array>(vec![f64::NAN; 10])),
    ]);
    let path = folder.path().join("a.parquet");
    let mut writer =
        ArrowWriter::try_new(File::create(&path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let found = read(&path, &ReadOptions { batch_rows: 3, ..ReadOptions::default() }).unwrap();
    assert_eq!(found.column(0), rows.column(0));
    assert_eq!(found.num_rows(), 10);

    let path_of_none = folder.path().join("empty.parquet");
    let file = File::create(&path_of_none).unwrap();
    ArrowWriter::try_new(file, rows.schema(), None).unwrap().close().unwrap();
    assert_eq!(read(&path_of_none, &ReadOptions::default()), Ok(rows.slice(0, 0)));

    let bytes = fs::read(&path).unwrap();
    let cut = write(folder.path(), "cut.parquet", &bytes[..bytes.len() / 2]);
    let error = read(&cut, &ReadOptions::default()).unwrap_err();
    assert!(error.starts_with("cut.parquet: "), "{error}");

    let error = read(&folder.path().join("none.parquet"), &ReadOptions::default()).unwrap_err();
    assert!(error.starts_with("none.parquet: "), "{error}");
}

#[test]
fn a_wrong_type_in_row_70000_is_one_clear_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = "objectId,ra,dec,flux\n".to_owned();
    for row in 1..=80_000 {
        let flux = if row == 70_000 { "bright".to_owned() } else { format!("{row}.5") };
        text += &format!("{row},{},{},{flux}\n", f64::from(row) * 0.004, f64::from(row) * 0.001);
    }
    let path = write(folder.path(), "objects.csv", text.as_bytes());
    let schema = sky_tables::schema();
    let table = schema.table("Object").unwrap();
    let conformed = format::read(&path, &ReadOptions::default()).unwrap().map(|rows| {
        let rows = rows.unwrap();
        conform(table, &rows.batch, &rows.origin, &ConformOptions::default())
    });
    let error = conformed.map(|result| result.err()).find_map(|error| error).unwrap();
    assert_eq!(
        error.to_string(),
        format!("{}: row 70000, column flux: \"bright\" is not a float (32-bit)", path.display())
    );
}
