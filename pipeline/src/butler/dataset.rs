//! Dataset types, and references to datasets.

use std::fmt;
use std::path::PathBuf;

use super::data_id::DataId;
use super::dimension::DimensionSet;

/// How a dataset is kept in a file and in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StorageClass {
    /// The amplifiers of one detector as a camera wrote them: FITS.
    Raw,
    /// A calibration image of one detector, such as a master flat: FITS.
    Calibration,
    /// Pixels, mask, variance, world coordinates and calibration of one detector: FITS.
    Exposure,
    /// An image of numbers alone, such as a background: FITS.
    Image,
    /// A point-spread function with its aperture correction: FITS.
    Psf,
    /// Rows: Parquet as written, any format that ingest reads where it is a file of others.
    Table,
    /// Facts for people and programs: JSON.
    Document,
    /// Configuration, and whatever else people write: text, as YAML.
    Text,
}

impl StorageClass {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        Self::Calibration,
        Self::Exposure,
        Self::Image,
        Self::Psf,
        Self::Table,
        Self::Document,
        Self::Text,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Calibration => "calibration",
            Self::Exposure => "exposure",
            Self::Image => "image",
            Self::Psf => "psf",
            Self::Table => "table",
            Self::Document => "document",
            Self::Text => "text",
        }
    }

    /// The class of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// How its files' names end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Raw | Self::Calibration | Self::Exposure | Self::Image | Self::Psf => "fits",
            Self::Table => "parquet",
            Self::Document => "json",
            Self::Text => "yaml",
        }
    }
}

impl fmt::Display for StorageClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A kind of dataset: what it is, and which dimensions tell its members apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetType {
    /// Its name, as `visit_image`.
    pub name: String,
    /// The dimensions of its data ids.
    pub dimensions: DimensionSet,
    /// How it is kept.
    pub storage_class: StorageClass,
}

impl DatasetType {
    /// A dataset type.
    pub fn new(name: &str, dimensions: DimensionSet, storage_class: StorageClass) -> Self {
        Self { name: name.to_owned(), dimensions, storage_class }
    }
}

impl fmt::Display for DatasetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} of {}", self.name, self.storage_class, self.dimensions)
    }
}

/// A dataset that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetRef {
    /// Its number in this registry.
    pub number: i64,
    /// Its identity anywhere: it follows from run, type and data id (UUID, version 8).
    pub uuid: String,
    /// Its type.
    pub dataset_type: DatasetType,
    /// Its data id.
    pub data_id: DataId,
    /// The run that owns it.
    pub run: String,
    /// Where it is: relative to the datastore, or anywhere where it was taken in place.
    pub path: PathBuf,
    /// Size of its file, bytes.
    pub size_bytes: u64,
    /// SHA-256 of its file, hexadecimal.
    pub checksum: String,
    /// How to read it where its own file does not tell all: JSON of
    /// [`ReadInstructions`](super::format::ReadInstructions).
    pub instructions: Option<String>,
    /// The quantum that made it.
    pub quantum: Option<i64>,
}

impl fmt::Display for DatasetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) of {}", self.dataset_type.name, self.data_id, self.run)
    }
}
