//! Provenance: which images, calibrations, settings and code made a row of the catalog.
//!
//! ```text
//!   id of the row ─▶ visit, detector ─▶ load that committed it ─▶ its inputs ─▶ quanta that made
//!                                                                them ─▶ their inputs ─▶ … ─▶ images
//! ```

use std::collections::HashSet;
use std::fmt::Write;

use almagest_storage::data_file::RangeValue;
use almagest_storage::{CatalogStore, Removal};
use serde_json::{Value as Json, json};

use crate::butler::{
    Attempt, Butler, ButlerError, DataId, DatasetRef, Dimension, QuantumRow, Value,
};
use crate::error::{Error, Result};
use crate::executor::config_type;
use crate::identifier::SourceIdentity;
use crate::tasks::{LoadTask, Receipt};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A row of Source: what was measured on one image.
    Source,
    /// A row of Object: what all images of the run say.
    Object,
    /// A row of ForcedSource: the object's flux on one image.
    ForcedSource {
        /// The visit.
        visit: i64,
        /// The detector.
        detector: i32,
    },
}

impl RowKind {
    /// The table of the row, and the column of its id.
    fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Source => ("Source", "sourceId"),
            Self::Object => ("Object", "objectId"),
            Self::ForcedSource { .. } => ("ForcedSource", "objectId"),
        }
    }
}

/// Where a row comes from.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// The row's id.
    pub id: i64,
    /// What the id says of it.
    pub identity: SourceIdentity,
    /// The version of the catalog with which it came.
    pub version: u64,
    /// The quanta behind it, from the load back to the images.
    pub steps: Vec<Step>,
}

/// One quantum behind a row.
#[derive(Debug, Clone)]
pub struct Step {
    /// The quantum.
    pub quantum: QuantumRow,
    /// Its last attempt.
    pub attempt: Option<Attempt>,
    /// Its settings, every key with its value.
    pub configuration: Option<String>,
    /// What it read.
    pub inputs: Vec<(String, DatasetRef)>,
}

/// Follow a row back to the images.
///
/// # Errors
/// [`Error::NoSuchRow`]; [`ButlerError::NoDataset`] where no run of this catalog has loaded the row's
/// image.
pub fn provenance(
    store: &CatalogStore,
    butler: &Butler,
    id: i64,
    kind: RowKind,
) -> Result<Provenance> {
    let (table, column) = kind.table();
    if !is_there(store, id, kind)? {
        let of = match kind {
            RowKind::ForcedSource { visit, detector } => {
                format!(" on visit {visit}, detector {detector}")
            }
            _ => String::new(),
        };
        return Err(Error::NoSuchRow { row: format!("{column} {id}{of}"), table });
    }
    let identity = SourceIdentity::from_id(id);
    let mut walk = Walk { butler, seen: HashSet::new(), steps: vec![] };
    let (mut load, mut version) = loaded_by(butler, identity)?;
    if let RowKind::ForcedSource { visit, detector } = kind {
        // It came with the later of its object and its image.
        let (of_image, image_version) =
            loaded_by(butler, SourceIdentity { visit, detector, counter: 0 })?;
        if image_version > version {
            (load, version) = (of_image, image_version);
        }
        let flux = flux_of(butler, &load, visit, detector)?;
        walk.seen.insert(load.number);
        walk.follow(load, vec![("forced_flux".to_owned(), flux)])?;
    } else {
        walk.seen.insert(load.number);
        let inputs = butler.registry().inputs_of(load.number)?;
        let is_behind = |dataset: &DatasetRef| {
            let detector = dataset.data_id.integer(Dimension::Detector);
            detector.map_or(kind == RowKind::Object, |d| d == i64::from(identity.detector))
        };
        let inputs = inputs.into_iter().filter(|(_, dataset)| is_behind(dataset)).collect();
        walk.follow(load, inputs)?;
    }
    Ok(Provenance { id, identity, version, steps: walk.steps })
}

/// Has the catalog the row?
fn is_there(store: &CatalogStore, id: i64, kind: RowKind) -> Result<bool> {
    let (snapshot, (table, column)) = (store.snapshot()?, kind.table());
    let RowKind::ForcedSource { visit, detector } = kind else {
        return Ok(!snapshot.look_up_ids(table, &[id])?.is_empty());
    };
    let equal = |column: &str, value| (column.to_owned(), RangeValue::Integer(value));
    let row = Removal::DataId(vec![
        equal(column, id),
        equal("visit", visit),
        equal("detector", i64::from(detector)),
    ]);
    Ok(!snapshot.find_rows(table, &row)?.is_empty())
}

/// The fluxes on an image in the run of a load.
fn flux_of(butler: &Butler, load: &QuantumRow, visit: i64, detector: i32) -> Result<DatasetRef> {
    let instrument = load.data_id.text(Dimension::Instrument).unwrap_or_default();
    let data_id = DataId::visit_detector(instrument, visit, detector);
    let found = butler.registry().find_in_run(&load.run, "forced_flux", &data_id)?;
    found.ok_or_else(|| {
        ButlerError::NoDataset {
            dataset_type: "forced_flux".to_owned(),
            data_id: data_id.to_string(),
            collections: load.run.clone(),
        }
        .into()
    })
}

