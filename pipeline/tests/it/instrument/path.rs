//! The whole path, as a user walks it: files, butler, calibrations certified, pipelines, rows. What is bad
//! costs its own quantum, with one line.

use std::fs;
use std::path::PathBuf;

use almagest_pipeline::butler::{
    Butler, DataId, DatasetQuery, DatasetRef, Dimension, RawIngest, Transfer, Validity, Value,
};
use almagest_pipeline::camera::raw::raw_name;
use almagest_pipeline::camera::{RawFrame, camera_of_raw, write_raw};
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::executor::{ExecuteOptions, RunReport, execute};
use almagest_pipeline::fits::Compression;
use almagest_pipeline::graph::{Graph, GraphRequest, build};
use almagest_pipeline::image::mask_plane;
use almagest_pipeline::simulate::config::CalibrationConfig;
use almagest_pipeline::simulate::{Effects, FrameId, Survey, SurveyConfig};
use almagest_storage::CatalogStore;

use crate::frame::catalog;

const CALIBRATIONS: [&str; 8] = [
    "bias",
    "dark",
    "flat",
    "defects",
    "linearity",
    "photon_transfer",
    "crosstalk",
    "brighter_fatter_kernel",
];

struct Field {
    folder: tempfile::TempDir,
    survey: Survey,
    store: CatalogStore,
    butler: Butler,
}

