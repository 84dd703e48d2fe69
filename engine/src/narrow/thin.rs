//! Select lists without what nobody looks at: columns that are only passed on go together, and
//! columns of inner queries that nothing outside names go away.
//!
//! ```text
//!   SELECT t.a AS a, t.b AS b, … FROM (SELECT o.a AS a, o.b AS b, …, o.f * 2 AS g FROM Object AS o) AS t WHERE t.a > 3
//!     ↓
//!   SELECT t.a AS a, t.p AS p FROM (SELECT o.a AS a, o.p AS p FROM Object AS o) AS t WHERE t.a > 3
//! ```

mod equal_columns;
mod select_list;
mod set_operation;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderBy, Query, Select, SelectItem, SetExpr, TableFactor, VisitMut, VisitorMut,
};

use super::{Factor, PASSED, What, factors, mentions};
use crate::layout::{Layout, Slot};
use select_list::{
    aliases, as_item, derived_tables, extends_with_null, inner_mentions, is_named, is_ungrouped,
    name, never_null, passed_on, sorted_by,
};

/// Rewrite the select lists of `query` and of the queries in it.
///
/// # Arguments
/// `certain`: aliases of wide tables and of inner queries that mean one thing in the whole query.
///
/// # Returns
/// The columns of each wide table that are passed on, by alias; where output columns are.
pub(super) fn thin(
    query: &mut Query,
    certain: HashSet<String>,
    n_passed: usize,
) -> (HashMap<String, Vec<String>>, Layout) {
    let _ = VisitMut::visit(query, &mut Existence);
    let tables = factors(query).into_iter().filter(|factor| certain.contains(&factor.alias));
    let tables = tables.filter_map(|factor| match factor.what {
        What::Table(table) => Some((factor.alias, table)),
        What::Named(_) | What::Derived | What::Renamed => None,
    });
    let tables = tables.collect();
    let compares_structs = !extends_with_null(query);
    let passed = HashMap::new();
    let mut thinning = Thinning { certain, tables, compares_structs, n_passed, passed };
    thinning.equal_columns(query);
    thinning.named_queries(query);
    let places = thinning.list(query, None);
    let layout = match places.iter().any(|(_, place)| matches!(place, Place::Passed { .. })) {
        false => Layout::Plain,
        true => Layout::Packed(places.into_iter().map(Place::slot).collect()),
    };
    let in_order = |columns: HashMap<String, usize>| {
        let mut columns: Vec<(String, usize)> = columns.into_iter().collect();
        columns.sort_unstable_by_key(|(_, place)| *place);
        columns.into_iter().map(|(column, _)| column).collect()
    };
    let passed = thinning.passed.into_iter();
    (passed.map(|(alias, columns)| (alias, in_order(columns))).collect(), layout)
}

/// What the query around an inner one wants of it.
#[derive(Debug, Default)]
struct Wanted {
    /// Columns that it does something with.
    named: BTreeSet<String>,
    /// Columns that it passes on.
    passed: BTreeSet<String>,
}

/// Where an output column of a query has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// An item of its own.
    Item(usize),
    /// A child of the struct that this item is.
    Passed { item: usize, child: usize },
}

impl Place {
    fn slot((name, place): (String, Self)) -> Slot {
        match place {
            Self::Item(item) => Slot::Column(item),
            Self::Passed { item, child } => Slot::Passed { column: item, child, name },
        }
    }
}

struct Thinning {
    certain: HashSet<String>,
    /// Schema and name of the wide tables among those, by alias.
    tables: HashMap<String, (String, String)>,
    /// Are two structs equal where their children are? Not where an outer join makes some NULL:
    /// that differs from one whose children are.
    compares_structs: bool,
    n_passed: usize,
    /// Columns of wide tables that are passed on, by alias, each with its place among those.
    passed: HashMap<String, HashMap<String, usize>>,
}

/// An item of a select list on the way to the new list.
enum Item {
    Kept(Box<SelectItem>),
    /// `alias.column AS name`, which may go with others of the alias.
    Passing {
        alias: String,
        column: String,
        name: String,
    },
}

