//! From the many Arrow types in which a value may arrive to the one type of its column.
//!
//! Two steps: [`plain`] undoes encodings (dictionaries, views, wide offsets, odd precisions), then
//! [`convert`] goes from one of a few plain types to the column's. Nothing is lost silently: an
//! integer must fit, a float that becomes an integer must be whole and small enough to be exact.
//! Doubles become 32-bit floats by rounding; a number beyond their range must not become an infinity.

use std::str::FromStr;
use std::sync::Arc;

use almagest_storage::schema::Datatype;
use arrow::array::timezone::Tz;
use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray, StringArray,
    new_null_array,
};
use arrow::compute::kernels::cast_utils::string_to_datetime;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};

use super::fault::{Faults, shown};
use crate::error::ValueProblem;

/// Floats from here on may be roundings of another integer: 2^24 and 2^53.
const FIRST_INEXACT_F32: f64 = 16_777_216.0;
const FIRST_INEXACT_F64: f64 = 9_007_199_254_740_992.0;

/// Casts that cannot keep a value give NULL.
const NULL_IF_LOST: CastOptions<'static> =
    CastOptions { safe: true, format_options: arrow::util::display::FormatOptions::new() };

/// Say whether values of an Arrow type can become values of a column's type.
pub(super) fn is_convertible(from: &DataType, to: Datatype) -> bool {
    use DataType as T;
    let Some(from) = plain_type(from) else { return false };
    match (from, to.to_arrow()) {
        (T::Null, _) => true,
        (T::Utf8, to) => to != T::Binary,
        (T::Boolean, to) => to == T::Boolean || to.is_integer(),
        (from, to) if from.is_integer() => to.is_numeric() || to == T::Boolean,
        (from, to) if from.is_floating() => to.is_numeric() || to == T::Boolean,
        (from, to) => from == to,
    }
}

/// Name the type of the input where not each of its values is one of the column's type, so that
/// rows may be refused or digits lost.
pub(super) fn narrows(from: &DataType, to: Datatype) -> Option<&'static str> {
    use DataType as T;
    let rank = |integer: &DataType| match integer {
        T::Int8 => 1,
        T::UInt8 | T::Int16 => 2,
        T::UInt16 | T::Int32 => 3,
        T::UInt32 | T::Int64 => 4,
        _ => 5,
    };
    let from = plain_type(from)?;
    let to = to.to_arrow();
    let name = match &from {
        T::Float32 => "a float (32-bit)",
        T::Float64 => "a double (64-bit)",
        T::Utf8 => "text",
        T::Int8 => "a byte (8-bit integer)",
        T::UInt8 => "an unsigned byte",
        T::Int16 => "a short (16-bit integer)",
        T::UInt16 => "an unsigned 16-bit integer",
        T::Int32 => "an int (32-bit integer)",
        T::UInt32 => "an unsigned 32-bit integer",
        T::Int64 => "a long (64-bit integer)",
        T::UInt64 => "an unsigned 64-bit integer",
        _ => return None,
    };
    let is_narrower = match (&from, &to) {
        (from, to) if from == to => false,
        // Text says nothing of the type: what CSV has is no narrowing.
        (T::Utf8, _) | (_, T::Utf8) => false,
        (from, to) if from.is_integer() && to.is_integer() => rank(from) > rank(to),
        (from, T::Float32) if from.is_integer() => rank(from) > 2,
        (from, T::Float64) if from.is_integer() => rank(from) > 3,
        (T::Float32, T::Float64) => false,
        _ => true,
    };
    is_narrower.then_some(name)
}

/// Convert a column; values that cannot be kept are NULL and noted as faults.
///
/// The source's type must be convertible (see [`is_convertible`]).
pub(super) fn convert(source: &ArrayRef, to: Datatype) -> (ArrayRef, Faults) {
    let mut faults = Faults::default();
    let values = match plain_type(source.data_type()) {
        Some(plain_type) => plain(source, &plain_type, to, &mut faults),
        None => new_null_array(&DataType::Null, source.len()),
    };
    let target = to.to_arrow();
    let converted = match values.data_type() {
        from if *from == target => values,
        DataType::Utf8 => from_text(values.as_string(), to, &mut faults),
        from if from.is_floating() && target.is_integer() => {
            let whole = whole_numbers(&values, to, &mut faults);
            cast_noting(&whole, &target, ValueProblem::OutOfRange(to), &mut faults)
        }
        from if from.is_numeric() && target == DataType::Boolean => {
            zero_or_one(&values, to, &mut faults)
        }
        DataType::Float64 if target == DataType::Float32 => rounded(&values, to, &mut faults),
        _ => cast_noting(&values, &target, ValueProblem::OutOfRange(to), &mut faults),
    };
    (converted, faults)
}

