//! Images to catalog: whole, again, broken off, without a zero point.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use almagest_pipeline::Error;
use almagest_pipeline::camera::{FrameOptions, write_exposure};
use almagest_pipeline::process::{ProcessConfig, ProcessReport, Progress, process};
use almagest_pipeline::simulate::{SimulateConfig, Simulation, simulate};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey::survey_schema;
use arrow::array::AsArray;
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};

/// Three small visits; the stars stand apart, so that none are blended.
fn sky() -> Simulation {
    simulate(&SimulateConfig {
        size_px: (400, 400),
        stars: 90,
        min_separation_px: 20.0,
        galaxies: 5,
        visit_bands: ["r", "g", "r"].map(str::to_owned).to_vec(),
        ..Default::default()
    })
    .unwrap()
}

fn write_images(sky: &Simulation, folder: &Path, with_zero_point: bool) -> PathBuf {
    let images = folder.join("images");
    fs::create_dir_all(&images).unwrap();
    for visit in &sky.visits {
        let mut exposure = visit.exposure.clone();
        if !with_zero_point {
            exposure.photo_calib = None;
        }
        let name = format!("visit-{}.fits", exposure.visit_info.visit);
        write_exposure(&images.join(name), &exposure).unwrap();
    }
    images
}

fn catalog(folder: &Path) -> CatalogStore {
    let path = folder.join("catalog");
    CatalogStore::create(&path, &survey_schema().unwrap(), Chunking::try_new(0).unwrap()).unwrap()
}

fn run(
    store: &CatalogStore,
    images: &Path,
    config: &ProcessConfig,
) -> Result<ProcessReport, Error> {
    process(store, &[images.to_owned()], &FrameOptions::default(), config, &|_| {})
}

/// All rows of a table as sorted text, so that two catalogs can be compared.
fn rows(store: &CatalogStore, table: &str) -> Vec<String> {
    let mut rows: Vec<String> = vec![];
    for batch in store.snapshot().unwrap().read_region(table, None, None, None).unwrap() {
        for row in 0..batch.num_rows() {
            let cells: Vec<String> = batch
                .columns()
                .iter()
                .map(|column| arrow::util::display::array_value_to_string(column, row).unwrap())
                .collect();
            rows.push(cells.join("|"));
        }
    }
    rows.sort();
    rows
}

#[test]
fn images_become_rows_once() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(), folder.path(), true);
    let store = catalog(folder.path());
    let report = run(&store, &images, &ProcessConfig::default()).unwrap();
    assert_eq!((report.n_visits, report.version), (3, 3));
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.n_rows("Visit"), 3);
    assert_eq!(snapshot.n_rows("VisitDetector"), 3);
    assert_eq!(snapshot.n_rows("Source"), report.n_sources as u64);
    assert_eq!(snapshot.n_rows("Object"), report.n_objects as u64);
    assert!(report.n_objects > 30, "{report:?}");
    // Each object has a forced flux on each visit whose image covers it.
    assert!(report.n_forced_sources > 2 * report.n_objects, "{report:?}");
    assert!(store.check().unwrap().is_clean());

    let again = run(&store, &images, &ProcessConfig::default()).unwrap();
    assert_eq!((again.n_visits, again.n_visits_known, again.version), (0, 3, 3));
}

#[test]
fn other_settings_replace_the_rows_and_the_first_ones_bring_them_back() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(), folder.path(), true);
    let store = catalog(folder.path());
    let tables = ["Visit", "VisitDetector", "Source", "Object", "ForcedSource"];
    let all = || tables.map(|table| rows(&store, table));
    run(&store, &images, &ProcessConfig::default()).unwrap();
    let first = all();

    let mut other = ProcessConfig::default();
    other.characterize.detection.threshold = 30.0;
    let report = run(&store, &images, &other).unwrap();
    assert_eq!((report.n_visits, report.n_visits_known, report.version), (3, 0, 6));
    assert!(rows(&store, "Source").len() < first[2].len());
    assert!(store.check().unwrap().is_clean());

    let report = run(&store, &images, &ProcessConfig::default()).unwrap();
    assert_eq!((report.n_visits, report.version), (3, 9));
    assert_eq!(all(), first);
    let again = run(&store, &images, &ProcessConfig::default()).unwrap();
    assert_eq!((again.n_visits, again.n_visits_known, again.version), (0, 3, 9));
}

#[test]
fn a_run_that_was_broken_off_ends_as_if_it_had_not_been() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(), folder.path(), true);
    let whole = tempfile::tempdir().unwrap();
    let whole = catalog(whole.path());
    run(&whole, &images, &ProcessConfig::default()).unwrap();

    let store = catalog(folder.path());
    let break_off = |progress: Progress| {
        assert!(!matches!(progress, Progress::Committed { .. }), "broken off on purpose");
    };
    let broken = catch_unwind(AssertUnwindSafe(|| {
        process(
            &store,
            std::slice::from_ref(&images),
            &FrameOptions::default(),
            &ProcessConfig::default(),
            &break_off,
        )
    }));
    assert!(broken.is_err());
    assert_eq!(store.snapshot().unwrap().n_rows("Visit"), 1);
    assert!(store.check().unwrap().is_clean());
    run(&store, &images, &ProcessConfig::default()).unwrap();
    for table in ["Visit", "VisitDetector", "Source", "Object", "ForcedSource"] {
        assert_eq!(rows(&store, table), rows(&whole, table), "{table}");
    }
}

