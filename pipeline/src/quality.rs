//! How good the data are: metrics, their table in the catalog, and a report to look at after a night.
//!
//! ```text
//!   catalog ─ one snapshot ─▶ observations ─▶ stars ─▶ repeatability, relative astrometry ─┐
//!                                  │                                                       │
//!   truth, reference ──────────────┼─▶ completeness, purity, pulls, absolute positions ────┼─▶ metrics
//!                                  └─▶ PSF residuals and their correlations ───────────────┤     │  │
//!   butler ─ quanta ─▶ times, memory, failures ────────────────────────────────────────────┘     │  │
//!                                                                                                │  │
//!                                 Metrics, one transaction ◀──────────────────────────────────────┘  │
//!                                 index.html, visits/….html ◀── plots, cut-outs of the worst ◀───────┘
//! ```
//!
//! [`requirement`] lists all metrics with their definitions and thresholds. A metric that the data cannot
//! hold is *not measurable*: it has no value, and does not pass.

pub mod metric;
pub mod requirement;

pub mod focal_plane;
pub mod observations;
pub mod sky_index;
pub mod star;

pub mod repeatability;
pub mod relative_astrometry;
pub mod ellipticity_correlation;
pub mod psf_residual;

pub mod truth;
pub mod standard;
pub mod completeness;
pub mod pull;

pub mod cost;
pub mod table;
pub mod report;

use std::path::{Path, PathBuf};

use almagest_storage::CatalogStore;

use crate::butler::Butler;
use crate::catalog::metric::MetricRun;
use crate::error::Result;
use cost::Costs;
use ellipticity_correlation::Correlation;
use metric::{Level, Metric, Status};
use observations::Observations;
use psf_residual::PsfResidual;
use repeatability::StarRepeatability;
use report::ReportTitle;
use standard::{Origin, StandardResidual};
use star::Star;
use truth::Truth;

/// What is looked at, and against what.
#[derive(Debug, Clone, Default)]
pub struct QualityConfig {
    /// Visits of this night (as 20261121) alone; else of all.
    pub night: Option<i64>,
    /// Folder of the truth of a simulated survey.
    pub truth: Option<PathBuf>,
    /// Table of reference stars; else the one by which the butler's images were calibrated.
    pub reference: Option<PathBuf>,
    /// The level whose thresholds decide.
    pub level: Level,
}

/// All that was found.
#[derive(Debug)]
pub struct Quality {
    /// The data.
    pub observations: Observations,
    /// Isolated stars.
    pub stars: Vec<Star>,
    /// How they repeat.
    pub repeatabilities: Vec<StarRepeatability>,
    /// Correlations of PSF residuals by band and visit.
    pub correlations: Vec<(String, Vec<(usize, Correlation)>)>,
    /// PSF residuals of reserved stars.
    pub psf_residuals: Vec<PsfResidual>,
    /// Truth.
    pub truth: Option<Truth>,
    /// Bright stars against standards, and where those come from.
    pub standards: Option<(Origin, Vec<StandardResidual>)>,
    /// What the quanta took.
    pub costs: Costs,
    /// The level whose thresholds decide.
    pub level: Level,
    /// The night that was looked at, if not all.
    pub night: Option<i64>,
    /// The metrics.
    pub metrics: Vec<Metric>,
}

/// What came of [`qa`].
#[derive(Debug)]
pub struct Outcome {
    /// All that was found.
    pub quality: Quality,
    /// The page to open.
    pub page: PathBuf,
    /// The version of the catalog that shows the metrics.
    pub version: u64,
}

