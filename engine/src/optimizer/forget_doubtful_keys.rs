//! What DataFusion believes of groups, and need not be so, is forgotten.
//!
//! ```text
//!   before   Aggregate: group by a.id, v.visit          believed to have each a.id once
//!              Cross Join: a (each a.id once), v
//!   after    Projection: opaque(a.id), opaque(v.visit)
//!              Aggregate: group by a.id, v.visit
//! ```
//!
//! A side of a join that has each value of a column once has it as often as the other side pairs it,
//! but an aggregate by that column and others is still believed to have each once (as of version 55), so
//! that a DISTINCT, or a column of GROUP BY or ORDER BY, above it is left out. A DISTINCT becomes such an
//! aggregate only later, and is looked at as the one that it will be.

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::keep_numbers_finite::recompute_schema;
use super::unnest_subqueries::opaque;

/// Hides keys that are parts of what rows are grouped by.
#[derive(Debug)]
pub(crate) struct ForgetDoubtfulKeys;

impl AnalyzerRule for ForgetDoubtfulKeys {
    fn name(&self) -> &str {
        "forget_doubtful_keys"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let has_distinct = has(&plan, |node| matches!(node, LogicalPlan::Distinct(_)))?;
        let aggregated = match has_distinct {
            true => plan.clone().transform_up_with_subqueries(aggregated).data()?,
            false => plan.clone(),
        };
        if !has(&aggregated, |node| doubtful(node).is_some())? {
            return Ok(plan);
        }
        // What is forgotten below is to be forgotten above as well.
        aggregated
            .transform_up_with_subqueries(|node| {
                let node = recompute_schema(node)?;
                match doubtful(&node) {
                    Some(keys) => opaque(node, &keys).map(Transformed::yes),
                    None => Ok(Transformed::yes(node)),
                }
            })
            .data()
    }
}

/// Is some node of a plan such a one?
fn has(plan: &LogicalPlan, is_such: impl Fn(&LogicalPlan) -> bool) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found = is_such(node);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The aggregate by all columns that a DISTINCT is.
fn aggregated(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match recompute_schema(node)? {
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
            let aggregate = Aggregate::try_new(input, columns, vec![])?;
            Ok(Transformed::yes(LogicalPlan::Aggregate(aggregate)))
        }
        other => Ok(Transformed::yes(other)),
    }
}

/// The columns by which rows are grouped, if a part of them is believed to be a key.
fn doubtful(node: &LogicalPlan) -> Option<Vec<Column>> {
    let LogicalPlan::Aggregate(aggregate) = node else { return None };
    let n_groups = aggregate.group_expr.len();
    let is_part = |sources: &[usize]| sources.len() < n_groups;
    let known = node.schema().functional_dependencies();
    let is_doubtful = known.iter().any(|known| is_part(&known.source_indices));
    is_doubtful.then(|| node.schema().columns().into_iter().take(n_groups).collect())
}
