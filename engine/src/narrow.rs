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

mod thin;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, Ident, ObjectName, Query, TableFactor, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::layout::Layout;

/// Name of the schema in which narrowed tables are found.
pub(crate) const SCHEMA: &str = "narrowed tables";
/// Name of the column that holds what is passed on.
pub(crate) const PASSED: &str = "passed on";

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
    let tables = factors(query).into_iter().filter_map(|factor| match factor.what {
        What::Table(table) => Some(table),
        What::Named(_) | What::Derived | What::Renamed => None,
    });
    tables.collect()
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
    inline(query);
    let factors = factors(query);
    let is_wide =
        |factor: &Factor| matches!(&factor.what, What::Table(table) if wide.contains(table));
    if !factors.iter().any(is_wide) {
        return (vec![], Layout::Plain);
    }
    // What an alias means must be certain, or a column of another table would be passed on. It may
    // be used more than once, as in both queries of a union, for the same table.
    let mut uses: HashMap<&str, Vec<&Factor>> = HashMap::new();
    for factor in &factors {
        uses.entry(&factor.alias).or_default().push(factor);
    }
    let certain = uses.into_iter().filter(|(_, uses)| match uses.as_slice() {
        [one] => is_wide(one) || one.what == What::Derived,
        [one, others @ ..] => is_wide(one) && others.iter().all(|other| other.what == one.what),
        [] => false,
    });
    let certain = certain.map(|(alias, _)| alias.to_owned()).collect();
    let (passed, layout) = thin::thin(query, certain, n_passed);

    let named = mentions(query);
    let mut renames = Renames { wide, named, passed, number, needs: vec![] };
    // The walk never breaks off.
    let _ = VisitMut::visit(query, &mut renames);
    (renames.needs, layout)
}

/// A table, or what stands in the place of one, in a FROM clause.
struct Factor {
    alias: String,
    what: What,
}

#[derive(Debug, PartialEq, Eq)]
enum What {
    /// A table, by schema and name.
    Table((String, String)),
    /// A query of WITH, by name.
    Named(String),
    /// A query in brackets.
    Derived,
    /// A query in brackets, with a list of names for its columns.
    Renamed,
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
            let parts: Option<Vec<&Ident>> = name.0.iter().map(|part| part.as_ident()).collect();
            let what = match parts?.as_slice() {
                [schema, table] => What::Table((schema.value.clone(), table.value.clone())),
                [name] => What::Named(name.value.clone()),
                _ => return None,
            };
            Some(Factor { alias: alias.name.value.clone(), what })
        }
        TableFactor::Derived { alias: Some(alias), .. } => {
            let what = if alias.columns.is_empty() { What::Derived } else { What::Renamed };
            Some(Factor { alias: alias.name.value.clone(), what })
        }
        _ => None,
    }
}

/// In so many places at most a query of WITH that reads no other one is put.
const MOST_COPIES: usize = 4;

/// Put the queries of WITH that are read in one place there, and into a few places those that read no
/// others: in one place each, a select list of all columns is passed on as a whole.
fn inline(query: &mut Query) {
    struct Inline {
        queries: HashMap<String, Box<Query>>,
        n_put: usize,
    }
    impl VisitorMut for Inline {
        type Break = ();
        fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let Some(Factor { what: What::Named(name), .. }) = described(factor)
                && let TableFactor::Table { alias, .. } = factor
                && let Some(subquery) = self.queries.get(&name).cloned()
            {
                self.n_put += 1;
                let (lateral, sample) = (false, None);
                *factor = TableFactor::Derived { lateral, subquery, alias: alias.take(), sample };
            }
            ControlFlow::Continue(())
        }
    }
    let (readers, declared) = (factors(query), named_queries(query));
    let Some(with) = query.with.as_mut().filter(|with| !with.recursive) else { return };
    let is_put = |named: &Cte| {
        let name = &named.alias.name.value;
        let is_it = |factor: &&Factor| matches!(&factor.what, What::Named(it) if it == name);
        let n_declared = declared.iter().filter(|declared| *declared == name).count();
        let reads_others =
            factors(&named.query).iter().any(|factor| matches!(factor.what, What::Named(_)));
        let most = if reads_others { 1 } else { MOST_COPIES };
        let is_read = (1..=most).contains(&readers.iter().filter(is_it).count());
        named.alias.columns.is_empty() && n_declared == 1 && is_read
    };
    let (put, more): (Vec<_>, Vec<_>) =
        std::mem::take(&mut with.cte_tables).into_iter().partition(is_put);
    with.cte_tables = more;
    let queries = put.into_iter().map(|named| (named.alias.name.value, named.query)).collect();
    let mut inline = Inline { queries, n_put: 0 };
    // A query of WITH may read others, so that each may bring new places to look at.
    while !inline.queries.is_empty() {
        let n_put = inline.n_put;
        let _ = VisitMut::visit(query, &mut inline);
        if inline.n_put == n_put {
            break;
        }
    }
    if query.with.as_ref().is_some_and(|with| with.cte_tables.is_empty()) {
        query.with = None;
    }
}

/// The names of the queries of WITH, at all depths.
fn named_queries(query: &Query) -> Vec<String> {
    struct Names(Vec<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let named = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(named.map(|named| named.alias.name.value.clone()));
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(vec![]);
    let _ = Visit::visit(query, &mut names);
    names.0
}

/// The columns that a query names, by alias.
fn mentions(query: &Query) -> HashMap<String, BTreeSet<String>> {
    let mut mentions = Mentions(HashMap::new());
    let _ = Visit::visit(query, &mut mentions);
    mentions.0
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
        if let Some(Factor { alias, what: What::Table(table) }) = described(factor)
            && self.wide.contains(&table)
            && let TableFactor::Table { name, .. } = factor
        {
            let mut named = self.named.get(&alias).cloned().unwrap_or_default();
            named.remove(PASSED);
            let passed = self.passed.get(&alias).cloned().unwrap_or_default();
            // The same expression in two places, as in SELECT and GROUP BY, must stay the same.
            let is_same =
                |need: &&Need| need.table == table && need.named == named && need.passed == passed;
            if let Some(known) = self.needs.iter().find(is_same) {
                *name = ObjectName::from(vec![quoted(SCHEMA), quoted(&known.name)]);
                return ControlFlow::Continue(());
            }
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
