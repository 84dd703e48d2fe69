//! Reading and building small pieces of sqlparser's tree.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart,
    Query, SetExpr, Spanned, Statement, TableFactor, UnaryOperator, Value, visit_expressions,
};
use sqlparser::ast::{CastKind, LimitClause};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Location, Span};

/// An identifier that means exactly `name`.
pub(crate) fn exact(name: &str, span: Span) -> Ident {
    Ident { value: name.to_owned(), quote_style: Some('"'), span }
}

/// The column `"qualifier"."name"`.
pub(crate) fn column(qualifier: &str, name: &str, span: Span) -> Expr {
    Expr::CompoundIdentifier(vec![exact(qualifier, span), exact(name, span)])
}

/// The call of an engine function.
pub(crate) fn call(name: &str, args: Vec<Expr>) -> Expr {
    call_at(name, args, Span::empty())
}

/// The call of a function, placed at `span`.
pub(crate) fn call_at(name: &str, args: Vec<Expr>, span: Span) -> Expr {
    let ident = Ident { value: name.to_owned(), quote_style: None, span };
    let args =
        args.into_iter().map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg))).collect();
    Expr::Function(Function {
        name: ObjectName(vec![ObjectNamePart::Identifier(ident)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

pub(crate) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

pub(crate) fn not(expr: Expr) -> Expr {
    nested(Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(expr) })
}

pub(crate) fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

pub(crate) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// Make an expression one of another type.
pub(crate) fn cast_in_place(expr: &mut Expr, data_type: DataType) {
    let inner = std::mem::replace(expr, boolean(false));
    *expr = cast(inner, data_type);
}

/// Is it the word NULL, or a CASE with nothing else to choose from? Neither has a type.
pub(crate) fn is_null(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Value(literal) => literal.value == Value::Null,
        Expr::Case { conditions, else_result, .. } => {
            let otherwise = else_result.as_deref();
            conditions.iter().map(|when| &when.result).chain(otherwise).all(is_null)
        }
        _ => false,
    }
}

pub(crate) fn number(digits: &str) -> Expr {
    Expr::value(Value::Number(digits.to_owned(), false))
}

pub(crate) fn string(text: &str) -> Expr {
    Expr::value(Value::SingleQuotedString(text.to_owned()))
}

pub(crate) fn boolean(value: bool) -> Expr {
    Expr::value(Value::Boolean(value))
}

/// A query that is nothing but a body and a limit.
pub(crate) fn limited(body: SetExpr, limit_clause: Option<LimitClause>) -> Query {
    Query {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause,
        fetch: None,
        locks: vec![],
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: vec![],
    }
}

/// The query that a text of our own is, such as the frame around a query of a caller.
pub(crate) fn written(text: &str) -> Option<Box<Query>> {
    match Parser::parse_sql(&GenericDialect {}, text).ok()?.into_iter().next()? {
        Statement::Query(query) => Some(query),
        _ => None,
    }
}

/// Put `inner` in the place of the only query in brackets in the FROM of `around`.
pub(crate) fn put_inside(around: &mut Query, inner: Query) -> Option<()> {
    let SetExpr::Select(select) = around.body.as_mut() else { return None };
    let TableFactor::Derived { subquery, .. } = &mut select.from.first_mut()?.relation else {
        return None;
    };
    **subquery = inner;
    Some(())
}

/// The expression inside any parentheses.
pub(crate) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

/// Where an expression begins.
///
/// Walks down the left side in a loop: the spans that sqlparser computes take stack in proportion
/// to the depth of the tree.
pub(crate) fn start(expr: &Expr) -> Location {
    let mut expr = expr;
    loop {
        expr = match expr {
            Expr::BinaryOp { left: inner, .. }
            | Expr::UnaryOp { expr: inner, .. }
            | Expr::InList { expr: inner, .. }
            | Expr::InSubquery { expr: inner, .. }
            | Expr::Between { expr: inner, .. }
            | Expr::Like { expr: inner, .. }
            | Expr::ILike { expr: inner, .. }
            | Expr::Cast { expr: inner, .. }
            | Expr::Nested(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner) => inner,
            Expr::Function(function) => return function.name.span().start,
            Expr::Case { case_token, .. } => return case_token.0.span.start,
            Expr::Subquery(query) | Expr::Exists { subquery: query, .. } => {
                return query_start(query);
            }
            other => return other.span().start,
        };
    }
}

/// Where a query begins.
pub(crate) fn query_start(query: &Query) -> Location {
    match &query.with {
        Some(with) => with.with_token.0.span.start,
        None => body_start(&query.body),
    }
}

/// Where the body of a query begins.
pub(crate) fn body_start(body: &SetExpr) -> Location {
    let mut body = body;
    loop {
        body = match body {
            SetExpr::Select(select) => return select.select_token.0.span.start,
            SetExpr::Query(query) => match &query.with {
                Some(with) => return with.with_token.0.span.start,
                None => &query.body,
            },
            SetExpr::SetOperation { left, .. } => left,
            other => return other.span().start,
        };
    }
}

/// What a join is on, if it is one of those that the grammar makes.
pub(crate) fn constraint(join: &mut Join) -> Option<&mut JoinConstraint> {
    match &mut join.join_operator {
        JoinOperator::Join(on)
        | JoinOperator::Inner(on)
        | JoinOperator::Left(on)
        | JoinOperator::LeftOuter(on)
        | JoinOperator::Right(on)
        | JoinOperator::RightOuter(on)
        | JoinOperator::FullOuter(on) => Some(on),
        _ => None,
    }
}

/// The plain arguments of a function call; `COUNT(*)` has none.
pub(crate) fn arguments(function: &Function) -> Vec<&Expr> {
    match &function.args {
        FunctionArguments::List(list) => list
            .args
            .iter()
            .filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        _ => vec![],
    }
}

/// The plain arguments of a function call, to be changed.
pub(crate) fn arguments_mut(function: &mut Function) -> Vec<&mut Expr> {
    match &mut function.args {
        FunctionArguments::List(list) => list
            .args
            .iter_mut()
            .filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
        _ => vec![],
    }
}

/// The name of a function as written, if it is not qualified.
pub(crate) fn function_name(function: &Function) -> Option<&Ident> {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident),
        _ => None,
    }
}

