//! Types: what is known of the values of every expression, and complaints where they do not fit.
//!
//! Each node is typed from the types of the nodes directly below it, while names are resolved: the
//! walk visits children first and keeps what is known of each in [`Types`].
//!
//! ```text
//! objectId = 'abc'             error, at 'abc': objectId is a whole number, 'abc' is text
//! objectId = '123'             objectId = 123, with a warning
//! detect_isPrimary = 1         detect_isPrimary = TRUE
//! obsStart > '2025-07-01Z'     obsStart > CAST('2025-07-01T00:00:37' AS TIMESTAMP)   (TAI)
//! ```
//!
//! What is not known is never complained about: an unknown type fits everywhere.
//!
//! - [`comparison`]: operands of =, <, BETWEEN, IN, LIKE and what stands for a condition
//! - [`pairs`]: one value compared with several
//! - [`arithmetic`]: operands of + − * / % || and of the bitwise operators
//! - [`call`]: arguments and results of functions, casts
//! - [`in_unit`]: conversions of units
//! - [`description`]: the unit and the UCD that a result keeps
//! - [`timestamp`]: times as literals, and scales of time
//! - [`wording`]: how an expression is named in a message

mod arithmetic;
mod call;
mod comparison;
mod description;
mod in_unit;
mod pairs;
mod timestamp;
mod wording;

use std::collections::HashMap;
use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Query, UnaryOperator, Value};

use crate::OutputColumn;
use crate::error::Diagnostic;
use crate::names::{ColumnKind, ColumnName, Names, TimeScale};
use crate::tree::cast_in_place;

pub(crate) use call::no_order;
pub(crate) use comparison::{common_number, condition, same_column_type};
pub(crate) use timestamp::in_full;
pub(crate) use wording::to_one_type;

/// The place of a column in [`Names`](crate::Names): its schema, its table, and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub schema: usize,
    pub table: usize,
    pub column: usize,
}

/// What is known of the values of an expression.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Typed {
    pub kind: ColumnKind,
    /// In VOUnits.
    pub unit: Option<Arc<str>>,
    pub ucd: Option<Arc<str>>,
    /// The scale of a timestamp.
    pub time_scale: Option<TimeScale>,
    /// The column whose values these are, unchanged.
    pub origin: Option<Origin>,
    /// Whether values of other columns stand among them.
    pub is_mixed: bool,
}

impl Typed {
    /// Values of a kind, of which nothing else is known.
    pub fn of(kind: ColumnKind) -> Self {
        Typed { kind, ..Typed::default() }
    }

    /// The values of a column.
    pub fn of_column(column: &ColumnName, origin: Origin) -> Self {
        Typed {
            kind: column.kind,
            unit: column.unit.as_deref().filter(|unit| !unit.is_empty()).map(Arc::from),
            ucd: column.ucd.as_deref().filter(|ucd| !ucd.is_empty()).map(Arc::from),
            time_scale: column.time_scale,
            origin: Some(origin),
            is_mixed: false,
        }
    }

    /// The values of both sides of a set operation: described as those of the left, as far as the
    /// right does not contradict.
    pub fn united(self, right: &Typed) -> Self {
        let agrees = right.unit.is_none() || right.unit == self.unit;
        Typed {
            kind: comparison::common(self.kind, right.kind).unwrap_or_default(),
            unit: self.unit.filter(|_| agrees),
            is_mixed: self.is_mixed || self.origin != right.origin || right.is_mixed,
            origin: self.origin.filter(|_| agrees),
            ..self
        }
    }

    /// The values of two columns that a full join makes one: of which only is known what is true
    /// of both.
    pub fn merged(self, other: &Typed) -> Self {
        Typed {
            kind: comparison::common(self.kind, other.kind).unwrap_or_default(),
            unit: self.unit.filter(|unit| other.unit.as_ref() == Some(unit)),
            ucd: self.ucd.filter(|ucd| other.ucd.as_ref() == Some(ucd)),
            time_scale: self.time_scale.filter(|scale| other.time_scale == Some(*scale)),
            ..Typed::default()
        }
    }

    /// The output column of this name.
    pub fn output(self, name: String, names: &Names) -> OutputColumn {
        let of_origin = |origin: Origin| {
            let schema = names.schemas.get(origin.schema)?;
            let table = schema.tables.get(origin.table)?;
            let column = table.columns.get(origin.column)?;
            Some((schema.name.clone(), table.name.clone(), column.name.clone()))
        };
        OutputColumn {
            name,
            kind: self.kind,
            unit: self.unit.as_deref().map(str::to_owned),
            ucd: self.ucd.as_deref().map(str::to_owned),
            time_scale: self.time_scale,
            origin: self.origin.and_then(of_origin),
            is_mixed: self.is_mixed,
        }
    }

