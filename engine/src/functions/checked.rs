//! Integer arithmetic of one type: the result, or NULL where the type cannot hold it or where a
//! divisor is 0. `checked_plus`, `checked_minus`, `checked_times`, `checked_divide`, `checked_modulo`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::datatypes::{
    ArrowPrimitiveType, DataType, Int8Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Integer arithmetic that does not wrap around, and does not end the query.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Checked {
    operator: Operator,
    signature: Signature,
}

impl Checked {
    /// Make the function that stands for `operator`; `None` if it is not one of arithmetic.
    pub fn of(operator: Operator) -> Option<ScalarUDF> {
        use Operator::{Divide, Minus, Modulo, Multiply, Plus};
        matches!(operator, Plus | Minus | Multiply | Divide | Modulo).then(|| {
            let signature = Signature::any(2, Volatility::Immutable);
            ScalarUDF::from(Self { operator, signature })
        })
    }

    fn apply<T: ArrowPrimitiveType<Native: Into<i64> + TryFrom<i64>>>(
        &self,
        left: &ArrayRef,
        right: &ArrayRef,
    ) -> ArrayRef {
        let result: PrimitiveArray<T> = left
            .as_primitive::<T>()
            .iter()
            .zip(right.as_primitive::<T>())
            .map(|(left, right)| {
                let (left, right): (i64, i64) = (left?.into(), right?.into());
                let exact = match self.operator {
                    Operator::Plus => left.checked_add(right),
                    Operator::Minus => left.checked_sub(right),
                    Operator::Divide => left.checked_div(right),
                    // The remainder of the least number by -1 is 0, although the quotient overflows.
                    Operator::Modulo if right == -1 => Some(0),
                    Operator::Modulo => left.checked_rem(right),
                    _ => left.checked_mul(right),
                };
                T::Native::try_from(exact?).ok()
            })
            .collect();
        Arc::new(result)
    }
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operator {
            Operator::Plus => "checked_plus",
            Operator::Minus => "checked_minus",
            Operator::Divide => "checked_divide",
            Operator::Modulo => "checked_modulo",
            _ => "checked_times",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn evaluate_bounds(&self, _: &[&Interval]) -> Result<Interval> {
        Interval::make_unbounded(&DataType::Int64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [left, right] = arrays.as_slice() else {
            return exec_err!("{} takes two integers", self.name());
        };
        Ok(ColumnarValue::Array(match (left.data_type(), right.data_type()) {
            (DataType::Int8, DataType::Int8) => self.apply::<Int8Type>(left, right),
            (DataType::Int16, DataType::Int16) => self.apply::<Int16Type>(left, right),
            (DataType::Int32, DataType::Int32) => self.apply::<Int32Type>(left, right),
            (DataType::Int64, DataType::Int64) => self.apply::<Int64Type>(left, right),
            (left, right) => return exec_err!("{} of {left} and {right}", self.name()),
        }))
    }
}
