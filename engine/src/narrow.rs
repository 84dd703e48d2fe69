//! Wide tables, of which a query names a few columns and passes most on untouched.
//!
//! ```text
//!   SELECT o.a AS a, … 1,200 more …, o.f * 2 AS x FROM dp2.Object AS o WHERE o.ra > 3 ORDER BY a
//!     ↓
//!   SELECT o.a AS a, o.passed AS passed_0, o.f * 2 AS x FROM "narrowed tables"."Object_7_0" AS o WHERE o.ra > 3 ORDER BY a
//!                      └ a struct of the 1,200: children are picked out of it at the end (Layout)
//! ```
//!
//! DataFusion pays for every column of a table at every step of planning, for some with the square
//! of their number. So it is shown a table that has only the columns that the query does something
//! with, and one more that holds those that are only selected. The tree is that of `almagest-adql`:
//! each column is written `alias.column`, each table has an alias, each output column a name of its own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, GroupByExpr, Ident, ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem, SetExpr,
    TableFactor, TableWithJoins, Value, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::layout::{Layout, Slot};

/// Name of the schema in which narrowed tables are found.
pub(crate) const SCHEMA: &str = "narrowed tables";
/// Name of the column that holds what is passed on.
pub(crate) const PASSED: &str = "passed";

/// A table as one place of a query needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Need {
    /// Its name in the rewritten query, in [`SCHEMA`].
    pub name: String,
    /// Schema and table.
    pub table: (String, String),
    /// Columns that the query does something with.
    pub named: BTreeSet<String>,
    /// Columns that are only selected, each once.
    pub passed: Vec<String>,
}

/// Return the tables that the query reads, as schema and table, each once.
pub(crate) fn tables(query: &Query) -> BTreeSet<(String, String)> {
    factors(query).into_iter().filter_map(|factor| factor.table).collect()
}

/// Rewrite `query` so that it reads narrowed tables in the place of `wide` ones.
///
/// # Arguments
/// `wide`: schema and table of what is worth it.
/// `n_passed`: fewer columns than this are not worth to be passed on together.
/// `number`: makes the names of the narrowed tables differ from those of other queries.
///
/// # Returns
/// What each place needs, and where the output columns are then found.
pub(crate) fn narrow(
    query: &mut Query,
    wide: &HashSet<(String, String)>,
    n_passed: usize,
    number: u64,
) -> (Vec<Need>, Layout) {
    let factors = factors(query);
    let is_wide =
        |factor: &&Factor| factor.table.as_ref().is_some_and(|table| wide.contains(table));
    if !factors.iter().any(|factor| is_wide(&factor)) {
        return (vec![], Layout::Plain);
    }
    // What an alias means must be certain, or a column of another table would be passed on.
    let n_uses = |alias: &str| factors.iter().filter(|factor| factor.alias == alias).count();
    let certain = factors.iter().filter(is_wide).map(|factor| factor.alias.clone());
    let certain: HashSet<String> = certain.filter(|alias| n_uses(alias) == 1).collect();
    let (passed, layout) = pass(query, &certain, n_passed);

    let mut mentions = Mentions(HashMap::new());
    // Neither walk breaks off.
    let _ = Visit::visit(query, &mut mentions);
    let mut renames = Renames { wide, named: mentions.0, passed, number, needs: vec![] };
    let _ = VisitMut::visit(query, &mut renames);
    (renames.needs, layout)
}

/// A table, or what stands in the place of one, in a FROM clause.
struct Factor {
    alias: String,
    /// Schema and table, if it is a table of a schema.
    table: Option<(String, String)>,
}

fn factors(query: &Query) -> Vec<Factor> {
    struct Factors(Vec<Factor>);
    impl Visitor for Factors {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            self.0.extend(described(factor));
            ControlFlow::Continue(())
        }
    }
    let mut found = Factors(vec![]);
    let _ = Visit::visit(query, &mut found);
    found.0
}

fn described(factor: &TableFactor) -> Option<Factor> {
    match factor {
        TableFactor::Table { name, alias: Some(alias), .. } => {
            let table = match name.0.as_slice() {
                [schema, table] => schema.as_ident().zip(table.as_ident()),
                _ => None,
            };
            let table = table.map(|(schema, table)| (schema.value.clone(), table.value.clone()));
            Some(Factor { alias: alias.name.value.clone(), table })
        }
        TableFactor::Derived { alias: Some(alias), .. } => {
            Some(Factor { alias: alias.name.value.clone(), table: None })
        }
        _ => None,
    }
}

