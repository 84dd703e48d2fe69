//! Arguments and results of functions and casts, and what stays known of a value through them.

use sqlparser::ast::{
    DataType, Expr, Function, TimezoneInfo, UnaryOperator, Value, WindowFrameBound,
    WindowFrameUnits, WindowType,
};

use super::arithmetic::in_64_bits;
use super::description::described;
use super::timestamp::Literal;
use super::wording::{shown, string};
use super::{Findings, Typed, Types, comparison, in_unit};
use crate::error::{Diagnostic, printable};
use crate::function::{self, Group, ValueType};
use crate::names::{ColumnKind, TimeScale};
use crate::tree::{
    arguments, arguments_mut, bare, cast_in_place, constant_value, digits, function_name, start,
};

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
    if name == "MOD" {
        reckon_in_64_bits(call, types);
    }
    let counts = matches!(name.as_str(), "SUM" | "AVG") && count_truths(call, types, &name, found);
    found.report_maybe(no_range(call, types));
    let is_shift = matches!(name.as_str(), "LAG" | "LEAD");
    let is_time = is_shift && default_time(call, types, found);
    if is_shift && !is_time {
        found.report_maybe(no_default(call, types));
    }
    let args = arguments(call);
    // COUNT(*), of which the star is no argument.
    if name == "COUNT" && args.is_empty() {
        return Typed::of(ColumnKind::BigInt);
    }
    let mut given: Vec<Typed> = match counts {
        true => vec![Typed::of(ColumnKind::Integer)],
        false => args.iter().map(|arg| types.get(arg)).collect(),
    };
    if let Some(default) = given.last_mut().filter(|_| is_time) {
        *default = Typed::of(ColumnKind::Timestamp);
    }
    if matches!(name.as_str(), "MIN" | "MAX")
        && let Some(fault) = args.first().and_then(|arg| no_order(arg, types.kind(arg)))
    {
        found.report(fault);
        return Typed::default();
    }
    found.report_maybe(unordered_window(call, types));
    let Some(kind) = result(known, &args, &given, found) else { return Typed::default() };
    if name == "TIMESTAMP" {
        return time_of(args.first().copied(), found);
    }
    let typed = described(&name, kind, &args, given.first(), types);
    if name == "IN_UNIT" {
        in_unit::settle(call, types, found);
    }
    typed
}

/// What keeps rows from being put in the order of an expression.
pub(crate) fn no_order(expr: &Expr, kind: ColumnKind) -> Option<Diagnostic> {
    let message = || format!("{} is {}: shapes have no order", shown(expr), kind.noun());
    let fault = || Diagnostic::of_type(start(expr), message());
    kind.is_geometry().then(|| fault().suggest("order by COORD1, COORD2, AREA or DISTANCE"))
}

/// The same, of the rows of a window.
fn unordered_window(call: &Function, types: &Types) -> Option<Diagnostic> {
    let Some(WindowType::WindowSpec(window)) = &call.over else { return None };
    window.order_by.iter().find_map(|item| no_order(&item.expr, types.kind(&item.expr)))
}

/// What keeps the rows of a window from being within a number of each other (RANGE 5 PRECEDING).
fn no_range(call: &Function, types: &Types) -> Option<Diagnostic> {
    let Some(WindowType::WindowSpec(window)) = &call.over else { return None };
    let frame = window.window_frame.as_ref().filter(|f| f.units == WindowFrameUnits::Range)?;
    let bounds = [Some(&frame.start_bound), frame.end_bound.as_ref()];
    let offset = bounds.into_iter().flatten().find_map(|bound| match bound {
        WindowFrameBound::Preceding(Some(n)) | WindowFrameBound::Following(Some(n)) => Some(n),
        _ => None,
    })?;
    let ordered = &window.order_by.first()?.expr;
    let kind = types.kind(ordered);
    if kind == ColumnKind::Other
        || kind.is_number() && !kind.is_integer()
        || kind.is_integer() && number_of(offset).is_some_and(|n| n.parse::<i64>().is_ok())
    {
        return None;
    }
    let (shown, noun) = (shown(ordered), kind.noun());
    let message = format!("RANGE {offset} counts in {shown}, which is {noun}");
    let fault = Diagnostic::of_type(start(offset), message);
    Some(match kind.is_integer() {
        true => fault.suggest("write a whole number"),
        false => fault.suggest("order by a number, such as a time in MJD; ROWS counts rows"),
    })
}

