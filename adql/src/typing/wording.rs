//! How an expression is named in a message.

use sqlparser::ast::{Expr, UnaryOperator, Value};

use crate::error::printable;
use crate::names::ColumnKind;
use crate::tree::{bare, function_name};

/// An expression as its reader knows it: a column by its name, a literal as it is, a call by its
/// function.
pub(super) fn shown(expr: &Expr) -> String {
    const LONGEST: usize = 40;
    match bare(expr) {
        Expr::Identifier(ident) => printable(&ident.value),
        Expr::CompoundIdentifier(parts) => {
            printable(parts.last().map_or("this column", |part| part.value.as_str()))
        }
        Expr::Value(value) => printable(&value.to_string()),
        Expr::Function(function) => match function_name(function) {
            Some(name) => format!("{}(…)", printable(&name.value)),
            None => "this call".to_owned(),
        },
        Expr::Subquery(_) => "the subquery".to_owned(),
        Expr::Case { .. } => "CASE".to_owned(),
        Expr::BinaryOp { left, op, right } if is_plain(left) && is_plain(right) => {
            let text = format!("{} {op} {}", shown(left), shown(right));
            if text.len() > LONGEST { "this expression".to_owned() } else { text }
        }
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if is_plain(expr) => {
            format!("-{}", shown(expr))
        }
        _ => "this expression".to_owned(),
    }
}

fn is_plain(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_))
}

/// What makes values of these two kinds values of one.
pub(crate) const fn to_one_type(a: ColumnKind, b: ColumnKind) -> &'static str {
    match a.is_geometry() && b.is_geometry() {
        true => "write CAST(… AS REGION) around each of them",
        false => "CAST one of them",
    }
}

/// Whether an expression is a literal, perhaps in parentheses or with a sign.
pub(super) fn is_literal(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Value(_) => true,
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => is_literal(expr),
        _ => false,
    }
}

/// The text of a string literal.
pub(super) fn string(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
