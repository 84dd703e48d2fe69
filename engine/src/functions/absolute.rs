//! `abs` (x): DataFusion's, of which no order is claimed.
//!
//! Asked how values of `abs(f(x))` are ordered, DataFusion's function fails where it does not know
//! the range of `f`, and a plan that sorts by it is refused (as of version 55).

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::functions::math::abs;
use datafusion::logical_expr::interval_arithmetic::Interval;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::range;

/// The absolute value of a number.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Absolute {
    inner: Arc<ScalarUDF>,
}

impl Absolute {
    /// Make the function.
    pub fn new() -> Self {
        Self { inner: abs() }
    }
}

impl ScalarUDFImpl for Absolute {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn is_strict(&self) -> bool {
        self.inner.inner().is_strict()
    }

    fn evaluate_bounds(&self, inputs: &[&Interval]) -> Result<Interval> {
        range::any_like(inputs.first())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }
}
