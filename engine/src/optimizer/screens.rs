//! Screens, where DataFusion would draw wrong conclusions from what is below (as of version 55).
//!
//! | what | would be wrong | screen |
//! |---|---|---|
//! | a node with two columns of one name | a filter that goes through it is taken for one of the first of the two | hides, while filters are pushed, that they could |
//! | an outer join with a constant on the side that may be NULL | the column is not constant above it | hides constants and orders, for good |
//! | an inner join of a constant with an input of one row | sorts by the one's columns get lost | the same |
//! | a union of which a part has a constant | neither | the same |
//! | a filter in which what is computed equals something | one is put in the other's place, also inside itself; where a CAST is constant, so is what is cast | the same |
//! | a COUNT, MIN or MAX over a frame that slides | it grows along the window's order | the same |
//! | a MIN or MAX over a frame that grows | it is sorted from the first row on, where it is NULL yet | the same |
//! | a projection that moves the column by which rows are grouped | what stands in its place has each value once | hides keys |
//! | a column that is NULL in the query's text | it is said to have one value, which a COUNT(DISTINCT) of statistics counts | rows are counted |

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Constraint, JoinType};
use datafusion::config::ConfigOptions;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::logical_expr::{Operator, SetMonotonicity};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, Literal};
use datafusion::physical_expr::split_conjunction;
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::output_requirements::OutputRequirementExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use crate::screen::{Hides, ScreenExec};

/// A rule of DataFusion, kept from what would mislead it.
#[derive(Debug)]
pub(crate) struct Guarded {
    inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
    guard: Guard,
}

/// Applies a rule to a plan where it is right to.
type Guard = fn(
    &dyn PhysicalOptimizerRule,
    Arc<dyn ExecutionPlan>,
    &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>>;

impl Guarded {
    pub fn new(inner: Arc<dyn PhysicalOptimizerRule + Send + Sync>, guard: Guard) -> Self {
        Self { inner, guard }
    }
}

impl PhysicalOptimizerRule for Guarded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        (self.guard)(self.inner.as_ref(), plan, config)
    }

    fn schema_check(&self) -> bool {
        self.inner.schema_check()
    }
}

/// Pushes filters, none of them through a node that has two columns of one name.
pub(crate) fn push_filters_by_name(
    rule: &dyn PhysicalOptimizerRule,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let screened = screened(plan, Hides::Filters, has_twins)?;
    let pushed = rule.optimize(screened.data, config)?;
    if !screened.transformed {
        return Ok(pushed);
    }
    let bared = pushed.transform_up(|node| {
        let below = node.downcast_ref::<ScreenExec>().filter(|s| s.hides() == Hides::Filters);
        Ok(match below.map(|screen| screen.input().clone()) {
            Some(input) => Transformed::yes(input),
            None => Transformed::no(node),
        })
    });
    bared.data()
}

/// Answers from statistics, where these are right.
pub(crate) fn answer_from_statistics(
    rule: &dyn PhysicalOptimizerRule,
    plan: Arc<dyn ExecutionPlan>,
    config: &ConfigOptions,
) -> Result<Arc<dyn ExecutionPlan>> {
    let has_null = plan.exists(|node| Ok(writes_null(node)))?;
    if has_null { Ok(plan) } else { rule.optimize(plan, config) }
}

/// Hides orders and constants that are believed in and not true: of outer joins, joins of one row, unions
/// and sliding windows.
#[derive(Debug)]
pub(crate) struct HideBeliefs;

impl PhysicalOptimizerRule for HideBeliefs {
    fn name(&self) -> &str {
        "hide_beliefs"
    }

    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = screened(plan, Hides::Keys, moves_keys).data()?;
        screened(plan, Hides::Order, is_misunderstood).data()
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Hides all that is known of orders, constants and equal columns, but for what sorts make.
pub(crate) fn hide_all_beliefs(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    screened(plan, Hides::Order, makes_no_order).data()
}

/// A plan with a screen above each node that needs one.
fn screened(
    plan: Arc<dyn ExecutionPlan>,
    hides: Hides,
    needs: fn(&Arc<dyn ExecutionPlan>) -> bool,
) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    plan.transform_up(|node| {
        if !needs(&node) {
            return Ok(Transformed::no(node));
        }
        let screen: Arc<dyn ExecutionPlan> = Arc::new(ScreenExec::new(node, hides));
        Ok(Transformed::yes(screen))
    })
}

/// Has a node two columns of one name?
fn has_twins(node: &Arc<dyn ExecutionPlan>) -> bool {
    let schema = node.schema();
    let mut names = HashSet::with_capacity(schema.fields().len());
    !schema.fields().iter().all(|field| names.insert(field.name()))
}