/// Return the plain type that a type is an encoding of; `None`: nested and other foreign types.
fn plain_type(from: &DataType) -> Option<DataType> {
    use DataType as T;
    match from {
        T::Null | T::Boolean | T::Float32 | T::Float64 => Some(from.clone()),
        from if from.is_integer() => Some(from.clone()),
        T::Float16 => Some(T::Float32),
        T::Decimal32(..) | T::Decimal64(..) | T::Decimal128(..) | T::Decimal256(..) => {
            Some(T::Float64)
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View => Some(T::Utf8),
        T::Binary | T::LargeBinary | T::BinaryView | T::FixedSizeBinary(_) => Some(T::Binary),
        T::Timestamp(..) | T::Date32 | T::Date64 => Some(T::Timestamp(TimeUnit::Microsecond, None)),
        T::Dictionary(_, values) => plain_type(values),
        T::RunEndEncoded(_, values) => plain_type(values.data_type()),
        _ => None,
    }
}

/// Undo an encoding.
fn plain(source: &ArrayRef, plain_type: &DataType, to: Datatype, faults: &mut Faults) -> ArrayRef {
    let problem = ValueProblem::OutOfRange(to);
    match source.data_type() {
        from if from == plain_type => Arc::clone(source),
        DataType::Dictionary(_, values) => {
            let decoded = cast_noting(source, values, problem, faults);
            plain(&decoded, plain_type, to, faults)
        }
        // The instant counts; the zone says only how to show it.
        DataType::Timestamp(_, Some(zone)) => {
            let zoned = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone)));
            let instants = cast_noting(source, &zoned, problem, faults);
            let instants = instants.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(instants.with_timezone_opt(None::<Arc<str>>))
        }
        _ => cast_noting(source, plain_type, problem, faults),
    }
}

/// Cast; each value that became NULL by the cast is a fault.
fn cast_noting(
    source: &ArrayRef,
    to: &DataType,
    problem: ValueProblem,
    faults: &mut Faults,
) -> ArrayRef {
    let Ok(result) = cast_with_options(source, to, &NULL_IF_LOST) else {
        // Unreachable for types that are convertible; every value is refused, none lost.
        for row in 0..source.len() {
            faults.add(row, problem, || shown(source, row));
        }
        return new_null_array(to, source.len());
    };
    if result.null_count() > source.logical_null_count() {
        let nulls = source.logical_nulls();
        for row in (0..source.len()).filter(|&row| result.is_null(row)) {
            if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
                faults.add(row, problem, || shown(source, row));
            }
        }
    }
    result
}

/// Keep floats that are whole and exact; NaN becomes NULL, the rest are faults.
fn whole_numbers(values: &ArrayRef, to: Datatype, faults: &mut Faults) -> ArrayRef {
    let first_inexact = match values.data_type() {
        DataType::Float32 => FIRST_INEXACT_F32,
        _ => FIRST_INEXACT_F64,
    };
    let wide = cast_noting(values, &DataType::Float64, ValueProblem::NotA(to), faults);
    let kept = wide.as_primitive::<Float64Type>().iter().enumerate().map(|(row, value)| {
        let value = value.filter(|value| !value.is_nan())?;
        let problem = match value {
            value if value.fract() != 0.0 => ValueProblem::NotA(to),
            value if value.abs() >= first_inexact => ValueProblem::Inexact,
            _ => return Some(value),
        };
        faults.add(row, problem, || shown(values, row));
        None
    });
    Arc::new(kept.collect::<PrimitiveArray<Float64Type>>())
}

/// Round doubles to 32-bit floats; numbers beyond their range are faults.
fn rounded(values: &ArrayRef, to: Datatype, faults: &mut Faults) -> ArrayRef {
    let doubles = values.as_primitive::<Float64Type>();
    #[allow(clippy::cast_possible_truncation)]
    let floats = doubles.unary::<_, Float32Type>(|value| value as f32);
    // Most columns have no infinity, and then nothing is looked at again.
    if floats.values().iter().all(|value| !value.is_infinite()) {
        return Arc::new(floats);
    }
    let kept = floats.iter().zip(doubles).enumerate().map(|(row, (float, double))| {
        let is_lost = float.is_some_and(f32::is_infinite) && double.is_some_and(f64::is_finite);
        if is_lost {
            faults.add(row, ValueProblem::OutOfRange(to), || shown(values, row));
        }
        float.filter(|_| !is_lost)
    });
    Arc::new(kept.collect::<PrimitiveArray<Float32Type>>())
}

