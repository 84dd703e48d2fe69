//! Other aliases for tables that a subquery could not see otherwise.
//!
//! Where a column is called like a table of a query around, the engine takes `table.column` for a part of
//! that column:
//!
//! ```text
//! FROM "Visit" AS "x" WHERE EXISTS (SELECT 1 FROM "Star" WHERE "x"."visit" > 7)      -- Star has an x
//!   ↓
//! FROM "Visit" AS "x_2" WHERE EXISTS (SELECT 1 FROM "Star" WHERE "x_2"."visit" > 7)
//! ```

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, TableFactor, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

use crate::names::Names;
use crate::tree::exact;

/// Give each of these aliases a name that nothing in a resolved query has, and no table's column.
pub(super) fn rename(query: &mut Query, hidden: &BTreeSet<String>, names: &Names) {
    for alias in hidden {
        let text = query.to_string();
        let columns = || names.tables().flat_map(|found| &found.table.columns);
        let is_free = |name: &String| {
            !text.contains(&exact(name, Span::empty()).to_string())
                && !columns().any(|column| column.name == *name)
        };
        let new = (2u32..).map(|n| format!("{alias}_{n}")).find(is_free);
        let mut renaming = Renaming { alias, new: new.unwrap_or_default() };
        // The walk never breaks off.
        let _ = query.visit(&mut renaming);
    }
}

/// A walk that gives tables of one alias another one.
struct Renaming<'a> {
    alias: &'a str,
    new: String,
}

impl Renaming<'_> {
    fn rename(&self, ident: &mut Ident) {
        if ident.value == self.alias {
            *ident = exact(&self.new, ident.span);
        }
    }
}

impl VisitorMut for Renaming<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } = factor
        {
            self.rename(&mut alias.name);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && let [table, _] = parts.as_mut_slice()
        {
            self.rename(table);
        }
        ControlFlow::Continue(())
    }
}