impl Thinning {
    /// Thin the queries of WITH by what all places that read them name.
    fn named_queries(&mut self, query: &mut Query) {
        if query.with.is_none() {
            return;
        }
        let names = mentions(query);
        let readers = factors(query);
        for named in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            if !named.alias.columns.is_empty() {
                continue;
            }
            let is_reader = |factor: &&Factor| matches!(&factor.what, What::Named(name) if *name == named.alias.name.value);
            let mentioned = readers.iter().filter(is_reader);
            let mentioned = mentioned.filter_map(|factor| names.get(&factor.alias));
            let named_columns = mentioned.flatten().cloned().collect();
            self.list(&mut named.query, Some(Wanted { named: named_columns, ..Wanted::default() }));
        }
    }

    /// Thin the select list of `query`; return its output columns, in their order, and where they
    /// are now. `wanted` by nobody in particular, all of them are to be passed on.
    fn list(&mut self, query: &mut Query, wanted: Option<Wanted>) -> Vec<(String, Place)> {
        let Query { body, order_by, .. } = query;
        match body.as_mut() {
            SetExpr::Select(select) => {
                let items = match self.is_thinned(select) {
                    true => {
                        let kept = sorted_by(order_by, select);
                        let items = self.sort_items(select, &kept, wanted.as_ref());
                        self.with_few_kept(items)
                    }
                    false => {
                        let projection = std::mem::take(&mut select.projection);
                        projection.into_iter().map(Item::kept_as_is).collect()
                    }
                };
                self.carry(select, order_by.as_ref(), items)
            }
            SetExpr::SetOperation { .. } => self.set_operation(body, order_by, wanted.as_ref()),
            _ => vec![],
        }
    }

    /// May columns of this list go together?
    fn is_thinned(&self, select: &Select) -> bool {
        let compares_by_some = matches!(select.distinct, Some(Distinct::On(_)));
        is_ungrouped(select) && !compares_by_some && select.projection.iter().all(is_named)
    }

    /// Thin the inner queries by what `items`, the list of `select`, ask of them, and write that
    /// list; return the output columns and where they are.
    fn carry(
        &mut self,
        select: &mut Select,
        order_by: Option<&OrderBy>,
        items: Vec<Item>,
    ) -> Vec<(String, Place)> {
        // What is left in the tree, with the items that stay, is what inner queries must give.
        select.projection = items.iter().filter_map(Item::kept).cloned().collect();
        let mut inner = HashMap::new();
        let mut named = inner_mentions(select, order_by);
        for derived in derived_tables(&mut select.from) {
            let TableFactor::Derived { subquery, alias: Some(alias), .. } = derived else {
                continue;
            };
            let alias = alias.name.value.clone();
            if !self.certain.contains(&alias) {
                continue;
            }
            let passed = items.iter().filter_map(|item| item.passing_of(&alias));
            let wanted = Wanted {
                named: named.remove(&alias).unwrap_or_default(),
                passed: passed.map(str::to_owned).collect(),
            };
            let places: HashMap<_, _> = self.list(subquery, Some(wanted)).into_iter().collect();
            inner.insert(alias, places);
        }
        let (projection, places) = self.join(items, &inner);
        select.projection = projection;
        places
    }

    /// Part the items into those that are kept, such as those named in `kept`, and those that may
    /// be passed on; what is not wanted is left out where that does not change the number of rows.
    fn sort_items(
        &self,
        select: &mut Select,
        kept: &HashSet<String>,
        wanted: Option<&Wanted>,
    ) -> Vec<Item> {
        let compares = matches!(select.distinct, Some(Distinct::Distinct));
        let here = match compares && !self.compares_structs {
            false => aliases(&mut select.from),
            // Rows of a table that none of the joins replaces by NULL can be compared all the same.
            true => {
                let mut here = never_null(&select.from);
                here.retain(|alias| self.tables.contains_key(alias));
                here
            }
        };
        // A list without a column of its own may be one of aggregates, which make one row of all.
        let is_of_here = |item| passed_on(item).is_some_and(|(alias, _)| here.contains(alias));
        let may_leave_out = !compares && select.projection.iter().any(is_of_here);
        let mut items: Vec<Item> = vec![];
        let mut spare = None;
        for item in std::mem::take(&mut select.projection) {
            let Some(name) = name(&item).map(str::to_owned) else { continue };
            let is_named =
                kept.contains(&name) || wanted.is_some_and(|wanted| wanted.named.contains(&name));
            let is_passed = wanted.is_none_or(|wanted| wanted.passed.contains(&name));
            if !is_named && !is_passed && may_leave_out {
                spare = spare.or(Some(item));
                continue;
            }
            let passing = passed_on(&item).filter(|(alias, _)| {
                !is_named && here.contains(*alias) && self.certain.contains(*alias)
            });
            items.push(match passing {
                Some((alias, column)) => {
                    Item::Passing { alias: alias.to_owned(), column: column.to_owned(), name }
                }
                None => Item::kept_as_is(item),
            });
        }
        // A query has a column, if only for its rows to be counted.
        match items.is_empty() {
            true => spare.into_iter().map(Item::kept_as_is).collect(),
            false => items,
        }
    }

    /// Where few columns of an alias would be passed on together, each keeps its item.
    fn with_few_kept(&self, items: Vec<Item>) -> Vec<Item> {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for item in &items {
            if let Item::Passing { alias, .. } = item {
                *counts.entry(alias.clone()).or_default() += 1;
            }
        }
        let keep = |item| match item {
            Item::Passing { alias, column, name } if counts[&alias] < self.n_passed => {
                Item::kept_as_is(as_item(&alias, &column, &name))
            }
            other => other,
        };
        items.into_iter().map(keep).collect()
    }

    /// Make the new list: kept items, then one for each struct. `inner` tells where the columns of
    /// inner queries have gone; columns of other aliases are those of wide tables.
    fn join(
        &mut self,
        items: Vec<Item>,
        inner: &HashMap<String, HashMap<String, Place>>,
    ) -> (Vec<SelectItem>, Vec<(String, Place)>) {
        let mut kept: Vec<SelectItem> = vec![];
        // Each struct by its alias and its name there.
        let mut structs: Vec<(String, String)> = vec![];
        // Where structs begin is known when all kept items are.
        let mut outputs: Vec<(String, Place)> = vec![];
        for item in items {
            let (alias, column, output) = match item {
                Item::Passing { alias, column, name } => (alias, column, name),
                Item::Kept(item) => {
                    outputs.push((
                        name(&item).unwrap_or_default().to_owned(),
                        Place::Item(kept.len()),
                    ));
                    kept.push(*item);
                    continue;
                }
            };
            let found = match inner.get(&alias) {
                None => Some((PASSED.to_owned(), self.child(&alias, &column))),
                Some(places) => match places.get(&column) {
                    Some(Place::Passed { item, child }) => Some((struct_name(*item), *child)),
                    _ => None,
                },
            };
            match found {
                Some((passed, child)) => {
                    let one = (alias, passed);
                    let nth = structs.iter().position(|known| *known == one);
                    let nth = nth.unwrap_or_else(|| {
                        structs.push(one);
                        structs.len() - 1
                    });
                    outputs.push((output, Place::Passed { item: nth, child }));
                }
                None => {
                    outputs.push((output.clone(), Place::Item(kept.len())));
                    kept.push(as_item(&alias, &column, &output));
                }
            }
        }
        let first = kept.len();
        let structs = structs.iter().enumerate();
        kept.extend(
            structs.map(|(nth, (alias, passed))| as_item(alias, passed, &struct_name(first + nth))),
        );
        for (_, place) in &mut outputs {
            if let Place::Passed { item, .. } = place {
                *item += first;
            }
        }
        (kept, outputs)
    }

    /// The place of a column among those that its table passes on.
    fn child(&mut self, alias: &str, column: &str) -> usize {
        let columns = self.passed.entry(alias.to_owned()).or_default();
        let next = columns.len();
        *columns.entry(column.to_owned()).or_insert(next)
    }
}

impl Item {
    fn kept_as_is(item: SelectItem) -> Self {
        Self::Kept(Box::new(item))
    }

    fn kept(&self) -> Option<&SelectItem> {
        match self {
            Self::Kept(item) => Some(item),
            Self::Passing { .. } => None,
        }
    }

    fn passing_of(&self, of: &str) -> Option<&str> {
        match self {
            Self::Passing { alias, column, .. } if alias == of => Some(column),
            _ => None,
        }
    }
}

/// Whether rows exist does not depend on their columns.
struct Existence;

impl VisitorMut for Existence {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Exists { subquery, .. } = expr
            && let SetExpr::Select(select) = subquery.body.as_mut()
            && is_ungrouped(select)
            && !matches!(select.distinct, Some(Distinct::On(_)))
            && select.projection.iter().all(|item| passed_on(item).is_some())
        {
            select.projection.truncate(1);
        }
        ControlFlow::Continue(())
    }
}

/// The name of the struct that is the item at this place.
fn struct_name(item: usize) -> String {
    format!("{PASSED} {item}")
}
