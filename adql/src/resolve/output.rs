//! The select list: wildcards expanded, every output column with a name of its own.
//!
//! A plain column keeps the exact name of its definition, an alias the user's spelling; another
//! expression is called after its function or `col_N`. A name that stands twice gets a number:
//! `SELECT o.ra, s.ra` gives `ra` and `ra_2`.

use std::collections::HashSet;

use sqlparser::ast::{
    Expr, ObjectNamePart, SelectItem, SelectItemQualifiedWildcardKind, Spanned, TableAlias,
};
use sqlparser::tokenizer::Span;

use super::Resolver;
use super::expression::Aliases;
use super::scope::{Column, Scope, VisibleColumn, visible};
use crate::error::{Diagnostic, Problem, printable};
use crate::names::ColumnKind;
use crate::tree::{bare, exact, function_name, start};

/// An output column of a query.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its name, which no other output column of the query has.
    pub name: String,
    /// The name that it would have if it were alone.
    pub wanted: String,
    pub kind: ColumnKind,
    /// What it is, resolved; none for the columns of a set operation.
    pub expr: Option<Expr>,
}

impl Output {
    /// The output column of a set operation: a name, but no expression to stand for it.
    pub fn opaque(self) -> Self {
        Output { expr: None, wanted: self.name.clone(), ..self }
    }

    /// How to tell it from others in a message.
    pub fn shown(&self) -> String {
        match &self.expr {
            Some(expr) => printable(&expr.to_string().replace('"', "")),
            None => self.name.clone(),
        }
    }
}

/// An output column on its way to a name.
struct Item {
    expr: Expr,
    wanted: String,
    kind: ColumnKind,
    origin: Origin,
    span: Span,
}

#[derive(Clone, Copy, PartialEq)]
enum Origin {
    Alias,
    Column,
    Expression,
}

