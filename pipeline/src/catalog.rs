//! Measurements as rows of the survey's tables: one file a table.
//!
//! Columns carry the names and units of the schema `survey`; what is not measured is left out, and
//! ingest fills it with NULL. A NaN is written here as it was measured, and becomes NULL at ingest.

mod columns;
pub mod forced_source;
pub mod metric;
pub mod object;
pub mod source;
pub mod visit;
pub mod visit_detector;

pub use forced_source::forced_source_rows;
pub use object::object_rows;
pub use source::source_rows;
pub use visit::visit_rows;
pub use visit_detector::{visit_detector_rows, with_rows_checksum};

use crate::astrometry::AstrometrySolution;
use crate::characterize::{Characterized, EffectiveTime};
use crate::exposure::Exposure;

/// An exposure with what was measured on it.
#[derive(Debug)]
pub struct MeasuredExposure {
    /// The exposure as it was read.
    pub exposure: Exposure,
    /// What was found on it.
    pub characterized: Characterized,
    /// Name of the image's file.
    pub image_name: String,
    /// SHA-256 of the image's file, hexadecimal.
    pub image_checksum: String,
    /// How the world coordinates were fitted.
    pub astrometry: Option<AstrometrySolution>,
    /// Exposure time under reference conditions.
    pub effective_time: Option<EffectiveTime>,
}