/// MOD is the operator % to the engine.
fn reckon_in_64_bits(call: &mut Function, types: &Types) {
    if let [x, y] = arguments_mut(call).as_mut_slice() {
        let (of_x, of_y) = (types.kind(x), types.kind(y));
        in_64_bits(x, of_x, of_y);
    }
}

/// Read the default of a LAG or LEAD of times as one that is compared with them; tells whether it is
/// written as one.
fn default_time(call: &mut Function, types: &Types, found: &mut Findings) -> bool {
    let mut args = arguments_mut(call);
    let [value, _, default] = args.as_mut_slice() else { return false };
    let (of_value, of_default) = (types.get(value), types.get(default));
    let is_time = of_value.kind == ColumnKind::Timestamp
        && comparison::stands_for_time(default, of_default.kind);
    if is_time {
        comparison::operands(value, &of_value, default, &of_default, found);
    }
    is_time
}

/// What keeps the default of LAG or LEAD from standing among the values.
fn no_default(call: &Function, types: &Types) -> Option<Diagnostic> {
    let args = arguments(call);
    let [value, _, default] = args.as_slice() else { return None };
    let (of_value, of_default) = (types.kind(value), types.kind(default));
    if let Some(fault) = no_number(default, of_default, of_value)
        && of_value.is_number()
        && of_default.is_number()
    {
        return Some(fault);
    }
    let fits = match comparison::common(of_value, of_default) {
        Some(_) => !of_value.is_integer() || !of_default.is_number() || of_default.is_integer(),
        None => false,
    };
    let (a, b) = (shown(value), shown(default));
    let message =
        format!("{a} is {}, and its default {b} is {}", of_value.noun(), of_default.noun());
    (!fits).then(|| Diagnostic::of_type(start(default), message))
}

/// SUM and AVG of a truth value count it as 1 or 0, as users of MySQL expect; tells whether the
/// argument is one.
fn count_truths(call: &mut Function, types: &Types, name: &str, found: &mut Findings) -> bool {
    let mut args = arguments_mut(call);
    let [arg] = args.as_mut_slice() else { return false };
    if types.kind(arg) != ColumnKind::Boolean {
        return false;
    }
    found.warn(format!("{name} takes numbers: {} counts as 1 or 0", shown(arg)));
    cast_in_place(arg, DataType::Integer(None));
    true
}

/// A number made whole.
pub(super) fn whole(expr: &Expr, types: &Types, name: &str, found: &mut Findings) -> Typed {
    let typed = types.get(expr);
    if !ValueType::Double.takes(value_type(typed.kind)) {
        found.report(misfit_of(name, ValueType::Double, expr, typed.kind));
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
        found.report(Diagnostic::of_type(start(expr), message));
        return Typed::default();
    }
    if kind.is_geometry() {
        found.report_maybe(no_shape(expr, from.kind, kind));
        return Typed::of(kind);
    }
    if kind == ColumnKind::Timestamp {
        if from.kind.is_number() || from.kind == ColumnKind::Boolean {
            let message = format!("{} is {}, not a time", shown(expr), from.kind.noun());
            found.report(
                Diagnostic::of_type(start(expr), message)
                    .suggest("a time is written 'YYYY-MM-DDThh:mm:ss'"),
            );
            return Typed::default();
        }
        return match from.kind {
            ColumnKind::Timestamp => Typed { time_scale: from.time_scale, ..Typed::of(kind) },
            _ => time_of(Some(expr), found),
        };
    }
    if kind.is_number()
        && let Some(fault) = no_number(expr, from.kind, kind)
    {
        found.report(fault);
        return Typed::of(kind);
    }
    // A number remains what it measures; what is printed has no unit.
    match from.kind.is_number() && kind.is_number() {
        true => Typed { kind, unit: from.unit, ucd: from.ucd, ..Typed::default() },
        false => Typed::of(kind),
    }
}

