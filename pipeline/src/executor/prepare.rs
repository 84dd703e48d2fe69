//! Before the first quantum: the run, its lock, its settings, and the rows of the catalog it reads.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};

use almagest_storage::schema::TableDef;
use almagest_storage::schema::survey::survey_schema;
use almagest_storage::sphgeom::{Angle, Boundary, Cone, Region};
use almagest_storage::{CatalogStore, disk};
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use serde_json::json;

use super::{ExecuteOptions, ExecutorError};
use crate::butler::{
    Butler, ButlerError, CollectionKind, DataId, DatasetRef, DatasetType, DimensionSet, QuantumRow,
    QuantumStatus, StorageClass, Value,
};
use crate::connections::Lookup;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::tasks::Work;

/// The version of the program, as it is recorded with each quantum: its number, and a hash of its sources,
/// since equal code makes equal outputs.
pub const CODE_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("PIPELINE_SOURCES"));

/// A name for a new run of a pipeline: the pipeline's, and the time, UTC.
pub fn dated_run(pipeline: &str) -> String {
    let name = pipeline.split('#').next().unwrap_or(pipeline);
    let stem = std::path::Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let time: String = crate::butler::now().chars().filter(|c| *c != '-' && *c != ':').collect();
    let seconds = time.split('.').next().unwrap_or_default();
    format!("{stem}/{seconds}Z")
}

/// Margin about the footprints within which known objects are read, degrees.
const MARGIN_DEG: f64 = 1.0 / 60.0;

/// What a run needs.
pub(super) struct Prepared {
    /// The tasks, ready to run.
    pub works: Vec<Work>,
    /// The settings of each task, as text that equal settings share.
    pub settings: Vec<String>,
    /// Quanta of the run that are recorded already, by label and data id.
    pub recorded: HashMap<(String, DataId), QuantumRow>,
    /// Rows of the catalog, by dataset type.
    pub history: HashMap<String, DatasetRef>,
    /// Held as long as the run is executed.
    _lock: File,
}

pub(super) fn prepare(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
    options: &ExecuteOptions,
) -> Result<Prepared> {
    graph.pipeline.check()?;
    let registry = butler.registry();
    let run = &graph.run;
    registry.register_collection(run, CollectionKind::Run)?;
    let lock = lock(butler, run)?;
    let recorded = registry.quanta(run)?;
    let has_outputs = |quantum: &&QuantumRow| quantum.status == QuantumStatus::Successful;
    let n_quanta = recorded.iter().filter(has_outputs).count();
    if n_quanta > 0 && !options.skip_existing {
        return Err(ExecutorError::RunExists { run: run.clone(), n_quanta }.into());
    }
    save_settings(butler, graph)?;
    let (mut works, mut settings) = (vec![], vec![]);
    for task in &graph.pipeline.tasks {
        let work = (task.kind.build)(&task.configuration);
        works.push(work.map_err(crate::definition::DefinitionError::from)?);
        settings.push(task.configuration.values());
    }
    let key =
        |quantum: QuantumRow| ((quantum.task_label.clone(), quantum.data_id.clone()), quantum);
    Ok(Prepared {
        works,
        settings,
        recorded: recorded.into_iter().map(key).collect(),
        history: history(butler, store, graph)?,
        _lock: lock,
    })
}

/// Keep other processes from executing in the run; the system lets go when this one ends.
fn lock(butler: &Butler, run: &str) -> Result<File> {
    let folder = butler.datastore().root();
    let name: String = run.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    let path = folder.join(format!(".{name}.lock"));
    let io = |source| ButlerError::Io { path: path.clone(), source };
    fs::create_dir_all(folder).map_err(io)?;
    let file = File::create(&path).map_err(io)?;
    match disk::lock(&file) {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ButlerError::Busy { run: run.to_owned() }.into()),
        Err(TryLockError::Error(source)) => Err(io(source).into()),
    }
}

