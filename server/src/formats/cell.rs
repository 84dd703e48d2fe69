//! One value of a column, as text or as VOTable's big-endian bytes.

use std::fmt::Write;

use almagest_engine::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, ListArray, PrimitiveArray, StringArray,
};
use almagest_engine::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use almagest_engine::arrow::error::ArrowError;
use almagest_engine::arrow::temporal_conversions::timestamp_us_to_datetime;
use almagest_engine::tap_schema::{ArraySize, Primitive, VotableType};

use crate::Result;

/// A column of one of the canonical types.
pub enum Column<'a> {
    /// Truth values.
    Boolean(&'a BooleanArray),
    /// 16-bit integers.
    Short(&'a PrimitiveArray<Int16Type>),
    /// 32-bit integers.
    Int(&'a PrimitiveArray<Int32Type>),
    /// 64-bit integers.
    Long(&'a PrimitiveArray<Int64Type>),
    /// Single precision.
    Float(&'a PrimitiveArray<Float32Type>),
    /// Double precision.
    Double(&'a PrimitiveArray<Float64Type>),
    /// Strings.
    Text(&'a StringArray),
    /// Strings of bytes.
    Bytes(&'a BinaryArray),
    /// Times, microseconds since 1970.
    Time(&'a PrimitiveArray<TimestampMicrosecondType>),
    /// Arrays of numbers, with all their elements.
    Numbers(&'a ListArray, Box<Column<'a>>),
}

impl<'a> Column<'a> {
    /// Look at an array of a canonical type.
    pub fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int16 => Self::Short(array.as_primitive()),
            DataType::Int32 => Self::Int(array.as_primitive()),
            DataType::Int64 => Self::Long(array.as_primitive()),
            DataType::Float32 => Self::Float(array.as_primitive()),
            DataType::Float64 => Self::Double(array.as_primitive()),
            DataType::Utf8 => Self::Text(array.as_string()),
            DataType::Binary => Self::Bytes(array.as_binary()),
            DataType::Timestamp(..) => Self::Time(array.as_primitive()),
            DataType::List(_) => {
                let lists: &ListArray = array.as_list();
                Self::Numbers(lists, Box::new(Self::of(lists.values())?))
            }
            other => {
                return Err(ArrowError::NotYetImplemented(format!(
                    "{other} is not a canonical type"
                ))
                .into());
            }
        })
    }

    /// Does the row lack a value?
    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(a) => a.is_null(row),
            Self::Short(a) => a.is_null(row),
            Self::Int(a) => a.is_null(row),
            Self::Long(a) => a.is_null(row),
            Self::Float(a) => a.is_null(row),
            Self::Double(a) => a.is_null(row),
            Self::Text(a) => a.is_null(row),
            Self::Bytes(a) => a.is_null(row),
            Self::Time(a) => a.is_null(row),
            Self::Numbers(a, _) => a.is_null(row),
        }
    }

    /// Append the value of a row that has one, as text.
    ///
    /// Floats are written with the fewest digits that read back exactly, infinities and NaN as
    /// VOTable spells them, arrays with spaces between their elements.
    pub fn write_text(&self, row: usize, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Self::Boolean(a) => write!(out, "{}", a.value(row)),
            Self::Short(a) => write!(out, "{}", a.value(row)),
            Self::Int(a) => write!(out, "{}", a.value(row)),
            Self::Long(a) => write!(out, "{}", a.value(row)),
            Self::Float(a) => match a.value(row) {
                value if value.is_finite() => write!(out, "{value:?}"),
                value => out.write_str(special(value.into())),
            },
            Self::Double(a) => write_double(out, a.value(row)),
            Self::Text(a) => out.write_str(a.value(row)),
            Self::Bytes(a) => write_spaced(out, a.value(row), |out, byte| write!(out, "{byte}")),
            Self::Time(a) => out.write_str(&iso_8601(a.value(row))),
            Self::Numbers(lists, all) => write_spaced(out, elements(lists, row), |out, at| {
                match (all.is_null(at), all.as_ref()) {
                    (false, _) => all.write_text(at, out),
                    (true, Self::Float(_) | Self::Double(_)) => out.push_str("NaN"),
                    (true, _) => out.push('0'),
                }
                Ok(())
            }),
        };
    }

    /// Append the value of a row as BINARY2 has it; where there is none, a value of the right
    /// length that the null flag hides.
    pub fn write_binary(&self, row: usize, kind: &VotableType, out: &mut Vec<u8>) {
        let null = self.is_null(row);
        match self {
            Self::Boolean(a) => out.push(match (null, a.value(row)) {
                (true, _) => b'?',
                (false, true) => b'T',
                (false, false) => b'F',
            }),
            Self::Short(a) => out.extend(if null { 0 } else { a.value(row) }.to_be_bytes()),
            Self::Int(a) => out.extend(if null { 0 } else { a.value(row) }.to_be_bytes()),
            Self::Long(a) => out.extend(if null { 0 } else { a.value(row) }.to_be_bytes()),
            Self::Float(a) => {
                out.extend(if null { f32::NAN } else { a.value(row) }.to_be_bytes());
            }
            Self::Double(a) => {
                out.extend(if null { f64::NAN } else { a.value(row) }.to_be_bytes());
            }
            Self::Text(a) => write_string(if null { "" } else { a.value(row) }, kind, out),
            Self::Bytes(a) => {
                let bytes = if null { &[][..] } else { a.value(row) };
                out.extend(length(bytes.len()));
                out.extend(bytes);
            }
            Self::Time(a) => {
                let text = if null { String::new() } else { iso_8601(a.value(row)) };
                write_string(&text, kind, out);
            }
            Self::Numbers(lists, all) => {
                let range = if null { 0..0 } else { elements(lists, row) };
                let scalar = VotableType { arraysize: ArraySize::Scalar, ..kind.clone() };
                match kind.arraysize {
                    ArraySize::Fixed(n) => {
                        let n = n as usize;
                        for at in range.clone().take(n) {
                            all.write_binary(at, &scalar, out);
                        }
                        for _ in range.len()..n {
                            all.write_absent(out);
                        }
                    }
                    _ => {
                        out.extend(length(range.len()));
                        for at in range {
                            all.write_binary(at, &scalar, out);
                        }
                    }
                }
            }
        }
    }

    /// Append what stands in the place of an absent number.
    fn write_absent(&self, out: &mut Vec<u8>) {
        match self {
            Self::Short(_) => out.extend(0_i16.to_be_bytes()),
            Self::Int(_) => out.extend(0_i32.to_be_bytes()),
            Self::Long(_) => out.extend(0_i64.to_be_bytes()),
            Self::Float(_) => out.extend(f32::NAN.to_be_bytes()),
            _ => out.extend(f64::NAN.to_be_bytes()),
        }
    }
}

/// VOTable's char is ASCII, and clients fail on a whole table where it is not; other characters
/// become question marks. A unicodeChar is two bytes.
fn write_string(text: &str, kind: &VotableType, out: &mut Vec<u8>) {
    if kind.primitive == Primitive::UnicodeChar {
        out.extend(length(text.encode_utf16().count()));
        for unit in text.encode_utf16() {
            out.extend(unit.to_be_bytes());
        }
    } else {
        out.extend(length(text.chars().count()));
        out.extend(text.chars().map(|c| if c.is_ascii() { c as u8 } else { b'?' }));
    }
}

/// The count that precedes a value of variable length: four bytes, signed.
fn length(count: usize) -> [u8; 4] {
    i32::try_from(count).unwrap_or(i32::MAX).to_be_bytes()
}

fn elements(lists: &ListArray, row: usize) -> std::ops::Range<usize> {
    let offsets = lists.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

fn write_double(out: &mut String, value: f64) -> std::fmt::Result {
    if value.is_finite() { write!(out, "{value:?}") } else { out.write_str(special(value)) }
}

fn special(value: f64) -> &'static str {
    if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "+Inf"
    } else {
        "-Inf"
    }
}

fn write_spaced<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write_item: impl FnMut(&mut String, T) -> std::fmt::Result,
) -> std::fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_item(out, item)?;
    }
    Ok(())
}