/// What keeps a value from becoming a shape of this kind.
fn no_shape(expr: &Expr, from: ColumnKind, to: ColumnKind) -> Option<Diagnostic> {
    use ColumnKind::{Circle, Other, Point, Polygon, Region, Text};
    if from == to || matches!(from, Text | Other) || from.is_geometry() && to == Region {
        return None;
    }
    let shape = shown(expr);
    let instead = match (from.is_geometry(), to) {
        (true, Point) => Some(format!("write CENTROID({shape})")),
        (false, Point) => Some("write POINT(lon, lat)".to_owned()),
        (false, Circle) => Some("write CIRCLE(lon, lat, radius)".to_owned()),
        (false, Polygon) => Some("write POLYGON(lon1, lat1, …)".to_owned()),
        _ => None,
    };
    let message = format!("{shape} is {}: there is no CAST of it to {}", from.noun(), to.noun());
    Some(Diagnostic::of_type(start(expr), message).suggest_maybe(instead))
}

const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Does a literal hold a BIGINT, whose digits a double may not?
fn is_bigint(expr: &Expr) -> bool {
    let is = |digits: &str| digits.trim().parse::<i64>().is_ok();
    match bare(expr) {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            number_of(expr).is_some_and(|digits| is(&format!("-{digits}")))
        }
        other => number_of(other).or_else(|| string(other)).is_some_and(is),
    }
}

fn number_of(expr: &Expr) -> Option<&str> {
    digits(bare(expr))
}

