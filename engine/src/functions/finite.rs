//! `finite` (x): x where it is a number, NULL where it is NaN or infinite, 0.0 for −0.0.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type,
};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Name of the function.
pub const FINITE: &str = "finite";

/// NULL in place of what is not a finite number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Finite {
    signature: Signature,
}

impl Finite {
    /// Make the function.
    pub fn new() -> Self {
        let types = vec![DataType::Float32, DataType::Float64];
        Self { signature: Signature::uniform(1, types, Volatility::Immutable) }
    }
}

impl Default for Finite {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for Finite {
    fn name(&self) -> &str {
        FINITE
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    /// What is finite keeps its unit.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(args.arg_fields[0].as_ref().clone().with_nullable(true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let value = &values[0];
        let finite: ArrayRef = match value.data_type() {
            DataType::Float32 => Arc::new(keep::<Float32Type>(value, |x| (x + 0.0, x.is_finite()))),
            _ => Arc::new(keep::<Float64Type>(value, |x| (x + 0.0, x.is_finite()))),
        };
        Ok(ColumnarValue::Array(finite))
    }
}

fn keep<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    check: impl Fn(T::Native) -> (T::Native, bool),
) -> PrimitiveArray<T> {
    values.as_primitive::<T>().unary_opt(|value| {
        let (value, is_finite) = check(value);
        is_finite.then_some(value)
    })
}
