//! A run that goes well: its graph, its records, its resumption, the way back from a row.

use std::collections::BTreeMap;

use almagest_pipeline::butler::{Butler, DataId, Dimension, QuantumStatus, Value};
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::executor::{ExecuteOptions, Outcome};
use almagest_pipeline::expression::Expression;
use almagest_pipeline::graph::{GraphRequest, build};
use almagest_pipeline::identifier::SourceIdentity;
use almagest_pipeline::provenance::{RowKind, provenance};
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::{TABLES, catalog, graph, ingest, rows, run, sky, write_images};

#[test]
fn the_graph_is_shown_before_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(3), &folder.path().join("images"));
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    ingest(&butler, &images);
    let all = graph(&butler, "run");
    let counts: BTreeMap<&str, usize> = all.counts().into_iter().collect();
    let expected =
        [("characterize", 3), ("associate", 1), ("force", 3), ("assemble", 1), ("load", 3)];
    assert_eq!(counts, BTreeMap::from(expected));
    // Each quantum comes after those for which it waits; loads follow each other.
    for (index, quantum) in all.quanta.iter().enumerate() {
        assert!(quantum.after.iter().chain(&quantum.follows).all(|before| *before < index));
    }
    assert_eq!(all.quanta.iter().filter(|quantum| quantum.follows.is_some()).count(), 2);
    let text = all.to_text();
    let first = "11 quanta into run: 3 characterize, 1 associate, 3 force, 1 assemble, 3 load";
    assert_eq!(text.lines().next(), Some(first));
    assert!(text.contains("reads source: 3 datasets, such as source of quantum 0"), "{text}");
    assert!(text.contains("makes object (up to 3), forced_source (up to 3)"), "{text}");
    let dot = all.to_dot();
    assert!(dot.starts_with("digraph quanta {") && dot.trim_end().ends_with('}'));
    assert_eq!(dot.matches("shape=box").count(), 11);
    assert_eq!(dot.matches("style=dashed").count(), 2);

    // A condition chooses images, a subset tasks.
    let condition = Expression::parse("band = 'g'").unwrap();
    let request = GraphRequest { inputs: &["images"], condition: Some(&condition), run: "run" };
    let mut pipeline = Pipeline::process().unwrap();
    let graph = build(&butler, &pipeline, &request).unwrap();
    assert_eq!(graph.quanta.len(), 5);
    pipeline.restrict("measure").unwrap();
    assert_eq!(build(&butler, &pipeline, &request).unwrap().quanta.len(), 1);
    let nothing = Expression::parse("band = 'u'").unwrap();
    let request = GraphRequest { condition: Some(&nothing), ..request };
    let graph = build(&butler, &pipeline, &request).unwrap();
    assert!(graph.quanta.is_empty());
    assert_eq!(
        graph.pruned,
        ["characterize: no input has the dimensions {instrument, visit, detector}"]
    );
}

