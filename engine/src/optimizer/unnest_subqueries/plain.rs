//! Which subqueries DataFusion joins itself, with the right rows.
//!
//! | subquery | where | what may be in it |
//! |---|---|---|
//! | uncorrelated value | anywhere | anything: it is computed beforehand; but what is never NULL has a row |
//! | uncorrelated \[NOT\] EXISTS | WHERE | anything |
//! | uncorrelated IN | a term of WHERE that must be TRUE | anything |
//! | uncorrelated NOT IN | a condition of WHERE for itself | anything |
//! | correlated EXISTS, NOT EXISTS, IN | as above | conditions in WHERE, over inner joins |
//! | correlated value | WHERE, SELECT | one ungrouped aggregate, over equalities in WHERE |
//!
//! What a condition reads is asked for by column name, so that names in the subquery must be apart.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Alias, Exists, InSubquery};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Distinct, Expr, Join, JoinType, LogicalPlan, Operator,
};

use super::domain::outer_references;
use super::subquery;
use crate::functions::histogram;

/// Can a condition of WHERE stay as it is?
pub(super) fn is_plain_condition(condition: &Expr, outer: &DFSchema) -> Result<bool> {
    match condition {
        Expr::Not(inner) if matches!(inner.as_ref(), Expr::Exists(_)) => {
            is_plain_condition(inner, outer)
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
            let plan = &subquery.subquery;
            // NOT IN minds NULLs where it is a join on a column; else it may come out a constant.
            let is_certain = !negated || outer_references(plan)?.is_empty() && is_column(expr);
            Ok(is_certain && is_plain_value(expr)? && can_be_pulled_up(plan, outer)?)
        }
        Expr::Exists(Exists { subquery, .. }) => can_be_pulled_up(&subquery.subquery, outer),
        _ => {
            // A mark knows no UNKNOWN, so that IN must stand where that is as good as FALSE.
            let marked = true_or_not(condition.clone())?;
            let mut is_plain = true;
            marked.apply(|expr| {
                let (is_known, inner) = match expr {
                    Expr::IsTrue(inner) if is_in(inner) => (true, inner.as_ref()),
                    other => (!is_in(other), other),
                };
                is_plain = is_plain
                    && is_known
                    && match inner {
                        Expr::InSubquery(InSubquery { expr, subquery, .. }) => {
                            is_plain_value(expr)?
                                && gives_a_column(&subquery.subquery)
                                && can_be_pulled_up(&subquery.subquery, outer)?
                        }
                        Expr::Exists(Exists { subquery, .. }) => {
                            can_be_pulled_up(&subquery.subquery, outer)?
                        }
                        Expr::ScalarSubquery(subquery) => {
                            is_plain_aggregate(&subquery.subquery, outer)?
                        }
                        _ => true,
                    };
                Ok(match (is_plain, expr) {
                    (false, _) => TreeNodeRecursion::Stop,
                    (true, Expr::IsTrue(inner)) if is_in(inner) => TreeNodeRecursion::Jump,
                    (true, _) => TreeNodeRecursion::Continue,
                })
            })?;
            Ok(is_plain)
        }
    }
}

/// Is it a column, perhaps of another type?
fn is_column(expr: &Expr) -> bool {
    column_of(expr).is_some()
}

/// The column that an expression is, with another name or of another type.
fn column_of(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(Cast { expr, .. }) | Expr::Alias(Alias { expr, .. }) => column_of(expr),
        _ => None,
    }
}

/// Does a subquery give a column of its rows as it is? A mark has no name for anything else.
fn gives_a_column(subquery: &LogicalPlan) -> bool {
    match subquery {
        LogicalPlan::Projection(projection) => projection.expr.iter().all(is_column),
        _ => false,
    }
}

