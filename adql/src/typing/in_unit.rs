//! `IN_UNIT(x, 'unit')`: the factor between the unit of x and the one that is asked for.
//!
//! ```text
//! IN_UNIT(pmra, 'deg.yr-1')          IN_UNIT(pmra, 2.7777777777777776e-7)       pmra in mas/yr
//! IN_UNIT(flux / exptime, 'Jy/h')    IN_UNIT(flux / exptime, 3.6e-6)            nJy and s
//! ```
//!
//! The unit of a column is in its table's definition. Through products, quotients and square roots
//! it is followed; a number written in the query has none, or that of what it is added to.

use almagest_unit::{UnitError, conversion};
use sqlparser::ast::{BinaryOperator, Expr, Function, UnaryOperator};

use super::wording::{is_literal, shown, string};
use super::{Findings, Types};
use crate::error::Diagnostic;
use crate::names::ColumnKind;
use crate::tree::{arguments, arguments_mut, as_call, bare, number, start};

/// Put the factor in the place of the unit.
pub(super) fn settle(call: &mut Function, types: &Types, found: &mut Findings) {
    let args = arguments(call);
    let [value, target] = args.as_slice() else { return };
    let Some(to) = string(target) else {
        // A number is a factor that has been found before.
        if !is_literal(target) {
            let fault = Diagnostic::invalid(start(target), "the unit of IN_UNIT must be a string");
            found.report(fault.suggest("write IN_UNIT(ra, 'rad')"));
        }
        return;
    };
    let at = start(target);
    let Some(from) = unit_of(value, types) else {
        // What is unknown has been complained about.
        if types.kind(value) != ColumnKind::Other {
            let message = format!("{} has no unit from which to convert", shown(value));
            found.report(Diagnostic::of_type(start(value), message));
        }
        return;
    };
    match conversion(&from, to) {
        Ok(factor) => replace_target(call, number(&format!("{factor:e}"))),
        Err(error) => {
            // The unit of a column may be one that nobody can read.
            let is_of_value = conversion(&from, &from).is_err();
            let message = match (&error, is_of_value) {
                (UnitError::Incompatible { .. }, _) | (_, false) => error.to_string(),
                (_, true) => format!("the unit of {}: {error}", shown(value)),
            };
            let place = if is_of_value { start(value) } else { at };
            let fault = match message.split_once("; ") {
                Some((message, hint)) => Diagnostic::of_type(place, message).suggest(hint),
                None => Diagnostic::of_type(place, message),
            };
            found.report(fault);
        }
    }
}

fn replace_target(call: &mut Function, factor: Expr) {
    if let Some(target) = arguments_mut(call).into_iter().nth(1) {
        *target = factor;
    }
}

/// The unit of an expression, in VOUnits.
fn unit_of(expr: &Expr, types: &Types) -> Option<String> {
    if let Some(unit) = types.get(expr).unit {
        return Some(unit.to_string());
    }
    if let Some(call) = as_call(expr, &["SQRT"]) {
        let args = arguments(call);
        return Some(format!("sqrt({})", unit_of(args.first()?, types)?));
    }
    match bare(expr) {
        Expr::Value(_) if types.kind(expr).is_number() => Some(String::new()),
        Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
            unit_of(expr, types)
        }
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (unit_of(left, types)?, unit_of(right, types)?);
            let term = |unit: String| match unit.is_empty() {
                true => "1".to_owned(),
                false => format!("({unit})"),
            };
            match op {
                BinaryOperator::Multiply | BinaryOperator::Divide
                    if left.is_empty() && right.is_empty() =>
                {
                    Some(String::new())
                }
                BinaryOperator::Multiply if left.is_empty() => Some(right),
                BinaryOperator::Multiply | BinaryOperator::Divide if right.is_empty() => Some(left),
                BinaryOperator::Multiply => Some(format!("{}.{}", term(left), term(right))),
                BinaryOperator::Divide => Some(format!("{}/{}", term(left), term(right))),
                // A number written in the query is taken to be in the unit of what it is added to.
                BinaryOperator::Plus | BinaryOperator::Minus if right.is_empty() => Some(left),
                BinaryOperator::Plus | BinaryOperator::Minus
                    if left == right || left.is_empty() =>
                {
                    Some(right)
                }
                _ => None,
            }
        }
        _ => None,
    }
}
