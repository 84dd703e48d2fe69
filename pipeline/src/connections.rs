//! What a task reads and makes, as the graph and the executor see it.

use std::collections::BTreeMap;

use crate::butler::{
    ButlerError, DataId, DatasetRef, Dimension, DimensionSet, MeasuredPsf, StorageClass, Value,
};
use serde::de::DeserializeOwned;

use crate::calibration::{CalibrationError, CalibrationFrame};
use crate::camera::RawFrame;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::exposure::Exposure;
use arrow::array::RecordBatch;

/// How the dataset of an input is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// Among those that the user's condition chooses, or that another task makes.
    Regular,
    /// Whatever the condition says: one that fits the data id.
    Prerequisite,
    /// The one that holds at the time of the observation.
    Calibration,
    /// Rows of a table of the catalog as they were when the run began.
    History {
        /// The table.
        table: &'static str,
        /// Its columns.
        columns: &'static [&'static str],
    },
}

/// One input or output of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its name within the task.
    pub name: &'static str,
    /// The dataset type: the name, unless the pipeline says otherwise.
    pub dataset_type: String,
    /// How it is kept.
    pub storage_class: StorageClass,
    /// Dimensions of the dataset type.
    pub dimensions: DimensionSet,
    /// Datasets without which the task cannot run.
    pub minimum: usize,
    /// May there be several?
    pub is_multiple: bool,
    /// How an input is found.
    pub lookup: Lookup,
}

/// All that a task reads and makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Dimensions of the task's quanta.
    pub dimensions: DimensionSet,
    /// Inputs.
    pub inputs: Vec<Connection>,
    /// Outputs.
    pub outputs: Vec<Connection>,
    /// Must the quanta run one after another, in the order of time?
    pub is_sequence: bool,
}

impl Connection {
    /// One dataset, needed.
    pub fn one(name: &'static str, storage_class: StorageClass, dimensions: &[Dimension]) -> Self {
        Self {
            name,
            dataset_type: name.to_owned(),
            storage_class,
            dimensions: DimensionSet::of(dimensions),
            minimum: 1,
            is_multiple: false,
            lookup: Lookup::Regular,
        }
    }

    /// Any number of datasets, one at least.
    pub fn many(name: &'static str, storage_class: StorageClass, dimensions: &[Dimension]) -> Self {
        Self { is_multiple: true, ..Self::one(name, storage_class, dimensions) }
    }

    /// Rows of the catalog as they were when the run began.
    pub fn history(
        name: &'static str,
        table: &'static str,
        columns: &'static [&'static str],
    ) -> Self {
        let lookup = Lookup::History { table, columns };
        Self { lookup, ..Self::one(name, StorageClass::Table, &[]) }
    }

    /// The same, found in another way.
    pub fn found_by(self, lookup: Lookup) -> Self {
        Self { lookup, ..self }
    }

    /// The same, which may be absent.
    pub fn optional(self) -> Self {
        Self { minimum: 0, ..self }
    }
}

/// A task of a pipeline: configuration in, connections known, one pure run.
pub trait PipelineTask: Send + Sync + Sized {
    /// Its configuration.
    type Config: TaskConfig;
    /// Its name in pipeline files.
    const NAME: &'static str;
    /// Memory that a quantum takes, in bytes per byte of its inputs' files.
    const MEMORY_PER_INPUT_BYTE: f64 = 8.0;

    /// What it reads and makes.
    fn connections() -> Connections;

    /// The task of a valid configuration.
    fn new(config: Self::Config) -> Self;

    /// Make the outputs from the inputs. No I/O, no clock, no state.
    ///
    /// # Errors
    /// Only where there is no output at all.
    fn run(&self, inputs: Inputs) -> Result<Outputs>;
}

/// What a quantum reads.
#[derive(Debug, Default)]
pub struct Inputs {
    of: BTreeMap<&'static str, Vec<(DatasetRef, Value)>>,
}

impl Inputs {
    /// Add the datasets of a connection.
    pub fn insert(&mut self, name: &'static str, datasets: Vec<(DatasetRef, Value)>) {
        self.of.insert(name, datasets);
    }

    /// The datasets of a connection, in the order of their data ids.
    pub fn all(&self, name: &str) -> &[(DatasetRef, Value)] {
        self.of.get(name).map_or(&[], Vec::as_slice)
    }

