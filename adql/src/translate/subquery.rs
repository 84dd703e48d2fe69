//! Subqueries in conditions, in forms that become simple joins.
//!
//! | as written | as planned | because |
//! |---|---|---|
//! | `EXISTS (SELECT COUNT(*) …)` | true | an ungrouped aggregate is one row, of nothing too |
//! | `EXISTS (… HAVING c)` | `(SELECT CASE WHEN c THEN 1 ELSE 0 END …) = 1` | so is this, or none |
//! | `EXISTS (SELECT TOP 3 …)` | `EXISTS (SELECT …)` | one row is enough |
//! | `EXISTS (… OFFSET 2)` | `(SELECT COUNT(*) …) > 2` | a join keeps no count |
//! | `x IN (SELECT COUNT(*) …)` | `x = (SELECT COUNT(*) …)` | one row again |
//! | `NOT (x IN (…))` | `x NOT IN (…)` | both are UNKNOWN together |
//!
//! What stays, the engine turns into joins.
//!
//! The walk sees the tree that names have been resolved in, before functions are the engine's.

use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, Query, Select, SelectItem, SetExpr, Top, TopQuantity, UnaryOperator,
    VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::resolve::has_aggregate;
use crate::tree::{binary, boolean, call, digits, exact, nested, number};

/// Rewrite the subqueries in the conditions of `query`.
pub(super) fn rewrite(query: &mut Query) {
    // The walks never break off.
    let _ = VisitMut::visit(query, &mut Negations);
    let _ = VisitMut::visit(query, &mut Subqueries);
}

/// Turns NOT (x IN …) into x NOT IN …: both are UNKNOWN together.
struct Negations;

impl VisitorMut for Negations {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } = expr
            && let inner = without_brackets(inner)
            && let Expr::InSubquery { negated, .. } = inner
        {
            *negated = !*negated;
            *expr = inner.clone();
        }
        ControlFlow::Continue(())
    }
}

fn without_brackets(expr: &mut Expr) -> &mut Expr {
    match expr {
        Expr::Nested(inner) => without_brackets(inner),
        other => other,
    }
}

struct Subqueries;

impl VisitorMut for Subqueries {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let rewritten = match expr {
            Expr::Exists { subquery, negated } => exists(subquery, *negated),
            Expr::InSubquery { expr, subquery, negated } => among(expr, subquery, *negated),
            _ => None,
        };
        if let Some(rewritten) = rewritten {
            *expr = nested(rewritten);
        }
        ControlFlow::Continue(())
    }
}

fn exists(subquery: &mut Query, negated: bool) -> Option<Expr> {
    let (limit, offset) = bounds(subquery)?;
    if limit == Some(0) {
        return Some(boolean(negated));
    }
    let select = plain_select(subquery)?;
    if is_aggregate(select) {
        return match (&select.having, offset) {
            (_, 1..) => Some(boolean(negated)),
            (None, 0) => Some(boolean(!negated)),
            (Some(_), 0) => {
                let having = select.having.take()?;
                let one_or_none = Expr::Case {
                    case_token: AttachedToken::empty(),
                    end_token: AttachedToken::empty(),
                    operand: None,
                    conditions: vec![CaseWhen { condition: having, result: number("1") }],
                    else_result: Some(Box::new(number("0"))),
                };
                select.projection = vec![named(one_or_none)];
                unbounded(subquery);
                let op = if negated { BinaryOperator::NotEq } else { BinaryOperator::Eq };
                Some(binary(scalar(subquery), op, number("1")))
            }
        };
    }
    let is_each_row = is_ungrouped(select) && select.distinct.is_none();
    match offset {
        0 => {
            unbounded(subquery);
            None
        }
        offset if is_each_row => {
            select.projection = vec![named(count())];
            unbounded(subquery);
            let op = if negated { BinaryOperator::LtEq } else { BinaryOperator::Gt };
            Some(binary(scalar(subquery), op, number(&offset.to_string())))
        }
        _ => None,
    }
}

fn among(expr: &Expr, subquery: &mut Query, negated: bool) -> Option<Expr> {
    let is_bounded = bounds(subquery)? != (None, 0);
    let select = plain_select(subquery)?;
    if is_bounded {
        return None;
    }
    if is_aggregate(select) && select.having.is_none() {
        let op = if negated { BinaryOperator::NotEq } else { BinaryOperator::Eq };
        return Some(binary(expr.clone(), op, scalar(subquery)));
    }
    None
}

/// How many rows a query keeps at most, and how many it skips, where both are plain numbers.
fn bounds(query: &mut Query) -> Option<(Option<u64>, u64)> {
    let count = |expr: &Expr| digits(expr)?.parse().ok();
    let (limit, offset) = match &query.limit_clause {
        None => (None, 0),
        Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
            let limit = limit.as_ref().map(|limit| count(limit).ok_or(())).transpose().ok()?;
            let offset = offset.as_ref().map(|offset| count(&offset.value).ok_or(()));
            (limit, offset.transpose().ok()?.unwrap_or(0))
        }
        Some(_) => return None,
    };
    let top = match query.body.as_ref() {
        SetExpr::Select(select) => match &select.top {
            None => None,
            Some(Top { quantity: Some(TopQuantity::Constant(count)), .. }) => Some(*count),
            Some(Top { quantity: Some(TopQuantity::Expr(expr)), .. }) => Some(count(expr)?),
            Some(Top { quantity: None, .. }) => return None,
        },
        _ => None,
    };
    let limit = match (limit, top) {
        (Some(limit), Some(top)) => Some(limit.min(top)),
        (limit, top) => limit.or(top),
    };
    Some((limit, offset))
}

fn unbounded(query: &mut Query) {
    query.limit_clause = None;
    query.order_by = None;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.top = None;
    }
}

fn plain_select(query: &mut Query) -> Option<&mut Select> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Some(select),
        _ => None,
    }
}

fn has_no_groups(select: &Select) -> bool {
    match &select.group_by {
        GroupByExpr::Expressions(by, modifiers) => by.is_empty() && modifiers.is_empty(),
        GroupByExpr::All(_) => false,
    }
}

fn is_ungrouped(select: &Select) -> bool {
    has_no_groups(select)
        && select.having.is_none()
        && !matches!(select.distinct, Some(Distinct::On(_)))
}

/// Is the result one row, made of all, or none where HAVING refuses it?
fn is_aggregate(select: &Select) -> bool {
    has_no_groups(select) && (select.having.is_some() || has_aggregate(select))
}

fn scalar(query: &Query) -> Expr {
    Expr::Subquery(Box::new(query.clone()))
}

fn count() -> Expr {
    let mut count = call("COUNT", vec![]);
    if let Expr::Function(function) = &mut count
        && let FunctionArguments::List(list) = &mut function.args
    {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    count
}

fn named(expr: Expr) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: exact("value", Span::empty()) }
}
