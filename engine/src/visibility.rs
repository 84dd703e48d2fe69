//! Which tables a caller may see.

use std::fmt;
use std::sync::Arc;

use almagest_storage::schema::{SchemaDef, TableKind};

type Rule = dyn Fn(&str, &str) -> bool + Send + Sync;

/// Rules by which tables are seen, all of which must hold; without one, all tables are seen.
///
/// They are asked by schema and name, so that they hold in every version of a catalog.
#[derive(Clone, Default)]
pub(crate) struct Visibility {
    rules: Vec<Arc<Rule>>,
}

impl Visibility {
    /// The same rules and another.
    pub fn and(mut self, rule: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.rules.push(Arc::new(rule));
        self
    }

    /// Whether some tables may be hidden.
    pub fn is_partial(&self) -> bool {
        !self.rules.is_empty()
    }

    fn shows(&self, schema: &str, table: &str) -> bool {
        self.rules.iter().all(|rule| rule(schema, table))
    }

    /// The schema as it is seen: without the tables that are not, and without references to them.
    pub fn of_schema(&self, schema: &SchemaDef) -> SchemaDef {
        let mut seen = schema.clone();
        if !self.is_partial() {
            return seen;
        }
        let name = &schema.name;
        // Who may not see a table may not see what a view shows of it.
        seen.tables.retain(|table| match &table.kind {
            TableKind::View { of, .. } => self.shows(name, &table.name) && self.shows(name, of),
            _ => self.shows(name, &table.name),
        });
        for table in &mut seen.tables {
            table.foreign_keys.retain(|key| {
                let target = key.target_table.as_str();
                let (schema, table) = target.split_once('.').unwrap_or((name, target));
                self.shows(schema, table)
            });
        }
        seen
    }
}

impl fmt::Debug for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rules", self.rules.len())
    }
}
