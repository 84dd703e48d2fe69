//! `almagest run`: a pipeline over datasets of a catalog.

use std::collections::BTreeMap;
use std::io::{self, Write};

use almagest_pipeline::butler::Butler;
use almagest_pipeline::executor::{Event, ExecuteOptions, Outcome, RunReport, dated_run, execute};
use almagest_storage::CatalogStore;

use super::pipeline_arguments::PipelineArguments;
use super::{CommandError, Result, progress};

/// Run a pipeline: every task on every dataset that fits, on all cores.
///
/// Images come first (`almagest butler ingest-raws`). What is made are datasets of a run; the task
/// `load` puts rows into the catalog, one transaction a visit. A run that was killed is resumed with
/// --skip-existing and the same --output-run.
#[derive(Debug, clap::Args)]
pub struct Run {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// Run that will own what is made; a new one, named after the time, if none is given.
    #[arg(short, long, value_name = "RUN")]
    output_run: Option<String>,
    /// Go on with a run that has outputs.
    #[arg(long, requires = "output_run")]
    skip_existing: bool,
    /// Take the outputs of other runs where task, settings and inputs are equal.
    #[arg(long)]
    reuse: bool,
    /// Begin nothing more after the first failure.
    #[arg(long)]
    fail_fast: bool,
    /// Quanta at a time; as many as there are cores, if not given.
    #[arg(short, long, value_name = "N")]
    jobs: Option<usize>,
    /// Further attempts after disk errors and conflicts.
    #[arg(long, default_value_t = 1, value_name = "N")]
    retries: u32,
    /// Memory that quanta may take together, MB; four fifths of what is free, if not given.
    #[arg(long, value_name = "MB")]
    memory: Option<u64>,
}

impl Run {
    /// Run the pipeline and say what became of it.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.pipeline.catalog)?;
        let butler = Butler::open(&store)?;
        let run = match &self.output_run {
            Some(run) => run.clone(),
            None => dated_run(&self.pipeline.pipeline),
        };
        let graph = self.pipeline.graph(&butler, &run)?;
        let mut out = io::stdout().lock();
        for reason in &graph.pruned {
            writeln!(out, "left out: {reason}")?;
        }
        if graph.quanta.is_empty() {
            return Err(CommandError::Refused("there is nothing to run".to_owned()));
        }
        let defaults = ExecuteOptions::default();
        let options = ExecuteOptions {
            jobs: self.jobs.unwrap_or(defaults.jobs),
            skip_existing: self.skip_existing,
            reuse: self.reuse,
            fail_fast: self.fail_fast,
            retries: self.retries,
            memory_bytes: self.memory.map_or(defaults.memory_bytes, |mb| mb << 20),
        };
        let bar = progress::steps(graph.quanta.len() as u64, "quanta");
        let report = execute(&butler, &store, &graph, &options, &mut |event| match event {
            Event::Begun { .. } => {}
            Event::Started { quantum } => bar.set_message(graph.name(quantum)),
            Event::Ended { quantum, outcome, .. } => {
                bar.inc(1);
                if let Outcome::Failed { error } = outcome {
                    bar.println(format!("{} failed: {error}", graph.name(quantum)));
                }
            }
        });
        bar.finish_and_clear();
        say(&report?, &mut out)
    }
}

/// Rows by table.
fn counts(rows: &BTreeMap<String, u64>) -> String {
    let counts: Vec<String> = rows.iter().map(|(table, rows)| format!("{rows} {table}")).collect();
    counts.join(", ")
}

/// Say what became of a run; an error where not all of it succeeded.
fn say(report: &RunReport, out: &mut impl Write) -> Result<()> {
    for line in report.failures() {
        writeln!(out, "{line}")?;
    }
    for receipt in &report.receipts {
        if let Some(version) = receipt.version {
            write!(out, "visit {}: version {version}: {}", receipt.visit, counts(&receipt.rows))?;
            match receipt.removed.is_empty() {
                true => writeln!(out)?,
                false => writeln!(out, " in the place of {}", counts(&receipt.removed))?,
            }
        }
    }
    match report.receipts.iter().filter(|receipt| receipt.version.is_none()).count() {
        0 => {}
        1 => writeln!(out, "1 visit: the catalog has its rows as they are")?,
        n => writeln!(out, "{n} visits: the catalog has their rows as they are")?,
    }
    writeln!(out, "{}", report.summary())?;
    let n_bad = report.count(|outcome| !outcome.is_success());
    match n_bad {
        0 => Ok(()),
        n_bad => {
            let n_all = report.outcomes.len();
            Err(CommandError::Refused(format!("{n_bad} of {n_all} quanta did not succeed")))
        }
    }
}
