//! `almagest simulate`: a survey of a simulated sky, with its truth.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use almagest_pipeline::fits::Compression;
use almagest_pipeline::simulate::config::CalibrationConfig;
use almagest_pipeline::simulate::{Preset, Survey, SurveyConfig, WriteOptions, write_survey};

use super::{CommandError, Result, progress};

/// Simulate a survey: raw frames of a test camera with every flaw of a real one, calibration frames
/// where asked for, and the truth as Parquet tables.
///
/// The same seed and configuration give the same bytes. The whole configuration is written beside the
/// frames as survey.yaml, and can be given back with --config.
#[derive(Debug, clap::Args)]
pub struct Simulate {
    /// Folder for the frames and tables.
    dir: PathBuf,
    /// Size of the survey.
    #[arg(long, value_enum, default_value_t = Size::Xs)]
    preset: Size,
    /// Seed of all random numbers, in place of the preset's.
    #[arg(long)]
    seed: Option<u64>,
    /// YAML file of what is to differ from the preset; unknown keys are refused.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Effects to switch off, as `crosstalk,brighter_fatter`.
    #[arg(long, value_name = "EFFECT", value_delimiter = ',')]
    without: Vec<String>,
    /// Add bias, dark and flat frames and photon-transfer pairs.
    #[arg(long)]
    calibrations: bool,
    /// Write calibrated exposures as well: the same light as a perfect instrument sees it.
    #[arg(long)]
    calibrated: bool,
    /// Compress the raw frames, without loss.
    #[arg(long)]
    compress: bool,
}

/// Size of a survey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Size {
    /// One detector of 512 x 512 pixels, 6 visits.
    Xs,
    /// Four detectors of 1024 x 1024 pixels, 30 visits.
    S,
    /// Nine detectors of 2048 x 2048 pixels, 120 visits.
    M,
}

impl Simulate {
    /// Simulate, and say what was written.
    pub fn run(self) -> Result<()> {
        let start = Instant::now();
        let survey = Survey::new(self.survey_config()?)?;
        let n_frames = survey.frames().len() as u64;
        let bar = progress::steps(n_frames, "frames simulated");
        let compression = if self.compress { Compression::Lossless } else { Compression::None };
        let options = WriteOptions { calibrated: self.calibrated, compression };
        let report = write_survey(&survey, &self.dir, &options, &|name| {
            bar.set_message(name.to_owned());
            bar.inc(1);
        })?;
        bar.finish_and_clear();
        let seconds = start.elapsed().as_secs_f64();
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{} raw frames, {} calibrated exposures, {} rows of truth in {} ({seconds:.1} s, {:.1} Mpix/s)",
            report.raws,
            report.calibrated,
            report.truth_rows,
            self.dir.display(),
            report.pixels as f64 / 1e6 / seconds
        )?;
        Ok(())
    }

    fn survey_config(&self) -> Result<SurveyConfig> {
        let preset = match self.preset {
            Size::Xs => Preset::Xs,
            Size::S => Preset::S,
            Size::M => Preset::M,
        };
        let mut config = match &self.config {
            None => preset.config(),
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|source| CommandError::File { path: path.clone(), source })?;
                SurveyConfig::from_yaml(path, &text, preset)?
            }
        };
        if let Some(seed) = self.seed {
            config.seed = seed;
        }
        if self.calibrations {
            config.calibrations = CalibrationConfig::usual();
        }
        for effect in &self.without {
            config.effects = config.effects.without(effect)?;
        }
        Ok(config)
    }
}
