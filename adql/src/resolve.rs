//! Identifiers to exact columns, and `*` to lists of them.
//!
//! ```text
//! SELECT *, o.RA FROM object AS o        WHERE decl > 0
//!   ↓
//! SELECT "o"."ra" AS "ra", "o"."decl" AS "decl", "o"."ra" AS "ra_2"
//! FROM "survey"."Object" AS "o"          WHERE "o"."decl" > 0
//! ```
//!
//! Every identifier that goes out is quoted and qualified, because the engine lower-cases what is
//! not; every table has an alias; every output column has a name of its own. Unresolved names are
//! collected, not thrown, so that all of them are reported together.

mod expression;
mod from;
mod output;
mod scope;

use std::collections::HashMap;

use sqlparser::ast::{Distinct, Expr, GroupByExpr, OrderBy, OrderByKind, Query, Select, SetExpr};
use sqlparser::tokenizer::{Location, Span};

use crate::error::{Diagnostic, Problem, printable};
use crate::names::{ColumnKind, Names, best_matches, did_you_mean};
use crate::tree::{bare, body_start, count_value, exact, start};
use expression::Aliases;
use output::Output;
use scope::{Column, CommonTable, Frame, Scope};

/// The kinds of the columns in a query, by the place at which the query names them.
pub(crate) type Kinds = HashMap<Location, ColumnKind>;

/// What resolution found out about a query, beside the changes that it made to its tree.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Exact schema and name of each table used, each once.
    pub tables: Vec<(String, String)>,
    /// What the columns' values are.
    pub kinds: Kinds,
    /// Unresolved and ambiguous names.
    pub diagnostics: Vec<Diagnostic>,
    /// Liberties taken.
    pub warnings: Vec<String>,
}

/// Resolve every name of `query` in place.
pub(crate) fn resolve(query: &mut Query, names: &Names) -> Resolved {
    let mut resolver = Resolver { names, found: Resolved::default() };
    resolver.query(query, &[], None);
    resolver.found
}

/// The walk over queries; the walk over expressions is in [`expression`].
struct Resolver<'n> {
    names: &'n Names,
    found: Resolved,
}

