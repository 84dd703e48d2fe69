//! What can be wrong with a Felis document.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A schema definition could not be read.
#[derive(Debug, Error)]
pub enum FelisError {
    /// The file cannot be read.
    #[error("schema file {} cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The text is not YAML.
    #[error("{document} is not YAML: {source}")]
    Yaml {
        /// The document, or the resource it refers to.
        document: String,
        /// Where and why not.
        source: serde_yaml_ng::Error,
    },
    /// The text is YAML, but no Felis document.
    #[error("{document} is not a Felis document: {lacks}")]
    NotFelis {
        /// The document, or the resource it refers to.
        document: String,
        /// What is missing at its top.
        lacks: &'static str,
    },
    /// Another document that this one refers to cannot be had.
    #[error("resource `{name}` ({uri}) cannot be read")]
    Resource {
        /// Name of the resource inside the document.
        name: String,
        /// Where it should be.
        uri: String,
    },
    /// The definitions contradict themselves. All problems are listed.
    #[error("schema `{schema}` has {} problem(s):{}", problems.len(), list(problems))]
    Invalid {
        /// Name of the schema.
        schema: String,
        /// What is wrong, in the order of the document.
        problems: Vec<Problem>,
    },
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

/// One contradiction or gap. `place` is a table, or a table and column.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// A key that must be there is not.
    #[error("{place}: `{key}` is missing")]
    Missing {
        /// Table, or table and column.
        place: String,
        /// The key.
        key: &'static str,
    },
    /// A value has the wrong form.
    #[error("{place}: `{key}` should be {expected}")]
    WrongForm {
        /// Table, or table and column.
        place: String,
        /// The key.
        key: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A datatype is none of Felis's.
    #[error("{place}: `{datatype}` is no datatype{}", suggest(suggestion))]
    Datatype {
        /// Table and column.
        place: String,
        /// The word.
        datatype: String,
        /// A similar word that is one.
        suggestion: Option<&'static str>,
    },
    /// A table kind is none of Almagest's.
    #[error(
        "table {table}: `{kind}` is no kind of table (director, child, positional, ref-match, replicated, view)"
    )]
    Kind {
        /// The table.
        table: String,
        /// The word.
        kind: String,
    },
    /// A view that shows what its table does not have.
    #[error("view {table}: {reason}")]
    View {
        /// The view.
        table: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A name occurs twice.
    #[error("{place}: the name occurs twice")]
    Duplicate {
        /// Table, or table and column.
        place: String,
    },
    /// A name that Almagest keeps for itself.
    #[error("{place}: names that begin with `_healpix_` are reserved for the sort key")]
    Reserved {
        /// Table and column.
        place: String,
    },
    /// A table, key or annotation names a column that does not exist.
    #[error("table {table}: {role} names `{column}`, which is no column of {target}")]
    NoColumn {
        /// The table that names it.
        table: String,
        /// As what it is named.
        role: String,
        /// The column.
        column: String,
        /// The table that lacks it.
        target: String,
    },
    /// A table names a table that does not exist.
    #[error("table {table}: {role} names `{target}`, which is no table of the schema")]
    NoTable {
        /// The table that names it.
        table: String,
        /// As what it is named.
        role: String,
        /// The missing table.
        target: String,
    },
    /// A column has a type that does not suit its role.
    #[error("table {table}, column {column}: {role} must be {expected}, not {datatype}")]
    Unsuitable {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its role.
        role: &'static str,
        /// The types that would do.
        expected: &'static str,
        /// The type it has.
        datatype: &'static str,
    },
    /// A table of this kind needs something that it lacks.
    #[error("table {table}: a {kind} table needs {needs}")]
    Needs {
        /// The table.
        table: String,
        /// Its kind.
        kind: &'static str,
        /// What is missing.
        needs: &'static str,
    },
    /// The table that is named as a director is of another kind.
    #[error("table {table}: its director {director} is {kind}, not a director")]
    NotDirector {
        /// The table.
        table: String,
        /// What it names as its director.
        director: String,
        /// The kind of that table.
        kind: String,
    },
}

fn suggest(suggestion: &Option<&'static str>) -> String {
    suggestion.map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}