/// Measure the quality of a catalog, add the metrics to its table Metrics, and write a report into a
/// folder.
///
/// The report is written first: metrics enter the catalog only with it.
///
/// # Errors
/// Those of [`measure`], [`report::write`] and [`Quality::commit`].
pub fn qa(store: &CatalogStore, config: &QualityConfig, folder: &Path) -> Result<Outcome> {
    let quality = measure(store, config)?;
    let butler = match store.butler_path().is_file() {
        true => Some(Butler::open(store)?),
        false => None,
    };
    let now = hifitime::Epoch::now().map_or(f64::NAN, |epoch| epoch.to_mjd_utc_days());
    let catalog = store.root().canonicalize().unwrap_or_else(|_| store.root().to_owned());
    let name = catalog.file_name().unwrap_or(catalog.as_os_str()).to_string_lossy().into_owned();
    let measured_at = crate::butler::now().split('.').next().unwrap_or_default().replace('T', " ");
    let title = ReportTitle { catalog: name, measured_at };
    let page = report::write(&quality, butler.as_ref(), folder, &title)?;
    let version = quality.commit(store, now)?;
    Ok(Outcome { quality, page, version })
}

/// Measure the quality of a catalog; nothing is written.
///
/// # Errors
/// Tables, truth or reference that cannot be read.
pub fn measure(store: &CatalogStore, config: &QualityConfig) -> Result<Quality> {
    let observations = Observations::read(&store.snapshot()?, config.night)?;
    let stars = star::stars(&observations);
    let repeatabilities = repeatability::star_repeatabilities(&observations, &stars);
    let psf_residuals = psf_residual::reserved_stars(&observations);
    let truth = match &config.truth {
        Some(folder) => Some(Truth::read(folder, &observations)?),
        None => None,
    };
    let standards = standards(store, config, &observations, truth.as_ref())?;
    let costs = Costs::read(store, &observations, config.night.is_none())?;
    let bands = observations.bands();
    let correlations: Vec<(String, Vec<(usize, Correlation)>)> = bands
        .iter()
        .map(|band| (band.clone(), ellipticity_correlation::correlations(&observations, band)))
        .collect();
    let mut metrics = cost::metrics(&observations, &costs);
    for (band, correlations) in &correlations {
        metrics.extend(repeatability::metrics(&observations, &repeatabilities, band));
        metrics.extend(relative_astrometry::metrics(&observations, &stars, band));
        let residuals = standards.as_ref().map(|(_, residuals)| residuals.as_slice());
        metrics.extend(standard::metrics(&observations, residuals, band));
        metrics.extend(ellipticity_correlation::metrics(correlations, band));
        metrics.extend(psf_residual::metrics(&observations, &psf_residuals, band));
    }
    metrics.extend(completeness::metrics(&observations, truth.as_ref()));
    metrics.extend(pull::metrics(&observations, truth.as_ref()));
    Ok(Quality {
        observations,
        stars,
        repeatabilities,
        correlations,
        psf_residuals,
        truth,
        standards,
        costs,
        level: config.level,
        night: config.night,
        metrics,
    })
}

fn standards(
    store: &CatalogStore,
    config: &QualityConfig,
    observations: &Observations,
    truth: Option<&Truth>,
) -> Result<Option<(Origin, Vec<StandardResidual>)>> {
    let path = match (&config.reference, truth) {
        (Some(path), _) => path.clone(),
        (None, Some(truth)) => {
            return Ok(Some((Origin::Truth, standard::against_truth(observations, truth))));
        }
        (None, None) => match standard::reference_of(store)? {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let rows = standard::read_reference(&path)?;
    let residuals = standard::against_reference(observations, &path, &rows)?;
    Ok(Some((Origin::Reference(path), residuals)))
}

impl Quality {
    /// Number of metrics of a status.
    pub fn count(&self, status: Status) -> usize {
        self.metrics.iter().filter(|metric| metric.status(self.level) == status).count()
    }

    /// Write the metrics into the catalog's table Metrics; return the version that shows them.
    ///
    /// # Errors
    /// Those of the ingest. The catalog is as it was then.
    pub fn commit(&self, store: &CatalogStore, measured_at_mjd: f64) -> Result<u64> {
        let run = MetricRun {
            version: self.observations.version,
            measured_at_mjd,
            level: self.level,
            night: self.night,
        };
        table::commit(store, &self.metrics, &run)
    }
}
