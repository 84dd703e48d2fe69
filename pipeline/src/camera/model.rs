//! Cameras as data: one YAML file describes amplifiers, detectors, focal plane, filters and headers.
//!
//! ```text
//!   layouts: kinds of detectors ── amplifiers ── sections of the raw image, flips, gain, noise
//!      ▲                                         crosstalk between them
//!   detectors: place and turn in the focal plane
//!   optics: pixel scale, radial distortion          ──▶ nominal world coordinates
//!   filters                                             of any detector at any pointing
//!   headers: which keyword holds which fact
//! ```
//!
//! A new camera is a new file; [`CameraModel::from_yaml`] reads it, and reports all that is wrong with
//! it at once. The cameras that come with the program are in [`CameraModel::builtin`].

mod check;
mod file;
pub mod focal_plane;
pub mod header_map;
mod keys;
pub mod section;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use check::CameraProblem;
pub use file::{Given, Place};
pub use focal_plane::Pointing;
pub use header_map::{ExposureType, HeaderMap};
pub use section::Section;

use crate::error::{Error, Result};
use crate::fits::Header;

/// The cameras that come with the program: file name and text.
const BUILTIN: [(&str, &str); 5] = [
    ("testcam.yaml", include_str!("../../cameras/testcam.yaml")),
    ("testcam-s.yaml", include_str!("../../cameras/testcam-s.yaml")),
    ("testcam-xs.yaml", include_str!("../../cameras/testcam-xs.yaml")),
    ("decam.yaml", include_str!("../../cameras/decam.yaml")),
    ("lsst-like.yaml", include_str!("../../cameras/lsst-like.yaml")),
];

/// A camera, checked: names are unique, sections fit their images, amplifiers tile their detectors.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraModel {
    name: String,
    recognise: Vec<(String, Vec<String>)>,
    pixel_scale_arcsec: f64,
    pixel_um: f64,
    distortion: [f64; 2],
    filters: Vec<Filter>,
    raw_hdu: RawHdu,
    raw_marks: Vec<(String, Vec<String>)>,
    adc_bits: u32,
    detectors: Vec<DetectorModel>,
    headers: HeaderMap,
}

/// A filter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Its full name, as headers write it, or how that begins.
    pub name: String,
    /// Name of the band.
    pub band: String,
    /// Effective wavelength.
    pub wavelength_nm: f64,
    /// Full width of the transmission.
    pub width_nm: f64,
    /// AB magnitude of a star that gives one electron a second, above the atmosphere.
    #[serde(default)]
    pub electron_per_s_mag: Option<f64>,
}

/// What one image HDU of a raw file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RawHdu {
    /// One amplifier; the file is one detector.
    Amplifier,
    /// One detector with all its amplifiers; the file may hold several.
    Detector,
}

/// How the pixels of an amplifier are turned when they are put on the detector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flip {
    /// Not at all.
    #[default]
    None,
    /// Columns run backwards.
    X,
    /// Rows run backwards.
    Y,
    /// Both.
    Xy,
}

impl Flip {
    /// Whether columns run backwards.
    pub fn x(self) -> bool {
        matches!(self, Flip::X | Flip::Xy)
    }

    /// Whether rows run backwards.
    pub fn y(self) -> bool {
        matches!(self, Flip::Y | Flip::Xy)
    }
}

/// A detector of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorModel {
    /// Number, 0 to 255.
    pub id: i32,
    /// Name.
    pub name: String,
    /// Columns and rows, assembled.
    pub size_px: (usize, usize),
    /// Centre in the focal plane, mm.
    pub centre_mm: (f64, f64),
    /// Turn against the focal plane, counter-clockwise.
    pub rotation_deg: f64,
    /// The amplifiers; they cover the detector without overlap.
    pub amplifiers: Vec<Amplifier>,
    /// Elements of the crosstalk matrix that differ from zero.
    pub crosstalk: Vec<Crosstalk>,
}

/// An amplifier of a detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Amplifier {
    /// Name, unique in its detector.
    pub name: String,
    /// `EXTNAME` of its HDU, where each amplifier has one.
    pub hdu: Option<String>,
    /// Where its pixels lie on the assembled detector.
    pub bbox: Section,
    /// How they are turned on the way there.
    pub flip: Flip,
    /// Sections of the raw image.
    pub sections: Sections,
    /// Electrons per ADU.
    pub gain_e_per_adu: Given,
    /// Read noise, electrons.
    pub read_noise_e: Given,
    /// Saturation, ADU above the bias.
    pub saturation_adu: Given,
    /// A charge of Q electrons reads as Q (1 − c Q); this is c.
    pub nonlinearity_per_e: f64,
}

/// Sections of the raw image in which an amplifier's pixels stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Sections {
    /// Pixels that saw the sky.
    pub data: Place,
    /// Columns read before them.
    pub prescan: Option<Place>,
    /// Columns read after them, without pixels.
    pub serial_overscan: Option<Place>,
    /// Rows read after them, without pixels.
    pub parallel_overscan: Option<Place>,
}

