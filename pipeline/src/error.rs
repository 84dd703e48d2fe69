//! What can go wrong between a file and a measured row.

use std::path::PathBuf;

pub use crate::camera::model::CameraProblem;
use crate::identifier::SourceIdentity;

/// The result of a pipeline operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the image pipeline; each names the file and, where there is one, the HDU.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to process.
    #[error("no FITS image in {}", paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoFrames {
        /// The files and folders that were named.
        paths: Vec<PathBuf>,
    },
    /// A file of reference stars lacks columns.
    #[error("{}: no column {}", path.display(), missing.join(", no column "))]
    ReferenceColumns {
        /// The file.
        path: PathBuf,
        /// What is missing.
        missing: Vec<String>,
    },
    /// A file holds no PSF model as PSFEx writes them.
    #[error("{}: no PSF model of PSFEx: {reason}", path.display())]
    NoPsfModel {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// The world coordinates of an image could not be fitted to the reference stars.
    #[error("no world coordinates from the stars of {}: {source}", path.display())]
    Astrometry {
        /// The file of the stars.
        path: PathBuf,
        /// Why.
        source: crate::astrometry::AstrometryError,
    },
    /// Too few reference stars are seen on an image.
    #[error("{}: {found} of its stars are seen on the image, {needed} are needed for a zero point", path.display())]
    FewReferenceStars {
        /// The file of the stars.
        path: PathBuf,
        /// Stars that were found.
        found: usize,
        /// Stars that are needed.
        needed: usize,
    },
    /// The catalog holds another image of the same visit and detector.
    #[error("{}: the catalog holds another image of visit {visit}, detector {detector}", path.display())]
    VisitExists {
        /// The image.
        path: PathBuf,
        /// The visit that both claim.
        visit: i64,
        /// The detector that both claim.
        detector: i32,
    },
    /// The catalog has no such row.
    #[error("{table} has no row of {row}")]
    NoSuchRow {
        /// What names it.
        row: String,
        /// The table.
        table: &'static str,
    },
    /// The catalog is older than a column that pipelines read.
    #[error(
        "table {table} of the catalog has no column {column}, of which pipelines read older rows; \
         `almagest alter CATALOG {table} add-column {column} {datatype}` adds it"
    )]
    OldTable {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type, as Felis calls it.
        datatype: &'static str,
    },
    /// An identity does not fit the bits of an id.
    #[error("visit {}, detector {}, source {}: does not fit the bits of an id", identity.visit, identity.detector, identity.counter)]
    IdentityRange {
        /// The identity.
        identity: SourceIdentity,
    },
    /// A dataset, collection or condition.
    #[error(transparent)]
    Butler(#[from] crate::butler::ButlerError),
    /// A calibration that cannot be made or used.
    #[error(transparent)]
    Calibration(#[from] crate::calibration::CalibrationError),
    /// A pipeline or its settings.
    #[error(transparent)]
    Definition(#[from] crate::definition::DefinitionError),
    /// A definition of tables that cannot be read.
    #[error(transparent)]
    Felis(#[from] almagest_storage::schema::felis::FelisError),
    /// A run that cannot be, or a task that broke its frame.
    #[error(transparent)]
    Executor(#[from] crate::executor::ExecutorError),
    /// The catalog refused rows.
    #[error(transparent)]
    Ingest(#[from] almagest_ingest::Error),
    /// The catalog could not be read or written.
    #[error(transparent)]
    Storage(#[from] almagest_storage::Error),
    /// No visit is of a night.
    #[error("no visit in the night {night}{}", newest.map_or(String::new(), |newest| format!("; the newest night of the catalog is {newest}")))]
    NoVisits {
        /// The night.
        night: i64,
        /// The newest night that has visits.
        newest: Option<i64>,
    },
    /// A figure of a report could not be drawn: a bug.
    #[error("cannot draw a figure: {reason}")]
    Figure {
        /// What the drawing library said.
        reason: String,
    },
    /// Rows could not be built: a bug.
    #[error("rows of measurements: {0}")]
    Rows(#[from] arrow::error::ArrowError),
    /// The operating system refused a file or folder.
    #[error("cannot {} {}: {source}", verb(source), path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file does not begin like a FITS file.
    #[error("{} is not a FITS file: {reason}", path.display())]
    NotFits {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        reason: String,
    },
    /// The file ends before the data that its headers announce.
    #[error("{} is truncated: HDU {hdu} needs {needed} bytes, the file has {found}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// Bytes of the file up to the end of that HDU's data, or of the header block being read.
        needed: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// CFITSIO reported an error.
    #[error("{}: HDU {hdu}: {action}: {message} (CFITSIO status {status})", path.display())]
    Cfitsio {
        /// The file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// What was being done.
        action: &'static str,
        /// CFITSIO's text for the status.
        message: String,
        /// CFITSIO's status.
        status: i32,
    },
    /// No HDU of the file holds an image of two dimensions.
    #[error("{}: no HDU holds an image", path.display())]
    NoImage {
        /// The file.
        path: PathBuf,
    },
    /// The header lacks keywords of its world coordinates, or they make no sense.
    #[error("{}: HDU {hdu}: {source}", path.display())]
    Wcs {
        /// The file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// What is missing or wrong.
        source: WcsError,
    },
    /// Header, file name, sidecar and options together do not say enough about a frame.
    #[error(
        "{}: HDU {hdu}: camera rule {rule}: missing {}",
        path.display(),
        missing.join("; ")
    )]
    MissingFacts {
        /// The file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// The camera rule that was applied.
        rule: &'static str,
        /// Each missing fact with the ways to give it.
        missing: Vec<String>,
    },
    /// A header value contradicts its meaning, as an exposure time below zero does.
    #[error("{}: HDU {hdu}: {keyword} = {value}: {reason}", path.display())]
    BadValue {
        /// The file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// The keyword, sidecar key or option.
        keyword: String,
        /// Its value.
        value: String,
        /// Why it cannot be.
        reason: String,
    },
    /// The file of a camera is not YAML, or has keys or types that it should not have.
    #[error("{}: {source}", path.display())]
    CameraYaml {
        /// The camera's file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// The file of a camera describes none that there could be.
    #[error("{}: {}", path.display(), problems.iter().map(|problem| problem.to_string()).collect::<Vec<_>>().join("; "))]
    CameraModel {
        /// The camera's file.
        path: PathBuf,
        /// Everything that is wrong with it.
        problems: Vec<CameraProblem>,
    },
    /// No camera has that name.
    #[error("there is no camera {name}; known are {}", known.join(", "))]
    UnknownCameraName {
        /// The name that was asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// No camera recognises a raw frame.
    #[error("{}: no camera recognises it by {seen}; known are {}; --camera FILE describes another", path.display(), known.join(", "))]
    UnknownCamera {
        /// The raw file.
        path: PathBuf,
        /// The keywords that were looked at, with their values.
        seen: String,
        /// The cameras that were asked.
        known: Vec<String>,
    },
    /// A raw frame where a calibrated image was wanted.
    #[error("{}: a raw frame of {camera}, not a calibrated image (butler ingest-raws takes raw frames, the pipelines isr and survey calibrate them)", path.display())]
    RawNotCalibrated {
        /// The raw file.
        path: PathBuf,
        /// Its camera.
        camera: String,
    },
    /// A raw frame of a known camera lacks facts or amplifiers.
    #[error("{}: HDU {hdu}: {camera}: {}", path.display(), missing.join("; "))]
    RawFrame {
        /// The raw file.
        path: PathBuf,
        /// Number of the HDU, 0 for the primary one.
        hdu: usize,
        /// The camera that recognised it.
        camera: String,
        /// Everything that is missing or wrong.
        missing: Vec<String>,
    },
    /// A configuration of the simulator that makes no sense.
    #[error("{key}: {reason}")]
    SimulateConfig {
        /// The key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A truth table could not be written.
    #[error("{}: {source}", path.display())]
    TruthTable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: parquet::errors::ParquetError,
    },
    /// World coordinates could not be made.
    #[error(transparent)]
    Pointing(#[from] WcsError),
    /// A weight or mask does not fit its image.
    #[error("{}: {reason}", path.display())]
    Companion {
        /// The weight or mask file.
        path: PathBuf,
        /// Why it cannot serve.
        reason: String,
    },
    /// A sidecar file cannot be understood.
    #[error("{}: {source}", path.display())]
    Sidecar {
        /// The sidecar file.
        path: PathBuf,
        /// Where and why.
        source: serde_yaml_ng::Error,
    },
    /// Two different frames claim one visit and detector.
    #[error(
        "visit {visit}, detector {detector} is claimed by two frames: {} and {}",
        first.display(),
        second.display()
    )]
    IdentityConflict {
        /// The claimed visit.
        visit: i64,
        /// The claimed detector.
        detector: i32,
        /// The frame that came first.
        first: PathBuf,
        /// The frame that came second.
        second: PathBuf,
    },
    /// No pixel of an exposure shows the sky.
    #[error("visit {visit}, detector {detector}: no usable pixel to estimate the sky from")]
    NoSky {
        /// The visit.
        visit: i64,
        /// The detector.
        detector: i32,
    },
    /// A time could not be understood.
    #[error("time '{text}' is neither an ISO 8601 date in UTC nor an MJD in TAI")]
    BadTime {
        /// The text as given.
        text: String,
    },
}

impl Error {
    /// There is no room for a file; with room, another attempt may succeed.
    pub(crate) fn no_space(path: PathBuf) -> Self {
        let kind = std::io::ErrorKind::StorageFull;
        Self::Io { path, source: std::io::Error::new(kind, "no space left on the disk") }
    }
}

/// What could not be done with a file.
fn verb(reason: &std::io::Error) -> &'static str {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(reason.kind(), StorageFull | QuotaExceeded) { "write" } else { "read" }
}

/// What can be wrong with the world coordinates of a header.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WcsError {
    /// A needed keyword is absent.
    #[error("no world coordinates: keyword {keyword} is missing")]
    MissingKeyword {
        /// The first keyword that is missing.
        keyword: String,
    },
    /// A projection or distortion that is not one of TAN, TAN-SIP and TPV.
    #[error("world coordinates {keyword} = '{value}' are not supported (TAN, TAN-SIP and TPV are)")]
    Unsupported {
        /// The keyword that names it.
        keyword: String,
        /// Its value.
        value: String,
    },
    /// A keyword whose value is not a finite number in its range.
    #[error("world coordinates: {keyword} = {value} is not {expected}")]
    BadKeyword {
        /// The keyword.
        keyword: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The matrix from pixels to degrees cannot be inverted.
    #[error("world coordinates: the CD matrix is singular")]
    SingularMatrix,
}
