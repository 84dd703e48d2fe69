//! A tree as ADQL text that parses to the same tree.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, TableAlias, TableFactor, TableWithJoins, Value, ValueWithSpan,
    VisitMut, VisitorMut,
};

use crate::tree::constraint;

/// Print a query as ADQL.
///
/// sqlparser prints its own tree, but takes a doubled quote inside a string for an escaped one;
/// here every string and delimited identifier is escaped from what it holds.
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

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.iter_mut().flat_map(|with| &mut with.cte_tables);
        tables.for_each(|table| escape_alias(&mut table.alias));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            match item {
                SelectItem::ExprWithAlias { alias, .. } => escape(alias),
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => escape_name(name),
                _ => {}
            }
        }
        select.from.iter_mut().for_each(escape_joins);
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<()> {
        escape_name(name);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } => escape_alias(alias),
            TableFactor::NestedJoin { table_with_joins, alias } => {
                alias.iter_mut().for_each(escape_alias);
                escape_joins(table_with_joins);
            }
            _ => {}
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

/// The columns of USING.
fn escape_joins(table: &mut TableWithJoins) {
    for join in &mut table.joins {
        if let Some(JoinConstraint::Using(names)) = constraint(join) {
            names.iter_mut().for_each(escape_name);
        }
    }
}

fn escape_alias(alias: &mut TableAlias) {
    escape(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| escape(&mut column.name));
}

fn escape_name(name: &mut ObjectName) {
    for part in &mut name.0 {
        if let ObjectNamePart::Identifier(ident) = part {
            escape(ident);
        }
    }
}

/// Put a delimited identifier's quotes into its text.
fn escape(ident: &mut Ident) {
    if ident.quote_style.is_some() && ident.value.contains('"') {
        let value = format!("\"{}\"", ident.value.replace('"', "\"\""));
        *ident = Ident { value, quote_style: None, span: ident.span };
    }
}
