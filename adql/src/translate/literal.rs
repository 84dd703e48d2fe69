//! Literals that the engine does not read as ADQL means them: the patterns of LIKE, in which a
//! backslash is a character like any other, and the operator ~.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use crate::tree::{bare, binary, call, nested, number};

/// A pattern as the engine reads it, and `~x` as `x ^ -1`, which the engine knows.
pub(super) fn rewrite(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Like { pattern, escape_char: None, .. }
        | Expr::ILike { pattern, escape_char: None, .. } => plain_backslashes(expr, pattern),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
            let ones = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number("1")) };
            let operand = expr.as_ref().clone();
            Some(nested(binary(operand, BinaryOperator::BitwiseXor, ones)))
        }
        _ => None,
    }
}

/// Double the backslashes of a pattern, which the engine would take for escapes.
fn plain_backslashes(like: &Expr, pattern: &Expr) -> Option<Expr> {
    let doubled = match bare(pattern) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) if text.contains('\\') => {
                Expr::value(Value::SingleQuotedString(text.replace('\\', "\\\\")))
            }
            _ => return None,
        },
        pattern => {
            let string = |text: &str| Expr::value(Value::SingleQuotedString(text.to_owned()));
            call("replace", vec![pattern.clone(), string("\\"), string("\\\\")])
        }
    };
    let mut like = like.clone();
    if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } =
        &mut like
    {
        **pattern = doubled;
        *escape_char = None;
    }
    Some(like)
}