    fn with_unit(kind: ColumnKind, unit: Option<Arc<str>>) -> Self {
        Typed { kind, unit, ..Typed::default() }
    }
}

/// What is known of the expressions below the one that is looked at, by their address.
///
/// Addresses are stable: the walk that fills this replaces nodes in their place.
#[derive(Debug, Default)]
pub(crate) struct Types {
    expressions: HashMap<*const Expr, Typed>,
    /// The first output column of each subquery.
    subqueries: HashMap<*const Query, Typed>,
}

impl Types {
    pub fn set(&mut self, expr: &Expr, typed: Typed) {
        self.expressions.insert(expr, typed);
    }

    pub fn set_subquery(&mut self, query: &Query, typed: Typed) {
        self.subqueries.insert(query, typed);
    }

    pub fn get(&self, expr: &Expr) -> Typed {
        self.expressions.get(&std::ptr::from_ref(expr)).cloned().unwrap_or_default()
    }

    pub fn kind(&self, expr: &Expr) -> ColumnKind {
        self.expressions
            .get(&std::ptr::from_ref(expr))
            .map_or(ColumnKind::Other, |typed| typed.kind)
    }

    fn of_subquery(&self, query: &Query) -> Typed {
        self.subqueries.get(&std::ptr::from_ref(query)).cloned().unwrap_or_default()
    }
}

/// Complaints, and liberties taken.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub diagnostics: Vec<Diagnostic>,
    pub warnings: Vec<String>,
}

impl Findings {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn report_maybe(&mut self, diagnostic: Option<Diagnostic>) {
        self.diagnostics.extend(diagnostic);
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }
}

/// Type an expression whose names are resolved and whose children have been typed.
///
/// Literals below it may be replaced by what they stand for beside their neighbour.
pub(crate) fn of(expr: &mut Expr, types: &Types, found: &mut Findings) -> Typed {
    let typed = judged(expr, types, found);
    pairs::apart(expr, types);
    typed
}

fn judged(expr: &mut Expr, types: &Types, found: &mut Findings) -> Typed {
    match expr {
        Expr::Value(value) => literal(&value.value),
        Expr::Nested(inner) => types.get(inner),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
            condition(expr, types.kind(expr), found);
            Typed::of(ColumnKind::Boolean)
        }
        Expr::UnaryOp { op, expr } => arithmetic::unary(*op, expr, types, found),
        Expr::BinaryOp { .. } => binary(expr, types, found),
        Expr::Between { expr, low, high, .. } => {
            let typed = types.get(expr);
            comparison::operands(expr, &typed, low, &types.get(low), found);
            comparison::operands(expr, &typed, high, &types.get(high), found);
            // NULL compares with each of two that do not compare with each other.
            if typed.kind == ColumnKind::Other {
                comparison::operands(low, &types.get(low), high, &types.get(high), found);
            }
            Typed::of(ColumnKind::Boolean)
        }
        Expr::InList { expr, list, .. } => {
            let typed = types.get(expr);
            for item in list.iter_mut() {
                comparison::operands(expr, &typed, item, &types.get(item), found);
            }
            if typed.kind == ColumnKind::Other {
                beside_each_other(list.iter_mut(), types, found);
            }
            Typed::of(ColumnKind::Boolean)
        }
        Expr::InSubquery { expr, subquery, .. } => {
            comparison::with_subquery(expr, types, subquery, found);
            Typed::of(ColumnKind::Boolean)
        }
        Expr::Like { expr, pattern, .. } | Expr::ILike { expr, pattern, .. } => {
            comparison::pattern(expr, types.kind(expr), pattern, types.kind(pattern), found);
            Typed::of(ColumnKind::Boolean)
        }
        Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_)
        | Expr::Exists { .. } => Typed::of(ColumnKind::Boolean),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
            let (l, r) = (types.get(left), types.get(right));
            comparison::operands(left, &l, right, &r, found);
            Typed::of(ColumnKind::Boolean)
        }
        Expr::Subquery(query) => types.of_subquery(query),
        Expr::Case { operand, conditions, else_result, .. } => {
            case(operand.as_deref_mut(), conditions, else_result.as_deref_mut(), types, found)
        }
        Expr::Cast { expr, data_type, .. } => call::cast(expr, types, data_type, found),
        Expr::Ceil { expr, .. } => call::whole(expr, types, "CEILING", found),
        Expr::Floor { expr, .. } => call::whole(expr, types, "FLOOR", found),
        Expr::Function(function) => call::function(function, types, found),
        _ => Typed::default(),
    }
}

