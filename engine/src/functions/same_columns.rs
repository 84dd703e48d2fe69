//! `same_columns` (a, b, 'i=j,…'): are these children of two structs the same?
//!
//! It stands for the many equalities of a natural join of wide tables, whose columns travel as
//! structs. It is for queries as they are planned; none that users write names it.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, StructArray};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::{cast, prep_null_mask_filter};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::cast::{as_boolean_array, as_struct_array};
use datafusion::common::{ScalarValue, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply_cmp;

/// Name of the function.
pub(crate) const NAME: &str = "same_columns";

/// True where all pairs of children are equal, false where a pair is not or has a NULL.
///
/// # Arguments
/// `a`, `b`: structs. Third, a text: which child of `a` is compared with which of `b`, by place.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct SameColumns {
    signature: Signature,
}

impl SameColumns {
    /// Make the function.
    pub fn new() -> Self {
        Self { signature: Signature::any(3, Volatility::Immutable) }
    }
}

impl Default for SameColumns {
    fn default() -> Self {
        Self::new()
    }
}

impl ScalarUDFImpl for SameColumns {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let n_rows = args.number_rows;
        let [a, b, ColumnarValue::Scalar(ScalarValue::Utf8(Some(pairs)))] = args.args.as_slice()
        else {
            return exec_err!("{NAME} takes two structs and a text");
        };
        let (a, b) = (a.to_array(n_rows)?, b.to_array(n_rows)?);
        let (a, b) = (as_struct_array(&a)?, as_struct_array(&b)?);
        // A struct that is NULL comes from an outer join: whatever its children hold, they are NULL.
        let mut same = BooleanBuffer::new_set(n_rows);
        for nulls in [a.nulls(), b.nulls()].into_iter().flatten() {
            same = &same & nulls.inner();
        }
        for pair in pairs.split(',') {
            if same.count_set_bits() == 0 {
                break;
            }
            let (left, right) = children(a, b, pair)?;
            same = &same & &equal(&left, &right)?;
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(same, None))))
    }
}

/// The children that `pair` names by their places, as one type.
fn children(a: &StructArray, b: &StructArray, pair: &str) -> Result<(ArrayRef, ArrayRef)> {
    let places = pair.split_once('=');
    let places = places.and_then(|(i, j)| Some((i.parse().ok()?, j.parse().ok()?)));
    let child = |of: &StructArray, place: usize| of.columns().get(place).cloned();
    let found = places.and_then(|(i, j)| Some((child(a, i)?, child(b, j)?)));
    let Some((left, right)) = found else {
        return exec_err!("{NAME}: {pair} names no pair of children");
    };
    let (of_left, of_right) = (left.data_type(), right.data_type());
    if of_left == of_right {
        return Ok((left, right));
    }
    let Some(both) = comparison_coercion(of_left, of_right) else {
        return exec_err!("{NAME}: {of_left} cannot be compared with {of_right}");
    };
    Ok((cast(&left, &both)?, cast(&right, &both)?))
}

/// Which values are equal, NULL being equal to none.
fn equal(left: &ArrayRef, right: &ArrayRef) -> Result<BooleanBuffer> {
    let n_rows = left.len();
    let (left, right) = (ColumnarValue::Array(left.clone()), ColumnarValue::Array(right.clone()));
    let equal = apply_cmp(Operator::Eq, &left, &right)?.into_array(n_rows)?;
    let equal = as_boolean_array(&equal)?;
    Ok(match equal.null_count() {
        0 => equal.values().clone(),
        _ => prep_null_mask_filter(equal).values().clone(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use datafusion::arrow::array::{Float64Array, Int32Array, Int64Array, StringArray};
    use datafusion::arrow::buffer::NullBuffer;
    use datafusion::arrow::datatypes::{Field, Fields};
    use datafusion::config::ConfigOptions;

    use super::*;

    fn together(children: Vec<ArrayRef>, nulls: Option<Vec<bool>>) -> ColumnarValue {
        let fields = children.iter().enumerate();
        let fields: Fields = fields
            .map(|(i, child)| Field::new(format!("c{i}"), child.data_type().clone(), true))
            .collect();
        let nulls = nulls.map(NullBuffer::from);
        ColumnarValue::Array(Arc::new(StructArray::try_new(fields, children, nulls).unwrap()))
    }

    fn same(a: ColumnarValue, b: ColumnarValue, pairs: &str) -> Result<Vec<bool>> {
        let pairs = ColumnarValue::Scalar(ScalarValue::from(pairs));
        let field = |value: &ColumnarValue| Arc::new(Field::new("x", value.data_type(), true));
        let n_rows = 4;
        let given = ScalarFunctionArgs {
            arg_fields: vec![field(&a), field(&b), field(&pairs)],
            args: vec![a, b, pairs],
            number_rows: n_rows,
            return_field: Arc::new(Field::new("same", DataType::Boolean, true)),
            config_options: Arc::new(ConfigOptions::default()),
        };
        let value = SameColumns::new().invoke_with_args(given)?.into_array(n_rows)?;
        let value = as_boolean_array(&value)?;
        assert_eq!(value.null_count(), 0);
        Ok(value.values().iter().collect())
    }

    #[test]
    fn all_pairs_must_be_equal() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(4)]));
        let words: ArrayRef = Arc::new(StringArray::from(vec!["a", "b", "c", "d"]));
        let others: ArrayRef = Arc::new(StringArray::from(vec!["a", "B", "c", "d"]));
        let wider: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(5)]));
        let a = together(vec![numbers.clone(), words.clone()], None);
        let b = together(vec![others, wider], None);
        // NULL equals nothing, and a type is brought to the other's.
        assert_eq!(same(a.clone(), b.clone(), "0=1").unwrap(), [true, true, false, false]);
        assert_eq!(same(a.clone(), b.clone(), "1=0").unwrap(), [true, false, true, true]);
        assert_eq!(same(a.clone(), b, "0=1,1=0").unwrap(), [true, false, false, false]);
        let missing = together(vec![numbers, words], Some(vec![false, true, true, true]));
        assert_eq!(same(a, missing, "1=1").unwrap(), [false, true, true, true]);
    }

    #[test]
    fn pairs_that_are_none_are_refused() {
        let numbers: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]));
        let a = together(vec![numbers], None);
        for pairs in ["0=1", "x", "0"] {
            let error = same(a.clone(), a.clone(), pairs).unwrap_err();
            assert!(error.to_string().contains("names no pair"), "{error}");
        }
    }
}
