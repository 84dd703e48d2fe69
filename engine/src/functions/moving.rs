//! SUM, AVG, STDDEV, VARIANCE and CORR of frames that move, without subtraction.
//!
//! ```text
//!   rows   a  b  c │ d  e        frame = merge(front, back)
//!          front   │ back        front: what a…c, b…c and c come to;  back: what d…e come to
//! ```
//!
//! DataFusion subtracts the rows that leave a frame from its sums (as of version 55), after which little is
//! left of numbers that are small beside those that left, and variances fall below zero. Here what a frame
//! comes to is merged from two stacks of what its rows come to (Tangwongsan et al. 2015, PVLDB 8, 702): each
//! row is merged twice. Moments are merged as by Chan, Golub & LeVeque (1979).
//!
//! The aggregates are DataFusion's in all else; STDDEV(DISTINCT x), which it lacks, is the root of its
//! VARIANCE(DISTINCT x).

use std::collections::VecDeque;
use std::mem::size_of;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Float64Type};
use datafusion::common::{ScalarValue, internal_err};
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

/// What an aggregate gives of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Figure {
    Sum,
    Mean,
    Variance,
    VarianceOfAll,
    Deviation,
    DeviationOfAll,
    Correlation,
}

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
        match args.is_distinct || !is_double {
            true if self.squared(args.is_distinct).is_some() => self.accumulator(args),
            true => self.known.create_sliding_accumulator(args),
            false => Ok(Box::new(Frame::new(self.figure))),
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

/// What values, or pairs of them, come to.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    n: f64,
    sum: f64,
    mean: [f64; 2],
    /// Sums of squared deviations, and of their products.
    squares: [f64; 2],
    products: f64,
}

impl Moments {
    fn of([x, y]: [f64; 2]) -> Self {
        Self { n: 1.0, sum: x, mean: [x, y], ..Self::default() }
    }

    fn merged(self, other: Self) -> Self {
        if self.n == 0.0 || other.n == 0.0 {
            return if self.n == 0.0 { other } else { self };
        }
        let n = self.n + other.n;
        let apart = [other.mean[0] - self.mean[0], other.mean[1] - self.mean[1]];
        let weight = self.n * other.n / n;
        let mean = |k: usize| self.mean[k] + apart[k] * other.n / n;
        let square = |k: usize| self.squares[k] + other.squares[k] + apart[k] * apart[k] * weight;
        Self {
            n,
            sum: self.sum + other.sum,
            mean: [mean(0), mean(1)],
            squares: [square(0), square(1)],
            products: self.products + other.products + apart[0] * apart[1] * weight,
        }
    }

    fn figure(&self, figure: Figure) -> Option<f64> {
        let least = match figure {
            Figure::Variance | Figure::Deviation | Figure::Correlation => 2.0,
            _ => 1.0,
        };
        if self.n < least {
            return None;
        }
        match figure {
            Figure::Sum => Some(self.sum),
            Figure::Mean => Some(self.sum / self.n),
            Figure::Variance => Some(self.squares[0] / (self.n - 1.0)),
            Figure::VarianceOfAll => Some(self.squares[0] / self.n),
            Figure::Deviation => Some((self.squares[0] / (self.n - 1.0)).sqrt()),
            Figure::DeviationOfAll => Some((self.squares[0] / self.n).sqrt()),
            Figure::Correlation => {
                let scale = self.squares[0].sqrt() * self.squares[1].sqrt();
                (scale > 0.0).then(|| (self.products / scale).clamp(-1.0, 1.0))
            }
        }
    }
}

/// The rows of a frame; those that are NULL come to nothing.
#[derive(Debug)]
struct Frame {
    figure: Figure,
    /// What the row and all younger ones of this stack come to; the oldest row last.
    front: Vec<Moments>,
    /// The younger rows, and what they come to together.
    back: VecDeque<Moments>,
    of_back: Moments,
}

impl Frame {
    fn new(figure: Figure) -> Self {
        Self { figure, front: vec![], back: VecDeque::new(), of_back: Moments::default() }
    }

    fn leave(&mut self) {
        if self.front.is_empty() {
            let mut below = Moments::default();
            for row in self.back.drain(..).rev() {
                below = row.merged(below);
                self.front.push(below);
            }
            self.of_back = Moments::default();
        }
        self.front.pop();
    }
}

