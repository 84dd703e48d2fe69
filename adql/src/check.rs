//! The whitelist: what may stand in a query, on its text and in its tree.
//!
//! sqlparser reads the SQL of twenty systems. Each field of each node that a query can hold is
//! looked at here; what is not known to be harmless is refused by name.

mod expression;
mod query;
pub(crate) mod text;

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, TableFactor, Visit, Visitor};
use sqlparser::tokenizer::Location;

use crate::error::Diagnostic;

/// What the walk finds: faults, and liberties that are granted with a word about it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Constructs that the rest of the crate cannot handle; nothing can be done with the query.
    pub structure: Vec<Diagnostic>,
    /// Unknown functions and wrong arguments, which can be reported with unresolved names.
    pub functions: Vec<Diagnostic>,
    /// Extensions that the query uses.
    pub warnings: Vec<String>,
}

impl Findings {
    fn not_adql(&mut self, at: Location, what: impl Into<String>) {
        self.structure.push(Diagnostic::not_adql(at, what));
    }

    /// Say once that the query uses an extension.
    fn extension(&mut self, what: &str) {
        let warning = format!("{what} is an extension that other ADQL services may not have");
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// Walk over the whole tree. `text` is what it was parsed from.
pub(crate) fn check(query: &Query, text: &str) -> Findings {
    let mut walk = Walk { text, findings: Findings::default() };
    // The walk never breaks off.
    let _ = query.visit(&mut walk);
    walk.findings
}

struct Walk<'t> {
    text: &'t str,
    findings: Findings,
}

impl Visitor for Walk<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        query::check_query(query, &mut self.findings);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        query::check_select(select, &mut self.findings);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        query::check_table_factor(factor, &mut self.findings);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        expression::check_expr(expr, self.text, &mut self.findings);
        ControlFlow::Continue(())
    }
}
