//! Conforming, by tables of cases: input column in, expected column or message out.

use std::sync::Arc;

use almagest_ingest::{ConformOptions, ExtraColumns, Infinities, Origin, conform};
use almagest_storage::schema::{ColumnDef, Datatype, TableDef, TableKind};
use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, NullArray,
    StringArray, StringViewArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    TimestampSecondArray, UInt64Array,
};
use arrow::datatypes::Int32Type;
use arrow::util::display::array_value_to_string;

use crate::sky_tables::{self, Null, batch, column, table, values};

/// Conform one column of a table without a place on the sky.
fn conform_one(input: ArrayRef, column: ColumnDef) -> Result<Vec<Option<String>>, String> {
    let table = table("T", TableKind::Replicated, None, vec![column]);
    let rows = batch(vec![("x", input)]);
    let (rows, report) = conform(&table, &rows, &Origin::new("f"), &ConformOptions::default())
        .map_err(|error| error.to_string())?;
    assert_eq!(rows.schema(), table.arrow_schema());
    assert_eq!(report.n_rows, rows.num_rows() as u64);
    let column = rows.column(0);
    Ok((0..column.len())
        .map(|row| column.is_valid(row).then(|| array_value_to_string(column, row).unwrap()))
        .collect())
}

fn check(input: ArrayRef, to: Datatype, expected: &[Option<&str>]) {
    let shown = format!("{:?} to {to:?}", input.data_type());
    let found = conform_one(input, column("x", to, Null::Allowed));
    let expected = expected.iter().map(|value| value.map(str::to_owned)).collect();
    assert_eq!(found, Ok(expected), "{shown}");
}

fn check_refused(input: ArrayRef, column: ColumnDef, expected: &str) {
    assert_eq!(conform_one(input, column), Err(expected.to_owned()));
}

