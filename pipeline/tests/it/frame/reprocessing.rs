//! Visits processed again: their rows are replaced, each visit's in one commit.

use std::collections::HashSet;
use std::path::PathBuf;

use almagest_pipeline::butler::{Butler, QuantumStatus};
use almagest_pipeline::characterize::CharacterizeConfig;
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::executor::{ExecuteOptions, Outcome, RunReport};
use almagest_pipeline::expression::Expression;
use almagest_pipeline::graph::{Graph, GraphRequest, build};
use almagest_pipeline::provenance::{RowKind, provenance};
use almagest_storage::CatalogStore;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::{TABLES, catalog, graph, ingest, rows, run, sky, write_images};

/// The built-in pipeline with another threshold of detection, over some visits.
fn graph_of(butler: &Butler, name: &str, threshold: f64, visits: Option<&str>) -> Graph {
    let mut pipeline = Pipeline::process().unwrap();
    let mut config = CharacterizeConfig::default();
    config.detection.threshold = threshold;
    pipeline.configure("characterize", &config).unwrap();
    let condition = visits.map(|visits| Expression::parse(visits).unwrap());
    let request = GraphRequest { inputs: &["images"], condition: condition.as_ref(), run: name };
    build(butler, &pipeline, &request).unwrap()
}

/// A catalog that has four visits.
struct Field {
    folder: tempfile::TempDir,
    images: Vec<PathBuf>,
    store: CatalogStore,
    butler: Butler,
}

impl Field {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = write_images(&sky(4), &folder.path().join("images"));
        let store = catalog(&folder.path().join("catalog"));
        let butler = Butler::open(&store).unwrap();
        ingest(&butler, &images);
        succeed(&butler, &store, &graph_of(&butler, "first", 5.0, None));
        Self { folder, images, store, butler }
    }
}

fn succeed(butler: &Butler, store: &CatalogStore, graph: &Graph) -> RunReport {
    let report = run(butler, store, graph, &ExecuteOptions::default());
    assert!(report.first_error.is_none(), "{:?}", report.failures());
    assert!(store.check().unwrap().is_clean());
    report
}

fn all(store: &CatalogStore) -> [Vec<String>; 5] {
    TABLES.map(|table| rows(store, table))
}

/// A column of whole numbers of a table.
fn column(store: &CatalogStore, table: &str, name: &str) -> Vec<i64> {
    let batches = store.snapshot().unwrap().read_region(table, None, Some(&[name]), None).unwrap();
    let values = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    values.collect()
}

/// No flux without its object, and one for each object and image.
fn check_fluxes(store: &CatalogStore) {
    let objects: HashSet<i64> = column(store, "Object", "objectId").into_iter().collect();
    let of = column(store, "ForcedSource", "objectId");
    assert!(of.iter().all(|id| objects.contains(id)));
    let pairs: HashSet<(i64, i64)> =
        of.iter().copied().zip(column(store, "ForcedSource", "visit")).collect();
    assert_eq!(pairs.len(), of.len(), "a flux stands twice");
}

#[test]
fn all_visits_again_end_as_if_it_were_the_first_time() {
    let Field { folder, images, store, butler } = Field::new();
    let first = all(&store);
    let id = column(&store, "Source", "sourceId")[0];

    for (name, threshold) in [("higher", 40.0), ("lower", 4.0), ("back", 5.0)] {
        let version = store.newest_version().unwrap();
        let report = succeed(&butler, &store, &graph_of(&butler, name, threshold, None));
        // A commit for each visit, which removes as many images as it adds.
        let receipts = &report.receipts;
        assert_eq!(store.newest_version().unwrap(), version + 4);
        assert!(receipts.iter().all(|r| r.removed["VisitDetector"] == 1 && r.n_rows("Visit") == 1));

        let fresh = catalog(&folder.path().join(name));
        let its_butler = Butler::open(&fresh).unwrap();
        ingest(&its_butler, &images);
        succeed(&its_butler, &fresh, &graph_of(&its_butler, name, threshold, None));
        assert_eq!(all(&store), all(&fresh), "{name}");
        check_fluxes(&store);
        let from = provenance(&store, &butler, id, RowKind::Source).unwrap();
        assert_eq!(from.steps[0].quantum.run, name);
        assert!(from.version > version);
    }
    assert_eq!(all(&store), first);

    // The same once more finds its rows there.
    let version = store.newest_version().unwrap();
    let report = succeed(&butler, &store, &graph_of(&butler, "same", 5.0, None));
    assert!(report.receipts.iter().all(|receipt| receipt.version.is_none()));
    assert_eq!(store.newest_version().unwrap(), version);
}

