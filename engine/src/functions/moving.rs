//! SUM, AVG, STDDEV, VARIANCE and CORR, over frames that move by way of [`frame`].
//!
//! The aggregates are DataFusion's in all else; STDDEV(DISTINCT x), which it lacks, is the root of its
//! VARIANCE(DISTINCT x).

mod frame;

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::correlation::corr_udaf;
use datafusion::functions_aggregate::stddev::{stddev_pop_udaf, stddev_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::functions_aggregate::variance::{var_pop_udaf, var_samp_udaf};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::function::{
    AccumulatorArgs, AggregateFunctionSimplification, StateFieldsArgs,
};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, Operator, ReversedUDAF,
    SetMonotonicity, Signature,
};
use frame::{Figure, Frame};

/// An aggregate of DataFusion, by another way where frames move.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Moving {
    known: Arc<AggregateUDF>,
    figure: Figure,
}

/// Return the aggregates, under DataFusion's names.
pub fn all() -> impl Iterator<Item = AggregateUDF> {
    let known = [
        (sum_udaf(), Figure::Sum),
        (avg_udaf(), Figure::Mean),
        (var_samp_udaf(), Figure::Variance),
        (var_pop_udaf(), Figure::VarianceOfAll),
        (stddev_udaf(), Figure::Deviation),
        (stddev_pop_udaf(), Figure::DeviationOfAll),
        (corr_udaf(), Figure::Correlation),
    ];
    known.into_iter().map(|(known, figure)| AggregateUDF::from(Moving { known, figure }))
}

impl Moving {
    /// The aggregate of which this one is the root, if it is to be taken of different values.
    fn squared(&self, is_distinct: bool) -> Option<Arc<AggregateUDF>> {
        match self.figure {
            Figure::Deviation if is_distinct => Some(var_samp_udaf()),
            Figure::DeviationOfAll if is_distinct => Some(var_pop_udaf()),
            _ => None,
        }
    }
}

impl AggregateUDFImpl for Moving {
    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.squared(args.is_distinct) {
            Some(squared) => Ok(Box::new(Root(squared.accumulator(args)?))),
            None => self.known.accumulator(args),
        }
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        match self.squared(args.is_distinct) {
            Some(squared) => squared.state_fields(args),
            None => self.known.state_fields(args),
        }
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let is_double =
            args.expr_fields.iter().all(|field| *field.data_type() == DataType::Float64);
        match () {
            () if self.squared(args.is_distinct).is_some() => self.accumulator(args),
            () if args.is_distinct || !is_double => self.known.create_sliding_accumulator(args),
            () => Ok(Box::new(Frame::new(self.figure))),
        }
    }

    // All else is the aggregate's own.

    fn name(&self) -> &str {
        self.known.name()
    }

    fn aliases(&self) -> &[String] {
        self.known.aliases()
    }

    fn signature(&self) -> &Signature {
        self.known.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.known.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.known.return_field(fields)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.known.coerce_types(types)
    }

    fn is_nullable(&self) -> bool {
        self.known.is_nullable()
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs) -> bool {
        self.known.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.known.create_groups_accumulator(args)
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.known.order_sensitivity()
    }

    fn simplify(&self) -> Option<AggregateFunctionSimplification> {
        self.known.simplify()
    }

    fn simplify_expr_op_literal(
        &self,
        call: &AggregateFunction,
        arg: &Expr,
        op: Operator,
        literal: &Expr,
        arg_is_left: bool,
    ) -> Result<Option<Expr>> {
        self.known.inner().simplify_expr_op_literal(call, arg, op, literal, arg_is_left)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        self.known.reverse_udf()
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.known.default_value(data_type)
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.known.inner().set_monotonicity(data_type)
    }
}

/// The root of what another accumulator gives.
#[derive(Debug)]
struct Root(Box<dyn Accumulator>);

impl Accumulator for Root {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.0.evaluate()? {
            ScalarValue::Float64(square) => ScalarValue::Float64(square.map(f64::sqrt)),
            other => other,
        })
    }

    fn size(&self) -> usize {
        self.0.size()
    }
}
