//! What can be wrong with a query: a place in the text, a problem, and what to write instead.
//!
//! Everything that a person would mend together is reported together: one [`Error`] holds all
//! unresolved names of a query, in the order of the text.
//!
//! ```text
//! line 1, column 8: unknown column objctId; did you mean objectId?
//!   SELECT objctId FROM Object
//!          ^
//! ```

use std::fmt;

use sqlparser::tokenizer::Location;

/// The result of a step that can find fault with a query.
pub type Result<T> = std::result::Result<T, Error>;

/// One or several things that are wrong with a query, in the order of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    diagnostics: Vec<Diagnostic>,
}

/// One thing that is wrong with a query, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line in the query text, from 1.
    pub line: u64,
    /// Character in the line, from 1.
    pub column: u64,
    /// What is wrong.
    pub problem: Problem,
    /// What to write instead, as a clause: *did you mean objectId?*
    pub suggestion: Option<String>,
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The text does not parse.
    #[error("{message}")]
    Syntax {
        /// What was expected and what was found.
        message: String,
    },
    /// A character that cannot stand in a query.
    #[error("{name} cannot stand in a query")]
    Character {
        /// The character by name or code, never the character itself.
        name: String,
    },
    /// A construct of SQL that the query language leaves out.
    #[error("{what} is not part of ADQL")]
    NotAdql {
        /// The construct.
        what: String,
    },
    /// A construct of ADQL that is not implemented.
    #[error("{what} is not supported yet")]
    NotSupported {
        /// The construct.
        what: String,
    },
    /// A column that no table of the query has.
    #[error("unknown column {name}")]
    UnknownColumn {
        /// The column as written.
        name: String,
    },
    /// A table that the catalog does not have.
    #[error("unknown table {name}")]
    UnknownTable {
        /// The table as written.
        name: String,
    },
    /// A function that ADQL and this service do not have.
    #[error("unknown function {name}")]
    UnknownFunction {
        /// The function as written.
        name: String,
    },
    /// A name with several meanings.
    #[error("{name} is ambiguous: it may be {}", candidates.join(" or "))]
    Ambiguous {
        /// The name as written.
        name: String,
        /// Its possible meanings.
        candidates: Vec<String>,
    },
    /// A function with too few or too many arguments.
    #[error("{function} takes {expected}, not {found}")]
    Arguments {
        /// The function.
        function: String,
        /// How many arguments it takes, in words.
        expected: String,
        /// How many were given.
        found: usize,
    },
    /// A value of another type than is wanted.
    #[error("{message}")]
    Type {
        /// What is of which type, and what is wanted.
        message: String,
    },
    /// A text that should be a time.
    #[error("'{text}' is not a time")]
    Timestamp {
        /// The text.
        text: String,
    },
    /// A value that has several values in a group.
    #[error("{name} is neither grouped nor aggregated")]
    NotGrouped {
        /// The value.
        name: String,
    },
    /// An aggregate where there are no groups, or in another.
    #[error("{message}")]
    Aggregate {
        /// Which aggregate, and where it stands.
        message: String,
    },
    /// A query beyond the limits of the service.
    #[error("{message}")]
    TooLarge {
        /// The limit.
        message: String,
    },
    /// Something that parses and resolves but has no meaning.
    #[error("{message}")]
    Invalid {
        /// What has no meaning, and why.
        message: String,
    },
}

impl Error {
    /// Collect diagnostics into an error, sorted by position; the first of several at one place.
    pub(crate) fn new(mut diagnostics: Vec<Diagnostic>) -> Self {
        diagnostics.sort_by_key(|d| (d.line, d.column));
        diagnostics.dedup_by_key(|d| (d.line, d.column));
        Error { diagnostics }
    }

    /// Everything that is wrong, in the order of the text.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Show each diagnostic above the line of `text` that it points into, with a caret.
    ///
    /// Control characters of the text appear as spaces; long lines are cut around the caret.
    pub fn render(&self, text: &str) -> String {
        let lines: Vec<&str> = text.lines().collect();
        let rendered: Vec<String> = self
            .diagnostics
            .iter()
            .map(|d| {
                let index = usize::try_from(d.line.saturating_sub(1)).unwrap_or(usize::MAX);
                match lines.get(index) {
                    Some(line) => format!("{d}\n{}", caret(line, d.column)),
                    None => d.to_string(),
                }
            })
            .collect();
        rendered.join("\n")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Error::new(vec![diagnostic])
    }
}

impl Diagnostic {
    pub(crate) fn new(at: Location, problem: Problem) -> Self {
        // Nodes made by a rewrite have no place of their own; they point to the beginning.
        Diagnostic { line: at.line.max(1), column: at.column.max(1), problem, suggestion: None }
    }

