//! Floats without NaN, infinities and negative zeros; longitudes within one turn.

use std::sync::Arc;

use almagest_storage::sphgeom::normalize_lon_deg;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::Infinities;
use super::check::Requirement;
use super::fault::Faults;
use crate::error::ValueProblem;

/// A column after cleaning, and what was cleaned away.
pub(super) struct Cleaned {
    pub values: ArrayRef,
    /// NaNs that became NULL.
    pub nans: u64,
    /// Infinities that became NULL.
    pub infinities: u64,
}

/// Clean a column; columns without floats pass as they are.
pub(super) fn clean(
    values: &ArrayRef,
    requirement: Requirement,
    infinities: Infinities,
    faults: &mut Faults,
) -> Cleaned {
    match values.data_type() {
        DataType::Float32 => clean_floats::<Float32Type>(values, requirement, infinities, faults),
        DataType::Float64 => clean_floats::<Float64Type>(values, requirement, infinities, faults),
        _ => Cleaned { values: Arc::clone(values), nans: 0, infinities: 0 },
    }
}

fn clean_floats<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    requirement: Requirement,
    policy: Infinities,
    faults: &mut Faults,
) -> Cleaned
where
    T::Native: Into<f64> + Default,
{
    let floats = array.as_primitive::<T>();
    // Most columns are clean already, and then nothing is copied.
    if floats.values().iter().all(|&value| is_clean(value.into())) {
        return Cleaned { values: Arc::clone(array), nans: 0, infinities: 0 };
    }
    let (mut nans, mut infinities) = (0, 0);
    let cleaned = floats.iter().enumerate().map(|(row, native)| {
        let native = native?;
        let value: f64 = native.into();
        if value == 0.0 {
            return Some(T::Native::default());
        }
        if value.is_finite() {
            return Some(native);
        }
        let is_refused = requirement == Requirement::Required
            || (value.is_infinite() && policy == Infinities::Refuse);
        if is_refused {
            faults.add(row, ValueProblem::NotFinite, || value.to_string());
        } else if value.is_nan() {
            nans += 1;
        } else {
            infinities += 1;
        }
        None
    });
    let values = Arc::new(cleaned.collect::<PrimitiveArray<T>>());
    Cleaned { values, nans, infinities }
}

fn is_clean(value: f64) -> bool {
    value.is_finite() && !(value == 0.0 && value.is_sign_negative())
}

/// Bring longitudes, degrees, into [0, 360) by whole turns; return how many were elsewhere.
///
/// Any finite longitude is a place on the sky, and surveys count from -180 as well as from 0; a
/// comparison of the column's values must not tell the same places apart.
pub(super) fn turned(values: &ArrayRef) -> (ArrayRef, u64) {
    let Some(longitudes) = values.as_primitive_opt::<Float64Type>() else {
        return (Arc::clone(values), 0);
    };
    let is_elsewhere = |longitude: f64| !(0.0..360.0).contains(&longitude);
    let n_turned = longitudes.iter().flatten().filter(|value| is_elsewhere(*value)).count();
    if n_turned == 0 {
        return (Arc::clone(values), 0);
    }
    let turned = longitudes.iter().map(|longitude| longitude.map(normalize_lon_deg));
    (Arc::new(turned.collect::<PrimitiveArray<Float64Type>>()), n_turned as u64)
}