/// Can an item of a select list stay as it is?
pub(super) fn is_plain_item(item: &Expr, outer: &DFSchema) -> Result<bool> {
    let mut is_plain = true;
    item.apply(|expr| {
        is_plain = match (expr, subquery(expr)) {
            (Expr::ScalarSubquery(_), Some(subquery)) => {
                is_plain_aggregate(&subquery.subquery, outer)?
            }
            (_, Some(_)) => false,
            (_, None) => true,
        };
        Ok(if is_plain { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(is_plain)
}

/// Can an expression of any node stay as it is?
pub(super) fn is_plain_value(value: &Expr) -> Result<bool> {
    let is_difficult = |expr: &Expr| match (expr, subquery(expr)) {
        (Expr::ScalarSubquery(_), Some(subquery)) => Ok(!is_beforehand(&subquery.subquery)?),
        (_, other) => Ok(other.is_some()),
    };
    Ok(!value.exists(is_difficult)?)
}

/// Write IN as IN IS TRUE where UNKNOWN is as good as FALSE: in a condition, under AND and OR.
pub(super) fn true_or_not(condition: Expr) -> Result<Expr> {
    let marked = condition.transform_down(|expr| {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { op: Operator::And | Operator::Or, .. }) => {
                Transformed::no(expr)
            }
            Expr::InSubquery(InSubquery { negated: false, .. }) => {
                Transformed::new(expr.is_true(), true, TreeNodeRecursion::Jump)
            }
            other => Transformed::new(other, false, TreeNodeRecursion::Jump),
        })
    })?;
    Ok(marked.data)
}

fn is_in(expr: &Expr) -> bool {
    matches!(expr, Expr::InSubquery(_))
}

/// Can the conditions that read the rows of `outer` become those of a join with the subquery?
fn can_be_pulled_up(subquery: &LogicalPlan, outer: &DFSchema) -> Result<bool> {
    let read = outer_references(subquery)?;
    if read.is_empty() {
        return Ok(true);
    }
    if !read.iter().all(|column| outer.has_column(column)) {
        return Ok(false);
    }
    let mut pulled = Pulled::default();
    Ok(pulled.below(subquery, Over::Rows)? && pulled.names_are_apart())
}

/// Is it a value of its own, or one aggregate of the rows that equal the one around in something?
fn is_plain_aggregate(subquery: &LogicalPlan, outer: &DFSchema) -> Result<bool> {
    let read = outer_references(subquery)?;
    if read.is_empty() {
        return is_beforehand(subquery);
    }
    if !read.iter().all(|column| outer.has_column(column)) {
        return Ok(false);
    }
    let mut pulled = Pulled::default();
    let mut plan = subquery;
    while let LogicalPlan::Projection(projection) = plan {
        if projection.expr.iter().any(Expr::contains_outer) {
            return Ok(false);
        }
        pulled.list(&projection.expr);
        plan = &projection.input;
    }
    let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(false) };
    // Of no rows, DataFusion takes all but COUNT to be NULL.
    let counts_bins = |expr: &Expr| {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::AggregateFunction(call) if call.func.name() == histogram::NAME))
        })
    };
    let mut is_plain = aggregate.group_expr.is_empty() && !aggregate.aggr_expr.is_empty();
    for expr in &aggregate.aggr_expr {
        is_plain = is_plain && !expr.contains_outer() && !counts_bins(expr)?;
    }
    Ok(is_plain && pulled.below(&aggregate.input, Over::Groups)? && pulled.names_are_apart())
}

/// Is it a value that DataFusion computes beforehand?
///
/// It does not expect NULL of a column that cannot be NULL, though there may be no row; and what may be
/// NULL may later turn out to be a constant, or an outer join an inner one.
pub(super) fn is_beforehand(subquery: &LogicalPlan) -> Result<bool> {
    if !outer_references(subquery)?.is_empty() {
        return Ok(false);
    }
    let mut plan = subquery;
    while let LogicalPlan::Projection(projection) = plan {
        plan = &projection.input;
    }
    if matches!(plan, LogicalPlan::Aggregate(aggregate) if aggregate.group_expr.is_empty()) {
        return Ok(true);
    }
    let is_outer = |plan: &LogicalPlan| match plan {
        LogicalPlan::Join(join) => Ok(join.join_type.is_outer()),
        _ => Ok(false),
    };
    let is_nullable = subquery.schema().fields().iter().all(|field| field.is_nullable());
    Ok(is_nullable && is_read(subquery, 0) && !subquery.exists(is_outer)?)
}

