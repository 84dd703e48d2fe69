//! `ivo_histogram` (val, lower, upper, nbins): how many values fall into each bin.
//!
//! ```text
//!   cell      0          1       2     …    nbins      nbins + 1
//!        NULL, < lower │     │     │ … │           │   ≥ upper
//!                    lower                       upper
//! ```

use std::mem::size_of_val;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int32Type, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{ScalarValue, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility,
};

/// Name of the aggregate.
pub const NAME: &str = "ivo_histogram";

/// The aggregate.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Histogram {
    signature: Signature,
}

impl Histogram {
    /// Make the function that a session registers.
    pub fn udaf() -> AggregateUDF {
        use DataType::{Float64, Int64};
        let types = vec![Float64, Float64, Float64, Int64];
        AggregateUDF::from(Self { signature: Signature::exact(types, Volatility::Immutable) })
    }
}

impl AggregateUDFImpl for Histogram {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::new_list(DataType::Int32, true))
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let counts = DataType::new_list(DataType::Int64, true);
        Ok(vec![Field::new(format!("{}[counts]", args.name), counts, true).into()])
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let number = |index: usize| -> Result<f64> {
            let nothing = RecordBatch::new_empty(Arc::new(args.schema.clone()));
            let value = args.exprs[index].evaluate(&nothing);
            let Ok(ColumnarValue::Scalar(value)) = value else {
                return plan_err!("ivo_histogram: limits and bins must be literals");
            };
            match value.cast_to(&DataType::Float64)? {
                ScalarValue::Float64(Some(number)) => Ok(number),
                _ => plan_err!("ivo_histogram: limits and bins must not be NULL"),
            }
        };
        if args.is_distinct {
            return plan_err!("ivo_histogram does not take DISTINCT");
        }
        let (lower, upper, n_bins) = (number(1)?, number(2)?, number(3)?);
        if !(lower < upper && n_bins >= 1.0) {
            return plan_err!("ivo_histogram: {n_bins} bins from {lower} to {upper}");
        }
        let counts = vec![0; n_bins as usize + 2];
        Ok(Box::new(Counts { lower, upper, counts }))
    }
}

/// The histogram of the values seen so far.
#[derive(Debug)]
struct Counts {
    lower: f64,
    upper: f64,
    counts: Vec<i64>,
}

impl Counts {
    fn cell(&self, value: Option<f64>) -> usize {
        let n_bins = self.counts.len() - 2;
        match value {
            Some(value) if value >= self.upper => n_bins + 1,
            Some(value) if value >= self.lower => {
                let fraction = (value - self.lower) / (self.upper - self.lower);
                // Rounding must not lift a value over the last edge.
                ((fraction * n_bins as f64) as usize).min(n_bins - 1) + 1
            }
            _ => 0,
        }
    }
}

impl Accumulator for Counts {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().and_then(|v| v.as_primitive_opt::<Float64Type>()) else {
            return exec_err!("ivo_histogram counts numbers");
        };
        for value in values {
            let cell = self.cell(value);
            self.counts[cell] += 1;
        }
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let Some(states) = states.first().and_then(|s| s.as_list_opt::<i32>()) else {
            return exec_err!("ivo_histogram: counts are no list");
        };
        for other in states.iter().flatten() {
            let other = other.as_primitive::<Int64Type>();
            for (count, more) in self.counts.iter_mut().zip(other.iter().flatten()) {
                *count += more;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let counts: Vec<ScalarValue> =
            self.counts.iter().map(|count| ScalarValue::Int64(Some(*count))).collect();
        let list = ScalarValue::new_list_nullable(&counts, &DataType::Int64);
        Ok(vec![ScalarValue::List(list)])
    }

    /// A count that an INTEGER cannot hold is NULL.
    fn evaluate(&mut self) -> Result<ScalarValue> {
        let counts = Int64Array::from(self.counts.clone());
        let counts = counts.unary_opt::<_, Int32Type>(|count| i32::try_from(count).ok());
        let counts: Vec<ScalarValue> = counts.iter().map(ScalarValue::Int32).collect();
        Ok(ScalarValue::List(ScalarValue::new_list_nullable(&counts, &DataType::Int32)))
    }

    fn size(&self) -> usize {
        size_of_val(self) + size_of_val(self.counts.as_slice())
    }
}
