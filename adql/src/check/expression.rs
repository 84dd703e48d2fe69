//! The whitelist for expressions and function calls.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DateTimeField, DuplicateTreatment, Expr,
    Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Spanned,
    UnaryOperator, Value, ValueWithSpan,
};
use sqlparser::tokenizer::Location;

use super::Findings;
use crate::error::{Diagnostic, Problem, printable};
use crate::function;
use crate::names::did_you_mean;
use crate::tree::start;

/// One expression; its children are visited on their own.
pub(super) fn check_expr(expr: &Expr, text: &str, findings: &mut Findings) {
    match expr {
        Expr::Identifier(_)
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::Between { .. }
        | Expr::Nested(_)
        | Expr::Exists { .. }
        | Expr::Subquery(_) => {}
        Expr::CompoundIdentifier(parts) => {
            if parts.len() > 3 {
                findings.not_adql(start(expr), "a name of more than three parts");
            }
        }
        Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotUnknown(_) => findings.extension("IS [NOT] TRUE, FALSE or UNKNOWN"),
        Expr::IsDistinctFrom(..) | Expr::IsNotDistinctFrom(..) => {
            findings.extension("IS [NOT] DISTINCT FROM");
        }
        Expr::Like { any, .. } | Expr::ILike { any, .. } => {
            if *any {
                findings.not_adql(start(expr), "LIKE ANY");
            }
        }
        Expr::Case { conditions, .. } => {
            findings.extension("CASE");
            if let Some(CaseWhen { condition, .. }) = conditions.get(500) {
                let message = "CASE has more than 500 branches";
                findings.structure.push(Diagnostic::invalid(start(condition), message));
            }
        }
        Expr::BinaryOp { left, op, .. } => check_binary(op, left, findings),
        Expr::UnaryOp { op, expr } => match op {
            UnaryOperator::Plus | UnaryOperator::Minus | UnaryOperator::Not => {}
            UnaryOperator::BitwiseNot => findings.extension("the bitwise operator ~"),
            _ => findings.not_adql(start(expr), format!("the operator {op}")),
        },
        Expr::Cast { kind, array, format, .. } => {
            if *kind != CastKind::Cast || *array || format.is_some() {
                let fault = Diagnostic::not_adql(start(expr), "this form of CAST");
                findings.structure.push(fault.suggest("write CAST(expression AS type)"));
            }
        }
        Expr::Ceil { field, .. } | Expr::Floor { field, .. } => {
            if *field != CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) {
                findings.not_adql(start(expr), "a second argument of FLOOR or CEIL");
            }
        }
        Expr::Value(value) => check_value(value, text, findings),
        Expr::Function(function) => check_function(function, findings),
        other => {
            let text = printable(&other.to_string());
            let what = match other {
                Expr::Tuple(_) => "a row of values".to_owned(),
                Expr::TypedString(_) => format!("the literal {text}"),
                Expr::Interval(_) => "INTERVAL".to_owned(),
                Expr::Substring { .. } => "SUBSTRING".to_owned(),
                Expr::Trim { .. } => "TRIM".to_owned(),
                Expr::Position { .. } => "POSITION".to_owned(),
                Expr::Extract { .. } => "EXTRACT".to_owned(),
                Expr::Overlay { .. } => "OVERLAY".to_owned(),
                Expr::SimilarTo { .. } => "SIMILAR TO".to_owned(),
                Expr::RLike { .. } => "RLIKE".to_owned(),
                Expr::AnyOp { .. } => "ANY".to_owned(),
                Expr::AllOp { .. } => "ALL as a comparison".to_owned(),
                Expr::Collate { .. } => "COLLATE".to_owned(),
                Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => "* here".to_owned(),
                _ => format!("the expression {text}"),
            };
            findings.not_adql(start(other), what);
        }
    }
}

fn check_binary(op: &BinaryOperator, left: &Expr, findings: &mut Findings) {
    match op {
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::StringConcat
        | BinaryOperator::Gt
        | BinaryOperator::Lt
        | BinaryOperator::GtEq
        | BinaryOperator::LtEq
        | BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::And
        | BinaryOperator::Or => {}
        BinaryOperator::Modulo => findings.extension("the operator %"),
        BinaryOperator::BitwiseAnd | BinaryOperator::BitwiseOr | BinaryOperator::BitwiseXor => {
            findings.extension(&format!("the bitwise operator {op}"));
        }
        // Seldom used, so the left side's position is good enough.
        other => findings.not_adql(start(left), format!("the operator {other}")),
    }
}

