//! What stands in a select list and around it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, GroupByExpr, JoinOperator, OrderBy, OrderByKind, Query, Select, SelectItem,
    SetExpr, TableFactor, TableWithJoins, Value, Visit, Visitor,
};

use super::super::{Mentions, described, quoted};

/// `alias.column AS name`.
pub fn as_item(alias: &str, column: &str, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr: Expr::CompoundIdentifier(vec![quoted(alias), quoted(column)]),
        alias: quoted(name),
    }
}

/// Is each row of the FROM clause a row of the result, unless that is DISTINCT or a list of
/// aggregates?
pub fn is_ungrouped(select: &Select) -> bool {
    let ungrouped = match &select.group_by {
        GroupByExpr::Expressions(by, modifiers) => by.is_empty() && modifiers.is_empty(),
        GroupByExpr::All(_) => false,
    };
    ungrouped && select.having.is_none() && select.qualify.is_none()
}

/// Does a join of the query, at any depth, make rows that have NULL in the place of another row?
pub fn extends_with_null(query: &Query) -> bool {
    struct Outer;
    impl Visitor for Outer {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            match body_extends(&query.body) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        }
    }
    Visit::visit(query, &mut Outer).is_break()
}

fn body_extends(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.from.iter().any(from_extends),
        SetExpr::SetOperation { left, right, .. } => body_extends(left) || body_extends(right),
        // A query inside is visited by itself; nothing else has a FROM clause.
        _ => false,
    }
}

fn from_extends(tables: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => from_extends(table_with_joins),
        _ => false,
    };
    let keeps_rows = |operator: &JoinOperator| {
        use JoinOperator::{CrossJoin, Inner, Join};
        matches!(operator, Join(_) | Inner(_) | CrossJoin(_))
    };
    nested(&tables.relation)
        || tables
            .joins
            .iter()
            .any(|join| !keeps_rows(&join.join_operator) || nested(&join.relation))
}

/// The aliases of a FROM clause whose rows no join of it replaces by NULL.
pub fn never_null(from: &[TableWithJoins]) -> HashSet<String> {
    from.iter().flat_map(kept_by_joins).collect()
}

fn kept_by_joins(tables: &TableWithJoins) -> HashSet<String> {
    let of = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => kept_by_joins(table_with_joins),
        other => described(other).map(|factor| factor.alias).into_iter().collect(),
    };
    let mut kept = of(&tables.relation);
    for join in &tables.joins {
        use JoinOperator::{CrossJoin, Inner, Join, Left, LeftOuter, Right, RightOuter};
        match join.join_operator {
            Join(_) | Inner(_) | CrossJoin(_) => kept.extend(of(&join.relation)),
            Left(_) | LeftOuter(_) => {}
            Right(_) | RightOuter(_) => kept = of(&join.relation),
            _ => kept.clear(),
        }
    }
    kept
}

/// Has the item a name of its own, as each has in the tree of `almagest-adql`?
pub fn is_named(item: &SelectItem) -> bool {
    name(item).is_some()
}

/// The name of an item.
pub fn name(item: &SelectItem) -> Option<&str> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(&alias.value),
        _ => None,
    }
}

/// The alias and the column of an item that only passes a column on.
pub fn passed_on(item: &SelectItem) -> Option<(&str, &str)> {
    match item {
        SelectItem::ExprWithAlias { expr, .. } => column(expr),
        _ => None,
    }
}

/// The alias and the column of `alias.column`.
pub fn column(expr: &Expr) -> Option<(&str, &str)> {
    let Expr::CompoundIdentifier(parts) = expr else { return None };
    let [table, column] = parts.as_slice() else { return None };
    Some((&table.value, &column.value))
}

/// The tables, and what stands in the place of one, of a FROM clause, those in brackets included.
fn relations(from: &mut [TableWithJoins]) -> Vec<&mut TableFactor> {
    let mut found = vec![];
    for tables in from {
        let joined = tables.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut tables.relation).chain(joined) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    found.extend(relations(std::slice::from_mut(table_with_joins)));
                }
                other => found.push(other),
            }
        }
    }
    found
}

/// The aliases of a FROM clause.
pub fn aliases(from: &mut [TableWithJoins]) -> HashSet<String> {
    let found = relations(from).into_iter().filter_map(|factor| described(factor));
    found.map(|factor| factor.alias).collect()
}

/// The queries in brackets in a FROM clause.
pub fn derived_tables(from: &mut [TableWithJoins]) -> Vec<&mut TableFactor> {
    let mut found = relations(from);
    found.retain(|factor| matches!(factor, TableFactor::Derived { .. }));
    found
}

/// The columns that a query still names, by alias.
pub fn inner_mentions(
    select: &Select,
    order_by: Option<&OrderBy>,
) -> HashMap<String, BTreeSet<String>> {
    let mut mentions = Mentions(HashMap::new());
    let _ = Visit::visit(select, &mut mentions);
    if let Some(order_by) = order_by {
        let _ = Visit::visit(order_by, &mut mentions);
    }
    mentions.0
}

/// The output columns that rows are sorted by, which must stay; numbers of columns, which change,
/// become names.
pub fn sorted_by(order_by: &mut Option<OrderBy>, select: &Select) -> HashSet<String> {
    struct Names<'s> {
        /// The list, where all that rows are sorted by must be in it.
        list: &'s [SelectItem],
        found: HashSet<String>,
    }
    impl Visitor for Names<'_> {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(name) => {
                    self.found.insert(name.value.clone());
                }
                Expr::CompoundIdentifier(_) => {
                    let is_it = |item: &&SelectItem| matches!(item, SelectItem::ExprWithAlias { expr: it, .. } if it == expr);
                    let of_list = self.list.iter().filter(is_it).filter_map(name);
                    self.found.extend(of_list.map(str::to_owned));
                }
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let items = &select.projection;
    let list: &[SelectItem] = match select.distinct {
        Some(Distinct::Distinct) => items,
        _ => &[],
    };
    let mut names = Names { list, found: HashSet::new() };
    let kind = order_by.as_mut().map(|order_by| &mut order_by.kind);
    let Some(OrderByKind::Expressions(keys)) = kind else { return names.found };
    for key in keys {
        if let Expr::Value(value) = &key.expr
            && let Value::Number(number, _) = &value.value
            && let Ok(place) = number.parse::<usize>()
            && let Some(SelectItem::ExprWithAlias { alias, .. }) =
                place.checked_sub(1).and_then(|place| items.get(place))
        {
            key.expr = Expr::Identifier(alias.clone());
        }
        let _ = Visit::visit(&key.expr, &mut names);
    }
    names.found
}
