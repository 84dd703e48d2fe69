//! The names in one expression.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, VisitMut, VisitorMut, visit_expressions};

use super::Resolver;
use super::group::Clause;
use super::output::{self, Output, Outputs};
use super::scope::{Column, Relation, Scope};
use crate::error::{Diagnostic, Problem, printable};
use crate::names::ColumnKind;
use crate::tree::{exact, nested, query_start, width};
use crate::typing::{self, Findings, Typed, Types};

/// What the aliases of the select list are to an expression.
#[derive(Clone, Copy)]
pub(super) enum Aliases<'o> {
    /// The expression stands in FROM or in the select list itself.
    None,
    /// WHERE: they cannot be used, but a message can say so.
    Hidden(&'o Outputs),
    /// GROUP BY and HAVING: they stand for their expressions.
    Substituted(&'o Outputs),
    /// ORDER BY: they name output columns.
    Referred(&'o Outputs),
}

impl<'o> Aliases<'o> {
    /// The output columns that the expression can name.
    fn outputs(self) -> Option<&'o Outputs> {
        match self {
            Aliases::None | Aliases::Hidden(_) => None,
            Aliases::Substituted(outputs) | Aliases::Referred(outputs) => Some(outputs),
        }
    }
}

impl Resolver<'_> {
    /// Resolve all names in an expression, its subqueries included, and type it.
    ///
    /// Returns what is known of its values.
    pub(super) fn expression(
        &mut self,
        expr: &mut Expr,
        scope: &Scope<'_>,
        aliases: Aliases<'_>,
    ) -> Typed {
        let mut walk = Walk { resolver: self, scope, aliases, depth: 0, types: Types::default() };
        // The walk never breaks off.
        let _ = expr.visit(&mut walk);
        walk.types.get(expr)
    }

    /// Resolve an expression in the place of a condition.
    pub(super) fn condition(
        &mut self,
        expr: &mut Expr,
        scope: &Scope<'_>,
        aliases: Aliases<'_>,
        clause: Clause,
    ) {
        let typed = self.expression(expr, scope, aliases);
        self.typing(|found| typing::condition(expr, typed.kind, found));
        self.check_aggregates(expr, clause, None);
    }

    /// Let a rule of types find what it finds.
    fn typing<T>(&mut self, rule: impl FnOnce(&mut Findings) -> T) -> T {
        let mut found = Findings::default();
        let outcome = rule(&mut found);
        for diagnostic in found.diagnostics {
            self.report(diagnostic);
        }
        for warning in found.warnings {
            self.warn(warning);
        }
        outcome
    }

    /// What an unqualified name is.
    fn unqualified(
        &mut self,
        ident: &Ident,
        scope: &Scope<'_>,
        aliases: Aliases<'_>,
    ) -> Option<Meaning> {
        let innermost = scope;
        for (level, scope) in scope.chain().enumerate() {
            match scope.frame.columns_named(ident).as_slice() {
                [] => {}
                [column] => {
                    let expr = column.expr(ident.span);
                    let found = Meaning { expr, typed: column.column.typed.clone() };
                    self.note_hidden(&found, level, innermost, aliases);
                    return Some(found);
                }
                several => {
                    let candidates = several.iter().map(|c| c.label()).collect();
                    return self.ambiguous(ident.value.clone(), ident, candidates);
                }
            }
            if level == 0 {
                let named =
                    aliases.outputs().map(|outputs| outputs.named(ident)).unwrap_or_default();
                if output::differ(&named) {
                    let candidates = named.iter().map(|output| output.shown()).collect();
                    return self.ambiguous(ident.value.clone(), ident, candidates);
                }
                if let Some(output) = named.first() {
                    return Some(match (aliases, &output.expr) {
                        (Aliases::Substituted(_), Some(expr)) => Meaning::substitute(expr, output),
                        _ => {
                            let expr = Expr::Identifier(exact(&output.name, ident.span));
                            Meaning { expr, typed: output.typed.clone() }
                        }
                    });
                }
            }
            if scope.frame.incomplete() {
                return None;
            }
        }
        if let Aliases::Hidden(outputs) = aliases
            && !outputs.named(ident).is_empty()
        {
            let problem = Problem::UnknownColumn { name: printable(&ident.value) };
            let fault = Diagnostic::new(ident.span.start, problem);
            self.report(fault.suggest("WHERE cannot use an alias: repeat its expression"));
            return None;
        }
        let outputs = aliases.outputs().map_or(&[][..], |outputs| outputs);
        self.unknown_column(ident, scope, outputs);
        None
    }

    /// What `table.column` or `schema.table.column` is.
    fn qualified(
        &mut self,
        parts: &[Ident],
        scope: &Scope<'_>,
        aliases: Aliases<'_>,
    ) -> Option<Meaning> {
        let (schema, table, column) = match parts {
            [table, column] => (None, table, column),
            [schema, table, column] => (Some(schema), table, column),
            [catalog, ..] => {
                let message = "there are no catalogs here: a column is schema.table.column";
                self.report(Diagnostic::invalid(catalog.span.start, message));
                return None;
            }
            [] => return None,
        };
        let shown = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
        let innermost = scope;
        for (level, scope) in scope.chain().enumerate() {
            match scope.frame.relations_named(schema, table).as_slice() {
                [] => {}
                [relation] => {
                    let found = self.column_of(relation, column, &shown)?;
                    self.note_hidden(&found, level, innermost, aliases);
                    return Some(found);
                }
                several => {
                    let label = |r: &&Relation| match &r.schema {
                        Some(schema) => format!("{schema}.{}.{}", r.ident(), column.value),
                        None => format!("{}.{}", r.ident(), column.value),
                    };
                    let candidates = several.iter().map(label).collect();
                    return self.ambiguous(shown, table, candidates);
                }
            }
        }
        let problem = Problem::UnknownTable {
            name: printable(shown.rsplit_once('.').map_or(shown.as_str(), |(table, _)| table)),
        };
        let suggestion = self.suggest_relation(&table.value, scope);
        let at = parts.first().map_or(table.span.start, |p| p.span.start);
        self.report(Diagnostic::new(at, problem).suggest_maybe(suggestion));
        None
    }

    /// Note tables of outer queries that columns of inner queries are called like: the engine would
    /// take `table.column` for a part of such a column.
    fn note_hidden(
        &mut self,
        found: &Meaning,
        level: usize,
        innermost: &Scope<'_>,
        aliases: Aliases<'_>,
    ) {
        if level == 0 {
            return;
        }
        let hides = |table: &str| {
            let mut inner = innermost.chain().take(level).flat_map(|s| &s.frame.relations);
            let outputs = aliases.outputs().map_or(&[][..], |outputs| outputs);
            inner.any(|relation| relation.columns.iter().any(|column| *column.name == *table))
                || outputs.iter().any(|output| output.name == table)
        };
        let _ = visit_expressions(&found.expr, |expr| {
            if let Expr::CompoundIdentifier(parts) = expr
                && let Some(table) = parts.first()
                && hides(&table.value)
            {
                self.hidden.insert(table.value.clone());
            }
            ControlFlow::<()>::Continue(())
        });
    }

    fn column_of(&mut self, relation: &Relation, ident: &Ident, shown: &str) -> Option<Meaning> {
        match relation.columns_named(ident).as_slice() {
            [column] => {
                let expr = crate::tree::column(&relation.alias, &column.name, ident.span);
                Some(Meaning { expr, typed: column.typed.clone() })
            }
            [] if !relation.known => None,
            [] => {
                let candidates = relation.columns.iter().map(|c| &*c.name);
                let suggestion = self.suggest(&ident.value, candidates);
                let problem = Problem::UnknownColumn { name: printable(shown) };
                let fault = Diagnostic::new(ident.span.start, problem);
                self.report(fault.suggest_maybe(suggestion));
                None
            }
            several => self.twins(shown, ident, several),
        }
    }

    fn ambiguous(&mut self, name: String, at: &Ident, candidates: Vec<String>) -> Option<Meaning> {
        let problem = Problem::Ambiguous { name: printable(&name), candidates };
        self.report(Diagnostic::new(at.span.start, problem));
        None
    }

    /// Refuse a name that several columns of one relation want.
    fn twins(&mut self, name: &str, at: &Ident, columns: &[&Column]) -> Option<Meaning> {
        let candidates = columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let problem = Problem::Ambiguous { name: printable(name), candidates };
        let fault = Diagnostic::new(at.span.start, problem);
        self.report(fault.suggest("name each apart in its query, with AS"));
        None
    }

    /// What a table name that is not in FROM may have been meant to be.
    pub(super) fn suggest_relation(&mut self, name: &str, scope: &Scope<'_>) -> Option<String> {
        let table = name.rsplit('.').next().unwrap_or(name);
        let relations = || scope.chain().flat_map(|s| s.frame.relations.iter());
        if let Some(hidden) =
            relations().find(|r| r.hidden.as_ref().is_some_and(|h| h.eq_ignore_ascii_case(table)))
        {
            return Some(format!("it is called {} in this query", hidden.name));
        }
        if self.beside.iter().any(|beside| beside.eq_ignore_ascii_case(table)) {
            let instead =
                "a derived table cannot read the tables beside it: join it on its columns";
            return Some(instead.to_owned());
        }
        let known = self.names.tables().any(|t| t.table.name.eq_ignore_ascii_case(table));
        if known {
            return Some("it is not in this FROM".to_owned());
        }
        let candidates: Vec<&str> = relations().map(|r| r.name.as_str()).collect();
        self.suggest(table, candidates.into_iter())
    }
}

