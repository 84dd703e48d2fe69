//! One value of a column: is it there, and what is it as text?

use std::ops::Range;

use almagest_engine::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, ListArray, PrimitiveArray, StringArray,
};
use almagest_engine::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
    UInt8Type,
};
use almagest_engine::arrow::error::ArrowError;
use almagest_engine::arrow::record_batch::RecordBatch;

use super::numeral::{write_double, write_float, write_integer, write_time};
use crate::Result;

/// A column of one of the canonical types.
pub enum Column<'a> {
    /// Truth values.
    Boolean(&'a BooleanArray),
    /// Unsigned 8-bit integers.
    Byte(&'a PrimitiveArray<UInt8Type>),
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
    /// Arrays of numbers or truth values, with all their elements.
    Numbers(&'a ListArray, Box<Column<'a>>),
}

/// Look at the columns of a batch of canonical types.
pub fn columns(batch: &RecordBatch) -> Result<Vec<Column<'_>>> {
    batch.columns().iter().map(Column::of).collect()
}

impl<'a> Column<'a> {
    /// Look at an array of a canonical type.
    pub fn of(array: &'a ArrayRef) -> Result<Self> {
        Ok(match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::UInt8 => Self::Byte(array.as_primitive()),
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

    /// The array itself.
    fn array(&self) -> &'a dyn Array {
        match self {
            Self::Boolean(a) => *a,
            Self::Byte(a) => *a,
            Self::Short(a) => *a,
            Self::Int(a) => *a,
            Self::Long(a) => *a,
            Self::Float(a) => *a,
            Self::Double(a) => *a,
            Self::Text(a) => *a,
            Self::Bytes(a) => *a,
            Self::Time(a) => *a,
            Self::Numbers(a, _) => *a,
        }
    }

    /// How many rows lack a value?
    pub fn null_count(&self) -> usize {
        self.array().null_count()
    }

    /// Does the row lack a value?
    pub fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Float(a) => a.is_null(row),
            Self::Double(a) => a.is_null(row),
            Self::Long(a) => a.is_null(row),
            other => other.array().is_null(row),
        }
    }

    /// Append the value of a row that has one, as text.
    ///
    /// Floats are written with the fewest digits that read back exactly, infinities and NaN as
    /// VOTable spells them, arrays with spaces between their elements.
    pub fn write_text(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Boolean(a) => {
                out.extend_from_slice(if a.value(row) { b"true".as_slice() } else { b"false" });
            }
            Self::Byte(a) => write_integer(out, a.value(row)),
            Self::Short(a) => write_integer(out, a.value(row)),
            Self::Int(a) => write_integer(out, a.value(row)),
            Self::Long(a) => write_integer(out, a.value(row)),
            Self::Float(a) => write_float(out, a.value(row)),
            Self::Double(a) => write_double(out, a.value(row)),
            Self::Text(a) => out.extend_from_slice(a.value(row).as_bytes()),
            Self::Bytes(a) => separate(out, b' ', a.value(row), |out, byte| {
                write_integer(out, *byte);
            }),
            Self::Time(a) => write_time(out, a.value(row)),
            Self::Numbers(lists, all) => {
                separate(out, b' ', elements(lists, row), |out, at| all.write_element(at, out));
            }
        }
    }

    /// Append an element of an array; VOTable has a place for an absent one among floats only.
    fn write_element(&self, at: usize, out: &mut Vec<u8>) {
        match (self.is_null(at), self) {
            (false, _) => self.write_text(at, out),
            (true, Self::Float(_) | Self::Double(_)) => out.extend_from_slice(b"NaN"),
            (true, Self::Boolean(_)) => out.push(b'?'),
            (true, _) => out.push(b'0'),
        }
    }
}

/// The places of the elements of a row's array.
pub fn elements(lists: &ListArray, row: usize) -> Range<usize> {
    let offsets = lists.value_offsets();
    offsets[row] as usize..offsets[row + 1] as usize
}

/// Append `items` with `separator` between them.
pub fn separate<T>(
    out: &mut Vec<u8>,
    separator: u8,
    items: impl IntoIterator<Item = T>,
    mut write_item: impl FnMut(&mut Vec<u8>, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            out.push(separator);
        }
        write_item(out, item);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::{
        Float32Array, Float64Array, TimestampMicrosecondArray, UInt8Array,
    };
    use std::sync::Arc;

    fn check(array: ArrayRef, expected: &str) {
        let mut found = Vec::new();
        Column::of(&array).unwrap().write_text(0, &mut found);
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }

    #[test]
    fn values_as_text() {
        check(Arc::new(Float32Array::from(vec![0.1])), "0.1");
        check(Arc::new(Float64Array::from(vec![1.0e300])), "1e+300");
        check(Arc::new(Float64Array::from(vec![60_000.0])), "60000.0");
        check(Arc::new(Float64Array::from(vec![-0.000_25])), "-0.00025");
        check(Arc::new(Float64Array::from(vec![f64::NAN])), "NaN");
        check(Arc::new(Float64Array::from(vec![f64::NEG_INFINITY])), "-Inf");
        check(Arc::new(BooleanArray::from(vec![true])), "true");
        check(Arc::new(UInt8Array::from(vec![255])), "255");
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
