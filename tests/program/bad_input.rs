//! Bad input: one clear line that names the file, row or column, a non-zero exit, and the catalog
//! as it was.

use std::fs;

use crate::almagest::{Catalog, run, run_well, sources_csv};
use crate::fits_file::{WCS, image};

/// A catalog with something in it to lose.
fn catalog() -> Catalog {
    let catalog = Catalog::create();
    let good = catalog.write("good.csv", sources_csv(1, 1, 500));
    run_well(&["ingest", &catalog.root(), "Source", &good]);
    catalog
}

/// Run a command that must be refused in one line that holds all of `names`.
fn check(catalog: &Catalog, args: &[&str], names: &[&str]) {
    let before = catalog.state();
    let outcome = run(args);
    assert_eq!(outcome.code, Some(1), "{args:?}: {outcome:#?}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    assert_eq!(lines.len(), 1, "{args:?}: one line: {outcome:#?}");
    for name in names {
        assert!(lines[0].contains(name), "{args:?}: {name:?} is not in {:?}", lines[0]);
    }
    assert!(lines[0].starts_with("almagest: "), "{lines:?}");
    assert_eq!(catalog.state(), before, "{args:?}: the catalog changed");
    assert_eq!(catalog.query("SELECT COUNT(*) FROM Source"), ["500"], "{args:?}");
}

#[test]
fn a_wrong_type_far_down_a_csv_file() {
    let catalog = catalog();
    let csv = sources_csv(2, 1_000, 80_000);
    // The header is line 1, row 70,000 is line 70,001.
    let wrong: Vec<String> = csv
        .lines()
        .enumerate()
        .map(|(index, line)| match index {
            70_000 => {
                let (start, _) = line.rsplit_once(',').unwrap();
                format!("{start},bright")
            }
            _ => line.to_owned(),
        })
        .collect();
    let path = catalog.write("wrong.csv", wrong.join("\n"));
    let names = [path.as_str(), "70000", "psfFlux", "bright"];
    check(&catalog, &["ingest", &catalog.root(), "Source", &path], &names);
}

#[test]
fn a_position_beyond_the_pole() {
    let catalog = catalog();
    let csv = "sourceId,visit,detector,coord_ra,coord_dec\n1000,2,1,10,20\n1001,2,1,10,91\n";
    let path = catalog.write("beyond.csv", csv);
    let names = [path.as_str(), "row 2", "coord_dec", "91"];
    check(&catalog, &["ingest", &catalog.root(), "Source", &path], &names);
}

#[test]
fn a_table_that_does_not_exist() {
    let catalog = catalog();
    let path = catalog.write("rows.csv", sources_csv(2, 1_000, 10));
    let names = ["Sauce", "Source"];
    check(&catalog, &["ingest", &catalog.root(), "Sauce", &path], &names);
}

#[test]
fn a_file_that_does_not_exist_after_one_that_does() {
    let catalog = catalog();
    let good = catalog.write("more.csv", sources_csv(2, 1_000, 10));
    let absent = catalog.file("absent.csv").to_str().unwrap().to_owned();
    let args = ["ingest", &catalog.root(), "Source", &good, &absent];
    check(&catalog, &args, &[absent.as_str()]);
}

#[test]
fn an_identifier_that_is_there_already() {
    let catalog = catalog();
    let path = catalog.write("again.csv", sources_csv(2, 500, 10));
    check(&catalog, &["ingest", &catalog.root(), "Source", &path], &["sourceId", "500"]);
}

#[test]
fn a_light_curve_of_no_object() {
    let catalog = catalog();
    let csv = "objectId,visit,detector,coord_ra,coord_dec\n77,2,1,10,20\n";
    let path = catalog.write("orphan.csv", csv);
    let names = [path.as_str(), "row 1", "objectId", "77"];
    check(&catalog, &["ingest", &catalog.root(), "ForcedSource", &path], &names);
}

#[test]
fn a_folder_that_is_no_catalog() {
    let catalog = catalog();
    let folder = catalog.file("elsewhere");
    fs::create_dir(&folder).unwrap();
    let folder = folder.to_str().unwrap();
    for args in [vec!["check", folder], vec!["query", folder, "SELECT 1"], vec!["serve", folder]] {
        check(&catalog, &args, &[folder]);
    }
}

#[test]
fn a_catalog_that_is_there_already() {
    let catalog = catalog();
    check(&catalog, &["create", &catalog.root()], &[&catalog.root()]);
}

/// Arguments that say what the headers of the test images do not.
const FACTS: [&str; 12] = [
    "--visit",
    "7",
    "--band",
    "r",
    "--time",
    "60000.5",
    "--exposure-time",
    "30",
    "--gain",
    "1",
    "--psf",
    "3",
];

/// Process an image that must be refused; `inspect` refuses it as well.
fn check_image(content: &[u8], names: &[&str]) {
    let catalog = catalog();
    let path = catalog.write("image.fits", content);
    let root = catalog.root();
    let names = [&[path.as_str()], names].concat();
    check(&catalog, &[["process", &root, &path].as_slice(), &FACTS].concat(), &names);
    let outcome = run(&[["inspect", &path].as_slice(), &FACTS].concat());
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
}

#[test]
fn an_image_cut_short() {
    let whole = image(64, &WCS);
    check_image(&whole[..whole.len() / 2], &["truncated"]);
}

#[test]
fn an_image_without_world_coordinates() {
    check_image(&image(64, &[("EXPTIME", "30.0")]), &["world coordinates", "CTYPE1"]);
}

#[test]
fn a_file_that_is_no_image() {
    check_image("not a FITS file\n".repeat(1000).as_bytes(), &["FITS"]);
}

#[test]
fn a_bad_image_after_a_good_one() {
    let catalog = catalog();
    let good = catalog.write("good.fits", image(64, &WCS));
    let bad = catalog.write("bad.fits", &image(64, &WCS)[..5760]);
    let root = catalog.root();
    check(&catalog, &[["process", &root, &good, &bad].as_slice(), &FACTS].concat(), &[&bad]);
}

#[test]
fn a_wrong_query_shows_the_place() {
    let catalog = catalog();
    let outcome = run(&["query", &catalog.root(), "SELECT sourceID,\n  psfFlx FROM Source"]);
    assert_eq!(outcome.code, Some(1), "{outcome:#?}");
    assert_eq!(
        outcome.stderr,
        "almagest: line 2, column 3: unknown column psfFlx; did you mean psfFlux?\n    \
         psfFlx FROM Source\n    ^\n"
    );
    assert_eq!(outcome.stdout, "");
}

#[test]
fn a_wrong_command_line_is_told_apart() {
    let outcome = run(&["ingest"]);
    assert_eq!(outcome.code, Some(2), "{outcome:#?}");
}
