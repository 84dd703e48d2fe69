//! `sky_nearest_n` (lon, lat, centre's lon, centre's lat): true.
//!
//! In the condition of a join it says that of the pairs of one centre those beyond the n nearest are
//! of no use, and may be left out: whatever reads the pairs keeps only n of each centre. It is for
//! plans of ours; no query names it.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Says that only the nearest are of use.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Nearest {
    n: usize,
    signature: Signature,
}

impl Nearest {
    /// Say that the `n` nearest of each centre are.
    pub fn new(n: usize) -> Self {
        Self { n, signature: Signature::variadic_any(Volatility::Immutable) }
    }

    /// How many of the nearest are of use.
    pub fn n(&self) -> usize {
        self.n
    }
}

impl ScalarUDFImpl for Nearest {
    fn name(&self) -> &str {
        "sky_nearest_n"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))))
    }
}