/// What keeps a value from becoming a number, as far as the text of the query tells.
fn no_number(expr: &Expr, from: ColumnKind, to: ColumnKind) -> Option<Diagnostic> {
    let range = match to {
        ColumnKind::SmallInt => Some((f64::from(i16::MIN), f64::from(i16::MAX), "SMALLINT")),
        ColumnKind::Integer => Some((f64::from(i32::MIN), f64::from(i32::MAX), "INTEGER")),
        ColumnKind::BigInt => Some((i64::MIN as f64, TWO_TO_63, "BIGINT")),
        ColumnKind::Real => Some((f64::from(f32::MIN), f64::from(f32::MAX), "REAL")),
        _ => None,
    };
    if from == ColumnKind::Timestamp {
        let message = format!("{} is a time: there is no CAST of it to a number", shown(expr));
        let fault = Diagnostic::of_type(start(expr), message);
        return Some(fault.suggest("compare times with times, 'YYYY-MM-DDThh:mm:ss'"));
    }
    let value = match string(expr) {
        Some(text) => match text.trim().parse::<f64>() {
            Ok(value) => value,
            Err(_) => {
                let message = format!("'{}' is not a number", printable(text));
                return Some(Diagnostic::of_type(start(expr), message));
            }
        },
        None => constant_value(expr)?,
    };
    let (low, high, name) = range?;
    let is_outside = match to {
        // The words of a text that is no number are NULL among fractions.
        ColumnKind::Real => value.is_finite() && (value < low || value > high),
        ColumnKind::BigInt => !is_bigint(expr) && (value.is_nan() || value < low || value >= high),
        _ => value.is_nan() || value.trunc() < low || value.trunc() > high,
    };
    is_outside.then(|| {
        let message = match to.is_integer() {
            true if to == ColumnKind::BigInt => {
                format!("{} does not fit into BIGINT, {} to {}", shown(expr), i64::MIN, i64::MAX)
            }
            true => format!("{} does not fit into {name}, {low} to {high}", shown(expr)),
            false => format!("{} does not fit into {name}, {low:e} to {high:e}", shown(expr)),
        };
        Diagnostic::of_type(start(expr), message)
    })
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

/// Judge the arguments; returns the kind of the result, unless they do not fit.
fn result(
    known: &function::Function,
    args: &[&Expr],
    given: &[Typed],
    found: &mut Findings,
) -> Option<ColumnKind> {
    let types: Vec<ValueType> = given.iter().map(|given| value_type(given.kind)).collect();
    let signature = match known.signature_for(&types) {
        Some(signature) => signature,
        None => {
            // The closest one; where none takes so many arguments, that has been reported.
            let fitting = |expected: &[ValueType]| {
                expected.iter().zip(&types).filter(|(wanted, given)| wanted.takes(**given)).count()
            };
            let expected = known
                .signatures
                .iter()
                .filter_map(|signature| signature.types(types.len()))
                .max_by_key(|expected| fitting(expected))?;
            // The reading of geometries, which comes later, knows more of their arguments.
            let is_read_later = known.group == Group::Geometry || known.name == "MOC";
            let misfits = expected.iter().zip(args).zip(given).enumerate();
            // The first string of a shape names its coordinate system.
            let is_no_number = |nth: usize, wanted: &ValueType, arg: &Expr| {
                wanted.is_numeric() && (is_column(arg) || nth > 0 && string(arg).is_some())
            };
            let misfit = misfits
                .filter(|(_, ((wanted, _), given))| !wanted.takes(value_type(given.kind)))
                .find(|(nth, ((wanted, arg), given))| {
                    !is_read_later
                        || is_no_number(*nth, wanted, arg)
                        || is_computed(arg) && !may_stand_for(given.kind, **wanted)
                });
            if let Some((_, ((wanted, arg), given))) = misfit {
                found.report(misfit_of(known.name, *wanted, arg, given.kind));
                return None;
            }
            known.signatures.iter().find(|signature| signature.takes(types.len()))?
        }
    };
    let expected = signature.types(types.len())?;
    let kinds_of = |wanted: ValueType| {
        let declared = expected.iter().zip(given).filter(move |(e, _)| **e == wanted);
        declared.map(|(_, given)| given.kind)
    };
    Some(match signature.returns {
        ValueType::Any => {
            let mut kinds = kinds_of(ValueType::Any);
            let first = kinds.next().unwrap_or_default();
            kinds.try_fold(first, comparison::common).unwrap_or_default()
        }
        of @ (ValueType::Numeric | ValueType::Geometry) => {
            kinds_of(of).next().unwrap_or_else(|| kind_of_type(of))
        }
        of => kind_of_type(of),
    })
}

/// Whether an argument of a geometry is neither a column, nor a number or a text as it is written:
/// its reading knows no type of such a one.
fn is_computed(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Function(_) | Expr::Case { .. } | Expr::Cast { .. } | Expr::Subquery(_) => true,
        Expr::Value(literal) => matches!(literal.value, Value::Boolean(_)),
        _ => false,
    }
}

