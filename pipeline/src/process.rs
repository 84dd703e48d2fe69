//! Images to catalog: the built-in pipeline over the frames that a person names.
//!
//! ```text
//!   frames ─▶ butler ─▶ graph ─▶ characterize ─▶ associate ─▶ force ─▶ assemble ─▶ load
//! ```
//!
//! The run is named after the images and the configuration: the same call again goes on with the
//! same run, another one takes over what is equal, and puts what it makes otherwise in the place of
//! what the catalog had. Every image is measured before the first load, so that an image which cannot be
//! understood leaves the catalog's rows as they were.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use almagest_storage::CatalogStore;
use almagest_storage::checksum::sha256_of_file;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::association::AssociationConfig;
use crate::butler::{
    Butler, CollectionKind, DataId, DatasetType, DimensionSet, FrameIngest, StorageClass, Transfer,
    Value,
};
use crate::camera::{FrameFiles, FrameOptions, find_frames, read_visits, refuse_conflicts};
use crate::characterize::{CharacterizeConfig, CharacterizeTask};
use crate::connections::PipelineTask;
use crate::definition::Pipeline;
use crate::error::{Error, Result};
use crate::executor::{CODE_VERSION, Event, ExecuteOptions, Outcome, RunReport, execute};
use crate::forced_photometry::ForcedConfig;
use crate::graph::{Graph, GraphRequest, InputDataset, build};
use crate::tasks::{AssociateConfig, LoadTask};

/// The chain of all runs of this kind, the newest first.
pub const CHAIN: &str = "process";

/// How images are processed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProcessConfig {
    /// Characterisation of single exposures.
    pub characterize: CharacterizeConfig,
    /// Association of sources into objects.
    pub association: AssociationConfig,
    /// Forced photometry.
    pub forced: ForcedConfig,
    /// A file of stars that give a zero point to images without one; see
    /// [`ReferenceCatalog`](crate::reference_catalog::ReferenceCatalog).
    pub reference: Option<PathBuf>,
    /// Sources that make an object, where that many exposures cover the place.
    pub min_sources: usize,
}

impl Default for ProcessConfig {
    fn default() -> Self {
        let associate = AssociateConfig::default();
        Self {
            characterize: CharacterizeConfig::default(),
            association: associate.association,
            forced: ForcedConfig::default(),
            reference: None,
            min_sources: associate.min_sources,
        }
    }
}

/// What processing does at the moment, for whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// So many images will be read and measured.
    Begun {
        /// Their number.
        n_frames: usize,
    },
    /// An image has been read and measured.
    Measured {
        /// Its file.
        image: PathBuf,
    },
    /// So many visits will be committed.
    Committing {
        /// Their number.
        n_visits: usize,
    },
    /// A visit has been committed.
    Committed {
        /// The visit.
        visit: i64,
    },
}

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessReport {
    /// The catalog's version afterwards.
    pub version: u64,
    /// Visits that were committed.
    pub n_visits: usize,
    /// Visits that the catalog held already.
    pub n_visits_known: usize,
    /// New sources.
    pub n_sources: usize,
    /// New objects.
    pub n_objects: usize,
    /// New forced measurements.
    pub n_forced_sources: usize,
    /// What had to be assumed, one line for each assumption.
    pub warnings: Vec<String>,
}