/// A small survey with just enough calibrations, as files, ingested in the run `images`; `spoil` may
/// change a frame before it is written.
fn field(
    n_visits: usize,
    (ptc_pairs, spots): (usize, usize),
    spoil: impl Fn(&mut RawFrame),
) -> Field {
    let survey = Survey::new(SurveyConfig {
        visits_per_band: n_visits,
        calibrations: CalibrationConfig {
            biases: 5,
            darks: 3,
            flats: 3,
            ptc_pairs,
            spots,
            ..CalibrationConfig::default()
        },
        // Nobody has fitted positions to a reference catalog yet: pointings are as headers say.
        effects: Effects { pointing_error: false, ..Effects::default() },
        ..super::config()
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    let raw = folder.path().join("raw");
    fs::create_dir(&raw).unwrap();
    for exposure in 0..survey.exposures().len() {
        let mut frame = survey.frame(FrameId { exposure, detector: 0 }, false).unwrap().raw;
        spoil(&mut frame);
        let path = raw.join(raw_name(&frame));
        write_raw(&path, &frame, Compression::None).unwrap();
        let ingest = RawIngest { run: "images", transfer: Transfer::InPlace, camera: None };
        assert!(camera_of_raw(&path, &ingest.cameras().unwrap()).unwrap().is_some());
        assert_eq!(butler.ingest_raw(&path, &ingest).unwrap().len(), 1);
    }
    Field { folder, survey, store, butler }
}

impl Field {
    fn graph(&self, pipeline: &str, inputs: &[&str], run: &str) -> Graph {
        let request = GraphRequest { inputs, condition: None, run };
        build(&self.butler, &Pipeline::read(pipeline).unwrap(), &request).unwrap()
    }

    fn run(&self, graph: &Graph) -> RunReport {
        let options = ExecuteOptions { retries: 0, ..ExecuteOptions::default() };
        execute(&self.butler, &self.store, graph, &options, &mut |_| {}).unwrap()
    }

    fn datasets(&self, dataset_type: &str, run: &str) -> Vec<DatasetRef> {
        let query = DatasetQuery {
            dataset_type,
            collections: &[run],
            condition: None,
            find_first: true,
            limit: None,
        };
        self.butler.registry().query(&query).unwrap()
    }

    /// Make all calibrations, and certify them for a time.
    fn calibrate(&self, validity: Validity) {
        let graph = self.graph("calibration", &["images"], "made");
        let report = self.run(&graph);
        assert!(report.first_error.is_none(), "{:?}", report.failures());
        for dataset_type in CALIBRATIONS {
            let made = self.datasets(dataset_type, "made");
            assert_eq!(made.len(), 1, "{dataset_type}");
            self.butler.registry().certify("calibrations", &made, validity).unwrap();
        }
    }

    fn raw_file(&self, visit: i64) -> PathBuf {
        let own = self.datasets("raw", "images").into_iter();
        let mut own = own.filter(|raw| raw.data_id.integer(Dimension::Visit) == Some(visit));
        own.next().unwrap().path
    }

    fn visit(&self, index: usize) -> i64 {
        self.survey.visits()[index].id
    }
}

/// Five visits: the first and the fourth are whole, the second lacks an amplifier, the third is cut off,
/// and no calibration holds at the time of the fifth.
#[test]
fn raw_frames_become_rows() {
    let second = {
        let survey = Survey::new(SurveyConfig { visits_per_band: 5, ..super::config() }).unwrap();
        survey.visits()[1].id
    };
    let field = field(5, (6, 8), |frame| {
        if frame.exposure.visit == second {
            frame.amplifiers.pop();
        }
    });
    let end_mjd = field.survey.visits()[4].start_mjd_tai - 1e-4;
    field.calibrate(Validity { begin_mjd: 0.0, end_mjd });
    let cut = field.raw_file(field.visit(2));
    let whole = fs::read(&cut).unwrap();
    fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let graph = field.graph("survey", &["images", "calibrations"], "run");
    assert_eq!(graph.counts()[0], ("isr", 5));
    let report = field.run(&graph);
    check_failures(&field, &report.failures());
    check_rows(&field, 3);

    // A file that ends early is not taken in to begin with.
    let ingest = RawIngest { run: "again", transfer: Transfer::InPlace, camera: None };
    let error = field.butler.ingest_raw(&cut, &ingest).unwrap_err().to_string();
    assert!(error.contains("is truncated: HDU"), "{error}");
    drop(field.folder);
}

fn check_failures(field: &Field, failures: &[String]) {
    let expected = [
        (1, "TestCamXS: no image HDU A7 (amplifier A7)"),
        (2, "when it was registered"),
        (4, "brighter_fatter_kernel for detector 0 at MJD 606"),
    ];
    let failed: Vec<&String> = failures.iter().filter(|line| line.contains(" failed: ")).collect();
    assert_eq!(failed.len(), expected.len(), "{failures:?}");
    for (index, reason) in expected {
        let visit = format!("visit={}", field.visit(index));
        let line = failed.iter().find(|line| line.contains(&visit)).unwrap();
        assert!(line.starts_with("isr (") && line.contains(reason), "{line}");
        assert_eq!(line.lines().count(), 1);
    }
    // All that is lacking is told at once, with the settings that go without.
    let lacking = failed.iter().find(|line| line.contains("no bias, dark, flat, defects, "));
    assert!(lacking.unwrap().contains("(bias.enabled=false, dark.enabled=false, "));
}

/// The rows of the two visits that are whole; `index` is one of them.
fn check_rows(field: &Field, index: usize) {
    let snapshot = field.store.snapshot().unwrap();
    assert_eq!((snapshot.n_rows("Visit"), snapshot.n_rows("VisitDetector")), (2, 2));
    // The stars of the truth that stand out are there, in each visit.
    let visit = field.visit(index);
    let exposures = field.survey.exposures();
    let exposure = exposures.iter().position(|planned| planned.id == visit).unwrap();
    let frame = field.survey.frame(FrameId { exposure, detector: 0 }, false).unwrap();
    let noise = field.survey.visits()[index].sky_e.sqrt();
    let bright = frame.truth.sources.iter().filter(|s| s.electrons > 100.0 * noise).count() as u64;
    let (sources, objects) = (snapshot.n_rows("Source"), snapshot.n_rows("Object"));
    assert!(
        bright > 10 && sources > 2 * bright && objects > bright,
        "{bright} {sources} {objects}"
    );
    // An image in electrons, with the masks and the world coordinates of its pointing.
    let image_id = DataId::visit_detector("TestCamXS", visit, 0);
    let image = field.butler.registry().find_in_run("run", "visit_image", &image_id).unwrap();
    let Value::Exposure(exposure) = field.butler.get(&image.unwrap()).unwrap() else {
        panic!("no exposure");
    };
    assert_eq!(exposure.detector.gain_e_per_adu, Some(1.0));
    assert!(exposure.masked_image.count(mask_plane::INTRP) > 200);
    let centre = exposure.wcs.pixel_to_sky(255.5, 255.5);
    let truth = frame.truth.wcs.unwrap().pixel_to_sky(255.5, 255.5);
    assert!((centre.0 - truth.0).hypot(centre.1 - truth.1) * 3600.0 < 1.0);
}

#[test]
fn a_flat_of_zeros_costs_the_flats() {
    let field = field(1, (0, 0), |frame| {
        if frame.exposure.visit == 300_002 {
            for amplifier in &mut frame.amplifiers {
                let overscan = amplifier.serial_overscan.unwrap();
                let level = overscan.of(&amplifier.pixels).mean().unwrap();
                amplifier.pixels.fill(level.round());
            }
        }
    });
    let report = field.run(&field.graph("calibration#images", &["images"], "made"));
    let failures = report.failures();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].starts_with("flat ("), "{failures:?}");
    let reason = "flat 300002: no light: amplifier A0 has ";
    assert!(failures[0].contains(reason), "{failures:?}");
    for (dataset_type, found) in [("bias", 1), ("dark", 1), ("flat", 0), ("defects", 1)] {
        assert_eq!(field.datasets(dataset_type, "made").len(), found, "{dataset_type}");
    }
}
