//! Function calls and casts in the engine's names and types.

use sqlparser::ast::{
    BinaryOperator, CharacterLength, DataType, Expr, Function, Ident, ObjectName, ObjectNamePart,
    TimezoneInfo, Value,
};
use sqlparser::tokenizer::Location;

use super::literal::time_in_full;
use crate::error::{Diagnostic, printable};
use crate::function::{self, Form};
use crate::names::did_you_mean;
use crate::tree::{
    arguments, arguments_mut, bare, binary, call, cast, cast_in_place, constant_value,
    function_name, is_null, nested, number, start,
};

/// Rewrite a call or a cast; `None` if it is neither or stays as it is.
pub(super) fn rewrite(expr: &mut Expr) -> Result<Option<Expr>, Diagnostic> {
    match expr {
        Expr::Function(function) => rewrite_call(function),
        Expr::Floor { expr, .. } => Ok(Some(call("floor", vec![expr.as_ref().clone()]))),
        Expr::Ceil { expr, .. } => Ok(Some(call("ceil", vec![expr.as_ref().clone()]))),
        Expr::Cast { expr, data_type, .. } => rewrite_cast(expr, data_type),
        _ => Ok(None),
    }
}

fn rewrite_call(function: &mut Function) -> Result<Option<Expr>, Diagnostic> {
    let Some(ident) = function_name(function) else { return Ok(None) };
    // Not in the table: one of the engine's own, which an earlier rewrite put here.
    let Some(known) = function::find(&ident.value) else { return Ok(None) };
    let at = ident.span.start;
    match known.form {
        Form::Call(name) => {
            let span = ident.span;
            check_literals(known, function, at)?;
            if matches!(known.name, "SUM" | "AVG") {
                numbers_of_null(function);
            }
            let ident = Ident { value: name.to_owned(), quote_style: None, span };
            function.name = ObjectName(vec![ObjectNamePart::Identifier(ident)]);
            Ok(None)
        }
        Form::Rewritten => {
            let args: Vec<Expr> = arguments(function).into_iter().cloned().collect();
            special(known, args, at).map(Some)
        }
        Form::Off(reason) => {
            let call = printable(&function.to_string());
            Err(Diagnostic::invalid(at, format!("{call} is not available here: {reason}")))
        }
    }
}

/// NULL, which is of no type, as an argument that is a number.
fn numbers_of_null(call: &mut Function) {
    for arg in arguments_mut(call) {
        if is_null(arg) {
            cast_in_place(arg, DataType::DoublePrecision);
        }
    }
}

/// Arguments that the engine wants to know before it reads the first row.
fn check_literals(
    known: &function::Function,
    call: &Function,
    at: Location,
) -> Result<(), Diagnostic> {
    let args = arguments(call);
    let number = |index: usize| args.get(index).and_then(|arg| constant_value(arg));
    let refuse = |index: usize, what: &str| {
        let place = args.get(index).map_or(at, |arg| start(arg));
        Err(Diagnostic::invalid(place, format!("{} {what}", known.name)))
    };
    match known.name {
        "QUANTILE" if !number(1).is_some_and(|q| (0.0..=1.0).contains(&q)) => {
            refuse(1, "needs a number from 0 to 1 as its second argument")
        }
        "NTILE" if !number(0).is_some_and(|n| n.fract() == 0.0 && n >= 1.0) => {
            refuse(0, "takes a whole number above 0 that the query writes out")
        }
        "LAG" | "LEAD" if args.len() > 1 && !number(1).is_some_and(|n| n.fract() == 0.0) => {
            refuse(1, "takes a number of rows that the query writes out")
        }
        "LAG" | "LEAD" if args.get(2).is_some_and(|default| !is_literal(default)) => {
            refuse(2, "takes a default that the query writes out; write COALESCE(…) for others")
        }
        "ivo_string_agg" if !args.get(1).is_some_and(|arg| is_string(arg)) => {
            refuse(1, "needs a string in quotes as its delimiter")
        }
        "ivo_histogram" => {
            let is_count = |n: f64| n.fract() == 0.0 && (1.0..=MOST_BINS).contains(&n);
            match (number(1), number(2), number(3)) {
                (Some(lower), Some(upper), Some(n)) if lower < upper && is_count(n) => Ok(()),
                (Some(_), Some(_), Some(n)) if !is_count(n) => {
                    refuse(3, &format!("needs from 1 to {MOST_BINS} bins"))
                }
                (Some(_), Some(_), Some(_)) => refuse(1, "needs a lower limit below the upper one"),
                _ => refuse(1, "needs numbers as its limits and as its number of bins"),
            }
        }
        _ => Ok(()),
    }
}