/// What a name turned out to be. Where there is none, the fault has been reported.
struct Meaning {
    expr: Expr,
    typed: Typed,
}

impl Meaning {
    /// The expression behind an alias.
    fn substitute(expr: &Expr, output: &Output) -> Self {
        let expr = match expr.clone() {
            expr @ (Expr::CompoundIdentifier(_)
            | Expr::Function(_)
            | Expr::Floor { .. }
            | Expr::Ceil { .. }
            | Expr::Cast { .. }
            | Expr::Case { .. }
            | Expr::Nested(_)
            | Expr::Value(_)) => expr,
            other => nested(other),
        };
        Meaning { expr, typed: output.typed.clone() }
    }
}

struct Walk<'w, 'n, 's, 'o> {
    resolver: &'w mut Resolver<'n>,
    scope: &'w Scope<'s>,
    aliases: Aliases<'o>,
    /// How many subqueries the walk is inside of. They are resolved when they are entered, in
    /// their own scope, so that their expressions are passed over.
    depth: usize,
    /// What is known of the expressions that the walk has left.
    types: Types,
}

impl Walk<'_, '_, '_, '_> {
    /// Put what a name means in its place.
    fn settle(&mut self, expr: &mut Expr, meaning: Option<Meaning>) {
        let Some(Meaning { expr: resolved, typed }) = meaning else { return };
        if let Expr::CompoundIdentifier(parts) = &resolved
            && let Some(last) = parts.last()
            && typed.kind != ColumnKind::Other
        {
            self.resolver.found.kinds.insert(last.span.start, typed.kind);
        }
        *expr = resolved;
        self.types.set(expr, typed);
    }
}

impl VisitorMut for Walk<'_, '_, '_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            let outputs = self.resolver.query(query, self.scope.ctes, Some(self.scope));
            if let Some(first) = outputs.into_iter().next() {
                self.types.set_subquery(query, first.typed);
            }
        }
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Identifier(ident) => {
                let meaning = self.resolver.unqualified(ident, self.scope, self.aliases);
                self.settle(expr, meaning);
            }
            Expr::CompoundIdentifier(parts) => {
                let meaning = self.resolver.qualified(parts, self.scope, self.aliases);
                self.settle(expr, meaning);
            }
            _ => {
                if let Expr::Subquery(query) | Expr::InSubquery { subquery: query, .. } = expr {
                    let columns = width(query);
                    if columns != 1 {
                        let message =
                            format!("this subquery must have 1 column, but has {columns}");
                        let at = query_start(query);
                        self.resolver.report(Diagnostic::invalid(at, message));
                    }
                }
                let types = &self.types;
                let typed = self.resolver.typing(|found| typing::of(expr, types, found));
                let typed = self.resolver.settle_area(expr, self.scope.frame).unwrap_or(typed);
                self.types.set(expr, typed);
            }
        }
        ControlFlow::Continue(())
    }
}
