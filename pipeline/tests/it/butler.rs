//! The butler's everyday operations, as the table in `butler.rs` lists them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use almagest_pipeline::butler::datastore::StoredFile;
use almagest_pipeline::butler::{
    Butler, CollectionKind, DataId, DatasetQuery, DatasetRef, DatasetType, Dimension, DimensionSet,
    Footprint, FrameIngest, NewDataset, ObservationKind, ObservationRecord, Registry, StorageClass,
    Transfer, Validity, Value,
};
use almagest_pipeline::camera::{FrameOptions, find_frames, write_exposure};
use almagest_pipeline::expression::Expression;
use almagest_pipeline::simulate::{SimulateConfig, Simulation, simulate};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey::survey_schema;
use almagest_storage::sphgeom::Shape;
use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use serde_json::json;

struct Fixture {
    folder: tempfile::TempDir,
    butler: Butler,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let chunking = Chunking::try_new(0).unwrap();
        let catalog = folder.path().join("catalog");
        let store = CatalogStore::create(&catalog, &survey_schema().unwrap(), chunking).unwrap();
        Self { butler: Butler::open(&store).unwrap(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put_text(&self, run: &str, visit: i64, text: &str) -> DatasetRef {
        let value = Value::Text(text.to_owned());
        self.butler.put(run, &note(), &DataId::visit("Cam", visit), &value).unwrap()
    }

    fn query(&self, collections: &[&str], condition: &str) -> Vec<DatasetRef> {
        let condition = Expression::parse(condition).unwrap();
        let query = DatasetQuery {
            dataset_type: "*",
            collections,
            condition: Some(&condition),
            find_first: true,
            limit: None,
        };
        self.butler.registry().query(&query).unwrap()
    }
}

fn note() -> DatasetType {
    let dimensions = DimensionSet::of(&[Dimension::Visit]);
    DatasetType::new("note", dimensions, StorageClass::Text)
}

fn observation(number: i64, band: &str, begin_mjd: f64) -> ObservationRecord {
    ObservationRecord {
        instrument: "Cam".to_owned(),
        number,
        physical_filter: Some(format!("Cam-{band}")),
        band: Some(band.to_owned()),
        day_obs: almagest_pipeline::butler::day_obs(begin_mjd),
        observation_type: "science".to_owned(),
        exposure_time_s: 30.0,
        begin_mjd,
        end_mjd: begin_mjd + 30.0 / 86_400.0,
        ra: None,
        dec: None,
        airmass: Some(1.2),
        target: None,
    }
}

fn square(ra: f64, dec: f64, side: f64) -> Vec<(f64, f64)> {
    let half = side / 2.0;
    [(-half, -half), (half, -half), (half, half), (-half, half)]
        .map(|(x, y)| (ra + x, dec + y))
        .to_vec()
}

fn visits(datasets: &[DatasetRef]) -> Vec<i64> {
    datasets.iter().map(|d| d.data_id.integer(Dimension::Visit).unwrap()).collect()
}

#[test]
fn what_is_put_is_got() {
    let fixture = Fixture::new();
    let butler = &fixture.butler;
    let rows = RecordBatch::try_from_iter([(
        "x",
        Arc::new(Float64Array::from(vec![1.0 / 3.0, f64::NAN, -0.0])) as _,
    )])
    .unwrap();
    let image = ndarray::Array2::from_shape_fn((3, 4), |(y, x)| (y as f32).sqrt() - x as f32 / 3.0);
    let values = [
        Value::Table(rows.clone()),
        Value::Document(json!({"a": [1, 2.5, null]})),
        Value::Text("é\n".to_owned()),
        Value::Image(image.clone()),
    ];
    for value in values {
        let class = value.storage_class();
        let dataset_type = DatasetType::new(class.name(), note().dimensions, class);
        let id = DataId::visit("Cam", 7);
        let put = butler.put("run/one", &dataset_type, &id, &value).unwrap();
        let found = butler.registry().find(class.name(), &id, &["run/*"]).unwrap().unwrap();
        assert_eq!(found, put);
        assert!(butler.path(&found).unwrap().starts_with(fixture.path("catalog")));
        match (butler.get(&found).unwrap(), value) {
            (Value::Table(got), Value::Table(put)) => {
                // Bit by bit: NaN and the sign of zero too.
                assert_eq!(format!("{got:?}"), format!("{put:?}"));
            }
            (Value::Document(got), Value::Document(put)) => assert_eq!(got, put),
            (Value::Text(got), Value::Text(put)) => assert_eq!(got, put),
            (Value::Image(got), Value::Image(put)) => assert_eq!(got, put),
            (got, put) => panic!("{got:?} is not {put:?}"),
        }
    }
    // The same again is no fault, another value is.
    fixture.put_text("run/one", 1, "one");
    let again = fixture.put_text("run/one", 1, "one");
    let other = Value::Text("two".to_owned());
    let error = butler.put("run/one", &note(), &again.data_id, &other).unwrap_err().to_string();
    assert_eq!(error, "run run/one holds another note (instrument=Cam, visit=1) already");
    assert!(matches!(butler.get(&again).unwrap(), Value::Text(text) if text == "one"));
    let error = butler.put("run/one", &note(), &DataId::empty(), &other).unwrap_err().to_string();
    assert!(error.contains("note has dimensions {instrument, visit}"), "{error}");
    assert!(butler.registry().find("note", &DataId::visit("Cam", 9), &["*"]).unwrap().is_none());
}

#[test]
fn a_type_keeps_its_meaning() {
    let fixture = Fixture::new();
    fixture.put_text("run", 1, "one");
    let registry = fixture.butler.registry();
    assert_eq!(registry.dataset_type("note").unwrap(), note());
    let other = DatasetType::new("note", DimensionSet::EMPTY, StorageClass::Text);
    let error = registry.register_dataset_type(&other).unwrap_err().to_string();
    assert_eq!(
        error,
        "dataset type note is registered as note text of {instrument, visit}, \
         not as note text of {}"
    );
    let error = registry.dataset_type("not").unwrap_err().to_string();
    assert_eq!(error, "no dataset type not; did you mean note?");
}

#[test]
fn records_are_not_changed() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let record = observation(5, "r", 60_000.0);
    registry.sync_observations(ObservationKind::Visit, &[record.clone(), record.clone()]).unwrap();
    let moved = ObservationRecord { begin_mjd: 60_001.0, ..record.clone() };
    let error = registry.sync_observations(ObservationKind::Visit, &[moved]).unwrap_err();
    assert!(error.to_string().contains("visit instrument=Cam, visit=5 is recorded with timespan"));
    let filter = ObservationRecord { number: 6, band: Some("i".to_owned()), ..record };
    let error = registry.sync_observations(ObservationKind::Visit, &[filter]).unwrap_err();
    assert!(error.to_string().contains("is recorded with band = r, not i"), "{error}");
    // A dataset knows what its visit implies.
    let dataset = fixture.put_text("run", 5, "five");
    assert_eq!(fixture.query(&["run"], "band = 'r' AND day_obs = 20230224"), [dataset]);
}

#[test]
fn collections_of_each_kind() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let old = fixture.put_text("run/old", 1, "old");
    let new = fixture.put_text("run/new", 1, "new");
    let two = fixture.put_text("run/new", 2, "two");
    registry.set_chain("latest", &["run/new", "run/old"]).unwrap();
    registry.set_chain("all", &["latest", "run/old"]).unwrap();
    // The first collection that has a dataset gives it.
    assert_eq!(fixture.query(&["all"], "visit > 0"), [new.clone(), two.clone()]);
    assert_eq!(fixture.query(&["run/old", "all"], "visit > 0"), [old.clone(), two.clone()]);
    let error = registry.set_chain("latest", &["all"]).unwrap_err().to_string();
    assert_eq!(error, "collection latest would contain itself");
    assert_eq!(fixture.query(&["all"], "visit > 0").len(), 2, "the chain is as it was");

