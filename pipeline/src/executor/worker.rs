//! One quantum: inputs loaded, task run, outputs written, everything recorded at once.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use almagest_ingest::ErrorKind;
use almagest_storage::CatalogStore;
use sha2::{Digest, Sha256};

use super::prepare::{CODE_VERSION, Prepared};
use super::resources::PeakMemory;
use super::{ExecuteOptions, ExecutorError, Outcome};
use crate::butler::{
    Attempt, Butler, ButlerError, DatasetRef, NewDataset, QuantumRow, QuantumStatus, Value,
};
use crate::connections::{Inputs, Outputs};
use crate::error::{Error, Result};
use crate::graph::{Graph, Quantum};
use crate::tasks::{Receipt, Work};

/// A quantum with the datasets that it reads.
pub(super) struct Job {
    pub quantum: usize,
    pub inputs: Vec<(&'static str, Vec<DatasetRef>)>,
    /// Memory that it is expected to take.
    pub bytes: u64,
}

/// What became of a job.
pub(super) struct Done {
    pub quantum: usize,
    pub bytes: u64,
    pub outcome: Outcome,
    pub outputs: Vec<DatasetRef>,
    pub receipt: Option<Receipt>,
    pub error: Option<Error>,
}

/// What all workers share.
#[derive(Clone, Copy)]
pub(super) struct Worker<'a> {
    pub butler: &'a Butler,
    pub store: &'a CatalogStore,
    pub graph: &'a Graph,
    pub prepared: &'a Prepared,
    pub options: &'a ExecuteOptions,
    pub memory: &'a PeakMemory,
}

