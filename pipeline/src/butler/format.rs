//! What datasets are in memory, and how each storage class goes to a file and comes back.
//!
//! | class | in memory | file |
//! |---|---|---|
//! | raw | [`RawFrame`] | FITS, as a camera wrote it |
//! | calibration | [`CalibrationFrame`] | FITS: image, mask, variance, facts in the header |
//! | exposure | [`Exposure`] | FITS, as a camera or Almagest wrote it |
//! | image | `Array2<f32>` | FITS, one extension |
//! | psf | [`MeasuredPsf`] | FITS: the basis images and stars, numbers in the header |
//! | table | [`RecordBatch`] | Parquet; CSV, FITS, VOTable… where others wrote it |
//! | document | [`serde_json::Value`] | JSON |
//! | text | [`String`] | YAML |
//!
//! What is written is read back number for number, and equal values make equal bytes.

mod calibration;
mod frame;
mod psf;
mod raw;
mod table;

use std::path::Path;

use arrow::array::RecordBatch;
use ndarray::Array2;

pub use frame::ReadInstructions;
pub use psf::MeasuredPsf;
pub(super) use raw::cameras;

use super::ButlerError;
use super::dataset::StorageClass;
use super::datastore::io;
use crate::calibration::CalibrationFrame;
use crate::camera::{RawFrame, write_exposure, write_raw};
use crate::error::Result;
use crate::exposure::Exposure;
use crate::fits::{Card, Compression, FitsReader, FitsWriter};

/// A dataset in memory.
#[derive(Debug, Clone)]
pub enum Value {
    /// The amplifiers of a detector, uncorrected.
    Raw(Box<RawFrame>),
    /// A calibration image of a detector.
    Calibration(Box<CalibrationFrame>),
    /// An image of a detector with all that belongs to it.
    Exposure(Box<Exposure>),
    /// An image of numbers.
    Image(Array2<f32>),
    /// A point-spread function.
    Psf(Box<MeasuredPsf>),
    /// Rows.
    Table(RecordBatch),
    /// Facts.
    Document(serde_json::Value),
    /// Text.
    Text(String),
}

impl Value {
    /// The storage class that keeps it.
    pub fn storage_class(&self) -> StorageClass {
        match self {
            Self::Raw(_) => StorageClass::Raw,
            Self::Calibration(_) => StorageClass::Calibration,
            Self::Exposure(_) => StorageClass::Exposure,
            Self::Image(_) => StorageClass::Image,
            Self::Psf(_) => StorageClass::Psf,
            Self::Table(_) => StorageClass::Table,
            Self::Document(_) => StorageClass::Document,
            Self::Text(_) => StorageClass::Text,
        }
    }

    /// Write it to a file.
    pub fn write(&self, path: &Path) -> Result<()> {
        match self {
            Self::Raw(frame) => write_raw(path, frame, Compression::None),
            Self::Calibration(frame) => calibration::write(path, frame),
            Self::Exposure(exposure) => write_exposure(path, exposure),
            Self::Image(image) => write_image(path, image),
            Self::Psf(psf) => psf::write(path, psf),
            Self::Table(rows) => table::write(path, rows),
            Self::Document(document) => {
                let text = format!("{document:#}\n");
                Ok(std::fs::write(path, text).map_err(|source| io(path, source))?)
            }
            Self::Text(text) => Ok(std::fs::write(path, text).map_err(|source| io(path, source))?),
        }
    }

    /// Read a file of a storage class.
    ///
    /// # Errors
    /// A file that cannot be read, or is not what the class says.
    pub fn read(
        path: &Path,
        class: StorageClass,
        instructions: Option<&ReadInstructions>,
    ) -> Result<Self> {
        let text = || std::fs::read_to_string(path).map_err(|source| io(path, source));
        Ok(match class {
            StorageClass::Raw => Self::Raw(Box::new(raw::read(path, instructions)?)),
            StorageClass::Calibration => Self::Calibration(Box::new(calibration::read(path)?)),
            StorageClass::Exposure => Self::Exposure(Box::new(frame::read(path, instructions)?)),
            StorageClass::Image => Self::Image(read_image(path)?),
            StorageClass::Psf => Self::Psf(Box::new(psf::read(path)?)),
            StorageClass::Table => Self::Table(table::read(path)?),
            StorageClass::Document => {
                let damaged = |error: serde_json::Error| ButlerError::Damaged {
                    path: path.to_owned(),
                    reason: error.to_string(),
                };
                Self::Document(serde_json::from_str(&text()?).map_err(damaged)?)
            }
            StorageClass::Text => Self::Text(text()?),
        })
    }
}

fn write_image(path: &Path, image: &Array2<f32>) -> Result<()> {
    let mut file = FitsWriter::create(path, &[])?;
    file.image(image, &[Card::new("EXTNAME", "IMAGE", "")], Compression::None)?;
    file.finish()
}

fn read_image(path: &Path) -> Result<Array2<f32>> {
    let mut file = FitsReader::open(path)?;
    let index = file.images().next().map(|hdu| hdu.index);
    let none = || crate::Error::NoImage { path: path.to_owned() };
    file.read_image(index.ok_or_else(none)?)
}
