//! The few Arrow types of results, and the way of all others to them.
//!
//! The engine computes in whatever representation is fastest (string views, dictionaries, unsigned
//! counts); who takes its rows sees a dozen types only.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

/// Return the type in which values of `data_type` go out: Boolean, UInt8, Int16, Int32, Int64,
/// Float32, Float64, Utf8, Binary, Timestamp in microseconds, or a List of numbers or truth values. `None` for types without
/// a way to one of these.
pub fn output_type(data_type: &DataType) -> Option<DataType> {
    Some(match data_type {
        DataType::Boolean
        | DataType::UInt8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary => data_type.clone(),
        DataType::Int8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DataType::Float64,
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Dictionary(_, values) => output_type(values)?,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::FixedSizeList(item, _)
            if item.data_type().is_numeric() || item.data_type() == &DataType::Boolean =>
        {
            let element = output_type(item.data_type())?;
            DataType::List(Arc::new(Field::new_list_field(element, true)))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_type_goes_out_as_it_is() {
        let list = |element| DataType::List(Arc::new(Field::new_list_field(element, true)));
        for (from, to) in [
            (DataType::Utf8View, Some(DataType::Utf8)),
            (DataType::UInt64, Some(DataType::Int64)),
            (DataType::Int8, Some(DataType::Int16)),
            (DataType::Date32, Some(DataType::Timestamp(TimeUnit::Microsecond, None))),
            (
                DataType::FixedSizeList(Arc::new(Field::new("point", DataType::Float64, true)), 2),
                Some(list(DataType::Float64)),
            ),
            (list(DataType::UInt8), Some(list(DataType::UInt8))),
            (list(DataType::Int8), Some(list(DataType::Int16))),
            (list(DataType::Utf8), None),
            (DataType::Duration(TimeUnit::Second), None),
        ] {
            assert_eq!(output_type(&from), to, "{from}");
            if let Some(to) = to {
                assert_eq!(output_type(&to), Some(to.clone()), "{to}");
            }
        }
    }
}
