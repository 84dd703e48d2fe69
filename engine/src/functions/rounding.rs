//! `round_to` and `truncate_to` (x, places): decimal places; below 0: tens, hundreds, …

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array};
use datafusion::error::Result;

use super::row_function::{
    Argument::{Integer, Number},
    Call, Returns, RowFunction,
};

pub(super) const FUNCTIONS: [RowFunction; 2] = [
    RowFunction {
        name: "round_to",
        overloads: &[&[Number], &[Number, Integer]],
        returns: Returns::Number,
        body: |call| apply(call, f64::round),
    },
    RowFunction {
        name: "truncate_to",
        overloads: &[&[Number], &[Number, Integer]],
        returns: Returns::Number,
        body: |call| apply(call, f64::trunc),
    },
];

fn apply(call: &Call<'_>, cut: fn(f64) -> f64) -> Result<ArrayRef> {
    let numbers = call.numbers(0)?;
    if call.count() == 1 {
        return Ok(Arc::new(numbers.unary::<_, datafusion::arrow::datatypes::Float64Type>(cut)));
    }
    let places = call.integers(1)?;
    let cut: Float64Array = numbers
        .iter()
        .enumerate()
        .map(|(row, x)| x.filter(|_| places.is_valid(row)).map(|x| at(x, places.value(row), cut)))
        .collect();
    Ok(Arc::new(cut))
}

/// Cut `x` at a decimal place. A place beyond all digits of a double leaves it as it is.
fn at(x: f64, places: i64, cut: fn(f64) -> f64) -> f64 {
    let power = |n: i64| 10_f64.powi(i32::try_from(n.min(400)).unwrap_or(400));
    if places >= 0 {
        let scaled = x * power(places);
        // From 2^53 on, doubles have no fraction.
        if scaled.abs() < 9_007_199_254_740_992.0 { cut(scaled) / power(places) } else { x }
    } else {
        let unit = power(places.saturating_neg());
        if unit.is_finite() { cut(x / unit) * unit } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_on_both_sides_of_the_point() {
        for (x, places, rounded, truncated) in [
            (2.567, 2, 2.57, 2.56),
            (-2.567, 1, -2.6, -2.5),
            (1234.5, -2, 1200.0, 1200.0),
            (-1250.0, -2, -1300.0, -1200.0),
            (0.5, 0, 1.0, 0.0),
            (1e300, 10, 1e300, 1e300),
            (0.1, 400, 0.1, 0.1),
            (123.0, -400, 0.0, 0.0),
            (123.0, i64::MIN, 0.0, 0.0),
        ] {
            assert_eq!(at(x, places, f64::round), rounded, "ROUND({x}, {places})");
            assert_eq!(at(x, places, f64::trunc), truncated, "TRUNCATE({x}, {places})");
        }
    }
}