#[test]
fn a_run_is_recorded_and_leads_back_from_each_row() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(3), &folder.path().join("images"));
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    ingest(&butler, &images);
    let mut pipeline = Pipeline::process().unwrap();
    pipeline.set("characterize.background.clip_sigma=3.5").unwrap();
    let request = GraphRequest { inputs: &["images"], condition: None, run: "u/me/first" };
    let graph = build(&butler, &pipeline, &request).unwrap();
    let report = run(&butler, &store, &graph, &ExecuteOptions::default());
    assert_eq!(report.summary(), "u/me/first: 11 quanta: 11 run", "{:?}", report.failures());
    assert!(store.check().unwrap().is_clean());

    let quanta = butler.registry().quanta("u/me/first").unwrap();
    assert_eq!(quanta.len(), 11);
    for quantum in &quanta {
        assert_eq!(quantum.status, QuantumStatus::Successful);
        let attempts = butler.registry().attempts(quantum.number).unwrap();
        assert_eq!(attempts.len(), 1);
        assert!(attempts[0].seconds.unwrap() > 0.0);
        assert!(attempts[0].peak_memory_bytes.unwrap() > 1 << 20);
    }
    let characterize = quanta.iter().find(|q| q.task == "characterize").unwrap();
    let log = &butler.registry().attempts(characterize.number).unwrap()[0].log;
    assert!(log.contains("sources, seeing"), "{log}");

    // From a source to its image, its settings and its code.
    let batches = store.snapshot().unwrap().read_region("Source", None, Some(&["sourceId"]), None);
    let batch = &batches.unwrap()[0];
    let id = batch.column(0).as_primitive::<Int64Type>().value(batch.num_rows() / 2);
    let found = provenance(&store, &butler, id, RowKind::Source).unwrap();
    let labels: Vec<&str> = found.steps.iter().map(|s| s.quantum.task_label.as_str()).collect();
    assert_eq!(labels, ["load", "characterize"]);
    let identity = SourceIdentity::from_id(id);
    let origins = found.origins();
    assert_eq!(origins.len(), 1);
    let image = images
        .iter()
        .find(|path| path.to_string_lossy().contains(&format!("visit-{}.", identity.visit)))
        .unwrap();
    assert_eq!(origins[0].path, image.canonicalize().unwrap());
    let text = found.to_text(false);
    println!("{text}");
    assert!(
        text.contains("# background.clip_sigma = 3.5   (-c characterize.background."),
        "{text}"
    );
    assert!(text.contains(&origins[0].checksum) && text.contains(env!("CARGO_PKG_VERSION")));
    assert!(found.to_text(true).contains("clip_sigma: 3.5"));
    let json = found.to_json();
    assert_eq!(json["steps"][1]["inputs"][0]["dataset"]["sha256"], origins[0].checksum.as_str());
    // An object rests on all images of the run.
    let batches = store.snapshot().unwrap().read_region("Object", None, Some(&["objectId"]), None);
    let id = batches.unwrap()[0].column(0).as_primitive::<Int64Type>().value(0);
    let found = provenance(&store, &butler, id, RowKind::Object).unwrap();
    assert_eq!(found.origins().iter().filter(|o| o.dataset_type.name == "visit_image").count(), 3);
    // A forced flux rests on the images that made the object, and on its own.
    let columns = Some(["objectId", "visit"].as_slice());
    let batch =
        &store.snapshot().unwrap().read_region("ForcedSource", None, columns, None).unwrap()[0];
    let cell = |column: usize| batch.column(column).as_primitive::<Int64Type>().value(1);
    let (id, visit) = (cell(0), cell(1));
    let kind = RowKind::ForcedSource { visit, detector: 0 };
    let found = provenance(&store, &butler, id, kind).unwrap();
    let labels: Vec<&str> = found.steps.iter().map(|s| s.quantum.task_label.as_str()).collect();
    assert_eq!(labels[..2], ["load", "force"]);
    assert_eq!(found.steps[1].quantum.data_id.integer(Dimension::Visit), Some(visit));
    // What is not there has no history.
    for (id, kind, expected) in [
        (1 << 30, RowKind::Source, "Source has no row of sourceId 1073741824"),
        (
            id,
            RowKind::ForcedSource { visit: 99, detector: 0 },
            &format!("ForcedSource has no row of objectId {id} on visit 99, detector 0"),
        ),
    ] {
        assert_eq!(provenance(&store, &butler, id, kind).unwrap_err().to_string(), expected);
    }
    // The intermediate products are datasets like others.
    let registry = butler.registry();
    let id = DataId::visit(&origins_instrument(&butler), identity.visit);
    let psf = registry.find("psf", &id, &["u/me/*"]).unwrap().unwrap();
    assert!(matches!(butler.get(&psf).unwrap(), Value::Psf(psf) if psf.psf.fwhm_px > 1.0));
}

fn origins_instrument(butler: &Butler) -> String {
    let found = butler.registry().find("visit_image", &DataId::empty(), &["images"]).unwrap();
    let data_id = found.unwrap().data_id;
    data_id.text(almagest_pipeline::butler::Dimension::Instrument).unwrap().to_owned()
}

#[test]
fn a_run_goes_on_and_another_takes_over_what_is_equal() {
    let folder = tempfile::tempdir().unwrap();
    let images = write_images(&sky(4), &folder.path().join("images"));
    let store = catalog(&folder.path().join("catalog"));
    let butler = Butler::open(&store).unwrap();
    ingest(&butler, &images[..3]);
    let first = graph(&butler, "first");
    run(&butler, &store, &first, &ExecuteOptions::default());
    let before: Vec<Vec<String>> = TABLES.iter().map(|table| rows(&store, table)).collect();
    let options = ExecuteOptions { skip_existing: true, ..ExecuteOptions::default() };
    let again = run(&butler, &store, &first, &options);
    assert_eq!(again.count(|outcome| *outcome == Outcome::Skipped), 11);
    assert_eq!(store.newest_version().unwrap(), 3);

    // One more image: its visit is loaded, the others are known.
    ingest(&butler, &images);
    let options = ExecuteOptions { reuse: true, ..ExecuteOptions::default() };
    let second = run(&butler, &store, &graph(&butler, "second"), &options);
    assert!(second.first_error.is_none(), "{:?}", second.failures());
    assert_eq!(second.count(|outcome| *outcome == Outcome::Reused), 3, "{}", second.summary());
    let committed: Vec<u64> = second.receipts.iter().filter_map(|r| r.version).collect();
    assert_eq!((committed, second.receipts.len()), (vec![4], 4));
    for (table, before) in TABLES.iter().zip(before) {
        let after = rows(&store, table);
        let is_kept = before.iter().all(|row| after.binary_search(row).is_ok());
        assert!(is_kept && after.len() >= before.len(), "{table}");
    }
    assert_eq!(store.snapshot().unwrap().n_rows("Visit"), 4);
    // Each object has a flux on each image that shows it, on the older ones too.
    let n_forced = store.snapshot().unwrap().n_rows("ForcedSource");
    assert!(n_forced > 2 * store.snapshot().unwrap().n_rows("Object"));
    // The files of the first run may go; those taken over stay.
    butler.remove("first").unwrap();
    let psf = butler.registry().find("psf", &DataId::empty(), &["second"]).unwrap().unwrap();
    assert!(butler.get(&psf).is_ok());
}
