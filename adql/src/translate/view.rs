//! Views: where one stands in FROM, what it shows of its table takes its place.
//!
//! ```text
//! FROM "s"."CcdVisit" AS "c"
//!   ↓
//! FROM (SELECT "VisitDetector"."visit" AS "visitId", … FROM "s"."VisitDetector" AS "VisitDetector") AS "c"
//! ```

use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectNamePart, Query, TableFactor, VisitMut, VisitorMut};
use sqlparser::tokenizer::Span;

use crate::names::{Names, TableNames, ViewNames};
use crate::tree::{exact, written};

/// Put tables in the places of views, in `query` and in the list of the tables that it reads.
pub(crate) fn expand(query: &mut Query, tables: &mut Vec<(String, String)>, names: &Names) {
    let is_view = |(schema, table): &(String, String)| view(names, schema, table).is_some();
    if !tables.iter().any(is_view) {
        return;
    }
    // The walk never breaks off.
    let _ = query.visit(&mut Expand { names });
    for table in tables.iter_mut() {
        if let Some((_, view)) = view(names, &table.0, &table.1) {
            table.1.clone_from(&view.of);
        }
    }
    let mut seen: Vec<(String, String)> = vec![];
    tables.retain(|table| {
        let is_new = !seen.contains(table);
        seen.push(table.clone());
        is_new
    });
}

fn view<'n>(
    names: &'n Names,
    schema: &str,
    table: &str,
) -> Option<(&'n TableNames, &'n ViewNames)> {
    let schema = names.schemas.iter().find(|known| known.name == schema)?;
    let table = schema.tables.iter().find(|known| known.name == table)?;
    Some((table, table.view.as_ref()?))
}

struct Expand<'n> {
    names: &'n Names,
}

impl VisitorMut for Expand<'_> {
    type Break = ();

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, alias, .. } = factor {
            let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
            if let [schema, table] = parts.as_slice()
                && let Some((table, view)) = view(self.names, &schema.value, &table.value)
                && let Some(subquery) = shown(&schema.value, table, view)
            {
                let (lateral, sample) = (false, None);
                *factor = TableFactor::Derived { lateral, subquery, alias: alias.take(), sample };
            }
        }
        ControlFlow::Continue(())
    }
}

/// The query that is a view.
fn shown(schema: &str, table: &TableNames, view: &ViewNames) -> Option<Box<Query>> {
    let quoted = |name: &str| exact(name, Span::empty()).to_string();
    let of = quoted(&view.of);
    let columns = table.columns.iter().zip(&view.columns);
    let columns = columns
        .map(|(column, source)| format!("{of}.{} AS {}", quoted(source), quoted(&column.name)));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let text = format!("SELECT {columns} FROM {}.{of} AS {of}", quoted(schema));
    written(&text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{ColumnKind, ColumnName, SchemaNames, translate};

    fn names() -> Names {
        let column = |name: &str| ColumnName {
            name: name.to_owned(),
            kind: ColumnKind::Numeric,
            ..ColumnName::default()
        };
        let table = TableNames {
            name: "T".to_owned(),
            columns: vec![column("a"), column("b")],
            ..TableNames::default()
        };
        let view = ViewNames { of: "T".to_owned(), columns: vec!["b".to_owned()] };
        let view = TableNames {
            name: "V".to_owned(),
            columns: vec![column("beta")],
            view: Some(view),
            ..TableNames::default()
        };
        let schema = SchemaNames { name: "s".to_owned(), tables: vec![table, view] };
        Names { schemas: vec![schema], default_schema: "s".to_owned() }
    }

    fn check(text: &str, expected: &str) {
        let translated = translate(text, &names()).unwrap();
        assert_eq!(translated.query.to_string(), expected, "{text}");
        assert_eq!(translated.tables, [("s".to_owned(), "T".to_owned())], "{text}");
    }

    #[test]
    fn a_view_is_what_it_shows() {
        let shown = r#"(SELECT "T"."b" AS "beta" FROM "s"."T" AS "T")"#;
        check(
            "SELECT * FROM v WHERE BETA > 1",
            &format!(r#"SELECT "V"."beta" AS "beta" FROM {shown} AS "V" WHERE "V"."beta" > 1"#),
        );
        check(
            "SELECT t.a, x.beta FROM T AS t JOIN s.V AS x ON t.b = x.beta",
            &format!(
                r#"SELECT "t"."a" AS "a", "x"."beta" AS "beta" FROM "s"."T" AS "t" JOIN {shown} AS "x" ON "t"."b" = "x"."beta""#
            ),
        );
        check("SELECT a FROM T", r#"SELECT "T"."a" AS "a" FROM "s"."T" AS "T""#);
        assert!(translate("SELECT b FROM V", &names()).is_err());
    }
}