/// Bins of a histogram beyond which it is a mistake.
const MOST_BINS: f64 = 1e6;

/// Whether an expression is a literal, arithmetic on some, or a CAST of that.
fn is_literal(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Value(_) => true,
        Expr::Cast { expr, .. } => is_literal(expr),
        other => constant_value(other).is_some(),
    }
}

fn is_string(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::Value(value) if matches!(value.value, Value::SingleQuotedString(_)))
}

fn special(known: &function::Function, args: Vec<Expr>, at: Location) -> Result<Expr, Diagnostic> {
    let wrong = || Diagnostic::invalid(at, format!("{} has the wrong arguments", known.name));
    let mut args = args.into_iter();
    let rewritten = match (known.name, args.next(), args.next()) {
        ("RAND", None, None) => call("random", vec![]),
        ("RAND", Some(seed), None) => call("seeded_random", vec![seed]),
        ("MOD", Some(x), Some(y)) => nested(binary(operand(x), BinaryOperator::Modulo, operand(y))),
        ("TIMESTAMP", Some(text), None) => cast(time_in_full(&text).unwrap_or(text), INSTANT),
        ("ivo_nocasematch", Some(value), Some(pattern)) => {
            let matches = Expr::ILike {
                negated: false,
                any: false,
                expr: Box::new(operand(value)),
                pattern: Box::new(operand(pattern)),
                escape_char: None,
            };
            cast(nested(matches), DataType::Integer(None))
        }
        ("ivo_normal_random", Some(mu), Some(sigma)) => {
            let deviate = binary(operand(sigma), BinaryOperator::Multiply, normal_deviate());
            nested(binary(operand(mu), BinaryOperator::Plus, deviate))
        }
        ("ivo_interval_overlaps", Some(l1), Some(h1)) => {
            let ends = [l1, h1].into_iter().chain(args).collect();
            cast(call("interval_overlaps", ends), DataType::Integer(None))
        }
        ("ivo_geom_transform", Some(from), Some(to)) => {
            let shape = args.next().ok_or_else(wrong)?;
            call("ivo_geom_transform", vec![frame(from)?, frame(to)?, shape])
        }
        ("gaia_healpix_index", Some(order), Some(id)) => {
            call("healpix_of_gaia_source", vec![order, id])
        }
        ("IN_UNIT", Some(value), Some(factor)) => match constant_value(&factor) {
            Some(_) => nested(scaled(operand(value), factor)),
            // Types have found no unit, and no fault either.
            None => {
                return Err(Diagnostic::invalid(at, "the unit of this value is not known"));
            }
        },
        _ => return Err(wrong()),
    };
    Ok(rewritten)
}

/// A value times a factor: a quotient where that is exact and the product is not (1e-9).
fn scaled(value: Expr, factor: Expr) -> Expr {
    let inverse = constant_value(&factor).map_or(0.0, |factor| factor.recip().round());
    if inverse > 1.0 && constant_value(&factor) == Some(inverse.recip()) {
        return binary(value, BinaryOperator::Divide, number(&format!("{inverse:e}")));
    }
    binary(value, BinaryOperator::Multiply, factor)
}

/// A random number of mean 0 and standard deviation 1.
///
/// Reference: Box & Muller 1958, Ann. Math. Stat. 29, 610.
fn normal_deviate() -> Expr {
    use BinaryOperator::{Minus, Multiply};
    let random = || call("random", vec![]);
    // 1 - random() is never 0.
    let logarithm = call("ln", vec![binary(number("1"), Minus, random())]);
    let length = call("sqrt", vec![binary(number("-2"), Multiply, logarithm)]);
    let turns = binary(number("2"), Multiply, call("pi", vec![]));
    let direction = call("cos", vec![binary(turns, Multiply, random())]);
    nested(binary(length, Multiply, direction))
}

