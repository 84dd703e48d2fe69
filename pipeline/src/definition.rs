//! Pipelines as people write them: tasks, settings, subsets and contracts in a YAML file.
//!
//! ```yaml
//! description: Calibrated images to rows
//! imports: [other.yaml]              # its tasks, parameters, subsets and contracts come first
//! parameters: {threshold: 5.0}
//! tasks:
//!   characterize:                    # a label, and a task of that name…
//!     config: {detection: {threshold: parameters.threshold}}
//!   deep:
//!     task: characterize             # …or of another
//!     connections: {source: deep_source}
//!     memory_mb: 900                 # in place of the estimate
//! subsets:
//!   measure: {tasks: [characterize], description: Images alone}
//! contracts:
//!   - contract: deep.detection.threshold <= characterize.detection.threshold
//!     message: deep is deeper
//! ```
//!
//! Everything is checked when it is read, and all faults are told at once: unknown tasks, settings,
//! connections and parameters with the nearest that there is, values, contracts, datasets that two
//! tasks make, tasks that wait for each other.

mod contracts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml_ng::{Mapping, Value};

use crate::butler::nearest;
use crate::config::{ConfigError, Configuration, parse_override};
use crate::connections::{Connections, Lookup};
use crate::error::{Error, Result};
use crate::tasks::{TaskKind, task_named};
use contracts::Contract;

/// The pipelines that come with the program, by name: known without their files.
const BUILTIN: [(&str, &str); 5] = [
    ("process", include_str!("../pipelines/process.yaml")),
    ("calibration", include_str!("../pipelines/calibration.yaml")),
    ("fringe", include_str!("../pipelines/fringe.yaml")),
    ("isr", include_str!("../pipelines/isr.yaml")),
    ("survey", include_str!("../pipelines/survey.yaml")),
];

/// Imports within imports.
const DEEPEST: usize = 16;

/// What is wrong with a pipeline.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionError {
    /// A file that cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file that is no pipeline.
    #[error("{origin}: {source}")]
    Yaml {
        /// The file.
        origin: String,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// What is wrong, each fault a sentence.
    #[error("{origin}: {}", faults.join("; "))]
    Faults {
        /// The file.
        origin: String,
        /// The faults.
        faults: Vec<String>,
    },
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A pipeline that can be run.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// What it is for.
    pub description: String,
    /// Its tasks, each after those whose outputs it reads.
    pub tasks: Vec<TaskDefinition>,
    /// Where it comes from.
    pub origin: String,
    subsets: BTreeMap<String, Subset>,
    contracts: Vec<Contract>,
}

/// A task in a pipeline.
#[derive(Debug, Clone)]
pub struct TaskDefinition {
    /// Its name in the pipeline.
    pub label: String,
    /// What it is.
    pub kind: TaskKind,
    /// Its settings.
    pub configuration: Configuration,
    /// What it reads and makes here.
    pub connections: Connections,
    /// Memory of a quantum, where the pipeline says it, bytes.
    pub memory_bytes: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    description: String,
    imports: Vec<PathBuf>,
    parameters: BTreeMap<String, Value>,
    tasks: Mapping,
    subsets: BTreeMap<String, Subset>,
    contracts: Vec<ContractEntry>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct TaskEntry {
    task: Option<String>,
    config: Mapping,
    connections: BTreeMap<String, String>,
    memory_mb: Option<u64>,
}

/// Some of a pipeline's tasks.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subset {
    /// Their labels.
    pub tasks: Vec<String>,
    /// What they are for.
    pub description: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractEntry {
    contract: String,
    #[serde(default)]
    message: String,
}

impl Pipeline {
    /// The pipeline of `almagest process`: calibrated images to rows.
    pub fn process() -> Result<Self> {
        Self::builtin("process")
    }

    /// A pipeline that comes with the program: `process`, `calibration`, `fringe`, `isr` or `survey`.
    ///
    /// # Errors
    /// Another name.
    pub fn builtin(name: &str) -> Result<Self> {
        match builtin_text(name) {
            Some(text) => Self::parse(text, &format!("pipelines/{name}.yaml"), None),
            None => Err(no_pipeline(name)),
        }
    }

