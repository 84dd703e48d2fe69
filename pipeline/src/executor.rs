//! The executor: quanta on all cores, in any order that the graph allows, killed and resumed.
//!
//! ```text
//!              ready quanta ─▶ worker ─▶ outputs in the datastore ─┐
//!   graph ─▶ coordinator       worker                              ├─▶ one transaction:
//!                 ▲            …                                   │   outputs, inputs, status
//!                 └──────────── outcome ◀──────────────────────────┘
//! ```
//!
//! - A quantum's outputs and its success are recorded in one transaction: whoever is killed leaves
//!   whole quanta, and resuming runs the others.
//! - A quantum whose code, configuration and inputs are those of one that succeeded before (its
//!   *fingerprint*) need not run: in the same run it is skipped, from another its outputs are taken.
//! - What fails costs its own quantum, and those that cannot be without it; the others finish,
//!   unless the first failure is to end the run.
//! - What succeeds at a later attempt gives others of the run more to read: those are made anew.
//! - A quantum begins when as much memory as it is expected to take is left.

mod coordinator;
mod prepare;
mod resources;
mod worker;

pub(crate) use prepare::config_type;
pub use prepare::{CODE_VERSION, dated_run};
pub use resources::available_memory_bytes;

use almagest_storage::CatalogStore;

use crate::butler::Butler;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::tasks::Receipt;

/// How a graph is executed.
#[derive(Debug, Clone)]
pub struct ExecuteOptions {
    /// Quanta at a time.
    pub jobs: usize,
    /// Go on with a run that has outputs.
    pub skip_existing: bool,
    /// Take the outputs of equal quanta of other runs.
    pub reuse: bool,
    /// Begin nothing more after the first failure.
    pub fail_fast: bool,
    /// Further attempts where another may succeed: disk and database errors, conflicts.
    pub retries: u32,
    /// Memory that quanta may be expected to take together.
    pub memory_bytes: u64,
}

impl Default for ExecuteOptions {
    fn default() -> Self {
        Self {
            jobs: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            skip_existing: false,
            reuse: false,
            fail_fast: false,
            retries: 1,
            memory_bytes: available_memory_bytes(),
        }
    }
}

/// What became of a quantum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has made its outputs.
    Successful,
    /// It had made them before.
    Skipped,
    /// An equal quantum of another run had made them.
    Reused,
    /// It has made nothing.
    Failed {
        /// Why.
        error: String,
    },
    /// What it needs was not made.
    Blocked {
        /// What.
        reason: String,
    },
    /// The run ended before.
    NotRun,
}

impl Outcome {
    /// Are its outputs there?
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Successful | Self::Skipped | Self::Reused)
    }
}

/// What happens, for whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// So many quanta are to be executed.
    Begun {
        /// Their number.
        n_quanta: usize,
    },
    /// A quantum begins.
    Started {
        /// Its index in the graph.
        quantum: usize,
    },
    /// A quantum has ended.
    Ended {
        /// Its index in the graph.
        quantum: usize,
        /// How.
        outcome: &'a Outcome,
        /// Of a load: what it did.
        receipt: Option<&'a Receipt>,
    },
}

/// What was done.
#[derive(Debug, Default)]
pub struct RunReport {
    /// The run.
    pub run: String,
    /// What became of each quantum, in the order of the graph.
    pub outcomes: Vec<Outcome>,
    /// Names of the quanta.
    pub names: Vec<String>,
    /// What the loads that ran have done.
    pub receipts: Vec<Receipt>,
    /// The first failure.
    pub first_error: Option<Error>,
}

impl RunReport {
    /// Number of quanta with an outcome of which `test` holds.
    pub fn count(&self, test: impl Fn(&Outcome) -> bool) -> usize {
        self.outcomes.iter().filter(|outcome| test(outcome)).count()
    }

    /// A line for each quantum that failed or could not run, with the reason.
    pub fn failures(&self) -> Vec<String> {
        let line = |(name, outcome): (&String, &Outcome)| match outcome {
            Outcome::Failed { error } => Some(format!("{name} failed: {error}")),
            Outcome::Blocked { reason } => Some(format!("{name} could not run: {reason}")),
            _ => None,
        };
        self.names.iter().zip(&self.outcomes).filter_map(line).collect()
    }

    /// One line: how many of each outcome.
    pub fn summary(&self) -> String {
        let counts = [
            ("run", self.count(|outcome| *outcome == Outcome::Successful)),
            ("skipped", self.count(|outcome| *outcome == Outcome::Skipped)),
            ("reused", self.count(|outcome| *outcome == Outcome::Reused)),
            ("failed", self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))),
            ("blocked", self.count(|outcome| matches!(outcome, Outcome::Blocked { .. }))),
            ("not begun", self.count(|outcome| *outcome == Outcome::NotRun)),
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} {name}"))
            .collect();
        format!("{}: {} quanta: {}", self.run, self.outcomes.len(), parts.join(", "))
    }
}

/// Why a run cannot be, or a quantum failed in its frame.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecutorError {
    /// The run has outputs, and nobody said to go on with it.
    #[error(
        "run {run} has {n_quanta} quanta already; --skip-existing goes on with it, another name begins anew"
    )]
    RunExists {
        /// The run.
        run: String,
        /// Its quanta.
        n_quanta: usize,
    },
    /// The run was made with other settings.
    #[error(
        "run {run} was made with another configuration of {label}; give the new run another name"
    )]
    OtherConfiguration {
        /// The run.
        run: String,
        /// Label of the task.
        label: String,
    },
    /// A quantum of the run was made from something else.
    #[error(
        "the run holds it made from other images or calibrations, or by other code; give the new run another name"
    )]
    OtherInputs,
    /// A task made what it did not announce.
    #[error("the task made {name}, which it does not announce")]
    Unannounced {
        /// The connection.
        name: String,
    },
    /// A task did not make what it announced.
    #[error("the task did not make {name}")]
    NotMade {
        /// The dataset type.
        name: String,
    },
    /// A bug in a task.
    #[error("the task broke off: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
}

/// Execute a graph.
///
/// Failures of quanta are in the report; `watch` is called on this thread.
///
/// # Errors
/// What keeps the run from beginning: outputs or settings of another kind in the run, another
/// process at work in it, the registry.
pub fn execute(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
    options: &ExecuteOptions,
    watch: &mut dyn FnMut(Event<'_>),
) -> Result<RunReport> {
    let prepared = prepare::prepare(butler, store, graph, options)?;
    coordinator::coordinate(butler, store, graph, &prepared, options, watch)
}
