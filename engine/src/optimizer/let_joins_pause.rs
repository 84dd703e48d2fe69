//! A join pauses often enough to be cancelled, and not to keep other queries waiting.
//!
//! ```text
//!   before   HashJoin(left, right)             CrossJoin(left, right)
//!   after    Paced(HashJoin(left, Paced(right)))   Paced(CrossJoin(left, right))
//! ```
//!
//! The right side is the one that joins take batch by batch. A cross join gives a batch for each row
//! of the left side, so that to cut the right would only make them small.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec};

use crate::paced::{PacedExec, Slices};
use crate::sky_join::SkyJoinExec;

/// Wraps joins; the last of all rules, since others look for joins.
#[derive(Debug)]
pub(crate) struct LetJoinsPause;

impl PhysicalOptimizerRule for LetJoinsPause {
    fn name(&self) -> &str {
        "let_joins_pause"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(wrap).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn wrap(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let works_on_batches =
        plan.is::<HashJoinExec>() || plan.is::<NestedLoopJoinExec>() || plan.is::<SkyJoinExec>();
    if !works_on_batches && !plan.is::<CrossJoinExec>() {
        return Ok(Transformed::no(plan));
    }
    let join = match <[_; 2]>::try_from(plan.children()) {
        Ok([left, right]) if works_on_batches => {
            let right = PacedExec::new(right.clone(), Slices::Cut);
            let children: Vec<Arc<dyn ExecutionPlan>> = vec![left.clone(), Arc::new(right)];
            replace_children_if_necessary(plan, children)?
        }
        _ => plan,
    };
    Ok(Transformed::yes(Arc::new(PacedExec::new(join, Slices::Whole))))
}
