//! Reading real and broken Felis documents.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use super::*;
use crate::schema::{Datatype, TableKind};

/// The folder of Rubin's schemas, if this machine has it.
fn felis_folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data =
        std::env::var_os("ALMAGEST_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = data.join("felis");
    if !folder.is_dir() {
        println!("skipped: no folder {}", folder.display());
        return None;
    }
    Some(folder)
}

fn none(_: &str) -> Option<String> {
    None
}

fn kind(reading: &Reading, table: &str) -> String {
    match &reading.schema.table(table).unwrap().kind {
        TableKind::Child { director, key } => format!("child of {director} by {key}"),
        TableKind::RefMatch { first, second } => format!("match of {first:?} and {second:?}"),
        other => other.to_string(),
    }
}

#[test]
fn rubin_schemas_load_and_come_back() {
    let Some(folder) = felis_folder() else { return };
    for (file, tables, columns) in [
        ("dp1.yaml", 12, 1838),
        ("dp2.yaml", 16, 1970),
        ("drp_base.yaml", 17, 2030),
        ("apdb.yaml", 12, 462),
        ("ivoa_obscore.yaml", 1, 36),
    ] {
        let reading = load(&folder.join(file)).unwrap();
        let count = |tables: &[crate::schema::TableDef]| -> usize {
            tables.iter().map(|table| table.columns.len()).sum()
        };
        assert_eq!(reading.schema.tables.len(), tables, "{file}");
        assert_eq!(count(&reading.schema.tables), columns, "{file}");
        let again = parse(&to_yaml(&reading.schema).unwrap(), &none).unwrap();
        assert_eq!(again.schema, reading.schema, "{file}");
        assert_eq!(again.inferred, Vec::<String>::new(), "{file}");
        assert_eq!(again.warnings, Vec::<String>::new(), "{file}");
    }
}

#[test]
fn kinds_of_dp1_are_inferred() {
    let Some(folder) = felis_folder() else { return };
    for file in ["dp1.yaml", "dp2.yaml"] {
        let reading = load(&folder.join(file)).unwrap();
        for (table, expected) in [
            ("Object", "director"),
            ("Source", "positional"),
            ("ForcedSource", "child of Object by objectId"),
            ("DiaObject", "director"),
            ("DiaSource", "child of DiaObject by diaObjectId"),
            ("ForcedSourceOnDiaObject", "child of DiaObject by diaObjectId"),
            ("CoaddPatches", "replicated"),
            ("Visit", "replicated"),
            ("SSObject", "replicated"),
            ("SSSource", "replicated"),
        ] {
            assert_eq!(kind(&reading, table), expected, "{file} {table}");
        }
        let object = reading.schema.table("Object").unwrap();
        assert_eq!(object.position.as_ref().unwrap().ra, "coord_ra");
        assert_eq!(object.id.as_deref(), Some("objectId"));
        let visit = reading.schema.table("Visit").unwrap();
        assert_eq!(visit.time.as_deref(), Some("expMidptMJD"));
        assert_eq!(visit.column("expMidpt").unwrap().datatype, Datatype::Timestamp);
        assert_eq!(visit.column("expMidpt").unwrap().xtype.as_deref(), Some("timestamp"));
        let line = "table Object: director (referred to by ForcedSource)";
        assert!(reading.inferred.iter().any(|said| said == line), "{:?}", reading.inferred);
    }
}

#[test]
fn kinds_of_apdb_are_inferred() {
    let Some(folder) = felis_folder() else { return };
    let reading = load(&folder.join("apdb.yaml")).unwrap();
    for (table, expected) in [
        ("DiaObject", "director"),
        ("DiaSource", "child of DiaObject by diaObjectId"),
        ("DiaForcedSource", "child of DiaObject by diaObjectId"),
        ("DiaObjectLast", "child of DiaObject by diaObjectId"),
        ("DiaObject_To_Object_Match", "child of DiaObject by diaObjectId"),
        ("DetectorVisitProcessingSummary", "replicated"),
    ] {
        assert_eq!(kind(&reading, table), expected, "{table}");
    }
    // ivoa:unit wins; fits:tunit stands in for it.
    let source = reading.schema.table("DiaSource").unwrap();
    assert_eq!(source.column("ra").unwrap().unit.as_deref(), Some("deg"));
    assert!(reading.warnings.iter().any(|line| line.contains("`mysql:datatype`")));
}

const SMALL: &str = r##"
name: small
version: 2
tables:
- name: Object
  primaryKey: "#Object.objectId"
  columns:
  - {name: objectId, datatype: long, ivoa:unit: null}
  - {name: ra, datatype: double, ivoa:ucd: pos.eq.ra;meta.main, ivoa:unit: deg, fits:tunit: rad}
  - {name: dec, datatype: double, ivoa:ucd: pos.eq.dec;meta.main, fits:tunit: deg}
  - {name: band, datatype: char, length: 1, colour: blue}
- name: Other
  columns:
  - {name: otherId, datatype: long, ivoa:ucd: meta.id;meta.main}
  - {name: objectId, datatype: long}
- name: Far
  almagest:kind: director
  almagest:id: farId
  almagest:ra: l
  almagest:dec: b
  almagest:epoch: J2016.0
  almagest:time: null
  columns:
  - {name: farId, datatype: long}
  - {name: l, datatype: double}
  - {name: b, datatype: double}
  - {name: t, datatype: double, ivoa:ucd: time.epoch}
