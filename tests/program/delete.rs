//! `almagest delete`: rows that fulfil a condition go, with their children or without.

use std::fmt::Write as _;

use crate::almagest::{Catalog, run, run_well, sources_csv};

/// 50 objects, each with three fluxes.
fn filled() -> Catalog {
    let catalog = Catalog::create();
    let mut objects = "objectId,coord_ra,coord_dec\n".to_owned();
    let mut forced = "objectId,visit,detector,band,coord_ra,coord_dec\n".to_owned();
    for id in 1..=50 {
        writeln!(objects, "{id},{},{}", id * 7, id - 25).unwrap();
        for visit in 1..=3 {
            writeln!(forced, "{id},{visit},1,r,{},{}", id * 7, id - 25).unwrap();
        }
    }
    for (table, csv) in [("Object", objects), ("ForcedSource", forced)] {
        let path = catalog.write(&format!("{table}.csv"), csv);
        run_well(&["ingest", &catalog.root(), table, &path]);
    }
    catalog
}

#[test]
fn rows_of_a_condition_go() {
    let catalog = Catalog::create();
    let root = catalog.root();
    let csv = catalog.write("Source.csv", sources_csv(1, 1, 3_000));
    run_well(&["ingest", &root, "Source", &csv]);
    let faint = "psfFlux < 10 OR 1 = CONTAINS(POINT(coord_ra, coord_dec), CIRCLE(10, 20, 30))";
    let n_rows = catalog.query(&format!("SELECT COUNT(*) FROM Source WHERE {faint}"))[0].clone();
    assert!(n_rows.parse::<u64>().unwrap() > 100, "{n_rows}");
    let counted = run_well(&["delete", &root, "source", "--where", faint, "--dry-run"]);
    assert_eq!(counted, format!("Source: {n_rows} rows would go\nnothing was removed\n"));
    let removed = run_well(&["delete", &root, "source", "--where", faint, "--author", "ada"]);
    assert_eq!(removed, format!("Source: {n_rows} rows removed in version 2\n"));
    assert_eq!(catalog.query(&format!("SELECT COUNT(*) FROM Source WHERE {faint}")), ["0"]);
    assert_eq!(
        catalog.query("SELECT COUNT(*) FROM Source"),
        [(3_000 - n_rows.parse::<i64>().unwrap()).to_string()]
    );
    let before = format!("SELECT COUNT(*) FROM Source WHERE {faint} AS OF VERSION 1");
    assert_eq!(catalog.query(&before), [n_rows]);
    let versions = run_well(&["versions", &root]);
    assert!(versions.contains(&format!("delete from Source where {faint}")), "{versions}");
    let again = run_well(&["delete", &root, "Source", "--where", faint]);
    assert_eq!(again, "Source: 0 rows would go\nnothing was removed\n");
    catalog.check();
}

#[test]
fn children_go_or_stay_as_is_said() {
    let catalog = filled();
    let root = catalog.root();
    let delete = |more: &[&str]| {
        run(&[&["delete", &root, "Object", "--where", "coord_dec > 15"], more].concat())
    };
    let refused = delete(&[]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains(
            "30 rows of ForcedSource would be left without their director, as 10 rows of Object"
        ),
        "{}",
        refused.stderr
    );
    assert_eq!(catalog.query("SELECT COUNT(*) FROM Object"), ["50"]);
    let removed = delete(&["--children", "remove"]).stdout;
    assert!(removed.contains("ForcedSource: 30 rows removed in version 3"), "{removed}");
    assert!(removed.contains("Object: 10 rows removed in version 3"), "{removed}");
    assert_eq!(catalog.query("SELECT COUNT(*) FROM ForcedSource"), ["120"]);
    let left = ["delete", &root, "Object", "--where", "objectId = 1", "--children", "leave"];
    assert_eq!(run_well(&left), "Object: 1 row removed in version 4\n");
    assert_eq!(catalog.query("SELECT COUNT(*) FROM ForcedSource WHERE objectId = 1"), ["3"]);
}

#[test]
fn a_wrong_condition_is_shown_and_removes_nothing() {
    let catalog = filled();
    for (condition, message) in [
        ("coord_dek > 3", "coord_dec"),
        ("coord_dec >", "expected a value"),
        ("coord_dec > 3 ORDER BY coord_dec", "a condition on the rows of one table is wanted"),
    ] {
        let refused = run(&["delete", &catalog.root(), "ForcedSource", "--where", condition]);
        assert_eq!(refused.code, Some(1), "{condition}");
        assert!(refused.stderr.contains(message), "{condition}: {}", refused.stderr);
    }
    assert_eq!(catalog.query("SELECT COUNT(*) FROM ForcedSource"), ["150"]);
}