impl Resolver<'_> {
    /// Resolve and expand a select list, and give each item its alias.
    pub(super) fn projection(
        &mut self,
        projection: &mut Vec<SelectItem>,
        scope: &Scope<'_>,
    ) -> Vec<Output> {
        let mut items = Vec::with_capacity(projection.len());
        for item in projection.drain(..) {
            match item {
                SelectItem::UnnamedExpr(expr) => {
                    let position = items.len() + 1;
                    items.push(self.unnamed(expr, position, scope));
                }
                SelectItem::ExprWithAlias { mut expr, alias } => {
                    let kind = self.expression(&mut expr, scope, Aliases::None);
                    let (span, wanted) = (alias.span, alias.value);
                    items.push(Item { expr, wanted, kind, origin: Origin::Alias, span });
                }
                SelectItem::Wildcard(options) => {
                    if scope.frame.relations.is_empty() {
                        let at = options.wildcard_token.0.span.start;
                        self.report(Diagnostic::invalid(at, "* needs a FROM"));
                    }
                    items.extend(scope.frame.columns.iter().cloned().map(Item::from));
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    items.extend(self.qualified_wildcard(&kind, scope));
                }
                // The grammar has nothing else.
                SelectItem::ExprWithAliases { .. } => {}
            }
        }
        let outputs = self.name_outputs(items);
        projection.extend(outputs.iter().map(|(output, span)| SelectItem::ExprWithAlias {
            expr: output.expr.clone().unwrap_or_else(|| crate::tree::number("0")),
            alias: exact(&output.name, *span),
        }));
        outputs.into_iter().map(|(output, _)| output).collect()
    }

    fn unnamed(&mut self, mut expr: Expr, position: usize, scope: &Scope<'_>) -> Item {
        let written = match bare(&expr) {
            Expr::Identifier(ident) => Some(ident.value.clone()),
            _ => None,
        };
        let kind = self.expression(&mut expr, scope, Aliases::None);
        let at = start(&expr);
        let span = Span::new(at, at);
        match bare(&expr) {
            Expr::CompoundIdentifier(parts) if !parts.is_empty() => {
                let wanted = parts.last().map(|p| p.value.clone()).unwrap_or_default();
                Item { expr, wanted, kind, origin: Origin::Column, span }
            }
            _ => {
                let called = written.or_else(|| expression_name(&expr));
                let wanted = called.unwrap_or_else(|| format!("col_{position}"));
                Item { expr, wanted, kind, origin: Origin::Expression, span }
            }
        }
    }

    /// `t.*` or `schema.t.*`.
    fn qualified_wildcard(
        &mut self,
        kind: &SelectItemQualifiedWildcardKind,
        scope: &Scope<'_>,
    ) -> Vec<Item> {
        let SelectItemQualifiedWildcardKind::ObjectName(name) = kind else {
            let at = kind.span().start;
            self.report(Diagnostic::not_adql(at, "* after an expression"));
            return vec![];
        };
        let idents: Vec<_> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
        let relations = match idents.as_slice() {
            [table] => scope.frame.relations_named(None, table),
            [schema, table] => scope.frame.relations_named(Some(schema), table),
            _ => vec![],
        };
        match relations.as_slice() {
            [relation] => visible(relation).map(Item::from).collect(),
            [] => {
                let shown = printable(&name.to_string());
                let problem = Problem::UnknownTable { name: shown.clone() };
                let suggestion = self.suggest_relation(&shown, scope);
                let fault = Diagnostic::new(name.span().start, problem);
                self.report(fault.suggest_maybe(suggestion));
                vec![]
            }
            several => {
                let problem = Problem::Ambiguous {
                    name: printable(&name.to_string()),
                    candidates: several.iter().map(|r| r.alias.clone()).collect(),
                };
                self.report(Diagnostic::new(name.span().start, problem));
                vec![]
            }
        }
    }

    /// Make the names of output columns unique, without regard to case.
    fn name_outputs(&mut self, items: Vec<Item>) -> Vec<(Output, Span)> {
        let aliases: HashSet<String> = items
            .iter()
            .filter(|item| item.origin == Origin::Alias)
            .map(|item| item.wanted.to_lowercase())
            .collect();
        let mut taken: HashSet<String> = HashSet::with_capacity(items.len());
        let mut outputs = Vec::with_capacity(items.len());
        for item in items {
            let lower = item.wanted.to_lowercase();
            let free = |name: &str, taken: &HashSet<String>| {
                !taken.contains(name) && (item.origin == Origin::Alias || !aliases.contains(name))
            };
            let mut name = item.wanted.clone();
            let mut n = 1;
            while !free(&name.to_lowercase(), &taken) {
                n += 1;
                name = format!("{}_{n}", item.wanted);
            }
            if n > 1 && item.origin != Origin::Expression {
                let wanted = printable(&item.wanted);
                self.warn(format!("two output columns are called {wanted}: one is now {name}"));
            }
            debug_assert!(n == 1 || lower != name.to_lowercase());
            taken.insert(name.to_lowercase());
            let (wanted, kind) = (item.wanted, item.kind);
            outputs.push((Output { name, wanted, kind, expr: Some(item.expr) }, item.span));
        }
        outputs
    }

    /// Apply the column names of `AS t (a, b)` or `WITH t (a, b)` to a query's output.
    pub(super) fn alias_columns(
        &mut self,
        alias: &mut TableAlias,
        outputs: Vec<Output>,
    ) -> Vec<Column> {
        let mut columns: Vec<Column> = outputs.iter().map(Column::from).collect();
        if alias.columns.is_empty() {
            return columns;
        }
        if alias.columns.len() != columns.len() {
            let (table, n) = (printable(&alias.name.value), alias.columns.len());
            let message = format!("{table} names {n} columns, but its query has {}", columns.len());
            self.report(Diagnostic::invalid(alias.name.span.start, message));
        }
        for (column, name) in columns.iter_mut().zip(&mut alias.columns) {
            column.name = name.name.value.clone();
            name.name = exact(&column.name, name.name.span);
        }
        columns
    }
}

impl From<VisibleColumn> for Item {
    fn from(column: VisibleColumn) -> Self {
        let VisibleColumn { name, kind, expr, label: _ } = column;
        Item { expr, wanted: name, kind, origin: Origin::Column, span: Span::empty() }
    }
}

/// What to call an expression without an alias.
fn expression_name(expr: &Expr) -> Option<String> {
    match bare(expr) {
        Expr::Function(function) => function_name(function).map(|i| i.value.to_lowercase()),
        Expr::Ceil { .. } => Some("ceil".to_owned()),
        Expr::Floor { .. } => Some("floor".to_owned()),
        Expr::Case { .. } => Some("case".to_owned()),
        Expr::Cast { expr, .. } => match bare(expr) {
            Expr::Identifier(ident) => Some(ident.value.clone()),
            Expr::CompoundIdentifier(parts) => parts.last().map(|p| p.value.clone()),
            _ => Some("cast".to_owned()),
        },
        _ => None,
    }
}
