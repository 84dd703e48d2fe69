//! Comparisons of one value with several, of which each is a comparison by itself.
//!
//! The engine compares all values of an IN, a BETWEEN or a CASE in one type. Whole numbers of 64
//! bits, of which a double has no more than 53, are equal there to others that stand near them:
//!
//! ```text
//! objectId IN (parent, mag)              objectId IN (parent) OR objectId IN (mag)
//! objectId BETWEEN parent AND mag        objectId >= parent AND objectId <= mag
//! CASE objectId WHEN parent … WHEN mag   CASE WHEN objectId = parent … WHEN objectId = mag
//! ```

use std::ops::ControlFlow;

use sqlparser::ast::{BinaryOperator, Expr, visit_expressions};

use super::Types;
use crate::function;
use crate::names::ColumnKind;
use crate::tree::{binary, constant_value, function_name, nested};

/// Take an IN, a BETWEEN or a CASE apart, if one of its values would be compared in fewer digits.
pub(super) fn apart(expr: &mut Expr, types: &Types) {
    let (compared, values): (&Expr, Vec<&Expr>) = match expr {
        Expr::InList { expr, list, .. } => (expr, list.iter().collect()),
        Expr::Between { expr, low, high, .. } => (expr, vec![low, high]),
        Expr::Case { operand: Some(operand), conditions, .. } => {
            (operand, conditions.iter().map(|when| &when.condition).collect())
        }
        _ => return,
    };
    let loses_digits = types.kind(compared) == ColumnKind::BigInt
        && values.iter().any(|value| is_long(value, types.kind(value)))
        && values.iter().any(|value| is_fraction(types.kind(value)));
    if !loses_digits || !is_repeatable(compared) {
        return;
    }
    match expr {
        Expr::InList { expr: compared, list, negated } => {
            let mut fractions = list.clone();
            let kinds: Vec<ColumnKind> = list.iter().map(|value| types.kind(value)).collect();
            let mut of_whole = kinds.iter().map(|kind| !is_fraction(*kind));
            let mut of_fraction = kinds.iter().map(|kind| is_fraction(*kind));
            fractions.retain(|_| of_fraction.next().unwrap_or_default());
            list.retain(|_| of_whole.next().unwrap_or_default());
            let whole = std::mem::take(list);
            let negated = *negated;
            let among = |list| Expr::InList { expr: compared.clone(), list, negated };
            let op = if negated { BinaryOperator::And } else { BinaryOperator::Or };
            *expr = nested(binary(among(whole), op, among(fractions)));
        }
        Expr::Between { expr: compared, negated, low, high } => {
            use BinaryOperator::{And, Gt, GtEq, Lt, LtEq, Or};
            let (above, both, below) = if *negated { (Lt, Or, Gt) } else { (GtEq, And, LtEq) };
            let low = binary(compared.as_ref().clone(), above, low.as_ref().clone());
            let high = binary(compared.as_ref().clone(), below, high.as_ref().clone());
            *expr = nested(binary(low, both, high));
        }
        Expr::Case { operand, conditions, .. } => {
            let Some(compared) = operand.take() else { return };
            for when in conditions {
                let value = when.condition.clone();
                when.condition = binary(compared.as_ref().clone(), BinaryOperator::Eq, value);
            }
        }
        _ => {}
    }
}

/// Whether a double may lack digits of a value.
fn is_long(value: &Expr, kind: ColumnKind) -> bool {
    const TWO_TO_53: f64 = 9_007_199_254_740_992.0;
    let has_few = |value: f64| value.abs() < TWO_TO_53;
    kind == ColumnKind::BigInt && !constant_value(value).is_some_and(has_few)
}

fn is_fraction(kind: ColumnKind) -> bool {
    kind.is_number() && !kind.is_integer()
}

/// Whether an expression may stand twice: it is the same both times, and is quickly found.
fn is_repeatable(expr: &Expr) -> bool {
    let is_other = |expr: &Expr| match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => true,
        Expr::Function(call) => function_name(call)
            .and_then(|name| function::find(&name.value))
            .is_none_or(|known| known.name == "RAND"),
        _ => false,
    };
    let found = visit_expressions(expr, |part| match is_other(part) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    found.is_continue()
}