    registry.associate("good", &[old.clone(), two.clone()]).unwrap();
    assert_eq!(fixture.query(&["good"], "visit > 0"), [old.clone(), two.clone()]);
    registry.associate("good", std::slice::from_ref(&new)).unwrap();
    assert_eq!(fixture.query(&["good"], "visit = 1"), std::slice::from_ref(&new));
    registry.disassociate("good", &[new]).unwrap();
    assert_eq!(fixture.query(&["good"], "visit > 0"), [two]);

    let listed: Vec<String> = registry
        .collections("*")
        .unwrap()
        .into_iter()
        .map(|c| format!("{} {} {:?} {}", c.name, c.kind.name(), c.children, c.n_datasets))
        .collect();
    assert_eq!(
        listed,
        [
            "all CHAINED [\"latest\", \"run/old\"] 0",
            "good TAGGED [] 1",
            "latest CHAINED [\"run/new\", \"run/old\"] 0",
            "run/new RUN [] 2",
            "run/old RUN [] 1",
        ]
    );
    let error = registry.register_collection("good", CollectionKind::Run).unwrap_err().to_string();
    assert_eq!(error, "collection good is TAGGED, not RUN");
    let names: Vec<String> =
        registry.dataset_types("n*").unwrap().into_iter().map(|t| t.name).collect();
    assert_eq!(names, ["note"]);
    let query = DatasetQuery {
        dataset_type: "note",
        collections: &["run/nwe"],
        condition: None,
        find_first: true,
        limit: None,
    };
    let error = registry.query(&query).unwrap_err().to_string();
    assert_eq!(error, "no collection run/nwe; did you mean run/new?");
}

