//! Literals that the engine does not read as ADQL means them, and the operator ~.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use crate::tree::{binary, nested, number};

/// `0xFF` to 255, and `~x` to `x ^ -1`, which the engine knows.
pub(super) fn rewrite(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::HexStringLiteral(digits) => {
                let value = i64::from_str_radix(digits, 16).ok()?;
                Some(number(&value.to_string()))
            }
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
            let ones = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number("1")) };
            let operand = expr.as_ref().clone();
            Some(nested(binary(operand, BinaryOperator::BitwiseXor, ones)))
        }
        _ => None,
    }
}