/// Is NULL a column that a node makes?
fn writes_null(node: &Arc<dyn ExecutionPlan>) -> bool {
    let is_null = |expr: &Arc<dyn PhysicalExpr>| {
        expr.downcast_ref::<Literal>().is_some_and(|literal| literal.value().is_null())
    };
    node.downcast_ref::<ProjectionExec>()
        .is_some_and(|made| made.expr().iter().any(|column| is_null(&column.expr)))
}

/// Is an order or a constant believed in of what a node gives, and not true?
fn is_misunderstood(node: &Arc<dyn ExecutionPlan>) -> bool {
    forgets_constants(node) || slides(node) || equates(node)
}

/// Is a node none of those that sort, and that pass sorted rows on?
fn makes_no_order(node: &Arc<dyn ExecutionPlan>) -> bool {
    let passes = node.is::<SortExec>()
        || node.is::<SortPreservingMergeExec>()
        || node.is::<OutputRequirementExec>()
        || node.is::<GlobalLimitExec>()
        || node.is::<LocalLimitExec>()
        || node.is::<CoalescePartitionsExec>()
        || node.is::<ScreenExec>();
    !passes
}

/// Is something constant in an input, and not in what comes out?
fn forgets_constants(node: &Arc<dyn ExecutionPlan>) -> bool {
    let join_type = match node.downcast_ref::<HashJoinExec>() {
        Some(join) => Some(*join.join_type()),
        None => node.downcast_ref::<NestedLoopJoinExec>().map(|join| *join.join_type()),
    };
    let inputs = node.children();
    // Those of which a row may be replaced by NULLs, or by another input's row.
    let doubtful = match join_type {
        Some(JoinType::Left) => &inputs[1..],
        Some(JoinType::Right) => &inputs[..1],
        Some(JoinType::Full) => &inputs[..],
        Some(JoinType::Inner) if inputs.iter().any(|input| is_one_row(input)) => &inputs[..],
        None if node.is::<UnionExec>() => &inputs[..],
        _ => &[],
    };
    doubtful.iter().any(|input| has_constant(input))
}

/// Is a COUNT, MIN or MAX taken over a frame that leaves rows behind, so that it may go back, or one that
/// is NULL at first?
fn slides(node: &Arc<dyn ExecutionPlan>) -> bool {
    let windows = match node.downcast_ref::<BoundedWindowAggExec>() {
        Some(window) => window.window_expr(),
        None => node.downcast_ref::<WindowAggExec>().map_or(&[][..], WindowAggExec::window_expr),
    };
    let is_monotonic =
        |call: &AggregateFunctionExpr| call.set_monotonicity() != SetMonotonicity::NotMonotonic;
    windows.iter().any(|window| {
        if let Some(sliding) = window.as_any().downcast_ref::<SlidingAggregateWindowExpr>() {
            return is_monotonic(sliding.get_aggregate_expr());
        }
        let growing = window.as_any().downcast_ref::<PlainAggregateWindowExpr>();
        growing.is_some_and(|growing| {
            let call = growing.get_aggregate_expr();
            is_monotonic(call) && call.is_nullable()
        })
    })
}

/// Is something that is computed made equal to something?
fn equates(node: &Arc<dyn ExecutionPlan>) -> bool {
    let at_source = || {
        let source = node.downcast_ref::<DataSourceExec>()?.data_source();
        source.downcast_ref::<FileScanConfig>()?.file_source().filter()
    };
    let filter = node.downcast_ref::<FilterExec>().map(|filter| filter.predicate().clone());
    filter.or_else(at_source).is_some_and(|predicate| {
        split_conjunction(&predicate).into_iter().any(|condition| {
            let equality =
                condition.downcast_ref::<BinaryExpr>().filter(|c| *c.op() == Operator::Eq);
            equality.is_some_and(|equal| {
                let is_known =
                    |side: &Arc<dyn PhysicalExpr>| side.is::<Literal>() || side.is::<Column>();
                !is_known(equal.left()) || !is_known(equal.right())
            })
        })
    })
}

/// Does a projection move a column that is known to have each value once? Its place is believed to be
/// the same.
fn moves_keys(node: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(made) = node.downcast_ref::<ProjectionExec>() else { return false };
    let stays = |place: &usize| {
        let column = made.expr().get(*place).and_then(|made| made.expr.downcast_ref::<Column>());
        column.is_some_and(|column| column.index() == *place)
    };
    made.input().properties().equivalence_properties().constraints().iter().any(|key| match key {
        Constraint::PrimaryKey(places) | Constraint::Unique(places) => !places.iter().all(stays),
    })
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