fn check_value(value: &ValueWithSpan, text: &str, findings: &mut Findings) {
    let at = value.span.start;
    match &value.value {
        Value::SingleQuotedString(_) | Value::Null => {}
        Value::Number(digits, _) => {
            if digits.parse::<f64>().is_ok_and(f64::is_infinite) {
                let message = format!("the number {} is too large", printable(digits));
                findings.structure.push(Diagnostic::invalid(at, message));
            }
        }
        Value::Boolean(_) => findings.extension("a literal TRUE or FALSE"),
        // sqlparser reads 0xFF and X'FF' alike; only the first is an integer.
        Value::HexStringLiteral(digits) if starts_with_0x(text, at) => {
            if i64::from_str_radix(digits, 16).is_err() {
                let message = format!("the number 0x{} is too large", printable(digits));
                findings.structure.push(Diagnostic::invalid(at, message));
            }
        }
        other => findings.not_adql(at, format!("the literal {}", printable(&other.to_string()))),
    }
}

fn starts_with_0x(text: &str, at: Location) -> bool {
    let index = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    text.split('\n')
        .nth(index(at.line))
        .is_some_and(|line| line.chars().nth(index(at.column)) == Some('0'))
}

fn check_function(call: &Function, findings: &mut Findings) {
    let shown = printable(&call.name.to_string());
    let at = match crate::tree::function_name(call) {
        Some(ident) => ident.span.start,
        None => {
            findings
                .not_adql(call.name.span().start, format!("the qualified function name {shown}"));
            return;
        }
    };
    let refused = [
        (call.over.is_some(), "OVER (window functions)"),
        (call.filter.is_some(), "FILTER"),
        (call.null_treatment.is_some(), "IGNORE or RESPECT NULLS"),
        (!call.within_group.is_empty(), "WITHIN GROUP"),
        (call.uses_odbc_syntax, "{fn …}"),
        (call.parameters != FunctionArguments::None, "a second list of arguments"),
    ];
    for (present, what) in refused {
        if present {
            findings.not_adql(at, what);
        }
    }
    let Some(function) = function::find(&shown) else {
        findings.functions.push(unknown_function(at, &shown));
        return;
    };
    match &call.args {
        FunctionArguments::List(list) => check_arguments(list, function, at, findings),
        FunctionArguments::None => {
            let message = format!("{} is called without parentheses", function.name);
            findings.structure.push(Diagnostic::invalid(at, message));
        }
        FunctionArguments::Subquery(_) => {
            let fault = Diagnostic::not_adql(at, "a subquery as the list of arguments");
            findings.structure.push(fault.suggest("put it in parentheses of its own"));
        }
    }
}

fn unknown_function(at: Location, name: &str) -> Diagnostic {
    let candidates = function::FUNCTIONS.iter().map(|f| f.name);
    Diagnostic::new(at, Problem::UnknownFunction { name: name.to_owned() })
        .suggest_maybe(did_you_mean(name, candidates))
}

fn check_arguments(
    list: &FunctionArgumentList,
    function: &function::Function,
    at: Location,
    findings: &mut Findings,
) {
    let aggregate = function.is_aggregate();
    if !list.clauses.is_empty() {
        findings.not_adql(at, format!("a clause inside {}(…)", function.name));
    }
    match list.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) if !aggregate => {
            let message = format!("DISTINCT has no meaning in {}(…)", function.name);
            findings.structure.push(Diagnostic::invalid(at, message));
        }
        _ => {}
    }
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(_)) => {}
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard)
                if function.name == "COUNT" && list.args.len() == 1 => {}
            FunctionArg::Unnamed(_) => {
                findings.not_adql(at, format!("* in {}(…)", function.name));
            }
            FunctionArg::Named { .. } | FunctionArg::ExprNamed { .. } => {
                findings.not_adql(at, "a named argument");
            }
        }
    }
    if !function.takes(list.args.len()) {
        findings.functions.push(Diagnostic::new(
            at,
            Problem::Arguments {
                function: function.name.to_owned(),
                expected: function.expects(),
                found: list.args.len(),
            },
        ));
    }
}
