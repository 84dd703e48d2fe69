//! Joins whose condition says that two positions are near each other find neighbours.
//!
//! ```text
//!   before   NestedLoopJoin(a, b)  on sky_closed_cone(a.ra, a.dec, b.ra, b.dec, 0.001)
//!            HashJoin(a, b)        on a.band = b.band and sky_closed_cone(…)
//!   after    SkyJoin(a, b)         on the same
//! ```
//!
//! Without it each row of the one side would be tested against each of the other. Equalities beside
//! the nearness are tested on the pairs: few rows are near each other, while many may have one band.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType, NullEquality};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::BinaryExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::known_columns::KnownColumns;
use crate::sky_join::{SkyJoinExec, remade};

/// Puts joins of neighbours in the place of others.
#[derive(Debug)]
pub(crate) struct JoinNeighbours;

impl PhysicalOptimizerRule for JoinNeighbours {
    fn name(&self) -> &str {
        "join_neighbours"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(replaced).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn replaced(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let nested = if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        remade(join, join.left().clone(), join.right().clone())?
    } else if let Some(join) = plan.downcast_ref::<HashJoinExec>()
        && let Some(filter) = join.filter()
        && !join.null_aware
        // Rows without a partner come after the others of their batch, so that an order is lost.
        && (plan.output_ordering().is_none() || *join.join_type() == JoinType::Inner)
    {
        NestedLoopJoinExec::try_new(
            gathered(join.left()),
            join.right().clone(),
            Some(whole_condition(join, filter)?),
            join.join_type(),
            join.projection.as_ref().map(|projection| projection.to_vec()),
        )?
    } else {
        return Ok(Transformed::no(plan));
    };
    Ok(match SkyJoinExec::of(nested) {
        Some(join) => Transformed::yes(Arc::new(join)),
        None => Transformed::no(plan),
    })
}

/// All of a side in one partition.
fn gathered(side: &Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match side.output_partitioning().partition_count() {
        0 | 1 => side.clone(),
        _ => Arc::new(CoalescePartitionsExec::new(side.clone())),
    }
}

/// The condition of a join with its equalities.
fn whole_condition(join: &HashJoinExec, filter: &JoinFilter) -> Result<JoinFilter> {
    let mut known = KnownColumns::of(filter);
    let mut parts = vec![filter.expression().clone()];
    let op = match join.null_equality() {
        NullEquality::NullEqualsNothing => Operator::Eq,
        NullEquality::NullEqualsNull => Operator::IsNotDistinctFrom,
    };
    let (of_left, of_right) = (join.left().schema(), join.right().schema());
    for (left, right) in join.on() {
        let left = known.make_known(left.clone(), &of_left, |index| (JoinSide::Left, index))?;
        let right = known.make_known(right.clone(), &of_right, |index| (JoinSide::Right, index))?;
        parts.push(Arc::new(BinaryExpr::new(left, op, right)));
    }
    Ok(known.condition(parts))
}
