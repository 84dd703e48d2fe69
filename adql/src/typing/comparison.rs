//! What may be compared with what, and what literals stand for beside a column.

use sqlparser::ast::{DataType, Expr, Query, TimezoneInfo, UnaryOperator, Value, ValueWithSpan};
use sqlparser::tokenizer::{Location, Span};

use super::timestamp::Literal;
use super::wording::{is_literal, shown, string};
use super::{Findings, Typed, Types};
use crate::error::{Diagnostic, Problem, printable};
use crate::names::{ColumnKind, TimeScale};
use crate::tree::{
    arguments, as_call, bare, boolean, cast, cast_in_place, constant_value, nested, number, start,
};

/// Functions whose 1 or 0 may stand for a condition by itself.
const INDICATORS: &[&str] = &[
    "CONTAINS",
    "INTERSECTS",
    "SCISQL_S2PTINBOX",
    "SCISQL_S2PTINCIRCLE",
    "SCISQL_S2PTINELLIPSE",
    "SCISQL_S2PTINCPOLY",
];

/// The kind that values of both kinds can be taken for.
pub(super) fn common(a: ColumnKind, b: ColumnKind) -> Option<ColumnKind> {
    use ColumnKind::{BigInt, Double, Integer, Numeric, Other, Real, SmallInt};
    match (a, b) {
        (a, b) if a == b => Some(a),
        (Other, known) | (known, Other) => Some(known),
        (a, b) if a.is_number() && b.is_number() => Some(match (a, b) {
            (Numeric, _) | (_, Numeric) => Numeric,
            (Double, _) | (_, Double) => Double,
            (Real, _) | (_, Real) => Real,
            (BigInt, _) | (_, BigInt) => BigInt,
            (Integer, _) | (_, Integer) => Integer,
            _ => SmallInt,
        }),
        (ColumnKind::Region, ColumnKind::Moc) | (ColumnKind::Moc, ColumnKind::Region) => {
            Some(ColumnKind::Region)
        }
        _ => None,
    }
}

/// The type in which numbers of two different types are one column of a set operation.
pub(crate) fn common_number(a: ColumnKind, b: ColumnKind) -> Option<(ColumnKind, DataType)> {
    use ColumnKind::{BigInt, Double, Integer, Real};
    if a == b || !a.is_number() || !b.is_number() {
        return None;
    }
    let kind = match (a, b) {
        // A REAL has fewer digits than they may have.
        (Real, Integer | BigInt) | (Integer | BigInt, Real) => Double,
        _ => common(a, b)?,
    };
    Some((kind, number_type(kind)?))
}

/// The type of numbers of a kind; none where the engine chooses.
pub(super) fn number_type(kind: ColumnKind) -> Option<DataType> {
    Some(match kind {
        ColumnKind::Double => DataType::DoublePrecision,
        ColumnKind::Real => DataType::Real,
        ColumnKind::BigInt => DataType::BigInt(None),
        ColumnKind::Integer => DataType::Integer(None),
        _ => return None,
    })
}

/// Whether two columns can be one: of the two sides of a set operation, or of USING.
pub(crate) fn same_column_type(a: ColumnKind, b: ColumnKind) -> bool {
    common(a, b).is_some()
}

/// The two operands of a comparison. A literal on one side becomes what it stands for beside the
/// other.
pub(super) fn operands(
    left: &mut Expr,
    left_type: &Typed,
    right: &mut Expr,
    right_type: &Typed,
    found: &mut Findings,
) {
    let (l, r) = (left_type.kind, right_type.kind);
    if l == ColumnKind::Timestamp && stands_for_time(right, r) {
        return time(left, left_type, right, found);
    }
    if r == ColumnKind::Timestamp && stands_for_time(left, l) {
        return time(right, right_type, left, found);
    }
    if l.is_geometry() && r != ColumnKind::Other || r.is_geometry() && l != ColumnKind::Other {
        let (shape, at) = if l.is_geometry() { (&*left, l) } else { (&*right, r) };
        let message = format!("{} is {}: shapes cannot be compared", shown(shape), at.noun());
        let fault = Diagnostic::of_type(start(left), message);
        return found.report(fault.suggest("use CONTAINS, INTERSECTS or DISTANCE"));
    }
    if common(l, r).is_some() {
        in_double(left, l, right, r);
        in_double(right, r, left, l);
        return same_scale(left, left_type, right, right_type, found);
    }
    let settled = match (l, r) {
        (ColumnKind::Boolean, _) => from_number(right, left, found),
        (_, ColumnKind::Boolean) => from_number(left, right, found),
        (l, ColumnKind::Text) if l.is_number() => to_number(right, left, found),
        (ColumnKind::Text, r) if r.is_number() => to_number(left, right, found),
        _ => false,
    };
    if !settled {
        found.report(mismatch(left, l, right, r));
    }
}