- name: Match
  almagest:kind: ref-match
  almagest:director: [Object, Far]
  columns:
  - {name: objectId, datatype: long}
  - {name: farId, datatype: long}
"##;

#[test]
fn annotations_and_inference_meet() {
    let reading = parse(SMALL, &none).unwrap();
    assert_eq!(kind(&reading, "Object"), "director");
    assert_eq!(kind(&reading, "Other"), "child of Object by objectId");
    let matched = r#"match of ("Object", "objectId") and ("Far", "farId")"#;
    assert_eq!(kind(&reading, "Match"), matched);
    assert_eq!(reading.schema.version.as_deref(), Some("2"));
    let object = reading.schema.table("Object").unwrap();
    assert_eq!(object.column("ra").unwrap().unit.as_deref(), Some("deg"));
    assert_eq!(object.column("dec").unwrap().unit.as_deref(), Some("deg"));
    assert_eq!(object.column("objectId").unwrap().unit, None);
    assert!(!object.column("objectId").unwrap().nullable);
    let far = reading.schema.table("Far").unwrap();
    assert_eq!(far.time, None);
    assert_eq!(far.position.as_ref().unwrap().epoch.as_deref(), Some("J2016.0"));
    assert_eq!(reading.warnings, ["key `colour` is not used (table Object, column band)"]);
    let again = parse(&to_yaml(&reading.schema).unwrap(), &none).unwrap();
    assert_eq!(again.schema, reading.schema);
}

/// Apply one change to the small schema and expect problems.
fn check(from: &str, to: &str, expected: &[&str]) {
    assert!(SMALL.contains(from), "{from}");
    let error = parse(&SMALL.replacen(from, to, 1), &none).unwrap_err().to_string();
    for line in expected {
        assert!(error.contains(line), "expected: {line}\nin: {error}");
    }
}

#[test]
fn every_problem_is_named() {
    check("name: dec,", "name: ra,", &["table Object, column ra: the name occurs twice"]);
    check(
        "{name: band, datatype: char,",
        "{name: band, datatype: chars,",
        &["table Object, column band: `chars` is no datatype; did you mean `char`?"],
    );
    check(
        "almagest:id: farId",
        "almagest:id: nearId",
        &["table Far: the id names `nearId`, which is no column of Far"],
    );
    check(
        "{name: b, datatype: double}",
        "{name: b, datatype: float}",
        &["table Far, column b: the declination must be a double, not float"],
    );
    check(
        "almagest:director: [Object, Far]",
        "almagest:director: [Object, Near]",
        &["table Match: almagest:director names `Near`, which is no table of the schema"],
    );
    check(
        "almagest:kind: director",
        "almagest:kind: positional",
        &["table Match: its director Far is positional, not a director"],
    );
    check("almagest:kind: ref-match", "almagest:kind: twin", &["`twin` is no kind of table"]);
    check("  almagest:dec: b\n", "", &["table Far: `almagest:dec` is missing", "needs a position"]);
    check("{name: t,", "{name: _healpix_29,", &["table Far, column _healpix_29: names that begin"]);
    check("#Object.objectId", "#Object.objectID", &["primaryKey names `objectID`"]);
    check(
        "length: 1",
        "length: one",
        &["table Object, column band: `length` should be an integer"],
    );
}

#[test]
fn all_problems_at_once() {
    let text =
        SMALL.replace("datatype: double", "datatype: float").replace("#Object.", "#Object.x");
    let FelisError::Invalid { schema, problems } = parse(&text, &none).unwrap_err() else {
        panic!("expected problems")
    };
    assert_eq!(schema, "small");
    assert!(problems.len() >= 3, "{problems:?}");
}

#[test]
fn what_is_no_schema_says_so() {
    assert!(matches!(parse("- a\n- b", &none), Err(FelisError::NotFelis { .. })));
    assert!(matches!(parse("a: [", &none), Err(FelisError::Yaml { .. })));
    assert!(matches!(parse("name: x", &none), Err(FelisError::NotFelis { .. })));
    let refers = "name: x\nresources: {base: {uri: b.yaml}}\ntables: [{name: T}]";
    let error = parse(refers, &none).unwrap_err();
    assert_eq!(error.to_string(), "resource `base` (b.yaml) cannot be read");
    assert!(matches!(load(Path::new("/nowhere.yaml")), Err(FelisError::Read { .. })));
}

#[test]
fn referred_columns_can_be_changed() {
    let text = "name: x\nresources: {base: {uri: b.yaml}}\ntables:\n- name: T\n  columnRefs:\n    base:\n      S:\n        a:\n        b: {description: ours, tap:principal: 1}\n";
    let base = "name: base\ntables:\n- name: S\n  columns:\n  - {name: a, datatype: int}\n  - {name: b, datatype: int, description: theirs, ivoa:unit: deg}\n";
    let reading = parse(text, &|uri| (uri == "b.yaml").then(|| base.to_owned())).unwrap();
    let table = reading.schema.table("T").unwrap();
    let b = table.column("b").unwrap();
    assert_eq!(
        (b.description.as_str(), b.unit.as_deref(), b.principal),
        ("ours", Some("deg"), true)
    );
    let error = parse(&text.replace("        a:", "        c:"), &|_| Some(base.to_owned()));
    let message = error.unwrap_err().to_string();
    assert!(message.contains("`c`, which is no column of S in resource `base`"), "{message}");
}
