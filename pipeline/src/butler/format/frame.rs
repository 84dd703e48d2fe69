//! Reading one detector of a frame that a camera wrote, as it was understood when it was ingested.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::camera::{FrameFiles, FrameOptions, interpret_frame};
use crate::error::{Error, Result};
use crate::exposure::Exposure;

/// What belongs to a frame beside its own file, kept with the dataset.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadInstructions {
    /// Which of the file's detectors it is, from 0.
    pub index: usize,
    /// Inverse variances.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<PathBuf>,
    /// The mask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<PathBuf>,
    /// A model of the point-spread function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub psf: Option<PathBuf>,
    /// Facts that override the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<PathBuf>,
    /// The file of the camera that wrote a raw frame, where it is none of those of the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<PathBuf>,
    /// Facts that override both.
    #[serde(default, with = "Facts")]
    pub facts: FrameOptions,
    /// SHA-256 of the files named here, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<String>,
}

/// [`FrameOptions`], as they are written.
#[derive(Default, Serialize, Deserialize)]
#[serde(remote = "FrameOptions", default)]
struct Facts {
    visit: Option<i64>,
    detector: Option<i32>,
    band: Option<String>,
    mid_mjd_tai: Option<f64>,
    exposure_time_s: Option<f64>,
    zero_point_mag: Option<f64>,
    gain_e_per_adu: Option<f64>,
    read_noise_e: Option<f64>,
    saturation_adu: Option<f64>,
    subtracted_sky_adu: Option<f64>,
    psf_fwhm_px: Option<f64>,
    weight: Option<PathBuf>,
    mask: Option<PathBuf>,
    psf: Option<PathBuf>,
}

impl ReadInstructions {
    /// How to read the detector `index` of a frame.
    pub fn of(files: &FrameFiles, facts: &FrameOptions, index: usize) -> Self {
        Self {
            index,
            weight: files.weight.clone(),
            mask: files.mask.clone(),
            psf: files.psf.clone(),
            sidecar: files.sidecar.clone(),
            camera: None,
            facts: facts.clone(),
            checksums: vec![],
        }
    }

    /// How to read the detector `index` of a raw file, with the file of its camera.
    pub fn of_raw(index: usize, camera: Option<&Path>) -> Self {
        Self { index, camera: camera.map(Path::to_owned), ..Self::default() }
    }

    /// The files that are read beside the image.
    pub fn companions(&self) -> impl Iterator<Item = &PathBuf> {
        let facts = &self.facts;
        let own = [&self.weight, &self.mask, &self.psf, &self.sidecar, &self.camera];
        let of_facts = [&facts.weight, &facts.mask, &facts.psf];
        own.into_iter().chain(of_facts).flatten()
    }

    fn files(&self, image: &Path) -> FrameFiles {
        FrameFiles {
            image: image.to_owned(),
            weight: self.weight.clone(),
            mask: self.mask.clone(),
            psf: self.psf.clone(),
            sidecar: self.sidecar.clone(),
        }
    }
}

/// Read one detector; without instructions the only one, as Almagest writes it.
pub(super) fn read(path: &Path, instructions: Option<&ReadInstructions>) -> Result<Exposure> {
    let own = ReadInstructions::default();
    let instructions = instructions.unwrap_or(&own);
    let mut frame = interpret_frame(&instructions.files(path), &instructions.facts)?;
    let count = frame.detectors.len();
    let detector = std::mem::take(&mut frame.detectors).into_iter().nth(instructions.index);
    let detector = detector.ok_or_else(|| Error::NoImage { path: path.to_owned() })?;
    frame.expose(detector, instructions.index, count)
}
