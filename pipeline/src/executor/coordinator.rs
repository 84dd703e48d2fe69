//! Which quantum is next: dependencies, memory, failures.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use almagest_storage::CatalogStore;

use super::prepare::{CODE_VERSION, Prepared};
use super::resources::{Memory, PeakMemory, expected_bytes};
use super::worker::{Done, Job, Worker};
use super::{Event, ExecuteOptions, Outcome, RunReport};
use crate::butler::{Butler, DatasetRef};
use crate::error::Result;
use crate::graph::{Graph, InputDataset};

/// Execute the quanta of a prepared run.
pub(super) fn coordinate(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
    prepared: &Prepared,
    options: &ExecuteOptions,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<RunReport> {
    let memory = PeakMemory::default();
    let worker = Worker { butler, store, graph, prepared, options, memory: &memory };
    thread::scope(|scope| {
        // The sender of jobs lives in this closure: however it ends, the workers end too.
        let (jobs, waiting) = channel::<Job>();
        let (done, results) = channel::<Done>();
        let waiting = std::sync::Arc::new(Mutex::new(waiting));
        for _ in 0..options.jobs.clamp(1, graph.quanta.len().max(1)) {
            let (waiting, done) = (waiting.clone(), done.clone());
            scope.spawn(move || work(&worker, &waiting, &done));
        }
        drop(done);
        Coordinator::new(worker).run(&jobs, &results, watch)
    })
}

fn work(worker: &Worker<'_>, waiting: &Mutex<Receiver<Job>>, done: &Sender<Done>) {
    loop {
        let job = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        if done.send(worker.perform(&job)).is_err() {
            return;
        }
    }
}

struct Coordinator<'a> {
    worker: Worker<'a>,
    outcomes: Vec<Option<Outcome>>,
    /// Quanta that each still waits for.
    n_before: Vec<usize>,
    /// Quanta that wait for each.
    later: Vec<Vec<usize>>,
    /// Those that wait for nothing.
    ready: BTreeSet<usize>,
    /// What each has made.
    made: HashMap<usize, Vec<DatasetRef>>,
    memory: Memory,
    n_running: usize,
    is_stopping: bool,
    report: RunReport,
}

impl<'a> Coordinator<'a> {
    fn new(worker: Worker<'a>) -> Self {
        let quanta = &worker.graph.quanta;
        let mut later = vec![vec![]; quanta.len()];
        let mut n_before = vec![0; quanta.len()];
        for (index, quantum) in quanta.iter().enumerate() {
            for &before in quantum.after.iter().chain(&quantum.follows) {
                later[before].push(index);
                n_before[index] += 1;
            }
        }
        let ready = (0..quanta.len()).filter(|&index| n_before[index] == 0).collect();
        let names = (0..quanta.len()).map(|index| worker.graph.name(index)).collect();
        Self {
            worker,
            outcomes: vec![None; quanta.len()],
            n_before,
            later,
            ready,
            made: HashMap::new(),
            memory: Memory::new(worker.options.memory_bytes),
            n_running: 0,
            is_stopping: false,
            report: RunReport { run: worker.graph.run.clone(), names, ..RunReport::default() },
        }
    }