/// Compare a REAL with whole numbers of 32 or 64 bits in double precision, not in its own, which has
/// fewer digits than they.
fn in_double(real: &mut Expr, kind: ColumnKind, beside: &Expr, of_beside: ColumnKind) {
    let is_long = matches!(of_beside, ColumnKind::Integer | ColumnKind::BigInt);
    // A literal is compared as it is, so that statistics tell which pages hold such numbers.
    if kind == ColumnKind::Real && is_long && constant_value(beside).is_none() {
        cast_in_place(real, DataType::DoublePrecision);
    }
}

/// Whether an expression is a time that the query writes out: a string, or a cast of one.
pub(super) fn stands_for_time(expr: &Expr, kind: ColumnKind) -> bool {
    written_time(expr).is_some() || kind == ColumnKind::Text && string(expr).is_some()
}

/// The string behind `'…'`, `CAST('…' AS TIMESTAMP)` or `TIMESTAMP('…')`.
fn written_time(expr: &Expr) -> Option<&str> {
    match bare(expr) {
        Expr::Cast { expr, data_type: DataType::Timestamp(..), .. } => string(expr),
        call @ Expr::Function(_) => match arguments(as_call(call, &["TIMESTAMP"])?).as_slice() {
            [text] => string(text),
            _ => None,
        },
        other => string(other),
    }
}

/// A timestamp beside a time written in the query.
fn time(column: &Expr, typed: &Typed, literal: &mut Expr, found: &mut Findings) {
    let Some(text) = written_time(literal) else { return };
    let Some(read) = Literal::read(text) else {
        return found.report(not_a_time(text, start(literal)));
    };
    let written = printable(text);
    let clock = match typed.time_scale {
        Some(scale) if scale != TimeScale::Utc => match (read.is_utc, read.clock.utc_to(scale)) {
            (true, Some(clock)) => clock,
            (true, None) => {
                found.warn(format!("'{written}' is before 1972 and is not converted to {scale}"));
                read.clock
            }
            (false, _) => {
                let column = shown(column);
                found.warn(format!(
                    "{column} counts {scale}, and so is '{written}' read; \
                     end it in Z if it is UTC"
                ));
                read.clock
            }
        },
        _ => read.clock,
    };
    let string = Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(clock.to_iso()),
        span: Span::new(start(literal), start(literal)),
    });
    *literal = cast(string, DataType::Timestamp(None, TimezoneInfo::None));
}

/// What is said of a string that is no time.
pub(super) fn not_a_time(text: &str, at: Location) -> Diagnostic {
    Diagnostic::new(at, Problem::Timestamp { text: printable(text) })
        .suggest("write 'YYYY-MM-DDThh:mm:ss'")
}

/// Whether two timestamps are counted alike.
fn same_scale(
    left: &Expr,
    left_type: &Typed,
    right: &Expr,
    right_type: &Typed,
    found: &mut Findings,
) {
    if let (Some(a), Some(b)) = (left_type.time_scale, right_type.time_scale)
        && a != b
    {
        let (left, right) = (shown(left), shown(right));
        found.warn(format!(
            "{left} counts {a} and {right} counts {b}: they are compared without conversion"
        ));
    }
}

/// Take a literal for a boolean, and say so.
fn from_number(literal: &mut Expr, beside: &Expr, found: &mut Findings) -> bool {
    let (written, beside) = (shown(literal), shown(beside));
    let is_taken = to_boolean(literal);
    if is_taken {
        found.warn(format!(
            "{beside} is a boolean, which ADQL does not have: {written} was read as one"
        ));
    }
    is_taken
}

/// ADQL has no booleans: beside one, 1, 0, 'true' and 'false' stand for them.
fn to_boolean(expr: &mut Expr) -> bool {
    let Expr::Value(literal) = bare(expr) else { return false };
    let text = match &literal.value {
        Value::Number(digits, _) => digits.as_str(),
        Value::SingleQuotedString(text) => text.trim(),
        _ => return false,
    };
    let value = match text.to_lowercase().as_str() {
        "1" | "t" | "true" => true,
        "0" | "f" | "false" => false,
        _ => return false,
    };
    *expr = boolean(value);
    true
}