#[test]
fn calibrations_hold_for_a_time() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let flat =
        DatasetType::new("flat", DimensionSet::of(&[Dimension::Detector]), StorageClass::Text);
    let id = DataId::empty().with(Dimension::Instrument, "Cam").with(Dimension::Detector, 3);
    let put =
        |run: &str| fixture.butler.put(run, &flat, &id, &Value::Text(run.to_owned())).unwrap();
    let (first, second) = (put("flat/1"), put("flat/2"));
    let span = |begin_mjd, end_mjd| Validity { begin_mjd, end_mjd };
    registry.certify("calib", std::slice::from_ref(&first), span(10.0, 20.0)).unwrap();
    registry.certify("calib", std::slice::from_ref(&second), span(20.0, 30.0)).unwrap();
    registry.certify("calib", std::slice::from_ref(&second), span(20.0, 30.0)).unwrap();
    let error =
        registry.certify("calib", std::slice::from_ref(&first), span(29.0, 40.0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "calib has a flat (instrument=Cam, detector=3) valid from 20 to 30 already, which overlaps"
    );
    let at = |mjd| registry.calibration_at("calib", "flat", &id, mjd).unwrap();
    assert_eq!(at(9.9), None);
    assert_eq!((at(10.0), at(19.9)), (Some(first.clone()), Some(first.clone())));
    assert_eq!((at(20.0), at(30.0)), (Some(second.clone()), None));
    registry.decertify("calib", "flat", span(15.0, 25.0), None).unwrap();
    assert_eq!((at(14.9), at(15.0), at(24.9)), (Some(first), None, None));
    assert_eq!(at(25.0), Some(second.clone()));
    // Of one dataset alone, and of all that is left.
    let cut = |datasets: &[DatasetRef], validity| {
        registry.decertify_datasets("calib", datasets, validity).unwrap()
    };
    assert_eq!(cut(std::slice::from_ref(&second), Validity::ALWAYS), 1);
    assert_eq!((at(14.9).is_some(), at(25.0)), (true, None));
    assert_eq!(cut(&[second], Validity::ALWAYS), 0);
    assert_eq!(registry.decertify("calib", "flat", Validity::ALWAYS, None).unwrap(), 1);
    assert_eq!(at(14.9), None);
    let error = registry.decertify("flat/1", "flat", Validity::ALWAYS, None).unwrap_err();
    assert_eq!(error.to_string(), "collection flat/1 is RUN, not CALIBRATION");
}