/// Process the images at `paths` (files, or folders that are searched) into the catalog.
///
/// # Errors
/// Images that cannot be read or understood; two frames of one visit and detector, be it within
/// `paths` or between `paths` and the catalog; refusals of the ingest. Before the first commit the
/// catalog's rows are as they were; later, whole visits are committed.
pub fn process(
    store: &CatalogStore,
    paths: &[PathBuf],
    facts: &FrameOptions,
    config: &ProcessConfig,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<ProcessReport> {
    let frames = find_frames(paths)?;
    if frames.is_empty() {
        return Err(Error::NoFrames { paths: paths.to_vec() });
    }
    let checksums: Vec<String> =
        frames.par_iter().map(|frame| checksum(&frame.image)).collect::<Result<_>>()?;
    let mut pipeline = Pipeline::process()?;
    pipeline.configure(CharacterizeTask::NAME, &config.characterize)?;
    pipeline.configure("force", &config.forced)?;
    let (association, min_sources) = (config.association.clone(), config.min_sources);
    pipeline.configure("associate", &AssociateConfig { association, min_sources })?;

    let butler = Butler::open(store)?;
    let images = format!("images/{}", short_hash(&[&checksums.concat(), &format!("{facts:?}")]));
    let reference = config.reference.as_deref().map(reference_run).transpose()?;
    let inputs: Vec<&str> =
        [Some(images.as_str()), reference.as_deref()].into_iter().flatten().collect();
    let settings: Vec<String> =
        pipeline.tasks.iter().map(|task| task.configuration.values()).collect();
    let settings = short_hash(&[&inputs[1..].concat(), &settings.concat(), CODE_VERSION]);
    let earlier = EarlierRuns::read(&butler, &settings)?;
    let run = earlier.name(&short_hash(&[&images]));
    let known = KnownImages::read(store)?;
    if let Some(n_visits_known) = known.visits_of(&checksums).filter(|_| earlier.all_alike()) {
        // Nothing to add: spare the measuring.
        let version = store.newest_version()?;
        return Ok(ProcessReport { version, n_visits_known, ..Default::default() });
    }
    refuse_claims(&frames, facts, &checksums, &known)?;
    let ingest = FrameIngest {
        run: &images,
        dataset_type: "visit_image",
        transfer: Transfer::InPlace,
        facts,
    };
    for frame in &frames {
        butler.ingest_frames(frame, &ingest)?;
    }
    if let (Some(path), Some(run)) = (&config.reference, &reference) {
        let dataset_type =
            DatasetType::new("reference_catalog", DimensionSet::EMPTY, StorageClass::Table);
        butler.ingest_table(run, &dataset_type, &DataId::empty(), path)?;
    }
    let request = GraphRequest { inputs: &inputs, condition: None, run: &run };
    let graph = build(&butler, &pipeline, &request)?;
    let options = ExecuteOptions {
        skip_existing: true,
        reuse: true,
        fail_fast: true,
        ..ExecuteOptions::default()
    };
    let mut tell = Teller { graph: &graph, watch, is_committing: false };
    let report = execute(&butler, store, &graph, &options, &mut |event| tell.tell(&event))?;
    put_first(&butler, &run)?;
    summarize(&butler, store, &graph, report)
}

/// Refuse two images of one visit and detector, among the frames and between them and the catalog.
fn refuse_claims(
    frames: &[FrameFiles],
    facts: &FrameOptions,
    checksums: &[String],
    known: &KnownImages,
) -> Result<()> {
    let visits =
        frames.par_iter().map(|frame| read_visits(frame, facts)).collect::<Result<Vec<_>>>()?;
    let mut claims = vec![];
    for ((frame, visits), checksum) in frames.iter().zip(&visits).zip(checksums) {
        for (visit, detector) in visits {
            let key = (visit.visit, i64::from(detector.id));
            if known.0.get(&key).is_some_and(|there| there != checksum) {
                let (path, visit) = (frame.image.clone(), visit.visit);
                return Err(Error::VisitExists { path, visit, detector: detector.id });
            }
            claims.push((visit.visit, detector.id, frame.image.as_path()));
        }
    }
    claims.sort_unstable_by_key(|claim| (claim.0, claim.1));
    refuse_conflicts(claims)
}

/// The run that has a file of reference stars.
fn reference_run(path: &Path) -> Result<String> {
    Ok(format!("reference/{}", short_hash(&[&checksum(path)?])))
}

/// The runs of this kind so far, the newest first, and the settings of the one to come.
struct EarlierRuns<'a> {
    runs: Vec<String>,
    settings: &'a str,
}

impl<'a> EarlierRuns<'a> {
    fn read(butler: &Butler, settings: &'a str) -> Result<Self> {
        let chains = butler.registry().collections(CHAIN)?.into_iter();
        let runs = chains.filter(|chain| chain.kind == CollectionKind::Chained);
        Ok(Self { runs: runs.flat_map(|chain| chain.children).collect(), settings })
    }

    fn is_alike(&self, run: &str) -> bool {
        run.starts_with(&format!("{CHAIN}/{}-", self.settings))
    }

    /// Had all of them these settings?
    fn all_alike(&self) -> bool {
        self.runs.iter().all(|run| self.is_alike(run))
    }

    /// The name of the run over some images: the same again, unless runs of other settings may have
    /// replaced its rows since.
    fn name(&self, images: &str) -> String {
        let name = format!("{CHAIN}/{}-{images}", self.settings);
        let is_replaced = |name: &String| {
            let since = self.runs.iter().take_while(|run| *run != name);
            self.runs.contains(name) && since.into_iter().any(|run| !self.is_alike(run))
        };
        let mut unique = name.clone();
        let mut number = 1;
        while is_replaced(&unique) {
            number += 1;
            unique = format!("{name}-{number}");
        }
        unique
    }
}

fn checksum(path: &Path) -> Result<String> {
    sha256_of_file(path).map_err(|source| Error::Io { path: path.to_owned(), source })
}

/// The first digits of the SHA-256 of texts: enough to name what lies in one catalog.
fn short_hash(texts: &[&str]) -> String {
    let digest = Sha256::digest(texts.join("\n"));
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Put a run at the head of the chain.
fn put_first(butler: &Butler, run: &str) -> Result<()> {
    let chains = butler.registry().collections(CHAIN)?;
    let before = chains.iter().filter(|chain| chain.kind == CollectionKind::Chained);
    let older = before.flat_map(|chain| &chain.children).filter(|child| *child != run);
    let children: Vec<&str> = std::iter::once(run).chain(older.map(String::as_str)).collect();
    butler.registry().set_chain(CHAIN, &children)
}

/// Says what the executor does in words of images and visits.
struct Teller<'a> {
    graph: &'a Graph,
    watch: &'a (dyn Fn(Progress) + Sync),
    is_committing: bool,
}

