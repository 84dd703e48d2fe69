//! Screens, where DataFusion would draw wrong conclusions from what is below (as of version 55).
//!
//! | what | would be wrong | screen |
//! |---|---|---|
//! | a node with two columns of one name | a filter that goes through it is taken for one of the first of the two | hides, while filters are pushed, that they could |
//! | an outer join with a constant on the side that may be NULL | the column is not constant above it | hides constants and orders, for good |
//! | an inner join of a constant with an input of one row | sorts by the one's columns get lost | the same |
//! | a union of which a part has a constant | neither | the same |
//! | a column that is NULL in the query's text | it is said to have one value, which a COUNT(DISTINCT) of statistics counts | rows are counted |

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::JoinType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;

use crate::screen::{Hides, ScreenExec};

/// A rule that pushes filters, kept from what would mislead it.
#[derive(Debug)]
pub(crate) struct PushFiltersByName {
    inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl PushFiltersByName {
    pub fn new(inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { inner }
    }
}

impl PhysicalOptimizerRule for PushFiltersByName {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut is_any = false;
        let screened = plan.clone().transform_up(|node| {
            if !has_twins(&node) {
                return Ok(Transformed::no(node));
            }
            is_any = true;
            let screen: Arc<dyn ExecutionPlan> = Arc::new(ScreenExec::new(node, Hides::Filters));
            Ok(Transformed::yes(screen))
        })?;
        if !is_any {
            return self.inner.optimize(plan, config);
        }
        let pushed = self.inner.optimize(screened.data, config)?;
        let bared = pushed.transform_up(|node| {
            let below = node.downcast_ref::<ScreenExec>().filter(|s| s.hides() == Hides::Filters);
            Ok(match below.map(|screen| screen.input().clone()) {
                Some(input) => Transformed::yes(input),
                None => Transformed::no(node),
            })
        });
        bared.data()
    }

    fn schema_check(&self) -> bool {
        self.inner.schema_check()
    }
}

/// Has a node two columns of one name?
fn has_twins(node: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = node.schema();
    let mut names = HashSet::with_capacity(schema.fields().len());
    !schema.fields().iter().all(|field| names.insert(field.name()))
}

/// A rule that answers from statistics, where these are right.
#[derive(Debug)]
pub(crate) struct AnswerFromStatistics {
    inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
}

impl AnswerFromStatistics {
    pub fn new(inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>) -> Self {
        Self { inner }
    }
}

impl PhysicalOptimizerRule for AnswerFromStatistics {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let has_null = plan.exists(|node| Ok(writes_null(node)))?;
        if has_null { Ok(plan) } else { self.inner.optimize(plan, config) }
    }

    fn schema_check(&self) -> bool {
        self.inner.schema_check()
    }
}

/// Is NULL a column that a node makes?
fn writes_null(node: &Arc<dyn ExecutionPlan>) -> bool {
    let is_null = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Literal>().is_some_and(|literal| literal.value().is_null())
    };
    node.downcast_ref::<ProjectionExec>()
        .is_some_and(|made| made.expr().iter().any(|column| is_null(&column.expr)))
}

/// Hides what is constant below outer joins and unions.
#[derive(Debug)]
pub(crate) struct ForgetConstants;

impl PhysicalOptimizerRule for ForgetConstants {
    fn name(&self) -> &str {
        "forget_constants"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let screened = plan.transform_up(|node| {
            if !is_misunderstood(&node) {
                return Ok(Transformed::no(node));
            }
            let screen: Arc<dyn ExecutionPlan> = Arc::new(ScreenExec::new(node, Hides::Order));
            Ok(Transformed::yes(screen))
        });
        screened.data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Is something constant in an input, and not in what comes out?
fn is_misunderstood(node: &Arc<dyn ExecutionPlan>) -> bool {
    let join_type = match node.downcast_ref::<HashJoinExec>() {
        Some(join) => Some(*join.join_type()),
        None => node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()),
    };
    // Whether rows of the left input, and of the right one, may be replaced by NULLs.
    let doubtful: [bool; 2] = match join_type {
        Some(JoinType::Left) => [false, true],
        Some(JoinType::Right) => [true, false],
        Some(JoinType::Full) => [true, true],
        Some(JoinType::Inner) => {
            let inputs = node.children();
            return inputs.iter().any(|i| is_one_row(i)) && inputs.into_iter().any(has_constant);
        }
        Some(_) => return false,
        None => return node.is::<UnionExec>() && node.children().into_iter().any(has_constant),
    };
    node.children().into_iter().zip(doubtful).any(|(input, is)| is && has_constant(input))
}

/// Has an input one row, as an aggregate has? Each of its columns is then believed to be constant.
fn is_one_row(input: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(aggregate) = input.downcast_ref::<AggregateExec>() {
        return aggregate.group_expr().is_empty();
    }
    let passes = input.is::<ProjectionExec>()
        || input.is::<GlobalLimitExec>()
        || input.is::<LocalLimitExec>()
        || input.is::<CoalescePartitionsExec>();
    input.is::<PlaceholderRowExec>() || passes && input.children().into_iter().all(is_one_row)
}

fn has_constant(input: &Arc<dyn ExecutionPlan>) -> bool {
    !input.properties().equivalence_properties().constants().is_empty()
}