/// DALI's form of a time, without a zone: what scale it counts is said by the column.
fn iso_8601(microseconds: i64) -> String {
    timestamp_us_to_datetime(microseconds)
        .map(|time| time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::{Float32Array, Float64Array, TimestampMicrosecondArray};
    use std::sync::Arc;

    fn check(array: ArrayRef, expected: &str) {
        let mut found = String::new();
        Column::of(&array).unwrap().write_text(0, &mut found);
        assert_eq!(found, expected);
    }

    #[test]
    fn values_as_text() {
        check(Arc::new(Float32Array::from(vec![0.1])), "0.1");
        check(Arc::new(Float64Array::from(vec![1.0e300])), "1e300");
        check(Arc::new(Float64Array::from(vec![-0.000_25])), "-0.00025");
        check(Arc::new(Float64Array::from(vec![f64::NAN])), "NaN");
        check(Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])), "-Inf");
        check(Arc::new(BooleanArray::from(vec![true])), "true");
        check(Arc::new(BinaryArray::from_vec(vec![&[0, 255]])), "0 255");
        check(
            Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_123_456])),
            "2023-11-14T22:13:20.123456",
        );
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![Some(vec![
            Some(1.5),
            None,
            Some(-2.0),
        ])]);
        check(Arc::new(lists), "1.5 NaN -2.0");
        let counts =
            ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(3), Some(-4)])]);
        check(Arc::new(counts), "3 -4");
    }
}
