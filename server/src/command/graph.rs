//! `almagest graph`: what a pipeline would do, before it does it.

use std::io::{self, Write};

use almagest_pipeline::butler::Butler;
use almagest_storage::CatalogStore;

use super::Result;
use super::pipeline_arguments::PipelineArguments;

/// Show the quanta that a pipeline would run, and what waits for what.
#[derive(Debug, clap::Args)]
pub struct Graph {
    #[command(flatten)]
    pipeline: PipelineArguments,
    /// Write Graphviz's language, for `dot -Tsvg`.
    #[arg(long)]
    dot: bool,
    /// Run that would own what is made.
    #[arg(short, long, value_name = "RUN", default_value = "run")]
    output_run: String,
}

impl Graph {
    /// Build the graph and write it.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.pipeline.catalog)?;
        let butler = Butler::open(&store)?;
        let graph = self.pipeline.graph(&butler, &self.output_run)?;
        let text = if self.dot { graph.to_dot() } else { graph.to_text() };
        Ok(io::stdout().lock().write_all(text.as_bytes())?)
    }
}
