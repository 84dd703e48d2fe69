//! Arguments and results of functions and casts, and what stays known of a value through them.

use std::sync::Arc;

use sqlparser::ast::{DataType, Expr, Function, TimezoneInfo};

use super::timestamp::Literal;
use super::wording::{shown, string};
use super::{Findings, Typed, Types, comparison};
use crate::error::Diagnostic;
use crate::function::{self, Group};
use crate::names::{ColumnKind, TimeScale};
use crate::tree::{arguments, boolean, cast as cast_to, function_name, start};

/// Functions whose result has the unit of their first argument.
const KEEP_UNIT: &[&str] = &[
    "ABS",
    "ROUND",
    "TRUNCATE",
    "CEILING",
    "FLOOR",
    "MIN",
    "MAX",
    "AVG",
    "SUM",
    "MEDIAN",
    "STDDEV",
    "STDDEV_POP",
    "STDDEV_SAMP",
    "QUANTILE",
    "PERCENTILE",
];

/// Statistics that have a word among the UCDs, which goes behind the column's own.
const STATISTICS: &[(&str, &str)] = &[
    ("MIN", "stat.min"),
    ("MAX", "stat.max"),
    ("AVG", "stat.mean"),
    ("MEDIAN", "stat.median"),
    ("STDDEV", "stat.stdev"),
    ("STDDEV_POP", "stat.stdev"),
    ("STDDEV_SAMP", "stat.stdev"),
];

/// Functions whose result has a unit of its own.
const UNITS: &[(&str, &str)] = &[
    ("DISTANCE", "deg"),
    ("SCISQL_ANGSEP", "deg"),
    ("DEGREES", "deg"),
    ("COORD1", "deg"),
    ("COORD2", "deg"),
    ("AREA", "deg**2"),
    ("RADIANS", "rad"),
    ("ACOS", "rad"),
    ("ASIN", "rad"),
    ("ATAN", "rad"),
    ("ATAN2", "rad"),
    ("SCISQL_NANOJANSKYTOABMAG", "mag"),
    ("SCISQL_NANOJANSKYTOABMAGSIGMA", "mag"),
    ("IVO_TO_JD", "d"),
    ("IVO_TO_MJD", "d"),
    ("IVO_HMS_TO_DEGREES", "deg"),
    ("IVO_DMS_TO_DEGREES", "deg"),
];

/// A call: its arguments are judged by the function's signature, which also has its result.
pub(super) fn function(call: &mut Function, types: &Types, found: &mut Findings) -> Typed {
    let Some(name) = function_name(call).map(|ident| ident.value.to_uppercase()) else {
        return Typed::default();
    };
    // COALESCE over the columns that a join made one.
    if name == "COALESCE" {
        return super::one_of(&arguments(call), types, "the arguments of COALESCE", found);
    }
    let Some(known) = function::find(&name) else { return Typed::default() };
    if matches!(name.as_str(), "SUM" | "AVG") {
        count_truths(call, types, &name, found);
    }
    let args = arguments(call);
    let given: Vec<Typed> = args.iter().map(|arg| types.get(arg)).collect();
    let Some(kind) = result(known, &args, &given, found) else { return Typed::default() };
    if name == "TIMESTAMP" {
        return time_of(args.first().copied(), found);
    }
    described(&name, kind, known.group, &args, given.first())
}

/// SUM and AVG of a truth value count it as 1 or 0, as users of MySQL expect.
fn count_truths(call: &mut Function, types: &Types, name: &str, found: &mut Findings) {
    use sqlparser::ast::{FunctionArg, FunctionArgExpr, FunctionArguments};
    let FunctionArguments::List(list) = &mut call.args else { return };
    for arg in &mut list.args {
        let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else { continue };
        if types.kind(arg) == ColumnKind::Boolean {
            found.warn(format!("{name} takes numbers: {} counts as 1 or 0", shown(arg)));
            let inner = std::mem::replace(arg, boolean(false));
            *arg = cast_to(inner, DataType::Integer(None));
        }
    }
}

