//! Subqueries that read the rows around them become joins, wherever they stand and whatever is in them.
//!
//! ```text
//!   before   Filter: a.n > (SELECT count(*) FROM b WHERE b.x < a.x)      a
//!
//!   after    Filter: a.n > s.count
//!              Left Join: a.x = s.x
//!                a
//!                s: Aggregate: group by d.x, count(*)
//!                     Filter: b.x < d.x
//!                       Cross Join
//!                         d: Distinct: a.x
//!                         b
//! ```
//!
//! The *domain* `d` holds what the subquery reads of the rows around it, each once. The *dependent
//! join* of the domain with the subquery (the rows that it gives for each row of the domain) is
//! pushed down through the subquery's plan until what is below reads nothing from outside, where it
//! is a plain product. Its result is then joined with the rows around. Subqueries inside subqueries
//! come first; what they read from further out goes on to the query there.
//!
//! DataFusion joins the everyday forms itself, in better plans; [`plain`] tells which, and they stay
//! as they are. This rule comes after types are coerced and before DataFusion refuses what it cannot
//! join.
//!
//! Reference: Neumann & Kemper, Unnesting Arbitrary Queries, BTW 2015, p. 383.

mod attach;
mod domain;
mod join_condition;
mod place;
mod plain;
mod push_down;
mod sides;
mod steady;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Subquery};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

use domain::outer_references;

pub(super) use domain::opaque;

/// Turns subqueries into joins where DataFusion does not.
#[derive(Debug)]
pub(crate) struct UnnestSubqueries;

impl AnalyzerRule for UnnestSubqueries {
    fn name(&self) -> &str {
        "unnest_subqueries"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        match reads_subqueries(&plan)? {
            true => Unnesting::default().plan(plan),
            false => Ok(plan),
        }
    }
}

/// The names that one plan has been given.
#[derive(Debug, Default)]
struct Unnesting {
    n_named: usize,
}

impl Unnesting {
    /// A name that nothing else in the plan has.
    fn name(&mut self) -> String {
        self.n_named += 1;
        format!("unnested {}", self.n_named)
    }

    /// Unnest the subqueries of a plan, its inputs' first.
    fn plan(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let inputs = plan.map_children(|input| self.plan(input).map(Transformed::yes))?;
        let plan = inputs.data.recompute_schema()?;
        if !has_subquery(&plan)? {
            return Ok(plan);
        }
        let inner = plan.map_expressions(|expr| {
            expr.transform_up(|expr| {
                let is_in = matches!(expr, Expr::InSubquery(_));
                let is_exists = matches!(expr, Expr::Exists(_));
                map_subquery(expr, |plan| {
                    let plan = self.plan(plan)?;
                    match () {
                        () if is_in => named(plan),
                        () if is_exists && outer_references(&plan)?.is_empty() => one_row(plan),
                        () => Ok(plan),
                    }
                })
            })
        })?;
        self.place(inner.data)
    }
}

/// The first row that is found of a subquery that is the same for all rows around: one is as good as all.
fn one_row(subquery: LogicalPlan) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(subquery).limit(0, Some(1))?.build()
}

/// Give the one value of a subquery a name of its own where types were coerced in it: a cast is
/// called what is cast, which its conditions may read as well.
fn named(subquery: LogicalPlan) -> Result<LogicalPlan> {
    match subquery {
        LogicalPlan::Projection(Projection { expr, input, .. })
            if matches!(expr.as_slice(), [Expr::Cast(_)]) =>
        {
            let expr = expr.into_iter().map(|value| value.alias("value")).collect();
            Ok(LogicalPlan::Projection(Projection::try_new(expr, input)?))
        }
        other => Ok(other),
    }
}

/// Does a plan, or a query in it, hold a subquery?
fn reads_subqueries(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found = has_subquery(node)?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Do the expressions of this node hold a subquery?
fn has_subquery(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found = expr.exists(|expr| Ok(subquery(expr).is_some()))?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// The subquery that an expression is.
fn subquery(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::ScalarSubquery(subquery) => Some(subquery),
        _ => None,
    }
}

/// Replace the plan of the subquery that an expression is.
fn map_subquery(
    mut expr: Expr,
    replace: impl FnOnce(LogicalPlan) -> Result<LogicalPlan>,
) -> Result<Transformed<Expr>> {
    let (Expr::Exists(Exists { subquery, .. })
    | Expr::InSubquery(InSubquery { subquery, .. })
    | Expr::ScalarSubquery(subquery)) = &mut expr
    else {
        return Ok(Transformed::no(expr));
    };
    let plan = replace(subquery.subquery.as_ref().clone())?;
    subquery.outer_ref_columns = plan.all_out_ref_exprs();
    subquery.subquery = Arc::new(plan);
    Ok(Transformed::yes(expr))
}
