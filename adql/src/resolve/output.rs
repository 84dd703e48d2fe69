//! The select list: wildcards expanded, every output column with a name of its own.
//!
//! A plain column keeps the exact name of its definition, an alias the user's spelling; another
//! expression is called after its function or `col_N`. A name that stands twice gets a number:
//! `SELECT o.ra, s.ra` gives `ra` and `ra_2`.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Deref};

use sqlparser::ast::{
    DataType, Expr, Function, Ident, ObjectNamePart, SelectItem, SelectItemQualifiedWildcardKind,
    SetExpr, Spanned, TableAlias, visit_expressions_mut,
};
use sqlparser::tokenizer::{Location, Span};

use super::expression::Aliases;
use super::scope::{Column, Scope, VisibleColumn, visible};
use super::{MOST_COLUMNS, Resolver};
use crate::error::{Diagnostic, Problem, printable};
use crate::function;
use crate::names::{NameIndex, is_one_name};
use crate::tree::{bare, cast_in_place, exact, function_name, start};
use crate::typing::Typed;

/// An output column of a query.
#[derive(Debug, Clone)]
pub(super) struct Output {
    /// Its name, which no other output column of the query has.
    pub name: String,
    /// The name that it would have if it were alone.
    pub wanted: String,
    pub typed: Typed,
    /// What it is, resolved; none for the columns of a set operation.
    pub expr: Option<Expr>,
    /// How it is written there.
    form: Form,
    /// Where it stands in the select list.
    pub at: Location,
}

impl Output {
    /// The output column of a set operation: a name, but no expression to stand for it.
    pub fn opaque(self) -> Self {
        Output { expr: None, ..self }
    }

    /// How to tell it from others in a message.
    pub fn shown(&self) -> String {
        match &self.expr {
            Some(expr) => printable(&expr.to_string().replace('"', "")),
            None => self.name.clone(),
        }
    }
}

/// The output columns of a SELECT, found by the names that they were meant to have.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    columns: Vec<Output>,
    index: OnceCell<NameIndex>,
}

impl Outputs {
    pub fn of(columns: Vec<Output>) -> Self {
        Outputs { columns, index: OnceCell::new() }
    }

    /// The columns that a name means.
    pub fn named(&self, name: &Ident) -> Vec<&Output> {
        let index = self
            .index
            .get_or_init(|| NameIndex::of(self.columns.iter().map(|c| c.wanted.as_str())));
        let named = index.matches(name, |at| self.columns.get(at).map_or("", |c| &c.wanted));
        named.into_iter().filter_map(|at| self.columns.get(at)).collect()
    }

    pub fn into_columns(self) -> Vec<Output> {
        self.columns
    }
}

impl Deref for Outputs {
    type Target = [Output];

    fn deref(&self) -> &[Output] {
        &self.columns
    }
}

/// Whether output columns that are meant to have one name are not all the same.
pub(super) fn differ(named: &[&Output]) -> bool {
    named.windows(2).any(|pair| pair[0].expr.is_none() || pair[0].expr != pair[1].expr)
}

/// Of output columns of one name those that have it of themselves, if one does: `CAST(ra AS REAL)` without
/// an alias is called after what is cast.
pub(super) fn own_names_first(named: Vec<&Output>) -> Vec<&Output> {
    let is_own = |output: &&Output| output.form != Form::Expression;
    match named.iter().any(is_own) {
        true => named.into_iter().filter(is_own).collect(),
        false => named,
    }
}