#[test]
fn queries_by_expression() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let records: Vec<ObservationRecord> = (1..=40)
        .map(|n| observation(n, if n % 2 == 0 { "r" } else { "g" }, 60_000.0 + n as f64 * 0.5))
        .collect();
    registry.sync_observations(ObservationKind::Visit, &records).unwrap();
    for visit in 1..=40 {
        fixture.put_text("run", visit, "");
    }
    let check = |condition: &str, expected: &[i64]| {
        assert_eq!(visits(&fixture.query(&["run"], condition)), expected, "{condition}");
    };
    check("visit IN (1..10) AND band = 'r'", &[2, 4, 6, 8, 10]);
    check("visit IN (1..20:5, 39)", &[1, 6, 11, 16, 39]);
    check("NOT visit < 38", &[38, 39, 40]);
    check("visit NOT IN (1..37) AND band != 'g'", &[38, 40]);
    check("3 >= visit OR (visit = 7 AND instrument = 'Cam')", &[1, 2, 3, 7]);
    check("physical_filter = 'Cam-g' AND day_obs = 20230226", &[3]);
    check("visit.exposure_time > 29.5 AND visit.airmass < 1.3 AND visit = 1", &[1]);
    check("GLOB(physical_filter, '*-r') AND visit <= 4", &[2, 4]);
    check("detector IS NULL AND visit = 1", &[1]);
    check("visit.timespan OVERLAPS (60000.6, 60001.5)", &[2, 3]);
    for (condition, expected) in [
        ("visitt = 1", "condition: no visitt; did you mean visit?"),
        ("visit = 'r'", "condition: visit is a whole number, 'r' is not"),
        ("band = 1", "condition: band is a text, '1' is not"),
        ("visit.airmas > 1", "condition: no visit.airmas; did you mean visit.airmass?"),
    ] {
        let condition = Expression::parse(condition).unwrap();
        let query = DatasetQuery {
            dataset_type: "note",
            collections: &["run"],
            condition: Some(&condition),
            find_first: true,
            limit: None,
        };
        assert_eq!(registry.query(&query).unwrap_err().to_string(), expected);
    }
}

/// What a condition on the fields of visits says of a dataset that has none.
#[test]
fn fields_of_visits_are_those_of_the_dataset() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let mut records: Vec<ObservationRecord> =
        (1..=6).map(|n| observation(n, "r", 60_000.0 + n as f64)).collect();
    for record in &mut records {
        record.exposure_time_s = 10.0 * record.number as f64;
        record.airmass = (record.number != 2).then_some(1.0 + record.number as f64 / 10.0);
    }
    // Another camera counts its visits from one as well.
    let other = ObservationRecord { instrument: "Other".to_owned(), ..records[5].clone() };
    records.push(ObservationRecord { number: 1, ..other });
    registry.sync_observations(ObservationKind::Visit, &records).unwrap();
    for visit in 1..=7 {
        fixture.put_text("run", visit, "");
    }
    let check = |condition: &str, expected: &[i64]| {
        assert_eq!(visits(&fixture.query(&["run"], condition)), expected, "{condition}");
    };
    check("visit.exposure_time > 45", &[5, 6]);
    check("visit.exposure_time > 25 AND NOT visit.exposure_time > 45", &[3, 4]);
    check("20 <= visit.exposure_time AND visit < 4 AND visit.exposure_time < 35", &[2, 3]);
    // Visit 7 is not recorded, and the airmass of visit 2 is not known.
    check("NOT visit.airmass > 1.35", &[1, 3]);
    check("visit.airmass IS NULL", &[2, 7]);
    check("visit.airmass IS NULL OR visit.airmass > 1.55", &[2, 6, 7]);
    check("visit.exposure_time > 55 OR visit = 1", &[1, 6]);
    check("visit.exposure_time = 10 AND GLOB(visit.physical_filter, 'Cam-*')", &[1]);
    check("visit.exposure_time IN (10, 30) AND visit.ra IS NULL", &[1, 3]);
}

const N_VISITS: i64 = 1_000;
const N_DETECTORS: i32 = 100;

/// Where a detector sees in a visit.
fn footprint(visit: i64, detector: i32) -> Vec<(f64, f64)> {
    let (ra, dec) = (f64::from(detector % 10), f64::from(detector / 10));
    square(100.0 + 0.2 * ra + (visit % 30) as f64, 0.2 * dec, 0.2)
}

/// The record of a visit: bands by turns, longer and longer exposures.
fn record(visit: i64) -> ObservationRecord {
    let band = ["g", "r", "i"][visit as usize % 3];
    let exposure_time_s = 30.0 + (visit % 40) as f64 / 32.0;
    ObservationRecord {
        exposure_time_s,
        ..observation(visit, band, 60_000.0 + visit as f64 / 50.0)
    }
}

