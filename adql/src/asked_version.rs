//! The version of the catalog that a query asks for, when its names are not yet known.
//!
//! A table that is dropped today is there in the versions of yesterday: which names resolve
//! depends on the version, so that it must be known before.

use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, Query, Visit, Visitor};

use crate::grammar::{self, AsOf, Dialect, Grammar};
use crate::names::Names;

/// A version, and the catalogs of which it is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedVersion {
    /// The version.
    pub as_of: AsOf,
    /// The exact names of the schemas from which the query reads, as far as it names them.
    pub schemas: Vec<String>,
}

/// Tell which version a query asks for; none where it asks for the newest, or does not parse.
pub fn asked_version(text: &str, dialect: Dialect, names: &Names) -> Option<AskedVersion> {
    let parsed = grammar::read(text, &Grammar { dialect, ..Grammar::default() }).ok()?;
    let as_of = parsed.as_of?;
    let mut walk = Relations::default();
    // The walk never breaks off.
    let _ = parsed.query.visit(&mut walk);
    let is_read = |schema: &str| {
        let is_it = |named: &Option<String>| match named {
            Some(named) => named.eq_ignore_ascii_case(schema),
            None => schema == names.default_schema,
        };
        walk.schemas.iter().any(is_it)
    };
    let schemas = names.schemas.iter().map(|schema| schema.name.clone());
    Some(AskedVersion { as_of, schemas: schemas.filter(|schema| is_read(schema)).collect() })
}

/// The schemas of all tables of a query; none is that of a table without one.
#[derive(Default)]
struct Relations {
    /// The names of queries in WITH, which are no tables.
    named: Vec<String>,
    schemas: Vec<Option<String>>,
}

impl Visitor for Relations {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let named = query.with.iter().flat_map(|with| &with.cte_tables);
        self.named.extend(named.map(|cte| cte.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let parts: Vec<&str> =
            relation.0.iter().filter_map(|part| Some(part.as_ident()?.value.as_str())).collect();
        match parts.as_slice() {
            [.., schema, _] => self.schemas.push(Some((*schema).to_owned())),
            [table] if !self.named.contains(&table.to_lowercase()) => self.schemas.push(None),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::names::SchemaNames;

    #[test]
    fn a_version_is_found_though_no_name_resolves() {
        let schema = |name: &str| SchemaNames { name: name.to_owned(), tables: vec![] };
        let names = Names {
            schemas: vec![schema("dp1"), schema("gaia_dr3")],
            default_schema: "dp1".to_owned(),
        };
        let asked = |text: &str| asked_version(text, Dialect::Adql, &names);
        let found =
            asked("WITH a AS (SELECT x FROM GAIA_dr3.Gone) SELECT x FROM a AS OF VERSION 2");
        let expected =
            AskedVersion { as_of: AsOf::Version(2), schemas: vec!["gaia_dr3".to_owned()] };
        assert_eq!(found, Some(expected));
        let found =
            asked("SELECT 1 FROM Gone WHERE x IN (SELECT y FROM gaia_dr3.t) AS OF VERSION 2");
        assert_eq!(found.unwrap().schemas, ["dp1", "gaia_dr3"]);
        assert_eq!(asked("SELECT x FROM Gone"), None);
        assert_eq!(asked("SELECT FROM"), None);
    }
}
