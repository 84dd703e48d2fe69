//! ADQL text in; a checked, resolved and rewritten SQL tree out.
//!
//! ```text
//!            grammar          resolve            translate
//! ADQL text ─────────▶ tree ───────────▶ tree ──────────────▶ Translated
//!            only what        exact names,       the engine's
//!            ADQL has         unique outputs     functions and LIMIT
//!                                ▲
//!                              Names
//! ```
//!
//! Read in this order: [`Names`] is what a query may name, [`translate`] does the work,
//! [`Translated`] is what the engine plans, [`Error`] says everything that is wrong and where,
//! [`function`] lists what can be called.
//!
//! The crate knows no file, no row and no plan. Expressions are typed as far as [`Names`] tells the
//! types of columns; what only the engine can know (domains of functions) is the engine's to report.
//!
//! ```
//! use almagest_adql::{ColumnKind, ColumnName, Names, SchemaNames, TableNames, translate};
//!
//! let column = |name: &str| ColumnName {
//!     name: name.to_owned(),
//!     kind: ColumnKind::Numeric,
//!     unit: Some("deg".to_owned()),
//!     ..ColumnName::default()
//! };
//! let table = TableNames {
//!     name: "Object".to_owned(),
//!     columns: vec![column("coord_ra"), column("coord_dec")],
//!     ..TableNames::default()
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

pub mod grammar;

mod resolve;

mod typing;

mod translate;

mod asked_version;

pub mod function;

pub mod unit;

mod tree;

mod error;

pub use asked_version::{AskedVersion, asked_version};
pub use error::{Diagnostic, Error, Problem, Result};
pub use grammar::{AsOf, Dialect, Grammar};
pub use names::{
    ColumnKind, ColumnName, Names, PositionNames, SchemaNames, TableNames, TimeScale, ViewNames,
};
pub use translate::ShapeLiteral;

/// A query as the engine plans it.
#[derive(Debug, Clone, PartialEq)]
pub struct Translated {
    /// The tree: every identifier exact and quoted, every output column named.
    pub query: sqlparser::ast::Query,
    /// The version of the catalog that it asks for; none asks for the newest.
    pub as_of: Option<AsOf>,
    /// What is known of its output columns, in their order.
    pub columns: Vec<OutputColumn>,
    /// The tables that it reads, as exact schema and name, each once.
    pub tables: Vec<(String, String)>,
    /// The string literals that must describe shapes, which whoever knows shapes can judge by
    /// [`refuse_shapes`](Translated::refuse_shapes).
    pub shapes: Vec<ShapeLiteral>,
    /// Extensions used and liberties taken, for an INFO of the result.
    pub warnings: Vec<String>,
}

impl Translated {
    /// Judge the string literals that must describe shapes.
    ///
    /// `fault` says what is wrong with one of them, if something is.
    ///
    /// # Errors
    ///
    /// All that are faulty, each in its place.
    pub fn refuse_shapes(&self, fault: impl Fn(&ShapeLiteral) -> Option<String>) -> Result<()> {
        let faults = self.shapes.iter().filter_map(|shape| Some(shape.refused(fault(shape)?)));
        let faults: Vec<Diagnostic> = faults.collect();
        if faults.is_empty() { Ok(()) } else { Err(Error::new(faults)) }
    }
}

/// An output column of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputColumn {
    /// Its name, which no other output column has.
    pub name: String,
    /// What its values are, as far as the text tells.
    pub kind: ColumnKind,
    /// Its unit in VOUnits, where it is certain.
    pub unit: Option<String>,
    /// Its UCD, where it is certain.
    pub ucd: Option<String>,
    /// The scale of its times.
    pub time_scale: Option<TimeScale>,
    /// The column whose values these are, unchanged: its schema, its table and itself. What is
    /// said of that column is true of this one.
    pub origin: Option<(String, String, String)>,
    /// Whether values of other columns stand among them, as in a UNION: then the lengths of its
    /// strings are not those of its origin.
    pub is_mixed: bool,
}

/// Translate an ADQL query in the default dialect for the engine.
///
/// # Errors
///
/// As [`translate_dialect`].
pub fn translate(text: &str, names: &Names) -> Result<Translated> {
    translate_dialect(text, Dialect::Adql, names)
}

/// Translate an ADQL query for the engine.
///
/// # Arguments
///
/// * `text`: one query, as its writer sent it.
/// * `dialect`: the language that it is in.
/// * `names`: everything that it may name.
///
/// # Errors
///
/// Everything that is wrong with the query, with positions: first what does not parse, then all
/// unresolved names and unknown functions together, then geometry without a meaning.
pub fn translate_dialect(text: &str, dialect: Dialect, names: &Names) -> Result<Translated> {
    let parsed = grammar::read(text, &Grammar { dialect, ..Grammar::default() })?;
    let mut query = parsed.query;
    let resolved = resolve::resolve(&mut query, names, dialect);
    let faults = [parsed.faults, parsed.undeclared, resolved.diagnostics].concat();
    if !faults.is_empty() {
        return Err(Error::new(faults));
    }
    let rewritten = translate::rewrite(&mut query, &resolved.kinds);
    if !rewritten.diagnostics.is_empty() {
        return Err(Error::new(rewritten.diagnostics));
    }
    let mut tables = resolved.tables;
    translate::expand(&mut query, &mut tables, names);
    let warnings = [parsed.warnings, resolved.warnings, rewritten.warnings].concat();
    let columns = resolved.outputs.into_iter().map(|(name, typed)| typed.output(name, names));
    let columns = columns.collect();
    let shapes = rewritten.shapes;
    Ok(Translated { query, as_of: parsed.as_of, columns, tables, shapes, warnings })
}