/// A hundred thousand datasets: a thousand visits of a hundred detectors.
fn many(fixture: &Fixture) {
    let registry = fixture.butler.registry();
    let (mut records, mut footprints, mut datasets) = (vec![], vec![], vec![]);
    let dimensions = DimensionSet::of(&[Dimension::Visit, Dimension::Detector]);
    let dataset_type = DatasetType::new("visit_image", dimensions, StorageClass::Exposure);
    for visit in 0..N_VISITS {
        records.push(record(visit));
        for detector in 0..N_DETECTORS {
            let (instrument, corners) = ("Cam".to_owned(), footprint(visit, detector));
            footprints.push(Footprint { instrument, visit, detector, corners });
            datasets.push(NewDataset {
                dataset_type: dataset_type.clone(),
                data_id: DataId::visit_detector("Cam", visit, detector),
                file: StoredFile {
                    path: format!("/images/{visit}-{detector}.fits").into(),
                    size_bytes: 1,
                    checksum: String::new(),
                },
                instructions: None,
            });
        }
    }
    registry.sync_observations(ObservationKind::Visit, &records).unwrap();
    registry.sync_footprints(&footprints).unwrap();
    registry.insert("run", &datasets).unwrap();
}

/// Each answer is what a look at every dataset gives. The times are printed, not asserted.
#[test]
fn queries_by_place_and_time() {
    let fixture = Fixture::new();
    many(&fixture);
    let records: Vec<ObservationRecord> = (0..N_VISITS).map(record).collect();
    let check = |condition: &str, holds: &dyn Fn(&ObservationRecord, i32) -> bool| {
        let expected: Vec<(i64, i32)> = records
            .iter()
            .flat_map(|record| (0..N_DETECTORS).map(move |detector| (record, detector)))
            .filter(|(record, detector)| holds(record, *detector))
            .map(|(record, detector)| (record.number, detector))
            .collect();
        assert!(!expected.is_empty() && expected.len() < 50_000, "{condition} tells nothing");
        let mut best = Duration::MAX;
        for _ in 0..3 {
            let begin = Instant::now();
            let found = fixture.query(&["run"], condition);
            best = best.min(begin.elapsed());
            let mut found: Vec<(i64, i32)> = found
                .iter()
                .map(|dataset| &dataset.data_id)
                .map(|id| (Dimension::Visit, Dimension::Detector, id))
                .map(|(visit, detector, id)| {
                    (id.integer(visit).unwrap(), id.integer(detector).unwrap() as i32)
                })
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{condition}");
        }
        let (ms, n) = (best.as_secs_f64() * 1e3, expected.len());
        println!("{ms:>7.1} ms  {n:>5} of 100000: {condition}");
    };
    // Footprints come round every thirty visits.
    let meets = |shape: &str| -> Vec<bool> {
        let shape = Shape::parse(shape).unwrap();
        let meets = |(visit, detector)| {
            let corners = footprint(visit, detector);
            let numbers: Vec<String> =
                corners.iter().map(|(ra, dec)| format!("{ra} {dec}")).collect();
            let polygon = Shape::parse(&format!("POLYGON {}", numbers.join(" "))).unwrap();
            polygon.intersects(&shape)
        };
        (0..30).flat_map(|visit| (0..N_DETECTORS).map(move |d| (visit, d))).map(meets).collect()
    };
    let at = |meets: &[bool], visit: i64, detector: i32| {
        meets[(visit % 30 * i64::from(N_DETECTORS) + i64::from(detector)) as usize]
    };
    let is = |record: &ObservationRecord, band: &str| record.band.as_deref() == Some(band);
    check("visit IN (1..10) AND detector = 3 AND band = 'r'", &|r, d| {
        (1..=10).contains(&r.number) && d == 3 && is(r, "r")
    });
    check("detector = 3 AND band = 'r'", &|r, d| d == 3 && is(r, "r"));
    check("visit = 500", &|r, _| r.number == 500);
    check("day_obs = 20230301", &|r, _| r.day_obs == 20_230_301);
    check("visit.timespan OVERLAPS (60010.001, 60010.0202)", &|r, _| {
        r.begin_mjd <= 60_010.020_2 && r.end_mjd >= 60_010.001
    });
    check("visit.exposure_time > 31", &|r, _| r.exposure_time_s > 31.0);
    check("visit.exposure_time > 31.2 AND NOT visit.airmass > 1.3 AND band = 'g'", &|r, _| {
        r.exposure_time_s > 31.2 && is(r, "g")
    });
    let point = meets("POINT 103.41 1.01");
    check("visit IN (30..59) AND region OVERLAPS POINT(103.41, 1.01)", &|r, d| {
        (30..=59).contains(&r.number) && at(&point, r.number, d)
    });
    check("region OVERLAPS POINT(103.41, 1.01)", &|r, d| at(&point, r.number, d));
    let small = meets("CIRCLE 103.4 1.0 0.05");
    check(
        "band = 'g' AND region OVERLAPS CIRCLE(103.4, 1.0, 0.05) AND NOT visit < 900",
        &|r, d| is(r, "g") && at(&small, r.number, d) && r.number >= 900,
    );
    let large = meets("CIRCLE 105 1 0.5");
    check("region OVERLAPS CIRCLE(105, 1, 0.5) AND band = 'g'", &|r, d| {
        is(r, "g") && at(&large, r.number, d)
    });
}

