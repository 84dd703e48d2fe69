//! Columns of rows under way, by name.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;

use crate::measurement::PixelFlags;

/// MJD of 1970-01-01T00:00:00.
const UNIX_EPOCH_MJD: f64 = 40_587.0;
const MICROSECONDS_PER_DAY: f64 = 86_400e6;

/// One flag of pixels.
type PixelFlag = fn(&PixelFlags) -> bool;

/// Columns of equal length. Ingest casts them to the types of the table.
#[derive(Debug, Default)]
pub(super) struct Columns {
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    fn push(&mut self, name: &str, array: ArrayRef) -> &mut Self {
        self.fields.push(Field::new(name, array.data_type().clone(), true));
        self.arrays.push(array);
        self
    }

    pub fn integers(&mut self, name: &str, values: impl Iterator<Item = i64>) -> &mut Self {
        self.push(name, Arc::new(values.collect::<Int64Array>()))
    }

    pub fn known_integers(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> &mut Self {
        self.push(name, Arc::new(values.collect::<Int64Array>()))
    }

    pub fn numbers(&mut self, name: &str, values: impl Iterator<Item = f64>) -> &mut Self {
        self.push(name, Arc::new(values.collect::<Float64Array>()))
    }

    pub fn known_numbers(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<f64>>,
    ) -> &mut Self {
        self.push(name, Arc::new(values.collect::<Float64Array>()))
    }

    pub fn flags(&mut self, name: &str, values: impl Iterator<Item = bool>) -> &mut Self {
        self.push(name, Arc::new(values.map(Some).collect::<BooleanArray>()))
    }

    pub fn texts<'a>(
        &mut self,
        name: &str,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> &mut Self {
        self.push(name, Arc::new(values.collect::<StringArray>()))
    }

    /// Instants, given as MJD.
    pub fn instants(&mut self, name: &str, mjds: impl Iterator<Item = f64>) -> &mut Self {
        let microseconds =
            |mjd: f64| ((mjd - UNIX_EPOCH_MJD) * MICROSECONDS_PER_DAY).round() as i64;
        self.push(
            name,
            Arc::new(TimestampMicrosecondArray::from_iter_values(mjds.map(microseconds))),
        )
    }

    /// The flags of pixels that all measured tables share.
    pub fn pixel_flags<'a>(
        &mut self,
        pixels: impl Iterator<Item = &'a PixelFlags> + Clone,
    ) -> &mut Self {
        let shared: [(&str, PixelFlag); 11] = [
            ("bad", PixelFlags::bad),
            ("cr", PixelFlags::cr),
            ("crCenter", PixelFlags::cr_center),
            ("edge", PixelFlags::edge),
            ("interpolated", PixelFlags::interpolated),
            ("interpolatedCenter", PixelFlags::interpolated_center),
            ("nodata", PixelFlags::nodata),
            ("saturated", PixelFlags::saturated),
            ("saturatedCenter", PixelFlags::saturated_center),
            ("suspect", PixelFlags::suspect),
            ("suspectCenter", PixelFlags::suspect_center),
        ];
        for (name, flag) in shared {
            self.flags(&format!("pixelFlags_{name}"), pixels.clone().map(flag));
        }
        self
    }

    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays)
    }
}
