//! ADQL text to a tree: the grammar of ADQL 2.1, production by production.
//!
//! ```text
//!   text ──lexer──▶ tokens ──query, from, expression, call, geometry──▶ sqlparser's tree
//!                                      ▲
//!                          Grammar: which dialect, which functions
//! ```
//!
//! The tree is sqlparser's because the engine plans from it; the grammar is our own because a
//! verdict on a query must be the standard's, and a complaint must say where, what and what to
//! write instead. Two dialects share one code: the strict one takes exactly the standard, the
//! default one also what users write every day, with a warning for each liberty
//! ([`Parser::extension`](parser::Parser)). What the strict dialect takes, the default one takes too.
//!
//! Reference: IVOA Recommendation *Astronomical Data Query Language 2.1* (2023), appendix A, read as
//! its text means it where the printed BNF has misprints.

pub(crate) mod lexer;

mod reserved;

mod parser;

mod hint;

mod query;

mod order;

mod from;

mod expression;

mod predicate;

mod call;

mod geometry;

mod window;

mod print;

use sqlparser::ast::Query;

use crate::error::{Diagnostic, Error, Result};
use crate::function::Signature;

pub use print::print;

/// Which language a text is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// ADQL 2.1 and the extensions that users expect, each with a warning.
    #[default]
    Adql,
    /// Exactly ADQL 2.1.
    Strict,
    /// Exactly ADQL 2.0.
    Strict20,
}

/// What a text is judged by.
#[derive(Debug, Clone, Default)]
pub struct Grammar {
    /// The language.
    pub dialect: Dialect,
    /// Functions that may be called beside those of [`function`](crate::function).
    pub functions: Vec<Signature>,
    /// Whether this service's own functions may be called.
    pub service: Service,
}

/// Whether a text is for this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Service {
    /// Its functions may be called.
    #[default]
    Known,
    /// The text is for no service in particular: a function beyond the standard must be declared.
    Unknown,
}

/// A catalog version that a query asks for with `AS OF`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AsOf {
    /// `AS OF VERSION n`.
    Version(u64),
    /// `AS OF TIMESTAMP 't'`: the version that was current at an instant, UTC, in ISO 8601.
    Timestamp(String),
}

/// A query whose syntax is right.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The tree, with the names as written.
    pub query: Query,
    /// The version that it asks for.
    pub as_of: Option<AsOf>,
    /// Extensions used and liberties taken.
    pub warnings: Vec<String>,
    /// Unknown functions, and calls with a wrong number of arguments.
    pub(crate) faults: Vec<Diagnostic>,
    /// Functions with the IVOA's prefix that nobody declared: the grammar lets them pass.
    pub(crate) undeclared: Vec<Diagnostic>,
}

/// Parse the text of one query, as far as the grammar goes.
///
/// # Errors
///
/// The first thing that the grammar does not allow, or all characters that cannot stand where they
/// stand, or all unknown functions, with their positions.
pub fn parse(text: &str, grammar: &Grammar) -> Result<Parsed> {
    let parsed = read(text, grammar)?;
    match parsed.faults.is_empty() {
        true => Ok(parsed),
        false => Err(Error::new(parsed.faults)),
    }
}

/// Parse, and leave unknown functions to be reported together with unknown names.
pub(crate) fn read(text: &str, grammar: &Grammar) -> Result<Parsed> {
    let lexed = lexer::lex(text, grammar.dialect)?;
    let mut parser = parser::Parser::new(lexed, grammar);
    let query = parser.whole_query().map_err(Error::from)?;
    Ok(parser.finish(query))
}