fn text(texts: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

#[test]
fn values_convert_where_nothing_is_lost() {
    use Datatype::*;
    let seven = &[Some("7"), None];
    check(values::<Int64Array>(vec![Some(7), None]), Byte, seven);
    check(values::<UInt64Array>(vec![Some(7), None]), Long, seven);
    check(values::<Int8Array>(vec![Some(7), None]), Long, seven);
    check(values::<Float64Array>(vec![Some(7.0), Some(f64::NAN)]), Int, seven);
    check(values::<BooleanArray>(vec![Some(true), None]), Short, &[Some("1"), None]);
    check(values::<Int32Array>(vec![Some(7), None]), Float, &[Some("7.0"), None]);
    check(values::<Float64Array>(vec![Some(0.1), None]), Float, &[Some("0.1"), None]);
    check(values::<Float32Array>(vec![Some(0.5), None]), Double, &[Some("0.5"), None]);
    let decimals = Decimal128Array::from(vec![Some(1250), None]).with_precision_and_scale(9, 2);
    check(Arc::new(decimals.unwrap()), Double, &[Some("12.5"), None]);
    check(Arc::new(NullArray::new(2)), Timestamp, &[None, None]);
    check(values::<BinaryArray>(vec![b"ab".as_slice()]), Binary, &[Some("6162")]);
}

#[test]
fn text_converts_to_what_it_says() {
    use Datatype::*;
    check(
        text(&[Some(" 12 "), Some("-3"), Some("12.0"), None]),
        Int,
        &[Some("12"), Some("-3"), Some("12"), None],
    );
    check(text(&[Some("9223372036854775807")]), Long, &[Some("9223372036854775807")]);
    check(
        text(&[Some("1e3"), Some("-.5"), Some("nan"), None]),
        Double,
        &[Some("1000.0"), Some("-0.5"), None, None],
    );
    check(
        text(&[Some("t"), Some("F"), Some("0"), Some("1"), Some("True"), None]),
        Boolean,
        &[Some("true"), Some("false"), Some("false"), Some("true"), Some("true"), None],
    );
    check(text(&[Some(" kept as it is ")]), String, &[Some(" kept as it is ")]);
    check(
        text(&[
            Some("2026-11-21T08:12:24.123456Z"),
            Some("2026-11-21 10:12:24+02:00"),
            Some("2026-11-21"),
        ]),
        Timestamp,
        &[
            Some("2026-11-21T08:12:24.123456"),
            Some("2026-11-21T08:12:24"),
            Some("2026-11-21T00:00:00"),
        ],
    );
}

#[test]
fn encodings_make_no_difference() {
    let expected = &[Some("g"), None, Some("g")];
    let texts = vec![Some("g"), None, Some("g")];
    check(values::<LargeStringArray>(texts.clone()), Datatype::String, expected);
    check(values::<StringViewArray>(texts.clone()), Datatype::Char, expected);
    let dictionary: DictionaryArray<Int32Type> = texts.into_iter().collect();
    check(Arc::new(dictionary), Datatype::Text, expected);
    let digits: DictionaryArray<Int32Type> = vec![Some("4"), None, Some("5")].into_iter().collect();
    check(Arc::new(digits), Datatype::Short, &[Some("4"), None, Some("5")]);
    let instant = &[Some("1970-01-01T00:00:01")];
    check(values::<TimestampSecondArray>(vec![1]), Datatype::Timestamp, instant);
    let zoned = TimestampNanosecondArray::from(vec![1_000_000_999]).with_timezone("+02:00");
    check(Arc::new(zoned), Datatype::Timestamp, instant);
    let micros = TimestampMicrosecondArray::from(vec![1_000_000]).with_timezone("UTC");
    check(Arc::new(micros), Datatype::Timestamp, instant);
}

#[test]
fn values_that_would_be_lost_are_refused() {
    use Datatype::*;
    let optional = |datatype| column("x", datatype, Null::Allowed);
    check_refused(
        values::<Int64Array>(vec![Some(1), None, Some(300), Some(400)]),
        optional(Byte),
        "f: row 3, column x: 300 does not fit a byte (8-bit integer), and 1 more",
    );
    check_refused(
        values::<UInt64Array>(vec![u64::MAX]),
        optional(Long),
        "f: row 1, column x: 18446744073709551615 does not fit a long (64-bit integer)",
    );
    check_refused(
        values::<Float64Array>(vec![1.5]),
        optional(Int),
        "f: row 1, column x: 1.5 is not an int (32-bit integer)",
    );
    check_refused(
        values::<Float32Array>(vec![16_777_216.0]),
        optional(Long),
        "f: row 1, column x: 16777216.0 is too large for a float to hold an exact integer",
    );
    check_refused(
        text(&[Some("1"), Some("abc\n\"")]),
        optional(Double),
        r#"f: row 2, column x: "abc\n\"" is not a double (64-bit)"#,
    );
    check_refused(
        text(&[Some("1.5")]),
        optional(Long),
        r#"f: row 1, column x: "1.5" is not a long (64-bit integer)"#,
    );
    check_refused(
        text(&[Some("40000")]),
        optional(Short),
        r#"f: row 1, column x: "40000" does not fit a short (16-bit integer)"#,
    );
    check_refused(
        text(&[Some("yes")]),
        optional(Boolean),
        r#"f: row 1, column x: "yes" is not a boolean"#,
    );
    check_refused(
        values::<Int16Array>(vec![2]),
        optional(Boolean),
        "f: row 1, column x: 2 is not a boolean",
    );
    check_refused(
        text(&[Some("yesterday")]),
        optional(Timestamp),
        r#"f: row 1, column x: "yesterday" is not a timestamp (ISO 8601)"#,
    );
    check_refused(
        values::<TimestampSecondArray>(vec![i64::MAX]),
        optional(Timestamp),
        "f: row 1, column x: 9223372036854775807 does not fit a timestamp (ISO 8601)",
    );
    let short = ColumnDef { length: Some(2), ..optional(String) };
    check_refused(
        text(&[Some("éé"), Some("abc")]),
        short,
        r#"f: row 2, column x: "abc" is longer than 2 characters"#,
    );
    check_refused(
        text(&[Some("g"), None]),
        column("x", String, Null::Forbidden),
        "f: row 2, column x: a value is required",
    );
    check_refused(
        values::<Float32Array>(vec![1.0, f32::NAN, f32::INFINITY]),
        column("x", Float, Null::Forbidden),
        "f: row 2, column x: NaN is not a finite number, and 1 more",
    );
}

#[test]
fn types_without_a_way_are_mismatches() {
    let optional = |datatype| column("x", datatype, Null::Allowed);
    check_refused(
        values::<Int64Array>(vec![1]),
        optional(Datatype::String),
        "f: does not fit table T: column x holds Int64, not a string",
    );
    check_refused(
        text(&[Some("00ff")]),
        optional(Datatype::Binary),
        "f: does not fit table T: column x holds Utf8, not a binary value",
    );
    check_refused(
        values::<Int64Array>(vec![1]),
        optional(Datatype::Timestamp),
        "f: does not fit table T: column x holds Int64, not a timestamp (ISO 8601)",
    );
}

#[test]
fn floats_come_out_clean_and_counted() {
    let table = table(
        "T",
        TableKind::Replicated,
        None,
        vec![
            column("a", Datatype::Float, Null::Allowed),
            column("b", Datatype::Double, Null::Allowed),
        ],
    );
    let rows = batch(vec![
        ("a", values::<Float64Array>(vec![f64::NAN, -0.0, f64::INFINITY, 2.0])),
        ("b", values::<Float64Array>(vec![Some(-0.0), Some(f64::NEG_INFINITY), None, Some(2.0)])),
    ]);
    let origin = Origin::new("f");
    let (clean, report) = conform(&table, &rows, &origin, &ConformOptions::default()).unwrap();
    let a = values::<Float32Array>(vec![None, Some(0.0), None, Some(2.0)]);
    let b = values::<Float64Array>(vec![Some(0.0), None, None, Some(2.0)]);
    assert_eq!(clean.columns(), [a, b]);
    assert_eq!((report.n_nans(), report.n_infinities()), (1, 2));
    assert_eq!(report.infinities, [("a".to_owned(), 1), ("b".to_owned(), 1)].into());

    let options = ConformOptions { infinities: Infinities::Refuse, ..ConformOptions::default() };
    let error = conform(&table, &rows, &origin, &options).unwrap_err();
    assert_eq!(error.to_string(), "f: row 2, column b: -inf is not a finite number, and 1 more");
}

#[test]
fn numbers_beyond_the_range_are_no_infinities() {
    let table = table(
        "T",
        TableKind::Replicated,
        None,
        vec![
            column("a", Datatype::Float, Null::Allowed),
            column("b", Datatype::Double, Null::Allowed),
        ],
    );
    let check = |a: ArrayRef, b: ArrayRef, expected: &str| {
        let rows = batch(vec![("a", a), ("b", b)]);
        let conformed = conform(&table, &rows, &Origin::new("f"), &ConformOptions::default());
        assert_eq!(conformed.map_err(|error| error.to_string()).unwrap_err(), expected);
    };
    let largest = f64::from(f32::MAX);
    check(
        values::<Float64Array>(vec![f64::INFINITY, largest, -1e39]),
        values::<Float64Array>(vec![1.0, 1e308, 3.0]),
        "f: row 3, column a: -1e39 does not fit a float (32-bit)",
    );
    check(
        values::<StringArray>(vec![Some("inf"), Some("3.4e38"), None, Some("1e40")]),
        values::<StringArray>(vec![Some("-Infinity"), Some("1e400"), None, Some("nan")]),
        "f: row 2, column b: \"1e400\" does not fit a double (64-bit), and 1 more",
    );
}

fn survey_table(name: &str) -> TableDef {
    sky_tables::schema().table(name).unwrap().clone()
}

#[test]
fn names_match_exactly_first_and_then_in_any_case() {
    let table = survey_table("Visit");
    let rows = batch(vec![
        ("BAND", text(&[Some("g")])),
        ("VISIT", values::<Int64Array>(vec![1])),
        ("visit", values::<Int64Array>(vec![2])),
    ]);
    let origin = Origin::new("f");
    let options =
        ConformOptions { extra_columns: ExtraColumns::Ignore, ..ConformOptions::default() };
    let (found, report) = conform(&table, &rows, &origin, &options).unwrap();
    assert_eq!(found.columns(), [values::<Int64Array>(vec![2]), text(&[Some("g")])]);
    assert_eq!(report.ignored_columns, [("VISIT".to_owned(), 1)].into());
}

#[test]
fn every_mismatch_of_the_columns_is_named_at_once() {
    let rows = batch(vec![
        ("OBJECTID", values::<Int64Array>(vec![1])),
        ("ObjectId", values::<Int64Array>(vec![1])),
        ("dec", values::<BinaryArray>(vec![b"x".as_slice()])),
        ("mag", values::<Float64Array>(vec![1.0])),
    ]);
    let error = conform(
        &survey_table("Object"),
        &rows,
        &Origin::new("o.parquet"),
        &ConformOptions::default(),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "o.parquet: does not fit table Object: \
         column objectId could be any of OBJECTID, ObjectId; column ra is missing; \
         column dec holds Binary, not a double (64-bit); column mag is not in the table"
    );
}

#[test]
fn absent_optional_columns_are_null_and_reported() {
    let rows = batch(vec![
        ("objectId", values::<Int64Array>(vec![1, 2])),
        ("ra", values::<Float64Array>(vec![-10.0, 725.0])),
        ("dec", values::<Float64Array>(vec![-90.0, 90.0])),
    ]);
    let (found, report) =
        conform(&survey_table("Object"), &rows, &Origin::new("f"), &ConformOptions::default())
            .unwrap();
    assert_eq!(found.column(3).null_count(), 2);
    assert_eq!(report.absent_columns, [("flux".to_owned(), 2)].into());
    // Any turn names the same direction, and one of them the same number.
    assert_eq!(found.column(1), &values::<Float64Array>(vec![350.0, 5.0]));
    assert_eq!(report.turned, [("ra".to_owned(), 2)].into());
}

#[test]
fn positions_are_on_the_sphere() {
    let check = |ra: f64, dec: f64, expected: &str| {
        let rows = batch(vec![
            ("objectId", values::<Int64Array>(vec![1, 2])),
            ("ra", values::<Float64Array>(vec![0.0, ra])),
            ("dec", values::<Float64Array>(vec![0.0, dec])),
            ("flux", values::<Float64Array>(vec![0.0, 0.0])),
        ]);
        let origin = Origin { input: "f".into(), first_row: 69_999 };
        let error = conform(&survey_table("Object"), &rows, &origin, &ConformOptions::default());
        assert_eq!(error.unwrap_err().to_string(), format!("f: row 70000, column {expected}"));
    };
    check(1.0, 91.0, "dec: declination 91 lies outside -90 to 90 degrees");
    check(1.0, -90.000_000_1, "dec: declination -90.0000001 lies outside -90 to 90 degrees");
    check(1.0, f64::NAN, "dec: NaN is not a finite number");
    check(f64::INFINITY, 1.0, "ra: inf is not a finite number");
}

#[test]
fn longitudes_are_brought_within_one_turn() {
    let (_folder, store) = crate::sky_tables::catalog();
    let mut transaction = almagest_ingest::Transaction::begin(&store).unwrap();
    let rows = crate::sky_tables::sources(&[(1, 400.0, 5.0), (2, -90.0, 5.0), (3, 359.5, 5.0)]);
    let report = transaction.append("Source", &rows).unwrap();
    assert!(report.lines().contains(&"ra: brought to 0 to 360 degrees (2 rows)".to_owned()));
    transaction.commit().unwrap();
    let snapshot = store.snapshot().unwrap();
    let mut found: Vec<f64> = vec![];
    for batch in snapshot.read_region("Source", None, Some(&["ra"]), None).unwrap() {
        let column = batch.column(0);
        found.extend(
            arrow::array::AsArray::as_primitive::<arrow::datatypes::Float64Type>(column).values(),
        );
    }
    found.sort_by(f64::total_cmp);
    assert_eq!(found, [40.0, 270.0, 359.5]);
}