impl Resolver<'_> {
    fn report(&mut self, diagnostic: Diagnostic) {
        self.found.diagnostics.push(diagnostic);
    }

    fn warn(&mut self, warning: String) {
        if !self.found.warnings.contains(&warning) {
            self.found.warnings.push(warning);
        }
    }

    /// Resolve a query; returns its output columns.
    fn query(
        &mut self,
        query: &mut Query,
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Vec<Output> {
        let mut ctes = ctes.to_vec();
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            let outputs = self.query(&mut cte.query, &ctes, None);
            let columns = self.alias_columns(&mut cte.alias, outputs);
            let name = cte.alias.name.value.clone();
            cte.alias.name = exact(&name, cte.alias.name.span);
            ctes.push(CommonTable { name, columns });
        }
        self.body(&mut query.body, query.order_by.as_mut(), &ctes, outer)
    }

    fn body(
        &mut self,
        body: &mut SetExpr,
        order_by: Option<&mut OrderBy>,
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Vec<Output> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by, ctes, outer),
            SetExpr::Query(query) => {
                let outputs = self.query(query, ctes, outer);
                self.order_by_outputs(order_by, &outputs);
                outputs
            }
            SetExpr::SetOperation { left, op, right, .. } => {
                let outputs = self.body(left, None, ctes, outer);
                let others = self.body(right, None, ctes, outer);
                if outputs.len() != others.len() {
                    let (n, m) = (outputs.len(), others.len());
                    let message = format!("the two sides of {op} have {n} and {m} columns");
                    self.report(Diagnostic::invalid(body_start(right), message));
                }
                let outputs: Vec<Output> = outputs.into_iter().map(Output::opaque).collect();
                self.order_by_outputs(order_by, &outputs);
                outputs
            }
            // The grammar has nothing else.
            _ => vec![],
        }
    }

    fn select(
        &mut self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Vec<Output> {
        let frame = self.from(&mut select.from, ctes, outer);
        let scope = Scope { frame: &frame, ctes, outer };
        let outputs = self.projection(&mut select.projection, &scope);
        if let Some(selection) = &mut select.selection {
            self.expression(selection, &scope, Aliases::Hidden(&outputs));
        }
        if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
            for group in groups {
                self.group(group, &scope, &outputs);
            }
        }
        if let Some(having) = &mut select.having {
            self.expression(having, &scope, Aliases::Substituted(&outputs));
        }
        if let Some(order_by) = order_by {
            let distinct = matches!(select.distinct, Some(Distinct::Distinct));
            for item in order_items(order_by) {
                self.order(item, &scope, &outputs, distinct);
            }
        }
        outputs
    }

    /// One expression of GROUP BY; a number is the position of an output column.
    fn group(&mut self, group: &mut Expr, scope: &Scope<'_>, outputs: &[Output]) {
        match self.position(group, outputs) {
            Position::Of(output) => {
                if let Some(expr) = &output.expr {
                    *group = expr.clone();
                }
                self.warn("a position in GROUP BY is an extension".to_owned());
            }
            Position::OutOfRange => {}
            Position::No => {
                self.expression(group, scope, Aliases::Substituted(outputs));
            }
        }
    }

    /// One expression of ORDER BY: a position, an output column, or an expression of the input.
    fn order(&mut self, item: &mut Expr, scope: &Scope<'_>, outputs: &[Output], distinct: bool) {
        match self.position(item, outputs) {
            Position::Of(_) | Position::OutOfRange => return,
            Position::No => {}
        }
        if let Expr::Identifier(ident) = bare(item) {
            let named = best_matches(ident, outputs.iter(), |o| &o.wanted);
            if named.len() > 1 && named.windows(2).any(|w| w[0].expr != w[1].expr) {
                let problem = Problem::Ambiguous {
                    name: printable(&ident.value),
                    candidates: named.iter().map(|o| o.shown()).collect(),
                };
                return self.report(Diagnostic::new(ident.span.start, problem));
            }
            if let Some(output) = named.first() {
                *item = Expr::Identifier(exact(&output.name, ident.span));
                return;
            }
        }
        let at = start(item);
        self.expression(item, scope, Aliases::Referred(outputs));
        match outputs.iter().find(|o| o.expr.as_ref() == Some(bare(item))) {
            Some(output) => *item = Expr::Identifier(exact(&output.name, Span::empty())),
            None if distinct && !scope.frame.incomplete() => {
                let message = "with DISTINCT, ORDER BY can only name what is selected";
                self.report(Diagnostic::invalid(at, message));
            }
            None => {}
        }
    }

    /// ORDER BY around a set operation or parentheses sees output columns only.
    fn order_by_outputs(&mut self, order_by: Option<&mut OrderBy>, outputs: &[Output]) {
        let Some(order_by) = order_by else { return };
        let frame = Frame::default();
        let scope = Scope { frame: &frame, ctes: &[], outer: None };
        for item in order_items(order_by) {
            if matches!(self.position(item, outputs), Position::No) {
                self.expression(item, &scope, Aliases::Referred(outputs));
            }
        }
    }

    fn position<'o>(&mut self, expr: &Expr, outputs: &'o [Output]) -> Position<'o> {
        let Expr::Value(_) = expr else { return Position::No };
        let Some(n) = count_value(expr) else { return Position::No };
        let index = usize::try_from(n).ok().and_then(|n| n.checked_sub(1));
        if let Some(output) = index.and_then(|i| outputs.get(i)) {
            return Position::Of(output);
        }
        let count = outputs.len();
        let message = format!("there is no output column {n}; the query has {count}");
        self.report(Diagnostic::invalid(start(expr), message));
        Position::OutOfRange
    }

    /// Report an unknown column, with what its writer may have meant.
    fn unknown_column(&mut self, name: &str, at: Location, scope: &Scope<'_>, outputs: &[Output]) {
        let columns = scope.chain().flat_map(|s| s.frame.columns.iter());
        let mut candidates: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        candidates.extend(columns.map(|c| c.name.as_str()));
        let suggestion = did_you_mean(name, candidates.into_iter());
        let problem = Problem::UnknownColumn { name: printable(name) };
        self.report(Diagnostic::new(at, problem).suggest_maybe(suggestion));
    }
}

enum Position<'o> {
    Of(&'o Output),
    OutOfRange,
    No,
}

fn order_items(order_by: &mut OrderBy) -> impl Iterator<Item = &mut Expr> {
    let items = match &mut order_by.kind {
        OrderByKind::Expressions(items) => items.as_mut_slice(),
        OrderByKind::All(_) => &mut [],
    };
    items.iter_mut().map(|item| &mut item.expr)
}

impl From<&Output> for Column {
    fn from(output: &Output) -> Self {
        Column { name: output.name.clone(), kind: output.kind }
    }
}