fn literal(value: &Value) -> Typed {
    Typed::of(match value {
        Value::Number(digits, _) => match digits.parse::<i64>() {
            Ok(_) => ColumnKind::BigInt,
            // Also from 2^63 on.
            Err(_) => ColumnKind::Double,
        },
        Value::SingleQuotedString(_) => ColumnKind::Text,
        Value::Boolean(_) => ColumnKind::Boolean,
        _ => ColumnKind::Other,
    })
}

fn binary(expr: &mut Expr, types: &Types, found: &mut Findings) -> Typed {
    let Expr::BinaryOp { left, op, right } = expr else { return Typed::default() };
    match op {
        BinaryOperator::And | BinaryOperator::Or => {
            condition(left, types.kind(left), found);
            condition(right, types.kind(right), found);
            Typed::of(ColumnKind::Boolean)
        }
        BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::Lt
        | BinaryOperator::LtEq
        | BinaryOperator::Gt
        | BinaryOperator::GtEq => {
            let (l, r) = (types.get(left), types.get(right));
            comparison::operands(left, &l, right, &r, found);
            Typed::of(ColumnKind::Boolean)
        }
        BinaryOperator::StringConcat => {
            arithmetic::concatenation(left, types.kind(left), found);
            arithmetic::concatenation(right, types.kind(right), found);
            Typed::of(ColumnKind::Text)
        }
        _ => arithmetic::binary(left, op, right, types, found),
    }
}

/// What NULL is compared with: each compares with NULL, but the engine makes all of one type.
fn beside_each_other<'e>(
    mut compared: impl Iterator<Item = &'e mut Expr>,
    types: &Types,
    found: &mut Findings,
) {
    let is_known = |expr: &&mut Expr| types.kind(expr) != ColumnKind::Other;
    let Some(first) = compared.by_ref().find(is_known) else { return };
    for other in compared {
        comparison::operands(first, &types.get(first), other, &types.get(other), found);
    }
}

fn case(
    operand: Option<&mut Expr>,
    conditions: &mut [CaseWhen],
    otherwise: Option<&mut Expr>,
    types: &Types,
    found: &mut Findings,
) -> Typed {
    match operand {
        Some(operand) => {
            let typed = types.get(operand);
            for CaseWhen { condition, .. } in conditions.iter_mut() {
                let when = types.get(condition);
                comparison::operands(operand, &typed, condition, &when, found);
            }
            if typed.kind == ColumnKind::Other {
                let compared = conditions.iter_mut().map(|when| &mut when.condition);
                beside_each_other(compared, types, found);
            }
        }
        None => {
            for when in conditions.iter() {
                condition(&when.condition, types.kind(&when.condition), found);
            }
        }
    }
    let results = conditions.iter().map(|when| &when.result).chain(otherwise.as_deref());
    let typed = one_of(&results.collect::<Vec<_>>(), types, "the branches of CASE", found);
    // A subquery would see the type of the first branch.
    if let Some(to) = comparison::number_type(typed.kind) {
        for result in conditions.iter_mut().map(|when| &mut when.result).chain(otherwise) {
            let kind = types.kind(result);
            if kind.is_number() && kind != typed.kind {
                cast_in_place(result, to.clone());
            }
        }
    }
    typed
}

/// The type of a value that is one of several: of COALESCE or of the branches of CASE.
///
/// A unit stays if all have it; a number written in the query is taken to be in it.
fn one_of(choices: &[&Expr], types: &Types, what: &str, found: &mut Findings) -> Typed {
    let mut known = choices.iter().filter(|choice| types.kind(choice) != ColumnKind::Other);
    let Some(first) = known.next() else { return Typed::default() };
    let mut kind = types.kind(first);
    for choice in known {
        let of_choice = types.kind(choice);
        match comparison::common(kind, of_choice) {
            Some(both) => kind = both,
            None => {
                let (a, b) = (wording::shown(first), wording::shown(choice));
                let message = format!(
                    "{what} differ in type: {a} is {}, {b} is {}",
                    kind.noun(),
                    of_choice.noun()
                );
                let fault = Diagnostic::of_type(crate::tree::start(choice), message);
                found.report(fault.suggest(wording::to_one_type(kind, of_choice)));
                return Typed::default();
            }
        }
    }
    let mut named = choices.iter().filter(|choice| !wording::is_literal(choice));
    let Some(first) = named.next().map(|choice| types.get(choice)) else { return Typed::of(kind) };
    let others: Vec<Typed> = named.map(|choice| types.get(choice)).collect();
    let all = |same: &dyn Fn(&Typed) -> bool| others.iter().all(same);
    Typed {
        kind,
        unit: first.unit.clone().filter(|_| all(&|other| other.unit == first.unit)),
        ucd: first.ucd.clone().filter(|_| all(&|other| other.ucd == first.ucd)),
        time_scale: first.time_scale.filter(|_| all(&|o| o.time_scale == first.time_scale)),
        ..Typed::default()
    }
}