/// The load that has committed an image last, and its version.
fn loaded_by(butler: &Butler, identity: SourceIdentity) -> Result<(QuantumRow, u64)> {
    let registry = butler.registry();
    for load in registry.successful_quanta_of_task(LoadTask::NAME)?.into_iter().rev() {
        if load.data_id.integer(Dimension::Visit) != Some(identity.visit) {
            continue;
        }
        for output in registry.outputs_of(load.number)? {
            let Value::Document(document) = butler.get(&output)? else { continue };
            let Ok(receipt) = serde_json::from_value::<Receipt>(document) else { continue };
            if let Some(version) = receipt.version
                && receipt.detectors.contains(&i64::from(identity.detector))
            {
                return Ok((load, version));
            }
        }
    }
    Err(ButlerError::NoDataset {
        dataset_type: "receipt".to_owned(),
        data_id: format!("visit={}, detector={}", identity.visit, identity.detector),
        collections: "any run of this catalog".to_owned(),
    }
    .into())
}

struct Walk<'a> {
    butler: &'a Butler,
    seen: HashSet<i64>,
    steps: Vec<Step>,
}

impl Walk<'_> {
    fn follow(&mut self, quantum: QuantumRow, inputs: Vec<(String, DatasetRef)>) -> Result<()> {
        let registry = self.butler.registry();
        let attempt = registry.attempts(quantum.number)?.pop();
        let config = config_type(&quantum.task_label);
        let configuration = match registry.find_in_run(&quantum.run, &config, &DataId::empty())? {
            Some(dataset) => match self.butler.get(&dataset)? {
                Value::Text(text) => Some(text),
                _ => None,
            },
            None => None,
        };
        let makers: Vec<i64> = inputs.iter().filter_map(|(_, dataset)| dataset.quantum).collect();
        self.steps.push(Step { quantum, attempt, configuration, inputs });
        for maker in makers {
            if self.seen.insert(maker)
                && let Some(quantum) = registry.quantum(maker)?
            {
                let inputs = registry.inputs_of(maker)?;
                self.follow(quantum, inputs)?;
            }
        }
        Ok(())
    }
}

impl Provenance {
    /// The files that nothing in the catalog made: images, calibrations, reference stars.
    pub fn origins(&self) -> Vec<&DatasetRef> {
        let mut seen = HashSet::new();
        let inputs = self.steps.iter().flat_map(|step| &step.inputs).map(|(_, dataset)| dataset);
        inputs.filter(|dataset| dataset.quantum.is_none() && seen.insert(dataset.number)).collect()
    }

    /// As text for people; with every setting, or only those that were overridden.
    pub fn to_text(&self, with_all_settings: bool) -> String {
        let SourceIdentity { visit, detector, counter } = self.identity;
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{}: visit {visit}, detector {detector}, source {counter} on that image",
            self.id
        );
        let _ = writeln!(text, "came with version {} of the catalog", self.version);
        let _ = writeln!(text, "\nfrom the files");
        for dataset in self.origins() {
            let name = &dataset.dataset_type.name;
            let _ =
                writeln!(text, "  {name} ({})\n    {}", dataset.data_id, dataset.path.display());
            let _ =
                writeln!(text, "    {} bytes, SHA-256 {}", dataset.size_bytes, dataset.checksum);
        }
        let _ = writeln!(text, "\nby the quanta");
        for step in &self.steps {
            let quantum = &step.quantum;
            let _ = writeln!(
                text,
                "  {} ({}) of run {}",
                quantum.task_label, quantum.data_id, quantum.run
            );
            let _ = write!(text, "    task {}, almagest {}", quantum.task, quantum.code_version);
            if let Some(attempt) = &step.attempt {
                let seconds = attempt.seconds.unwrap_or(f64::NAN);
                let _ = write!(text, ", {} UTC, {seconds:.2} s", attempt.started_at);
            }
            let mut names: Vec<&str> = step.inputs.iter().map(|(name, _)| name.as_str()).collect();
            names.dedup();
            let _ = writeln!(text, "\n    reads {}", names.join(", "));
            for line in step.configuration.iter().flat_map(|config| config.lines().skip(1)) {
                if with_all_settings || line.starts_with('#') {
                    let _ = writeln!(text, "    | {line}");
                }
            }
        }
        text
    }

    /// As JSON, with every setting.
    pub fn to_json(&self) -> Json {
        let dataset = |dataset: &DatasetRef| {
            json!({
                "uuid": dataset.uuid,
                "dataset_type": dataset.dataset_type.name,
                "data_id": dataset.data_id.to_string(),
                "run": dataset.run,
                "path": dataset.path,
                "size_bytes": dataset.size_bytes,
                "sha256": dataset.checksum,
            })
        };
        let step = |step: &Step| {
            json!({
                "task": step.quantum.task,
                "label": step.quantum.task_label,
                "data_id": step.quantum.data_id.to_string(),
                "run": step.quantum.run,
                "code_version": step.quantum.code_version,
                "fingerprint": step.quantum.fingerprint,
                "started_at": step.attempt.as_ref().map(|attempt| &attempt.started_at),
                "seconds": step.attempt.as_ref().and_then(|attempt| attempt.seconds),
                "log": step.attempt.as_ref().map(|attempt| &attempt.log),
                "configuration": step.configuration,
                "inputs": step.inputs.iter().map(|(name, input)| {
                    json!({ "connection": name, "dataset": dataset(input) })
                }).collect::<Vec<_>>(),
            })
        };
        json!({
            "id": self.id,
            "visit": self.identity.visit,
            "detector": self.identity.detector,
            "counter": self.identity.counter,
            "version": self.version,
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}
