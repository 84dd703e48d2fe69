//! Of the pairs of a join of which only the nearest of each row are kept, the others are not made.
//!
//! ```text
//!   before   BestOfEach: n=3, group_by=[u.id], order_by=[sky_distance(u.ra, u.dec, o.ra, o.dec)]
//!              CrossJoin(u, o)
//!   after    BestOfEach: the same
//!              NestedLoopJoin(o, u)  on sky_nearest_n(u.ra, u.dec, o.ra, o.dec)
//! ```
//!
//! which [`JoinNeighbours`](super::join_neighbours::JoinNeighbours) makes a join of neighbours. The
//! condition drops no pair that is among the n best of a group: a group is made of whole rows of `u`,
//! so that its best are among the best of these. A join with a radius, or an equality, makes few
//! pairs, and stays as it is.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{JoinSide, JoinType};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::known_columns::KnownColumns;
use crate::best_of_each::{BestOfEachExec, Ranking};
use crate::functions::distance::SkyDistance;
use crate::functions::nearest::Nearest;
use crate::sky_join::SkyJoinExec;

/// Rows of a side beyond which it is not gathered, to find the nearest in it.
const MANY: usize = 20_000_000;

/// Bounds joins whose nearest pairs are kept.
#[derive(Debug)]
pub(crate) struct JoinNearest;

impl PhysicalOptimizerRule for JoinNearest {
    fn name(&self) -> &str {
        "join_nearest"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(best) = plan.downcast_ref::<BestOfEachExec>() else {
                return Ok(Transformed::no(plan));
            };
            Ok(match bounded(best.input(), best.ranking().clone())? {
                Some(input) => Transformed::yes(replace_children_if_necessary(plan, vec![input])?),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan with its join bounded, if there is one; the ranking is over the plan's columns.
fn bounded(
    plan: &Arc<dyn ExecutionPlan>,
    ranking: Ranking,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = ranking.map(|part| over_input(part, projection))?;
        let input = bounded(projection.input(), below)?;
        return input
            .map(|input| replace_children_if_necessary(plan.clone(), vec![input]))
            .transpose();
    }
    let join = if let Some(join) = plan.downcast_ref::<CrossJoinExec>() {
        let (left, right) = (join.left().clone(), join.right().clone());
        NestedLoopJoinExec::try_new(left, right, None, &JoinType::Inner, None)?
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>()
        && *join.join_type() == JoinType::Inner
        && join.projection().is_none()
    {
        if SkyJoinExec::is_for(join) {
            return Ok(None);
        }
        crate::sky_join::remade(join, join.left().clone(), join.right().clone())?
    } else {
        return Ok(None);
    };
    let Some((filter, asking)) = nearest(&join, &ranking) else { return Ok(None) };
    let candidates = if asking == JoinSide::Left { join.right() } else { join.left() };
    let statistics =
        StatisticsContext::new().compute(candidates.as_ref(), &StatisticsArgs::new())?;
    let n_rows = match statistics.num_rows {
        Precision::Exact(n) | Precision::Inexact(n) => n,
        Precision::Absent => 0,
    };
    if n_rows > MANY {
        return Ok(None);
    }
    let (left, right) = (join.left().clone(), join.right().clone());
    let join = NestedLoopJoinExec::try_new(left, right, Some(filter), &JoinType::Inner, None)?;
    // The left side is gathered, and searched for each row of the right one.
    Ok(Some(if asking == JoinSide::Left { join.swap_inputs()? } else { Arc::new(join) }))
}

/// An expression over the columns of a projection, over those of its input.
fn over_input(
    part: Arc<dyn PhysicalExpr>,
    projection: &ProjectionExec,
) -> Result<Arc<dyn PhysicalExpr>> {
    part.transform(|node| {
        Ok(match node.downcast_ref::<Column>() {
            Some(column) => Transformed::yes(projection.expr()[column.index()].expr.clone()),
            None => Transformed::no(node),
        })
    })
    .data()
}

/// The join's condition with the bound, and the side whose rows ask for the nearest of the other.
fn nearest(join: &NestedLoopJoinExec, ranking: &Ranking) -> Option<(JoinFilter, JoinSide)> {
    let n_left = join.left().schema().fields().len();
    let first = ranking.order_by.first()?;
    let distance = first.expr.downcast_ref::<ScalarFunctionExpr>()?;
    let is_distance = (distance.fun().inner().as_ref() as &dyn std::any::Any).is::<SkyDistance>();
    if !is_distance || first.options.descending || first.options.nulls_first {
        return None;
    }
    let side = |parts: &[Arc<dyn PhysicalExpr>]| {
        let columns = parts.iter().flat_map(collect_columns);
        let mut sides = columns.map(|column| match column.index() < n_left {
            true => JoinSide::Left,
            false => JoinSide::Right,
        });
        let first = sides.next()?;
        sides.all(|side| side == first).then_some(first)
    };
    let asking = match ranking.group_by.as_slice() {
        [] => JoinSide::Right,
        group_by => side(group_by)?,
    };
    // What is near comes first, then the place that it is near to; each is of one side.
    let mut args = vec![];
    for wanted in [asking.negate(), asking] {
        for arg in distance.args() {
            if side(std::slice::from_ref(arg))? == wanted {
                args.push(arg.clone());
            }
        }
    }
    let (mut known, mut parts) = match join.filter() {
        Some(filter) => (KnownColumns::of(filter), vec![filter.expression().clone()]),
        None => (KnownColumns::default(), vec![]),
    };
    let source = |index: usize| match index.checked_sub(n_left) {
        None => (JoinSide::Left, index),
        Some(index) => (JoinSide::Right, index),
    };
    let args = args.into_iter().map(|arg| known.make_known(arg, &join.schema(), source));
    let args = args.collect::<Result<Vec<_>>>().ok()?;
    let function = Arc::new(ScalarUDF::from(Nearest::new(ranking.n)));
    let options = Arc::new(distance.config_options().clone());
    let bound = ScalarFunctionExpr::try_new(function, args, &known.schema(), options).ok()?;
    parts.push(Arc::new(bound));
    Some((known.condition(parts), asking))
}
