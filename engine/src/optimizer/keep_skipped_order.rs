//! Rows that OFFSET leaves out are the first in the order of the query, whatever reads the others.
//!
//! ```text
//!   before   HashJoin                     after   HashJoin
//!              GlobalLimit: skip=4                  Screen: hides=Sorts
//!                Sort: coord_ra                       GlobalLimit: skip=4
//!                                                       OutputRequirement: coord_ra
//!                                                         Sort: coord_ra
//! ```
//!
//! DataFusion takes a sort away where nothing above it needs the order, and puts another one below a
//! limit, if that only skips (as of version 55). It keeps an order that is required, and takes the
//! requirements out again by a rule of its own.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{Distribution, ExecutionPlan};

use crate::screen::{Hides, ScreenExec};

/// Requires the order of the sorts from which rows are skipped.
#[derive(Debug)]
pub(crate) struct KeepSkippedOrder;

impl PhysicalOptimizerRule for KeepSkippedOrder {
    fn name(&self) -> &str {
        "keep_skipped_order"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let kept = plan.transform_up(|node| {
            let limit = node
                .downcast_ref::<GlobalLimitExec>()
                .filter(|limit| limit.skip() > 0 && limit.fetch().is_none());
            match limit.map(|limit| required(limit.input())).transpose()?.flatten() {
                Some(input) => {
                    let limit = replace_children_if_necessary(node, vec![input])?;
                    let screen: Arc<dyn ExecutionPlan> =
                        Arc::new(ScreenExec::new(limit, Hides::Sorts));
                    Ok(Transformed::yes(screen))
                }
                None => Ok(Transformed::no(node)),
            }
        });
        kept.data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A plan whose rows come in the order of the sort that they come from, if that is so now.
fn required(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let sort = plan.downcast_ref::<SortExec>().map(SortExec::expr);
    let merge = plan.downcast_ref::<SortPreservingMergeExec>().map(SortPreservingMergeExec::expr);
    if let Some(order) = sort.or(merge) {
        let order = Some(OrderingRequirements::from(order.clone()));
        let one = Distribution::SinglePartition;
        return Ok(Some(Arc::new(OutputRequirementExec::new(plan.clone(), order, one, None))));
    }
    match (plan.children().as_slice(), plan.maintains_input_order().as_slice()) {
        ([child], [true]) => {
            let below = required(child)?;
            below.map(|below| replace_children_if_necessary(plan.clone(), vec![below])).transpose()
        }
        _ => Ok(None),
    }
}