    fn run(
        mut self,
        jobs: &Sender<Job>,
        results: &Receiver<Done>,
        watch: &mut dyn FnMut(Event<'_>),
    ) -> Result<RunReport> {
        watch(Event::Begun { n_quanta: self.outcomes.len() });
        loop {
            self.dispatch(jobs, watch);
            if self.n_running == 0 {
                break;
            }
            // Workers that are gone have sent what they had.
            let Ok(done) = results.recv() else { break };
            self.n_running -= 1;
            self.memory.give_back(done.bytes);
            if self.report.first_error.is_none() {
                self.report.first_error = done.error;
            }
            self.is_stopping |= self.worker.options.fail_fast && !done.outcome.is_success();
            self.made.insert(done.quantum, done.outputs);
            self.end(done.quantum, done.outcome, done.receipt.as_ref(), watch);
            self.report.receipts.extend(done.receipt);
        }
        self.report.outcomes =
            self.outcomes.into_iter().map(|outcome| outcome.unwrap_or(Outcome::NotRun)).collect();
        Ok(self.report)
    }

    /// Give the workers what can run now.
    fn dispatch(&mut self, jobs: &Sender<Job>, watch: &mut dyn FnMut(Event<'_>)) {
        while !self.is_stopping && self.n_running < self.worker.options.jobs.max(1) {
            let Some(quantum) = self.ready.first().copied() else { return };
            let inputs = match self.inputs(quantum) {
                Ok(inputs) => inputs,
                Err(reason) => {
                    self.ready.remove(&quantum);
                    // A registry that cannot be written, as on a full disk, ends no report.
                    if let Err(error) = self.block(quantum) {
                        self.report.first_error.get_or_insert(error);
                    }
                    self.end(quantum, Outcome::Blocked { reason }, None, watch);
                    continue;
                }
            };
            let graph = self.worker.graph;
            let task = &graph.pipeline.tasks[graph.quanta[quantum].task];
            let bytes = expected_bytes(task, &inputs);
            if !self.memory.take(bytes) {
                return;
            }
            self.ready.remove(&quantum);
            self.n_running += 1;
            watch(Event::Started { quantum });
            if jobs.send(Job { quantum, inputs, bytes }).is_err() {
                return;
            }
        }
    }

    fn end(
        &mut self,
        quantum: usize,
        outcome: Outcome,
        receipt: Option<&crate::tasks::Receipt>,
        watch: &mut dyn FnMut(Event<'_>),
    ) {
        for &later in &self.later[quantum] {
            self.n_before[later] -= 1;
            if self.n_before[later] == 0 {
                self.ready.insert(later);
            }
        }
        watch(Event::Ended { quantum, outcome: &outcome, receipt });
        self.outcomes[quantum] = Some(outcome);
    }

    fn block(&self, quantum: usize) -> Result<()> {
        let graph = self.worker.graph;
        let quantum = &graph.quanta[quantum];
        let task = &graph.pipeline.tasks[quantum.task];
        self.worker.butler.registry().block_quantum(
            &graph.run,
            (&task.label, task.kind.name),
            &quantum.data_id,
            CODE_VERSION,
        )
    }

    /// The datasets that a quantum reads, or why it cannot run.
    fn inputs(&self, index: usize) -> Result<Vec<(&'static str, Vec<DatasetRef>)>, String> {
        let graph = self.worker.graph;
        let quantum = &graph.quanta[index];
        let is_done =
            |before: usize| self.outcomes[before].as_ref().is_some_and(Outcome::is_success);
        let mut inputs = vec![];
        for input in &quantum.inputs {
            let mut datasets = vec![];
            let mut lacking = None;
            for dataset in &input.datasets {
                match dataset {
                    InputDataset::Existing(dataset) => datasets.push(dataset.clone()),
                    InputDataset::History(dataset_type) => {
                        datasets
                            .extend(self.worker.prepared.history.get(&dataset_type.name).cloned());
                    }
                    InputDataset::Made { by, dataset_type, data_id } => {
                        let made = self.made.get(by).map_or(&[] as &[_], Vec::as_slice);
                        let found = made.iter().find(|made| {
                            made.dataset_type.name == *dataset_type && made.data_id == *data_id
                        });
                        match found {
                            Some(found) => datasets.push(found.clone()),
                            None => lacking = Some(*by),
                        }
                    }
                }
            }
            // What is optional may be absent, but not because its maker failed.
            let failed = lacking.filter(|by| !input.is_multiple && !is_done(*by));
            if datasets.len() < input.minimum || failed.is_some() {
                let why = |by| format!(": {} did not make it", graph.name(by));
                let why = lacking.map_or(String::new(), why);
                return Err(format!("no {}{why}", input.connection));
            }
            inputs.push((input.connection, datasets));
        }
        Ok(inputs)
    }
}
