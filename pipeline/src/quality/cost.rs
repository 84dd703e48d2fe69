//! What the quanta took, and which of them made nothing.
//!
//! Times are of the last attempt at a quantum; those whose outputs were taken over from another run took
//! none and do not count. A quantum that failed counts as long as no later one of the same task and data
//! id has succeeded.

use std::collections::{BTreeMap, HashMap, HashSet};

use almagest_storage::CatalogStore;
use arrow::array::Array;

use super::metric::{Measure, Metric, Scope};
use super::observations::Observations;
use super::requirement;
use crate::butler::{Butler, DataId, Dimension};
use crate::error::Result;
use crate::statistics::{median, quantile};
use crate::tasks::columns::{integers, number, numbers, texts};

/// What the quanta of a task took.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskCost {
    /// Label of the task.
    pub label: String,
    /// Does it work on one image at a time?
    pub is_of_images: bool,
    /// Seconds of each quantum that ran.
    pub seconds: Vec<f64>,
    /// Largest memory of the process up to the end of one of them, bytes; NaN where not known.
    pub peak_memory_bytes: f64,
}

impl TaskCost {
    /// Quantile of the seconds.
    pub fn seconds_at(&self, q: f64) -> f64 {
        quantile(&mut self.seconds.clone(), q)
    }
}

/// A quantum that made nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Label of the task.
    pub label: String,
    /// Data id.
    pub data_id: String,
    /// The run.
    pub run: String,
    /// `failed`, `blocked`, or `running` where its process was killed.
    pub status: String,
    /// Why, in one line.
    pub reason: String,
}

/// What is known of the quanta.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Costs {
    /// By task, in the order in which they first ran.
    pub tasks: Vec<TaskCost>,
    /// Quanta that made nothing.
    pub failures: Vec<Failure>,
    /// Quanta in all.
    pub n_quanta: usize,
}

/// A row of the registry's table of attempts: the last at its quantum.
struct LastAttempt {
    number: i64,
    seconds: f64,
    peak_memory_bytes: f64,
    error: String,
}

impl Costs {
    /// Read what the butler has recorded of the quanta of these visits, and of those of none.
    ///
    /// # Errors
    /// Those of the registry.
    pub fn read(store: &CatalogStore, observations: &Observations, is_all: bool) -> Result<Self> {
        if !store.butler_path().is_file() {
            return Ok(Self::default());
        }
        let butler = Butler::open(store)?;
        let registry = butler.registry();
        let runs = registry.table_rows("collection")?;
        let runs: HashMap<i64, String> = integers(&runs, "collection_id")?
            .values()
            .iter()
            .copied()
            .zip(texts(&runs, "name")?)
            .collect();
        let attempts = last_attempts(&registry.table_rows("attempt")?)?;
        let rows = registry.table_rows("quantum")?;
        let (ids, run_ids) = (integers(&rows, "quantum_id")?, integers(&rows, "run_id")?);
        let column = |name| texts(&rows, name);
        let (labels, data_ids) = (column("task_label")?, column("data_id")?);
        let statuses = column("status")?;
        let visits: HashSet<i64> = observations.visits.iter().map(|v| v.visit).collect();
        let mut order: Vec<usize> = (0..rows.num_rows()).collect();
        order.sort_by_key(|row| ids.value(*row));
        let mut costs = Self::default();
        let mut failures: BTreeMap<(&str, &str), Failure> = BTreeMap::new();
        for row in order {
            let (label, text) = (labels[row].as_str(), data_ids[row].as_str());
            let data_id = DataId::parse(text).unwrap_or_else(|_| DataId::empty());
            let visit = data_id.integer(Dimension::Visit);
            if !is_all && visit.is_some_and(|visit| !visits.contains(&visit)) {
                continue;
            }
            costs.n_quanta += 1;
            let attempt = attempts.get(&ids.value(row));
            if statuses[row] == "successful" {
                failures.remove(&(label, text));
                if let Some(attempt) = attempt.filter(|attempt| attempt.seconds > 0.0) {
                    let is_of_images =
                        visit.is_some() && data_id.integer(Dimension::Detector).is_some();
                    costs.add(label, is_of_images, attempt);
                }
            } else {
                let status = statuses[row].clone();
                let reason = match (attempt.map(|a| a.error.as_str()), status.as_str()) {
                    (Some(error), _) if !error.is_empty() => error.to_owned(),
                    (_, "blocked") => "what it needs was not made".to_owned(),
                    _ => "its process ended before it did".to_owned(),
                };
                let run = runs.get(&run_ids.value(row)).cloned().unwrap_or_default();
                let (label, data_id) = (label.to_owned(), text.to_owned());
                let failure = Failure { label, data_id, run, status, reason };
                failures.insert((labels[row].as_str(), text), failure);
            }
        }
        costs.failures = failures.into_values().collect();
        // Causes before what they have blocked.
        costs.failures.sort_by_key(|failure| failure.status == "blocked");
        Ok(costs)
    }

