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

mod area;
mod expression;
mod from;
mod group;
mod hidden;
mod output;
mod scope;

use std::collections::{BTreeSet, HashMap, HashSet};

use sqlparser::ast::{
    DataType, Distinct, Expr, GroupByExpr, Ident, OrderBy, OrderByKind, Query, Select, SetExpr,
};
use sqlparser::tokenizer::{Location, Span};

use crate::Dialect;
use crate::error::{Diagnostic, Problem, printable};
use crate::names::{ColumnKind, Names, did_you_mean, is_one_name};
use crate::tree::{bare, body_start, cast, constant_value, count_value, exact, number, start};
use crate::typing::{self, Typed};
use expression::Aliases;
use group::Clause;
pub(crate) use group::has_aggregate;
use output::{Output, Outputs};
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
    /// The output columns.
    pub outputs: Vec<(String, Typed)>,
    /// Unresolved and ambiguous names, and values whose types do not fit.
    pub diagnostics: Vec<Diagnostic>,
    /// Liberties taken.
    pub warnings: Vec<String>,
}

/// Resolve every name of `query` in place.
pub(crate) fn resolve(query: &mut Query, names: &Names, dialect: Dialect) -> Resolved {
    let mut resolver = Resolver {
        names,
        dialect,
        found: Resolved::default(),
        reads: 0,
        is_too_large: false,
        beside: vec![],
        suggested: 0,
        renamed: 0,
        hidden: BTreeSet::new(),
        common: vec![],
    };
    let outputs = resolver.query(query, &[], None);
    hidden::rename(query, &resolver.hidden, names);
    if resolver.is_too_large {
        // What was not looked at makes other names look wrong.
        let is_cause = |fault: &Diagnostic| matches!(fault.problem, Problem::TooLarge { .. });
        resolver.found.diagnostics.retain(is_cause);
    }
    let outputs = outputs.into_iter().map(|output| (output.name, output.typed)).collect();
    Resolved { outputs, ..resolver.found }
}

/// How many tables a query may read, counting those of a common table at each reference: the
/// engine plans each reference anew.
const MOST_READS: u64 = 128;

/// How many columns a SELECT may have.
const MOST_COLUMNS: usize = 16_384;

/// How many misspelt names get a suggestion; finding one takes a look at each name there is.
const MOST_SUGGESTIONS: usize = 20;

