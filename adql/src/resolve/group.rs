//! GROUP BY: what stands beside an aggregate must have one value in each group.
//!
//! ```text
//! SELECT band, AVG(flux) … GROUP BY band            band is grouped
//! SELECT objectId, ra, COUNT(*) … GROUP BY objectId ra follows from the key objectId: with a
//!                                                   warning, it is added to GROUP BY
//! SELECT ra, COUNT(*) … GROUP BY band               error
//! ```
//!
//! The strict dialects leave out the second case. A column follows from the grouped ones if it equals one of them in every row (`a.id = b.id` in
//! WHERE or in the ON of an inner join), or if they hold the whole key of its table.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Query, Select, TableFactor, Visit, Visitor,
};
use sqlparser::tokenizer::{Location, Span};

use super::Resolver;
use super::output::Output;
use super::scope::Frame;
use crate::Dialect;
use crate::error::{Diagnostic, Problem, printable};
use crate::function;
use crate::tree::{bare, binary, call, column, function_name, nested, number};

/// A part of a query in which aggregates are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    Select,
    Where,
    On,
    GroupBy,
    Having,
}

/// How many columns of one clause are complained about.
const MOST_COMPLAINTS: usize = 10;

impl Resolver<'_> {
    /// Refuse aggregates where there are no groups, aggregates in each other, and window functions
    /// before the rows that they look at are known.
    ///
    /// `at` is where to point to, if not to the aggregate itself.
    pub(super) fn check_aggregates(&mut self, expr: &Expr, clause: Clause, at: Option<Location>) {
        let found = Aggregates::of(expr);
        for (name, inner, place) in found.nested {
            let message = format!("{inner} stands inside {name}: aggregates cannot be nested");
            let fault = Diagnostic::new(place, Problem::Aggregate { message });
            self.report(fault.suggest("aggregate in a derived table first"));
        }
        for (name, inner, place) in found.windows_nested {
            let message = format!("{inner} stands inside {name}");
            let fault = Diagnostic::new(place, Problem::Aggregate { message });
            self.report(fault.suggest("compute it in a derived table first"));
        }
        let misplaced = match clause {
            Clause::Where => Some("WHERE"),
            Clause::On => Some("ON"),
            Clause::GroupBy => Some("GROUP BY"),
            Clause::Having => Some("HAVING"),
            Clause::Select => None,
        };
        if let (Some(clause), Some((name, place))) = (misplaced, found.windows.first()) {
            let message = format!("{name} cannot stand in {clause}");
            let fault = Diagnostic::new(at.unwrap_or(*place), Problem::Aggregate { message });
            self.report(fault.suggest(
                "compute it in a derived table, SELECT … FROM (SELECT …, … OVER (…) AS w FROM …) \
                 AS t WHERE w …",
            ));
        }
        let (what, suggestion) = match clause {
            Clause::Where => ("WHERE", "put the condition in HAVING"),
            Clause::On => ("ON", "put the condition in HAVING"),
            Clause::GroupBy => ("GROUP BY", "group by what is not aggregated"),
            Clause::Select | Clause::Having => return,
        };
        if let Some((name, place)) = found.outermost.first() {
            let message = format!("the aggregate {name} cannot stand in {what}");
            let fault = Diagnostic::new(at.unwrap_or(*place), Problem::Aggregate { message });
            self.report(fault.suggest(suggestion));
        }
    }

    /// Refuse what has several values in a group, and add to GROUP BY what has one.
    pub(super) fn check_groups(
        &mut self,
        select: &mut Select,
        frame: &Frame,
        outputs: &[Output],
        ordered: &[Expr],
    ) {
        let having = select.having.clone();
        let selected = outputs.iter().filter_map(|output| Some((output.expr.as_ref()?, output.at)));
        let elsewhere = having.iter().chain(ordered).map(|expr| (expr, Location::empty()));
        let checked: Vec<(&Expr, Location)> = selected.chain(elsewhere).collect();
        for (expr, _) in &checked {
            self.check_aggregates(expr, Clause::Select, None);
        }
        let GroupByExpr::Expressions(groups, _) = &mut select.group_by else { return };
        let aggregates = checked.iter().any(|(expr, _)| !Aggregates::of(expr).outermost.is_empty());
        if let Some(having) = select.having.take() {
            // To the engine only an aggregate makes all rows one group.
            select.having = Some(match groups.is_empty() && !aggregates {
                true => binary(nested(having), BinaryOperator::And, nested(any_rows())),
                false => having,
            });
        }
        let is_grouped = !groups.is_empty() || having.is_some() || aggregates;
        if !is_grouped || frame.incomplete() || groups.iter().any(is_unknown) {
            return;
        }
        let is_whole = groups.is_empty();
        let grouped = Grouped::by(groups, frame);
        let determined = Determined::by(&grouped, frame);
        let mut complaints: Vec<(Location, String)> = vec![];
        let mut added: HashSet<(String, String)> = HashSet::new();
        for (expr, at) in checked {
            for (table, name, span) in Ungrouped::of(expr, &grouped, frame) {
                if self.dialect == Dialect::Adql && determined.has(&table, &name, frame) {
                    if added.insert((table.clone(), name.clone())) {
                        groups.push(column(&table, &name, Span::empty()));
                    }
                } else {
                    let at = if span.start.line > 0 { span.start } else { at };
                    if complaints.iter().all(|(place, _)| *place != at) {
                        complaints.push((at, name));
                    }
                }
            }
        }
        if !added.is_empty() {
            let mut names: Vec<String> = added.into_iter().map(|(_, name)| name).collect();
            names.sort();
            names.dedup();
            let more = if names.len() > 3 { ", …" } else { "" };
            names.truncate(3);
            let names = printable(&names.join(", "));
            self.warn(format!(
                "GROUP BY leaves out {names}{more}, which it determines; other ADQL services may \
                 refuse this"
            ));
        }
        for (at, name) in complaints.into_iter().take(MOST_COMPLAINTS) {
            let name = printable(&name);
            let suggestion = if is_whole {
                format!("add GROUP BY {name} or use an aggregate, such as MAX({name})")
            } else {
                format!("add it to GROUP BY or use an aggregate, such as MAX({name})")
            };
            self.report(Diagnostic::new(at, Problem::NotGrouped { name }).suggest(suggestion));
        }
    }
}