/// Save the pipeline and its settings with the run, or compare them with what is saved.
fn save_settings(butler: &Butler, graph: &Graph) -> Result<()> {
    let none = DataId::empty();
    let run = &graph.run;
    for task in &graph.pipeline.tasks {
        let name = config_type(&task.label);
        let dataset_type = DatasetType::new(&name, DimensionSet::EMPTY, StorageClass::Text);
        let text = task.configuration.to_yaml();
        match butler.registry().find_in_run(run, &name, &none)? {
            None => {
                butler.put(run, &dataset_type, &none, &Value::Text(text))?;
            }
            Some(saved) => {
                let values = |text: &str| -> String {
                    text.lines().filter(|line| !line.starts_with('#')).collect()
                };
                let saved = butler.get(&saved)?;
                if !matches!(saved, Value::Text(saved) if values(&saved) == values(&text)) {
                    let (run, label) = (run.clone(), task.label.clone());
                    return Err(ExecutorError::OtherConfiguration { run, label }.into());
                }
            }
        }
    }
    if butler.registry().find_in_run(run, "pipeline", &none)?.is_none() {
        let task = |task: &crate::definition::TaskDefinition| {
            let types = |all: &[crate::connections::Connection]| {
                all.iter().map(|one| one.dataset_type.clone()).collect::<Vec<_>>()
            };
            json!({
                "label": task.label,
                "task": task.kind.name,
                "inputs": types(&task.connections.inputs),
                "outputs": types(&task.connections.outputs),
            })
        };
        let document = json!({
            "description": graph.pipeline.description,
            "file": graph.pipeline.origin,
            "tasks": graph.pipeline.tasks.iter().map(task).collect::<Vec<_>>(),
        });
        let dataset_type =
            DatasetType::new("pipeline", DimensionSet::EMPTY, StorageClass::Document);
        butler.put(run, &dataset_type, &none, &Value::Document(document))?;
    }
    Ok(())
}

/// Name of the dataset type that keeps the settings of a task.
pub(crate) fn config_type(label: &str) -> String {
    format!("{label}_config")
}

/// Keep the rows of the catalog that the run reads, as they are when it first begins.
fn history(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
) -> Result<HashMap<String, DatasetRef>> {
    let none = DataId::empty();
    let mut kept = HashMap::new();
    let inputs = graph.pipeline.tasks.iter().flat_map(|task| &task.connections.inputs);
    let snapshot = store.snapshot()?;
    let region = region(butler, graph)?;
    for input in inputs {
        let Lookup::History { table, columns } = input.lookup else { continue };
        let name = &input.dataset_type;
        if kept.contains_key(name) {
            continue;
        }
        let dataset = match butler.registry().find_in_run(&graph.run, name, &none)? {
            Some(dataset) => dataset,
            None => {
                let definition = snapshot.table(table)?;
                has_columns(definition, columns)?;
                let region = region.as_ref().filter(|_| definition.position.is_some());
                let batches = snapshot.read_region(table, region, Some(columns), None)?;
                let rows = match batches.first() {
                    Some(first) => concat_batches(&first.schema(), &batches)?,
                    None => {
                        let schema = definition.arrow_schema();
                        let fields = columns
                            .iter()
                            .map(|column| schema.field_with_name(column).cloned())
                            .collect::<Result<Vec<_>, _>>()?;
                        RecordBatch::new_empty(Schema::new(fields).into())
                    }
                };
                let dataset_type = DatasetType::new(name, DimensionSet::EMPTY, StorageClass::Table);
                butler.put(&graph.run, &dataset_type, &none, &Value::Table(rows))?
            }
        };
        kept.insert(name.clone(), dataset);
    }
    Ok(kept)
}

/// Refuse the table of a catalog that was made before it had some of `columns`.
fn has_columns(table: &TableDef, columns: &[&str]) -> Result<()> {
    let Some(missing) = columns.iter().find(|column| table.column(column).is_none()) else {
        return Ok(());
    };
    let now = survey_schema()?;
    let column = now.table(&table.name).and_then(|table| table.column(missing));
    Err(Error::OldTable {
        table: table.name.clone(),
        column: (*missing).to_owned(),
        datatype: column.map_or("double", |column| column.datatype.felis_name()),
    })
}

/// The sky that the run looks at; nothing where its inputs do not tell.
fn region(butler: &Butler, graph: &Graph) -> Result<Option<Region>> {
    let numbers: Vec<i64> = graph.overall_inputs().map(|dataset| dataset.number).collect();
    let cap = butler.registry().footprint_cap(&numbers)?;
    Ok(cap.map(|cap| {
        let radius = Angle::from_degrees((cap.radius.degrees() + MARGIN_DEG).min(180.0));
        Region::Cone(Cone::new(cap.center, radius, Boundary::Closed))
    }))
}