/// The walk over queries; the walk over expressions is in [`expression`].
struct Resolver<'n> {
    names: &'n Names,
    dialect: Dialect,
    found: Resolved,
    /// How many tables have been read so far.
    reads: u64,
    /// Whether the query is beyond a limit, so that the rest of it is not looked at.
    is_too_large: bool,
    /// The tables beside derived tables that are being resolved, which these cannot read.
    beside: Vec<String>,
    /// How many names have been suggested.
    suggested: usize,
    /// How many output columns have been given another name.
    renamed: usize,
    /// Aliases of tables that columns of subqueries which read them are called like.
    hidden: BTreeSet<String>,
    /// The names of common tables for the engine, each once in the whole query.
    common: Vec<String>,
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

    /// The candidate most like `name`, for the first few names.
    fn suggest<'c>(
        &mut self,
        name: &str,
        candidates: impl Iterator<Item = &'c str>,
    ) -> Option<String> {
        self.suggested += 1;
        (self.suggested <= MOST_SUGGESTIONS).then(|| did_you_mean(name, candidates)).flatten()
    }

    /// Refuse the whole query, which is beyond a limit.
    fn too_large(&mut self, at: Location, message: String) {
        if !self.is_too_large {
            self.is_too_large = true;
            let fault = Diagnostic::new(at, Problem::TooLarge { message });
            self.report(fault.suggest("refer to its common tables less often"));
        }
    }

    /// Count tables that are read, and refuse the query that reads too many.
    fn reads(&mut self, count: u64, at: Location) {
        self.reads = self.reads.saturating_add(count);
        if self.reads > MOST_READS {
            let message = format!(
                "the query reads more than {MOST_READS} tables, counting those of WITH at each \
                 reference"
            );
            self.too_large(at, message);
        }
    }

    /// Resolve a query; returns its output columns.
    fn query(
        &mut self,
        query: &mut Query,
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Vec<Output> {
        if self.is_too_large {
            return vec![];
        }
        let mut ctes = ctes.to_vec();
        let depth = ctes.last().map_or(0, |cte| cte.depth + 1);
        let mut named: Vec<Ident> = vec![];
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.named_once(&cte.alias.name, &mut named);
            let before = std::mem::take(&mut self.reads);
            let outputs = self.query(&mut cte.query, &ctes, outer);
            let reads = std::mem::replace(&mut self.reads, before);
            let (columns, known) = self.alias_columns(&mut cte.alias, outputs);
            let name = cte.alias.name.clone();
            let unique = scope::free_name(&name.value, &self.common);
            cte.alias.name = exact(&unique, cte.alias.name.span);
            self.common.push(unique.clone());
            ctes.push(CommonTable { name, unique, depth, columns, known, reads });
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
                self.order_by_outputs(order_by, outputs)
            }
            SetExpr::SetOperation { left, op, right, .. } => {
                let outputs = self.body(left, None, ctes, outer);
                let others = self.body(right, None, ctes, outer);
                if outputs.len() != others.len() {
                    let (n, m) = (outputs.len(), others.len());
                    let message = format!("the two sides of {op} have {n} and {m} columns");
                    self.report(Diagnostic::invalid(body_start(right), message));
                }
                let pairs = outputs.iter().zip(&others).filter(|_| outputs.len() == others.len());
                for (index, (of_left, of_right)) in pairs.enumerate() {
                    self.check_sides(of_left, of_right, &op.to_string());
                    let (l, r) = (of_left.typed.kind, of_right.typed.kind);
                    if let Some((_, to)) = typing::common_number(l, r) {
                        output::cast_column(left, index, &to);
                        output::cast_column(right, index, &to);
                    }
                }
                let mut outputs: Vec<Output> = outputs.into_iter().map(Output::opaque).collect();
                for (output, other) in outputs.iter_mut().zip(&others) {
                    let number = typing::common_number(output.typed.kind, other.typed.kind);
                    output.typed = std::mem::take(&mut output.typed).united(&other.typed);
                    output.typed.kind = number.map_or(output.typed.kind, |(kind, _)| kind);
                }
                self.order_by_outputs(order_by, outputs)
            }
            // The grammar has nothing else.
            _ => vec![],
        }
    }

    /// The columns that a set operation makes one.
    fn check_sides(&mut self, left: &Output, right: &Output, op: &str) {
        let (l, r) = (left.typed.kind, right.typed.kind);
        let (a, b) = (left.shown(), right.shown());
        if !typing::same_column_type(l, r) {
            let message =
                format!("{op} of {a}, which is {}, and {b}, which is {}", l.noun(), r.noun());
            let fault = Diagnostic::of_type(right.at, message);
            let cast = typing::to_one_type(l, r);
            self.report(fault.suggest(format!("put the columns in the same order, or {cast}")));
        } else if let (Some(l), Some(r)) = (&left.typed.unit, &right.typed.unit)
            && l != r
        {
            self.warn(format!("{op} of {a} in {l} and {b} in {r}: values are not converted"));
        }
    }

    fn select(
        &mut self,
        select: &mut Select,
        order_by: Option<&mut OrderBy>,
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Vec<Output> {
        let mut frame = self.from(&mut select.from, ctes, outer);
        let scope = Scope { frame: &frame, ctes, outer };
        let outputs = Outputs::of(self.projection(&mut select.projection, &scope));
        if let Some(selection) = &mut select.selection {
            self.condition(selection, &scope, Aliases::Hidden(&outputs), Clause::Where);
            let equal = group::equalities(selection, &frame);
            area::join_ranges(selection, &frame);
            frame.equal.extend(equal);
        }
        let scope = Scope { frame: &frame, ctes, outer };
        if let GroupByExpr::Expressions(groups, _) = &mut select.group_by {
            for group in groups.iter_mut() {
                self.group(group, &scope, &outputs);
            }
            without_repeats(groups);
        }
        if let Some(having) = &mut select.having {
            self.condition(having, &scope, Aliases::Substituted(&outputs), Clause::Having);
        }
        let mut ordered: Vec<Expr> = vec![];
        if let Some(order_by) = order_by {
            let distinct = matches!(select.distinct, Some(Distinct::Distinct));
            for item in order_items(order_by) {
                self.order(item, &scope, &outputs, distinct);
                ordered.push(item.clone());
            }
        }
        self.check_groups(select, &frame, &outputs, &ordered);
        outputs.into_columns()
    }

    /// One expression of GROUP BY; a number is the position of an output column.
    fn group(&mut self, group: &mut Expr, scope: &Scope<'_>, outputs: &Outputs) {
        let at = start(group);
        match self.position(group, outputs) {
            Position::Of(output) => {
                if let Some(expr) = &output.expr {
                    *group = expr.clone();
                }
                self.warn("a position in GROUP BY is an extension".to_owned());
            }
            Position::OutOfRange => {}
            // A constant groups nothing; the engine would take it for a position.
            Position::No if constant_value(group).is_some() => {
                *group = cast(group.clone(), DataType::DoublePrecision);
            }
            Position::No => {
                self.expression(group, scope, Aliases::Substituted(outputs));
            }
        }
        self.check_aggregates(group, Clause::GroupBy, Some(at));
    }

    /// One expression of ORDER BY: a position, an output column, or an expression of the input.
    fn order(&mut self, item: &mut Expr, scope: &Scope<'_>, outputs: &Outputs, distinct: bool) {
        match self.position(item, outputs) {
            Position::Of(output) => return self.check_order(item, &output.typed),
            Position::OutOfRange => return,
            Position::No => {}
        }
        if let Expr::Identifier(ident) = bare(item) {
            let named = output::own_names_first(outputs.named(ident));
            if output::differ(&named) {
                let problem = Problem::Ambiguous {
                    name: printable(&ident.value),
                    candidates: named.iter().map(|output| output.shown()).collect(),
                };
                return self.report(Diagnostic::new(ident.span.start, problem));
            }
            if let Some(output) = named.first() {
                self.check_order(item, &output.typed);
                *item = named_output(output, outputs, scope, ident.span);
                return;
            }
        }
        let at = start(item);
        let typed = self.expression(item, scope, Aliases::Referred(outputs));
        self.check_order(item, &typed);
        if constant_value(item).is_some() {
            // A constant orders nothing; the engine would take it for a position.
            *item = cast(item.clone(), DataType::DoublePrecision);
            return;
        }
        match outputs.iter().find(|o| o.expr.as_ref() == Some(bare(item))) {
            Some(output) => *item = named_output(output, outputs, scope, Span::empty()),
            None if distinct && scope.outer.is_none() && output::of_outputs(item, outputs) => {}
            None if distinct && !scope.frame.incomplete() => {
                let message = "with DISTINCT, ORDER BY can only name what is selected";
                self.report(Diagnostic::invalid(at, message));
            }
            None => {}
        }
    }

    fn check_order(&mut self, item: &Expr, typed: &Typed) {
        if let Some(fault) = typing::no_order(item, typed.kind) {
            self.report(fault);
        }
    }

    /// ORDER BY around a set operation or parentheses sees output columns only.
    fn order_by_outputs(
        &mut self,
        order_by: Option<&mut OrderBy>,
        outputs: Vec<Output>,
    ) -> Vec<Output> {
        let Some(order_by) = order_by else { return outputs };
        let outputs = Outputs::of(outputs);
        let frame = Frame::default();
        let scope = Scope { frame: &frame, ctes: &[], outer: None };
        for item in order_items(order_by) {
            match self.position(item, &outputs) {
                Position::Of(output) => self.check_order(item, &output.typed),
                Position::OutOfRange => {}
                Position::No => {
                    let typed = self.expression(item, &scope, Aliases::Referred(&outputs));
                    self.check_order(item, &typed);
                }
            }
        }
        outputs.into_columns()
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

    /// Refuse a second query of one name in one WITH.
    fn named_once(&mut self, name: &Ident, named: &mut Vec<Ident>) {
        if named.iter().any(|other| is_one_name(other, name)) {
            let message = format!("WITH names two queries {}", printable(&name.value));
            self.report(Diagnostic::invalid(name.span.start, message));
        }
        named.push(name.clone());
    }

    /// Report an unknown column, with what its writer may have meant.
    fn unknown_column(&mut self, ident: &Ident, scope: &Scope<'_>, outputs: &[Output]) {
        let name = &ident.value;
        let columns = scope.chain().flat_map(|s| s.frame.columns.iter());
        let mut candidates: Vec<&str> = outputs.iter().map(|o| o.name.as_str()).collect();
        candidates.extend(columns.map(|c| &*c.column.name));
        let suggestion = self.suggest(name, candidates.into_iter()).or_else(|| {
            let is_quoted = ident.quote_style.is_some();
            let is_function = !is_quoted && crate::function::find(name).is_some();
            match () {
                () if is_quoted => {
                    Some(format!("text stands in single quotes, '{}'", printable(name)))
                }
                () if is_function => {
                    Some(format!("the function is called as {}(…)", printable(name)))
                }
                () => None,
            }
        });
        let problem = Problem::UnknownColumn { name: printable(name) };
        self.report(Diagnostic::new(ident.span.start, problem).suggest_maybe(suggestion));
    }
}

/// An output column in ORDER BY: by its name or, in a subquery, by its position. There the engine would
/// take a name that two tables of FROM have as well for one of the queries around.
fn named_output(output: &Output, outputs: &[Output], scope: &Scope<'_>, span: Span) -> Expr {
    let place = outputs.iter().position(|other| std::ptr::eq(other, output));
    match place.filter(|_| scope.outer.is_some()) {
        Some(place) => number(&(place + 1).to_string()),
        None => Expr::Identifier(exact(&output.name, span)),
    }
}

/// Leave out of GROUP BY what stands in it already, which the engine would count as two columns.
fn without_repeats(groups: &mut Vec<Expr>) {
    let mut seen: HashSet<Expr> = HashSet::with_capacity(groups.len());
    groups.retain(|group| seen.insert(bare(group).clone()));
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

impl From<Output> for Column {
    fn from(output: Output) -> Self {
        Column { name: output.name.into(), wanted: output.wanted.into(), typed: output.typed }
    }
}
