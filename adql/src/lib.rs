//! ADQL text in; a checked, resolved and rewritten SQL tree out.
//!
//! ```text
//!            dialect           check           resolve            translate
//! ADQL text ─────────▶ tree ─────────▶ tree ───────────▶ tree ──────────────▶ Translated
//!            parse,            only what       exact names,       the engine's
//!            balance           ADQL has        unique outputs     functions and LIMIT
//!                                                 ▲
//!                                               Names
//! ```
//!
//! Read in this order: [`Names`] is what a query may name, [`translate`] does the work,
//! [`Translated`] is what the engine plans, [`Error`] says everything that is wrong and where,
//! [`function`] lists what can be called.
//!
//! The crate knows no file, no row and no plan. It does not type expressions either: what only the
//! engine can know (types of expressions, domains of functions) is the engine's to report.
//!
//! ```
//! use almagest_adql::{ColumnKind, ColumnName, Names, SchemaNames, TableNames, translate};
//!
//! let column = |name: &str| ColumnName {
//!     name: name.to_owned(),
//!     kind: ColumnKind::Numeric,
//!     unit: Some("deg".to_owned()),
//! };
//! let table = TableNames {
//!     name: "Object".to_owned(),
//!     columns: vec![column("coord_ra"), column("coord_dec")],
//! };
//! let schema = SchemaNames { name: "survey".to_owned(), tables: vec![table] };
//! let names = Names { schemas: vec![schema], default_schema: "survey".to_owned() };
//!
//! let translated = translate("SELECT TOP 3 COORD_RA FROM object", &names)?;
//! assert_eq!(
//!     translated.query.to_string(),
//!     r#"SELECT "Object"."coord_ra" AS "coord_ra" FROM "survey"."Object" AS "Object" LIMIT 3"#
//! );
//! let error = translate("SELECT cord_ra FROM Object", &names).unwrap_err();
//! assert_eq!(
//!     error.to_string(),
//!     "line 1, column 8: unknown column cord_ra; did you mean coord_ra?"
//! );
//! # Ok::<(), almagest_adql::Error>(())
//! ```

mod names;

mod dialect;

mod balance;

mod check;

mod resolve;

mod translate;

pub mod function;

pub mod unit;

mod tree;

mod error;

pub use error::{Diagnostic, Error, Problem, Result};
pub use names::{ColumnKind, ColumnName, Names, SchemaNames, TableNames};

/// A query as the engine plans it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The tree: every identifier exact and quoted, every output column named.
    pub query: sqlparser::ast::Query,
    /// The tables that it reads, as exact schema and name, each once.
    pub tables: Vec<(String, String)>,
    /// Extensions used and liberties taken, for an INFO of the result.
    pub warnings: Vec<String>,
}

/// Translate an ADQL query for the engine.
///
/// # Arguments
///
/// * `text`: one query, as its writer sent it.
/// * `names`: everything that it may name.
///
/// # Errors
///
/// Everything that is wrong with the query, with positions: first what does not parse, then what
/// ADQL does not have, then all unresolved names and unknown functions together, then geometry
/// without a meaning.
pub fn translate(text: &str, names: &Names) -> Result<Translated> {
    let mut query = dialect::parse(text)?;
    balance::balance(&mut query);
    let findings = check::check(&query, text);
    if !findings.structure.is_empty() {
        return Err(Error::new(findings.structure));
    }
    let resolved = resolve::resolve(&mut query, names);
    let faults = [findings.functions, resolved.diagnostics].concat();
    if !faults.is_empty() {
        return Err(Error::new(faults));
    }
    let (faults, liberties) = translate::rewrite(&mut query, &resolved.kinds);
    if !faults.is_empty() {
        return Err(Error::new(faults));
    }
    let warnings = [findings.warnings, resolved.warnings, liberties].concat();
    Ok(Translated { query, tables: resolved.tables, warnings })
}