fn simulated() -> Simulation {
    simulate(&SimulateConfig {
        size_px: (64, 48),
        stars: 3,
        galaxies: 0,
        visit_bands: vec!["r".to_owned(), "g".to_owned()],
        ..SimulateConfig::default()
    })
    .unwrap()
}

fn write_images(sky: &Simulation, folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for visit in &sky.visits {
        let name = format!("{}.fits", visit.exposure.visit_info.visit);
        write_exposure(&folder.join(name), &visit.exposure).unwrap();
    }
}

#[test]
fn frames_are_taken_in_place_or_by_copy() {
    let fixture = Fixture::new();
    let sky = simulated();
    let images = fixture.path("images");
    write_images(&sky, &images);
    // A sidecar goes with its image.
    let visit = sky.visits[0].exposure.visit_info.visit;
    fs::write(images.join(format!("{visit}.yaml")), "gain: 2.25\n").unwrap();
    let facts = FrameOptions { read_noise_e: Some(6.5), ..FrameOptions::default() };
    let frames = find_frames(std::slice::from_ref(&images)).unwrap();
    for (run, transfer) in [("place", Transfer::InPlace), ("copy", Transfer::Copy)] {
        let ingest = FrameIngest { run, dataset_type: "visit_image", transfer, facts: &facts };
        for _ in 0..2 {
            for frame in &frames {
                assert_eq!(fixture.butler.ingest_frames(frame, &ingest).unwrap().len(), 1);
            }
        }
    }
    let place = fixture.query(&["place"], "band = 'r'");
    assert!(place[0].path.starts_with(images.canonicalize().unwrap()));
    let copy = fixture.query(&["copy"], "visit > 0");
    assert_eq!(copy.len(), 2);
    let (ra, dec) = sky.visits[0].exposure.wcs.pixel_to_sky(30.0, 20.0);
    let there = format!("region OVERLAPS POINT({ra}, {dec})");
    assert!(!fixture.query(&["copy"], &there).is_empty());
    assert!(fixture.query(&["copy"], "region OVERLAPS POINT(10, -80)").is_empty());
    // The copies stand alone.
    fs::remove_dir_all(&images).unwrap();
    assert!(fixture.butler.get(&place[0]).unwrap_err().to_string().contains("No such file"));
    for (dataset, simulated) in copy.iter().zip(&sky.visits) {
        let Value::Exposure(exposure) = fixture.butler.get(dataset).unwrap() else { panic!() };
        assert_eq!(exposure.masked_image.image, simulated.exposure.masked_image.image);
        assert_eq!(exposure.detector.read_noise_e, Some(6.5));
        let is_first = exposure.visit_info.visit == visit;
        assert_eq!(exposure.detector.gain_e_per_adu == Some(2.25), is_first);
    }
    // Another image of the visit has no place in the run.
    let mut other = sky.visits[0].exposure.clone();
    other.masked_image.image[[0, 0]] += 1.0;
    fs::create_dir_all(&images).unwrap();
    write_exposure(&images.join("other.fits"), &other).unwrap();
    let ingest = FrameIngest {
        run: "place",
        dataset_type: "visit_image",
        transfer: Transfer::InPlace,
        facts: &facts,
    };
    let frames = find_frames(&[images.join("other.fits")]).unwrap();
    let error = fixture.butler.ingest_frames(&frames[0], &ingest).unwrap_err().to_string();
    assert!(error.contains("run place holds another visit_image"), "{error}");
}