impl Accumulator for Frame {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [x, rest @ ..] = values else { return internal_err!("an aggregate of nothing") };
        let x = x.as_primitive::<Float64Type>();
        let y = rest.first().map_or(x, |y| y.as_primitive::<Float64Type>());
        for row in 0..x.len() {
            let row = match x.is_null(row) || y.is_null(row) {
                true => Moments::default(),
                false => Moments::of([x.value(row), y.value(row)]),
            };
            self.of_back = self.of_back.merged(row);
            self.back.push_back(row);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        for _ in 0..values.first().map_or(0, |values| values.len()) {
            self.leave();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let front = self.front.last().copied().unwrap_or_default();
        Ok(ScalarValue::Float64(front.merged(self.of_back).figure(self.figure)))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + (self.front.capacity() + self.back.capacity()) * size_of::<Moments>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        internal_err!("a frame is not divided")
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> Result<()> {
        internal_err!("a frame is not divided")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use datafusion::arrow::array::Float64Array;

    const FIGURES: [Figure; 7] = [
        Figure::Sum,
        Figure::Mean,
        Figure::Variance,
        Figure::VarianceOfAll,
        Figure::Deviation,
        Figure::DeviationOfAll,
        Figure::Correlation,
    ];

    /// The figures of rows, each by its definition.
    fn plain(rows: &[Option<[f64; 2]>], figure: Figure) -> Option<f64> {
        let rows: Vec<[f64; 2]> = rows.iter().flatten().copied().collect();
        let n = rows.len() as f64;
        let mean = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / n;
        let means = [mean(0), mean(1)];
        let product = |j: usize, k: usize| -> f64 {
            rows.iter().map(|row| (row[j] - means[j]) * (row[k] - means[k])).sum()
        };
        match figure {
            _ if rows.is_empty() => None,
            Figure::Sum => Some(mean(0) * n),
            Figure::Mean => Some(mean(0)),
            Figure::VarianceOfAll => Some(product(0, 0) / n),
            Figure::DeviationOfAll => Some((product(0, 0) / n).sqrt()),
            _ if rows.len() < 2 => None,
            Figure::Variance => Some(product(0, 0) / (n - 1.0)),
            Figure::Deviation => Some((product(0, 0) / (n - 1.0)).sqrt()),
            Figure::Correlation => {
                Some(product(0, 1) / (product(0, 0) * product(1, 1)).sqrt()).filter(|r| !r.is_nan())
            }
        }
    }

    #[test]
    fn frames_come_to_what_their_rows_do() {
        let mut state = 3_u64;
        let mut below = move |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % n
        };
        let rows: Vec<Option<[f64; 2]>> = (0..400)
            .map(|n| match n {
                // One that would spoil all that come after it.
                100 => Some([1e15, -1e15]),
                _ if below(5) == 0 => None,
                _ => Some([19.0 + below(1000) as f64 / 1e3, below(1000) as f64 / 500.0 - 1.0]),
            })
            .collect();
        let array = |rows: &[Option<[f64; 2]>], k: usize| -> ArrayRef {
            Arc::new(Float64Array::from_iter(rows.iter().map(|row| row.map(|row| row[k]))))
        };
        for figure in FIGURES {
            let mut frame = Frame::new(figure);
            let (mut begin, mut end) = (0, 0);
            while end < rows.len() {
                let more = (end + 1 + below(8)).min(rows.len());
                frame
                    .update_batch(&[array(&rows[end..more], 0), array(&rows[end..more], 1)])
                    .unwrap();
                end = more;
                let fewer = (begin + below(10)).min(end);
                let gone = &rows[begin..fewer];
                frame.retract_batch(&[array(gone, 0), array(gone, 1)]).unwrap();
                begin = fewer;
                let expected = plain(&rows[begin..end], figure);
                let ScalarValue::Float64(found) = frame.evaluate().unwrap() else { unreachable!() };
                let is_close = match (found, expected) {
                    (Some(found), Some(expected)) => {
                        (found - expected).abs() <= 1e-9 * expected.abs().max(1.0)
                    }
                    (found, expected) => found == expected,
                };
                assert!(is_close, "{figure:?} of {begin}..{end}: {found:?}, not {expected:?}");
            }
        }
    }
}
