//! Units of files become those of columns; columns are found by mapping, name and UCD.

use std::sync::Arc;

use almagest_ingest::{
    ConformOptions, ExtraColumns, Mapping, Origin, ReadOptions, Report, conform, format,
};
use almagest_storage::schema::arrow::{UCD, UNIT};
use almagest_storage::schema::{ColumnDef, Datatype, PositionColumns, TableDef, TableKind};
use arrow::array::{ArrayRef, AsArray, Float64Array, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Float32Type, Float64Type, Int64Type, Schema};

use crate::sky_tables::{Null, column, table};
use crate::typed_formats::data;

fn with(column: ColumnDef, unit: &str, ucd: &str) -> ColumnDef {
    let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ColumnDef { unit: said(unit), ucd: said(ucd), ..column }
}

/// A table of stars in our units, whose names are not those of the files.
fn stars() -> TableDef {
    use Datatype::{Double, Float, Long};
    let position =
        PositionColumns { ra: "coord_ra".to_owned(), dec: "coord_dec".to_owned(), epoch: None };
    let columns = vec![
        with(column("starId", Long, Null::Forbidden), "", "meta.id;meta.main"),
        with(column("coord_ra", Double, Null::Allowed), "deg", "pos.eq.ra;meta.main"),
        with(column("coord_dec", Double, Null::Allowed), "deg", "pos.eq.dec;meta.main"),
        with(column("flux", Float, Null::Allowed), "nJy", ""),
        with(column("pmRA", Double, Null::Allowed), "deg/yr", ""),
        with(column("mag", Double, Null::Allowed), "mag", "phot.mag;em.opt.R"),
    ];
    let stars = table("Star", TableKind::Positional, Some("starId"), columns);
    TableDef { position: Some(position), ..stars }
}

fn options(mapping: &str) -> ConformOptions {
    let mapping = Arc::new(Mapping::parse(mapping, "m.yaml").unwrap());
    ConformOptions { mappings: [("star".to_owned(), mapping)].into(), ..Default::default() }
}

fn read(name: &str) -> RecordBatch {
    let mut reader = format::read(&data(name), &ReadOptions::default()).unwrap();
    reader.next().unwrap().unwrap().batch
}

fn take(batch: &RecordBatch, options: &ConformOptions) -> Result<(RecordBatch, Report), String> {
    let rows = conform(&stars(), batch, &Origin::new("f"), options);
    rows.map_err(|error| error.to_string())
}

fn doubles(rows: &RecordBatch, name: &str) -> Vec<f64> {
    rows.column_by_name(name).unwrap().as_primitive::<Float64Type>().values().to_vec()
}

/// The file has arcsec, mJy, mas/yr and other names, and says so in its own way.
fn check_file(name: &str, has_ucds: bool) {
    let mut mapping = "columns: {mag: rmag}\n".to_owned();
    if !has_ucds {
        mapping = "columns: {starId: id, coord_ra: RAJ2000, coord_dec: dej2000, mag: rmag}".into();
    }
    let (rows, report) = take(&read(name), &options(&mapping)).unwrap();
    let ids = rows.column_by_name("starId").unwrap().as_primitive::<Int64Type>().values();
    assert_eq!(ids, &[11, 12, 13], "{name}");
    assert_eq!(doubles(&rows, "coord_ra"), [0.5 / 3600.0, 1.0, 1_295_999.5 / 3600.0], "{name}");
    assert_eq!(doubles(&rows, "coord_dec"), [-3600.25 / 3600.0, 0.0, 90.0], "{name}");
    let flux = rows.column_by_name("flux").unwrap().as_primitive::<Float32Type>().values();
    assert_eq!(flux, &[1.5e6, -2.5e5, 1.0], "{name}");
    let expected = [f64::from(3.6_f32) / 3.6e6, f64::from(-7.2_f32) / 3.6e6, 0.0];
    assert_eq!(doubles(&rows, "pmRA"), expected, "{name}");
    assert_eq!(doubles(&rows, "mag"), [31.4, 8.9, 26.4], "{name}");

    let notes = report.notes;
    let lines = notes.lines();
    assert!(lines.contains(&"units, arcsec to deg: coord_dec, coord_ra".to_owned()), "{lines:?}");
    assert_eq!(notes.units["coord_ra"], "arcsec to deg");
    assert_eq!(notes.units["flux"], "mJy to nJy");
    assert_eq!(notes.units.len(), 4, "{:?}", notes.units);
    assert_eq!(notes.other_case["pmRA"], "pmra");
    assert_eq!(notes.narrowed["flux"], "a double (64-bit) to a float (32-bit)");
    assert_eq!(notes.by_ucd.len(), if has_ucds { 3 } else { 0 }, "{name}: {notes:?}");
}

#[test]
fn each_format_says_its_units() {
    check_file("units.ecsv", true);
    check_file("units.vot", true);
    check_file("units.parquet", true);
    check_file("units_votable.parquet", true);
    check_file("units.fits", false);
}