/// Take the items that only pass a column on out of the outermost list, one column for each alias
/// in their place; returns the columns by alias.
fn pass(
    query: &mut Query,
    certain: &HashSet<String>,
    n_passed: usize,
) -> (HashMap<String, Vec<String>>, Layout) {
    let Query { body, order_by, .. } = query;
    let select = match body.as_mut() {
        SetExpr::Select(select) if is_plain(select) => select,
        _ => return Default::default(),
    };
    let outermost = aliases(&select.from);
    let kept = sorted_by(order_by, &select.projection);
    let mut places: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, item) in select.projection.iter().enumerate() {
        if let Some((alias, _, name)) = passed_on(item)
            && certain.contains(alias)
            && outermost.contains(alias)
            && !kept.contains(name)
        {
            places.entry(alias.to_owned()).or_default().push(place);
        }
    }
    places.retain(|_, places| places.len() >= n_passed);
    if places.is_empty() {
        return Default::default();
    }
    let packed: HashSet<usize> = places.values().flatten().copied().collect();
    let mut passed: HashMap<String, Vec<String>> = HashMap::new();
    // Where each child is among those of its alias.
    let mut children: HashMap<(String, String), usize> = HashMap::new();
    let mut aliases: Vec<String> = vec![];
    let mut slots = vec![];
    let mut items = vec![];
    for (place, item) in std::mem::take(&mut select.projection).into_iter().enumerate() {
        match passed_on(&item).filter(|_| packed.contains(&place)) {
            Some((alias, column, name)) => {
                if !aliases.iter().any(|known| known == alias) {
                    aliases.push(alias.to_owned());
                }
                let columns = passed.entry(alias.to_owned()).or_default();
                let child =
                    *children.entry((alias.to_owned(), column.to_owned())).or_insert_with(|| {
                        columns.push(column.to_owned());
                        columns.len() - 1
                    });
                slots.push((alias.to_owned(), child, name.to_owned()));
            }
            None => {
                slots.push((String::new(), items.len(), String::new()));
                items.push(item);
            }
        }
    }
    let first = items.len();
    let slots = slots.into_iter().map(|(alias, place, name)| {
        match aliases.iter().position(|known| *known == alias) {
            Some(nth) => Slot::Passed { column: first + nth, child: place, name },
            None => Slot::Column(place),
        }
    });
    let layout = Layout::Packed(slots.collect());
    items.extend(aliases.iter().enumerate().map(|(nth, alias)| SelectItem::ExprWithAlias {
        expr: Expr::CompoundIdentifier(vec![quoted(alias), quoted(PASSED)]),
        alias: quoted(&format!("{PASSED}_{nth}")),
    }));
    select.projection = items;
    (passed, layout)
}

/// Is each row of the FROM clause at most one row of the result, as it stands there?
fn is_plain(select: &Select) -> bool {
    let ungrouped = match &select.group_by {
        GroupByExpr::Expressions(by, modifiers) => by.is_empty() && modifiers.is_empty(),
        GroupByExpr::All(_) => false,
    };
    ungrouped && select.distinct.is_none() && select.having.is_none() && select.qualify.is_none()
}

/// The alias, the column and the name of an item that only passes a column on.
fn passed_on(item: &SelectItem) -> Option<(&str, &str, &str)> {
    match item {
        SelectItem::ExprWithAlias { expr: Expr::CompoundIdentifier(parts), alias } => {
            match parts.as_slice() {
                [table, column] => Some((&table.value, &column.value, &alias.value)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The aliases of the tables of a FROM clause, those in brackets included.
fn aliases(from: &[TableWithJoins]) -> HashSet<String> {
    let mut found = HashSet::new();
    for tables in from {
        let joined = tables.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&tables.relation).chain(joined) {
            match factor {
                TableFactor::NestedJoin { table_with_joins, .. } => {
                    found.extend(aliases(std::slice::from_ref(table_with_joins)));
                }
                other => found.extend(described(other).map(|factor| factor.alias)),
            }
        }
    }
    found
}

/// The output columns that rows are sorted by, which must stay; numbers of columns, which change,
/// become names.
fn sorted_by(order_by: &mut Option<OrderBy>, items: &[SelectItem]) -> HashSet<String> {
    struct Names(HashSet<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr {
                self.0.insert(name.value.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(HashSet::new());
    let kind = order_by.as_mut().map(|order_by| &mut order_by.kind);
    let Some(OrderByKind::Expressions(keys)) = kind else { return names.0 };
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
    names.0
}

/// The columns that are named, by alias.
struct Mentions(HashMap<String, BTreeSet<String>>);

impl Visitor for Mentions {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [.., table, column] = parts.as_slice()
        {
            self.0.entry(table.value.clone()).or_default().insert(column.value.clone());
        }
        ControlFlow::Continue(())
    }
}

/// Puts a narrowed table in the place of each wide one.
struct Renames<'w> {
    wide: &'w HashSet<(String, String)>,
    /// Columns by alias: where two tables have one alias, those of both.
    named: HashMap<String, BTreeSet<String>>,
    passed: HashMap<String, Vec<String>>,
    number: u64,
    needs: Vec<Need>,
}

impl VisitorMut for Renames<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let Some(Factor { alias, table: Some(table) }) = described(factor)
            && self.wide.contains(&table)
            && let TableFactor::Table { name, .. } = factor
        {
            let mut named = self.named.get(&alias).cloned().unwrap_or_default();
            named.remove(PASSED);
            let passed = self.passed.get(&alias).cloned().unwrap_or_default();
            let new = format!("{}_{}_{}", table.1, self.number, self.needs.len());
            *name = ObjectName::from(vec![quoted(SCHEMA), quoted(&new)]);
            self.needs.push(Need { name: new, table, named, passed });
        }
        ControlFlow::Continue(())
    }
}

fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}