/// What is known of the result beside its kind.
fn described(
    name: &str,
    kind: ColumnKind,
    group: Group,
    args: &[&Expr],
    first: Option<&Typed>,
) -> Typed {
    if name == "IN_UNIT" {
        let unit = args.get(1).and_then(|unit| string(unit)).map(Arc::from);
        let ucd = first.and_then(|first| first.ucd.clone());
        return Typed { kind, unit, ucd, ..Typed::default() };
    }
    let own =
        UNITS.iter().find(|(function, _)| *function == name).map(|(_, unit)| Arc::from(*unit));
    let Some(first) = first.filter(|_| KEEP_UNIT.contains(&name)) else {
        return Typed::with_unit(kind, own);
    };
    let statistic = STATISTICS.iter().find(|(function, _)| *function == name);
    let ucd = match (group, statistic, &first.ucd) {
        (Group::Aggregate, Some((_, word)), Some(ucd)) => Some(statistic_ucd(ucd, word)),
        _ => None,
    };
    // The least and the greatest of some times are times of that scale.
    let time_scale = first.time_scale.filter(|_| matches!(name, "MIN" | "MAX"));
    Typed { kind, unit: first.unit.clone(), ucd, time_scale, origin: None }
}

/// The UCD of a statistic over a column: no longer the main one of its table.
fn statistic_ucd(ucd: &str, word: &str) -> Arc<str> {
    let kept = ucd.split(';').filter(|part| !part.trim().eq_ignore_ascii_case("meta.main"));
    kept.chain([word]).collect::<Vec<_>>().join(";").into()
}

/// A number made whole.
pub(super) fn whole(expr: &Expr, types: &Types, name: &str, found: &mut Findings) -> Typed {
    let typed = types.get(expr);
    if !takes(Wanted::Number, typed.kind) {
        found.report(misfit(name, Wanted::Number, expr, typed.kind));
        return Typed::default();
    }
    Typed::with_unit(typed.kind, typed.unit)
}

/// `CAST(x AS type)`.
pub(super) fn cast(expr: &Expr, types: &Types, to: &DataType, found: &mut Findings) -> Typed {
    let from = types.get(expr);
    let kind = kind_of(to);
    if from.kind.is_geometry() && !kind.is_geometry() && kind != ColumnKind::Other {
        let message = format!("{} is {}: there is no CAST of it", shown(expr), from.kind.noun());
        found.report(Diagnostic::invalid(start(expr), message));
        return Typed::default();
    }
    if kind == ColumnKind::Timestamp {
        if from.kind.is_number() || from.kind == ColumnKind::Boolean {
            let message = format!("{} is {}, not a time", shown(expr), from.kind.noun());
            found.report(
                Diagnostic::invalid(start(expr), message)
                    .suggest("a time is written 'YYYY-MM-DDThh:mm:ss'"),
            );
            return Typed::default();
        }
        return match from.kind {
            ColumnKind::Timestamp => Typed { time_scale: from.time_scale, ..Typed::of(kind) },
            _ => time_of(Some(expr), found),
        };
    }
    // A number remains what it measures; what is printed has no unit.
    match from.kind.is_number() && kind.is_number() {
        true => Typed { kind, unit: from.unit, ucd: from.ucd, ..Typed::default() },
        false => Typed::of(kind),
    }
}

/// The time that a text names.
fn time_of(text: Option<&Expr>, found: &mut Findings) -> Typed {
    let mut typed = Typed::of(ColumnKind::Timestamp);
    if let Some(expr) = text
        && let Some(text) = string(expr)
    {
        match Literal::read(text) {
            Some(literal) => typed.time_scale = literal.is_utc.then_some(TimeScale::Utc),
            None => found.report(comparison::not_a_time(text, start(expr))),
        }
    }
    typed
}

fn kind_of(to: &DataType) -> ColumnKind {
    match to {
        DataType::SmallInt(_) => ColumnKind::SmallInt,
        DataType::Int(_) | DataType::Integer(_) => ColumnKind::Integer,
        DataType::BigInt(_) => ColumnKind::BigInt,
        DataType::Real => ColumnKind::Real,
        DataType::DoublePrecision | DataType::Double(_) | DataType::Float(_) => ColumnKind::Double,
        DataType::Char(_)
        | DataType::Character(_)
        | DataType::Varchar(_)
        | DataType::CharVarying(_)
        | DataType::CharacterVarying(_)
        | DataType::Clob(_)
        | DataType::Text
        | DataType::String(_) => ColumnKind::Text,
        DataType::Timestamp(_, TimezoneInfo::None) => ColumnKind::Timestamp,
        DataType::Boolean | DataType::Bool => ColumnKind::Boolean,
        DataType::Custom(name, _) => {
            ColumnKind::of_xtype(&name.to_string()).unwrap_or(ColumnKind::Other)
        }
        _ => ColumnKind::Other,
    }
}

