//! TOP to LIMIT, in queries and in each operand of a set operation.

use sqlparser::ast::{LimitClause, Query, Select, SetExpr, Top, TopQuantity, Values};

use crate::tree::{count_value, limited, number};

/// Move the TOP of a query's SELECT into the query's limit.
///
/// The operands of a set operation become queries of their own:
/// `SELECT TOP 1 … UNION SELECT …` is `(SELECT … LIMIT 1) UNION SELECT …`.
pub(super) fn top_to_limit(query: &mut Query) {
    match query.body.as_mut() {
        SetExpr::Select(select) => {
            if let Some(count) = take_top(select) {
                limit(query, count);
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            wrap_operand(left);
            wrap_operand(right);
        }
        _ => {}
    }
}

fn take_top(select: &mut Select) -> Option<u64> {
    match select.top.take()? {
        Top { quantity: Some(TopQuantity::Constant(count)), .. } => Some(count),
        Top { quantity: Some(TopQuantity::Expr(expr)), .. } => count_value(&expr),
        Top { quantity: None, .. } => None,
    }
}

/// The smaller of TOP and LIMIT counts.
fn limit(query: &mut Query, count: u64) {
    let (limit, offset) = match query.limit_clause.take() {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => (limit, offset),
        _ => (None, None),
    };
    let limit = limit.as_ref().and_then(count_value).map_or(count, |given| given.min(count));
    query.limit_clause = Some(LimitClause::LimitOffset {
        limit: Some(number(&limit.to_string())),
        offset,
        limit_by: vec![],
    });
}

fn wrap_operand(operand: &mut SetExpr) {
    match operand {
        SetExpr::Select(select) if select.top.is_some() => {
            let count = take_top(select);
            let nothing = Values { explicit_row: false, value_keyword: false, rows: vec![] };
            let body = std::mem::replace(operand, SetExpr::Values(nothing));
            let mut query = limited(body, None);
            if let Some(count) = count {
                limit(&mut query, count);
            }
            *operand = SetExpr::Query(Box::new(query));
        }
        SetExpr::SetOperation { left, right, .. } => {
            wrap_operand(left);
            wrap_operand(right);
        }
        _ => {}
    }
}