fn field(name: &str, data_type: DataType, unit: &str, ucd: &str) -> Field {
    let facts = [(UNIT, unit), (UCD, ucd)].into_iter().filter(|(_, value)| !value.is_empty());
    let facts = facts.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Field::new(name, data_type, true).with_metadata(facts)
}

/// One star with further columns of doubles: name, unit, UCD and value.
fn star(columns: &[(&str, &str, &str, f64)]) -> RecordBatch {
    let mut fields = vec![Field::new("starId", DataType::Int32, true)];
    let mut values: Vec<ArrayRef> = vec![Arc::new(Int32Array::from(vec![1]))];
    for (name, unit, ucd, value) in columns {
        fields.push(field(name, DataType::Float64, unit, ucd));
        values.push(Arc::new(Float64Array::from(vec![*value])));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

const RA: (&str, &str, &str, f64) = ("coord_ra", "", "", 10.0);
const DEC: (&str, &str, &str, f64) = ("coord_dec", "", "", -20.0);

fn check_refused(columns: &[(&str, &str, &str, f64)], mapping: &str, expected: &str) {
    let error = take(&star(columns), &options(mapping)).unwrap_err();
    assert_eq!(error, format!("f: does not fit table Star: {expected}"));
}

#[test]
fn units_of_other_things_are_one_error() {
    check_refused(
        &[RA, ("coord_dec", "pc", "", 1.0), ("flux", "mag", "", 20.0), ("mag", "nJy", "", 1.0)],
        "{}",
        "column coord_dec is in deg, the input in pc: a length is not an angle; column flux is in \
         nJy, the input in mag: a magnitude is not a flux density; wish for it by a mapping with \
         transform: ab_mag_to_njy; column mag is in mag, the input in nJy: a flux density is not a \
         magnitude; wish for it by a mapping with transform: njy_to_ab_mag",
    );
    check_refused(
        &[RA, DEC, ("flux", "njanski", "", 20.0)],
        "{}",
        "column flux is in nJy, the input in njanski: there is no unit njanski; a mapping can say \
         what it is",
    );
}

#[test]
fn a_mapping_wishes_for_what_is_not_done_in_silence() {
    let columns =
        [RA, DEC, ("rmag", "mag", "", 31.4), ("e_rmag", "mmag", "", 100.0), ("plx", "", "", 3.6)];
    let mapping = "columns:\n  flux: {from: RMAG, transform: ab_mag_to_njy}\n  pmRA: {from: plx, \
                   unit: arcsec/yr}\n  mag: null\nignore: [e_rmag]";
    let (rows, report) = take(&star(&columns), &options(mapping)).unwrap();
    let flux = rows.column_by_name("flux").unwrap().as_primitive::<Float32Type>();
    assert!((flux.value(0) - 1.0).abs() < 1e-6);
    assert_eq!(doubles(&rows, "pmRA"), [0.001]);
    assert_eq!(report.notes.mapped["flux"], "RMAG by ab_mag_to_njy");
    assert_eq!(report.ignored_columns["e_rmag"], 1);

    // The error is in mmag, and its magnitude 31.4.
    let mapping = "columns:\n  flux: {from: e_rmag, of: rmag, transform: ab_mag_error_to_njy}\n  \
                   mag: {constant: 3.5}\nignore: [plx]";
    let (rows, _) = take(&star(&columns), &options(mapping)).unwrap();
    let flux = rows.column_by_name("flux").unwrap().as_primitive::<Float32Type>();
    assert!((flux.value(0) - 0.092_103_4).abs() < 1e-6, "{}", flux.value(0));
    assert_eq!(doubles(&rows, "mag"), [3.5]);
}

#[test]
fn what_a_mapping_names_must_be_there() {
    check_refused(
        &[RA, DEC, ("extra", "", "", 1.0)],
        "columns: {flux: fluks, colour: extra}",
        "column flux is mapped from fluks, which is missing; the mapping fills column colour, \
         which is not in the table; column extra is not in the table",
    );
    check_refused(
        &[RA, DEC],
        "columns: {coord_ra: null, flux: {from: coord_dec, transform: ab_mag_to_njy, unit: deg}}",
        "column coord_ra is missing; column flux is in mag(AB), the input in deg: an angle is not a \
         magnitude",
    );
}

/// Before any row is looked at, whatever is done with rows that do not fit.
#[test]
fn a_constant_must_be_a_value_of_its_column() {
    let refusal = "column flux is mapped from a constant: \"bright\" is not a float (32-bit); \
                   column mag is mapped from a constant: \"1e\" is not a double (64-bit)";
    let mapping = "columns: {flux: {constant: bright}, mag: {constant: 1e}}";
    check_refused(&[RA, DEC], mapping, refusal);
    let no_rows = star(&[RA, DEC]).slice(0, 0);
    assert!(take(&no_rows, &options(mapping)).unwrap_err().ends_with(refusal));
    check_refused(
        &[RA],
        "columns: {coord_dec: {constant: 91}, starId: {constant: nan}}",
        "column starId is mapped from a constant: \"nan\" is not a long (64-bit integer); column \
         coord_dec is mapped from a constant: declination 91 lies outside -90 to 90 degrees",
    );
}

/// As astropy writes AB magnitudes and their like.
#[test]
fn magnitudes_say_their_zero_point() {
    let of_unit = |unit: &str| take(&star(&[RA, DEC, ("mag", unit, "", 20.0)]), &options("{}"));
    for (unit, expected) in [("mag(AB)", 20.0), ("mag(ST)", 20.0), ("mmag(AB)", 0.02)] {
        let (rows, report) = of_unit(unit).unwrap();
        assert_eq!(doubles(&rows, "mag"), [expected], "{unit}");
        assert_eq!(report.notes.units.is_empty(), expected == 20.0, "{unit}");
    }
    let flux = "columns: {flux: {from: rmag, transform: ab_mag_to_njy}}";
    let rmag = |unit: &'static str| [RA, DEC, ("rmag", unit, "", 31.4)];
    let (rows, _) = take(&star(&rmag("mag(AB)")), &options(flux)).unwrap();
    let njy = rows.column_by_name("flux").unwrap().as_primitive::<Float32Type>().value(0);
    assert!((njy - 1.0).abs() < 1e-6, "{njy}");
    check_refused(
        &rmag("mag(Vega)"),
        flux,
        "column flux is in mag(AB), the input in mag(Vega): the zero point Vega is not the zero \
         point AB",
    );
    check_refused(
        &[RA, DEC, ("flux", "mag(AB)", "", 20.0)],
        "{}",
        "column flux is in nJy, the input in mag(AB): a magnitude is not a flux density; wish for \
         it by a mapping with transform: ab_mag_to_njy",
    );
}

#[test]
fn numbers_that_mean_null() {
    let columns = [RA, DEC, ("f", "mJy", "", -999.0), ("m", "", "", 99.0)];
    let mapping = "columns:\n  flux: {from: f, nulls: -999}\n  mag: {from: m, nulls: [-1, 99]}";
    let (rows, report) = take(&star(&columns), &options(mapping)).unwrap();
    assert_eq!(rows.column_by_name("flux").unwrap().null_count(), 1);
    assert_eq!(rows.column_by_name("mag").unwrap().null_count(), 1);
    assert_eq!(report.n_nans(), 0);
}

#[test]
fn a_ucd_counts_only_where_it_is_unique() {
    let rmag = ("rmag", "", "phot.mag; em.opt.r", 20.0);
    let (rows, report) = take(&star(&[RA, DEC, rmag]), &ConformOptions::default()).unwrap();
    assert_eq!(doubles(&rows, "mag"), [20.0]);
    assert_eq!(report.notes.by_ucd["mag"], "rmag");
    let two = [RA, DEC, rmag, ("rap", "", "phot.mag;em.opt.R", 21.0)];
    check_refused(&two, "{}", "column rmag is not in the table; column rap is not in the table");
    // The name of another column of the table says more than a UCD.
    let other = ("flux", "", "phot.mag;em.opt.R", 20.0);
    let (rows, report) = take(&star(&[RA, DEC, other]), &ConformOptions::default()).unwrap();
    assert_eq!(rows.column_by_name("mag").unwrap().null_count(), 1);
    assert!(report.notes.by_ucd.is_empty());
}

#[test]
fn text_and_whole_numbers_convert_too() {
    let fields = vec![
        field("starId", DataType::Utf8, "", ""),
        field("coord_ra", DataType::Utf8, "arcmin", ""),
        field("coord_dec", DataType::Int32, "arcsec", ""),
        field("flux", DataType::Utf8, "Jy", ""),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec!["1", "2"])),
        Arc::new(StringArray::from(vec!["30", "60"])),
        Arc::new(Int32Array::from(vec![1800, -3600])),
        Arc::new(StringArray::from(vec!["1e-9", "inf"])),
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let (rows, report) = take(&batch, &ConformOptions::default()).unwrap();
    assert_eq!(doubles(&rows, "coord_ra"), [0.5, 1.0]);
    assert_eq!(doubles(&rows, "coord_dec"), [0.5, -1.0]);
    let flux = rows.column_by_name("flux").unwrap();
    assert_eq!((flux.as_primitive::<Float32Type>().value(0), flux.is_null(1)), (1.0, true));
    assert_eq!(report.infinities["flux"], 1, "beyond a float's range, and counted");
}

#[test]
fn a_converted_declination_beyond_the_pole_is_refused() {
    let options = ConformOptions { extra_columns: ExtraColumns::Ignore, ..Default::default() };
    let rows = star(&[RA, ("coord_dec", "arcsec", "", 400_000.0)]);
    assert_eq!(
        take(&rows, &options).unwrap_err(),
        "f: row 1, column coord_dec: declination 111.11111111111111 lies outside -90 to 90 degrees"
    );
}