#[test]
fn two_images_cannot_be_one_visit() {
    let folder = tempfile::tempdir().unwrap();
    let sky = sky();
    let images = write_images(&sky, folder.path(), true);
    let store = catalog(folder.path());
    let mut other = sky.visits[0].exposure.clone();
    other.masked_image.image[[5, 5]] += 100.0;
    let path = images.join("other.fits");
    write_exposure(&path, &other).unwrap();
    let refused = run(&store, &images, &ProcessConfig::default());
    assert!(matches!(refused, Err(Error::IdentityConflict { .. })), "{refused:?}");
    assert_eq!(store.newest_version().unwrap(), 0);

    // The same between a run and what the catalog holds.
    fs::rename(&path, folder.path().join("other.fits")).unwrap();
    run(&store, &images, &ProcessConfig::default()).unwrap();
    let refused = run(&store, &folder.path().join("other.fits"), &ProcessConfig::default());
    assert!(matches!(refused, Err(Error::VisitExists { .. })), "{refused:?}");
    assert_eq!(store.newest_version().unwrap(), 3);
}

#[test]
fn reference_stars_give_a_zero_point() {
    let folder = tempfile::tempdir().unwrap();
    let sky = sky();
    let images = write_images(&sky, folder.path(), false);
    let store = catalog(folder.path());
    run(&store, &images, &ProcessConfig::default()).unwrap();
    let flux_of = |store: &CatalogStore| {
        let columns = Some(["psfFlux", "psfInstFlux"].as_slice());
        let batches = store.snapshot().unwrap().read_region("Source", None, columns, None).unwrap();
        let null =
            |index: usize| -> usize { batches.iter().map(|b| b.column(index).null_count()).sum() };
        let all: usize = batches.iter().map(|b| b.num_rows()).sum();
        (null(0), null(1), all)
    };
    let (null_njy, null_adu, all) = flux_of(&store);
    assert!(all > 100 && null_njy == all && null_adu < all / 20);

    let mut stars = String::from("ra,dec,g_mag,r_mag\n");
    for object in sky.scene.objects.iter().filter(|object| object.kind() == "star") {
        let [g, r, _] = object.flux_njy.map(|flux| 31.4 - 2.5 * flux.log10());
        stars += &format!("{},{},{g},{r}\n", object.ra, object.dec);
    }
    let path = folder.path().join("stars.csv");
    fs::write(&path, stars).unwrap();
    let calibrated = tempfile::tempdir().unwrap();
    let store = catalog(calibrated.path());
    let config = ProcessConfig { reference: Some(path), ..Default::default() };
    let report = run(&store, &images, &config).unwrap();
    assert!(report.warnings.iter().any(|w| w.contains("zero point 3")), "{:?}", report.warnings);
    assert!(flux_of(&store).0 < all / 20);
    let columns = Some(["visitId", "zeroPoint"].as_slice());
    for batch in
        store.snapshot().unwrap().read_region("VisitDetector", None, columns, None).unwrap()
    {
        for row in 0..batch.num_rows() {
            let visit = batch.column(0).as_primitive::<Int64Type>().value(row);
            let found = batch.column(1).as_primitive::<Float32Type>().value(row);
            let truth = sky.visits.iter().find(|v| v.exposure.visit_info.visit == visit).unwrap();
            let truth = truth.exposure.photo_calib.unwrap().zero_point_mag;
            // Some thirty stars of some 2 % each.
            assert!(
                (f64::from(found) - truth).abs() < 0.01,
                "visit {visit}: {found}, truth {truth}"
            );
        }
    }

    fs::write(folder.path().join("bare.csv"), "ra,magnitude\n1,2\n").unwrap();
    let config = ProcessConfig { reference: Some(folder.path().join("bare.csv")), ..config };
    let another = tempfile::tempdir().unwrap();
    let store = catalog(another.path());
    let error = run(&store, &images, &config).unwrap_err().to_string();
    assert!(error.contains("no column dec or coord_dec, no column"), "{error}");
}

#[test]
fn positions_are_where_they_were_simulated() {
    let folder = tempfile::tempdir().unwrap();
    let sky = sky();
    let images = write_images(&sky, folder.path(), true);
    let store = catalog(folder.path());
    run(&store, &images, &ProcessConfig::default()).unwrap();
    let columns = Some(["coord_ra", "coord_dec"].as_slice());
    let batches = store.snapshot().unwrap().read_region("Object", None, columns, None).unwrap();
    let mut n_matched = 0;
    for batch in &batches {
        let [ra, dec] = [0, 1].map(|c| batch.column(c).as_primitive::<Float64Type>());
        for row in 0..batch.num_rows() {
            n_matched += usize::from(sky.scene.objects.iter().any(|object| {
                let dra = (object.ra - ra.value(row)) * dec.value(row).to_radians().cos();
                dra.hypot(object.dec - dec.value(row)) * 3600.0 < 0.3
            }));
        }
    }
    let n: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    assert!(n_matched as f64 > 0.97 * n as f64, "{n_matched} of {n}");
}

#[test]
fn a_folder_without_images_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let store = catalog(folder.path());
    let images = folder.path().join("nothing");
    fs::create_dir(&images).unwrap();
    let error = run(&store, &images, &ProcessConfig::default()).unwrap_err().to_string();
    assert_eq!(error, format!("no FITS image in {}", images.display()));
}