    /// Read a pipeline file, or one of those that come with the program by its name; `FILE#SUBSET` takes
    /// a subset of it.
    ///
    /// # Errors
    /// A file that cannot be read; everything that is wrong with it, at once.
    pub fn read(name: &str) -> Result<Self> {
        let (file, subset) = match name.split_once('#') {
            Some((file, subset)) => (file, Some(subset)),
            None => (name, None),
        };
        let path = Path::new(file);
        let mut pipeline = if builtin_text(file).is_some() && !path.exists() {
            Self::builtin(file)?
        } else if path.exists() {
            Self::parse(&read_text(path)?, file, path.parent())?
        } else {
            return Err(no_pipeline(file));
        };
        if let Some(subset) = subset {
            pipeline.restrict(subset)?;
        }
        Ok(pipeline)
    }

    /// Read a pipeline from text; imports are relative to `folder`.
    pub fn parse(text: &str, origin: &str, folder: Option<&Path>) -> Result<Self> {
        let file = load(text, origin, folder, 0)?;
        let mut faults = vec![];
        let mut tasks = vec![];
        for (label, entry) in &file.tasks {
            let label = label.as_str().unwrap_or_default();
            match task(label, entry, &file.parameters, origin, &mut faults) {
                Ok(task) => tasks.extend(task),
                Err(error) => faults.push(format!("task {label}: {error}")),
            }
        }
        if file.tasks.is_empty() {
            faults.push("it has no tasks".to_owned());
        }
        let labels: Vec<&str> = tasks.iter().map(|task: &TaskDefinition| &*task.label).collect();
        for (name, subset) in &file.subsets {
            for label in subset.tasks.iter().filter(|label| !labels.contains(&label.as_str())) {
                let near = nearest(label, labels.iter().copied());
                faults.push(format!("subset {name}: no task {label}{}", suggest(near)));
            }
        }
        let mut contracts = vec![];
        for entry in &file.contracts {
            match Contract::parse(&entry.contract, &entry.message) {
                Ok(contract) => {
                    for label in contract.labels().iter().filter(|l| !labels.contains(&l.as_str()))
                    {
                        let near = nearest(label, labels.iter().copied());
                        let text = &entry.contract;
                        faults.push(format!("contract {text}: no task {label}{}", suggest(near)));
                    }
                    contracts.push(contract);
                }
                Err(error) => faults.push(error.to_string()),
            }
        }
        let tasks = in_order(tasks, &mut faults);
        refuse(origin, faults)?;
        let (description, subsets) = (file.description, file.subsets);
        Ok(Self { description, tasks, origin: origin.to_owned(), subsets, contracts })
    }

    /// Keep the tasks of a subset, or of one label.
    pub fn restrict(&mut self, name: &str) -> Result<()> {
        let labels: BTreeSet<String> = match self.subsets.get(name) {
            Some(subset) => subset.tasks.iter().cloned().collect(),
            None => BTreeSet::from([name.to_owned()]),
        };
        if !self.subsets.contains_key(name) && self.task(name).is_none() {
            let known = self.subsets.keys().map(String::as_str);
            let near = nearest(name, known.chain(self.tasks.iter().map(|t| t.label.as_str())));
            refuse(&self.origin, vec![format!("no subset or task {name}{}", suggest(near))])?;
        }
        self.tasks.retain(|task| labels.contains(&task.label));
        Ok(())
    }

    /// The task of a label.
    pub fn task(&self, label: &str) -> Option<&TaskDefinition> {
        self.tasks.iter().find(|task| task.label == label)
    }

    /// Override a setting: `characterize.detection.threshold=6`.
    ///
    /// # Errors
    /// [`ConfigError`], with the nearest setting or task.
    pub fn set(&mut self, text: &str) -> Result<()> {
        let (label, key, value) = parse_override(text).map_err(DefinitionError::from)?;
        let origin = format!("-c {text}");
        let task = self.task_mut(&label, &origin)?;
        Ok(task.configuration.set(&key, value, &origin).map_err(DefinitionError::from)?)
    }

    /// Override the settings that a YAML file gives, by label of the task.
    pub fn set_file(&mut self, path: &Path) -> Result<()> {
        let origin = path.display().to_string();
        let file: BTreeMap<String, Mapping> = serde_yaml_ng::from_str(&read_text(path)?)
            .map_err(|source| DefinitionError::Yaml { origin: origin.clone(), source })?;
        let mut faults = vec![];
        for (label, overrides) in &file {
            match self.find_task(label) {
                Ok(task) => {
                    let found = task.configuration.merge(overrides, &origin);
                    faults.extend(found.iter().map(ConfigError::fault));
                }
                Err(fault) => faults.push(fault),
            }
        }
        refuse(&origin, faults)
    }

