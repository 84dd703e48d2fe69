//! A corpus of malformed files: each ends in one clear line that names the file, and the row where
//! there is one, soon and with nothing changed.

use std::fs;
use std::time::{Duration, Instant};

use almagest_ingest::{OnError, ReadOptions, Transaction, TransactionConfig};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{ColumnDef, Datatype, SchemaDef, TableKind};
use arrow::array::{Float64Array, Int64Array, StringArray};
use parquet::arrow::ArrowWriter;

use crate::sky_tables::{Null, batch, column, files, schema, table, values};
use crate::typed_formats::data;

/// What becomes of a file where rows that do not fit are rejected.
#[derive(Clone, Copy, PartialEq)]
enum Reject {
    /// It is refused all the same.
    File,
    /// So many of its rows are left out.
    Rows(u64),
}

/// No malformed file of a few megabytes may take this long.
const LONGEST: Duration = Duration::from_secs(20);

fn catalog() -> (tempfile::TempDir, CatalogStore) {
    use Datatype::{Double, Long, Short, Timestamp};
    let columns = vec![
        column("id", Long, Null::Forbidden),
        column("ra", Double, Null::Forbidden),
        column("dec", Double, Null::Forbidden),
        ColumnDef { unit: Some("nJy".to_owned()), ..column("flux", Double, Null::Allowed) },
        column("t", Timestamp, Null::Allowed),
        column("n", Short, Null::Allowed),
    ];
    let tables = vec![table("Obs", TableKind::Positional, Some("id"), columns)];
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("catalog");
    let chunking = Chunking::try_new(1).unwrap();
    let store = CatalogStore::create(&root, &SchemaDef { tables, ..schema() }, chunking).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    let rows = batch(vec![
        ("id", values::<Int64Array>(vec![1])),
        ("ra", values::<Float64Array>(vec![1.0])),
        ("dec", values::<Float64Array>(vec![1.0])),
    ]);
    transaction.append("Obs", &rows).unwrap();
    transaction.commit().unwrap();
    (folder, store)
}