/// Whether values of a kind may become what a geometry takes: one shape another, a text a shape.
fn may_stand_for(kind: ColumnKind, wanted: ValueType) -> bool {
    match kind {
        ColumnKind::Text => wanted.is_geometry() && wanted != ValueType::Point,
        kind => kind.is_geometry() && !wanted.is_numeric(),
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(bare(expr), Expr::CompoundIdentifier(_))
}

fn misfit_of(name: &str, wanted: ValueType, arg: &Expr, kind: ColumnKind) -> Diagnostic {
    let what = match wanted {
        of if of.is_integer() => "a whole number",
        of if of.is_numeric() => "a number",
        of if of.is_text() => "text",
        ValueType::Timestamp => "a timestamp",
        ValueType::Boolean => "a condition",
        ValueType::Point => "a POINT",
        of if of.is_geometry() => "a shape",
        _ => "something else",
    };
    let written = string(arg).map(str::trim).filter(|text| text.parse::<f64>().is_ok());
    let suggestion = match (written, kind) {
        (Some(text), _) if wanted.is_numeric() => Some(format!("write {text}")),
        (None, ColumnKind::Text) if wanted.is_numeric() && is_sexagesimal(arg) => {
            Some("angles are decimal degrees: 10:30:00 of right ascension is 157.5".to_owned())
        }
        (_, ColumnKind::Boolean) if wanted.is_numeric() => {
            Some(format!("write CAST({} AS INTEGER)", shown(arg)))
        }
        (_, kind) if wanted.is_integer() && kind.is_number() => {
            Some(format!("write CAST({} AS INTEGER)", shown(arg)))
        }
        _ if wanted.is_text() && !kind.is_geometry() => {
            Some(format!("write CAST({} AS VARCHAR)", shown(arg)))
        }
        _ if wanted == ValueType::Point => Some("write POINT(lon, lat)".to_owned()),
        _ => None,
    };
    let message = format!("{name} takes {what} here, but {} is {}", shown(arg), kind.noun());
    Diagnostic::of_type(start(arg), message).suggest_maybe(suggestion)
}

/// Whether a string is an angle of three parts.
fn is_sexagesimal(expr: &Expr) -> bool {
    let parts =
        |text: &str| text.split([':', ' ', 'h', 'd', 'm']).filter(|p| !p.is_empty()).count();
    string(expr).map(str::trim).is_some_and(|text| {
        text.starts_with(|c: char| c.is_ascii_digit() || "+-".contains(c)) && parts(text) > 1
    })
}

/// A kind in the words of signatures.
fn value_type(kind: ColumnKind) -> ValueType {
    match kind {
        ColumnKind::Boolean => ValueType::Boolean,
        ColumnKind::SmallInt => ValueType::SmallInt,
        ColumnKind::Integer => ValueType::Integer,
        ColumnKind::BigInt => ValueType::BigInt,
        ColumnKind::Real => ValueType::Real,
        ColumnKind::Double => ValueType::Double,
        ColumnKind::Numeric => ValueType::Numeric,
        ColumnKind::Text => ValueType::Varchar,
        ColumnKind::Timestamp => ValueType::Timestamp,
        ColumnKind::Point => ValueType::Point,
        ColumnKind::Circle => ValueType::Circle,
        ColumnKind::Polygon => ValueType::Polygon,
        ColumnKind::Region | ColumnKind::Moc => ValueType::Region,
        ColumnKind::Binary => ValueType::Blob,
        ColumnKind::Other => ValueType::Any,
    }
}

/// A type of a signature as a kind.
fn kind_of_type(of: ValueType) -> ColumnKind {
    match of {
        ValueType::Boolean => ColumnKind::Boolean,
        ValueType::SmallInt => ColumnKind::SmallInt,
        ValueType::Integer => ColumnKind::Integer,
        ValueType::BigInt => ColumnKind::BigInt,
        ValueType::Real => ColumnKind::Real,
        ValueType::Double => ColumnKind::Double,
        ValueType::Numeric => ColumnKind::Numeric,
        ValueType::Char | ValueType::Varchar | ValueType::Text => ColumnKind::Text,
        ValueType::Timestamp => ColumnKind::Timestamp,
        ValueType::Point => ColumnKind::Point,
        ValueType::Circle => ColumnKind::Circle,
        ValueType::Polygon => ColumnKind::Polygon,
        ValueType::Region | ValueType::Geometry => ColumnKind::Region,
        ValueType::Blob => ColumnKind::Binary,
        ValueType::Any | ValueType::Array(_) => ColumnKind::Other,
    }
}
