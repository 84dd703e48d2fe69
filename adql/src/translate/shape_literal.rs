//! The string literals of a query that must describe shapes: STC-S, a DALI shape, cells of a MOC.
//!
//! This crate knows no shapes; it finds the literals and their places, so that whoever reads them
//! can complain where they stand.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Value, visit_expressions};
use sqlparser::tokenizer::Location;

use crate::error::Diagnostic;
use crate::tree::{arguments, as_call, bare};

/// Functions whose string literals are shapes.
const OF_SHAPES: &[&str] = &["REGION", "MOC", "CONTAINS", "INTERSECTS", "AREA", "CENTROID"];

/// How much of a complaint is shown: it may repeat the text.
const LONGEST: usize = 300;

/// A string literal that must describe a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShapeLiteral {
    /// The literal's text.
    pub text: String,
    /// Whether it must be a Multi-Order Coverage map.
    pub is_moc: bool,
    at: Location,
}

impl ShapeLiteral {
    pub(crate) fn refused(&self, why: String) -> Diagnostic {
        let example = match self.is_moc {
            true => "such as MOC('5/1-3 6/100')",
            false => "such as REGION('CIRCLE ICRS 10 20 0.5') or REGION('POLYGON 1 1 2 1 2 2')",
        };
        let why: String = why.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Diagnostic::invalid(self.at, why).suggest(example)
    }
}

/// All of them, in the order of the text.
pub(super) fn all(query: &Query) -> Vec<ShapeLiteral> {
    let mut found = vec![];
    // The walk never breaks off.
    let _ = visit_expressions(query, |expr| {
        if let Some(function) = as_call(expr, OF_SHAPES) {
            let is_moc = as_call(expr, &["MOC"]).is_some();
            let literals = arguments(function).into_iter().filter_map(|argument| {
                let Expr::Value(literal) = bare(argument) else { return None };
                let Value::SingleQuotedString(text) = &literal.value else { return None };
                Some(ShapeLiteral { text: text.clone(), is_moc, at: literal.span.start })
            });
            found.extend(literals);
        }
        ControlFlow::<()>::Continue(())
    });
    found
}
