//! The tables of FROM, and the joins between them.
//!
//! Tables are named by schema and exact name and always get an alias. USING and NATURAL become ON,
//! because the two sides may spell a column differently; what unqualified names and `*` then see
//! is kept in the [`Frame`]:
//!
//! ```text
//! FROM Object o LEFT JOIN Source USING (objectId)
//!   ↓
//! FROM "survey"."Object" AS "o" LEFT JOIN "survey"."Source" AS "Source"
//!   ON "o"."objectId" = "Source"."objectId"        -- objectId means "o"."objectId"
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, ObjectNamePart, SetExpr,
    Spanned, TableAlias, TableFactor, TableWithJoins,
};
use sqlparser::tokenizer::{Location, Span};

use super::Resolver;
use super::area::{all, join_ranges};
use super::expression::Aliases;
use super::group::{Clause, equalities};
use super::scope::{Column, CommonTable, Frame, Relation, Scope, VisibleColumn, free_name};
use crate::error::{Diagnostic, Problem, printable};
use crate::names::{FoundTable, best_matches, is_one_name, means};
use crate::tree::{binary, boolean, call, exact, query_start, written};
use crate::typing::{self, Origin, Typed};

/// Which side of a join keeps its rows without a partner.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    Neither,
    Left,
    Right,
    Both,
}

/// What FROM is resolved in.
struct Around<'a> {
    ctes: &'a [CommonTable],
    outer: Option<&'a Scope<'a>>,
    /// The aliases given out in this FROM, and in those of the queries around.
    taken: Vec<String>,
}

impl Around<'_> {
    /// Give a table its alias for the engine: the one that it has, or that with a number if it is taken.
    fn name(&mut self, alias: &mut TableAlias) -> Arc<str> {
        let free = free_name(&alias.name.value, &self.taken);
        alias.name = exact(&free, alias.name.span);
        self.taken.push(free.clone());
        free.into()
    }
}

