//! Function calls and casts in the engine's names and types.

use sqlparser::ast::{
    BinaryOperator, CharacterLength, DataType, Expr, Function, Ident, ObjectName, ObjectNamePart,
    TimezoneInfo,
};
use sqlparser::tokenizer::Location;

use crate::error::{Diagnostic, printable};
use crate::function::{self, Form};
use crate::tree::{arguments, binary, call, cast, function_name, nested, number, start};

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
    match known.form {
        Form::Call(name) => {
            let span = ident.span;
            let ident = Ident { value: name.to_owned(), quote_style: None, span };
            function.name = ObjectName(vec![ObjectNamePart::Identifier(ident)]);
            Ok(None)
        }
        Form::Rewritten => {
            let args: Vec<Expr> = arguments(function).into_iter().cloned().collect();
            special(known, args, ident.span.start).map(Some)
        }
    }
}

fn special(known: &function::Function, args: Vec<Expr>, at: Location) -> Result<Expr, Diagnostic> {
    let mut args = args.into_iter();
    let rewritten = match (known.name, args.next(), args.next()) {
        ("RAND", _, _) => call("random", vec![]),
        ("MOD", Some(x), Some(y)) => nested(binary(operand(x), BinaryOperator::Modulo, operand(y))),
        ("POWER", Some(x), Some(y)) => call("power", vec![double(x), double(y)]),
        ("TIMESTAMP", Some(text), None) => {
            cast(text, DataType::Timestamp(None, TimezoneInfo::None))
        }
        // AB magnitude of a flux in nJy: the zero point is 3631 Jy.
        ("scisql_nanojanskyToAbMag", Some(flux), None) => {
            let decades =
                binary(number("2.5"), BinaryOperator::Multiply, call("log10", vec![flux]));
            nested(binary(number("31.4"), BinaryOperator::Minus, decades))
        }
        ("scisql_nanojanskyToAbMagSigma", Some(flux), Some(error)) => {
            let slope =
                binary(number("2.5"), BinaryOperator::Divide, call("ln", vec![number("10")]));
            let scaled = binary(slope, BinaryOperator::Multiply, operand(error));
            nested(binary(scaled, BinaryOperator::Divide, operand(flux)))
        }
        (name, _, _) => {
            let message = format!("{name} has the wrong arguments");
            return Err(Diagnostic::invalid(at, message));
        }
    };
    Ok(rewritten)
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

fn double(expr: Expr) -> Expr {
    cast(expr, DataType::Double(sqlparser::ast::ExactNumberInfo::None))
}

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
        DataType::Timestamp(None, TimezoneInfo::None) => return Ok(None),
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
        _ => None,
    }
}

fn characters(length: &Option<CharacterLength>) -> Option<u64> {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        _ => None,
    }
}