/// Write an expression of selected columns as one of output columns; tells whether it is one.
pub(super) fn of_outputs(expr: &mut Expr, outputs: &[Output]) -> bool {
    let mut written = expr.clone();
    let found = visit_expressions_mut(&mut written, |part| {
        match part {
            Expr::CompoundIdentifier(_) => {
                let same = outputs.iter().find(|output| output.expr.as_ref() == Some(part));
                match same {
                    Some(output) => *part = Expr::Identifier(exact(&output.name, Span::empty())),
                    None => return ControlFlow::Break(()),
                }
            }
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                return ControlFlow::Break(());
            }
            Expr::Function(call) if !is_of_one_row(call) => return ControlFlow::Break(()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    if found.is_continue() {
        *expr = written;
    }
    found.is_continue()
}

/// Whether a function sees one row at a time.
fn is_of_one_row(call: &Function) -> bool {
    let known = function_name(call).and_then(|name| function::find(&name.value));
    call.over.is_none() && known.is_some_and(|known| !known.is_aggregate())
}

/// Make an output column of another type.
pub(super) fn cast_column(body: &mut SetExpr, index: usize, to: &DataType) {
    match body {
        SetExpr::Select(select) => {
            if let Some(SelectItem::ExprWithAlias { expr, .. }) = select.projection.get_mut(index) {
                cast_in_place(expr, to.clone());
            }
        }
        SetExpr::Query(query) => cast_column(&mut query.body, index, to),
        SetExpr::SetOperation { left, right, .. } => {
            cast_column(left, index, to);
            cast_column(right, index, to);
        }
        // The grammar has nothing else.
        _ => {}
    }
}

/// An output column on its way to a name.
struct Item {
    expr: Expr,
    wanted: String,
    typed: Typed,
    form: Form,
    span: Span,
}

/// How a select item is written.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
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
                    let typed = self.expression(&mut expr, scope, Aliases::None);
                    let (span, wanted) = (alias.span, alias.value);
                    items.push(Item { expr, wanted, typed, form: Form::Alias, span });
                }
                SelectItem::Wildcard(options) => {
                    let span = options.wildcard_token.0.span;
                    if scope.frame.relations.is_empty() {
                        self.report(Diagnostic::invalid(span.start, "* needs a FROM"));
                    }
                    items.extend(scope.frame.columns.iter().map(|c| Item::of_column(c, span)));
                }
                SelectItem::QualifiedWildcard(kind, _) => {
                    items.extend(self.qualified_wildcard(&kind, scope));
                }
                // The grammar has nothing else.
                SelectItem::ExprWithAliases { .. } => {}
            }
        }
        if let Some(item) = items.get(MOST_COLUMNS) {
            let message = format!("there are more than {MOST_COLUMNS} output columns");
            self.too_large(item.span.start, message);
            items.clear();
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
        let at = start(&expr);
        let typed = self.expression(&mut expr, scope, Aliases::None);
        let span = Span::new(at, at);
        match bare(&expr) {
            Expr::CompoundIdentifier(parts) if !parts.is_empty() => {
                let wanted = parts.last().map(|p| p.value.clone()).unwrap_or_default();
                Item { expr, wanted, typed, form: Form::Column, span }
            }
            _ => {
                let called = written.or_else(|| expression_name(&expr));
                let wanted = called.unwrap_or_else(|| format!("col_{position}"));
                Item { expr, wanted, typed, form: Form::Expression, span }
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
            [relation] => {
                let span = name.span();
                visible(relation).map(|column| Item::of_column(&column, span)).collect()
            }
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
                    candidates: several.iter().map(|r| r.alias.to_string()).collect(),
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
            .filter(|item| item.form == Form::Alias)
            .map(|item| item.wanted.to_lowercase())
            .collect();
        let mut taken: HashSet<String> = HashSet::with_capacity(items.len());
        // The number that a name was last told apart by.
        let mut last: HashMap<String, usize> = HashMap::new();
        let mut outputs = Vec::with_capacity(items.len());
        for item in items {
            let lower = item.wanted.to_lowercase();
            let is_free = |name: &str| {
                !taken.contains(name) && (item.form == Form::Alias || !aliases.contains(name))
            };
            let mut name = item.wanted.clone();
            let mut name_lower = lower.clone();
            if !is_free(&lower) {
                let n = last.entry(lower.clone()).or_insert(1);
                while !is_free(&name_lower) {
                    *n += 1;
                    name_lower = format!("{lower}_{n}");
                    name = format!("{}_{n}", item.wanted);
                }
                if item.form != Form::Expression {
                    let wanted = printable(&item.wanted);
                    self.renamed(&wanted, &name);
                }
            }
            taken.insert(name_lower);
            let Item { expr, wanted, typed, form, span } = item;
            let at = span.start;
            outputs.push((Output { name, wanted, typed, expr: Some(expr), form, at }, span));
        }
        outputs
    }

    /// Say that an output column is not called as it was asked for, for the first few of them.
    fn renamed(&mut self, wanted: &str, name: &str) {
        const MOST: usize = 20;
        self.renamed += 1;
        if self.renamed <= MOST {
            self.warn(format!("two output columns are called {wanted}: one is now {name}"));
        } else if self.renamed == MOST + 1 {
            self.warn("more output columns were given new names".to_owned());
        }
    }

    /// Apply the column names of `AS t (a, b)` or `WITH t (a, b)` to a query's output; tells whether
    /// they are as many.
    pub(super) fn alias_columns(
        &mut self,
        alias: &mut TableAlias,
        outputs: Vec<Output>,
    ) -> (Vec<Column>, bool) {
        let mut columns: Vec<Column> = outputs.into_iter().map(Column::from).collect();
        if alias.columns.is_empty() {
            return (columns, true);
        }
        if alias.columns.len() != columns.len() {
            let (table, n) = (printable(&alias.name.value), alias.columns.len());
            let s = if n == 1 { "" } else { "s" };
            let message = format!("{table} names {n} column{s}, but there are {}", columns.len());
            self.report(Diagnostic::invalid(alias.name.span.start, message));
            return (columns, false);
        }
        for (nth, column) in alias.columns.iter().enumerate() {
            let before = alias.columns.iter().take(nth);
            if before.into_iter().any(|other| is_one_name(&other.name, &column.name)) {
                let (table, name) = (printable(&alias.name.value), printable(&column.name.value));
                let message = format!("{table} names two columns {name}");
                self.report(Diagnostic::invalid(column.name.span.start, message));
            }
        }
        for (column, name) in columns.iter_mut().zip(&mut alias.columns) {
            column.name = name.name.value.as_str().into();
            column.wanted = column.name.clone();
            name.name = exact(&column.name, name.name.span);
        }
        (columns, true)
    }
}

impl Item {
    /// A column that `*` at `span` stands for.
    fn of_column(column: &VisibleColumn, span: Span) -> Self {
        Item {
            expr: column.expr(Span::empty()),
            wanted: column.column.name.to_string(),
            typed: column.column.typed.clone(),
            form: Form::Column,
            span,
        }
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