#[test]
fn a_run_is_removed_with_its_files() {
    let fixture = Fixture::new();
    let kept = fixture.put_text("keep", 1, "kept");
    let gone = fixture.put_text("gone", 1, "gone");
    let registry = fixture.butler.registry();
    registry.set_chain("chain", &["gone", "keep"]).unwrap();
    registry.associate("tags", &[kept.clone(), gone.clone()]).unwrap();
    let path = fixture.butler.path(&gone).unwrap();
    fixture.butler.remove("gone").unwrap();
    assert!(!path.exists());
    assert_eq!(fixture.query(&["chain"], "visit = 1"), [kept]);
    assert!(fixture.query(&["tags"], "visit = 1").is_empty());
    assert!(fixture.butler.remove("gone").unwrap_err().to_string().contains("no collection gone"));
}

#[test]
fn datasets_are_retrieved() {
    let fixture = Fixture::new();
    let dataset = fixture.put_text("a/b", 3, "three");
    let to = fixture.path("out");
    let paths = fixture.butler.retrieve(&[dataset], &to).unwrap();
    assert_eq!(paths, [to.join("a/b/note/Cam/visit-3/note_Cam_visit-3.yaml")]);
    assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "three");
}

#[test]
fn an_export_is_imported_elsewhere() {
    let (from, to) = (Fixture::new(), Fixture::new());
    let record = observation(4, "r", 60_000.5);
    from.butler.registry().sync_observations(ObservationKind::Visit, &[record]).unwrap();
    from.put_text("run", 4, "four");
    from.put_text("run", 5, "five");
    let folder = from.path("export");
    from.butler.export(&from.query(&["run"], "visit > 0"), &folder).unwrap();
    assert_eq!(to.butler.import(&folder).unwrap(), 2);
    assert_eq!(to.butler.import(&folder).unwrap(), 2, "again is no fault");
    let found = to.query(&["run"], "band = 'r' AND timespan OVERLAPS (60000, 60001)");
    assert_eq!(visits(&found), [4]);
    assert!(matches!(to.butler.get(&found[0]).unwrap(), Value::Text(text) if text == "four"));
    assert_eq!(found[0].uuid, from.query(&["run"], "visit = 4")[0].uuid);
    let file = folder.join("run/note/Cam/visit-5/note_Cam_visit-5.yaml");
    fs::write(file, "FIVE").unwrap();
    let error = Fixture::new().butler.import(&folder).unwrap_err().to_string();
    assert!(error.contains("its content is not what was exported"), "{error}");
}

#[test]
fn damage_is_found() {
    let fixture = Fixture::new();
    let whole = fixture.put_text("run", 1, "whole");
    let changed = fixture.put_text("run", 2, "clean");
    let short = fixture.put_text("run", 3, "short");
    fs::write(fixture.butler.path(&changed).unwrap(), "CLEAN").unwrap();
    fs::write(fixture.butler.path(&short).unwrap(), "sho").unwrap();
    let faults = fixture.butler.verify(&[whole, changed, short.clone()]);
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults[0].contains("visit-2.yaml: its content has changed"));
    let error = fixture.butler.get(&short).unwrap_err().to_string();
    assert!(error.contains("has 3 bytes, 5 when it was registered"), "{error}");
}

