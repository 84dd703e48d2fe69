//! EXCEPT ALL and INTERSECT ALL, which count how often a row occurs: the engine's joins do not.
//!
//! ```text
//! A EXCEPT ALL B
//!   ↓     the third of three equal rows of A is left out only by a third of B
//! SELECT c FROM (SELECT c, row_number() OVER (PARTITION BY c) AS nth FROM (A) EXCEPT SELECT c, … FROM (B))
//! ```
//!
//! Reference: ISO/IEC 9075:1992, 7.10 (query expression): max(m − n, 0) and min(m, n) rows.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Query, SelectItem, SetExpr, SetOperator, SetQuantifier, VisitMut, VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::tree::{exact, limited, put_inside, written};

/// Rewrite the set operations of `query`.
pub(super) fn rewrite(query: &mut Query) {
    // The walk never breaks off.
    let _ = VisitMut::visit(query, &mut Multisets { n_made: 0 });
}

struct Multisets {
    /// How many aliases have been made; each is another.
    n_made: usize,
}

impl VisitorMut for Multisets {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.body(&mut query.body);
        ControlFlow::Continue(())
    }
}

impl Multisets {
    fn body(&mut self, body: &mut SetExpr) {
        // Kept small, as it stands on the stack once for each operation in the other.
        let SetExpr::SetOperation { left, op, set_quantifier, right } = body else { return };
        self.body(left);
        self.body(right);
        let counts = matches!(op, SetOperator::Except | SetOperator::Intersect);
        if counts && *set_quantifier == SetQuantifier::All {
            self.count(body);
        }
    }

    fn count(&mut self, body: &mut SetExpr) {
        let SetExpr::SetOperation { left, op, right, .. } = body else { return };
        let Some(names) = columns(left) else { return };
        let Some(theirs) = columns(right) else { return };
        let (Some(ours), Some(others)) = (self.counted(&names, left), self.counted(&theirs, right))
        else {
            return;
        };
        let compared = SetExpr::SetOperation {
            left: Box::new(ours),
            op: *op,
            set_quantifier: SetQuantifier::Distinct,
            right: Box::new(others),
        };
        if let Some(all) = self.select(&names, "", compared) {
            *body = all;
        }
    }

    /// `operand` with one more column: which of the rows that are equal to it a row is.
    fn counted(&mut self, names: &[String], operand: &SetExpr) -> Option<SetExpr> {
        let alias = format!("all {}", self.n_made);
        let by: Vec<String> =
            names.iter().map(|name| format!("{}.{}", quoted(&alias), quoted(name))).collect();
        let nth = format!(", row_number() OVER (PARTITION BY {}) AS \"nth\"", by.join(", "));
        self.select(names, &nth, operand.clone())
    }

    /// Select columns, and `more`, of what stands in brackets.
    fn select(&mut self, names: &[String], more: &str, inner: SetExpr) -> Option<SetExpr> {
        let alias = quoted(&format!("all {}", self.n_made));
        self.n_made += 1;
        let items: Vec<String> = names
            .iter()
            .map(|name| format!("{alias}.{} AS {}", quoted(name), quoted(name)))
            .collect();
        let text = format!("SELECT {}{more} FROM (SELECT 1) AS {alias}", items.join(", "));
        let mut around = written(&text)?;
        let inner = match inner {
            SetExpr::Query(query) => *query,
            other => limited(other, None),
        };
        put_inside(&mut around, inner)?;
        Some(*around.body)
    }
}

/// The names of the columns of a query: those of its first list.
fn columns(body: &SetExpr) -> Option<Vec<String>> {
    match body {
        SetExpr::Select(select) => select
            .projection
            .iter()
            .map(|item| match item {
                SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
                _ => None,
            })
            .collect(),
        SetExpr::Query(query) => columns(&query.body),
        SetExpr::SetOperation { left, .. } => columns(left),
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    exact(name, Span::empty()).to_string()
}
