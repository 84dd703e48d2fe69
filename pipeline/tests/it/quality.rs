//! Quality of a processed survey: metrics in the catalog, a report without a network, and broken data that
//! fail.

use std::fs;
use std::path::{Path, PathBuf};

use almagest_pipeline::butler::{Attempt, Butler, DataId};
use almagest_pipeline::camera::{FrameOptions, read_exposures, write_exposure};
use almagest_pipeline::process::{ProcessConfig, process};
use almagest_pipeline::quality::metric::{Level, Metric, Status};
use almagest_pipeline::quality::{Outcome, QualityConfig, qa};
use almagest_pipeline::simulate::{Preset, Survey, WriteOptions, write_survey};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey::survey_schema;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float64Type, Int64Type};

/// Four visits in r of one small detector under many stars, as a perfect instrument sees them.
fn sky(folder: &Path) -> PathBuf {
    let mut config = Preset::Xs.config();
    config.bands = vec!["r".to_owned()];
    config.visits_per_band = 4;
    // Bright ones, far enough from each other.
    config.sky.stars_per_arcmin2 = 22.0;
    config.sky.star_magnitudes = (17.0, 20.0);
    config.sky.star_slope = 0.05;
    config.sky.galaxies_per_arcmin2 = 20.0;
    config.effects.streaks = false;
    config.effects.variability = false;
    // The zero point of these images is that of the whole visit.
    config.atmosphere.cloud_gradient = 0.0;
    let options = WriteOptions { calibrated: true, ..WriteOptions::default() };
    write_survey(&Survey::new(config).unwrap(), folder, &options, &|_| ()).unwrap();
    folder.join("calibrated")
}

fn measured(folder: &Path, name: &str, images: &Path) -> (CatalogStore, PathBuf) {
    let path = folder.join(name);
    let schema = survey_schema().unwrap();
    let store = CatalogStore::create(&path, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let (facts, config) = (FrameOptions::default(), ProcessConfig::default());
    process(&store, &[images.to_owned()], &facts, &config, &|_| {}).unwrap();
    (store, folder.join(format!("{name}.qa")))
}

fn find<'a>(outcome: &'a Outcome, name: &str) -> Vec<&'a Metric> {
    outcome.quality.metrics.iter().filter(|m| m.requirement.name == name).collect()
}

fn status(outcome: &Outcome, name: &str) -> Status {
    find(outcome, name)[0].status(Level::Design)
}

/// A quantum that has failed, as the executor records it.
fn lose_a_quantum(store: &CatalogStore) {
    let butler = Butler::open(store).unwrap();
    let data_id = DataId::visit_detector("TestCamXS", 77, 0);
    let names = ("characterize", "characterize");
    let registry = butler.registry();
    let (quantum, number) = registry.begin_quantum("night", names, &data_id, ("f", "0")).unwrap();
    let error = Some("all pixels of <visit 77> are saturated".to_owned());
    let attempt = Attempt {
        number,
        status: String::new(),
        started_at: String::new(),
        seconds: Some(1.0),
        peak_memory_bytes: None,
        log: String::new(),
        error,
    };
    registry.fail_quantum(quantum, &attempt).unwrap();
}

