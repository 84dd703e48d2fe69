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
//! The second plan sorts where the first did not. A plan without sorts, joins, groups and partitions is left
//! as it is.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::{
    OutputRequirementExec, OutputRequirements,
};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::screens::hide_all_beliefs;
use crate::screen::ScreenExec;

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
        if config.execution.target_partitions == 1 && needs_nothing(&plan)? {
            return OutputRequirements::new_remove_mode().optimize(plan, config);
        }
        self.apply(plan.clone(), config).or_else(|fault| {
            tracing::debug!(%fault, "the query is planned again");
            self.apply(hide_all_beliefs(plan)?, config).map_err(|_| fault)
        })
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Are the rows of a plan right as it stands? Of a look-up these rules would take longer than all the rest.
///
/// It is so where they pass one after the other through nodes that ask for no order, in the one partition
/// that there is to be.
fn needs_nothing(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let passes = |node: &Arc<dyn ExecutionPlan>| {
        let is_simple = node.is::<DataSourceExec>()
            || node.is::<FilterExec>()
            || node.is::<ProjectionExec>()
            || node.is::<GlobalLimitExec>()
            || node.is::<OutputRequirementExec>()
            || node.is::<ScreenExec>()
            || node.downcast_ref::<AggregateExec>().is_some_and(|a| a.group_expr().is_empty());
        is_simple
            && node.output_partitioning().partition_count() == 1
            && node.required_input_ordering().iter().all(Option::is_none)
    };
    Ok(!plan.exists(|node| Ok(!passes(node)))?)
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
