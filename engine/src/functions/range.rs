//! Ranges of values of which nothing is known but their type.
//!
//! To learn how sort keys are ordered, DataFusion asks functions for the range of their values. Where
//! one is silent its range has no type; functions of it may then fail, and a plan that sorts by them
//! is refused (as of version 55).

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;

/// Any double.
pub(crate) fn any_double() -> Result<Interval> {
    Interval::make_unbounded(&DataType::Float64)
}

/// Any number of the type of a range; a double where it has none.
pub(crate) fn any_like(range: Option<&&Interval>) -> Result<Interval> {
    match range.map(|range| range.data_type()) {
        Some(number) if number.is_numeric() => Interval::make_unbounded(&number),
        _ => any_double(),
    }
}