    pub(crate) fn invalid(at: Location, message: impl Into<String>) -> Self {
        Diagnostic::new(at, Problem::Invalid { message: message.into() })
    }

    pub(crate) fn syntax(at: Location, message: impl Into<String>) -> Self {
        Diagnostic::new(at, Problem::Syntax { message: message.into() })
    }

    pub(crate) fn not_adql(at: Location, what: impl Into<String>) -> Self {
        Diagnostic::new(at, Problem::NotAdql { what: what.into() })
    }

    pub(crate) fn not_supported(at: Location, what: impl Into<String>) -> Self {
        Diagnostic::new(at, Problem::NotSupported { what: what.into() })
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Add a suggestion where there is one.
    pub(crate) fn suggest_maybe(mut self, suggestion: Option<String>) -> Self {
        self.suggestion = suggestion.or(self.suggestion);
        self
    }

    pub(crate) fn of_type(at: Location, message: impl Into<String>) -> Self {
        Diagnostic::new(at, Problem::Type { message: message.into() })
    }

    /// A word for the kind of problem, for programs. It stays the same when messages change.
    pub fn code(&self) -> &'static str {
        match self.problem {
            Problem::Syntax { .. } => "syntax",
            Problem::Character { .. } => "character",
            Problem::NotAdql { .. } => "not-adql",
            Problem::NotSupported { .. } => "not-supported",
            Problem::UnknownColumn { .. } => "unknown-column",
            Problem::UnknownTable { .. } => "unknown-table",
            Problem::UnknownFunction { .. } => "unknown-function",
            Problem::Ambiguous { .. } => "ambiguous-name",
            Problem::Arguments { .. } => "argument-count",
            Problem::Type { .. } => "type-mismatch",
            Problem::Timestamp { .. } => "invalid-timestamp",
            Problem::NotGrouped { .. } => "not-grouped",
            Problem::Aggregate { .. } => "misplaced-aggregate",
            Problem::TooLarge { .. } => "too-large",
            Problem::Invalid { .. } => "invalid",
        }
    }

    /// What is wrong, without the position and the suggestion.
    pub fn message(&self) -> String {
        self.problem.to_string()
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// Make a piece of the query fit for a message: no control characters, not too long.
pub(crate) fn printable(piece: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String =
        piece.chars().take(LONGEST).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect();
    if piece.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

/// The line, cut to a window around `column`, and a caret below that column.
fn caret(line: &str, column: u64) -> String {
    const BEFORE: usize = 60;
    const WINDOW: usize = 100;
    let at = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    let start = at.saturating_sub(BEFORE);
    let shown: String = line
        .chars()
        .skip(start)
        .take(WINDOW)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    format!("  {shown}\n  {}^", " ".repeat(at - start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(line: u64, column: u64, name: &str) -> Diagnostic {
        let problem = Problem::UnknownColumn { name: name.to_owned() };
        Diagnostic::new(Location { line, column }, problem)
    }

    #[test]
    fn diagnostics_come_in_the_order_of_the_text() {
        let error = Error::new(vec![unknown(2, 1, "b"), unknown(1, 8, "a"), unknown(1, 8, "a")]);
        assert_eq!(
            error.to_string(),
            "line 1, column 8: unknown column a\nline 2, column 1: unknown column b"
        );
    }

    #[test]
    fn codes_do_not_depend_on_messages() {
        let at = Location { line: 1, column: 1 };
        assert_eq!(unknown(1, 1, "x").code(), "unknown-column");
        assert_eq!(Diagnostic::of_type(at, "a is b").code(), "type-mismatch");
        assert_eq!(Diagnostic::invalid(at, "a is b").code(), "invalid");
    }

    #[test]
    fn the_caret_stands_below_the_column() {
        let error = Error::from(unknown(1, 8, "x").suggest("did you mean ra?"));
        assert_eq!(
            error.render("SELECT x\tFROM t"),
            "line 1, column 8: unknown column x; did you mean ra?\n  SELECT x FROM t\n         ^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_caret() {
        let text = format!("SELECT {}x FROM t", "1 + ".repeat(500));
        let rendered = Error::from(unknown(1, 2008, "x")).render(&text);
        let lines: Vec<&str> = rendered.lines().collect();
        assert!(lines[1].chars().count() <= 102);
        let at = lines[2].find('^').unwrap_or_default();
        assert_eq!(lines[1].chars().nth(at), Some('x'));
    }

    #[test]
    fn control_characters_are_never_echoed() {
        assert_eq!(printable("a\u{1b}[31mb"), "a\u{FFFD}[31mb");
        let rendered = Error::from(unknown(1, 1, "x")).render("x\u{1b}[31m");
        assert!(!rendered.contains('\u{1b}'));
    }
}
