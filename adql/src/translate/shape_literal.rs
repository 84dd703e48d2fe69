//! The literals of a query that must describe shapes: STC-S, a DALI shape, cells of a MOC, and the
//! vertices of a POLYGON.
//!
//! This crate knows no shapes; it finds the literals and their places, so that whoever reads them
//! can complain where they stand.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Value, visit_expressions};
use sqlparser::tokenizer::Location;

use crate::error::Diagnostic;
use crate::names::ColumnKind;
use crate::tree::{arguments, as_call, bare, constant_value, start};

/// Functions whose string literals are shapes.
const OF_SHAPES: &[&str] = &["REGION", "MOC", "CONTAINS", "INTERSECTS", "AREA", "CENTROID"];

/// How much of a complaint is shown: it may repeat the text.
const LONGEST: usize = 300;

/// A literal that must describe a shape.
#[derive(Debug, Clone, PartialEq)]
pub struct ShapeLiteral {
    /// The shape: for a point, a circle or a polygon its numbers, degrees; for a region STC-S or a
    /// DALI shape, for a Multi-Order Coverage map its cells.
    pub text: String,
    /// Which of these it must be.
    pub kind: ColumnKind,
    at: Location,
}

impl ShapeLiteral {
    /// The text of a literal, if it is a string.
    fn of_string(expr: &Expr, kind: ColumnKind) -> Option<Self> {
        let Expr::Value(literal) = bare(expr) else { return None };
        let Value::SingleQuotedString(text) = &literal.value else { return None };
        Some(ShapeLiteral { text: text.clone(), kind, at: literal.span.start })
    }

    /// The shapes that an expression must hold.
    fn of(expr: &Expr) -> Vec<Self> {
        if let Some(call) = as_call(expr, OF_SHAPES) {
            let kind = match as_call(expr, &["MOC"]) {
                Some(_) => ColumnKind::Moc,
                None => ColumnKind::Region,
            };
            let literals = arguments(call).into_iter();
            return literals.filter_map(|literal| Self::of_string(literal, kind)).collect();
        }
        match expr {
            Expr::Cast { expr, data_type, .. } => {
                let kind = ColumnKind::of_xtype(&data_type.to_string());
                let kind = kind.filter(|kind| kind.is_geometry());
                kind.and_then(|kind| Self::of_string(expr, kind)).into_iter().collect()
            }
            Expr::Function(_) => Self::of_vertices(expr).into_iter().collect(),
            _ => vec![],
        }
    }

    /// A POLYGON of constant coordinates.
    fn of_vertices(expr: &Expr) -> Option<Self> {
        let polygon = as_call(expr, &["POLYGON"])?;
        let mut coordinates = arguments(polygon);
        // A frame turns a shape, and does not make it another.
        if coordinates
            .first()
            .is_some_and(|first| Self::of_string(first, ColumnKind::Text).is_some())
        {
            coordinates.remove(0);
        }
        let is_whole = coordinates.len() >= 6 && coordinates.len().is_multiple_of(2);
        let numbers: Vec<String> = coordinates
            .into_iter()
            .map(|coordinate| constant_value(coordinate).map(|value| value.to_string()))
            .collect::<Option<_>>()?;
        let (text, kind) = (numbers.join(" "), ColumnKind::Polygon);
        is_whole.then(|| ShapeLiteral { text, kind, at: start(expr) })
    }

    pub(crate) fn refused(&self, why: String) -> Diagnostic {
        let example = match self.kind {
            ColumnKind::Moc => Some("such as MOC('5/1-3 6/100')"),
            ColumnKind::Region => {
                Some("such as REGION('CIRCLE ICRS 10 20 0.5') or REGION('POLYGON 1 1 2 1 2 2')")
            }
            _ => None,
        };
        let why: String = why.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Diagnostic::invalid(self.at, why).suggest_maybe(example.map(str::to_owned))
    }
}

/// All of them, in the order of the text.
pub(super) fn all(query: &Query) -> Vec<ShapeLiteral> {
    let mut found = vec![];
    // The walk never breaks off.
    let _ = visit_expressions(query, |expr| {
        found.extend(ShapeLiteral::of(expr));
        ControlFlow::<()>::Continue(())
    });
    found
}
