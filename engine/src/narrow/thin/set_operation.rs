//! Set operations: what all of their select lists pass on, alike, goes together in each.
//!
//! ```text
//!   SELECT a.k AS k, a.x AS x, a.y AS y FROM Object AS a UNION SELECT b.k AS k, b.x AS x, b.y AS y FROM Object AS b ORDER BY k
//!     ↓
//!   SELECT a.k AS k, a.p AS p FROM Object AS a UNION SELECT b.k AS k, b.p AS p FROM Object AS b ORDER BY k
//! ```

use std::collections::{HashMap, HashSet};

use datafusion::sql::sqlparser::ast::{OrderBy, Select, SetExpr, SetOperator, SetQuantifier};

use super::select_list::{as_item, sorted_by};
use super::{Item, Place, Thinning, Wanted};

impl Thinning {
    /// Thin the select lists of set operations.
    pub(super) fn set_operation(
        &mut self,
        body: &mut SetExpr,
        order_by: &mut Option<OrderBy>,
        wanted: Option<&Wanted>,
    ) -> Vec<(String, Place)> {
        let mut united = United::default();
        if !united.add(body) || (united.compares && !self.compares_structs) {
            return vec![];
        }
        let mut selects = united.selects;
        let Some(first) = selects.first() else { return vec![] };
        let n_items = first.projection.len();
        let is_thinned =
            |select: &&mut Select| select.projection.len() == n_items && self.is_thinned(select);
        if !selects.iter().all(is_thinned) {
            return vec![];
        }
        let mut kept = sorted_by(order_by, first);
        kept.extend(wanted.iter().flat_map(|wanted| wanted.named.iter().cloned()));
        let mut lists: Vec<Vec<Item>> = vec![];
        for (nth, select) in selects.iter_mut().enumerate() {
            // The columns of a set operation have the names of its first list.
            let none = HashSet::new();
            lists.push(self.sort_items(select, if nth == 0 { &kept } else { &none }, None));
        }
        self.agree(&mut lists);
        let mut places = vec![];
        for (select, items) in selects.into_iter().zip(lists) {
            let items = self.with_few_kept(items);
            let of_this = self.carry(select, None, items);
            if places.is_empty() {
                places = of_this;
            }
        }
        places
    }

    /// Keep each item that not all lists pass on from the same column of the same table.
    fn agree(&self, lists: &mut [Vec<Item>]) {
        let n_items = lists.first().map_or(0, Vec::len);
        // For each list, what the aliases of the first are called in it, and the other way round.
        let mut aliases: Vec<[HashMap<String, String>; 2]> = vec![Default::default(); lists.len()];
        for nth in 0..n_items {
            let passing: Option<Vec<(&str, &str)>> = lists
                .iter()
                .map(|list| match &list[nth] {
                    Item::Passing { alias, column, .. } => Some((alias.as_str(), column.as_str())),
                    Item::Kept(_) => None,
                })
                .collect();
            let agrees = passing.as_ref().is_some_and(|passing| {
                let (first, column) = passing[0];
                self.tables.contains_key(first)
                    && passing.iter().zip(&aliases).all(|((alias, its_column), [there, back])| {
                        *its_column == column
                            && self.tables.get(*alias) == self.tables.get(first)
                            && there.get(first).is_none_or(|known| known == alias)
                            && back.get(*alias).is_none_or(|known| known == first)
                    })
            });
            match passing.filter(|_| agrees) {
                Some(passing) => {
                    let first = passing[0].0;
                    for ((alias, _), [there, back]) in passing.iter().zip(&mut aliases) {
                        there.insert(first.to_owned(), (*alias).to_owned());
                        back.insert((*alias).to_owned(), first.to_owned());
                    }
                }
                None => lists.iter_mut().for_each(|list| list[nth].keep()),
            }
        }
    }
}

impl Item {
    /// Let the item be one of its own.
    fn keep(&mut self) {
        if let Self::Passing { alias, column, name } = self {
            *self = Self::kept_as_is(as_item(alias, column, name));
        }
    }
}

/// The queries of set operations.
#[derive(Default)]
struct United<'q> {
    selects: Vec<&'q mut Select>,
    /// Are rows compared, to leave out the equal ones?
    compares: bool,
}

impl<'q> United<'q> {
    /// Add the queries of `body`; return whether it is made of nothing but lists.
    fn add(&mut self, body: &'q mut SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => {
                self.selects.push(select);
                true
            }
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } => {
                self.compares |= !matches!(set_quantifier, SetQuantifier::All);
                self.add(left) && self.add(right)
            }
            SetExpr::SetOperation { left, op, right, .. } => {
                // These compare rows whether ALL is said or not.
                let is_known = matches!(op, SetOperator::Intersect | SetOperator::Except);
                self.compares = true;
                is_known && self.add(left) && self.add(right)
            }
            SetExpr::Query(query) => {
                let is_bare = query.with.is_none()
                    && query.order_by.is_none()
                    && query.limit_clause.is_none()
                    && query.fetch.is_none();
                is_bare && self.add(&mut query.body)
            }
            _ => false,
        }
    }
}