#[test]
fn some_visits_again_leave_the_rest_of_the_catalog() {
    let Field { store, butler, folder: _folder, .. } = Field::new();
    let visits = column(&store, "Visit", "visit");
    let mut sorted = visits.clone();
    sorted.sort_unstable();
    let [before, fluxes] = ["Source", "ForcedSource"].map(|table| rows(&store, table));
    let of_flux = column(&store, "ForcedSource", "objectId").into_iter();
    let of_flux = of_flux.zip(column(&store, "ForcedSource", "visit"));
    let shown_by_others: HashSet<i64> = of_flux
        .filter(|(_, visit)| [sorted[1], sorted[3]].contains(visit))
        .map(|(object, _)| object)
        .collect();

    let condition = format!("visit IN ({}, {})", sorted[0], sorted[2]);
    let again = graph_of(&butler, "again", 3.5, Some(&condition));
    let report = succeed(&butler, &store, &again);
    assert_eq!(report.receipts.len(), 2);
    check_fluxes(&store);
    // Objects that other images show keep their ids, and their fluxes on those.
    let kept: HashSet<i64> = column(&store, "Object", "objectId").into_iter().collect();
    assert!(shown_by_others.len() > 4 && shown_by_others.is_subset(&kept));
    let is_of_others = |row: &&String| {
        [sorted[1], sorted[3]].iter().any(|visit| row.contains(&format!("|{visit}|")))
    };
    for (table, before) in [("Source", &before), ("ForcedSource", &fluxes)] {
        let after = rows(&store, table);
        let mut others = before.iter().filter(is_of_others);
        assert!(others.clone().count() > 10);
        assert!(others.all(|row| after.binary_search(row).is_ok()), "{table}");
    }
    assert!(rows(&store, "Source").len() > before.len());
}

#[test]
fn a_run_whose_image_was_put_right_ends_as_if_it_had_been_so_at_first() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(4), &folder.path().join("images"));
    let whole = catalog(&folder.path().join("whole"));
    let its_butler = Butler::open(&whole).unwrap();
    ingest(&its_butler, &images);
    succeed(&its_butler, &whole, &graph(&its_butler, "run"));

    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    ingest(&butler, &images);
    let hidden = folder.path().join("hidden.fits");
    std::fs::rename(&images[0], &hidden).unwrap();
    let graph = graph(&butler, "run");
    let report = run(&butler, &store, &graph, &ExecuteOptions::default());
    assert_eq!(report.count(|outcome| matches!(outcome, Outcome::Failed { .. })), 1);
    assert_eq!(store.newest_version().unwrap(), 3);
    std::fs::rename(&hidden, &images[0]).unwrap();

    let options = ExecuteOptions { skip_existing: true, ..ExecuteOptions::default() };
    let report = run(&butler, &store, &graph, &options);
    assert!(report.first_error.is_none(), "{:?}", report.failures());
    assert_eq!(report.count(|outcome| *outcome == Outcome::Skipped), 3);
    for table in TABLES {
        assert_eq!(rows(&store, table), rows(&whole, table), "{table}");
    }
    check_fluxes(&store);
    assert!(store.check().unwrap().is_clean());
    // Each file of the datastore is a dataset's.
    let quanta = butler.registry().quanta("run").unwrap();
    assert!(quanta.iter().all(|quantum| quantum.status == QuantumStatus::Successful));
}
