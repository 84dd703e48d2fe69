//! What is bad costs one quantum, with one clear line; its neighbours finish, and the catalog holds
//! nothing of it.

use std::fs;

use almagest_ingest::Transaction;
use almagest_pipeline::butler::{Butler, DataId, DatasetQuery, Dimension, QuantumStatus};
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::executor::{ExecuteOptions, Outcome, execute};
use almagest_pipeline::graph::{GraphRequest, build};
use almagest_storage::CatalogStore;
use almagest_storage::schema::Alteration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::{catalog, graph, ingest, rows, run, sky, write_images};

const N_VISITS: usize = 4;

struct Field {
    folder: tempfile::TempDir,
    store: CatalogStore,
    butler: Butler,
    images: Vec<std::path::PathBuf>,
    visits: Vec<i64>,
}

fn field() -> Field {
    let folder = tempfile::tempdir().unwrap();
    let sky = sky(N_VISITS);
    let images = write_images(&sky, &folder.path().join("images"));
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    ingest(&butler, &images);
    let visits = sky.visits.iter().map(|v| v.exposure.visit_info.visit).collect();
    Field { folder, store, butler, images, visits }
}

/// Run the pipeline, in which the image of the second visit must fail with a line that holds
/// `expected`, and the others be loaded.
fn check(field: &Field, expected: &[&str]) {
    let options = ExecuteOptions { retries: 0, ..ExecuteOptions::default() };
    let report = run(&field.butler, &field.store, &graph(&field.butler, "run"), &options);
    let bad = field.visits[1];
    let failed: Vec<String> =
        report.failures().into_iter().filter(|line| line.contains(" failed: ")).collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("characterize (") && failed[0].contains(&format!("visit={bad}")));
    for part in expected {
        assert!(failed[0].contains(part), "{part:?} is not in {:?}", failed[0]);
    }
    assert_eq!(failed[0].lines().count(), 1);
    // What cannot be without it says so: its forced photometry and its load.
    let blocked = report.failures().iter().filter(|line| line.contains("could not run")).count();
    assert_eq!(blocked, 2, "{:?}", report.failures());
    assert_eq!(report.count(Outcome::is_success), 3 * N_VISITS + 2 - 3);
    let snapshot = field.store.snapshot().unwrap();
    assert_eq!(snapshot.n_rows("Visit"), N_VISITS as u64 - 1);
    for table in super::TABLES {
        let column = if table == "VisitDetector" { "visitId" } else { "visit" };
        if table == "Object" {
            continue;
        }
        for batch in snapshot.read_region(table, None, Some(&[column]), None).unwrap() {
            let visits = batch.column(0).as_primitive::<Int64Type>();
            assert!(visits.iter().all(|visit| visit != Some(bad)), "{table} has the bad visit");
        }
    }
    // The registry remembers the reason, and no output.
    let quanta = field.butler.registry().quanta("run").unwrap();
    let quantum = quanta.iter().find(|q| q.status == QuantumStatus::Failed).unwrap();
    let attempts = field.butler.registry().attempts(quantum.number).unwrap();
    assert_eq!(attempts.len(), 1);
    assert!(attempts[0].error.as_ref().unwrap().contains(expected[0]));
    assert!(field.butler.registry().outputs_of(quantum.number).unwrap().is_empty());
}

#[test]
fn a_truncated_image() {
    let field = field();
    let whole = fs::read(&field.images[1]).unwrap();
    fs::write(&field.images[1], &whole[..whole.len() / 2]).unwrap();
    check(&field, &["when it was registered", "visit-"]);
}

#[test]
fn an_image_without_data_where_its_header_announces_them() {
    // As long as it was, so that only reading it tells.
    let field = field();
    let mut bytes = fs::read(&field.images[1]).unwrap();
    let at = bytes.windows(9).position(|window| window == b"EXTNAME =").unwrap_or(0);
    let end = bytes.windows(8).position(|window| window == b"CTYPE1  ").unwrap();
    assert!(at < end);
    bytes[end..end + 8].copy_from_slice(b"CTYPEX  ");
    fs::write(&field.images[1], bytes).unwrap();
    check(&field, &["no world coordinates: keyword CTYPE1 is missing", "visit-"]);
}

#[test]
fn an_image_without_sky() {
    let field = field();
    let folder = field.folder.path().join("blank");
    let mut sky = sky(N_VISITS);
    let blank = &mut sky.visits[1].exposure.masked_image;
    blank.mask.fill(almagest_pipeline::image::mask_plane::NO_DATA);
    let blank = write_images(&sky, &folder).swap_remove(1);
    let store = catalog(&field.folder.path().join("another"));
    let butler = Butler::open(&store).unwrap();
    let mut images = field.images.clone();
    images[1] = blank;
    ingest(&butler, &images);
    let field = Field { store, butler, ..field };
    check(&field, &["no usable pixel to estimate the sky from"]);
}

