//! Literals: hexadecimal numbers, and what users write for true and false.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use crate::names::ColumnKind;
use crate::resolve::Kinds;
use crate::tree::{bare, binary, boolean, nested, number};

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

/// ADQL has no booleans: where a boolean column is compared with 1, 0, 'true' or 'false', compare
/// it with the boolean.
pub(super) fn compare_booleans(expr: &mut Expr, kinds: &Kinds) {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::NotEq, right } => {
            if is_boolean(left, kinds) {
                to_boolean(right);
            } else if is_boolean(right, kinds) {
                to_boolean(left);
            }
        }
        Expr::InList { expr, list, .. } if is_boolean(expr, kinds) => {
            list.iter_mut().for_each(to_boolean);
        }
        _ => {}
    }
}

fn is_boolean(expr: &Expr, kinds: &Kinds) -> bool {
    match bare(expr) {
        Expr::CompoundIdentifier(parts) => {
            parts.last().is_some_and(|p| kinds.get(&p.span.start) == Some(&ColumnKind::Boolean))
        }
        _ => false,
    }
}

fn to_boolean(expr: &mut Expr) {
    let Expr::Value(literal) = bare(expr) else { return };
    let text = match &literal.value {
        Value::Number(digits, _) => digits.as_str(),
        Value::SingleQuotedString(text) => text.trim(),
        _ => return,
    };
    let value = match text.to_lowercase().as_str() {
        "1" | "t" | "true" => true,
        "0" | "f" | "false" => false,
        _ => return,
    };
    *expr = boolean(value);
}
