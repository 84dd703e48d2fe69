//! The frame as a whole: a pipeline over the butler's images, killed, resumed, fed with bad input.

mod bad_input;
mod killed;
mod reprocessing;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use almagest_pipeline::butler::{Butler, FrameIngest, Transfer};
use almagest_pipeline::camera::{FrameFiles, FrameOptions, write_exposure};
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::executor::{ExecuteOptions, RunReport, execute};
use almagest_pipeline::graph::{Graph, GraphRequest, build};
use almagest_pipeline::simulate::{SimulateConfig, Simulation, simulate};
use almagest_storage::CatalogStore;
use almagest_storage::chunking::Chunking;
use almagest_storage::schema::survey::survey_schema;

/// The tables that a run fills.
pub const TABLES: [&str; 5] = ["Visit", "VisitDetector", "Source", "Object", "ForcedSource"];

/// Small visits of one field.
pub fn sky(n_visits: usize) -> Simulation {
    let bands = ["r", "g", "i"];
    simulate(&SimulateConfig {
        size_px: (160, 140),
        stars: 20,
        min_separation_px: 18.0,
        galaxies: 1,
        visit_bands: (0..n_visits).map(|n| bands[n % 3].to_owned()).collect(),
        ..SimulateConfig::default()
    })
    .unwrap()
}

/// Write the images of a simulation; return their files.
pub fn write_images(sky: &Simulation, folder: &Path) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let write = |visit: &almagest_pipeline::simulate::SimulatedVisit| {
        let path = folder.join(format!("visit-{}.fits", visit.exposure.visit_info.visit));
        write_exposure(&path, &visit.exposure).unwrap();
        path
    };
    sky.visits.iter().map(write).collect()
}

/// Make a catalog in a folder.
pub fn catalog(folder: &Path) -> CatalogStore {
    let chunking = Chunking::try_new(0).unwrap();
    CatalogStore::create(folder, &survey_schema().unwrap(), chunking).unwrap()
}

/// Take images into the run `images`.
pub fn ingest(butler: &Butler, images: &[PathBuf]) {
    let facts = FrameOptions::default();
    let ingest = FrameIngest {
        run: "images",
        dataset_type: "visit_image",
        transfer: Transfer::InPlace,
        facts: &facts,
    };
    for image in images {
        butler.ingest_frames(&FrameFiles::of(image), &ingest).unwrap();
    }
}

/// The built-in pipeline over all images.
pub fn graph(butler: &Butler, run: &str) -> Graph {
    let request = GraphRequest { inputs: &["images"], condition: None, run };
    build(butler, &Pipeline::process().unwrap(), &request).unwrap()
}

/// Execute a graph without an audience.
pub fn run(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
    options: &ExecuteOptions,
) -> RunReport {
    execute(butler, store, graph, options, &mut |_| {}).unwrap()
}

/// All rows of a table as sorted text, so that two catalogs can be compared.
pub fn rows(store: &CatalogStore, table: &str) -> Vec<String> {
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

/// Every file of a run's datasets with its content, but for receipts: they hold versions.
pub fn outputs(store: &CatalogStore, run: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let root = store.datasets_path().join(run);
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.to_string_lossy().contains("receipt") {
                all.insert(path.strip_prefix(&root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    all
}
