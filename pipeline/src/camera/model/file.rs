//! The YAML of a camera as it stands in its file, before it is checked.
//!
//! Unknown keys are refused. A value that each header knows better (a gain, a section) is given as the
//! keyword that holds it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

use super::header_map::HeaderMap;
use super::section::Section;
use super::{Filter, Flip, RawHdu};

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CameraFile {
    /// Name of the instrument.
    pub name: String,
    /// Keywords with the values by which a raw header is recognised, any one of each list; all keywords
    /// must agree.
    pub recognise: BTreeMap<String, Vec<String>>,
    /// Pixel scale at the centre of the field.
    pub pixel_scale_arcsec: f64,
    /// Side of a pixel.
    pub pixel_um: f64,
    /// Coefficients k₂, k₄ of the radial distortion: field angle = r (1 + k₂ r² + k₄ r⁴), degrees.
    #[serde(default)]
    pub distortion: [f64; 2],
    /// The filters.
    pub filters: Vec<Filter>,
    /// How raw files are laid out.
    pub raw: RawFile,
    /// Kinds of detectors by name.
    pub layouts: BTreeMap<String, LayoutFile>,
    /// The detectors.
    pub detectors: Vec<DetectorFile>,
    /// Where the facts of an exposure stand.
    pub headers: HeaderMap,
}

/// How raw files are laid out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    /// What one image HDU holds.
    pub hdu: RawHdu,
    /// Bits of the analogue-to-digital converter.
    pub adc_bits: u32,
    /// Keywords with the values by which a raw image is told from a calibrated one of the camera.
    #[serde(default)]
    pub marks: BTreeMap<String, Vec<String>>,
}

/// A kind of detector.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayoutFile {
    /// Columns and rows of the assembled detector.
    pub size_px: [usize; 2],
    /// Sections of the raw image that all amplifiers have alike.
    #[serde(default)]
    pub sections: SectionsFile,
    /// Departure from linearity c of all amplifiers: a charge of Q electrons reads as Q (1 − c Q).
    #[serde(default)]
    pub nonlinearity_per_e: f64,
    /// The amplifiers.
    pub amplifiers: Vec<AmplifierFile>,
    /// Crosstalk: what part of the source's signal appears in the target.
    #[serde(default)]
    pub crosstalk: Vec<CrosstalkFile>,
}

/// Sections of the raw image of an amplifier (or of the detector, where an HDU holds all of it).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SectionsFile {
    pub data: Option<Place>,
    pub prescan: Option<Place>,
    pub serial_overscan: Option<Place>,
    pub parallel_overscan: Option<Place>,
}

/// An amplifier.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AmplifierFile {
    pub name: String,
    /// `EXTNAME` of its HDU, where each amplifier has one.
    pub hdu: Option<String>,
    /// Where its pixels lie on the assembled detector.
    pub detector: Section,
    #[serde(default)]
    pub flip: Flip,
    /// Electrons per ADU.
    pub gain: Given,
    /// Read noise, electrons.
    pub read_noise: Given,
    /// Saturation, ADU above the bias.
    pub saturation: Given,
    #[serde(default)]
    pub sections: SectionsFile,
    pub nonlinearity_per_e: Option<f64>,
}

/// One element of the crosstalk matrix.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CrosstalkFile {
    pub target: String,
    pub source: String,
    pub coefficient: f64,
}

/// A detector in the focal plane.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DetectorFile {
    pub id: i32,
    pub name: String,
    pub layout: String,
    /// Centre in the focal plane.
    pub x_mm: f64,
    pub y_mm: f64,
    /// Turn against the focal plane, counter-clockwise.
    #[serde(default)]
    pub rotation_deg: f64,
}

/// A number, or the keyword of the header that holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// The number.
    Number(f64),
    /// The keyword.
    Keyword(String),
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Given, D::Error> {
        struct GivenVisitor;
        impl Visitor<'_> for GivenVisitor {
            type Value = Given;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or the header keyword that holds it")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Given, E> {
                Ok(Given::Number(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Given, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Given, E> {
                Ok(Given::Number(value as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Given, E> {
                Ok(Given::Keyword(text.to_owned()))
            }
        }
        deserializer.deserialize_any(GivenVisitor)
    }
}

/// A section, or the keyword of the header that holds it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum Place {
    /// The section.
    Fixed(Section),
    /// The keyword.
    Keyword(String),
}

impl TryFrom<String> for Place {
    type Error = super::section::NoSection;

    fn try_from(text: String) -> Result<Place, Self::Error> {
        if text.trim_start().starts_with('[') {
            return Ok(Place::Fixed(text.parse()?));
        }
        Ok(Place::Keyword(text))
    }
}
