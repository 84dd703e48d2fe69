//! A tree as ADQL text that parses to the same tree.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Query, Value, ValueWithSpan, VisitMut, VisitorMut};

/// Print a query as ADQL.
///
/// sqlparser prints its own tree, but takes a doubled quote inside a string for an escaped one;
/// here every string is escaped from what it holds.
pub fn print(query: &Query) -> String {
    let mut query = query.clone();
    // The walk never breaks off.
    let _ = query.visit(&mut Escape);
    query.to_string()
}

struct Escape;

impl VisitorMut for Escape {
    type Break = ();

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) = &value.value {
            // A placeholder prints as it is.
            value.value = Value::Placeholder(format!("'{}'", text.replace('\'', "''")));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => escape(ident),
            Expr::CompoundIdentifier(idents) => idents.iter_mut().for_each(escape),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Put a delimited identifier's quotes into its text.
fn escape(ident: &mut Ident) {
    if ident.quote_style.is_some() && ident.value.contains('"') {
        let value = format!("\"{}\"", ident.value.replace('"', "\"\""));
        *ident = Ident { value, quote_style: None, span: ident.span };
    }
}
