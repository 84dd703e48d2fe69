//! The schemas, tables and columns that a query may name, as plain data that the caller collects.
//!
//! What is not in [`Names`] does not exist for the query: it neither resolves nor is suggested.
//! Regular identifiers match without regard to case, delimited ones (`"objectId"`) exactly.

mod index;
mod kind;

use sqlparser::ast::Ident;

pub(crate) use index::NameIndex;
pub use kind::{ColumnKind, TimeScale};

/// Everything that a query may name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Names {
    /// The schemas, TAP_SCHEMA and TAP_UPLOAD among them.
    pub schemas: Vec<SchemaNames>,
    /// The schema in which a table without one is looked for first.
    pub default_schema: String,
}

/// A schema and its tables.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchemaNames {
    /// Exact name.
    pub name: String,
    /// Its tables.
    pub tables: Vec<TableNames>,
}

/// A table and its columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TableNames {
    /// Exact name.
    pub name: String,
    /// Its columns, in the order in which `*` lists them.
    pub columns: Vec<ColumnName>,
    /// The columns of its primary key; empty where there is none.
    pub key: Vec<String>,
    /// The columns that hold a row's own position.
    pub position: Option<PositionNames>,
    /// What it shows, if it is a view.
    pub view: Option<ViewNames>,
}

/// The table whose rows a view shows under other names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViewNames {
    /// Exact name of the table, which is of the same schema and no view.
    pub of: String,
    /// Exact names of its columns, one for each of the view.
    pub columns: Vec<String>,
}

/// The pair of columns that hold a position: ICRS longitude and latitude, degrees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionNames {
    /// Exact name of the longitude's column.
    pub lon: String,
    /// Exact name of the latitude's column.
    pub lat: String,
}

/// A column as far as translation needs to know it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnName {
    /// Exact name.
    pub name: String,
    /// What its values are.
    pub kind: ColumnKind,
    /// Its unit, in VOUnits.
    pub unit: Option<String>,
    /// Its UCD.
    pub ucd: Option<String>,
    /// The scale in which it counts time, where it does.
    pub time_scale: Option<TimeScale>,
}

/// A table found in [`Names`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct FoundTable<'n> {
    pub schema: &'n SchemaNames,
    pub table: &'n TableNames,
    /// The places of the schema and of the table in [`Names`].
    pub place: (usize, usize),
}

impl FoundTable<'_> {
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema.name, self.table.name)
    }
}

impl Names {
    /// The tables that `[schema.]table` may mean: one if all is well.
    ///
    /// Without a schema the default schema goes first, then all others.
    pub(crate) fn find_table(&self, schema: Option<&Ident>, table: &Ident) -> Vec<FoundTable<'_>> {
        let within = |s: &dyn Fn(&SchemaNames) -> bool| {
            let all = self.tables().filter(|found| s(found.schema));
            best_matches(table, all, |found| &found.table.name)
        };
        match schema {
            Some(schema) => {
                let schemas = best_matches(schema, self.schemas.iter(), |s| &s.name);
                within(&|s| schemas.iter().any(|x| x.name == s.name))
            }
            None => {
                let default = within(&|s| s.name == self.default_schema);
                if default.is_empty() { within(&|_| true) } else { default }
            }
        }
    }

    /// All tables with their schemas.
    pub(crate) fn tables(&self) -> impl Iterator<Item = FoundTable<'_>> {
        self.schemas.iter().enumerate().flat_map(|(s, schema)| {
            let tables = schema.tables.iter().enumerate();
            tables.map(move |(t, table)| FoundTable { schema, table, place: (s, t) })
        })
    }
}

/// Whether an identifier means this name.
pub(crate) fn means(ident: &Ident, name: &str) -> bool {
    match ident.quote_style {
        Some(_) => ident.value == name,
        None => ident.value.to_lowercase() == name.to_lowercase(),
    }
}

/// Whether two identifiers are one name: case only tells those apart that are both delimited.
pub(crate) fn is_one_name(a: &Ident, b: &Ident) -> bool {
    match (a.quote_style, b.quote_style) {
        (Some(_), Some(_)) => a.value == b.value,
        _ => a.value.to_lowercase() == b.value.to_lowercase(),
    }
}

/// The items whose name an identifier means. Where several differ only in case, one that is
/// spelled exactly so wins.
pub(crate) fn best_matches<T>(
    ident: &Ident,
    items: impl Iterator<Item = T>,
    name: impl Fn(&T) -> &str,
) -> Vec<T> {
    let mut matches: Vec<T> = items.filter(|item| means(ident, name(item))).collect();
    if matches.len() > 1 && matches.iter().any(|m| name(m) == ident.value) {
        matches.retain(|m| name(m) == ident.value);
    }
    matches
}

/// Bytes beyond which a name is no misspelling of another.
const LONGEST_NAME: usize = 128;

/// How many typing errors lie between two words: letters added, left out, wrong or exchanged.
pub(crate) fn edits(written: &str, meant: &str) -> usize {
    strsim::damerau_levenshtein(written, meant)
}

/// *did you mean X?* for the candidate most like `name`, if one is.
///
/// Typing errors are measured by the Damerau–Levenshtein distance; a candidate that has `name` as
/// one of its words (`ra` in `coord_ra`) counts as near.
pub(crate) fn did_you_mean<'c>(
    name: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<String> {
    let wanted = name.to_lowercase();
    let allowed = (wanted.chars().count() / 3).max(1);
    if wanted.len() > LONGEST_NAME {
        return None;
    }
    let distance = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let count = edits(&wanted, &candidate);
        if count <= allowed && count < wanted.chars().count() {
            return Some(count);
        }
        let a_word = wanted.len() > 1 && candidate.split('_').any(|word| word == wanted);
        a_word.then(|| allowed + candidate.len().saturating_sub(wanted.len()))
    };
    candidates
        .filter_map(|candidate| distance(candidate).map(|d| (d, candidate)))
        .min_by_key(|(d, _)| *d)
        .map(|(_, candidate)| format!("did you mean {candidate}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, candidates: &[&str], expected: Option<&str>) {
        let suggestion = did_you_mean(name, candidates.iter().copied());
        assert_eq!(suggestion.as_deref(), expected, "{name}");
    }

    #[test]
    fn suggestions() {
        let columns = ["objectId", "coord_ra", "coord_dec", "g_psfFlux", "x"];
        check("objctId", &columns, Some("did you mean objectId?"));
        check("objectid", &columns, Some("did you mean objectId?"));
        check("ra", &columns, Some("did you mean coord_ra?"));
        check("g_psfFlx", &columns, Some("did you mean g_psfFlux?"));
        check("y", &columns, None);
        check("temperature", &columns, None);
    }

    #[test]
    fn delimited_identifiers_are_exact() {
        assert!(means(&Ident::new("OBJECTID"), "objectId"));
        assert!(!means(&Ident::with_quote('"', "objectid"), "objectId"));
        assert!(means(&Ident::with_quote('"', "objectId"), "objectId"));
    }

    #[test]
    fn exact_spelling_wins_among_names_that_differ_in_case() {
        let names = ["flux", "Flux"];
        let pick = |name: &str| best_matches(&Ident::new(name), names.iter(), |n| n).len();
        assert_eq!((pick("Flux"), pick("FLUX")), (1, 2));
    }
}
