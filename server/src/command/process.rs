//! `almagest process`: images into the catalog.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use almagest_pipeline::camera::FrameOptions;
use almagest_pipeline::process::{ProcessConfig, ProcessReport, Progress, process};
use almagest_storage::{CatalogStore, counted};
use indicatif::ProgressBar;

use super::frame_options::FrameArguments;
use super::{Result, progress};

/// Measure images and add what is found to the catalog: Visit, VisitDetector, Source, Object and
/// ForcedSource rows, one transaction a visit.
///
/// Images are FITS files of calibrated exposures, or folders of them; weight and mask files beside
/// them are found by name (DECam) or given. An image that cannot be understood leaves the catalog
/// as it was. Visits that the catalog holds already are not added again, so that a run that was
/// broken off can be repeated as it was.
#[derive(Debug, clap::Args)]
pub struct Process {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// FITS files, or folders that hold them.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// CSV or Parquet file of stars (ra, dec, BAND_mag or mag) to which the zero point of images
    /// without one is fitted.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    #[command(flatten)]
    frame: FrameArguments,
}

impl Process {
    /// Process the images and say what was found.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let config = ProcessConfig { reference: self.reference, ..Default::default() };
        let report = process_with_bars(&store, &self.images, &self.frame.options(), &config)?;
        Ok(say(&report, &self.catalog, &mut io::stdout().lock())?)
    }
}

/// Process images, with a progress bar for the measuring and one for the commits.
pub fn process_with_bars(
    store: &CatalogStore,
    images: &[PathBuf],
    options: &FrameOptions,
    config: &ProcessConfig,
) -> Result<ProcessReport> {
    let measuring = OnceLock::<ProgressBar>::new();
    let committing = OnceLock::<ProgressBar>::new();
    let watch = |progress: Progress| match progress {
        Progress::Begun { n_frames } => {
            let _ = measuring.set(progress::steps(n_frames as u64, "images measured"));
        }
        Progress::Measured { image } => {
            if let Some(bar) = measuring.get() {
                bar.set_message(file_name(&image));
                bar.inc(1);
            }
        }
        Progress::Committing { n_visits } => {
            if let Some(bar) = measuring.get() {
                bar.finish_and_clear();
            }
            let _ = committing.set(progress::steps(n_visits as u64, "visits committed"));
        }
        Progress::Committed { visit } => {
            if let Some(bar) = committing.get() {
                bar.set_message(format!("visit {visit}"));
                bar.inc(1);
            }
        }
    };
    let report = process(store, images, options, config, &watch);
    for bar in [measuring.get(), committing.get()].into_iter().flatten() {
        bar.finish_and_clear();
    }
    Ok(report?)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Say what was found.
pub fn say(report: &ProcessReport, catalog: &Path, out: &mut impl Write) -> io::Result<()> {
    for warning in &report.warnings {
        writeln!(out, "warning: {warning}")?;
    }
    match report.n_visits_known {
        0 => {}
        1 => writeln!(out, "1 visit was in the catalog already")?,
        n => writeln!(out, "{n} visits were in the catalog already")?,
    }
    writeln!(
        out,
        "{}: {}, {}, {}, {} added (version {})",
        catalog.display(),
        counted(report.n_visits, "visit"),
        counted(report.n_sources, "source"),
        counted(report.n_objects, "object"),
        counted(report.n_forced_sources, "forced source"),
        report.version
    )
}