/// What a signature asks of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Number,
    Whole,
    Text,
    Time,
    Truth,
    Shape,
    Anything,
}

fn takes(wanted: Wanted, kind: ColumnKind) -> bool {
    match (wanted, kind) {
        (Wanted::Anything, _) | (_, ColumnKind::Other) => true,
        (Wanted::Number, kind) => kind.is_number(),
        (Wanted::Whole, kind) => kind.is_integer() || kind == ColumnKind::Numeric,
        (Wanted::Text, kind) => kind == ColumnKind::Text,
        (Wanted::Time, kind) => matches!(kind, ColumnKind::Timestamp | ColumnKind::Text),
        (Wanted::Truth, kind) => kind == ColumnKind::Boolean,
        (Wanted::Shape, kind) => kind.is_geometry(),
    }
}

fn misfit(name: &str, wanted: Wanted, arg: &Expr, kind: ColumnKind) -> Diagnostic {
    let (what, suggestion) = match wanted {
        Wanted::Number => ("a number", None),
        Wanted::Whole => ("a whole number", Some("CAST it AS INTEGER".to_owned())),
        Wanted::Text => ("text", Some("CAST it AS VARCHAR".to_owned())),
        Wanted::Time => ("a timestamp", None),
        Wanted::Truth => ("a condition", None),
        Wanted::Shape => ("a shape", Some("write POINT, CIRCLE or POLYGON".to_owned())),
        Wanted::Anything => ("a value", None),
    };
    let written = string(arg).map(str::trim).filter(|text| text.parse::<f64>().is_ok());
    let suggestion = match (wanted, written) {
        (Wanted::Number | Wanted::Whole, Some(text)) => Some(format!("write {text}")),
        (Wanted::Number, None) if kind == ColumnKind::Boolean => {
            Some(format!("write CAST({} AS INTEGER)", shown(arg)))
        }
        _ => suggestion,
    };
    let message = format!("{name} takes {what}, but {} is {}", shown(arg), kind.noun());
    Diagnostic::invalid(start(arg), message).suggest_maybe(suggestion)
}

/// Judge the arguments; returns the kind of the result, unless they do not fit.
fn result(
    known: &function::Function,
    args: &[&Expr],
    given: &[Typed],
    found: &mut Findings,
) -> Option<ColumnKind> {
    let (parameters, returns) = known.signature.rsplit_once(") -> ")?;
    let (_, parameters) = parameters.split_once('(')?;
    let wanted: Vec<&str> = parameters.split(',').map(last_word).filter(|w| *w != "...").collect();
    // The geometry functions take coordinates for points, and a coordinate system before them.
    if known.group != Group::Geometry {
        for ((arg, given), wanted) in args.iter().zip(given).zip(&wanted) {
            let wanted = wanted_by(wanted);
            if !takes(wanted, given.kind) {
                found.report(misfit(known.name, wanted, arg, given.kind));
                return None;
            }
        }
    }
    Some(match returns {
        "ANY" => given.first().map_or(ColumnKind::Other, |first| first.kind),
        "INTEGER" => ColumnKind::Integer,
        "BIGINT" => ColumnKind::BigInt,
        "DOUBLE" => ColumnKind::Double,
        "REAL" => ColumnKind::Real,
        "TEXT" | "VARCHAR" | "CHAR" => ColumnKind::Text,
        other => ColumnKind::of_xtype(other).unwrap_or(ColumnKind::Other),
    })
}

fn last_word(parameter: &str) -> &str {
    parameter.split_whitespace().last().unwrap_or("ANY")
}

fn wanted_by(word: &str) -> Wanted {
    match word.trim_end_matches(']') {
        "DOUBLE" | "REAL" | "NUMERIC" => Wanted::Number,
        "INTEGER" | "BIGINT" | "SMALLINT" => Wanted::Whole,
        "TEXT" | "VARCHAR" | "CHAR" => Wanted::Text,
        "TIMESTAMP" => Wanted::Time,
        "BOOLEAN" => Wanted::Truth,
        "POINT" | "CIRCLE" | "POLYGON" | "REGION" | "GEOMETRY" => Wanted::Shape,
        _ => Wanted::Anything,
    }
}
