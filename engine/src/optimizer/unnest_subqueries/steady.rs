//! Rows that are the same ones each time.
//!
//! The rows around a subquery are read twice: for the domain, and to be joined with what the
//! subquery gives for it. A LIMIT without an order, or with one that ties, may let other rows
//! through the second time. So ties are broken by all columns: rows that tie then are equal.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, not_impl_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, Projection, Sort};

use super::push_down::is_sortable;

/// The plan, with rows that are the same ones each time.
///
/// # Errors
/// If the plan draws random numbers.
pub(super) fn steady(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut is_random = false;
    plan.apply(|node| {
        node.apply_expressions(|expr| {
            is_random = is_random || expr.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if is_random {
        return not_impl_err!(
            "a subquery that reads the rows around it where they are drawn at random"
        );
    }
    let steady = plan.transform_up(|plan| match plan {
        LogicalPlan::Limit(Limit { skip, fetch, input }) => {
            let input = Arc::new(ordered(Arc::unwrap_or_clone(input))?);
            Ok(Transformed::yes(LogicalPlan::Limit(Limit { skip, fetch, input })))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(steady.data)
}

/// `plan` in an order without ties.
fn ordered(plan: LogicalPlan) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let Projection { expr, input, schema, .. } = projection;
            let input = Arc::new(ordered(Arc::unwrap_or_clone(input))?);
            let projection = Projection::try_new_with_schema(expr, input, schema)?;
            Ok(LogicalPlan::Projection(projection))
        }
        LogicalPlan::Sort(Sort { expr, input, fetch }) => {
            let expr = total_order(expr, input.schema());
            Ok(LogicalPlan::Sort(Sort { expr, input, fetch }))
        }
        other => {
            let expr = total_order(vec![], other.schema());
            Ok(match expr.is_empty() {
                true => other,
                false => LogicalPlan::Sort(Sort { expr, input: Arc::new(other), fetch: None }),
            })
        }
    }
}

/// An order in which only equal rows tie.
pub(super) fn total_order(mut order: Vec<SortExpr>, schema: &DFSchema) -> Vec<SortExpr> {
    for (column, field) in schema.columns().into_iter().zip(schema.fields()) {
        let column = Expr::Column(column);
        if is_sortable(field.data_type()) && order.iter().all(|sort| sort.expr != column) {
            order.push(SortExpr { expr: column, asc: true, nulls_first: false });
        }
    }
    order
}