impl Resolver<'_> {
    /// Resolve a whole FROM.
    pub(super) fn from(
        &mut self,
        from: &mut [TableWithJoins],
        ctes: &[CommonTable],
        outer: Option<&Scope<'_>>,
    ) -> Frame {
        let outside = outer.into_iter().flat_map(Scope::chain).flat_map(|s| &s.frame.relations);
        let taken = outside.map(|relation| relation.alias.to_string()).collect();
        let mut around = Around { ctes, outer, taken };
        let mut frame = Frame::default();
        for item in from {
            let joined = self.joined(item, &mut around);
            self.check_distinct(&frame, &joined);
            frame.append(joined);
        }
        frame
    }

    fn joined(&mut self, item: &mut TableWithJoins, around: &mut Around<'_>) -> Frame {
        let mut left = self.factor(&mut item.relation, around);
        for join in &mut item.joins {
            let right = self.factor(&mut join.relation, around);
            self.check_distinct(&left, &right);
            left = self.join(left, right, &mut join.join_operator, around);
        }
        left
    }

    /// A name may stand once in a FROM, or once for each schema if no alias is involved.
    fn check_distinct(&mut self, frame: &Frame, added: &Frame) {
        for new in &added.relations {
            let clash = frame.relations.iter().any(|old| {
                let schemas_differ = match (&old.schema, &new.schema) {
                    (Some(old), Some(new)) => old != new,
                    _ => false,
                };
                is_one_name(&old.ident(), &new.ident()) && !schemas_differ
            });
            if clash {
                let message = format!("{} stands twice in FROM", printable(&new.name));
                let fault = Diagnostic::invalid(new.at, message);
                self.report(fault.suggest("give each an alias of its own"));
            }
        }
    }

    fn factor(&mut self, factor: &mut TableFactor, around: &mut Around<'_>) -> Frame {
        let rewritten = selected(factor);
        let is_rewritten = rewritten.is_some();
        if let Some(derived) = rewritten {
            *factor = derived;
        }
        match factor {
            TableFactor::Table { name, alias, .. } => Frame::of(self.table(name, alias, around)),
            TableFactor::Derived { subquery, alias, .. } => {
                let at = match alias.as_ref().filter(|_| is_rewritten) {
                    Some(alias) => alias.name.span.start,
                    None => query_start(subquery),
                };
                let n_beside = self.beside.len();
                self.beside.extend(around.taken.iter().cloned());
                let outputs = self.query(subquery, around.ctes, around.outer);
                self.beside.truncate(n_beside);
                let alias = alias.get_or_insert_with(|| {
                    plain_alias(&free_name("derived", &around.taken), Span::empty())
                });
                let (columns, known) = self.alias_columns(alias, outputs);
                let name = alias.name.value.clone();
                let is_delimited = alias.name.quote_style.is_some();
                let alias = around.name(alias);
                let read = Relation { alias, name, is_delimited, columns, ..Relation::at(at) };
                Frame::of(Relation { known, ..read })
            }
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.joined(table_with_joins, around)
            }
            // The grammar has nothing else.
            _ => Frame::default(),
        }
    }

    /// A table of the catalog or a common table.
    fn table(
        &mut self,
        name: &mut ObjectName,
        alias: &mut Option<TableAlias>,
        around: &mut Around<'_>,
    ) -> Relation {
        let at = name.span().start;
        let idents: Vec<Ident> =
            name.0.iter().filter_map(ObjectNamePart::as_ident).cloned().collect();
        let (schema, table) = match idents.as_slice() {
            [table] => (None, table),
            [schema, table] => (Some(schema), table),
            _ => return self.unknown_table(name, alias.as_ref(), at),
        };
        if schema.is_none() {
            let mut named = around.ctes.iter().rev().filter(|cte| means(table, &cte.name.value));
            if let Some(cte) = named.next() {
                // Of two that are one name, the second has been reported.
                let is_rival = |other: &&CommonTable| {
                    other.depth == cte.depth && !is_one_name(&other.name, &cte.name)
                };
                if let Some(other) = named.next().filter(is_rival) {
                    let of = |cte: &CommonTable| printable(&cte.name.to_string());
                    let candidates = vec![of(other), of(cte)];
                    let problem = Problem::Ambiguous { name: printable(&table.value), candidates };
                    self.report(Diagnostic::new(at, problem));
                }
                *name = ObjectName::from(vec![exact(&cte.unique, table.span)]);
                let read = Relation {
                    name: cte.name.value.clone(),
                    is_delimited: table.quote_style.is_some(),
                    columns: cte.columns.clone(),
                    known: cte.known,
                    ..Relation::at(at)
                };
                self.reads(cte.reads, at);
                return finish(read, alias, around);
            }
        }
        let is_delimited = table.quote_style.is_some();
        // A list of one borrowed from the names, not from `self`.
        let names = self.names;
        match names.find_table(schema, table).as_slice() {
            [FoundTable { schema, table: found, place }] => {
                let (schema, table) = (schema.name.clone(), found.name.clone());
                let span = name.span();
                *name = ObjectName::from(vec![exact(&schema, span), exact(&table, span)]);
                let used = (schema.clone(), table.clone());
                if !self.found.tables.contains(&used) {
                    self.found.tables.push(used);
                }
                self.reads(1, at);
                let origin = |column| Origin { schema: place.0, table: place.1, column };
                let columns = found.columns.iter().enumerate().map(|(i, column)| {
                    let name: Arc<str> = column.name.as_str().into();
                    let typed = Typed::of_column(column, origin(i));
                    Column { wanted: name.clone(), name, typed }
                });
                let read = Relation {
                    name: table,
                    is_delimited,
                    schema: Some(schema),
                    columns: columns.collect(),
                    known: true,
                    key: found.key.clone(),
                    position: found.position.clone(),
                    table: Some(*place),
                    ..Relation::at(at)
                };
                finish(read, alias, around)
            }
            [] => self.unknown_table(name, alias.as_ref(), at),
            several => {
                let problem = Problem::Ambiguous {
                    name: printable(&name.to_string()),
                    candidates: several.iter().map(FoundTable::qualified).collect(),
                };
                self.report(Diagnostic::new(at, problem));
                unknown_relation(table.value.clone(), alias.as_ref(), at)
            }
        }
    }

    fn unknown_table(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        at: Location,
    ) -> Relation {
        let shown = name.to_string();
        let last = name.0.last().and_then(ObjectNamePart::as_ident);
        let table = last.map(|i| i.value.clone()).unwrap_or_default();
        let elsewhere: Vec<String> = last
            .map(|ident| best_matches(ident, self.names.tables(), |t| &t.table.name))
            .unwrap_or_default()
            .iter()
            .map(FoundTable::qualified)
            .collect();
        let suggestion = if elsewhere.is_empty() {
            let qualified: Vec<String> = self.names.tables().map(|t| t.qualified()).collect();
            let bare = self.names.tables().map(|t| t.table.name.as_str());
            self.suggest(&table, bare)
                .or_else(|| self.suggest(&shown, qualified.iter().map(String::as_str)))
        } else {
            Some(format!("did you mean {}?", elsewhere.join(" or ")))
        };
        let problem = Problem::UnknownTable { name: printable(&shown) };
        self.report(Diagnostic::new(at, problem).suggest_maybe(suggestion));
        unknown_relation(table, alias, at)
    }

    fn join(
        &mut self,
        left: Frame,
        right: Frame,
        operator: &mut JoinOperator,
        around: &Around<'_>,
    ) -> Frame {
        let (keeps, constraint) = match operator {
            JoinOperator::Join(on) | JoinOperator::Inner(on) | JoinOperator::CrossJoin(on) => {
                (Keeps::Neither, on)
            }
            JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (Keeps::Left, on),
            JoinOperator::Right(on) | JoinOperator::RightOuter(on) => (Keeps::Right, on),
            JoinOperator::FullOuter(on) => (Keeps::Both, on),
            // The grammar has nothing else.
            _ => return left,
        };
        let shared = match constraint {
            JoinConstraint::None => {
                if keeps == Keeps::Neither {
                    *operator = JoinOperator::CrossJoin(JoinConstraint::None);
                } else {
                    *constraint = JoinConstraint::On(boolean(true));
                }
                let mut frame = left;
                frame.append(right);
                return frame;
            }
            JoinConstraint::On(condition) => {
                let mut frame = left;
                frame.append(right);
                let scope = Scope { frame: &frame, ctes: around.ctes, outer: around.outer };
                self.condition(condition, &scope, Aliases::None, Clause::On);
                if keeps == Keeps::Neither {
                    let equal = equalities(condition, &frame);
                    frame.equal.extend(equal);
                }
                join_ranges(condition, &frame);
                return frame;
            }
            JoinConstraint::Using(names) => {
                names.iter().filter_map(|n| n.0.last()?.as_ident().cloned()).collect()
            }
            JoinConstraint::Natural => natural(&left, &right),
        };
        let (frame, condition) = self.merge(left, right, &shared, keeps);
        *constraint = JoinConstraint::On(condition);
        frame
    }

    /// Join two frames on columns of the same name, which are then seen as one.
    fn merge(
        &mut self,
        left: Frame,
        right: Frame,
        shared: &[Ident],
        keeps: Keeps,
    ) -> (Frame, Expr) {
        let mut merged: Vec<VisibleColumn> = Vec::with_capacity(shared.len());
        let mut conditions: Vec<Expr> = Vec::with_capacity(shared.len());
        let (mut of_left, mut of_right) = (HashSet::new(), HashSet::new());
        for ident in shared {
            let (Some(l), Some(r)) = (
                self.take_shared(&left, ident, &mut of_left),
                self.take_shared(&right, ident, &mut of_right),
            ) else {
                continue;
            };
            let (of_l, of_r) = (l.column.typed.clone(), r.column.typed.clone());
            if !typing::same_column_type(of_l.kind, of_r.kind) {
                let (name, a, b) = (printable(&ident.value), of_l.kind.noun(), of_r.kind.noun());
                let message = format!("{name} is {a} on one side of the join and {b} on the other");
                self.report(Diagnostic::of_type(ident.span.start, message));
            }
            let (a, b) = (l.expr(Span::empty()), r.expr(Span::empty()));
            conditions.push(binary(a.clone(), BinaryOperator::Eq, b.clone()));
            merged.push(match keeps {
                Keeps::Neither | Keeps::Left => l,
                Keeps::Right => l.merged(b, of_r),
                Keeps::Both => l.merged(call("coalesce", vec![a, b]), of_l.merged(&of_r)),
            });
        }
        let mut frame = Frame { columns: merged, ..Frame::default() };
        for (mut side, taken) in [(left, of_left), (right, of_right)] {
            let mut place = 0..;
            side.columns.retain(|_| place.next().is_none_or(|place| !taken.contains(&place)));
            frame.append(side);
        }
        // Without a common column a natural join pairs all rows.
        let condition = all(conditions).unwrap_or_else(|| boolean(true));
        if keeps == Keeps::Neither {
            let equal = equalities(&condition, &frame);
            frame.equal.extend(equal);
        }
        (frame, condition)
    }

    /// Take the one column of this name out of a side of a join.
    fn take_shared(
        &mut self,
        side: &Frame,
        ident: &Ident,
        taken: &mut HashSet<usize>,
    ) -> Option<VisibleColumn> {
        let name = printable(&ident.value);
        let mut places = side.places_named(ident);
        places.retain(|place| !taken.contains(place));
        match places.as_slice() {
            [] => {
                if !side.incomplete() {
                    let candidates = side.columns.iter().map(|c| &*c.column.name);
                    let suggestion = self.suggest(&ident.value, candidates);
                    let tables: Vec<&str> =
                        side.relations.iter().map(|r| r.name.as_str()).collect();
                    let name = format!("{name} in {}", tables.join(", "));
                    let problem = Problem::UnknownColumn { name };
                    let fault = Diagnostic::new(ident.span.start, problem);
                    self.report(fault.suggest_maybe(suggestion));
                }
                None
            }
            [place] => {
                taken.insert(*place);
                side.columns.get(*place).cloned()
            }
            several => {
                let columns = several.iter().filter_map(|place| side.columns.get(*place));
                let candidates = columns.map(VisibleColumn::label).collect();
                let problem = Problem::Ambiguous { name, candidates };
                self.report(Diagnostic::new(ident.span.start, problem));
                None
            }
        }
    }
}