/// Ingest files, the last of which is malformed.
fn check_files(inputs: &[(&str, &[u8])], expected: &str, reject: Reject) {
    let (folder, store) = catalog();
    let before = files(store.root());
    let paths: Vec<_> = inputs
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    let ingest = |on_error| {
        let config = TransactionConfig { on_error, ..TransactionConfig::default() };
        let mut transaction = Transaction::begin_with(&store, config)?;
        for path in &paths {
            transaction.append_file("Obs", path, &ReadOptions::default())?;
        }
        transaction.commit()
    };
    let short = |error: almagest_ingest::Error| {
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let start = Instant::now();
    let error = short(ingest(OnError::Abort).unwrap_err());
    match expected.strip_suffix('…') {
        Some(beginning) => assert!(error.starts_with(beginning), "{error}"),
        None => assert_eq!(error, expected),
    }
    assert!(!error.contains('\n') && error.len() < 2000, "{error}");
    assert_eq!(files(store.root()), before);
    assert_eq!(store.snapshot().unwrap().version(), 1);
    match (ingest(OnError::Reject { file: None }), reject) {
        (Err(error), Reject::File) => {
            assert!(short(error).starts_with(inputs[inputs.len() - 1].0));
            assert_eq!(files(store.root()), before);
        }
        (Ok(report), Reject::Rows(n_rows)) => assert_eq!(report.rejected.n_rows(), n_rows),
        (found, _) => panic!("{expected}: {found:?}"),
    }
    assert!(start.elapsed() < LONGEST, "{expected}: {:?}", start.elapsed());
    let report = store.check().unwrap();
    assert!(report.is_clean() && report.orphans.is_empty(), "{report}");
}

fn check(name: &str, bytes: &[u8], expected: &str, reject: Reject) {
    check_files(&[(name, bytes)], expected, reject);
}

#[test]
fn nothing_at_all_and_the_wrong_thing() {
    check("a.csv", b"", "a.csv: no header row with the names of the columns", Reject::File);
    check("a.parquet", b"", "a.parquet: …", Reject::File);
    check("a.fits", b"", "a.fits: no table in the file", Reject::File);
    check("a.vot", b"", "a.vot: …", Reject::File);
    check("a.jsonl", b"", "a.jsonl: does not fit table Obs: column id is missing; …", Reject::File);
    check("a.dat", b"id,ra,dec\n2,2,2\n", "a.dat: unknown format: …", Reject::File);
    // The first bytes count before the name.
    check("a.csv", b"SIMPLE  = nothing", "a.csv: no table in the file", Reject::File);
    check("a.csv", b"PAR1 and no footer", "a.csv: …", Reject::File);
    check("a.parquet", b"id,ra,dec\n2,2,2\n", "a.parquet: …", Reject::File);
    check("a.csv", b"\x1f\x8b\x08and no more", "a.csv: …", Reject::File);
    check("a.csv", b"BZh91AY&SY and no more", "a.csv: …", Reject::File);
    let xz = b"\xfd7zXZ\0xx";
    let refusal = "a.csv: not read: xz compression; gzip, zstd and bzip2 are read";
    check("a.csv", xz, refusal, Reject::File);
}

#[test]
fn a_folder_is_no_file() {
    let (folder, store) = catalog();
    let mut transaction = Transaction::begin(&store).unwrap();
    let error = transaction.append_file("Obs", folder.path(), &ReadOptions::default()).unwrap_err();
    let expected = "not read: a folder; its files are named one by one or by a pattern";
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn files_that_end_too_early() {
    for name in [
        "astropy.fits",
        "astropy_binary2.vot",
        "astropy_tabledata.vot",
        "pandas.parquet",
        "pyarrow.arrow",
        "stilts_fits.vot",
    ] {
        let whole = fs::read(data(name)).unwrap();
        check(name, &whole[..whole.len() / 2], &format!("{name}: …"), Reject::File);
    }
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    let rows: String = (2..5000).map(|id| format!("{id},{},1\n", id % 360)).collect();
    std::io::Write::write_all(&mut gzip, format!("id,ra,dec\n{rows}").as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    check(
        "a.csv.gz",
        &whole[..whole.len() / 2],
        "a.csv.gz: the file ends within its gzip compression",
        Reject::File,
    );
}

/// A FITS file of rows of one 64-bit integer each, with what its header says of their number.
fn fits(n_said: u64, n_rows: u64, form: &str) -> Vec<u8> {
    let padded = |cards: &[String]| {
        let mut block: String = cards.iter().map(|card| format!("{card:<80}")).collect();
        block += &format!("{:<80}", "END");
        block + &" ".repeat((2880 - (cards.len() + 1) * 80 % 2880) % 2880)
    };
    let number = |key: &str, value: &str| format!("{key:<8}= {value:>20}");
    let primary = [number("SIMPLE", "T"), number("BITPIX", "8"), number("NAXIS", "0")];
    let table = [
        format!("{:<8}= 'BINTABLE'", "XTENSION"),
        number("BITPIX", "8"),
        number("NAXIS", "2"),
        number("NAXIS1", "8"),
        number("NAXIS2", &n_said.to_string()),
        number("PCOUNT", "0"),
        number("GCOUNT", "1"),
        number("TFIELDS", "1"),
        format!("{:<8}= 'id'", "TTYPE1"),
        format!("{:<8}= '{form}'", "TFORM1"),
    ];
    let mut bytes = (padded(&primary) + &padded(&table)).into_bytes();
    bytes.extend((0..n_rows).flat_map(|row| (row + 2).to_be_bytes()));
    bytes
}

#[test]
fn counts_that_lie() {
    // The columns come first: a file of the wrong ones is not read to its end.
    let wrong = "a.fits: does not fit table Obs: column ra is missing; column dec is missing";
    check("a.fits", &fits(3, 3, "K"), wrong, Reject::File);
    check("a.fits", &fits(1 << 40, 3, "K"), "a.fits: the file ends within row 4", Reject::File);
    check("a.fits", &fits(u64::MAX, 3, "K"), "a.fits: …", Reject::File);
    check("a.fits", &fits(3, 3, "999999999K"), "a.fits: …", Reject::File);
    check("a.fits", &fits(3, 3, "Z"), "a.fits: …", Reject::File);
    let votable = "<VOTABLE><RESOURCE><TABLE><FIELD name=\"id\" datatype=\"long\" \
                   arraysize=\"99999999999999999999\"/></TABLE></RESOURCE></VOTABLE>";
    check("a.vot", votable.as_bytes(), "a.vot: column id: …", Reject::File);
}

#[test]
fn columns_without_number() {
    let header: Vec<String> = (0..300_000).map(|number| format!("c{number}")).collect();
    let text = header.join(",") + "\n";
    let refusal = "a.csv: more than 100000 columns, the limit";
    check("a.csv", text.as_bytes(), refusal, Reject::File);
    let text = header[..90_000].join(",") + "\n" + &vec!["1"; 90_000].join(",") + "\n";
    let named: Vec<String> =
        (0..17).map(|number| format!("column c{number} is not in the table")).collect();
    let refusal = format!(
        "a.csv: does not fit table Obs: column id is missing; column ra is missing; column dec is \
         missing; {}, and 89983 more",
        named.join("; ")
    );
    check("a.csv", text.as_bytes(), &refusal, Reject::File);
    let object: Vec<String> =
        header[..200_000].iter().map(|name| format!("\"{name}\":1")).collect();
    let text = format!("{{{}}}\n", object.join(","));
    check("a.jsonl", text.as_bytes(), "a.jsonl: row 1: 200000 fields…", Reject::File);
}

#[test]
fn names_that_say_nothing() {
    check(
        "a.csv",
        b"id,ra,dec,ID\n2,2,2,3\n",
        "a.csv: does not fit table Obs: column ID is not in the table",
        Reject::File,
    );
    check(
        "a.csv",
        b"ID,ra,dec,Id\n2,2,2,3\n",
        "a.csv: does not fit table Obs: column id could be any of ID, Id",
        Reject::File,
    );
    check("a.csv", b" , ,\n1,2,3\n", "a.csv: no header row with the names…", Reject::File);
}

#[test]
fn long_strings() {
    let text = format!("id,ra,dec\n2,2,{}\n", "9".repeat(8 << 20));
    let refusal = "a.csv: row 1, column dec: \"999…";
    check("a.csv", text.as_bytes(), refusal, Reject::Rows(1));
    // Also where a column is called so.
    let text = format!("id,ra,dec,{}\n2,2,2,2\n", "c".repeat(8 << 20));
    let refusal = "a.csv: does not fit table Obs: column ccc…";
    check("a.csv", text.as_bytes(), refusal, Reject::File);
    let text = format!("{{\"id\": 2, \"ra\": 2, \"dec\": \"{}\"}}\n", "x".repeat(8 << 20));
    check("a.jsonl", text.as_bytes(), "a.jsonl: row 1, column dec: \"xxx…", Reject::Rows(1));
    // A quote that is left open takes all that follows into one field.
    let rows: String = (2..2000).map(|id| format!("{id},1,1\n")).collect();
    let text = format!("id,ra,dec\n\"{rows}");
    check(
        "a.csv",
        text.as_bytes(),
        "a.csv: row 1: a quote is opened here and not closed up to the end of the file",
        Reject::File,
    );
}

#[test]
fn text_that_is_none() {
    check(
        "a.csv",
        b"id,ra,dec\n2,2,2\n3,\xff\xfe,3\n",
        "a.csv: row 2: field 2 is not UTF-8 text",
        Reject::Rows(1),
    );
    check(
        "a.csv",
        b"id,ra,d\xe9c\n2,2,2\n",
        "a.csv: row 1: field 3 is not UTF-8 text",
        Reject::File,
    );
    check(
        "a.csv",
        &"id,ra,dec\n2,2,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        "a.csv: …",
        Reject::File,
    );
    check(
        "a.jsonl",
        b"{\"id\": 2, \"ra\": 2, \"dec\": 2}\n{\"id\xff\": 3}\n",
        "a.jsonl: row 2: …",
        Reject::Rows(1),
    );
    check("a.csv", b"id,ra,dec\n2,2,2\0\n", "a.csv: row 1, column dec: …", Reject::Rows(1));
}

#[test]
fn dates_numbers_and_units_without_sense() {
    let with_t = |t: &str| format!("id,ra,dec,t\n2,2,2,2026-01-02T03:04:05\n3,3,3,{t}\n");
    for nonsense in ["2026-13-45", "yesterday", "2026-02-30T00:00:00", "12:00", "1e400"] {
        check(
            "a.csv",
            with_t(nonsense).as_bytes(),
            &format!("a.csv: row 2, column t: {nonsense:?} is not a timestamp (ISO 8601)"),
            Reject::Rows(1),
        );
    }
    check(
        "a.csv",
        b"id,ra,dec,n\n2,2,2,40000\n3,3,3,1.5\n4,4,4,7\n",
        "a.csv: row 1, column n: \"40000\" does not fit a short (16-bit integer), and 1 more",
        Reject::Rows(2),
    );
    let with_unit = |unit: &str| {
        let fields = ["id, datatype: int64", "ra, datatype: float64", "dec, datatype: float64"];
        let fields: String =
            fields.iter().map(|field| format!("# - {{name: {field}}}\n")).collect();
        format!(
            "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n{fields}# - {{name: flux, unit: \
             {unit:?}, datatype: float64}}\nid,ra,dec,flux\n2,2,2,2\n"
        )
    };
    check(
        "a.ecsv",
        with_unit("furlong/fortnight").as_bytes(),
        "a.ecsv: does not fit table Obs: column flux is in nJy, the input in furlong/fortnight: \
         there is no unit furlong; a mapping can say what it is",
        Reject::File,
    );
    check(
        "a.ecsv",
        with_unit("erg/s/cm2/Angstrom").as_bytes(),
        "a.ecsv: does not fit table Obs: column flux is in nJy, the input in erg/s/cm2/Angstrom: a \
         flux density per wavelength is not a flux density",
        Reject::File,
    );
    let deep = "(".repeat(100_000);
    check("a.ecsv", with_unit(&deep).as_bytes(), "a.ecsv: …", Reject::File);
}

#[test]
fn ids_that_repeat() {
    let first: &[u8] = b"id,ra,dec\n2,2,2\n3,3,3\n";
    check_files(
        &[("a.csv", first), ("b.csv", b"id,ra,dec\n4,4,4\n3,3,3\n")],
        "b.csv: row 2: Obs id 3 is already in row 2 of a.csv",
        Reject::Rows(1),
    );
    check(
        "a.csv",
        b"id,ra,dec\n2,2,2\n1,3,3\n",
        "a.csv: row 2: Obs id 1 exists already",
        Reject::Rows(1),
    );
    check(
        "a.csv",
        b"id,ra,dec\n2,2,2\n2,3,3\n2,4,4\n",
        "a.csv: row 2: Obs id 2 is already in row 1, and 1 more",
        Reject::Rows(2),
    );
}

/// Parquet of other types than the table's.
#[test]
fn types_that_cannot_be() {
    let rows = batch(vec![
        ("id", values::<StringArray>(vec!["2", "three"])),
        ("ra", values::<Float64Array>(vec![2.0, f64::INFINITY])),
        ("dec", values::<Float64Array>(vec![2.0, f64::NAN])),
    ]);
    let mut bytes = vec![];
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    check(
        "a.parquet",
        &bytes,
        "a.parquet: row 2, column id: \"three\" is not a long (64-bit integer), and 2 more",
        Reject::Rows(1),
    );
    let place = bytes.len() - 8;
    bytes[place..place + 4].fill(0xff);
    check("a.parquet", &bytes, "a.parquet: …", Reject::File);
}
