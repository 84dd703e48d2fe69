//! An aggregate of all rows has one row, whatever a condition above it says of something else.
//!
//! ```text
//!   before   Filter: false              after   Filter: false
//!              Aggregate: count(*)                Limit: 1
//!                scan                               Aggregate: count(*)
//!                                                     scan
//! ```
//!
//! DataFusion takes a condition that reads no column for one on what rows are grouped by, and puts it
//! below the aggregate, which has its row also where no row comes in (as of version 55). It puts none
//! below a limit.

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Puts a limit above aggregates of all rows that lie below a condition.
#[derive(Debug)]
pub(crate) struct KeepTheOneRow;

impl OptimizerRule for KeepTheOneRow {
    fn name(&self) -> &str {
        "keep_the_one_row"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        kept(plan, false)
    }
}

/// A plan with its limits; `has_condition` tells whether a condition lies above it.
fn kept(plan: LogicalPlan, has_condition: bool) -> Result<Transformed<LogicalPlan>> {
    let below = has_condition || matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::Join(_));
    let is_limit = matches!(plan, LogicalPlan::Limit(_));
    let keep = |child| {
        let child = kept(child, below)?;
        if is_limit || !below { Ok(child) } else { child.transform_data(limited) }
    };
    plan.map_subqueries(|subquery| kept(subquery, false))?
        .transform_data(|plan| plan.map_children(keep))
}

/// An aggregate of all rows below a limit; any other plan as it is.
fn limited(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match &plan {
        LogicalPlan::Aggregate(Aggregate { group_expr, .. }) if group_expr.is_empty() => {
            let limited = LogicalPlanBuilder::from(plan).limit(0, Some(1))?.build()?;
            Ok(Transformed::yes(limited))
        }
        _ => Ok(Transformed::no(plan)),
    }
}
