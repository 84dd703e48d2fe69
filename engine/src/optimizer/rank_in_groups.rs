//! A numbering of which only the first rows of each group are kept ranks those alone.
//!
//! ```text
//!   before   Filter: place <= 3                     after   Filter: place <= 3
//!              Projection                                     Projection
//!                Window: row_number()                           BestOfEach: n=3
//!                  …                                              …
//! ```
//!
//! Without it all rows would be sorted by group and order. The filter stays: it may ask for more.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::window::StandardWindowExpr;
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowUDFExpr};

use crate::best_of_each::{BestOfEachExec, Ranking};

/// Rows of a group beyond which they are sorted: their places are kept in lists, one inserted at a
/// time.
const MANY: u64 = 1000;

/// Ranks rows in the place of numbering them. It comes before what is required of inputs is ensured,
/// as it requires less.
#[derive(Debug)]
pub(crate) struct RankInGroups;

impl PhysicalOptimizerRule for RankInGroups {
    fn name(&self) -> &str {
        "rank_in_groups"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(filter) = plan.downcast_ref::<FilterExec>() else {
                return Ok(Transformed::no(plan));
            };
            let bounds = split_conjunction(filter.predicate()).into_iter().filter_map(first_rows);
            for (column, n) in bounds {
                if let Some(ranked) = ranked(filter.input(), column, n)? {
                    return Ok(Transformed::yes(replace_children_if_necessary(
                        plan,
                        vec![ranked],
                    )?));
                }
            }
            Ok(Transformed::no(plan))
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The column that a condition wants to be at most a number, and the number.
fn first_rows(condition: &Arc<dyn PhysicalExpr>) -> Option<(usize, usize)> {
    let condition = condition.downcast_ref::<BinaryExpr>()?;
    let (column, op, limit) = match condition.left().downcast_ref::<Column>() {
        Some(column) => (column, *condition.op(), condition.right()),
        None => {
            let column = condition.right().downcast_ref::<Column>()?;
            (column, condition.op().swap()?, condition.left())
        }
    };
    let limit = limit.downcast_ref::<Literal>()?.value().cast_to(&DataType::UInt64).ok()?;
    let ScalarValue::UInt64(Some(limit)) = limit else { return None };
    let n = match op {
        Operator::LtEq | Operator::Eq => limit,
        Operator::Lt => limit.checked_sub(1)?,
        _ => return None,
    };
    (1..=MANY).contains(&n).then_some((column.index(), n as usize))
}

/// The plan with the first `n` rows of each group ranked, if its column is the number of a row.
fn ranked(
    plan: &Arc<dyn ExecutionPlan>,
    column: usize,
    n: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let source = projection.expr()[column].expr.downcast_ref::<Column>();
        let input = match source {
            Some(source) => ranked(projection.input(), source.index(), n)?,
            None => None,
        };
        return input
            .map(|input| replace_children_if_necessary(plan.clone(), vec![input]))
            .transpose();
    }
    let Some(window) = plan.downcast_ref::<BoundedWindowAggExec>() else { return Ok(None) };
    let [numbering] = window.window_expr() else { return Ok(None) };
    let is_of_window = column == window.input().schema().fields().len();
    let is_numbering = (numbering.as_any().downcast_ref::<StandardWindowExpr>())
        .and_then(|window| window.get_standard_func_expr().as_any().downcast_ref::<WindowUDFExpr>())
        .is_some_and(|function| function.fun().name() == "row_number");
    if !is_of_window || !is_numbering || numbering.order_by().is_empty() {
        return Ok(None);
    }
    let ranking = Ranking {
        group_by: numbering.partition_by().to_vec(),
        order_by: numbering.order_by().to_vec(),
        n,
    };
    Ok(Some(Arc::new(BestOfEachExec::new(window.input().clone(), ranking, window.schema()))))
}
