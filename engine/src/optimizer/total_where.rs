//! Totals of the rows for which a condition holds are made without copying these rows together.
//!
//! ```text
//!   before   Aggregate(Filter(condition, input))
//!   after    Totals(condition, input)
//! ```
//!
//! Only totals of all rows, not of groups, of functions that leave NULL out; see [`crate::totals`].

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

use crate::totals::TotalsExec;

/// Makes totals of aggregates over filters; after all rules that look for either.
#[derive(Debug)]
pub(crate) struct TotalWhere;

impl PhysicalOptimizerRule for TotalWhere {
    fn name(&self) -> &str {
        "total_where"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let made = |node: Arc<dyn ExecutionPlan>| {
            let totals = node.downcast_ref::<AggregateExec>().and_then(TotalsExec::of);
            Ok(match totals {
                Some(totals) => Transformed::yes(Arc::new(totals) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        };
        plan.transform_up(made).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}
