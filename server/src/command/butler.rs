//! `almagest butler`: datasets by what they are.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_pipeline::butler::{
    Butler, DataId, DatasetQuery, DatasetRef, DatasetType, DimensionSet, FrameIngest, RawIngest,
    StorageClass, Transfer, Validity,
};
use almagest_pipeline::camera::{find_frames, parse_time};
use almagest_storage::{CatalogStore, counted};
use clap::Subcommand;

use super::frame_options::FrameArguments;
use super::pipeline_arguments::condition;
use super::{CommandError, Result, progress};

/// Look after the datasets of a catalog: images, what pipelines made of them, calibrations.
#[derive(Debug, clap::Args)]
pub struct ButlerCommand {
    #[command(subcommand)]
    operation: Operation,
}

#[derive(Debug, Subcommand)]
enum Operation {
    /// List datasets.
    QueryDatasets {
        #[command(flatten)]
        which: Which,
        /// All of them, not only the first of each type and data id.
        #[arg(long)]
        all: bool,
    },
    /// List collections.
    Collections {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// A pattern of names.
        #[arg(default_value = "*")]
        pattern: String,
    },
    /// Take in images: raw frames, which are told by their headers, by what they are (`raw`, `raw_bias`,
    /// `raw_dark`, `raw_flat`, …), others as calibrated. Those that cannot be understood are named; the
    /// others are taken.
    IngestRaws(Box<IngestRaws>),
    /// Take in a table that holds for everything, such as a catalog of reference stars: `run --input` with its
    /// run then fits world coordinates and zero points to the stars of a `reference_catalog`.
    IngestTable {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// Dataset type that it gets, as `reference_catalog`.
        dataset_type: String,
        /// Parquet, CSV, FITS or VOTable; it stays where it is.
        file: PathBuf,
        /// Run that will own it; the name of the type, if none is given.
        #[arg(long)]
        run: Option<String>,
    },
    /// Let datasets of a type hold for a span of time, as calibrations.
    Certify {
        #[command(flatten)]
        which: Which,
        /// The calibration collection.
        #[arg(long, value_name = "COLLECTION")]
        to: String,
        /// Begin: MJD (TAI) or a date (UTC); of all time, if not given.
        #[arg(long, value_parser = parse_time)]
        begin: Option<f64>,
        /// End.
        #[arg(long, value_parser = parse_time)]
        end: Option<f64>,
    },
    /// Let calibrations no longer hold within a span of time; beyond it they stay certified.
    Decertify {
        #[command(flatten)]
        which: Which,
        /// The calibration collection.
        #[arg(long, value_name = "COLLECTION")]
        from: String,
        /// Begin: MJD (TAI) or a date (UTC); of all time, if not given.
        #[arg(long, value_parser = parse_time)]
        begin: Option<f64>,
        /// End.
        #[arg(long, value_parser = parse_time)]
        end: Option<f64>,
    },
    /// Put datasets into a tagged collection, each in place of what it held of that type and data id.
    Tag {
        #[command(flatten)]
        which: Which,
        /// The tagged collection; a new one, if there is none of that name.
        #[arg(long, value_name = "COLLECTION")]
        to: String,
    },
    /// Take datasets out of a tagged collection; they stay in their runs.
    Untag {
        #[command(flatten)]
        which: Which,
        /// The tagged collection.
        #[arg(long, value_name = "COLLECTION")]
        from: String,
    },
    /// List dataset types: name, storage class and dimensions.
    DatasetTypes {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// A pattern of names.
        #[arg(default_value = "*")]
        pattern: String,
    },
    /// Copy the files of datasets into a folder.
    Retrieve {
        #[command(flatten)]
        which: Which,
        /// The folder.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Copy datasets into a folder that another catalog can import.
    Export {
        #[command(flatten)]
        which: Which,
        /// The folder.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Take in what another catalog exported.
    Import {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// The folder of the export.
        folder: PathBuf,
    },
    /// Make a chain of collections, searched in their order.
    Chain {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// Name of the chain.
        name: String,
        /// What it holds.
        children: Vec<String>,
    },
    /// Forget a collection; of a run also remove the files.
    Remove {
        /// Folder of the catalog.
        catalog: PathBuf,
        /// The collection.
        collection: String,
    },
    /// Compare the files of datasets with their checksums.
    Verify {
        #[command(flatten)]
        which: Which,
    },
}

/// Which datasets.
#[derive(Debug, clap::Args)]
struct Which {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Name or pattern of the dataset types.
    #[arg(default_value = "*")]
    dataset_type: String,
    /// Collection, in the order of search; may be a pattern.
    #[arg(long, value_name = "COLLECTION", default_value = "*")]
    collections: Vec<String>,
    /// A condition, as "visit IN (1..10) AND band = 'r'".
    #[arg(short = 'd', long = "where", value_name = "CONDITION")]
    condition: Option<String>,
    /// No more than so many.
    #[arg(long)]
    limit: Option<usize>,
}

/// Images to take in.
#[derive(Debug, clap::Args)]
struct IngestRaws {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// FITS files, or folders that hold them.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Run that will own them.
    #[arg(long, default_value = "images")]
    run: String,
    /// Dataset type that calibrated images get.
    #[arg(long, default_value = "visit_image")]
    dataset_type: String,
    /// All images are raw frames, whether or not their headers say so.
    #[arg(long)]
    raw: bool,
    /// The file of the camera that wrote the raw frames, if it is none of those of the program.
    #[arg(long, value_name = "CAMERA.yaml")]
    camera: Option<PathBuf>,
    /// Copy the files into the catalog rather than leave them where they are.
    #[arg(long)]
    copy: bool,
    #[command(flatten)]
    frame: FrameArguments,
}

impl Which {
    fn open(&self) -> Result<Butler> {
        Ok(Butler::open(&CatalogStore::open(&self.catalog)?)?)
    }

    fn find(&self, butler: &Butler, find_first: bool) -> Result<Vec<DatasetRef>> {
        let collections: Vec<&str> = self.collections.iter().map(String::as_str).collect();
        self.find_in(butler, &collections, find_first)
    }

    fn find_in(
        &self,
        butler: &Butler,
        collections: &[&str],
        find_first: bool,
    ) -> Result<Vec<DatasetRef>> {
        let condition = condition(self.condition.as_deref())?;
        if !self.dataset_type.contains(['*', '?']) {
            butler.registry().dataset_type(&self.dataset_type)?;
        }
        Ok(butler.registry().query(&DatasetQuery {
            dataset_type: &self.dataset_type,
            collections,
            condition: condition.as_ref(),
            find_first,
            limit: self.limit,
        })?)
    }
}

impl ButlerCommand {
    /// Do what is asked for.
    pub fn run(self) -> Result<()> {
        let mut out = io::stdout().lock();
        let open = |catalog: &PathBuf| -> Result<Butler> {
            Ok(Butler::open(&CatalogStore::open(catalog)?)?)
        };
        match self.operation {
            Operation::QueryDatasets { which, all } => {
                let butler = which.open()?;
                for dataset in which.find(&butler, !all)? {
                    let (name, run) = (&dataset.dataset_type.name, &dataset.run);
                    let path = butler.datastore().absolute(&dataset.path);
                    writeln!(out, "{name}\t{}\t{run}\t{}", dataset.data_id, path.display())?;
                }
            }
            Operation::Collections { catalog, pattern } => {
                for collection in open(&catalog)?.registry().collections(&pattern)? {
                    let (name, kind) = (&collection.name, collection.kind.name());
                    match collection.children.is_empty() {
                        true => writeln!(
                            out,
                            "{name}\t{kind}\t{}",
                            counted(collection.n_datasets, "dataset")
                        )?,
                        false => {
                            writeln!(out, "{name}\t{kind}\t{}", collection.children.join(", "))?
                        }
                    }
                }
            }
            Operation::IngestRaws(ingest) => ingest.run(&mut out)?,
            Operation::IngestTable { catalog, dataset_type, file, run } => {
                let run = run.as_deref().unwrap_or(&dataset_type);
                let (none, table) = (DimensionSet::EMPTY, StorageClass::Table);
                let dataset_type = DatasetType::new(&dataset_type, none, table);
                open(&catalog)?.ingest_table(run, &dataset_type, &DataId::empty(), &file)?;
                writeln!(out, "{run}: {}", file.display())?;
            }
            Operation::Certify { which, to, begin, end } => {
                let butler = which.open()?;
                let datasets = which.find(&butler, true)?;
                butler.registry().certify(&to, &datasets, validity(begin, end))?;
                writeln!(out, "{to}: {} certified", counted(datasets.len(), "dataset"))?;
            }
            Operation::Decertify { which, from, begin, end } => {
                let butler = which.open()?;
                let datasets = which.find_in(&butler, &[&from], false)?;
                let n_spans =
                    butler.registry().decertify_datasets(&from, &datasets, validity(begin, end))?;
                writeln!(out, "{from}: {} ended or cut", counted(n_spans, "certification"))?;
            }
            Operation::Tag { which, to } => {
                let butler = which.open()?;
                let datasets = which.find(&butler, true)?;
                butler.registry().associate(&to, &datasets)?;
                writeln!(out, "{to}: {} tagged", counted(datasets.len(), "dataset"))?;
            }
            Operation::Untag { which, from } => {
                let butler = which.open()?;
                let datasets = which.find_in(&butler, &[&from], false)?;
                butler.registry().disassociate(&from, &datasets)?;
                writeln!(out, "{from}: {} taken out", counted(datasets.len(), "dataset"))?;
            }
            Operation::DatasetTypes { catalog, pattern } => {
                for dataset_type in open(&catalog)?.registry().dataset_types(&pattern)? {
                    let (name, class) = (&dataset_type.name, dataset_type.storage_class.name());
                    writeln!(out, "{name}\t{class}\t{}", dataset_type.dimensions)?;
                }
            }
            Operation::Retrieve { which, to } => {
                let butler = which.open()?;
                let datasets = which.find(&butler, true)?;
                for path in butler.retrieve(&datasets, &to)? {
                    writeln!(out, "{}", path.display())?;
                }
            }
            Operation::Export { which, to } => {
                let butler = which.open()?;
                let datasets = which.find(&butler, true)?;
                butler.export(&datasets, &to)?;
                writeln!(out, "{}: {}", to.display(), counted(datasets.len(), "dataset"))?;
            }
            Operation::Import { catalog, folder } => {
                let n_datasets = open(&catalog)?.import(&folder)?;
                writeln!(out, "{}", counted(n_datasets, "dataset"))?;
            }
            Operation::Chain { catalog, name, children } => {
                let children: Vec<&str> = children.iter().map(String::as_str).collect();
                open(&catalog)?.registry().set_chain(&name, &children)?;
            }
            Operation::Remove { catalog, collection } => open(&catalog)?.remove(&collection)?,
            Operation::Verify { which } => {
                let butler = which.open()?;
                let datasets = which.find(&butler, false)?;
                let faults = butler.verify(&datasets);
                for fault in &faults {
                    writeln!(out, "{fault}")?;
                }
                let looked_at = counted(datasets.len(), "dataset");
                writeln!(out, "{looked_at}, {}", counted(faults.len(), "fault"))?;
                if !faults.is_empty() {
                    let reason = format!("{} datasets are damaged", faults.len());
                    return Err(CommandError::Refused(reason));
                }
            }
        }
        Ok(())
    }
}

/// The span of time between the two; without them there is no end to it.
fn validity(begin: Option<f64>, end: Option<f64>) -> Validity {
    Validity {
        begin_mjd: begin.unwrap_or(Validity::ALWAYS.begin_mjd),
        end_mjd: end.unwrap_or(Validity::ALWAYS.end_mjd),
    }
}

impl IngestRaws {
    fn run(&self, out: &mut impl Write) -> Result<()> {
        let butler = Butler::open(&CatalogStore::open(&self.catalog)?)?;
        let facts = self.frame.options();
        let transfer = if self.copy { Transfer::Copy } else { Transfer::InPlace };
        let ingest = FrameIngest {
            run: &self.run,
            dataset_type: &self.dataset_type,
            transfer,
            facts: &facts,
        };
        let raws = RawIngest { run: &self.run, transfer, camera: self.camera.as_deref() };
        // A faulty camera is one fault, not one of each image.
        raws.cameras()?;
        let frames = find_frames(&self.images)?;
        let bar = progress::steps(frames.len() as u64, "images");
        let (mut n_datasets, mut refused) = (0, vec![]);
        for frame in &frames {
            let ingested = match self.raw {
                true => butler.ingest_raw(&frame.image, &raws),
                false => butler.ingest_image(frame, &raws, &ingest),
            };
            match ingested {
                Ok(ingested) => n_datasets += ingested.len(),
                Err(error) => refused.push(error.to_string()),
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        for reason in &refused {
            writeln!(out, "not taken: {reason}")?;
        }
        let (run, n_frames) = (&self.run, frames.len());
        writeln!(
            out,
            "{run}: {} of {}",
            counted(n_datasets, "dataset"),
            counted(n_frames, "image")
        )?;
        match refused.len() {
            0 => Ok(()),
            n => Err(CommandError::Refused(format!("{n} of {n_frames} images were not taken"))),
        }
    }
}
