//! Arguments of sky functions: any numbers, taken as columns of degrees.

use datafusion::arrow::array::{Array, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

/// One argument: the same number in each row, or a column.
pub(crate) enum Degrees {
    Constant(Option<f64>),
    Column(Float64Array),
}

impl Degrees {
    /// Return the number in `row`, unless it is NULL.
    pub fn value(&self, row: usize) -> Option<f64> {
        match self {
            Self::Constant(value) => *value,
            Self::Column(column) => column.is_valid(row).then(|| column.value(row)),
        }
    }

    /// Return the number that stands in each row; the outer `None` is for columns.
    pub fn constant(&self) -> Option<Option<f64>> {
        match self {
            Self::Constant(value) => Some(*value),
            Self::Column(_) => None,
        }
    }
}

/// Return the arguments of a call; their types were coerced to Float64.
pub(crate) fn arguments(function: &str, args: &ScalarFunctionArgs) -> Result<Vec<Degrees>> {
    args.args
        .iter()
        .map(|value| match value {
            ColumnarValue::Scalar(ScalarValue::Float64(value)) => Ok(Degrees::Constant(*value)),
            ColumnarValue::Array(array) => match array.as_primitive_opt::<Float64Type>() {
                Some(array) => Ok(Degrees::Column(array.clone())),
                None => exec_err!("{function}: argument of type {}", array.data_type()),
            },
            ColumnarValue::Scalar(value) => {
                exec_err!("{function}: argument of type {}", value.data_type())
            }
        })
        .collect()
}

/// Coerce numbers and NULLs to Float64; refuse the rest.
pub(crate) fn coerce(function: &str, types: &[DataType]) -> Result<Vec<DataType>> {
    types
        .iter()
        .map(|datatype| match datatype {
            datatype if datatype.is_numeric() || datatype.is_null() => Ok(DataType::Float64),
            other => exec_err!("{function}: a number of degrees is wanted, not {other}"),
        })
        .collect()
}