    /// Give a task a whole configuration.
    pub fn configure(&mut self, label: &str, config: &impl serde::Serialize) -> Result<()> {
        let tree = serde_yaml_ng::to_value(config)
            .map_err(|source| DefinitionError::Yaml { origin: label.to_owned(), source })?;
        let task = self.task_mut(label, "the caller")?;
        let mut faults = vec![];
        for (key, value) in tree.as_mapping().into_iter().flatten() {
            let key = key.as_str().unwrap_or_default();
            // What is as it is by default needs no record.
            if task.configuration.get(key) != Some(value)
                && let Err(fault) = task.configuration.set(key, value.clone(), "the caller")
            {
                faults.push(fault.fault());
            }
        }
        refuse(label, faults)
    }

    /// Check settings and contracts as they are now.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn check(&self) -> Result<()> {
        let mut faults: Vec<String> = self
            .tasks
            .iter()
            .flat_map(|task| task.configuration.faults())
            .map(|fault| fault.to_string())
            .collect();
        faults.extend(self.contracts.iter().filter_map(|contract| contract.fault(self)));
        refuse(&self.origin, faults)
    }

    fn task_mut(&mut self, label: &str, origin: &str) -> Result<&mut TaskDefinition> {
        self.find_task(label).map_err(|fault| {
            DefinitionError::Faults { origin: origin.to_owned(), faults: vec![fault] }.into()
        })
    }

    fn find_task(&mut self, label: &str) -> Result<&mut TaskDefinition, String> {
        let near = nearest(label, self.tasks.iter().map(|task| task.label.as_str()));
        let found = self.tasks.iter_mut().find(|task| task.label == label);
        found.ok_or_else(|| format!("no task {label}{}", suggest(near)))
    }
}

/// The text of a pipeline of the program, by its name with or without `.yaml`.
fn builtin_text(name: &str) -> Option<&'static str> {
    let name = name.strip_suffix(".yaml").unwrap_or(name);
    BUILTIN.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// Neither a file nor a pipeline of the program has the name.
fn no_pipeline(name: &str) -> Error {
    let known = || BUILTIN.iter().map(|(known, _)| *known);
    let near = nearest(name.strip_suffix(".yaml").unwrap_or(name), known());
    let names = known().collect::<Vec<_>>().join(", ");
    let hint = if near.is_some() { suggest(near) } else { format!(" (these are {names})") };
    let fault = format!("no such file, and no such pipeline comes with the program{hint}");
    DefinitionError::Faults { origin: name.to_owned(), faults: vec![fault] }.into()
}

fn read_text(path: &Path) -> Result<String, DefinitionError> {
    std::fs::read_to_string(path)
        .map_err(|source| DefinitionError::Io { path: path.to_owned(), source })
}

fn refuse(origin: &str, faults: Vec<String>) -> Result<()> {
    match faults.is_empty() {
        true => Ok(()),
        false => Err(DefinitionError::Faults { origin: origin.to_owned(), faults }.into()),
    }
}

fn suggest(near: Option<String>) -> String {
    near.map_or(String::new(), |near| format!(" (did you mean {near}?)"))
}

/// Read a file with what it imports; what it says itself comes in place of that.
fn load(text: &str, origin: &str, folder: Option<&Path>, depth: usize) -> Result<File> {
    let file: File = serde_yaml_ng::from_str(text)
        .map_err(|source| DefinitionError::Yaml { origin: origin.to_owned(), source })?;
    let mut whole = File::default();
    if depth >= DEEPEST {
        refuse(origin, vec![format!("more than {DEEPEST} imports within each other")])?;
    }
    for import in &file.imports {
        let path = folder.unwrap_or(Path::new("")).join(import);
        // Beside a pipeline of the program are the others; elsewhere they are known by name.
        let text = import.to_str().and_then(builtin_text).filter(|_| !path.exists());
        if let Some(text) = text {
            whole.absorb(load(text, &import.display().to_string(), None, depth + 1)?);
            continue;
        }
        let name = path.display().to_string();
        let imported = load(&read_text(&path)?, &name, path.parent(), depth + 1)?;
        whole.absorb(imported);
    }
    whole.absorb(file);
    Ok(whole)
}

