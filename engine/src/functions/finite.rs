//! `finite` (x): x where it is a number, NULL where it is NaN or infinite, 0.0 for −0.0.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, FieldRef, Float32Type, Float64Type,
};
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::range;

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

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        range::any_like(inputs.first())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let value = &values[0];
        let finite: ArrayRef = match value.data_type() {
            DataType::Float32 => keep::<Float32Type>(
                value,
                |x| x.is_finite() & (x.to_bits() != (-0.0_f32).to_bits()),
                |x| x.is_finite().then_some(x + 0.0),
            ),
            _ => keep::<Float64Type>(
                value,
                |x| x.is_finite() & (x.to_bits() != (-0.0_f64).to_bits()),
                |x| x.is_finite().then_some(x + 0.0),
            ),
        };
        Ok(ColumnarValue::Array(finite))
    }
}

/// The values as they should be; those that are so already, as nearly all are, without a copy.
fn keep<T: ArrowPrimitiveType>(
    values: &ArrayRef,
    is_kept: impl Fn(T::Native) -> bool,
    kept: impl Fn(T::Native) -> Option<T::Native>,
) -> ArrayRef {
    let numbers = values.as_primitive::<T>();
    let are_kept = |part: &[T::Native]| part.iter().fold(true, |all, &x| all & is_kept(x));
    match numbers.values().chunks(1024).all(are_kept) {
        true => values.clone(),
        false => Arc::new(numbers.unary_opt::<_, T>(kept)),
    }
}
