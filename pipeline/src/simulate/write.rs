//! A survey as files: raw frames, calibrated exposures where asked for, truth tables, and the
//! configuration that made them.
//!
//! ```text
//!   DIR/survey.yaml               the whole configuration
//!   DIR/raw/raw-….fits            one for each detector of each exposure
//!   DIR/calibrated/….fits         the same light as a perfect instrument would see it
//!   DIR/truth/schema.yaml         the tables as a Felis schema, for `almagest create`
//!   DIR/truth/truth_….parquet     written last
//! ```

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use super::frame::FrameTruth;
use super::survey::Survey;
use super::truth;
use crate::camera::raw::raw_name;
use crate::camera::{write_exposure, write_raw};
use crate::error::{Error, Result};
use crate::fits::Compression;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Calibrated exposures too.
    pub calibrated: bool,
    /// How raw pixels are stored.
    pub compression: Compression,
}

impl Default for WriteOptions {
    fn default() -> Self {
        WriteOptions { calibrated: false, compression: Compression::None }
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteReport {
    /// Raw frames.
    pub raws: usize,
    /// Calibrated exposures.
    pub calibrated: usize,
    /// Pixels of the detectors, raw frames only.
    pub pixels: u64,
    /// Rows of truth.
    pub truth_rows: usize,
}

/// Make all frames of a survey and write them, several at once; `done` is told of each.
///
/// The same configuration gives the same bytes, whatever the number of threads.
///
/// # Errors
/// A folder or file that cannot be written; frames that are whole stay.
pub fn write_survey(
    survey: &Survey,
    folder: &Path,
    options: &WriteOptions,
    done: &(dyn Fn(&str) + Sync),
) -> Result<WriteReport> {
    let make = |name: &str| {
        let path = folder.join(name);
        fs::create_dir_all(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        Ok::<_, Error>(path)
    };
    let (raw, truths) = (make("raw")?, make("truth")?);
    let calibrated = if options.calibrated { Some(make("calibrated")?) } else { None };
    write_config(survey, folder)?;
    let frames: Vec<FrameTruth> = survey
        .frames()
        .into_par_iter()
        .map(|id| {
            let frame = survey.frame(id, options.calibrated)?;
            let name = raw_name(&frame.raw);
            write_raw(&raw.join(&name), &frame.raw, options.compression)?;
            if let (Some(folder), Some(exposure)) = (&calibrated, &frame.calibrated) {
                write_exposure(&folder.join(name.replacen("raw-", "calibrated-", 1)), exposure)?;
            }
            done(&name);
            Ok(frame.truth)
        })
        .collect::<Result<Vec<_>>>()?;
    let mut report = WriteReport { raws: frames.len(), ..WriteReport::default() };
    if options.calibrated {
        report.calibrated = frames.iter().filter(|frame| frame.wcs.is_some()).count();
    }
    for frame in &frames {
        let size = survey.camera().detector(frame.detector).map_or((0, 0), |d| d.size_px);
        report.pixels += (size.0 * size.1) as u64;
    }
    let tables = truth::tables(survey, &frames)?;
    let path = truths.join("schema.yaml");
    let schema = truth::schema::felis(&tables)
        .map_err(|source| Error::Sidecar { path: path.clone(), source })?;
    fs::write(&path, schema).map_err(|source| Error::Io { path, source })?;
    for (name, rows) in tables {
        report.truth_rows += rows.num_rows();
        truth::write_parquet(&truths.join(format!("{name}.parquet")), &rows)?;
    }
    Ok(report)
}

fn write_config(survey: &Survey, folder: &Path) -> Result<()> {
    let path = folder.join("survey.yaml");
    let text = serde_yaml_ng::to_string(survey.config())
        .map_err(|source| Error::Sidecar { path: path.clone(), source })?;
    fs::write(&path, text).map_err(|source| Error::Io { path, source })
}