/// The call of one of the functions named, inside any parentheses. Names are upper case.
pub(crate) fn as_call<'e>(expr: &'e Expr, names: &[&str]) -> Option<&'e Function> {
    match bare(expr) {
        Expr::Function(function) => {
            let ident = function_name(function)?;
            names.iter().any(|n| ident.value.eq_ignore_ascii_case(n)).then_some(function)
        }
        _ => None,
    }
}

/// Whether an expression has the same value for every row: no column, no subquery, no call that
/// draws random numbers.
pub(crate) fn is_constant(expr: &Expr) -> bool {
    visit_expressions(expr, |e| match e {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Subquery(_)
        | Expr::InSubquery { .. }
        | Expr::Exists { .. } => ControlFlow::Break(()),
        e if as_call(e, &["RAND"]).is_some() => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_continue()
}

/// The value of arithmetic on literals.
pub(crate) fn constant_value(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Nested(inner) => constant_value(inner),
        Expr::Value(_) => digits(expr)?.parse().ok(),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => constant_value(expr).map(|v| -v),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => constant_value(expr),
        Expr::BinaryOp { left, op, right } => {
            let (left, right) = (constant_value(left)?, constant_value(right)?);
            match op {
                BinaryOperator::Plus => Some(left + right),
                BinaryOperator::Minus => Some(left - right),
                BinaryOperator::Multiply => Some(left * right),
                BinaryOperator::Divide if is_fractional(left, right) => Some(left / right),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether dividing the two as integers would give something else; such quotients are left to
/// the engine, which knows the types.
fn is_fractional(left: f64, right: f64) -> bool {
    right != 0.0 && (left.fract() != 0.0 || right.fract() != 0.0 || left % right == 0.0)
}

/// The digits of a number, as they are written.
pub(crate) fn digits(expr: &Expr) -> Option<&str> {
    let Expr::Value(value) = expr else { return None };
    match &value.value {
        Value::Number(digits, _) => Some(digits),
        _ => None,
    }
}

/// A non-negative integer literal that the engine can count to.
pub(crate) fn count_value(expr: &Expr) -> Option<u64> {
    digits(bare(expr))?.parse().ok().filter(|n| *n <= MOST_ROWS)
}

/// The largest number of rows that can be asked for.
pub(crate) const MOST_ROWS: u64 = i64::MAX.unsigned_abs();

/// The number of columns of a query whose wildcards have been expanded.
pub(crate) fn width(query: &Query) -> usize {
    fn of(body: &SetExpr) -> usize {
        match body {
            SetExpr::Select(select) => select.projection.len(),
            SetExpr::Query(query) => width(query),
            SetExpr::SetOperation { left, .. } => of(left),
            _ => 0,
        }
    }
    of(&query.body)
}
