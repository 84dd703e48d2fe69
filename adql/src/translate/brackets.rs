//! ORDER BY of a query in brackets that is a table itself: it says nothing, and goes.
//!
//! ```text
//! SELECT * FROM ((SELECT TOP 2 id FROM Star ORDER BY id DESC) ORDER BY id) AS t
//!   ↓
//! SELECT * FROM ((SELECT TOP 2 id FROM Star ORDER BY id DESC)) AS t
//! ```
//!
//! DataFusion leaves it out as well, but with it the order by which the query inside finds its TOP (as
//! of version 55).

use std::ops::ControlFlow;

use sqlparser::ast::{Query, SetExpr, VisitMut, VisitorMut};

/// Rewrite the queries inside of `query` that are sorted so.
pub(super) fn rewrite(query: &mut Query) {
    // The walk never breaks off.
    let _ = VisitMut::visit(query, &mut Walk { is_seen: vec![true] });
}

/// Of each query on the way, the outermost first: is the order of the queries in it seen?
struct Walk {
    is_seen: Vec<bool>,
}

impl VisitorMut for Walk {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let is_in_brackets = matches!(query.body.as_ref(), SetExpr::Query(_));
        let is_seen = self.is_seen.last() == Some(&true) || query.limit_clause.is_some();
        if is_in_brackets && !is_seen {
            query.order_by = None;
        }
        // Through brackets one sees the order inside; a SELECT has its own.
        self.is_seen.push(is_in_brackets && is_seen);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.is_seen.pop();
        ControlFlow::Continue(())
    }
}
