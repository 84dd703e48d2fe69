//! `opaque` (x): x, of which the optimizer is to know nothing.
//!
//! Of the groups of an aggregate DataFusion knows that each comes once. After a join with something
//! else, an aggregate by the same columns and others is still believed to have each once (as of
//! version 55), and a DISTINCT that is needed is left out. Of `a ^ a` it believes that it is 0, also where
//! `a` is NULL. It is for plans of ours, and for the `a ^ opaque(b)` that `a ^ b` becomes; no query names it.

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// The value as it is.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Opaque {
    signature: Signature,
}

impl Opaque {
    /// Make the function.
    pub fn new() -> Self {
        Self { signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl Default for Opaque {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for Opaque {
    fn name(&self) -> &str {
        "opaque"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(args.arg_fields[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(args.args[0].clone())
    }
}