/// The columns that both sides of a natural join have, in the left side's order.
fn natural(left: &Frame, right: &Frame) -> Vec<Ident> {
    let wanted = |side: &Frame| -> Vec<String> {
        side.columns.iter().map(|c| c.column.wanted.to_string()).collect()
    };
    let on_the_right: HashSet<String> =
        wanted(right).into_iter().map(|name| name.to_lowercase()).collect();
    let mut seen = HashSet::new();
    let at = right.relations.first().map_or(Location::empty(), |relation| relation.at);
    let mut shared = wanted(left);
    shared.retain(|name| {
        let name = name.to_lowercase();
        on_the_right.contains(&name) && seen.insert(name)
    });
    let ident = |name| Ident { value: name, quote_style: None, span: Span::new(at, at) };
    shared.into_iter().map(ident).collect()
}

/// A join in brackets with an alias, `(a JOIN b) AS t`, and a table with a list of names for its
/// columns, `a AS t (x, y)`, as the derived table that it is: `(SELECT * FROM a JOIN b) AS t`.
fn selected(factor: &TableFactor) -> Option<TableFactor> {
    let (read, alias) = match factor {
        TableFactor::NestedJoin { table_with_joins, alias: Some(alias) } => {
            (*table_with_joins.clone(), alias)
        }
        TableFactor::Table { alias: Some(alias), .. } if !alias.columns.is_empty() => {
            let mut table = factor.clone();
            if let TableFactor::Table { alias, .. } = &mut table {
                *alias = None;
            }
            (TableWithJoins { relation: table, joins: vec![] }, alias)
        }
        _ => return None,
    };
    let mut query = written("SELECT * FROM a")?;
    let SetExpr::Select(select) = query.body.as_mut() else { return None };
    select.from = vec![read];
    let alias = Some(alias.clone());
    Some(TableFactor::Derived { lateral: false, subquery: query, alias, sample: None })
}

/// Give a table its alias.
fn finish(read: Relation, alias: &mut Option<TableAlias>, around: &mut Around<'_>) -> Relation {
    let given = alias.as_ref().map(|alias| alias.name.clone());
    let alias = alias.get_or_insert_with(|| plain_alias(&read.name, Span::empty()));
    let alias = around.name(alias);
    match given {
        Some(Ident { value: name, quote_style, .. }) => {
            let is_delimited = quote_style.is_some();
            Relation { alias, hidden: Some(read.name), name, is_delimited, schema: None, ..read }
        }
        None => Relation { alias, ..read },
    }
}

/// A stand-in for a table that does not exist: it has every column.
fn unknown_relation(table: String, alias: Option<&TableAlias>, at: Location) -> Relation {
    let name = alias.map_or(table, |alias| alias.name.value.clone());
    Relation { alias: name.as_str().into(), name, ..Relation::at(at) }
}

fn plain_alias(name: &str, span: Span) -> TableAlias {
    TableAlias { explicit: true, name: exact(name, span), columns: vec![], at: None }
}
