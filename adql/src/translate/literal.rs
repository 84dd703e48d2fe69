//! Literals that the engine does not read as ADQL means them: the patterns of LIKE, in which a
//! backslash is a character like any other unless ESCAPE says so; whole numbers that no BIGINT
//! holds, which are doubles; and the operator ~.

use sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator, Value};

use crate::error::{Diagnostic, printable};
use crate::tree::{bare, binary, call, cast, digits, nested, number, start};
use crate::typing::in_full;

/// A pattern as the engine reads it, and `~x` as `x ^ -1`, which the engine knows.
pub(super) fn rewrite(expr: &Expr) -> Result<Option<Expr>, Diagnostic> {
    match expr {
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            let escape = escape_char.as_ref().and_then(|escape| match &escape.value {
                Value::SingleQuotedString(text) => text.chars().next(),
                _ => None,
            });
            let pattern = match escape {
                None => plain_backslashes(pattern),
                Some('\\') => None,
                Some(escape) => Some(backslash_escapes(pattern, escape)?),
            };
            Ok(pattern.map(|pattern| with_pattern(expr.clone(), pattern)))
        }
        // The least BIGINT, whose digits alone are too many for one.
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if digits(expr) == Some(TWO_TO_63) => {
            let least = string(format!("-{TWO_TO_63}"));
            Ok(Some(cast(least, DataType::BigInt(None))))
        }
        Expr::Value(_) => Ok(digits(expr)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
            .filter(|digits| digits.parse::<i64>().is_err())
            .map(|digits| number(&format!("{digits}e0")))),
        Expr::Cast { expr, data_type: to @ DataType::Timestamp(..), .. } => {
            Ok(time_in_full(expr).map(|time| cast(time, to.clone())))
        }
        // Of `a ^ a` the engine believes that it is 0, also where it is NULL.
        Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor, right } => {
            let right = call("opaque", vec![right.as_ref().clone()]);
            Ok(Some(binary(left.as_ref().clone(), BinaryOperator::BitwiseXor, right)))
        }
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => {
            let ones = Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number("1")) };
            let operand = expr.as_ref().clone();
            Ok(Some(nested(binary(operand, BinaryOperator::BitwiseXor, ones))))
        }
        _ => Ok(None),
    }
}

/// A time that is written out in part, such as `'2025-07-01'`, in full.
pub(super) fn time_in_full(text: &Expr) -> Option<Expr> {
    let Expr::Value(value) = bare(text) else { return None };
    match &value.value {
        Value::SingleQuotedString(text) => in_full(text).filter(|time| time != text).map(string),
        _ => None,
    }
}

const TWO_TO_63: &str = "9223372036854775808";

/// The same LIKE with another pattern, in which a backslash escapes.
fn with_pattern(mut like: Expr, new: Expr) -> Expr {
    if let Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } =
        &mut like
    {
        **pattern = new;
        *escape_char = None;
    }
    like
}

fn string(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

/// The text of a pattern that is a literal.
fn literal(pattern: &Expr) -> Option<&str> {
    match bare(pattern) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Double the backslashes of a pattern, which the engine would take for escapes.
fn plain_backslashes(pattern: &Expr) -> Option<Expr> {
    match (literal(pattern), bare(pattern)) {
        (Some(text), _) => text.contains('\\').then(|| string(text.replace('\\', "\\\\"))),
        (None, Expr::Value(_)) => None,
        (None, pattern) => {
            let arguments =
                vec![pattern.clone(), string("\\".to_owned()), string("\\\\".to_owned())];
            Some(call("replace", arguments))
        }
    }
}

/// Write a pattern with a backslash where it has another escape character.
///
/// # Errors
///
/// The pattern is no literal, or the escape character stands at its end.
fn backslash_escapes(pattern: &Expr, escape: char) -> Result<Expr, Diagnostic> {
    let Some(text) = literal(pattern) else {
        let what = "a pattern that is no string literal, with ESCAPE,";
        return Err(Diagnostic::not_supported(start(pattern), what));
    };
    let mut written = String::with_capacity(text.len() + 8);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let literal = match c {
            _ if c == escape => match rest.next() {
                Some(escaped) => escaped,
                None => {
                    let escape = printable(&escape.to_string());
                    let message = format!("the pattern ends with its escape character {escape}");
                    return Err(Diagnostic::invalid(start(pattern), message));
                }
            },
            '\\' => c,
            wildcard_or_plain => {
                written.push(wildcard_or_plain);
                continue;
            }
        };
        written.extend(['\\', literal]);
    }
    Ok(string(written))
}
