//! ADQL's meaning in the engine's terms, on a tree whose names are resolved.
//!
//! ```text
//! SELECT TOP 5 LOG(x) … WHERE CONTAINS(POINT(ra, dec), CIRCLE(10, 20, 0.1)) = 1
//!   ↓
//! SELECT ln(x) …        WHERE sky_closed_cone(ra, dec, 10, 20, 0.1)        LIMIT 5
//! ```
//!
//! The walk goes from the outside in: a comparison is looked at before the geometry in it, so that
//! what remains of POINT, CIRCLE and the like further down is wanted for its value.

mod area;
mod brackets;
mod frame;
mod function;
mod geometry;
mod limit;
mod literal;
mod multiset;
mod order;
mod shape_literal;
mod sky;
mod subquery;
mod view;

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Join, JoinConstraint, Query, Select, TableFactor, TableWithJoins,
    UnaryOperator, VisitMut, VisitorMut,
};

use crate::error::Diagnostic;
use crate::resolve::Kinds;
use crate::tree::{as_call, constraint};

pub use shape_literal::ShapeLiteral;
pub(crate) use view::expand;

/// What a rewrite found.
pub(crate) struct Rewritten {
    /// What has no meaning.
    pub diagnostics: Vec<Diagnostic>,
    /// Liberties taken.
    pub warnings: Vec<String>,
    /// Texts that must describe shapes.
    pub shapes: Vec<ShapeLiteral>,
}

/// Rewrite `query` in place.
///
/// `kinds` tells the columns that hold geometries.
pub(crate) fn rewrite(query: &mut Query, kinds: &Kinds) -> Rewritten {
    let shapes = shape_literal::all(query);
    let mut walk = Walk { kinds, diagnostics: vec![], warnings: frame::warnings(query) };
    brackets::rewrite(query);
    order::rewrite(query);
    subquery::rewrite(query);
    // The walk never breaks off.
    let _ = query.visit(&mut walk);
    multiset::rewrite(query);
    Rewritten { diagnostics: walk.diagnostics, warnings: walk.warnings, shapes }
}

struct Walk<'k> {
    kinds: &'k Kinds,
    diagnostics: Vec<Diagnostic>,
    warnings: Vec<String>,
}

impl Walk<'_> {
    fn warn(&mut self, warning: &str) {
        if !self.warnings.iter().any(|w| w == warning) {
            self.warnings.push(warning.to_owned());
        }
    }

    /// Replace `expr` by what a rewrite made of it, or report what the rewrite found.
    fn settle(&mut self, expr: &mut Expr, rewritten: Result<Option<Expr>, Diagnostic>) -> bool {
        match rewritten {
            Ok(Some(new)) => {
                *expr = new;
                true
            }
            Ok(None) => false,
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                // NULL takes its place, lest the parts of it be reported again.
                *expr = Expr::value(sqlparser::ast::Value::Null);
                true
            }
        }
    }

    /// An expression in the place of a condition: a bare CONTAINS(…) is taken to be compared
    /// with 1.
    fn condition(&mut self, expr: &mut Expr) {
        if let Some(predicate) = sky::bare_predicate(expr, self.kinds) {
            if as_call(expr, &["CONTAINS", "INTERSECTS"]).is_some() {
                self.warn("CONTAINS and INTERSECTS should be compared with 1 or 0");
            }
            self.settle(expr, predicate.map(Some));
        }
    }

    fn join_condition(&mut self, join: &mut Join) {
        if let Some(JoinConstraint::On(condition)) = constraint(join) {
            self.condition(condition);
        }
    }
}

fn joins_to_be_true(tables: &mut TableWithJoins) {
    for join in &mut tables.joins {
        if let Some(JoinConstraint::On(condition)) = constraint(join) {
            sky::to_be_true(condition);
        }
    }
}

impl VisitorMut for Walk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        limit::top_to_limit(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for condition in select.selection.iter_mut().chain(&mut select.having) {
            self.condition(condition);
        }
        for join in select.from.iter_mut().flat_map(|from| &mut from.joins) {
            self.join_condition(join);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        select.selection.iter_mut().chain(&mut select.having).for_each(sky::to_be_true);
        select.from.iter_mut().for_each(joins_to_be_true);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            joins_to_be_true(table_with_joins);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
            for join in &mut table_with_joins.joins {
                self.join_condition(join);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                self.condition(left);
                self.condition(right);
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.condition(expr),
            Expr::Case { operand: None, conditions, .. } => {
                for when in conditions {
                    self.condition(&mut when.condition);
                }
            }
            _ => {}
        }
        let rewritten = sky::comparison(expr, self.kinds);
        if self.settle(expr, rewritten) {
            return ControlFlow::Continue(());
        }
        let rewritten = sky::value(expr, self.kinds);
        if self.settle(expr, rewritten) {
            return ControlFlow::Continue(());
        }
        let rewritten = literal::rewrite(expr);
        self.settle(expr, rewritten);
        let rewritten = function::rewrite(expr);
        self.settle(expr, rewritten);
        ControlFlow::Continue(())
    }
}
