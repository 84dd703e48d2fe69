//! A schema drafted from a file takes the rows of that file.

use std::fs;
use std::path::Path;

use almagest_ingest::format;
use almagest_ingest::infer::draft::{Draft, table_name};
use almagest_ingest::{ReadOptions, Transaction};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::{Datatype, SchemaDef, TableKind, felis};

use crate::typed_formats::data;

/// Draft a schema from a file, write it, read it again, fill a catalog of it with the file.
fn check(path: &Path, table: &str, n_rows: u64) -> (SchemaDef, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut draft = Draft::new("mine");
    let options = ReadOptions::default();
    let reader = format::read(path, &options).unwrap();
    draft.add_table(table, reader, &path.display().to_string()).unwrap();
    let yaml = folder.path().join("mine.yaml");
    draft.write_new(&yaml).unwrap();
    let reading = felis::load(&yaml).unwrap();
    let shapes = |schema: &SchemaDef| {
        let table = schema.tables[0].clone();
        let columns: Vec<_> =
            table.columns.iter().map(|c| (c.name.clone(), c.datatype, c.unit.clone())).collect();
        (table.kind, table.position, table.id, table.primary_key, columns)
    };
    assert_eq!(shapes(&reading.schema), shapes(&draft.schema));
    assert!(reading.inferred.is_empty(), "all is spelled out: {:?}", reading.inferred);

    let error = draft.write_new(&yaml).unwrap_err().to_string();
    let expected = "there is such a file, and it is not overwritten";
    assert_eq!(error, format!("{}: {expected}", yaml.display()));

    let root = folder.path().join("catalog");
    let chunking = Chunking::try_new(1).unwrap();
    let store = CatalogStore::create(&root, &reading.schema, chunking).unwrap();
    let mut transaction = Transaction::begin(&store).unwrap();
    transaction.append_file(table, path, &options).unwrap();
    assert_eq!(transaction.commit().unwrap().n_rows(), n_rows);
    (reading.schema, draft.notes)
}

#[test]
fn units_ucds_and_descriptions_are_kept_and_positions_are_in_degrees() {
    for name in ["units.vot", "units.ecsv", "units.parquet", "units_votable.parquet"] {
        let (schema, notes) = check(&data(name), "stars", 3);
        let table = &schema.tables[0];
        assert_eq!(table.kind, TableKind::Positional, "{name}");
        let position = table.position.as_ref().unwrap();
        assert_eq!((position.ra.as_str(), position.dec.as_str()), ("RAJ2000", "DEJ2000"));
        assert_eq!(table.column("RAJ2000").unwrap().unit.as_deref(), Some("deg"));
        assert_eq!(table.primary_key, ["ID"]);
        let flux = table.column("flux").unwrap();
        assert_eq!(flux.unit.as_deref(), Some("mJy"));
        assert_eq!(flux.ucd.as_deref(), Some("phot.flux;em.opt.R"));
        assert_eq!(flux.description, "the column flux", "{name}");
        assert_eq!(table.column("pmra").unwrap().datatype, Datatype::Float);
        assert!(notes.contains(&"stars: id ID (by its UCD)".to_owned()), "{notes:?}");
    }
}

#[test]
fn a_position_is_found_by_its_names_too_in_whatever_unit() {
    let (schema, notes) = check(&data("units.fits"), "stars", 3);
    let table = &schema.tables[0];
    assert_eq!(table.kind, TableKind::Positional);
    assert_eq!(table.column("DEJ2000").unwrap().unit.as_deref(), Some("deg"));
    assert!(notes.contains(&"stars: position RAJ2000, DEJ2000".to_owned()), "{notes:?}");
}

#[test]
fn text_has_the_types_of_its_values() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my stars.csv");
    let mut text = "objectId,RA,Dec,visit,code,ok,when,note\n".to_owned();
    for row in 0..100 {
        text += &format!(
            "{row},{}.5,{},{},00{row},true,2026-01-02T00:00:0{},\n",
            row,
            row - 50,
            row / 2,
            row % 10
        );
    }
    fs::write(&path, text).unwrap();
    let name = table_name(path.to_str().unwrap());
    assert_eq!(name, "my_stars");
    let (schema, notes) = check(&path, &name, 100);
    let types: Vec<Datatype> =
        schema.tables[0].columns.iter().map(|column| column.datatype).collect();
    use Datatype::{Boolean, Double, Long, String, Timestamp};
    assert_eq!(types, [Long, Double, Double, Long, String, Boolean, Timestamp, String]);
    let input = path.display();
    assert_eq!(
        notes,
        [
            format!("my_stars: from {input}, csv, 100 rows"),
            "my_stars: id objectId (by its name, and each row has its own)".to_owned(),
            "my_stars: UCD of objectId: meta.id;meta.main (guessed)".to_owned(),
            "my_stars: position RA, Dec".to_owned(),
            "my_stars: UCD of RA: pos.eq.ra;meta.main (guessed)".to_owned(),
            "my_stars: unit of RA: deg (guessed)".to_owned(),
            "my_stars: UCD of Dec: pos.eq.dec;meta.main (guessed)".to_owned(),
            "my_stars: unit of Dec: deg (guessed)".to_owned(),
        ]
    );
}

#[test]
fn ids_that_repeat_are_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lc.csv");
    fs::write(&path, "objectId,mjd\n1,2\n1,3\n2,4\n").unwrap();
    let (schema, _) = check(&path, "lc", 3);
    let table = &schema.tables[0];
    assert_eq!((table.kind.clone(), table.id.clone()), (TableKind::Replicated, None));
    assert!(table.primary_key.is_empty());
}

#[test]
fn rows_that_cannot_be_read_say_nothing_of_the_columns() {
    let options = ReadOptions { on_bad_row: format::OnBadRow::Report, ..ReadOptions::default() };
    let text = "objectId,ra,dec\n1,1,1\n2,2\n3,3,3\n";
    let reader = format::read_from(text.as_bytes(), "a.csv", &options).unwrap();
    let mut draft = Draft::new("mine");
    draft.add_table("a", reader, "a.csv").unwrap();
    assert_eq!(draft.schema.tables[0].primary_key, ["objectId"]);
    let note = "a: 1 row cannot be read: a.csv: row 2: 2 fields where the header names 3";
    assert_eq!(draft.notes[1], note);
}

#[test]
fn what_a_file_says_of_itself_is_noted() {
    let text = "<VOTABLE><RESOURCE><TABLE><FIELD name='m' datatype='double' unit='mag(AB)'/><DATA>\
                <TABLEDATA><TR><TD>20</TD></TR></TABLEDATA></DATA></TABLE>\
                <INFO name='QUERY_STATUS' value='OVERFLOW'/></RESOURCE></VOTABLE>";
    let reader = format::read_from(text.as_bytes(), "a.vot", &ReadOptions::default()).unwrap();
    let mut draft = Draft::new("mine");
    draft.add_table("a", reader, "a.vot").unwrap();
    assert_eq!(draft.notes[0], "a: from a.vot, votable, 1 row");
    assert!(draft.notes[1].starts_with("a: warning: rows are missing"), "{:?}", draft.notes);
    assert!(!draft.notes.iter().any(|note| note.contains("unit of")), "{:?}", draft.notes);
}

#[test]
fn names_of_tables() {
    assert_eq!(table_name("/a/b/gaia.dr3.csv.gz"), "gaia");
    assert_eq!(table_name("https://host/x/2mass-psc.vot?a=b/c"), "t_2mass_psc");
    assert_eq!(table_name("-"), "_");
}
