//! Conditions as users write them: on datasets, and between settings of a pipeline.
//!
//! ```text
//!   visit IN (1..10, 20..40:2) AND detector = 3 AND NOT band = 'r'
//!   visit.timespan OVERLAPS (T'2026-11-21', T'2026-11-22')
//!   region OVERLAPS CIRCLE(150.1, 2.2, 0.5)
//!   deep.detection.threshold <= characterize.detection.threshold
//! ```
//!
//! The grammar, loosest first; keywords in any letter case:
//!
//! ```text
//!   either    = both { OR both }
//!   both      = negation { AND negation }
//!   negation  = [NOT] ( "(" either ")" | condition )
//!   condition = GLOB "(" name "," text ")"
//!             | operand compare operand            compare: = == != <> < <= > >=
//!             | name [NOT] IN "(" item { "," item } ")"       item: literal | first..last[:step]
//!             | name IS [NOT] NULL
//!             | name OVERLAPS ( "(" literal "," literal ")" | SHAPE "(" numbers ")" )
//!   operand   = name { "." name } | literal
//!   literal   = number | 'text' | T'date, or MJD TAI' | TRUE | FALSE
//! ```

mod lexer;
mod parser;

use almagest_storage::sphgeom::Shape;

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// Any of them holds.
    Or(Vec<Expression>),
    /// All of them hold.
    And(Vec<Expression>),
    /// It does not hold.
    Not(Box<Expression>),
    /// Two operands compared.
    Compare {
        /// Left side.
        left: Operand,
        /// The comparison.
        comparison: Comparison,
        /// Right side.
        right: Operand,
    },
    /// A name among values.
    In {
        /// The name.
        name: String,
        /// The values.
        items: Vec<Item>,
    },
    /// A name without a value.
    IsNull {
        /// The name.
        name: String,
    },
    /// A name that matches a pattern of `*` and `?`.
    Glob {
        /// The name.
        name: String,
        /// The pattern.
        pattern: String,
    },
    /// A place on the sky that meets a shape.
    OverlapsRegion {
        /// Name of the place.
        name: String,
        /// The shape.
        shape: Box<Shape>,
    },
    /// A span of time that meets another, MJD TAI, ends included.
    OverlapsTime {
        /// Name of the span.
        name: String,
        /// Its begin.
        begin_mjd: f64,
        /// Its end.
        end_mjd: f64,
    },
}

/// One side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Operand {
    /// A name, perhaps with dots.
    Name(String),
    /// A value.
    Value(Literal),
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// A whole number.
    Integer(i64),
    /// Any other number; also a time, MJD TAI.
    Real(f64),
    /// Text.
    Text(String),
    /// Yes or no.
    Boolean(bool),
}

/// A value, or several, of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// One value.
    One(Literal),
    /// Whole numbers from the first to the last, both included.
    Range {
        /// The first.
        first: i64,
        /// The last.
        last: i64,
        /// From one to the next, at least 1.
        step: i64,
    },
}

/// How two operands compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Comparison {
    /// As SQL writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Different => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Does it hold for operands of this order?
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Different => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// What is wrong with the text of a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("condition '{text}', character {character}: {reason}")]
pub struct ExpressionError {
    /// The text.
    pub text: String,
    /// Where, from 1.
    pub character: usize,
    /// What was expected, or what is wrong.
    pub reason: String,
}

impl Expression {
    /// Read a condition.
    ///
    /// # Errors
    /// The first place at which the text is no condition, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        parser::parse(text)
    }
}

impl Literal {
    /// The number that it is, whole or not.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(value) => Some(*value as f64),
            Self::Real(value) => Some(*value),
            Self::Text(_) | Self::Boolean(_) => None,
        }
    }
}