    fn add(&mut self, label: &str, is_of_images: bool, attempt: &LastAttempt) {
        let task = match self.tasks.iter().position(|task| task.label == label) {
            Some(known) => &mut self.tasks[known],
            None => {
                self.tasks.push(TaskCost {
                    label: label.to_owned(),
                    is_of_images,
                    seconds: vec![],
                    peak_memory_bytes: f64::NAN,
                });
                let last = self.tasks.len() - 1;
                &mut self.tasks[last]
            }
        };
        task.seconds.push(attempt.seconds);
        task.peak_memory_bytes = task.peak_memory_bytes.max(attempt.peak_memory_bytes);
    }
}

fn last_attempts(rows: &arrow::array::RecordBatch) -> Result<HashMap<i64, LastAttempt>> {
    let (ids, numbers_of) = (integers(rows, "quantum_id")?, integers(rows, "attempt")?);
    let (seconds, memory) = (numbers(rows, "seconds")?, numbers(rows, "peak_memory_bytes")?);
    let errors = texts(rows, "error")?;
    let mut last: HashMap<i64, LastAttempt> = HashMap::new();
    for (row, error) in errors.into_iter().enumerate().filter(|(row, _)| ids.is_valid(*row)) {
        let attempt = LastAttempt {
            number: numbers_of.value(row),
            seconds: number(&seconds, row),
            peak_memory_bytes: number(&memory, row),
            error,
        };
        let is_newer = |known: &LastAttempt| known.number < attempt.number;
        if last.get(&ids.value(row)).is_none_or(is_newer) {
            last.insert(ids.value(row), attempt);
        }
    }
    Ok(last)
}

/// Failures, times and memory.
pub fn metrics(observations: &Observations, costs: &Costs) -> Vec<Metric> {
    let all = |requirement, measure| Metric::new(requirement, Scope::default(), measure);
    if costs.n_quanta == 0 {
        let nothing = || Measure::nothing("no quantum is recorded", 0);
        return vec![
            all(requirement::failed_quanta(), nothing()),
            all(requirement::pipeline_time(), nothing()),
            all(requirement::peak_memory(), nothing()),
        ];
    }
    let failed = Measure::of(costs.failures.len() as f64, costs.n_quanta);
    let mut metrics = vec![all(requirement::failed_quanta(), failed)];
    let of_images = || costs.tasks.iter().filter(|task| task.is_of_images);
    let mut pixels: Vec<f64> =
        observations.images.iter().map(|image| image.size_px.0 * image.size_px.1).collect();
    let seconds: f64 = of_images().map(|task| task.seconds_at(0.5)).sum();
    let n = of_images().map(|task| task.seconds.len()).sum();
    let per_mpix = match n {
        0 => Measure::nothing("no task of images has run", 0),
        n => Measure::of(seconds / (1e-6 * median(&mut pixels)), n),
    };
    metrics.push(all(requirement::pipeline_time(), per_mpix));
    let peak = costs.tasks.iter().map(|task| task.peak_memory_bytes).fold(f64::NAN, f64::max);
    metrics.push(all(requirement::peak_memory(), Measure::of(1e-9 * peak, costs.n_quanta)));
    for task in &costs.tasks {
        let measure = Measure::of(task.seconds_at(0.5), task.seconds.len());
        metrics.push(all(requirement::task_time(&task.label), measure));
    }
    metrics
}