#[test]
fn tables_are_rows() {
    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    let record = observation(4, "r", 60_000.5);
    registry.sync_observations(ObservationKind::Visit, &[record]).unwrap();
    fixture.put_text("run", 4, "four");
    for table in almagest_pipeline::butler::tables::butler().unwrap().tables {
        let name = table.name.as_str();
        let rows = registry.table_rows(name).unwrap();
        let expected = ["dataset", "dataset_type", "collection", "visit"].contains(&name);
        assert_eq!(rows.num_rows(), usize::from(expected), "{name}");
        // What is defined is what the registry has.
        let defined = table.arrow_schema();
        let of = |schema: &arrow::datatypes::Schema| -> Vec<(String, String)> {
            let fields = schema.fields().iter();
            // Where a file lies on the disk is shown to nobody.
            let shown = fields.filter(|f| f.name() != "path");
            shown.map(|f| (f.name().clone(), f.data_type().to_string())).collect()
        };
        assert_eq!(of(&defined), of(&rows.schema()), "{name}");
    }
    let rows = registry.table_rows("dataset").unwrap();
    let schema = rows.schema();
    let kind = |name: &str| schema.field_with_name(name).unwrap().data_type().to_string();
    assert_eq!(
        (kind("visit"), kind("begin_mjd"), kind("band")),
        ("Int64".to_owned(), "Float64".to_owned(), "Utf8".to_owned())
    );
}

/// An image is found by where and when it was taken.
#[test]
fn images_are_observations() {
    struct Here;
    impl almagest_pipeline::butler::tables::Published for Here {
        fn did(&self, uuid: &str) -> String {
            format!("ivo://here?{uuid}")
        }
        fn access_url(&self, uuid: &str) -> String {
            format!("http://here/{uuid}")
        }
        fn access_format(&self) -> &str {
            "image/fits"
        }
    }
    let empty = Registry::open(Path::new(":memory:")).unwrap();
    assert_eq!(empty.obscore_rows(&Here).unwrap().num_rows(), 0);

    let fixture = Fixture::new();
    let registry = fixture.butler.registry();
    registry.sync_observations(ObservationKind::Visit, &[observation(4, "r", 60_000.5)]).unwrap();
    let corners = square(0.0, 0.0, 0.2);
    let footprint = Footprint { instrument: "Cam".to_owned(), visit: 4, detector: 2, corners };
    registry.sync_footprints(&[footprint]).unwrap();
    fixture.put_text("run", 4, "no image");
    let dimensions = DimensionSet::of(&[Dimension::Visit, Dimension::Detector]);
    let dataset_type = DatasetType::new("visit_image", dimensions, StorageClass::Exposure);
    registry.register_dataset_type(&dataset_type).unwrap();
    let file =
        StoredFile { path: "/images/4-2.fits".into(), size_bytes: 2_001, checksum: String::new() };
    let data_id = DataId::visit_detector("Cam", 4, 2);
    let image = NewDataset { dataset_type, data_id, file, instructions: None };
    registry.insert("run", &[image]).unwrap();

    let rows = registry.obscore_rows(&Here).unwrap();
    assert_eq!(rows.num_rows(), 1);
    let defined = almagest_pipeline::butler::tables::obscore().unwrap();
    for column in &defined.tables[0].columns {
        assert!(rows.column_by_name(&column.name).is_some(), "{}", column.name);
    }
    let number = |name: &str| -> f64 {
        let column = arrow::compute::cast(rows.column_by_name(name).unwrap(), &DataType::Float64);
        column.unwrap().as_primitive::<Float64Type>().value(0)
    };
    let near = |name: &str, expected: f64| {
        assert!((number(name) - expected).abs() < 1e-4, "{name}: {}", number(name));
    };
    assert!((number("s_ra") + 180.0).rem_euclid(360.0) - 180.0 < 1e-4);
    near("s_dec", 0.0);
    near("s_fov", 2.0 * 0.1 * 2.0_f64.sqrt());
    near("t_min", 60_000.5);
    near("t_exptime", 30.0);
    near("calib_level", 2.0);
    near("access_estsize", 3.0);
    near("em_res_power", 621.5 / 139.0);
    near("visit", 4.0);
    let text = |name: &str| rows.column_by_name(name).unwrap().as_string::<i32>().value(0);
    assert_eq!(text("dataproduct_subtype"), "visit_image");
    assert_eq!(text("obs_id"), "Cam:4");
    assert_eq!(text("obs_collection"), "run");
    assert!(text("s_region").starts_with("POLYGON "), "{}", text("s_region"));
    assert!(text("access_url").starts_with("http://here/"));
}
