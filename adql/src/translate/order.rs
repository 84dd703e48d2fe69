//! ORDER BY what the engine cannot sort by where it stands: its value becomes a column of a query
//! inside, which is sorted by that column.
//!
//! ```text
//! SELECT ROUND(s.ra, 2) AS ra FROM Star AS s ORDER BY s.ra + s.dec
//!   ↓     ra would be the column of the table and that of the list
//! SELECT sorted.ra AS ra FROM (SELECT ROUND(s.ra, 2) AS ra, s.ra + s.dec AS "by 1" FROM Star AS s) AS sorted
//!   ORDER BY sorted."by 1"
//! ```
//!
//! So do values with a subquery, which belong to the rows before the list is made of them.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, OrderByExpr, OrderByKind, Query, Select, SelectItem, SetExpr, VisitMut, VisitorMut,
    visit_expressions, visit_expressions_mut,
};
use sqlparser::tokenizer::Span;

use crate::tree::{bare, column, exact, limited, nested, put_inside, written};

/// Rewrite the queries in `query` that are sorted in such a way.
pub(super) fn rewrite(query: &mut Query) {
    // The walk never breaks off.
    let _ = VisitMut::visit(query, &mut Sorted { n_made: 0 });
}

struct Sorted {
    /// How many queries have been put inside another; each has another alias.
    n_made: usize,
}

impl VisitorMut for Sorted {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        // Where the frame of the new query cannot be made, the query stays as it is.
        let _ = self.put_inside(query);
        ControlFlow::Continue(())
    }
}

impl Sorted {
    fn put_inside(&mut self, query: &mut Query) -> Option<()> {
        let OrderByKind::Expressions(order) = &mut query.order_by.as_mut()?.kind else {
            return None;
        };
        let SetExpr::Select(select) = query.body.as_mut() else { return None };
        if select.distinct.is_some() || !order.iter().any(|item| is_difficult(item, select)) {
            return None;
        }
        let outputs: HashMap<String, Expr> = outputs(select).collect();
        let names: Option<Vec<String>> = select.projection.iter().map(name).collect();
        let names = names?;
        let alias = format!("sorted {}", self.n_made);
        let quoted = |name: &str| exact(name, Span::empty()).to_string();
        let it = quoted(&alias);
        let items = names.iter().map(|name| format!("{it}.{} AS {}", quoted(name), quoted(name)));
        let items: Vec<String> = items.collect();
        let mut around = written(&format!("SELECT {} FROM (SELECT 1) AS {it}", items.join(", ")))?;
        self.n_made += 1;
        for (nth, item) in order.iter_mut().enumerate() {
            if is_of_output(&item.expr) {
                continue;
            }
            let by = format!("by {nth} of {alias}");
            let mut expr = std::mem::replace(&mut item.expr, column(&alias, &by, Span::empty()));
            // Inside, names of the list are not known yet.
            let _ = visit_expressions_mut(&mut expr, |expr| {
                if let Expr::Identifier(ident) = expr
                    && let Some(output) = outputs.get(&ident.value)
                {
                    *expr = nested(output.clone());
                }
                ControlFlow::<()>::Continue(())
            });
            let alias = exact(&by, Span::empty());
            select.projection.push(SelectItem::ExprWithAlias { expr, alias });
        }
        let top = select.top.take();
        put_inside(&mut around, limited(query.body.as_ref().clone(), None))?;
        if let SetExpr::Select(select) = around.body.as_mut() {
            select.top = top;
        }
        query.body = around.body;
        Some(())
    }
}

/// Does it sort by a position or an output column?
fn is_of_output(by: &Expr) -> bool {
    matches!(by, Expr::Identifier(_) | Expr::Value(_))
}

/// Does it hold a subquery, or a column of a table after which something else in the list is called?
fn is_difficult(item: &OrderByExpr, select: &Select) -> bool {
    let is_hidden = |expr: &Expr| match expr {
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|last| {
            outputs(select).any(|(name, output)| name == last.value && bare(&output) != expr)
        }),
        _ => false,
    };
    visit_expressions(&item.expr, |expr| match expr {
        Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        other if is_hidden(other) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    })
    .is_break()
}

fn outputs(select: &Select) -> impl Iterator<Item = (String, Expr)> {
    select.projection.iter().filter_map(|item| match item {
        SelectItem::ExprWithAlias { expr, alias } => Some((alias.value.clone(), expr.clone())),
        _ => None,
    })
}

fn name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        _ => None,
    }
}