#[test]
fn a_survey_is_measured_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let images = sky(folder.path());
    let (store, report) = measured(folder.path(), "survey", &images);
    lose_a_quantum(&store);
    let before = store.newest_version().unwrap();
    let config = QualityConfig { truth: Some(folder.path().to_owned()), ..Default::default() };
    let outcome = qa(&store, &config, &report).unwrap();
    for metric in &outcome.quality.metrics {
        println!("{:15} {metric}", metric.status(Level::Design));
    }

    // A field of 1.7′ holds no stars 5′, 20′ or 200′ apart: there is no value, and it does not pass.
    for name in ["AM1", "AF1", "AM2", "AF2", "AM3", "AF3", "TE2", "TE4"] {
        let metric = find(&outcome, name)[0];
        assert_eq!(metric.status(Level::Minimum), Status::NotMeasurable, "{metric}");
        assert_eq!(metric.measure.value(), None);
    }
    // What a perfect instrument gives is in place and as bright as in truth, one visit like the other.
    for name in ["PA3", "PF2", "AA1", "PA6", "purity"] {
        assert_eq!(status(&outcome, name), Status::Pass, "{}", find(&outcome, name)[0]);
    }
    // Single stars repeat as well as the PSF is known: between the photons' noise and some per cent.
    let pa1 = find(&outcome, "PA1")[0].measure.value().unwrap();
    assert!((2.0..30.0).contains(&pa1), "{pa1}");
    assert_eq!(find(&outcome, "failedQuanta")[0].measure.value(), Some(1.0));
    assert_eq!(status(&outcome, "failedQuanta"), Status::Fail);
    assert_eq!(find(&outcome, "zeroPointError").len(), 4);

    // One version more, with a row for each metric; what is not measurable is NULL.
    assert_eq!(outcome.version, before + 1);
    let columns = ["metric", "value", "status", "version", "design", "reason"];
    let rows =
        store.snapshot().unwrap().read_region("Metrics", None, Some(&columns), None).unwrap();
    let n_rows: usize = rows.iter().map(|batch| batch.num_rows()).sum();
    assert_eq!(n_rows, outcome.quality.metrics.len());
    for batch in &rows {
        let texts = |k: usize| batch.column(k).as_string::<i32>();
        let value = batch.column(1).as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            let is_measured = texts(2).value(row) != "not measurable";
            assert_eq!(value.is_valid(row), is_measured, "{}", texts(0).value(row));
            assert_eq!(texts(5).is_valid(row), !is_measured);
            assert_eq!(batch.column(3).as_primitive::<Int64Type>().value(row), before as i64);
        }
    }

    // A second look adds rows and nothing else.
    let again = qa(&store, &config, &report).unwrap();
    assert_eq!(again.version, before + 2);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.n_rows("Metrics") as usize, 2 * n_rows);
    let values = |outcome: &Outcome| -> Vec<Option<f64>> {
        outcome.quality.metrics.iter().map(|metric| metric.measure.value()).collect()
    };
    assert_eq!(values(&again), values(&outcome));

    // One night is what was seen between two noons; another is refused.
    let night = outcome.quality.observations.visits[0].mid_mjd_tai - 0.5;
    assert_eq!(night.floor(), 60_675.0);
    let of_night = QualityConfig { night: Some(20_241_231), ..config.clone() };
    let seen = qa(&store, &of_night, &folder.path().join("night")).unwrap();
    assert_eq!(seen.quality.observations.visits.len(), 4);
    let empty = QualityConfig { night: Some(20_250_105), ..config };
    let refused = qa(&store, &empty, &report).unwrap_err().to_string();
    let expected = "no visit in the night 20250105; the newest night of the catalog is 20241231";
    assert_eq!(refused, expected);

    let page = fs::read_to_string(&outcome.page).unwrap();
    assert!(page.contains("characterize") && page.contains("visit=77"), "the lost quantum");
    assert!(page.contains("all pixels of &lt;visit 77&gt; are saturated"));
    assert!(page.contains("data:image/png;base64,"), "cut-outs");
    assert_eq!(fs::read_dir(report.join("visits")).unwrap().count(), 4);
    // Nothing is fetched and nothing runs: the only addresses are those of the SVG standard.
    let fetched = page.replace("http://www.w3.org/2000/svg", "");
    for foreign in ["http:", "https:", "<script", "@import", "url("] {
        assert!(!fetched.contains(foreign), "{foreign}");
    }
    for link in page.split("href=\"visits/").skip(1) {
        let name = link.split('"').next().unwrap();
        assert!(report.join("visits").join(name).is_file(), "{name}");
    }
}

#[test]
fn broken_data_fail() {
    let folder = tempfile::tempdir().unwrap();
    let images = sky(folder.path());
    // One visit lost a fifth of its light and was put on the sky 0.3″ off.
    let mut names: Vec<PathBuf> =
        fs::read_dir(&images).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let mut exposure = read_exposures(&names[1], &FrameOptions::default()).unwrap().remove(0);
    exposure.masked_image.image *= 0.8;
    exposure.masked_image.variance *= 0.64;
    exposure.wcs = exposure.wcs.from_pixel(1.5, 0.0);
    write_exposure(&names[1], &exposure).unwrap();
    let (store, report) = measured(folder.path(), "broken", &images);
    let config = QualityConfig { truth: Some(folder.path().to_owned()), ..Default::default() };
    let outcome = qa(&store, &config, &report).unwrap();
    for name in ["PA1", "PF1", "PA3", "PF2"] {
        let metric = find(&outcome, name)[0];
        assert_eq!(metric.status(Level::Minimum), Status::Fail, "{metric}");
    }
    let broken = exposure.visit_info.visit;
    for (name, least) in [("zeroPointError", 150.0), ("astrometryMedian", 250.0)] {
        let of_name = find(&outcome, name).into_iter();
        let worst =
            of_name.max_by(|a, b| a.excess(Level::Design).total_cmp(&b.excess(Level::Design)));
        let worst = worst.unwrap();
        assert_eq!(worst.scope.visit, Some(broken), "{worst}");
        assert!(worst.measure.value().unwrap() > least, "{worst}");
        assert_eq!(worst.status(Level::Minimum), Status::Fail, "{worst}");
    }
    let page = fs::read_to_string(&outcome.page).unwrap();
    assert!(page.contains(&format!("visits/{broken}.html")), "the visit is named");
}

#[test]
fn an_empty_catalog_is_not_measurable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    let schema = survey_schema().unwrap();
    let store = CatalogStore::create(&path, &schema, Chunking::try_new(0).unwrap()).unwrap();
    let outcome = qa(&store, &QualityConfig::default(), &folder.path().join("report")).unwrap();
    assert_eq!(outcome.quality.count(Status::Pass) + outcome.quality.count(Status::Fail), 0);
    assert!(outcome.quality.count(Status::NotMeasurable) > 5);
    assert!(fs::read_to_string(outcome.page).unwrap().contains("Nothing could be judged"));
}
