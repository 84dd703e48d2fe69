//! The names in one expression.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

use super::Resolver;
use super::output::Output;
use super::scope::{Relation, Scope};
use crate::error::{Diagnostic, Problem, printable};
use crate::names::{ColumnKind, best_matches, did_you_mean};
use crate::tree::{bare, exact, nested, query_start, width};

/// What the aliases of the select list are to an expression.
#[derive(Clone, Copy)]
pub(super) enum Aliases<'o> {
    /// The expression stands in FROM or in the select list itself.
    None,
    /// WHERE: they cannot be used, but a message can say so.
    Hidden(&'o [Output]),
    /// GROUP BY and HAVING: they stand for their expressions.
    Substituted(&'o [Output]),
    /// ORDER BY: they name output columns.
    Referred(&'o [Output]),
}

impl<'o> Aliases<'o> {
    fn outputs(self) -> &'o [Output] {
        match self {
            Aliases::None | Aliases::Hidden(_) => &[],
            Aliases::Substituted(outputs) | Aliases::Referred(outputs) => outputs,
        }
    }
}

impl Resolver<'_> {
    /// Resolve all names in an expression, its subqueries included.
    ///
    /// Returns the kind of the column, if the expression is one.
    pub(super) fn expression(
        &mut self,
        expr: &mut Expr,
        scope: &Scope<'_>,
        aliases: Aliases<'_>,
    ) -> ColumnKind {
        let mut walk = Walk { resolver: self, scope, aliases, depth: 0, kind: ColumnKind::Other };
        // The walk never breaks off.
        let _ = expr.visit(&mut walk);
        let kind = walk.kind;
        match bare(expr) {
            Expr::CompoundIdentifier(_) | Expr::Identifier(_) => kind,
            _ => ColumnKind::Other,
        }
    }

    /// What an unqualified name is.
    fn unqualified(&mut self, ident: &Ident, scope: &Scope<'_>, aliases: Aliases<'_>) -> Name {
        for (level, scope) in scope.chain().enumerate() {
            match scope.frame.columns_named(ident).as_slice() {
                [] => {}
                [column] => return Name::column(column.expr.clone(), column.kind, ident.span),
                several => {
                    let candidates = several.iter().map(|c| c.label.clone()).collect();
                    return self.ambiguous(ident.value.clone(), ident, candidates);
                }
            }
            if level == 0 {
                let outputs = aliases.outputs();
                let named = best_matches(ident, outputs.iter(), |o| &o.wanted);
                if let Some(output) = named.first() {
                    return match (aliases, &output.expr) {
                        (Aliases::Substituted(_), Some(expr)) => Name::substitute(expr.clone()),
                        _ => {
                            Name::Is(Expr::Identifier(exact(&output.name, ident.span)), output.kind)
                        }
                    };
                }
            }
            if scope.frame.incomplete() {
                return Name::Unknown;
            }
        }
        if let Aliases::Hidden(outputs) = aliases
            && !best_matches(ident, outputs.iter(), |o| &o.wanted).is_empty()
        {
            let problem = Problem::UnknownColumn { name: printable(&ident.value) };
            let fault = Diagnostic::new(ident.span.start, problem);
            self.report(fault.suggest("WHERE cannot use an alias: repeat its expression"));
            return Name::Unknown;
        }
        self.unknown_column(&ident.value, ident.span.start, scope, aliases.outputs());
        Name::Unknown
    }

    /// What `table.column` or `schema.table.column` is.
    fn qualified(&mut self, parts: &[Ident], scope: &Scope<'_>) -> Name {
        let (schema, table, column) = match parts {
            [table, column] => (None, table, column),
            [schema, table, column] => (Some(schema), table, column),
            _ => return Name::Unknown,
        };
        let shown = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
        for scope in scope.chain() {
            match scope.frame.relations_named(schema, table).as_slice() {
                [] => {}
                [relation] => return self.column_of(relation, column, &shown),
                several => {
                    let label = |r: &&Relation| match &r.schema {
                        Some(schema) => format!("{schema}.{}.{}", r.name, column.value),
                        None => format!("{}.{}", r.name, column.value),
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
        Name::Unknown
    }

    fn column_of(&mut self, relation: &Relation, ident: &Ident, shown: &str) -> Name {
        match best_matches(ident, relation.columns.iter(), |c| &c.name).as_slice() {
            [column] => {
                let expr = crate::tree::column(&relation.alias, &column.name, ident.span);
                Name::column(expr, column.kind, ident.span)
            }
            [] if !relation.known => Name::Unknown,
            [] => {
                let candidates = relation.columns.iter().map(|c| c.name.as_str());
                let suggestion = did_you_mean(&ident.value, candidates);
                let problem = Problem::UnknownColumn { name: printable(shown) };
                let fault = Diagnostic::new(ident.span.start, problem);
                self.report(fault.suggest_maybe(suggestion));
                Name::Unknown
            }
            several => {
                let candidates = several.iter().map(|c| format!("\"{}\"", c.name)).collect();
                self.ambiguous(shown.to_owned(), ident, candidates)
            }
        }
    }

    fn ambiguous(&mut self, name: String, at: &Ident, candidates: Vec<String>) -> Name {
        let problem = Problem::Ambiguous { name: printable(&name), candidates };
        self.report(Diagnostic::new(at.span.start, problem));
        Name::Unknown
    }

    /// What a table name that is not in FROM may have been meant to be.
    pub(super) fn suggest_relation(&self, name: &str, scope: &Scope<'_>) -> Option<String> {
        let table = name.rsplit('.').next().unwrap_or(name);
        let relations = || scope.chain().flat_map(|s| s.frame.relations.iter());
        if let Some(hidden) =
            relations().find(|r| r.hidden.as_ref().is_some_and(|h| h.eq_ignore_ascii_case(table)))
        {
            return Some(format!("it is called {} in this query", hidden.name));
        }
        let known = self.names.tables().any(|t| t.table.name.eq_ignore_ascii_case(table));
        if known {
            return Some("it is not in this FROM".to_owned());
        }
        did_you_mean(table, relations().map(|r| r.name.as_str()))
    }
}

/// What a name turned out to be.
enum Name {
    Is(Expr, ColumnKind),
    Unknown,
}

impl Name {
    /// A column, placed where the query names it.
    fn column(mut expr: Expr, kind: ColumnKind, span: Span) -> Self {
        if let Expr::CompoundIdentifier(parts) = &mut expr {
            for part in parts {
                part.span = span;
            }
        }
        Name::Is(expr, kind)
    }

    /// The expression behind an alias.
    fn substitute(expr: Expr) -> Self {
        match expr {
            Expr::CompoundIdentifier(_)
            | Expr::Function(_)
            | Expr::Floor { .. }
            | Expr::Ceil { .. }
            | Expr::Cast { .. }
            | Expr::Case { .. }
            | Expr::Nested(_)
            | Expr::Value(_) => Name::Is(expr, ColumnKind::Other),
            other => Name::Is(nested(other), ColumnKind::Other),
        }
    }
}

struct Walk<'w, 'n, 's, 'o> {
    resolver: &'w mut Resolver<'n>,
    scope: &'w Scope<'s>,
    aliases: Aliases<'o>,
    /// How many subqueries the walk is inside of. They are resolved when they are entered, in
    /// their own scope, so that their expressions are passed over.
    depth: usize,
    /// The kind of the column resolved last.
    kind: ColumnKind,
}

impl VisitorMut for Walk<'_, '_, '_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.depth == 0 {
            self.resolver.query(query, self.scope.ctes, Some(self.scope));
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
        let name = match expr {
            Expr::Identifier(ident) => self.resolver.unqualified(ident, self.scope, self.aliases),
            Expr::CompoundIdentifier(parts) => self.resolver.qualified(parts, self.scope),
            Expr::Subquery(query) | Expr::InSubquery { subquery: query, .. } => {
                let columns = width(query);
                if columns != 1 {
                    let message = format!("this subquery must have 1 column, but has {columns}");
                    let at = query_start(query);
                    self.resolver.report(Diagnostic::invalid(at, message));
                }
                return ControlFlow::Continue(());
            }
            _ => return ControlFlow::Continue(()),
        };
        if let Name::Is(resolved, kind) = name {
            if let Expr::CompoundIdentifier(parts) = &resolved
                && let Some(last) = parts.last()
                && kind != ColumnKind::Other
            {
                self.resolver.found.kinds.insert(last.span.start, kind);
            }
            self.kind = kind;
            *expr = resolved;
        }
        ControlFlow::Continue(())
    }
}