/// Is a column of a plan read from a table as it is?
fn is_read(plan: &LogicalPlan, column: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Projection(projection) => {
            let made = projection.expr.get(column).and_then(column_of);
            let place = made.and_then(|read| projection.input.schema().maybe_index_of_column(read));
            place.is_some_and(|place| is_read(&projection.input, place))
        }
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Distinct(Distinct::All(_)) => {
            plan.inputs().first().is_some_and(|input| is_read(input, column))
        }
        _ => false,
    }
}

/// What the conditions are pulled up over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    Rows,
    Groups,
}

/// The names that meet where conditions are pulled up to.
#[derive(Default)]
struct Pulled {
    columns: HashSet<Column>,
    /// Columns that lists hold as they are.
    listed: HashSet<Column>,
    /// Names that lists give to something else than the column of that name.
    given: HashSet<String>,
}

impl Pulled {
    fn list(&mut self, items: &[Expr]) {
        for item in items {
            match item {
                Expr::Column(column) => _ = self.listed.insert(column.clone()),
                Expr::Alias(Alias { name, .. }) => _ = self.given.insert(name.clone()),
                _ => {}
            }
        }
    }

    fn names_are_apart(&self) -> bool {
        let names: HashSet<&String> = self.columns.iter().map(|column| &column.name).collect();
        let is_apart =
            |listed: &Column| !names.contains(&listed.name) || self.columns.contains(listed);
        names.len() == self.columns.len()
            && names.iter().all(|name| !self.given.contains(*name))
            && self.listed.iter().all(is_apart)
    }

    /// Can all conditions of `plan` that read from outside be pulled up?
    fn below(&mut self, plan: &LogicalPlan, over: Over) -> Result<bool> {
        if outer_references(plan)?.is_empty() {
            return Ok(true);
        }
        match plan {
            LogicalPlan::Projection(projection) => {
                if projection.expr.iter().any(Expr::contains_outer) {
                    return Ok(false);
                }
                self.list(&projection.expr);
                self.below(&projection.input, over)
            }
            LogicalPlan::Distinct(Distinct::All(input)) if over == Over::Rows => {
                self.below(input, over)
            }
            LogicalPlan::Filter(filter) => {
                for condition in split_conjunction(&filter.predicate) {
                    if !condition.contains_outer() {
                        continue;
                    }
                    let is_simple = over == Over::Rows || is_equality(condition);
                    if !is_simple || condition.exists(|expr| Ok(subquery(expr).is_some()))? {
                        return Ok(false);
                    }
                    let columns = condition.column_refs();
                    // Columns without a table are made by the subquery itself, as in HAVING.
                    if columns.iter().any(|column| column.relation.is_none()) {
                        return Ok(false);
                    }
                    self.columns.extend(columns.into_iter().cloned());
                }
                self.below(&filter.input, over)
            }
            LogicalPlan::Join(Join { left, right, on, filter, join_type, .. }) => {
                let keys = on.iter().flat_map(|(left, right)| [left, right]);
                let reads = keys.chain(filter).any(Expr::contains_outer);
                Ok(*join_type == JoinType::Inner
                    && !reads
                    && self.below(left, over)?
                    && self.below(right, over)?)
            }
            _ => Ok(false),
        }
    }
}

/// Is it an equality of a column and something that only reads from outside?
fn is_equality(condition: &Expr) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = condition else {
        return false;
    };
    let is_column = |expr: &Expr| match expr {
        Expr::Cast(Cast { expr, .. }) => matches!(expr.as_ref(), Expr::Column(_)),
        other => matches!(other, Expr::Column(_)),
    };
    let pair = |a: &Expr, b: &Expr| is_column(a) && !b.any_column_refs();
    pair(left, right) || pair(right, left)
}