    /// The tables of a connection.
    pub fn tables(&self, name: &str) -> Result<Vec<(&DatasetRef, &RecordBatch)>> {
        self.all(name)
            .iter()
            .map(|(dataset, value)| match value {
                Value::Table(rows) => Ok((dataset, rows)),
                other => Err(mismatch(name, other, StorageClass::Table)),
            })
            .collect()
    }

    /// The one table of a connection.
    pub fn table(&self, name: &str) -> Result<(&DatasetRef, &RecordBatch)> {
        self.tables(name)?.into_iter().next().ok_or_else(|| missing(name))
    }

    /// The exposure of a connection; it can be taken once.
    pub fn take_exposure(&mut self, name: &str) -> Result<(DatasetRef, Exposure)> {
        let datasets = self.of.get_mut(name).map(std::mem::take).unwrap_or_default();
        match datasets.into_iter().next() {
            Some((dataset, Value::Exposure(exposure))) => Ok((dataset, *exposure)),
            Some((_, other)) => Err(mismatch(name, &other, StorageClass::Exposure)),
            None => Err(missing(name)),
        }
    }

    /// The raw frames of a connection, in the order of their data ids.
    pub fn raws(&self, name: &str) -> Result<Vec<&RawFrame>> {
        self.all(name)
            .iter()
            .map(|(_, value)| match value {
                Value::Raw(raw) => Ok(raw.as_ref()),
                other => Err(mismatch(name, other, StorageClass::Raw)),
            })
            .collect()
    }

    /// The calibration images of a connection.
    pub fn frames(&self, name: &str) -> Result<Vec<&CalibrationFrame>> {
        self.all(name)
            .iter()
            .map(|(_, value)| match value {
                Value::Calibration(frame) => Ok(frame.as_ref()),
                other => Err(mismatch(name, other, StorageClass::Calibration)),
            })
            .collect()
    }

    /// The calibration image of a connection that may have one; it can be taken once.
    pub fn take_frame(&mut self, name: &str) -> Result<Option<CalibrationFrame>> {
        let datasets = self.of.get_mut(name).map(std::mem::take).unwrap_or_default();
        match datasets.into_iter().next() {
            Some((_, Value::Calibration(frame))) => Ok(Some(*frame)),
            Some((_, other)) => Err(mismatch(name, &other, StorageClass::Calibration)),
            None => Ok(None),
        }
    }

    /// What the document of a connection that may have one holds.
    pub fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match self.all(name).first() {
            Some((_, Value::Document(document))) => {
                let malformed = |error: serde_json::Error| CalibrationError::Malformed {
                    dataset: name.to_owned(),
                    reason: error.to_string(),
                };
                Ok(Some(T::deserialize(document).map_err(malformed)?))
            }
            Some((_, other)) => Err(mismatch(name, other, StorageClass::Document)),
            None => Ok(None),
        }
    }

    /// The point-spread function of a connection.
    pub fn psf(&self, name: &str) -> Result<&MeasuredPsf> {
        match self.all(name).first() {
            Some((_, Value::Psf(psf))) => Ok(psf),
            Some((_, other)) => Err(mismatch(name, other, StorageClass::Psf)),
            None => Err(missing(name)),
        }
    }
}

fn mismatch(name: &str, value: &Value, wanted: StorageClass) -> crate::Error {
    let (found, wanted) = (value.storage_class().name(), wanted.name());
    ButlerError::StorageClass { name: name.to_owned(), found, wanted }.into()
}

fn missing(name: &str) -> crate::Error {
    ButlerError::NoDataset {
        dataset_type: name.to_owned(),
        data_id: String::new(),
        collections: "the inputs of the quantum".to_owned(),
    }
    .into()
}

/// What a quantum makes.
#[derive(Debug, Default)]
pub struct Outputs {
    /// By name of the connection; the data id is that of the dataset, and for an output that is not
    /// multiple that of the quantum.
    pub datasets: Vec<(&'static str, Option<DataId>, Value)>,
    /// What there is to say, a line each.
    pub log: Vec<String>,
}

impl Outputs {
    /// Add the output of a connection that has one.
    pub fn push(&mut self, name: &'static str, value: Value) {
        self.datasets.push((name, None, value));
    }

    /// Add one of the outputs of a connection.
    pub fn push_at(&mut self, name: &'static str, data_id: DataId, value: Value) {
        self.datasets.push((name, Some(data_id), value));
    }
}
