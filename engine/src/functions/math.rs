//! Mathematical functions that are NULL outside their domain, in place of DataFusion's, some of
//! which end the query there.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::{binary, cast};
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A function of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Formula {
    One(fn(f64) -> f64),
    Two(fn(f64, f64) -> f64),
    Four(fn(f64, f64, f64, f64) -> f64),
}

/// What is replaced, each by the plain function of the standard library. Their NaNs and infinities
/// become NULL in [`finite`](super::finite).
const FORMULAS: [(&str, Formula); 12] = [
    ("sqrt", Formula::One(f64::sqrt)),
    ("ln", Formula::One(f64::ln)),
    ("log10", Formula::One(f64::log10)),
    ("exp", Formula::One(f64::exp)),
    ("acos", Formula::One(f64::acos)),
    ("asin", Formula::One(f64::asin)),
    ("tan", Formula::One(f64::tan)),
    ("cot", Formula::One(|x| x.tan().recip())),
    ("power", Formula::Two(f64::powf)),
    ("atan2", Formula::Two(f64::atan2)),
    ("cbrt", Formula::One(f64::cbrt)),
    ("interval_overlaps", Formula::Four(interval_overlaps)),
];

/// 1 where two closed intervals have a number in common, 0 elsewhere.
fn interval_overlaps(low1: f64, high1: f64, low2: f64, high2: f64) -> f64 {
    f64::from(low1 <= high1 && low2 <= high2 && low1 <= high2 && low2 <= high1)
}

/// A mathematical function on double-precision numbers.
#[derive(Debug)]
pub struct Mathematical {
    name: &'static str,
    formula: Formula,
    signature: Signature,
}

// The name tells the formula, and function pointers do not compare.
impl PartialEq for Mathematical {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Mathematical {}
impl std::hash::Hash for Mathematical {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

/// Return the functions, to be registered over those of the same names.
pub(crate) fn all() -> impl Iterator<Item = ScalarUDF> {
    FORMULAS.into_iter().chain(super::magnitude::FORMULAS).map(|(name, formula)| {
        let n_arguments = match formula {
            Formula::One(_) => 1,
            Formula::Two(_) => 2,
            Formula::Four(_) => 4,
        };
        let types = vec![DataType::Float64; n_arguments];
        let signature = Signature::exact(types, Volatility::Immutable);
        ScalarUDF::from(Mathematical { name, formula, signature })
    })
}

impl ScalarUDFImpl for Mathematical {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?
            .iter()
            .map(|array| Ok(cast(array, &DataType::Float64)?.as_primitive::<Float64Type>().clone()))
            .collect::<Result<Vec<Float64Array>>>()?;
        let result: Float64Array = match self.formula {
            Formula::One(formula) => arrays[0].unary(formula),
            Formula::Two(formula) => binary(&arrays[0], &arrays[1], formula)?,
            Formula::Four(formula) => (0..args.number_rows)
                .map(|row| {
                    // An array of constants is as long as the call has rows, or of one value.
                    let value = |n: usize| {
                        let array = &arrays[n];
                        let row = row.min(array.len().saturating_sub(1));
                        array.is_valid(row).then(|| array.value(row))
                    };
                    Some(formula(value(0)?, value(1)?, value(2)?, value(3)?))
                })
                .collect(),
        };
        Ok(ColumnarValue::Array(Arc::new(result) as ArrayRef))
    }
}