/// `COUNT(1) >= 0`: true of every group.
fn any_rows() -> Expr {
    binary(call("COUNT", vec![number("1")]), BinaryOperator::GtEq, number("0"))
}

/// Whether an expression calls a function that does not exist, so that it may mean anything.
fn is_unknown(expr: &Expr) -> bool {
    let Expr::Function(call) = expr else { return false };
    function_name(call).is_none_or(|ident| function::find(&ident.value).is_none())
}

/// The pairs of columns that a condition makes equal.
pub(super) fn equalities(condition: &Expr, frame: &Frame) -> Vec<[(Arc<str>, String); 2]> {
    let mut pairs = vec![];
    let mut rest = vec![condition];
    while let Some(condition) = rest.pop() {
        match bare(condition) {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                rest.extend([left.as_ref(), right]);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                if let (Some(a), Some(b)) = (own_column(left, frame), own_column(right, frame)) {
                    pairs.push([a, b]);
                }
            }
            _ => {}
        }
    }
    pairs
}

/// A column of this frame, as relation and name.
fn own_column(expr: &Expr, frame: &Frame) -> Option<(Arc<str>, String)> {
    let Expr::CompoundIdentifier(parts) = bare(expr) else { return None };
    let [table, name] = parts.as_slice() else { return None };
    let relation = frame.relations.iter().find(|relation| *relation.alias == *table.value)?;
    Some((relation.alias.clone(), name.value.clone()))
}

/// What is grouped by: columns of this frame, and other expressions.
struct Grouped {
    columns: HashSet<(Arc<str>, String)>,
    expressions: Vec<Expr>,
}

impl Grouped {
    fn by(groups: &[Expr], frame: &Frame) -> Self {
        let mut grouped = Grouped { columns: HashSet::new(), expressions: vec![] };
        for group in groups {
            match own_column(group, frame) {
                Some(column) => {
                    grouped.columns.insert(column);
                }
                None => grouped.expressions.push(bare(group).clone()),
            }
        }
        grouped
    }
}

/// The columns that have one value in each group.
struct Determined {
    columns: HashSet<(Arc<str>, String)>,
}

impl Determined {
    fn by(grouped: &Grouped, frame: &Frame) -> Self {
        let mut determined = Determined { columns: grouped.columns.clone() };
        let mut grew = true;
        while grew {
            grew = false;
            for [a, b] in &frame.equal {
                for (known, other) in [(a, b), (b, a)] {
                    if determined.has(&known.0, &known.1, frame)
                        && determined.columns.insert(other.clone())
                    {
                        grew = true;
                    }
                }
            }
        }
        determined
    }

    fn has(&self, table: &str, name: &str, frame: &Frame) -> bool {
        let Some(relation) = frame.relations.iter().find(|r| *r.alias == *table) else {
            return false;
        };
        let holds = |name: &str| self.columns.contains(&(relation.alias.clone(), name.to_owned()));
        holds(name) || !relation.key.is_empty() && relation.key.iter().all(|key| holds(key))
    }
}

