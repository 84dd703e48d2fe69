//! Floats are compared with a number as floats, and not each made a double first.
//!
//! ```text
//!   before   CAST(psfFlux AS Float64) > 0.1       after   psfFlux > 0.099999994
//! ```
//!
//! The two hold for the same values: between the number and the nearest float on the side to which the
//! condition leads there is none. A scan is spared a column of doubles, and compares twice as many at once.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, Operator, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Takes the casts out of conditions.
#[derive(Debug)]
pub(crate) struct CompareAsFloats;

impl OptimizerRule for CompareAsFloats {
    fn name(&self) -> &str {
        "compare_as_floats"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Filter(filter) = plan else { return Ok(Transformed::no(plan)) };
        let schema = filter.input.schema().clone();
        let condition = filter.predicate.transform_up(|expr| narrowed(expr, &schema))?;
        let filter = |condition| Filter::try_new(condition, filter.input).map(LogicalPlan::Filter);
        condition.map_data(filter)
    }
}

/// A comparison of a float, made a double, with a number; any other expression as it is.
fn narrowed(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let sides = match (left.as_ref(), right.as_ref()) {
        (Expr::Cast(cast), Expr::Literal(number, _)) => Some((cast, *op, number)),
        (Expr::Literal(number, _), Expr::Cast(cast)) => op.swap().map(|op| (cast, op, number)),
        _ => None,
    };
    let Some((Cast { expr: value, field }, op, ScalarValue::Float64(Some(number)))) = sides else {
        return Ok(Transformed::no(expr));
    };
    let is_widened =
        *field.data_type() == DataType::Float64 && value.get_type(schema)? == DataType::Float32;
    match bound(op, *number).filter(|_| is_widened) {
        None => Ok(Transformed::no(expr)),
        Some(bound) => {
            let (left, right) = (value.clone(), Box::new(lit(bound)));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
    }
}

/// The float with which to compare floats in the place of a number, if there is one.
fn bound(op: Operator, number: f64) -> Option<f32> {
    let nearest = number as f32;
    let is_same = f64::from(nearest) == number;
    let bound = match op {
        _ if number.is_nan() => return None,
        _ if is_same => nearest,
        Operator::Gt | Operator::LtEq if f64::from(nearest) > number => nearest.next_down(),
        Operator::GtEq | Operator::Lt if f64::from(nearest) < number => nearest.next_up(),
        Operator::Gt | Operator::LtEq | Operator::GtEq | Operator::Lt => nearest,
        _ => return None,
    };
    // There is one 0 only.
    let is_known = matches!(
        op,
        Operator::Gt
            | Operator::LtEq
            | Operator::GtEq
            | Operator::Lt
            | Operator::Eq
            | Operator::NotEq
    );
    is_known.then_some(bound + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_floats_are_on_the_same_side() {
        let tenth = 0.1_f64;
        let near = f64::from(0.1_f32);
        let numbers = [
            [tenth, -tenth, near, near.next_up(), near.next_down()],
            [0.0, -0.0, 1e-60, -1e-60, 1e-45],
            [1e300, -1e300, f64::INFINITY, f64::NEG_INFINITY, f64::from(f32::MAX)],
            [f64::from(f32::MAX).next_up(), 3.4028235e38, 16_777_217.0, 1e-310, -3.0],
        ];
        let around = |number: f64| {
            let nearest = number as f32;
            [nearest, nearest.next_up(), nearest.next_down(), 0.0, 0.1, f32::MAX, f32::MIN]
        };
        let infinities = [f32::INFINITY, f32::NEG_INFINITY];
        for number in numbers.into_iter().flatten() {
            for value in around(number).into_iter().chain(infinities) {
                let wide = f64::from(value);
                for (op, expected, holds) in [
                    (Operator::Gt, wide > number, f32::gt as fn(&f32, &f32) -> bool),
                    (Operator::GtEq, wide >= number, f32::ge),
                    (Operator::Lt, wide < number, f32::lt),
                    (Operator::LtEq, wide <= number, f32::le),
                    (Operator::Eq, wide == number, f32::eq),
                    (Operator::NotEq, wide != number, f32::ne),
                ] {
                    match bound(op, number) {
                        Some(bound) => {
                            assert_eq!(holds(&value, &bound), expected, "{value} {op} {number}");
                        }
                        None => assert!(matches!(op, Operator::Eq | Operator::NotEq), "{op}"),
                    }
                }
            }
        }
        assert_eq!(bound(Operator::Gt, f64::NAN), None);
        assert_eq!(bound(Operator::Plus, 1.0), None);
    }
}
