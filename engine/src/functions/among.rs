//! `among_ids` (id): is the number one of a list that the function holds?
//!
//! It stands for an IN list of any length in plans that the engine makes; no query names it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// Is a number one of a list?
#[derive(Debug)]
pub(crate) struct AmongIds {
    /// Ascending, each once.
    ids: Arc<Vec<i64>>,
    signature: Signature,
}

impl AmongIds {
    /// Make the test of a list.
    pub fn new(mut ids: Vec<i64>) -> Self {
        ids.sort_unstable();
        ids.dedup();
        Self { ids: Arc::new(ids), signature: Signature::any(1, Volatility::Immutable) }
    }

    /// The list, ascending.
    pub fn ids(&self) -> &[i64] {
        &self.ids
    }
}

impl PartialEq for AmongIds {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.ids, &other.ids) || self.ids == other.ids
    }
}

impl Eq for AmongIds {}

impl Hash for AmongIds {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.ids.len(), self.ids.first(), self.ids.last()).hash(hasher);
    }
}

impl ScalarUDFImpl for AmongIds {
    fn name(&self) -> &str {
        "among_ids"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = args.args.as_slice() else {
            return datafusion::common::exec_err!("among_ids takes a number");
        };
        let values = cast(&value.to_array(args.number_rows)?, &DataType::Int64)?;
        // Rows of one id follow each other.
        let mut last = None;
        let is_among = |id: i64| match last {
            Some((same, is_among)) if same == id => is_among,
            _ => {
                let is_among = self.ids.binary_search(&id).is_ok();
                last = Some((id, is_among));
                is_among
            }
        };
        let mut is_among = is_among;
        let among: BooleanArray =
            values.as_primitive::<Int64Type>().iter().map(|id| id.map(&mut is_among)).collect();
        Ok(ColumnarValue::Array(Arc::new(among)))
    }
}
