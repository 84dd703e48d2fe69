//! `almagest qa`: how good the data of a catalog are.

use std::io::{self, Write};
use std::path::PathBuf;

use almagest_pipeline::quality::metric::{Level, Metric, Status};
use almagest_pipeline::quality::{Outcome, QualityConfig, qa};
use almagest_storage::CatalogStore;

use super::{CommandError, Result};

/// Failures that are named on the terminal; the report has all.
const MAX_LINES: usize = 12;

/// Measure the quality of a catalog: photometric repeatability, astrometry, point-spread function,
/// completeness, purity, times, memory and failures.
///
/// The metrics are added to the table Metrics of the catalog, and a report to be looked at in a browser is
/// written. Completeness, purity and pulls need the truth of a simulated survey. What the data cannot hold
/// is "not measurable".
#[derive(Debug, clap::Args)]
pub struct Qa {
    /// Folder of the catalog.
    catalog: PathBuf,
    /// Folder for the report; CATALOG.qa, if not given.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Look at the visits of one night alone, as 20261121 (from noon to noon, UTC).
    #[arg(long, value_name = "NIGHT")]
    night: Option<i64>,
    /// What `almagest simulate` has written: its folder, or that of its truth.
    #[arg(long, value_name = "DIR")]
    truth: Option<PathBuf>,
    /// Table of stars of known place and magnitude; else the one by which the images were calibrated.
    #[arg(long, value_name = "FILE")]
    reference: Option<PathBuf>,
    /// Specification whose thresholds decide.
    #[arg(long, value_enum, default_value_t = LevelName::Design)]
    level: LevelName,
    /// Exit with 1 where a metric fails or a quantum was lost.
    #[arg(long)]
    strict: bool,
}

/// A level of specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LevelName {
    /// The least that is needed for the scientific aims.
    Minimum,
    /// What the system is designed for.
    Design,
    /// Desirable.
    Stretch,
}

impl Qa {
    /// Measure, and say what failed.
    pub fn run(self) -> Result<()> {
        let store = CatalogStore::open(&self.catalog)?;
        let level = match self.level {
            LevelName::Minimum => Level::Minimum,
            LevelName::Design => Level::Design,
            LevelName::Stretch => Level::Stretch,
        };
        let config = QualityConfig {
            night: self.night,
            truth: self.truth,
            reference: self.reference,
            level,
        };
        let folder = self.output.unwrap_or_else(|| {
            let mut folder = self.catalog.components().as_path().as_os_str().to_owned();
            folder.push(".qa");
            folder.into()
        });
        let outcome = qa(&store, &config, &folder)?;
        let mut out = io::stdout().lock();
        say(&outcome, level, &mut out)?;
        let n_bad = outcome.quality.count(Status::Fail) + outcome.quality.costs.failures.len();
        match self.strict && n_bad > 0 {
            true => Err(CommandError::Refused(format!("{n_bad} metrics or quanta failed"))),
            false => Ok(()),
        }
    }
}

/// Say what failed, the worst first, and where to look.
fn say(outcome: &Outcome, level: Level, out: &mut impl Write) -> io::Result<()> {
    let quality = &outcome.quality;
    let fails = |metric: &&Metric| metric.status(level) == Status::Fail;
    let mut failed: Vec<&Metric> = quality.metrics.iter().filter(fails).collect();
    failed.sort_by(|a, b| b.excess(level).total_cmp(&a.excess(level)));
    for metric in failed.iter().take(MAX_LINES) {
        writeln!(out, "fail: {metric}")?;
    }
    if failed.len() > MAX_LINES {
        writeln!(out, "and {} more", failed.len() - MAX_LINES)?;
    }
    for lost in quality.costs.failures.iter().take(MAX_LINES) {
        writeln!(out, "{} {} ({}): {}", lost.label, lost.status, lost.data_id, lost.reason)?;
    }
    let counts: Vec<String> =
        [Status::Fail, Status::Pass, Status::NotMeasurable, Status::NoThreshold]
            .map(|status| format!("{} {status}", quality.count(status)))
            .to_vec();
    writeln!(
        out,
        "{} metrics: {} (version {})",
        quality.metrics.len(),
        counts.join(", "),
        outcome.version
    )?;
    writeln!(out, "{}", outcome.page.display())
}
