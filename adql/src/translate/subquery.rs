//! Subqueries in conditions, in forms that keep their meaning when they become joins.
//!
//! | as written | as planned | because |
//! |---|---|---|
//! | `EXISTS (SELECT COUNT(*) …)` | true | an ungrouped aggregate is one row, of nothing too |
//! | `EXISTS (… HAVING c)` | `(SELECT CASE WHEN c THEN 1 ELSE 0 END …) = 1` | so is this, or none |
//! | `EXISTS (SELECT TOP 3 …)` | `EXISTS (SELECT …)` | one row is enough |
//! | `EXISTS (… OFFSET 2)` | `(SELECT COUNT(*) …) > 2` | a join keeps no count |
//! | `x IN (SELECT COUNT(*) …)` | `x = (SELECT COUNT(*) …)` | one row again |
//! | `x NOT IN (…) OR …` | no row equals x, and there is none at all or no NULL on either side | a join that marks rows knows no UNKNOWN |
//!
//! `NOT IN` that must hold by itself, and reads nothing of the rows around it, stays: the engine
//! has a join for it that minds NULLs.
//!
//! The walk sees the tree that names have been resolved in, before functions are the engine's.

use std::collections::HashSet;
use std::ops::ControlFlow;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, Distinct, Expr, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, Query, Select, SelectItem, SetExpr, TableFactor, Top, TopQuantity,
    UnaryOperator, Value, Visit, VisitMut, Visitor, VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::resolve::has_aggregate;
use crate::tree::{binary, boolean, call, exact, nested, not, number, put_inside, written};

/// Rewrite the subqueries in the conditions of `query`.
pub(super) fn rewrite(query: &mut Query) {
    // The walks never break off.
    let _ = VisitMut::visit(query, &mut Negations);
    let _ = VisitMut::visit(query, &mut Subqueries { kept: vec![] });
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

struct Subqueries {
    /// For each SELECT around, the conditions that stay as they are.
    kept: Vec<Vec<Expr>>,
}

impl VisitorMut for Subqueries {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut kept = vec![];
        let mut left = vec![];
        for mut condition in select.selection.take().map(conjuncts).unwrap_or_default() {
            match without_brackets(&mut condition) {
                Expr::InSubquery { negated: true, subquery, .. } if !is_correlated(subquery) => {
                    // What is inside is rewritten all the same.
                    let _ = VisitMut::visit(subquery.as_mut(), self);
                    kept.push(condition);
                }
                _ => left.push(condition),
            }
        }
        select.selection = left.into_iter().reduce(|a, b| binary(a, BinaryOperator::And, b));
        self.kept.push(kept);
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let kept = self.kept.pop().unwrap_or_default();
        let all = select.selection.take().into_iter().chain(kept);
        select.selection = all.reduce(|a, b| binary(a, BinaryOperator::And, b));
        ControlFlow::Continue(())
    }

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

/// The parts of a condition that must all hold. There may be thousands: no recursion.
fn conjuncts(condition: Expr) -> Vec<Expr> {
    let (mut parts, mut left) = (vec![], vec![condition]);
    while let Some(condition) = left.pop() {
        match condition {
            Expr::BinaryOp { left: first, op: BinaryOperator::And, right } => {
                left.push(*right);
                left.push(*first);
            }
            other => parts.push(other),
        }
    }
    parts
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
    if !negated || !is_ungrouped(select) || is_aggregate(select) {
        return None;
    }
    // What is compared must mean the same inside.
    let (own, _) = names_of(subquery);
    let (_, meant) = names_of(expr);
    let mut apart;
    let subquery = match own.is_disjoint(&meant) {
        true => subquery,
        false if is_correlated(subquery) => return None,
        false => {
            apart = set_apart(subquery)?;
            &mut apart
        }
    };
    let select = plain_select(subquery)?;
    let [SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice() else {
        return None;
    };
    let value = value.clone();
    let is_there = |condition: Option<Expr>| {
        let mut query = subquery.clone();
        query.order_by = None;
        if let (Some(select), Some(condition)) = (plain_select(&mut query), condition) {
            select.distinct = None;
            let condition = nested(condition);
            select.selection = Some(match select.selection.take() {
                Some(other) => binary(nested(other), BinaryOperator::And, condition),
                None => condition,
            });
        }
        Expr::Exists { subquery: Box::new(query), negated: false }
    };
    let equals = binary(nested(value.clone()), BinaryOperator::Eq, nested(expr.clone()));
    let is_certain = binary(
        Expr::IsNotNull(Box::new(nested(expr.clone()))),
        BinaryOperator::And,
        not(is_there(Some(Expr::IsNull(Box::new(nested(value)))))),
    );
    let is_empty = not(is_there(None));
    Some(binary(
        not(is_there(Some(equals))),
        BinaryOperator::And,
        nested(binary(is_empty, BinaryOperator::Or, nested(is_certain))),
    ))
}

/// How many rows a query keeps at most, and how many it skips, where both are plain numbers.
fn bounds(query: &mut Query) -> Option<(Option<u64>, u64)> {
    let count = |expr: &Expr| match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    };
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

/// A query of one column inside another, which has no name that could mean something else.
fn set_apart(query: &Query) -> Option<Query> {
    let text = "SELECT \"it\".\"value\" AS \"value\" FROM (SELECT 1) AS \"it\"";
    let mut around = written(text)?;
    let mut query = query.clone();
    let select = plain_select(&mut query)?;
    let [SelectItem::ExprWithAlias { alias, .. }] = select.projection.as_mut_slice() else {
        return None;
    };
    *alias = exact("value", Span::empty());
    put_inside(&mut around, query)?;
    Some(*around)
}

/// Does a query name tables that are not its own?
fn is_correlated(query: &Query) -> bool {
    let (own, used) = names_of(query);
    !used.is_subset(&own)
}

/// The aliases that a part of a query gives, and those that it uses.
fn names_of(part: &impl Visit) -> (HashSet<String>, HashSet<String>) {
    #[derive(Default)]
    struct Names {
        own: HashSet<String>,
        used: HashSet<String>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } = factor
            {
                self.own.insert(alias.name.value.clone());
            }
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let [table, _] = parts.as_slice()
            {
                self.used.insert(table.value.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names::default();
    // The walk never breaks off.
    let _ = part.visit(&mut names);
    (names.own, names.used)
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
