//! Numbers of files of others, as rows of a catalog have them: no NaN, no infinity, no −0.0, longitudes
//! within one turn.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use crate::sphgeom::normalize_lon_deg;

/// What numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Any.
    Any,
    /// Longitudes of the position that a table is kept by, degrees.
    Longitudes,
}

/// Return a column as a commit of its values would have left it; columns without floats pass as they are.
pub fn clean(values: &ArrayRef, numbers: Numbers) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => {
            let floats = values.as_primitive::<Float32Type>();
            if floats.values().iter().all(|value| is_clean(f64::from(*value))) {
                return Arc::clone(values);
            }
            let cleaned: PrimitiveArray<Float32Type> =
                floats.unary_opt(|value| value.is_finite().then_some(value + 0.0));
            Arc::new(cleaned)
        }
        DataType::Float64 => {
            let turn = |value: f64| match numbers {
                Numbers::Longitudes if !(0.0..360.0).contains(&value) => normalize_lon_deg(value),
                _ => value + 0.0,
            };
            let is_in_turn = |value: f64| numbers == Numbers::Any || (0.0..360.0).contains(&value);
            let floats = values.as_primitive::<Float64Type>();
            if floats.values().iter().all(|value| is_clean(*value) && is_in_turn(*value)) {
                return Arc::clone(values);
            }
            let cleaned: PrimitiveArray<Float64Type> =
                floats.unary_opt(|value| value.is_finite().then(|| turn(value)));
            Arc::new(cleaned)
        }
        _ => Arc::clone(values),
    }
}

fn is_clean(value: f64) -> bool {
    value.is_finite() && !(value == 0.0 && value.is_sign_negative())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, Float32Array, Float64Array};

    #[test]
    fn what_is_no_number_is_null() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![
            Some(1.5),
            Some(f64::NAN),
            None,
            Some(-0.0),
            Some(f64::INFINITY),
            Some(-10.0),
            Some(360.0),
        ]));
        let cleaned = clean(&values, Numbers::Any);
        let cleaned = cleaned.as_primitive::<Float64Type>();
        let expected = [Some(1.5), None, None, Some(0.0), None, Some(-10.0), Some(360.0)];
        assert_eq!(cleaned.iter().collect::<Vec<_>>(), expected);
        assert!(cleaned.value(3).is_sign_positive());
        let turned = clean(&values, Numbers::Longitudes);
        let turned: Vec<_> = turned.as_primitive::<Float64Type>().iter().collect();
        assert_eq!(turned, [Some(1.5), None, None, Some(0.0), None, Some(350.0), Some(0.0)]);
        let single: ArrayRef = Arc::new(Float32Array::from(vec![f32::NAN, -0.0, 2.0]));
        let single = clean(&single, Numbers::Any);
        assert_eq!((single.null_count(), single.data_type()), (1, &DataType::Float32));
        let whole: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0]));
        assert!(Arc::ptr_eq(&whole, &clean(&whole, Numbers::Longitudes)));
    }
}
