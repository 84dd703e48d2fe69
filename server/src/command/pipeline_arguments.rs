//! What `run` and `graph` are told alike: the pipeline, its settings, its images.

use std::path::PathBuf;

use almagest_pipeline::butler::Butler;
use almagest_pipeline::definition::Pipeline;
use almagest_pipeline::expression::Expression;
use almagest_pipeline::graph::{Graph, GraphRequest, build};

use super::Result;

/// A pipeline over datasets of a catalog.
#[derive(Debug, clap::Args)]
pub struct PipelineArguments {
    /// Folder of the catalog.
    pub catalog: PathBuf,
    /// Pipeline file, or one of the program: `calibration` (calibration frames to calibrations), `isr` (raw
    /// frames to images), `process` (images to rows), `survey` (raw frames to rows). FILE#SUBSET takes some
    /// of its tasks.
    pub pipeline: String,
    /// Which datasets, as "visit IN (1..10) AND detector = 3 AND band = 'r'" or
    /// "region OVERLAPS CIRCLE(150.1, 2.2, 0.5)".
    #[arg(short = 'd', long, value_name = "CONDITION")]
    pub data_query: Option<String>,
    /// A setting, as characterize.detection.threshold=6; may be given several times.
    #[arg(short = 'c', long = "config", value_name = "TASK.KEY=VALUE")]
    pub config: Vec<String>,
    /// A YAML file of settings, by task.
    #[arg(short = 'C', long, value_name = "FILE")]
    pub config_file: Vec<PathBuf>,
    /// Collection with the inputs, in the order of search; may be a pattern.
    #[arg(short, long = "input", value_name = "COLLECTION", default_value = "images*")]
    pub inputs: Vec<String>,
}

impl PipelineArguments {
    /// Read the pipeline and build its graph into `run`.
    pub fn graph(&self, butler: &Butler, run: &str) -> Result<Graph> {
        let mut pipeline = Pipeline::read(&self.pipeline)?;
        for file in &self.config_file {
            pipeline.set_file(file)?;
        }
        for setting in &self.config {
            pipeline.set(setting)?;
        }
        let condition = condition(self.data_query.as_deref())?;
        let inputs: Vec<&str> = self.inputs.iter().map(String::as_str).collect();
        let request = GraphRequest { inputs: &inputs, condition: condition.as_ref(), run };
        Ok(build(butler, &pipeline, &request)?)
    }
}

/// Read a condition.
pub fn condition(text: Option<&str>) -> Result<Option<Expression>> {
    let parse =
        |text| Expression::parse(text).map_err(almagest_pipeline::butler::ButlerError::from);
    let parsed = text.map(parse).transpose();
    Ok(parsed.map_err(almagest_pipeline::Error::from)?)
}
