//! The quantum graph: every piece of work of a run, and which waits for which.
//!
//! ```text
//!   pipeline ┐
//!   datasets ┼─▶ graph: quanta with their inputs and predicted outputs ─▶ executor
//!   condition┘
//! ```
//!
//! A *quantum* is one task on one data id. Its data ids come from the datasets themselves: the first
//! input that has all dimensions of the task gives the quanta; each other input gives those of its
//! datasets that agree with the quantum in what both have. What a dataset implies (band, filter,
//! night) takes part, and a calibration is the one that holds at the time of the observation.

mod build;
mod show;

pub use build::{GraphRequest, build};

use crate::butler::{DataId, DatasetRef, DatasetType};
use crate::definition::Pipeline;

/// All quanta of a run, each after those for which it waits.
#[derive(Debug, Clone)]
pub struct Graph {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// The run that will own what is made.
    pub run: String,
    /// The quanta.
    pub quanta: Vec<Quantum>,
    /// Quanta that cannot be, for lack of an input, and why.
    pub pruned: Vec<String>,
}

/// One task on one data id.
#[derive(Debug, Clone)]
pub struct Quantum {
    /// Index of the task in the pipeline.
    pub task: usize,
    /// The data id.
    pub data_id: DataId,
    /// What it reads.
    pub inputs: Vec<QuantumInput>,
    /// What it is expected to make.
    pub outputs: Vec<Predicted>,
    /// Indices of the quanta that must have ended before.
    pub after: Vec<usize>,
    /// Index of the quantum that must not have failed before, though nothing of it is read.
    pub follows: Option<usize>,
}

/// What a quantum reads through one connection.
#[derive(Debug, Clone)]
pub struct QuantumInput {
    /// Name of the connection.
    pub connection: &'static str,
    /// Datasets without which the quantum cannot run.
    pub minimum: usize,
    /// May there be several, so that it can do without one whose maker failed?
    pub is_multiple: bool,
    /// The datasets.
    pub datasets: Vec<InputDataset>,
}

/// A dataset that a quantum reads.
#[derive(Debug, Clone)]
pub enum InputDataset {
    /// It is there.
    Existing(DatasetRef),
    /// Another quantum makes it.
    Made {
        /// Index of that quantum.
        by: usize,
        /// Its type.
        dataset_type: String,
        /// Its data id.
        data_id: DataId,
    },
    /// Rows of the catalog, which become a dataset when the run begins.
    History(DatasetType),
}

/// A dataset that a quantum is expected to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predicted {
    /// Name of the connection.
    pub connection: &'static str,
    /// Its type.
    pub dataset_type: DatasetType,
    /// Its data id.
    pub data_id: DataId,
}

impl Graph {
    /// Name of a quantum for people: `characterize (instrument=…, visit=…)`.
    pub fn name(&self, quantum: usize) -> String {
        let quantum = &self.quanta[quantum];
        let label = &self.pipeline.tasks[quantum.task].label;
        match quantum.data_id.dimensions().is_empty() {
            true => label.clone(),
            false => format!("{label} ({})", quantum.data_id),
        }
    }

    /// Number of quanta of each task, in the order of the pipeline.
    pub fn counts(&self) -> Vec<(&str, usize)> {
        let count = |task| self.quanta.iter().filter(|quantum| quantum.task == task).count();
        let tasks = self.pipeline.tasks.iter().enumerate();
        tasks.map(|(index, task)| (task.label.as_str(), count(index))).collect()
    }

    /// The datasets that the run reads and does not make.
    pub fn overall_inputs(&self) -> impl Iterator<Item = &DatasetRef> {
        self.quanta.iter().flat_map(|quantum| &quantum.inputs).flat_map(|i| &i.datasets).filter_map(
            |dataset| match dataset {
                InputDataset::Existing(dataset) => Some(dataset),
                _ => None,
            },
        )
    }
}