impl File {
    fn absorb(&mut self, other: Self) {
        self.parameters.extend(other.parameters);
        self.tasks.extend(other.tasks);
        self.subsets.extend(other.subsets);
        self.contracts.extend(other.contracts);
        if !other.description.is_empty() {
            self.description = other.description;
        }
    }
}

/// Make a task of its entry; what is wrong with its settings and connections joins `faults`.
fn task(
    label: &str,
    entry: &Value,
    parameters: &BTreeMap<String, Value>,
    origin: &str,
    faults: &mut Vec<String>,
) -> Result<Option<TaskDefinition>, serde_yaml_ng::Error> {
    let entry: TaskEntry = match entry {
        Value::Null => TaskEntry::default(),
        Value::String(task) => TaskEntry { task: Some(task.clone()), ..TaskEntry::default() },
        entry => serde_yaml_ng::from_value(entry.clone())?,
    };
    let name = entry.task.as_deref().unwrap_or(label);
    let kind = match task_named(name) {
        Ok(kind) => kind,
        Err(near) => {
            faults.push(format!("task {label}: there is no task {name}{}", suggest(near)));
            return Ok(None);
        }
    };
    let mut configuration = (kind.defaults)(label);
    let mut config = Value::Mapping(entry.config);
    substitute(&mut config, parameters, label, faults);
    if let Value::Mapping(config) = &config {
        let found = configuration.merge(config, origin);
        faults.extend(found.iter().map(ConfigError::fault));
    }
    let mut connections = (kind.connections)();
    for (name, dataset_type) in entry.connections {
        let all = || connections.inputs.iter().chain(&connections.outputs);
        let near = nearest(&name, all().map(|connection| connection.name));
        if !all().any(|connection| connection.name == name) {
            faults.push(format!("task {label}: no connection {name}{}", suggest(near)));
        }
        let mut both = connections.inputs.iter_mut().chain(&mut connections.outputs);
        if let Some(connection) = both.find(|connection| connection.name == name) {
            connection.dataset_type = dataset_type;
        }
    }
    let memory_bytes = entry.memory_mb.map(|mb| mb << 20);
    Ok(Some(TaskDefinition {
        label: label.to_owned(),
        kind,
        configuration,
        connections,
        memory_bytes,
    }))
}

/// Put parameters in the places of their names.
fn substitute(
    node: &mut Value,
    parameters: &BTreeMap<String, Value>,
    label: &str,
    faults: &mut Vec<String>,
) {
    match node {
        Value::String(text) => {
            let Some(name) = text.strip_prefix("parameters.") else { return };
            match parameters.get(name) {
                Some(value) => *node = value.clone(),
                None => {
                    let near = nearest(name, parameters.keys().map(String::as_str));
                    faults.push(format!("task {label}: no parameter {name}{}", suggest(near)));
                }
            }
        }
        Value::Mapping(map) => {
            map.values_mut().for_each(|child| substitute(child, parameters, label, faults));
        }
        Value::Sequence(items) => {
            items.iter_mut().for_each(|child| substitute(child, parameters, label, faults));
        }
        _ => {}
    }
}