/// Read numbers as booleans: 0 and 1, nothing else.
fn zero_or_one(values: &ArrayRef, to: Datatype, faults: &mut Faults) -> ArrayRef {
    let wide = cast_noting(values, &DataType::Float64, ValueProblem::NotA(to), faults);
    let bits =
        wide.as_primitive::<Float64Type>().iter().enumerate().map(|(row, value)| {
            match value.filter(|value| !value.is_nan())? {
                0.0 => Some(false),
                1.0 => Some(true),
                _ => {
                    faults.add(row, ValueProblem::NotA(to), || shown(values, row));
                    None
                }
            }
        });
    Arc::new(bits.collect::<BooleanArray>())
}

/// Read text as values of a type.
fn from_text(texts: &StringArray, to: Datatype, faults: &mut Faults) -> ArrayRef {
    match to {
        Datatype::Boolean => {
            let bits = texts.iter().enumerate().map(|(row, text)| {
                let text = text?;
                let bit = boolean(text.trim());
                if bit.is_none() {
                    faults.add(row, ValueProblem::NotA(to), || format!("{text:?}"));
                }
                bit
            });
            Arc::new(bits.collect::<BooleanArray>())
        }
        Datatype::Byte => numbers::<Int8Type>(texts, to, faults, integer),
        Datatype::Short => numbers::<Int16Type>(texts, to, faults, integer),
        Datatype::Int => numbers::<Int32Type>(texts, to, faults, integer),
        Datatype::Long => numbers::<Int64Type>(texts, to, faults, integer),
        Datatype::Float => numbers::<Float32Type>(texts, to, faults, float),
        Datatype::Double => numbers::<Float64Type>(texts, to, faults, float),
        Datatype::Timestamp => {
            let read = |text: &str, to| instant(text).ok_or(ValueProblem::NotA(to));
            numbers::<TimestampMicrosecondType>(texts, to, faults, read)
        }
        Datatype::Char | Datatype::String | Datatype::Unicode | Datatype::Text => {
            Arc::new(texts.clone())
        }
        Datatype::Binary => new_null_array(&DataType::Binary, texts.len()),
    }
}

/// Read text as numbers of one type.
fn numbers<T: ArrowPrimitiveType>(
    texts: &StringArray,
    to: Datatype,
    faults: &mut Faults,
    read: impl Fn(&str, Datatype) -> Result<T::Native, ValueProblem>,
) -> ArrayRef {
    let values = texts.iter().enumerate().map(|(row, text)| {
        let text = text?;
        match read(text.trim(), to) {
            Ok(value) => Some(value),
            Err(problem) => {
                faults.add(row, problem, || format!("{text:?}"));
                None
            }
        }
    });
    Arc::new(values.collect::<PrimitiveArray<T>>())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" => Some(true),
        "0" | "f" | "F" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Read an integer, also one that a tool wrote as a float (`12.0`).
fn integer<N: TryFrom<i128>>(text: &str, to: Datatype) -> Result<N, ValueProblem> {
    let digits = match text.split_once('.') {
        Some((digits, zeros)) if zeros.bytes().all(|digit| digit == b'0') => digits,
        _ => text,
    };
    let value = i128::from_str(digits).map_err(|error| match error.kind() {
        std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
            ValueProblem::OutOfRange(to)
        }
        _ => ValueProblem::NotA(to),
    })?;
    N::try_from(value).map_err(|_| ValueProblem::OutOfRange(to))
}

/// Read a float; digits beyond its range are not an infinity.
fn float<N: FromStr + Copy + Into<f64>>(text: &str, to: Datatype) -> Result<N, ValueProblem> {
    let value: N = text.parse().map_err(|_| ValueProblem::NotA(to))?;
    let is_lost = value.into().is_infinite() && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_lost { Err(ValueProblem::OutOfRange(to)) } else { Ok(value) }
}

/// Read an ISO 8601 instant as microseconds since 1970, UTC where no offset is given.
pub(crate) fn instant(text: &str) -> Option<i64> {
    let utc = Tz::from_str("+00:00").ok()?;
    Some(string_to_datetime(&utc, text).ok()?.timestamp_micros())
}
