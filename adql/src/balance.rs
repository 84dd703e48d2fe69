//! Long chains of AND or OR made shallow.
//!
//! ```text
//!        OR                     OR
//!      OR  d                  ／  ＼
//!    OR  c         →        OR      OR
//!   a  b                   a  b    c  d
//! ```
//!
//! A parser makes a chain of n conditions n deep, and copying, comparing or dropping a tree takes
//! stack in proportion to its depth, here and in the engine. Both operators are associative, so
//! that a balanced tree means the same.

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, Query, Value, VisitMut, VisitorMut};

use crate::tree::binary;

/// Balance every chain in a query.
pub(crate) fn balance(query: &mut Query) {
    // The walk never breaks off.
    let _ = query.visit(&mut Walk);
}

struct Walk;

impl VisitorMut for Walk {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } = expr {
            let op = op.clone();
            let operands = operands(take(expr), &op);
            *expr = join(operands, &op);
        }
        ControlFlow::Continue(())
    }
}

fn take(expr: &mut Expr) -> Expr {
    std::mem::replace(expr, Expr::value(Value::Null))
}

/// The operands of a chain, in order. A loop, because the chain may be long.
fn operands(chain: Expr, op: &BinaryOperator) -> Vec<Expr> {
    let mut operands = Vec::new();
    let mut rest = vec![chain];
    while let Some(expr) = rest.pop() {
        match expr {
            Expr::BinaryOp { left, op: inner, right } if inner == *op => {
                rest.push(*left);
                rest.push(*right);
            }
            other => operands.push(other),
        }
    }
    operands.reverse();
    operands
}

/// Join neighbours until one is left.
fn join(mut operands: Vec<Expr>, op: &BinaryOperator) -> Expr {
    while operands.len() > 1 {
        let mut pairs = Vec::with_capacity(operands.len().div_ceil(2));
        let mut remaining = operands.into_iter();
        while let Some(left) = remaining.next() {
            pairs.push(match remaining.next() {
                Some(right) => binary(left, op.clone(), right),
                None => left,
            });
        }
        operands = pairs;
    }
    operands.pop().unwrap_or_else(|| Expr::value(Value::Null))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn depth(expr: &Expr) -> usize {
        match expr {
            Expr::BinaryOp { left, right, .. } => 1 + depth(left).max(depth(right)),
            _ => 0,
        }
    }

    #[test]
    fn a_chain_keeps_its_order_and_becomes_shallow() {
        let chain = |n: usize| {
            let terms: Vec<String> = (0..n).map(|i| format!("a{i}")).collect();
            format!("SELECT 1 WHERE {}", terms.join(" OR "))
        };
        for n in [1, 2, 3, 7, 8, 1000] {
            let text = chain(n);
            let mut query = crate::dialect::parse(&text).unwrap();
            balance(&mut query);
            assert_eq!(query.to_string(), text);
            let selection = query.body.as_select().and_then(|s| s.selection.as_ref()).unwrap();
            assert!(depth(selection) <= n.ilog2() as usize + 1, "{n}");
        }
    }

    #[test]
    fn different_operators_stay_apart() {
        let text = "SELECT 1 WHERE a AND b OR c AND d AND e OR (f OR g)";
        let mut query = crate::dialect::parse(text).unwrap();
        balance(&mut query);
        assert_eq!(query.to_string(), text);
    }
}