/// Sort the tasks so that each comes after those whose outputs it reads, else as they are written.
fn in_order(tasks: Vec<TaskDefinition>, faults: &mut Vec<String>) -> Vec<TaskDefinition> {
    let mut made: BTreeMap<String, String> = BTreeMap::new();
    for task in &tasks {
        for output in &task.connections.outputs {
            let before = made.insert(output.dataset_type.clone(), task.label.clone());
            if let Some(other) = before {
                let name = &output.dataset_type;
                faults.push(format!("tasks {other} and {} both make {name}", task.label));
            }
        }
    }
    let mut ordered: Vec<TaskDefinition> = vec![];
    let mut waiting = tasks;
    while !waiting.is_empty() {
        let is_ready = |task: &TaskDefinition| {
            task.connections.inputs.iter().all(|input| {
                matches!(input.lookup, Lookup::History { .. })
                    || made
                        .get(&input.dataset_type)
                        .is_none_or(|maker| ordered.iter().any(|done| done.label == *maker))
            })
        };
        let Some(next) = waiting.iter().position(is_ready) else {
            let labels: Vec<&str> = waiting.iter().map(|task| task.label.as_str()).collect();
            faults.push(format!("tasks {} wait for each other", labels.join(", ")));
            break;
        };
        ordered.push(waiting.remove(next));
    }
    ordered
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found = Pipeline::parse(text, "test.yaml", None).and_then(|pipeline| pipeline.check());
        let error = found.unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in {error:?}");
        }
    }

    #[test]
    fn the_built_in_pipeline_is_sound() {
        let pipeline = Pipeline::process().unwrap();
        pipeline.check().unwrap();
        let labels: Vec<&str> = pipeline.tasks.iter().map(|task| task.label.as_str()).collect();
        assert_eq!(labels, ["characterize", "associate", "force", "assemble", "load"]);
        let mut part = pipeline.clone();
        part.restrict("measure").unwrap();
        assert_eq!(part.tasks.len(), 1);
        let error = part.restrict("mesure").unwrap_err().to_string();
        assert!(error.contains("did you mean measure?"), "{error}");
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(
            "tasks:\n  characterise: {}\n  force: {config: {flag_radius: 1}}\n  \
             associate: {connections: {sources: x}}\nsubsets: {a: {tasks: [forse]}}\n",
            &[
                "there is no task characterise (did you mean characterize?)",
                "force has no setting flag_radius; did you mean force.flag_radius_fwhm?",
                "no connection sources (did you mean source?)",
                "subset a: no task forse (did you mean force?)",
            ],
        );
        check("task: {}\n", &["test.yaml", "task"]);
        check("tasks: {}\n", &["it has no tasks"]);
        check(
            "tasks: {characterize: {}, again: characterize}\n",
            &["tasks characterize and again both make source"],
        );
        check(
            "parameters: {radius: 2}\ntasks: {force: {config: {flag_radius_fwhm: parameters.radus}}}\n",
            &["no parameter radus (did you mean radius?)"],
        );
    }

    #[test]
    fn an_origin_is_named_once_and_a_misspelt_pipeline_with_the_nearest() {
        let text = "tasks: {force: {config: {flag_radius: 1, flag_radius_fwhm: many}}}\n";
        let error = Pipeline::parse(text, "bad.yaml", None).unwrap_err().to_string();
        assert_eq!(error.matches("bad.yaml").count(), 1, "{error}");
        assert!(error.starts_with("bad.yaml: force has no setting flag_radius; "), "{error}");
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("settings.yaml");
        std::fs::write(&settings, "forse: {a: 1}\nforce: {flag_radius: 1}\n").unwrap();
        let error = Pipeline::process().unwrap().set_file(&settings).unwrap_err().to_string();
        assert_eq!(error.matches("settings.yaml").count(), 1, "{error}");
        assert!(error.contains("no task forse (did you mean force?)"), "{error}");
        let refused = |name: &str| Pipeline::read(name).unwrap_err().to_string();
        let none = "no such file, and no such pipeline comes with the program";
        assert_eq!(refused("surveyy"), format!("surveyy: {none} (did you mean survey?)"));
        let all = "(these are process, calibration, fringe, isr, survey)";
        assert_eq!(refused("my/own.yaml"), format!("my/own.yaml: {none} {all}"));
    }

    #[test]
    fn contracts_are_kept_before_anything_runs() {
        let text = "parameters: {radius: 2.5}\n\
            tasks:\n  characterize: {}\n  force: {config: {flag_radius_fwhm: parameters.radius}}\n\
            contracts:\n  - contract: force.flag_radius_fwhm <= characterize.measure.flag_radius_fwhm\n    \
            message: no flags beyond\n";
        check(text, &["contract force.flag_radius_fwhm <= ", "(2.5 and 1.5): no flags beyond"]);
        let mut pipeline = Pipeline::parse(text, "test.yaml", None).unwrap();
        pipeline.set("force.flag_radius_fwhm=1.25").unwrap();
        pipeline.check().unwrap();
        pipeline.restrict("force").unwrap();
        pipeline.check().unwrap();
        check(
            "tasks: {force: {}}\ncontracts: [{contract: force.flag_radius <= 1}]\n",
            &["contract force.flag_radius <= 1: force has no setting flag_radius"],
        );
        check(
            "tasks: {force: {}}\ncontracts: [{contract: forse.flag_radius_fwhm <= 1}]\n",
            &["contract forse.flag_radius_fwhm <= 1: no task forse (did you mean force?)"],
        );
    }
}
