//! The types that signatures are written in: those of ADQL 2.1 and TAPRegExt, under one word each.

use std::fmt;

/// The type of an argument or of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// A 16-bit integer.
    SmallInt,
    /// A 32-bit integer.
    Integer,
    /// A 64-bit integer.
    BigInt,
    /// A single-precision number.
    Real,
    /// A double-precision number.
    Double,
    /// Any number. As a result: of the type of the first argument that is declared so.
    Numeric,
    /// True or false.
    Boolean,
    /// A string of fixed length.
    Char,
    /// A string of varying length.
    Varchar,
    /// A string of any length; also written CLOB.
    Text,
    /// Bytes; also written BINARY and VARBINARY.
    Blob,
    /// A point in time.
    Timestamp,
    /// A position on the sky.
    Point,
    /// A cone.
    Circle,
    /// A region between great circles.
    Polygon,
    /// A region of any form.
    Region,
    /// Any of the four above. As a result: of the type of the first argument that is declared so.
    Geometry,
    /// Any type. As a result: of the common type of the arguments that are declared so.
    Any,
    /// A list of values of one type: `INTEGER[]`.
    Array(&'static ValueType),
}

/// The words by which the types are known; the first of a type is how it is printed.
const WORDS: &[(&str, ValueType)] = {
    use ValueType::{
        Any, BigInt, Blob, Boolean, Char, Circle, Double, Geometry, Integer, Numeric, Point,
        Polygon, Real, Region, SmallInt, Text, Timestamp, Varchar,
    };
    &[
        ("SMALLINT", SmallInt),
        ("INTEGER", Integer),
        ("INT", Integer),
        ("BIGINT", BigInt),
        ("LONG", BigInt),
        ("REAL", Real),
        ("DOUBLE", Double),
        ("FLOAT", Double),
        ("NUMERIC", Numeric),
        ("DECIMAL", Numeric),
        ("BOOLEAN", Boolean),
        ("BOOL", Boolean),
        ("BIT", Boolean),
        ("CHAR", Char),
        ("CHARACTER", Char),
        ("VARCHAR", Varchar),
        ("STRING", Varchar),
        ("TEXT", Text),
        ("CLOB", Text),
        ("BLOB", Blob),
        ("BINARY", Blob),
        ("VARBINARY", Blob),
        ("TIMESTAMP", Timestamp),
        ("POINT", Point),
        ("CIRCLE", Circle),
        ("POLYGON", Polygon),
        ("REGION", Region),
        ("GEOMETRY", Geometry),
        ("ANY", Any),
        ("UNKNOWN", Any),
    ]
};

impl ValueType {
    /// The type that a word means, in any case.
    pub fn of_word(word: &str) -> Option<Self> {
        WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(word)).map(|(_, of)| *of)
    }

    /// All words that mean a type.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _)| *word)
    }

    /// The list of values of this type; none of lists.
    pub(crate) fn array(self) -> Option<Self> {
        let (_, element) = WORDS.iter().find(|(_, of)| *of == self)?;
        Some(Self::Array(element))
    }

    /// Whether values are numbers.
    pub fn is_numeric(self) -> bool {
        use ValueType::{BigInt, Double, Integer, Numeric, Real, SmallInt};
        matches!(self, SmallInt | Integer | BigInt | Real | Double | Numeric)
    }

    /// Whether values are whole numbers.
    pub fn is_integer(self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt)
    }

    /// Whether values are strings of characters.
    pub fn is_text(self) -> bool {
        matches!(self, Self::Char | Self::Varchar | Self::Text)
    }

    /// Whether values are positions or regions on the sky.
    pub fn is_geometry(self) -> bool {
        use ValueType::{Circle, Geometry, Point, Polygon, Region};
        matches!(self, Point | Circle | Polygon | Region | Geometry)
    }

    /// Whether a value may be a geometry. So may text, which can describe one, and arrays of
    /// numbers.
    pub fn may_be_geometry(self) -> bool {
        self.is_geometry() || self.is_text() || matches!(self, Self::Any | Self::Array(_))
    }

    /// Whether a parameter of this type takes a value of type `given`.
    ///
    /// Whole numbers go where fractions are expected, but not the other way; strings go where
    /// points in time are expected, as ISO 8601. Any, of a value, says that its type is not known.
    pub fn takes(self, given: Self) -> bool {
        use ValueType::{Any, Array, Geometry, Numeric, Real, Timestamp};
        match (self, given) {
            (Any, _) | (_, Any) => true,
            (Array(element), Array(given)) => element.takes(*given),
            (Geometry, given) => given.is_geometry(),
            (expected, Geometry) => expected.is_geometry(),
            (Numeric | Real | Self::Double, given) => given.is_numeric(),
            (expected, given) if expected.is_integer() => given.is_integer() || given == Numeric,
            (Timestamp, given) => given == Timestamp || given.is_text(),
            (expected, given) if expected.is_text() => given.is_text(),
            (expected, given) => expected == given,
        }
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(element) => write!(f, "{element}[]"),
            of => {
                let word = WORDS.iter().find(|(_, known)| known == of).map(|(word, _)| *word);
                f.write_str(word.unwrap_or("ANY"))
            }
        }
    }
}
