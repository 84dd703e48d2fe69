//! From values to Arrow columns: NaN is NULL here, and there is no negative zero.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, PrimitiveArray, StringArray,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{ArrowPrimitiveType, TimestampMicrosecondType};

use crate::band::Band;

/// Make a column of 32-bit floats.
pub fn floats(values: impl Iterator<Item = f32>) -> ArrayRef {
    // Adding zero makes −0.0 zero.
    let mut values: Vec<f32> = values.map(|value| value + 0.0).collect();
    let nulls = values.iter().any(|value| value.is_nan()).then(|| {
        let nulls: NullBuffer = values.iter().map(|value| !value.is_nan()).collect();
        // What stands under a NULL is a number, so that later steps need no second look.
        values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
        nulls
    });
    Arc::new(Float32Array::new(values.into(), nulls))
}

/// Make a column of 64-bit floats.
pub fn doubles(values: impl Iterator<Item = f64>) -> ArrayRef {
    let mut values: Vec<f64> = values.map(|value| value + 0.0).collect();
    let nulls = values.iter().any(|value| value.is_nan()).then(|| {
        let nulls: NullBuffer = values.iter().map(|value| !value.is_nan()).collect();
        values.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
        nulls
    });
    Arc::new(Float64Array::new(values.into(), nulls))
}

/// Make a column of integers.
pub fn integers<T: ArrowPrimitiveType>(values: impl Iterator<Item = T::Native>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter_values(values))
}

/// Make a column of booleans.
pub fn booleans(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(BooleanArray::from(values.collect::<Vec<bool>>()))
}

/// Make a column of booleans, some of them NULL.
pub fn optional_booleans(values: impl Iterator<Item = Option<bool>>) -> ArrayRef {
    Arc::new(values.collect::<BooleanArray>())
}

/// Make a column of names of bands.
pub fn bands<'a>(values: impl Iterator<Item = &'a Band>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values.map(|band| band.letter())))
}

/// Make a column of names of filters.
pub fn filters<'a>(values: impl Iterator<Item = &'a Band>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values.map(|band| band.physical_filter())))
}

/// Make a column of instants from MJD, in the same time scale.
pub fn instants(values: impl Iterator<Item = f64>) -> ArrayRef {
    const UNIX_EPOCH_MJD: f64 = 40_587.0;
    const DAY_US: f64 = 86_400e6;
    integers::<TimestampMicrosecondType>(
        values.map(|mjd| ((mjd - UNIX_EPOCH_MJD) * DAY_US).round() as i64),
    )
}