#[test]
fn a_full_disk_amid_the_run_and_room_again() {
    let field = field();
    let whole = catalog(&field.folder.path().join("whole"));
    let butler = Butler::open(&whole).unwrap();
    ingest(&butler, &field.images);
    let graph = graph(&butler, "run");
    run(&butler, &whole, &graph, &ExecuteOptions::default());
    let needed = butler.registry().stored_bytes().unwrap();

    let Field { mut butler, store, .. } = field;
    butler.limit(needed / 2).unwrap();
    let options = ExecuteOptions { jobs: 1, ..ExecuteOptions::default() };
    let report = run(&butler, &store, &graph, &options);
    let failures = report.failures();
    let full = failures.iter().filter(|line| line.contains("no room in the datastore")).count();
    assert!(full >= 1 && full < graph.quanta.len() / 2, "{failures:?}");
    assert!(report.count(Outcome::is_success) >= 1);
    assert!(store.check().unwrap().is_clean());
    // Nothing that failed left a dataset, or more files than datasets.
    let query = DatasetQuery {
        dataset_type: "*",
        collections: &["run"],
        condition: None,
        find_first: false,
        limit: None,
    };
    let datasets = butler.registry().query(&query).unwrap();
    assert!(butler.verify(&datasets).is_empty());
    for quantum in butler.registry().quanta("run").unwrap() {
        if quantum.status != QuantumStatus::Successful {
            assert!(butler.registry().outputs_of(quantum.number).unwrap().is_empty());
        }
    }
    // With room again another run takes over what is there, and ends as if nothing had been.
    let butler = Butler::open(&store).unwrap();
    let request = GraphRequest { inputs: &["images"], condition: None, run: "again" };
    let again = build(&butler, &Pipeline::process().unwrap(), &request).unwrap();
    let options = ExecuteOptions { reuse: true, ..ExecuteOptions::default() };
    let report = run(&butler, &store, &again, &options);
    assert!(report.first_error.is_none(), "{:?}", report.failures());
    assert!(report.count(|outcome| *outcome == Outcome::Reused) >= 1);
    let n_rows = |store: &CatalogStore| rows(store, "Source").len();
    assert_eq!(n_rows(&store), n_rows(&whole));
}

#[test]
fn the_first_failure_may_end_the_run() {
    let field = field();
    fs::write(&field.images[1], "no image").unwrap();
    let options = ExecuteOptions { jobs: 1, fail_fast: true, ..ExecuteOptions::default() };
    let report = run(&field.butler, &field.store, &graph(&field.butler, "run"), &options);
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Failed { .. })), 1);
    assert_eq!(report.count(|outcome| *outcome == Outcome::NotRun), 3 * N_VISITS + 2 - 2);
    assert_eq!(field.store.newest_version().unwrap(), 0);
}

#[test]
fn nothing_runs_with_wrong_settings() {
    let field = field();
    let mut pipeline = Pipeline::process().unwrap();
    let error = pipeline.set("characterize.detection.treshold=4").unwrap_err().to_string();
    assert!(error.contains("did you mean characterize.detection.threshold"), "{error}");
    let error = pipeline.set("charactrize.detection.threshold=4").unwrap_err().to_string();
    assert!(error.contains("no task charactrize (did you mean characterize?)"), "{error}");
    pipeline.set("force.flag_radius_fwhm=2").unwrap();
    let request = GraphRequest { inputs: &["images"], condition: None, run: "run" };
    let error = build(&field.butler, &pipeline, &request).unwrap_err().to_string();
    assert!(
        error.contains("the flags of Source and ForcedSource look at the same disc"),
        "{error}"
    );
    assert!(field.butler.registry().quanta("run").unwrap().is_empty());

    // A run keeps its settings.
    let mut pipeline = Pipeline::process().unwrap();
    pipeline.restrict("measure").unwrap();
    let graph = build(&field.butler, &pipeline, &request).unwrap();
    run(&field.butler, &field.store, &graph, &ExecuteOptions::default());
    let refused = |graph, options: &ExecuteOptions| {
        let refused = execute(&field.butler, &field.store, graph, options, &mut |_| {});
        refused.unwrap_err().to_string()
    };
    let error = refused(&graph, &ExecuteOptions::default());
    assert!(error.contains("run run has 4 quanta already; --skip-existing"), "{error}");
    pipeline.set("characterize.background.cell_px=64").unwrap();
    let graph = build(&field.butler, &pipeline, &request).unwrap();
    let options = ExecuteOptions { skip_existing: true, ..ExecuteOptions::default() };
    let error = refused(&graph, &options);
    assert!(error.contains("made with another configuration of characterize"), "{error}");
    let id = DataId::empty();
    let config = field.butler.registry().find_in_run("run", "characterize_config", &id).unwrap();
    assert!(config.is_some_and(|config| config.data_id.get(Dimension::Visit).is_none()));
}

#[test]
fn a_catalog_older_than_a_column_says_how_to_add_it() {
    let field = field();
    let mut transaction = Transaction::begin(&field.store).unwrap();
    let gone = Alteration::DropColumn("rowsChecksum".to_owned());
    transaction.alter_table("VisitDetector", gone).unwrap();
    transaction.commit().unwrap();
    let graph = graph(&field.butler, "run");
    let options = ExecuteOptions::default();
    let refused = execute(&field.butler, &field.store, &graph, &options, &mut |_| {});
    assert_eq!(
        refused.unwrap_err().to_string(),
        "table VisitDetector of the catalog has no column rowsChecksum, of which pipelines read older \
         rows; `almagest alter CATALOG VisitDetector add-column rowsChecksum char` adds it"
    );
}
