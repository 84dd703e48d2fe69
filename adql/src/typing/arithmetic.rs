//! Operands of arithmetic: numbers. Units stay where that can be known: in sums of one unit.
//!
//! The quotient of two whole numbers is a whole number, rounded towards zero; a division by zero
//! is NULL.

use sqlparser::ast::{BinaryOperator, DataType, Expr, UnaryOperator};

use super::comparison::common;
use super::wording::{shown, string};
use super::{Findings, Typed, Types};
use crate::error::Diagnostic;
use crate::names::ColumnKind;
use crate::tree::{cast_in_place, is_null, start};

/// `-x`, `+x`, `~x`.
pub(super) fn unary(
    op: UnaryOperator,
    operand: &Expr,
    types: &Types,
    found: &mut Findings,
) -> Typed {
    let typed = types.get(operand);
    let whole = op == UnaryOperator::BitwiseNot;
    if !number(operand, typed.kind, &op.to_string(), whole, found) {
        return Typed::default();
    }
    match op {
        UnaryOperator::BitwiseNot => Typed::of(typed.kind),
        _ => Typed::with_unit(typed.kind, typed.unit),
    }
}

/// `x + y` and the like.
pub(super) fn binary(
    left: &mut Expr,
    op: &BinaryOperator,
    right: &Expr,
    types: &Types,
    found: &mut Findings,
) -> Typed {
    let whole = matches!(
        op,
        BinaryOperator::BitwiseAnd | BinaryOperator::BitwiseOr | BinaryOperator::BitwiseXor
    );
    let (l, r) = (types.get(left), types.get(right));
    let name = op.to_string();
    // Of two that are none, the first is told.
    let fits =
        number(left, l.kind, &name, whole, found) && number(right, r.kind, &name, whole, found);
    if !fits {
        return Typed::default();
    }
    let unknown = l.kind == ColumnKind::Other || r.kind == ColumnKind::Other;
    let kind = match common(l.kind, r.kind) {
        Some(kind) if !unknown => kind,
        _ => ColumnKind::Numeric,
    };
    let kind = match !whole && in_64_bits(left, l.kind, r.kind) {
        true => ColumnKind::BigInt,
        false => kind,
    };
    let unit = match op {
        BinaryOperator::Plus | BinaryOperator::Minus => {
            l.unit.filter(|unit| Some(unit) == r.unit.as_ref())
        }
        _ => None,
    };
    Typed::with_unit(kind, unit)
}

/// Have whole numbers of fewer bits reckoned in 64, as literals are.
pub(super) fn in_64_bits(left: &mut Expr, l: ColumnKind, r: ColumnKind) -> bool {
    let is_short = |kind| matches!(kind, ColumnKind::SmallInt | ColumnKind::Integer);
    if !is_short(l) || !is_short(r) {
        return false;
    }
    cast_in_place(left, DataType::BigInt(None));
    true
}

/// Complain of an operand that is no number.
fn number(operand: &Expr, kind: ColumnKind, op: &str, whole: bool, found: &mut Findings) -> bool {
    let fits = match kind {
        ColumnKind::Other | ColumnKind::Numeric => true,
        kind if whole => kind.is_integer(),
        kind => kind.is_number(),
    };
    if fits {
        return true;
    }
    let wanted = if whole { "whole numbers" } else { "numbers" };
    let name = shown(operand);
    let message = format!("{op} takes {wanted}, but {name} is {}", kind.noun());
    let suggestion = match kind {
        ColumnKind::Boolean => Some(format!("write CAST({name} AS INTEGER)")),
        ColumnKind::Text => match string(operand).map(str::trim) {
            Some(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => {
                Some(format!("write {text}"))
            }
            _ if op == "+" => Some("write || to join text".to_owned()),
            _ => None,
        },
        ColumnKind::Timestamp => Some("compare times, or use a column of MJD".to_owned()),
        kind if kind.is_number() => Some(format!("write CAST({name} AS BIGINT)")),
        _ => None,
    };
    found.report(Diagnostic::of_type(start(operand), message).suggest_maybe(suggestion));
    false
}

/// An operand of `||`: text, or what is then taken as it is printed.
pub(super) fn concatenation(operand: &mut Expr, kind: ColumnKind, found: &mut Findings) {
    match kind {
        ColumnKind::Text => {}
        // Two NULLs have no type of text between them.
        ColumnKind::Other if is_null(operand) => cast_in_place(operand, DataType::Varchar(None)),
        ColumnKind::Other => {}
        kind if kind.is_number() || kind == ColumnKind::Timestamp => {
            found.warn(format!("|| takes text: {} is taken as it is printed", shown(operand)));
            cast_in_place(operand, DataType::Varchar(None));
        }
        kind => {
            let message = format!("|| takes text, but {} is {}", shown(operand), kind.noun());
            found.report(Diagnostic::of_type(start(operand), message));
        }
    }
}
