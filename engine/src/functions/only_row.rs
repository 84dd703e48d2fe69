//! `only_row` (value, n): the value, if at most one row has been found.
//!
//! It is for plans in which a subquery that stands for a value has become a join; no query names it.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// What is said where there are more.
pub(crate) const TOO_MANY: &str = "a subquery that stands for a value gives more than one row; use TOP 1, or an aggregate such as MAX";

/// The value of the only row.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct OnlyRow {
    signature: Signature,
}

impl OnlyRow {
    /// Make the function.
    pub fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl Default for OnlyRow {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for OnlyRow {
    fn name(&self) -> &str {
        "only_row"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(types[0].clone())
    }

    /// No row gives NULL.
    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(args.arg_fields[0].as_ref().clone().with_nullable(true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let counts = args.args[1].to_array(args.number_rows)?;
        let most = counts.as_primitive::<Int64Type>().iter().flatten().max();
        match most {
            Some(2..) => exec_err!("{TOO_MANY}"),
            _ => Ok(args.args[0].clone()),
        }
    }
}