impl Teller<'_> {
    fn tell(&mut self, event: &Event<'_>) {
        let count = |task| {
            let tasks = &self.graph.pipeline.tasks;
            self.graph.quanta.iter().filter(|quantum| tasks[quantum.task].kind.name == task).count()
        };
        let task_of =
            |quantum: usize| self.graph.pipeline.tasks[self.graph.quanta[quantum].task].kind.name;
        match event {
            Event::Begun { .. } => {
                (self.watch)(Progress::Begun { n_frames: count(CharacterizeTask::NAME) });
            }
            Event::Started { quantum } => {
                if task_of(*quantum) == LoadTask::NAME && !self.is_committing {
                    self.is_committing = true;
                    (self.watch)(Progress::Committing { n_visits: count(LoadTask::NAME) });
                }
            }
            Event::Ended { quantum, outcome, receipt } if outcome.is_success() => {
                if task_of(*quantum) == CharacterizeTask::NAME {
                    (self.watch)(Progress::Measured { image: self.image(*quantum) });
                } else if let Some(receipt) = receipt.filter(|receipt| receipt.version.is_some()) {
                    (self.watch)(Progress::Committed { visit: receipt.visit });
                }
            }
            Event::Ended { .. } => {}
        }
    }

    fn image(&self, quantum: usize) -> PathBuf {
        let inputs = self.graph.quanta[quantum].inputs.iter().flat_map(|input| &input.datasets);
        let mut images = inputs.filter_map(|dataset| match dataset {
            InputDataset::Existing(dataset) => Some(dataset.path.clone()),
            _ => None,
        });
        images.next().unwrap_or_default()
    }
}

fn summarize(
    butler: &Butler,
    store: &CatalogStore,
    graph: &Graph,
    run: RunReport,
) -> Result<ProcessReport> {
    if let Some(error) = run.first_error {
        return Err(error);
    }
    let is_load = |task: usize| graph.pipeline.tasks[task].kind.name == LoadTask::NAME;
    let n_loads = graph.quanta.iter().filter(|quantum| is_load(quantum.task)).count();
    let committed = || run.receipts.iter().filter(|receipt| receipt.version.is_some());
    let n_rows = |table| committed().map(|receipt| receipt.n_rows(table)).sum();
    let n_visits = committed().count();
    debug_assert!(run.outcomes.iter().all(Outcome::is_success));
    Ok(ProcessReport {
        version: store.newest_version()?,
        n_visits,
        n_visits_known: n_loads - n_visits,
        n_sources: n_rows("Source"),
        n_objects: n_rows("Object"),
        n_forced_sources: n_rows("ForcedSource"),
        warnings: warnings(butler, graph)?,
    })
}

/// Name the assumptions that were made: those that differ in numbers only once, with a count.
fn warnings(butler: &Butler, graph: &Graph) -> Result<Vec<String>> {
    let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let summaries = graph.quanta.iter().flat_map(|quantum| &quantum.outputs);
    for output in summaries.filter(|output| output.connection == "image_summary") {
        let name = &output.dataset_type.name;
        let found = butler.registry().find_in_run(&graph.run, name, &output.data_id)?;
        let Some(dataset) = found else { continue };
        let Value::Document(summary) = butler.get(&dataset)? else { continue };
        let image = summary["image"].as_str().unwrap_or_default();
        for warning in summary["warnings"].as_array().into_iter().flatten() {
            let warning = warning.as_str().unwrap_or_default();
            let kind = warning.replace(|c: char| c.is_ascii_digit(), "");
            alike.entry(kind).or_default().push(format!("{image}: {warning}"));
        }
    }
    let line = |lines: Vec<String>| match lines.as_slice() {
        [line] => line.clone(),
        lines => format!("{} (and {} images alike)", lines[0], lines.len() - 1),
    };
    Ok(alike.into_values().map(line).collect())
}

/// The images whose rows the catalog holds: SHA-256 by visit and detector.
struct KnownImages(HashMap<(i64, i64), String>);

impl KnownImages {
    fn read(store: &CatalogStore) -> Result<Self> {
        let mut images = HashMap::new();
        let columns = ["visitId", "detector", "imageChecksum"];
        for batch in store.snapshot()?.read_region("VisitDetector", None, Some(&columns), None)? {
            let visits = batch.column(0).as_primitive::<Int64Type>();
            let detectors = batch.column(1).as_primitive::<Int64Type>();
            let checksums = batch.column(2).as_string::<i32>();
            for row in 0..batch.num_rows() {
                let key = (visits.value(row), detectors.value(row));
                images.insert(key, checksums.value(row).to_owned());
            }
        }
        Ok(Self(images))
    }

    /// Return the number of visits of the images with these checksums, if all are known.
    fn visits_of(&self, checksums: &[String]) -> Option<usize> {
        let visit_of: HashMap<&str, i64> =
            self.0.iter().map(|((visit, _), checksum)| (checksum.as_str(), *visit)).collect();
        let visits: Option<HashSet<i64>> =
            checksums.iter().map(|checksum| visit_of.get(checksum.as_str()).copied()).collect();
        visits.map(|visits| visits.len())
    }
}