/// A literal that names a frame of `ivo_geom_transform`, in its exact spelling.
fn frame(name: Expr) -> Result<Expr, Diagnostic> {
    const FRAMES: [&str; 5] = ["ICRS", "GALACTIC", "FK5", "FK4", "ECLIPTIC"];
    let at = start(&name);
    let text = match bare(&name) {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    match text {
        Some(text) if FRAMES.contains(&text.as_str()) => Ok(name),
        Some(text) => {
            let message = format!("there is no frame {}", printable(&text));
            let near = did_you_mean(&text, FRAMES.into_iter());
            let list = format!("the frames are {}", FRAMES.join(", "));
            Err(Diagnostic::invalid(at, message).suggest(near.unwrap_or(list)))
        }
        None => Err(Diagnostic::invalid(at, "a frame must be a literal such as 'GALACTIC'")),
    }
}

/// An argument as the operand of an operator: in parentheses unless it holds together anyway.
fn operand(expr: Expr) -> Expr {
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Value(_)
        | Expr::Function(_)
        | Expr::Nested(_) => expr,
        other => nested(other),
    }
}

/// Points in time: to the microsecond, as catalogs store them.
const INSTANT: DataType = DataType::Timestamp(Some(6), TimezoneInfo::None);

/// Casts to ADQL's types (ADQL 2.1, section 4.7), in the engine's words.
fn rewrite_cast(expr: &Expr, to: &mut DataType) -> Result<Option<Expr>, Diagnostic> {
    let (engine, length) = match to {
        DataType::SmallInt(None) => (DataType::SmallInt(None), None),
        DataType::Int(None) | DataType::Integer(None) => (DataType::Integer(None), None),
        DataType::BigInt(None) => (DataType::BigInt(None), None),
        DataType::Real => (DataType::Real, None),
        DataType::DoublePrecision | DataType::Double(_) | DataType::Float(_) => {
            (DataType::Double(sqlparser::ast::ExactNumberInfo::None), None)
        }
        DataType::Char(length)
        | DataType::Character(length)
        | DataType::Varchar(length)
        | DataType::CharVarying(length)
        | DataType::CharacterVarying(length) => (DataType::Varchar(None), characters(length)),
        DataType::Clob(_) | DataType::Text | DataType::String(_) => (DataType::Varchar(None), None),
        DataType::Timestamp(_, TimezoneInfo::None) => (INSTANT, None),
        DataType::Boolean | DataType::Bool => (DataType::Boolean, None),
        other if let Some(engine) = geometry_cast(other) => {
            return Ok(Some(call(engine, vec![expr.clone()])));
        }
        other => {
            let message = format!("there is no cast to {}", printable(&other.to_string()));
            return Err(Diagnostic::invalid(start(expr), message).suggest(
                "the types are SMALLINT, INTEGER, BIGINT, REAL, DOUBLE PRECISION, CHAR, VARCHAR, \
                 TIMESTAMP, POINT, CIRCLE and POLYGON",
            ));
        }
    };
    *to = engine;
    // The engine does not cut strings to the length of the type.
    Ok(length.map(|n| {
        let whole = cast(expr.clone(), DataType::Varchar(None));
        call("left", vec![whole, number(&n.to_string())])
    }))
}

/// The engine's function for a cast to a geometry.
fn geometry_cast(to: &DataType) -> Option<&'static str> {
    match to.to_string().to_uppercase().as_str() {
        "POINT" => Some("sky_as_point"),
        "CIRCLE" => Some("sky_as_circle"),
        "POLYGON" => Some("sky_as_polygon"),
        "REGION" => Some("sky_as_region"),
        _ => None,
    }
}

fn characters(length: &Option<CharacterLength>) -> Option<u64> {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    }
}