/// An element of the crosstalk matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crosstalk {
    /// Index of the amplifier that is disturbed.
    pub target: usize,
    /// Index of the amplifier whose signal disturbs.
    pub source: usize,
    /// Part of the source's signal, in electrons, that appears in the target.
    pub coefficient: f64,
}

impl CameraModel {
    /// Read a camera from the text of its file; `path` is for messages only.
    ///
    /// # Errors
    /// [`Error::CameraYaml`] where the text is no such YAML (a wrong type: with line and column),
    /// [`Error::CameraModel`] with all unknown and missing keys, or everything that makes no sense.
    pub fn from_yaml(path: &Path, text: &str) -> Result<CameraModel> {
        let yaml = |source| Error::CameraYaml { path: path.to_owned(), source };
        let makes_no_sense = |problems| Error::CameraModel { path: path.to_owned(), problems };
        let problems = keys::problems(&serde_yaml_ng::from_str(text).map_err(yaml)?);
        if !problems.is_empty() {
            return Err(makes_no_sense(problems));
        }
        check::build(serde_yaml_ng::from_str(text).map_err(yaml)?).map_err(makes_no_sense)
    }

    /// Read a camera's file.
    ///
    /// # Errors
    /// Those of [`from_yaml`](Self::from_yaml), or a file that cannot be read.
    pub fn open(path: &Path) -> Result<CameraModel> {
        let text = fs::read_to_string(path)
            .map_err(|source| Error::Io { path: path.to_owned(), source })?;
        CameraModel::from_yaml(path, &text)
    }

    /// The cameras that come with the program.
    ///
    /// # Errors
    /// None but a bug: a test reads them all.
    pub fn builtin() -> Result<Vec<CameraModel>> {
        BUILTIN.iter().map(|(name, text)| CameraModel::from_yaml(Path::new(name), text)).collect()
    }

    /// The camera of that name, of those that come with the program.
    ///
    /// # Errors
    /// [`Error::UnknownCameraName`] with the names there are.
    pub fn named(name: &str) -> Result<CameraModel> {
        let mut known = Vec::new();
        for camera in CameraModel::builtin()? {
            if camera.name.eq_ignore_ascii_case(name) {
                return Ok(camera);
            }
            known.push(camera.name);
        }
        Err(Error::UnknownCameraName { name: name.to_owned(), known })
    }

    /// Name of the instrument.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a raw header is this camera's.
    pub fn recognises(&self, header: &Header) -> bool {
        self.recognise.iter().all(|(keyword, values)| {
            header.text(keyword).is_some_and(|text| is_among(values, text))
        })
    }

    /// Whether a header of this camera says that its image is raw, or that it is not; `None` where it
    /// has none of the keywords that tell.
    pub fn says_raw(&self, header: &Header) -> Option<bool> {
        let said = |(keyword, values): &(String, Vec<String>)| {
            Some(is_among(values, header.text(keyword)?))
        };
        self.raw_marks.iter().find_map(said)
    }

    /// The keywords by which raw headers are recognised, with the values that they may have.
    pub fn marks(&self) -> &[(String, Vec<String>)] {
        &self.recognise
    }

    /// Pixel scale at the centre of the field, arcsec.
    pub fn pixel_scale_arcsec(&self) -> f64 {
        self.pixel_scale_arcsec
    }

    /// Side of a pixel, micrometre.
    pub fn pixel_um(&self) -> f64 {
        self.pixel_um
    }

    /// The filters.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// The filter of a name as a header has it: the same, or the filter with whose name it begins.
    pub fn filter(&self, name: &str) -> Option<&Filter> {
        let exact = self.filters.iter().find(|filter| filter.name == name);
        exact.or_else(|| {
            self.filters.iter().find(|filter| {
                name.strip_prefix(&filter.name).is_some_and(|rest| rest.starts_with([' ', '_']))
            })
        })
    }

    /// The first filter of a band.
    pub fn filter_of_band(&self, band: &str) -> Option<&Filter> {
        self.filters.iter().find(|filter| filter.band == band)
    }

    /// What one image HDU of a raw file holds.
    pub fn raw_hdu(&self) -> RawHdu {
        self.raw_hdu
    }

    /// Largest number that the analogue-to-digital converter gives.
    pub fn adc_limit(&self) -> i32 {
        ((1_i64 << self.adc_bits) - 1) as i32
    }

    /// The detectors, in the order of the file.
    pub fn detectors(&self) -> &[DetectorModel] {
        &self.detectors
    }

    /// The detector of a number.
    pub fn detector(&self, id: i32) -> Option<&DetectorModel> {
        self.detectors.iter().find(|detector| detector.id == id)
    }

    /// The detector of a name.
    pub fn detector_named(&self, name: &str) -> Option<&DetectorModel> {
        self.detectors.iter().find(|detector| detector.name == name)
    }

    /// Where the facts of an exposure stand in raw headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

fn is_among(values: &[String], text: &str) -> bool {
    values.iter().any(|value| value.eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests;
