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

/// What lies above a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Above {
    Nothing,
    /// Somewhere, a condition.
    Condition,
    /// A limit.
    Limit,
}

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
        kept(plan, Above::Nothing)
    }
}

fn kept(plan: LogicalPlan, above: Above) -> Result<Transformed<LogicalPlan>> {
    let below = match (&plan, above) {
        (LogicalPlan::Limit(_), _) => Above::Limit,
        (LogicalPlan::Filter(_) | LogicalPlan::Join(_), _) => Above::Condition,
        (_, Above::Limit) => Above::Condition,
        (_, above) => above,
    };
    let plan = plan
        .map_subqueries(|subquery| kept(subquery, Above::Nothing))?
        .transform_data(|plan| plan.map_children(|child| kept(child, below)))?;
    plan.transform_data(|plan| match &plan {
        LogicalPlan::Aggregate(Aggregate { group_expr, .. })
            if group_expr.is_empty() && above == Above::Condition =>
        {
            let limited = LogicalPlanBuilder::from(plan).limit(0, Some(1))?.build()?;
            Ok(Transformed::yes(limited))
        }
        _ => Ok(Transformed::no(plan)),
    })
}