/// The aggregates of an expression, not of its subqueries.
#[derive(Default)]
struct Aggregates {
    outermost: Vec<(String, Location)>,
    /// Outer aggregate, inner aggregate, place of the inner.
    nested: Vec<(String, String, Location)>,
    /// Window functions outside of aggregates and of each other.
    windows: Vec<(String, Location)>,
    /// Aggregate or window function, window function in it, place of the latter.
    windows_nested: Vec<(String, String, Location)>,
    within: Vec<Within>,
    queries: usize,
}

/// An aggregate or a window function that the walk is in.
struct Within {
    expr: *const Expr,
    name: String,
    is_window: bool,
}

impl Aggregates {
    fn of(expr: &Expr) -> Self {
        let mut walk = Aggregates::default();
        // The walk never breaks off.
        let _ = expr.visit(&mut walk);
        walk
    }
}

impl Visitor for Aggregates {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        if let Some((name, place)) = window(expr) {
            let name = format!("{name} OVER (…)");
            match self.within.last() {
                Some(outer) => self.windows_nested.push((outer.name.clone(), name.clone(), place)),
                None => self.windows.push((name.clone(), place)),
            }
            self.within.push(Within { expr, name, is_window: true });
        }
        if let Some((name, place)) = aggregate(expr) {
            match self.within.iter().rfind(|outer| !outer.is_window) {
                Some(outer) => self.nested.push((outer.name.clone(), name.clone(), place)),
                None => self.outermost.push((name.clone(), place)),
            }
            self.within.push(Within { expr, name, is_window: false });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.within.last().is_some_and(|last| std::ptr::eq(last.expr, expr)) {
            self.within.pop();
        }
        ControlFlow::Continue(())
    }
}

/// Does a list hold an aggregate, outside of the queries in it?
pub(crate) fn has_aggregate(select: &Select) -> bool {
    let mut walk = Aggregates::default();
    // The walk never breaks off.
    let _ = select.projection.visit(&mut walk);
    !walk.outermost.is_empty()
}

/// The name and the place of an aggregate; over a window it is none.
fn aggregate(expr: &Expr) -> Option<(String, Location)> {
    let Expr::Function(call) = expr else { return None };
    let ident = function_name(call)?;
    let is_aggregate = call.over.is_none()
        && function::find(&ident.value).is_some_and(function::Function::is_aggregate);
    is_aggregate.then(|| (printable(&ident.value.to_uppercase()), ident.span.start))
}

/// The name and the place of a window function.
fn window(expr: &Expr) -> Option<(String, Location)> {
    let Expr::Function(call) = expr else { return None };
    let ident = function_name(call).filter(|_| call.over.is_some())?;
    Some((printable(&ident.value.to_uppercase()), ident.span.start))
}

/// The columns of this frame that are neither in an aggregate nor in a grouped expression. An
/// aggregate in a subquery is one of rows there.
struct Ungrouped<'g> {
    grouped: &'g Grouped,
    frame: &'g Frame,
    /// The expression whose inside is passed over.
    passed: Option<*const Expr>,
    /// The aliases that each query around gives, from the outermost subquery on.
    hidden: Vec<HashSet<String>>,
    columns: Vec<(String, String, Span)>,
}

impl<'g> Ungrouped<'g> {
    fn of(expr: &Expr, grouped: &'g Grouped, frame: &'g Frame) -> Vec<(String, String, Span)> {
        let mut walk = Ungrouped { grouped, frame, passed: None, hidden: vec![], columns: vec![] };
        // The walk never breaks off.
        let _ = expr.visit(&mut walk);
        walk.columns
    }
}

impl Visitor for Ungrouped<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.hidden.push(aliases_in(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.hidden.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.passed.is_some() {
            return ControlFlow::Continue(());
        }
        if let Some(column) = own_column(expr, self.frame) {
            if let Expr::CompoundIdentifier(parts) = expr
                && !self.grouped.columns.contains(&column)
                && self.hidden.iter().all(|hidden| !hidden.contains(&*column.0))
            {
                let span = parts.last().map_or(Span::empty(), |part| part.span);
                self.columns.push((column.0.to_string(), column.1, span));
            }
        } else if self.hidden.is_empty() && aggregate(expr).is_some()
            || self.grouped.expressions.contains(bare(expr))
        {
            self.passed = Some(expr);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.passed.is_some_and(|passed| std::ptr::eq(passed, expr)) {
            self.passed = None;
        }
        ControlFlow::Continue(())
    }
}

/// The aliases that a query, or one in it, gives to tables.
fn aliases_in(query: &Query) -> HashSet<String> {
    struct Aliases(HashSet<String>);
    impl Visitor for Aliases {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } = factor
            {
                self.0.insert(alias.name.value.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut aliases = Aliases(HashSet::new());
    // The walk never breaks off.
    let _ = query.visit(&mut aliases);
    aliases.0
}