impl Worker<'_> {
    pub fn perform(&self, job: &Job) -> Done {
        let (outcome, outputs, receipt, error) = match self.execute(job) {
            Ok((outcome, outputs, receipt)) => (outcome, outputs, receipt, None),
            Err(error) => {
                let outcome = Outcome::Failed { error: one_line(&error) };
                (outcome, vec![], None, Some(error))
            }
        };
        Done { quantum: job.quantum, bytes: job.bytes, outcome, outputs, receipt, error }
    }

    fn execute(&self, job: &Job) -> Result<(Outcome, Vec<DatasetRef>, Option<Receipt>)> {
        let registry = self.butler.registry();
        let quantum = &self.graph.quanta[job.quantum];
        let task = &self.graph.pipeline.tasks[quantum.task];
        let fingerprint = self.fingerprint(quantum, job);
        let key = (task.label.clone(), quantum.data_id.clone());
        if let Some(recorded) = self.prepared.recorded.get(&key)
            && recorded.status == QuantumStatus::Successful
        {
            if recorded.fingerprint.as_ref() == Some(&fingerprint) {
                let outputs = registry.outputs_of(recorded.number)?;
                for output in &outputs {
                    self.butler.path(output)?;
                }
                return Ok((Outcome::Skipped, outputs, None));
            }
            // Other quanta of the run may have succeeded since, and given it more to read.
            if recorded.code_version != CODE_VERSION || !self.is_of_same_origin(recorded, job)? {
                return Err(ExecutorError::OtherInputs.into());
            }
        }
        let is_pure = matches!(self.prepared.works[quantum.task], Work::Pure(_));
        if self.options.reuse
            && is_pure
            && let Some(outputs) = self.take_over(quantum, job, &fingerprint)
        {
            return Ok((Outcome::Reused, outputs, None));
        }
        let mut tries = 0;
        loop {
            let begun = registry.begin_quantum(
                &self.graph.run,
                (&task.label, task.kind.name),
                &quantum.data_id,
                (&fingerprint, CODE_VERSION),
            )?;
            match self.attempt(quantum, job, begun, &fingerprint) {
                Ok(receipt) => {
                    return Ok((Outcome::Successful, registry.outputs_of(begun.0)?, receipt));
                }
                Err(error) if tries < self.options.retries && may_pass(&error) => tries += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Run the task once, and record what came of it.
    fn attempt(
        &self,
        quantum: &Quantum,
        job: &Job,
        (number, attempt): (i64, i64),
        fingerprint: &str,
    ) -> Result<Option<Receipt>> {
        let begin = Instant::now();
        self.memory.begin(number as u64);
        let made = catch_unwind(AssertUnwindSafe(|| self.run(quantum, job, fingerprint)));
        let peak_memory_bytes = self.memory.end(number as u64);
        let made = made.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a bug");
            Err(ExecutorError::Panicked { message: text.to_owned() }.into())
        });
        let ended = |log: Vec<String>, error: Option<String>| Attempt {
            number: attempt,
            status: String::new(),
            started_at: String::new(),
            seconds: Some(begin.elapsed().as_secs_f64()),
            peak_memory_bytes,
            log: log.join("\n"),
            error,
        };
        let (outputs, log, receipt) = match made {
            Ok(made) => made,
            Err(error) => {
                let failed = ended(read_by(job), Some(one_line(&error)));
                // Where this cannot be recorded either, the first error says more.
                if let Err(unrecorded) = self.butler.registry().fail_quantum(number, &failed) {
                    tracing::warn!("a failed quantum was not recorded: {unrecorded}");
                }
                return Err(error);
            }
        };
        let registry = self.butler.registry();
        let before = registry.outputs_of(number)?;
        let (run, inputs, ended) = (&self.graph.run, inputs_of(job), ended(log, None));
        registry.complete_quantum(run, number, &ended, &inputs, &outputs)?;
        for old in before {
            if outputs.iter().all(|output| output.file.path != old.path) {
                self.butler.datastore().remove(&old.path, old.size_bytes)?;
            }
        }
        Ok(receipt)
    }

    fn run(
        &self,
        quantum: &Quantum,
        job: &Job,
        fingerprint: &str,
    ) -> Result<(Vec<NewDataset>, Vec<String>, Option<Receipt>)> {
        let mut inputs = Inputs::default();
        for (name, datasets) in &job.inputs {
            let values = datasets
                .iter()
                .map(|dataset| Ok((dataset.clone(), self.butler.get(dataset)?)))
                .collect::<Result<Vec<(DatasetRef, Value)>>>()?;
            inputs.insert(name, values);
        }
        let (made, receipt) = match &self.prepared.works[quantum.task] {
            Work::Pure(task) => (task.run(inputs)?, None),
            Work::Load(task) => {
                let key = format!("{} {fingerprint}", self.graph.run);
                let (made, receipt) = task.run(&inputs, self.store, &key)?;
                (made, Some(receipt))
            }
        };
        let outputs = self.write(quantum, &made)?;
        Ok((outputs, made.log, receipt))
    }

    /// Write the outputs into the datastore, where nobody knows of them yet.
    fn write(&self, quantum: &Quantum, made: &Outputs) -> Result<Vec<NewDataset>> {
        let mut written = vec![];
        let mut named = HashSet::new();
        for (name, data_id, value) in &made.datasets {
            let predicted = quantum.outputs.iter().find(|predicted| {
                predicted.connection == *name
                    && data_id.as_ref().is_none_or(|data_id| *data_id == predicted.data_id)
            });
            let Some(predicted) = predicted else {
                return Err(ExecutorError::Unannounced { name: (*name).to_owned() }.into());
            };
            named.insert(*name);
            let (run, dataset_type) = (&self.graph.run, &predicted.dataset_type);
            written.push(self.butler.write(run, dataset_type, &predicted.data_id, value)?);
        }
        let task = &self.graph.pipeline.tasks[quantum.task];
        let needed = task.connections.outputs.iter().filter(|output| output.minimum > 0);
        if let Some(lacking) = needed.into_iter().find(|output| !named.contains(output.name)) {
            return Err(ExecutorError::NotMade { name: lacking.dataset_type.clone() }.into());
        }
        Ok(written)
    }

    /// Does a quantum read the same of what this run has not made itself as when it was recorded?
    fn is_of_same_origin(&self, recorded: &QuantumRow, job: &Job) -> Result<bool> {
        let given = |dataset: &&DatasetRef| dataset.run != self.graph.run;
        let before = self.butler.registry().inputs_of(recorded.number)?;
        let before: HashSet<i64> =
            before.iter().map(|(_, dataset)| dataset).filter(given).map(|d| d.number).collect();
        let now = job.inputs.iter().flat_map(|(_, datasets)| datasets).filter(given);
        Ok(before == now.map(|dataset| dataset.number).collect())
    }

    /// Take the outputs of an equal quantum of another run; nothing where there is none, or where
    /// its files are not what they were.
    fn take_over(
        &self,
        quantum: &Quantum,
        job: &Job,
        fingerprint: &str,
    ) -> Option<Vec<DatasetRef>> {
        let registry = self.butler.registry();
        let task = &self.graph.pipeline.tasks[quantum.task];
        let equal = registry.quanta_of_fingerprint(fingerprint).ok()?;
        let equal = equal.iter().find(|equal| equal.data_id == quantum.data_id)?;
        let outputs = registry.outputs_of(equal.number).ok()?;
        let run = &self.graph.run;
        let adopted: Vec<NewDataset> = outputs
            .iter()
            .map(|output| self.butler.adopt(run, output))
            .collect::<Result<_>>()
            .ok()?;
        let names = (task.label.as_str(), task.kind.name);
        let code = (fingerprint, CODE_VERSION);
        let (number, attempt) = registry.begin_quantum(run, names, &quantum.data_id, code).ok()?;
        let attempt = Attempt {
            number: attempt,
            status: String::new(),
            started_at: String::new(),
            seconds: Some(0.0),
            peak_memory_bytes: None,
            log: format!("outputs of {} taken over", equal.run),
            error: None,
        };
        registry.complete_quantum(run, number, &attempt, &inputs_of(job), &adopted).ok()?;
        registry.outputs_of(number).ok()
    }

    /// What decides a quantum's outputs, in one number.
    fn fingerprint(&self, quantum: &Quantum, job: &Job) -> String {
        let task = &self.graph.pipeline.tasks[quantum.task];
        let mut text = format!("{} {CODE_VERSION}\n", task.kind.name);
        text += &self.prepared.settings[quantum.task];
        for (name, datasets) in &job.inputs {
            for dataset in datasets {
                let instructions = dataset.instructions.as_deref().unwrap_or_default();
                text += &format!(
                    "{name} {} {} {} {instructions}\n",
                    dataset.dataset_type.name, dataset.data_id, dataset.checksum
                );
            }
        }
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a quantum read, as lines of its log.
fn read_by(job: &Job) -> Vec<String> {
    let line = |name: &str, dataset: &DatasetRef| {
        format!("read {name} ({}): {}", dataset.data_id, dataset.path.display())
    };
    let all =
        job.inputs.iter().flat_map(|(name, datasets)| datasets.iter().map(move |d| (name, d)));
    all.map(|(name, dataset)| line(name, dataset)).collect()
}

fn inputs_of(job: &Job) -> Vec<(String, i64)> {
    job.inputs
        .iter()
        .flat_map(|(name, datasets)| datasets.iter().map(|d| ((*name).to_owned(), d.number)))
        .collect()
}

/// May another attempt succeed?
fn may_pass(error: &Error) -> bool {
    match error {
        Error::Io { .. } | Error::Butler(ButlerError::Database { .. } | ButlerError::Io { .. }) => {
            true
        }
        Error::Ingest(error) => matches!(error.kind(), ErrorKind::Conflict),
        _ => false,
    }
}

fn one_line(error: &Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
