//! Rows of ForcedSource: each object in each visit that sees its place.

use arrow::array::ArrayRef;
use arrow::datatypes::{Int16Type, Int64Type};

use super::column::{bands, booleans, doubles, floats, integers};
use super::planes::plane_column;
use crate::band::Band;

/// Rows, column by column; NaN stands for NULL.
#[derive(Debug, Default)]
pub struct ForcedRows {
    pub object_id: Vec<i64>,
    pub visit: Vec<i64>,
    pub detector: Vec<i16>,
    pub band: Vec<Band>,
    pub ra: Vec<f64>,
    pub dec: Vec<f64>,
    pub flux: Vec<f32>,
    pub flux_err: Vec<f32>,
    pub diff: Vec<f32>,
    pub diff_err: Vec<f32>,
    pub planes: Vec<u16>,
}

impl ForcedRows {
    /// Return a column by its name.
    pub fn column(&self, name: &str) -> Option<ArrayRef> {
        Some(match name {
            "objectId" => integers::<Int64Type>(self.object_id.iter().copied()),
            // No object is a part of another.
            "parentObjectId" => integers::<Int64Type>(self.object_id.iter().map(|_| 0)),
            "visit" => integers::<Int64Type>(self.visit.iter().copied()),
            "detector" => integers::<Int16Type>(self.detector.iter().copied()),
            "band" => bands(self.band.iter()),
            "coord_ra" => doubles(self.ra.iter().copied()),
            "coord_dec" => doubles(self.dec.iter().copied()),
            "psfFlux" => floats(self.flux.iter().copied()),
            "psfFluxErr" => floats(self.flux_err.iter().copied()),
            "psfFlux_flag" => booleans(self.flux.iter().map(|flux| flux.is_nan())),
            "psfDiffFlux" => floats(self.diff.iter().copied()),
            "psfDiffFluxErr" => floats(self.diff_err.iter().copied()),
            "psfDiffFlux_flag" | "diff_PixelFlags_nodataCenter" => {
                booleans(self.diff.iter().map(|flux| flux.is_nan()))
            }
            "invalidPsfFlag" => booleans(self.object_id.iter().map(|_| false)),
            _ => return plane_column(name, &self.planes),
        })
    }
}