/// Beside a number, a string that holds one stands for it.
fn to_number(expr: &mut Expr, beside: &Expr, found: &mut Findings) -> bool {
    let Some(text) = string(expr) else { return false };
    let digits = text.trim().to_owned();
    let is_number = digits.bytes().any(|b| b.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && digits.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_number {
        return false;
    }
    let beside = shown(beside);
    found.warn(format!("beside {beside}, which is a number, '{digits}' is read as {digits}"));
    *expr = match digits.strip_prefix('-') {
        Some(digits) => {
            nested(Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number(digits)) })
        }
        None => number(digits.trim_start_matches('+')),
    };
    true
}

fn mismatch(left: &Expr, l: ColumnKind, right: &Expr, r: ColumnKind) -> Diagnostic {
    // The literal is what its writer will change.
    let at = if is_literal(right) || !is_literal(left) { right } else { left };
    let literal = match (is_literal(left), is_literal(right)) {
        (_, true) => Some((right, l)),
        (true, _) => Some((left, r)),
        _ => None,
    };
    let (a, b) = (shown(left), shown(right));
    let message = format!("{a} is {} and {b} is {}: they cannot be compared", l.noun(), r.noun());
    let suggestion = match (literal, l, r) {
        (_, ColumnKind::Boolean, _) | (_, _, ColumnKind::Boolean) => {
            "compare it with 1 or 0".to_owned()
        }
        (Some((literal, ColumnKind::Text)), ..) => format!("write '{}'", shown(literal)),
        (Some((_, beside)), ..) if beside.is_number() => "compare it with a number".to_owned(),
        (_, ColumnKind::Timestamp, other) | (_, other, ColumnKind::Timestamp) => {
            if other.is_number() {
                "write a time as 'YYYY-MM-DDThh:mm:ss'".to_owned()
            } else {
                "write CAST(… AS TIMESTAMP)".to_owned()
            }
        }
        _ => "CAST one of them to the type of the other".to_owned(),
    };
    Diagnostic::of_type(start(at), message).suggest(suggestion)
}

/// `x IN (SELECT …)`.
pub(super) fn with_subquery(expr: &Expr, types: &Types, subquery: &Query, found: &mut Findings) {
    let (typed, other) = (types.get(expr), types.of_subquery(subquery));
    if common(typed.kind, other.kind).is_none() {
        let message = format!(
            "{} is {}, but the subquery gives {}",
            shown(expr),
            typed.kind.noun(),
            other.kind.noun()
        );
        let fault = Diagnostic::of_type(start(expr), message);
        found.report(fault.suggest("CAST one of them to the type of the other"));
    }
}

/// `x LIKE pattern`. Whole numbers and times are compared as they are printed.
pub(super) fn pattern(
    expr: &mut Expr,
    kind: ColumnKind,
    pattern: &Expr,
    pattern_kind: ColumnKind,
    found: &mut Findings,
) {
    match kind {
        ColumnKind::Text | ColumnKind::Other => {}
        kind if kind.is_integer() || kind == ColumnKind::Timestamp => {
            found.warn(format!("LIKE takes text: {} is compared as it is printed", shown(expr)));
            cast_in_place(expr, DataType::Varchar(None));
        }
        kind => {
            let message = format!("LIKE takes text, but {} is {}", shown(expr), kind.noun());
            let fault = Diagnostic::of_type(start(expr), message);
            found.report(if kind.is_number() {
                fault.suggest("compare numbers with =, < or BETWEEN")
            } else {
                fault
            });
        }
    }
    if !matches!(pattern_kind, ColumnKind::Text | ColumnKind::Other) {
        let message = format!(
            "the pattern of LIKE is text, but {} is {}",
            shown(pattern),
            pattern_kind.noun()
        );
        found.report(Diagnostic::of_type(start(pattern), message).suggest("put it in quotes"));
    }
}

/// An expression in the place of a condition.
pub(crate) fn condition(expr: &Expr, kind: ColumnKind, found: &mut Findings) {
    if matches!(kind, ColumnKind::Boolean | ColumnKind::Other)
        || as_call(expr, INDICATORS).is_some()
    {
        return;
    }
    let name = shown(expr);
    let message = format!("{name} is {}, where a condition is wanted", kind.noun());
    let suggestion = match (bare(expr), kind) {
        (Expr::Function(_), kind) if kind.is_integer() => format!("did you mean {name} = 1?"),
        (_, kind) if kind.is_number() => format!("compare it, as in {name} > 0"),
        (_, ColumnKind::Text) => format!("compare it, as in {name} = '…'"),
        _ => "compare it with something".to_owned(),
    };
    found.report(Diagnostic::of_type(start(expr), message).suggest(suggestion));
}
