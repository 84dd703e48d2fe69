//! A plan that rules make impossible is made again, from nodes of which nothing is believed.
//!
//! DataFusion leaves out a sort, or moves it down, because of orders, constants and equal columns that it
//! knows of; a later rule moves what it knew them by, such as a projection with a constant into the
//! source of the rows, and the check at the end then refuses the plan (as of version 55):
//!
//! ```text
//! SELECT RANK() OVER (PARTITION BY t.src ORDER BY t.n) FROM (SELECT 'x' AS src, n FROM Star) AS t JOIN …
//! ```
//!
//! The second plan sorts where the first did not.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::screens::hide_all_beliefs;

/// The rules from the one that sorts to the one that checks, as one.
#[derive(Debug)]
pub(crate) struct PlanAgain {
    rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
}

impl PlanAgain {
    pub fn new(rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>) -> Self {
        Self { rules }
    }

    fn apply(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planned = self.rules.iter().try_fold(plan, |plan, rule| rule.optimize(plan, config))?;
        check_windows(&planned)?;
        Ok(planned)
    }
}

impl PhysicalOptimizerRule for PlanAgain {
    fn name(&self) -> &str {
        "plan_again"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.apply(plan.clone(), config).or_else(|fault| {
            tracing::debug!(%fault, "the query is planned again");
            self.apply(hide_all_beliefs(plan)?, config).map_err(|_| fault)
        })
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Fail where a window does not find its partitions by the order of its rows, which otherwise is noticed
/// when it runs.
fn check_windows(plan: &Arc<dyn ExecutionPlan>) -> Result<()> {
    plan.apply(|node| {
        if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
            window.partition_by_sort_keys()?;
        } else if let Some(window) = node.downcast_ref::<WindowAggExec>() {
            window.partition_by_sort_keys()?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}
