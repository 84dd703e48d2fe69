//! The value of rows that have none of their own: of a column that was added after them, or that
//! their input lacks.

use std::fmt;
use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::Datatype;

/// A value of a column's type.
#[derive(Debug, Clone, PartialEq)]
pub enum DefaultValue {
    /// Of columns of truth values.
    Boolean(bool),
    /// Of columns of integers.
    Integer(i64),
    /// Of columns of floating-point numbers; finite.
    Real(f64),
    /// Of columns of text, and of timestamps in ISO 8601.
    Text(String),
}

impl DefaultValue {
    /// Read a value of a type; `None` where the text is none, or one that does not fit.
    ///
    /// # Arguments
    /// * `length` - how many characters a text has at most
    pub fn parse(text: &str, datatype: Datatype, length: Option<u32>) -> Option<Self> {
        let value = match datatype {
            Datatype::Boolean => text.parse().ok().map(Self::Boolean),
            Datatype::Byte | Datatype::Short | Datatype::Int | Datatype::Long => {
                text.parse().ok().map(Self::Integer)
            }
            Datatype::Float | Datatype::Double => {
                text.parse().ok().filter(|real: &f64| real.is_finite()).map(Self::Real)
            }
            Datatype::Binary => None,
            Datatype::Char
            | Datatype::String
            | Datatype::Unicode
            | Datatype::Text
            | Datatype::Timestamp => Some(Self::Text(text.to_owned())),
        }?;
        let is_too_long = matches!(&value, Self::Text(text)
            if length.is_some_and(|length| text.chars().count() > length as usize));
        // What is beyond the range of 32 bits would be infinite there.
        let is_too_large = matches!(value, Self::Real(real)
            if datatype == Datatype::Float && real.abs() > f64::from(f32::MAX));
        (!is_too_large && !is_too_long && value.array(&datatype.to_arrow(), 1).is_ok())
            .then_some(value)
    }

    /// Return an array of `n_rows` times the value.
    ///
    /// # Errors
    /// The value is none of the type.
    pub fn array(&self, data_type: &DataType, n_rows: usize) -> Result<ArrayRef, ArrowError> {
        let array: ArrayRef = match self {
            Self::Boolean(truth) => Arc::new(BooleanArray::from(vec![*truth; n_rows])),
            Self::Integer(number) => Arc::new(Int64Array::from(vec![*number; n_rows])),
            Self::Real(number) => Arc::new(Float64Array::from(vec![*number; n_rows])),
            Self::Text(text) => {
                Arc::new(StringArray::from_iter_values(repeat_n(text.as_str(), n_rows)))
            }
        };
        let refuse = CastOptions { safe: false, ..CastOptions::default() };
        cast_with_options(&array, data_type, &refuse)
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(truth) => truth.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Real(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fit_their_column() {
        let check = |text: &str, datatype, length, fits: bool| {
            assert_eq!(DefaultValue::parse(text, datatype, length).is_some(), fits, "{text:?}");
        };
        check("12", Datatype::Short, None, true);
        check("70000", Datatype::Short, None, false);
        check("1e300", Datatype::Double, None, true);
        check("1e300", Datatype::Float, None, false);
        check("nan", Datatype::Double, None, false);
        check("ünd", Datatype::String, Some(3), true);
        check("ünde", Datatype::String, Some(3), false);
        check("ünde", Datatype::Text, None, true);
        check("x", Datatype::Boolean, None, false);
    }
}
