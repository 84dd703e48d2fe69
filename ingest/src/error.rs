//! What can go wrong while rows are taken in, grouped by who must act.

use std::fmt;
use std::path::PathBuf;

use almagest_storage::schema::{Datatype, GeometryType};
use almagest_storage::sphgeom::PositionError;

use crate::origin::RowOrigin;

mod file;

pub use file::{CellProblem, FileProblem, Limit};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A refused contribution or a failed commit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The columns of the input are not those of the table.
    #[error("{input}: does not fit table {table}: {}", joined(.mismatches))]
    Columns {
        /// The file, or what the caller called the rows.
        input: String,
        /// The table.
        table: String,
        /// Every difference.
        mismatches: Vec<ColumnMismatch>,
    },
    /// A value does not fit its column.
    #[error("{origin}, column {column}: {}{}", .problem.describe(.value), and_more(*.n_more))]
    Value {
        /// Input and row.
        origin: RowOrigin,
        /// Exact name of the table's column.
        column: String,
        /// The value as it was found, shortened.
        value: String,
        /// Why it does not fit.
        problem: ValueProblem,
        /// How many more values of the same batch do not fit.
        n_more: usize,
    },
    /// Two rows of one transaction claim the same id.
    #[error("{origin}: {table} {column} {id} is already in {}{}", other(.first.as_ref(), .origin), and_more(*.n_more))]
    RepeatedId {
        /// Input and row of the second claim.
        origin: RowOrigin,
        /// The table.
        table: String,
        /// Its id column.
        column: String,
        /// The id.
        id: i64,
        /// The row of the transaction that has the id; none where it could not be found again.
        first: Option<RowOrigin>,
        /// How many more ids of the same batch are claimed twice.
        n_more: usize,
    },
    /// A row claims an id that the catalog has.
    #[error("{origin}: {table} {column} {id} exists already{}", and_more(*.n_more))]
    KnownId {
        /// Input and row.
        origin: RowOrigin,
        /// The table.
        table: String,
        /// Its id column.
        column: String,
        /// The id.
        id: i64,
        /// How many more ids of the transaction the catalog has.
        n_more: usize,
    },
    /// Something else was sent under the key of a contribution.
    #[error("contribution {key}: other rows were sent under this key before")]
    ContributionDiffers {
        /// The key.
        key: String,
    },
    /// Rows refer to directors that nobody has.
    #[error("{origin}: no {director} has {column} {}{}", list(.ids), and_more(*.n_more))]
    UnknownDirector {
        /// Input and row of the first such row.
        origin: RowOrigin,
        /// The director table.
        director: String,
        /// The referring column.
        column: String,
        /// Some of the ids, ascending.
        ids: Vec<i64>,
        /// How many more ids are unknown.
        n_more: usize,
    },
    /// A row has neither a director nor a position of its own.
    #[error("{origin}: a row of {table} without {column} needs a position of its own")]
    NoPlace {
        /// Input and row.
        origin: RowOrigin,
        /// The table.
        table: String,
        /// The column that should name the director.
        column: String,
    },
    /// A position is not on the sphere.
    #[error("{origin}: {source}")]
    Position {
        /// Input and row.
        origin: RowOrigin,
        /// What is wrong with it.
        source: PositionError,
    },
    /// A definition asks for something that the table cannot give.
    #[error("table {table}: {reason}")]
    Definition {
        /// The table.
        table: String,
        /// What does not add up.
        reason: &'static str,
    },
    /// An earlier failure left the transaction incomplete; it can only be aborted.
    #[error("the transaction is incomplete since an earlier failure and can only be aborted")]
    Incomplete,
    /// A table is altered after rows of it were appended or removed, which have its older columns.
    #[error("table {table} must be altered before rows of it are appended, and none be removed")]
    AlteredLate {
        /// The table.
        table: String,
    },
    /// Nothing says what format the file has.
    #[error(
        "{path}: unknown format: the first bytes do not tell, and there is neither a media type that does nor \
         a name that ends in {}",
        crate::format::EXTENSIONS
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// A text file has no first row with the names of the columns.
    #[error("{path}: no header row with the names of the columns")]
    NoHeader {
        /// The file.
        path: PathBuf,
    },
    /// A row of a text file cannot be read.
    #[error("{origin}: {problem}")]
    Text {
        /// Input and row.
        origin: RowOrigin,
        /// What is wrong with the row.
        problem: TextProblem,
    },
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: std::io::Error,
    },
    /// A file is not the Parquet file it claims to be.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// The reader's reason.
        source: parquet::errors::ParquetError,
    },
    /// A file is not the Arrow file or stream it claims to be.
    #[error("{input}: {source}")]
    Arrow {
        /// The file, or what the caller called it.
        input: String,
        /// The reader's reason.
        source: arrow::error::ArrowError,
    },
    /// A file is not what its format asks for, or asks for what is not done.
    #[error("{input}: {problem}")]
    File {
        /// The file, or what the caller called it.
        input: String,
        /// What is wrong with it.
        problem: FileProblem,
    },
    /// A value of a file cannot be read as its column's type.
    #[error("{origin}, column {column}: {problem}")]
    Cell {
        /// Input and row.
        origin: RowOrigin,
        /// The column, as the file calls it.
        column: String,
        /// What is wrong with the value.
        problem: CellProblem,
    },
    /// A file holds more than is taken.
    #[error("{input}: {limit}")]
    Limit {
        /// The file, or what the caller called it.
        input: String,
        /// What it has too much of.
        limit: Limit,
    },
    /// A mapping cannot be understood.
    #[error("{mapping}: {}", .reasons.join("; "))]
    Mapping {
        /// The mapping file.
        mapping: String,
        /// Everything that is wrong with it.
        reasons: Vec<String>,
    },
    /// The catalog refused.
    #[error(transparent)]
    Storage(#[from] almagest_storage::Error),
    /// Arrow refused what it was promised to be given: a bug.
    #[error("rows of {table}: {source}")]
    Rows {
        /// The table.
        table: String,
        /// Arrow's reason.
        source: arrow::error::ArrowError,
    },
}

/// Who must act on an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The caller: the rows do not fit the catalog.
    Input,
    /// The caller, by trying again: another commit came first.
    Conflict,
    /// The operator: a file or the catalog cannot be read or written.
    Storage,
    /// The authors: this is a bug.
    Bug,
}

impl Error {
    /// Say who must act.
    pub fn kind(&self) -> ErrorKind {
        use almagest_storage::Error as StorageError;
        match self {
            Self::Columns { .. }
            | Self::Value { .. }
            | Self::RepeatedId { .. }
            | Self::KnownId { .. }
            | Self::ContributionDiffers { .. }
            | Self::UnknownDirector { .. }
            | Self::NoPlace { .. }
            | Self::Position { .. }
            | Self::Definition { .. }
            | Self::Incomplete
            | Self::AlteredLate { .. }
            | Self::UnknownFormat { .. }
            | Self::NoHeader { .. }
            | Self::Text { .. }
            | Self::Parquet { .. }
            | Self::Arrow { .. }
            | Self::File { .. }
            | Self::Cell { .. }
            | Self::Mapping { .. }
            | Self::Limit { .. } => ErrorKind::Input,
            Self::Io { .. } => ErrorKind::Storage,
            Self::Rows { .. } => ErrorKind::Bug,
            Self::Storage(error) => match error {
                StorageError::NoSuchTable { .. }
                | StorageError::NoSuchColumn { .. }
                | StorageError::NoSuchRow { .. }
                | StorageError::TableExists { .. }
                | StorageError::TableInUse { .. }
                | StorageError::TableName { .. }
                | StorageError::ColumnExists { .. }
                | StorageError::ColumnName { .. }
                | StorageError::ColumnInUse { .. }
                | StorageError::NeedsDefault { .. }
                | StorageError::NotWider { .. }
                | StorageError::AlteredView { .. }
                | StorageError::Mounted { .. }
                | StorageError::Definition(_)
                | StorageError::DuplicateId { .. } => ErrorKind::Input,
                StorageError::Conflict { .. } => ErrorKind::Conflict,
                StorageError::Rows { .. } => ErrorKind::Bug,
                _ => ErrorKind::Storage,
            },
        }
    }
}

/// One way in which the columns of an input differ from those of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnMismatch {
    /// The table requires a column that the input lacks.
    Missing {
        /// Exact name of the table's column.
        column: String,
    },
    /// The input has a column that the table lacks.
    Extra {
        /// Name in the input.
        column: String,
    },
    /// Several columns of the input could be the table's column.
    Ambiguous {
        /// Exact name of the table's column.
        column: String,
        /// The candidates' names in the input.
        candidates: Vec<String>,
    },
    /// No value of the input's type can become a value of the column's type.
    Type {
        /// Exact name of the table's column.
        column: String,
        /// Type in the input.
        found: String,
        /// Type of the column.
        expected: Datatype,
    },
    /// The input's unit cannot become the column's.
    Unit {
        /// Exact name of the table's column.
        column: String,
        /// Unit in the input, or of a mapping.
        found: String,
        /// Unit of the column.
        expected: String,
        /// Why not.
        reason: String,
    },
    /// A mapping fills a column that the table lacks.
    NoTarget {
        /// Name in the mapping.
        column: String,
    },
    /// A mapping fills a column from one that the input lacks.
    NoSource {
        /// Exact name of the table's column.
        column: String,
        /// Name in the mapping.
        source: String,
    },
    /// A mapping fills a column with a constant that is no value of it.
    Constant {
        /// Exact name of the table's column.
        column: String,
        /// The constant, shortened.
        value: String,
        /// Why it does not fit.
        problem: ValueProblem,
    },
}

impl fmt::Display for ColumnMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { column } => write!(f, "column {column} is missing"),
            Self::Extra { column } => write!(f, "column {} is not in the table", shown(column)),
            Self::Ambiguous { column, candidates } => {
                let candidates: Vec<String> = candidates.iter().map(|name| shown(name)).collect();
                write!(f, "column {column} could be any of {}", candidates.join(", "))
            }
            Self::Type { column, found, expected } => {
                write!(f, "column {column} holds {}, not {}", shown(found), noun(*expected))
            }
            Self::Unit { column, found, expected, reason } => {
                let found = shown(found);
                write!(f, "column {column} is in {expected}, the input in {found}: {reason}")
            }
            Self::NoTarget { column } => {
                let column = shown(column);
                write!(f, "the mapping fills column {column}, which is not in the table")
            }
            Self::NoSource { column, source } => {
                let source = shown(source);
                write!(f, "column {column} is mapped from {source}, which is missing")
            }
            Self::Constant { column, value, problem } => {
                let reason = problem.describe(value);
                write!(f, "column {column} is mapped from a constant: {reason}")
            }
        }
    }
}

/// Longest name or unit of an input in a message, characters.
const NAME_LENGTH: usize = 100;

/// Shorten what a file calls something.
fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let mut shown: String = letters.by_ref().take(NAME_LENGTH).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Why a value does not fit its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueProblem {
    /// It is not a value of the type.
    NotA(Datatype),
    /// Its numbers are no geometry.
    NotGeometry(GeometryType),
    /// It is a number, but the type does not reach that far.
    OutOfRange(Datatype),
    /// It is too large for a float to have kept it exactly.
    Inexact,
    /// It is absent where it must not be.
    Absent,
    /// It is not finite where it must be.
    NotFinite,
    /// It is longer than the column's length.
    TooLong {
        /// The column's length, characters.
        length: u32,
    },
    /// It is the 0 that children use for "no director", as the id of a director.
    ZeroDirector,
    /// It is a declination beyond a pole.
    BeyondPole,
}

impl ValueProblem {
    fn describe(self, value: &str) -> String {
        match self {
            Self::NotA(datatype) => format!("{value} is not {}", noun(datatype)),
            Self::NotGeometry(kind) => {
                let numbers = match kind {
                    GeometryType::Point => "longitude and latitude",
                    GeometryType::Circle => "longitude, latitude and radius",
                    _ => "longitudes and latitudes of three or more vertices",
                };
                format!("{value} is not a {}: {numbers} in degrees", kind.xtype())
            }
            Self::OutOfRange(datatype) => format!("{value} does not fit {}", noun(datatype)),
            Self::Inexact => format!("{value} is too large for a float to hold an exact integer"),
            Self::Absent => "a value is required".to_owned(),
            Self::NotFinite => format!("{value} is not a finite number"),
            Self::TooLong { length } => format!("{value} is longer than {length} characters"),
            Self::ZeroDirector => "0 means no row and cannot be an id".to_owned(),
            Self::BeyondPole => format!("declination {value} lies outside -90 to 90 degrees"),
        }
    }
}

/// What is wrong with a row of a text file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextProblem {
    /// The row has too few or too many fields.
    FieldCount {
        /// Fields of the row.
        found: u64,
        /// Fields of the header.
        expected: u64,
    },
    /// A field is not UTF-8.
    NotUtf8 {
        /// Number of the field, 1-based.
        field: usize,
    },
    /// A line is not a JSON object.
    NotAnObject {
        /// The parser's reason.
        reason: String,
    },
    /// A JSON object has a key twice: which of the values counts, nobody can know.
    RepeatedKey {
        /// The key, shortened.
        key: String,
    },
    /// The row has more bytes than any row of a table can have: a quote was left open.
    TooLong {
        /// Bytes of the row.
        n_bytes: usize,
    },
    /// The file ends inside a quoted field of the row, which may have taken the rows after it for its own.
    OpenQuote,
}

impl fmt::Display for TextProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldCount { found, expected } => {
                write!(f, "{found} fields where the header names {expected}")
            }
            Self::NotUtf8 { field } => write!(f, "field {field} is not UTF-8 text"),
            Self::NotAnObject { reason } => write!(f, "not a JSON object: {reason}"),
            Self::RepeatedKey { key } => write!(f, "the key {key} is there twice"),
            Self::TooLong { n_bytes } => {
                write!(f, "{n_bytes} bytes in one row, is a quote left open?")
            }
            Self::OpenQuote => {
                f.write_str("a quote is opened here and not closed up to the end of the file")
            }
        }
    }
}

/// Return a datatype with its article, as messages name it.
pub(crate) fn noun(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Boolean => "a boolean",
        Datatype::Byte => "a byte (8-bit integer)",
        Datatype::Short => "a short (16-bit integer)",
        Datatype::Int => "an int (32-bit integer)",
        Datatype::Long => "a long (64-bit integer)",
        Datatype::Float => "a float (32-bit)",
        Datatype::Double => "a double (64-bit)",
        Datatype::Char | Datatype::String | Datatype::Unicode | Datatype::Text => "a string",
        Datatype::Binary => "a binary value",
        Datatype::Timestamp => "a timestamp (ISO 8601)",
    }
}

/// Most mismatches that a message names; nobody reads more.
const NAMED_MISMATCHES: usize = 20;

fn joined(mismatches: &[ColumnMismatch]) -> String {
    let named = mismatches.iter().take(NAMED_MISMATCHES).map(ColumnMismatch::to_string);
    let named = named.collect::<Vec<_>>().join("; ");
    named + &and_more(mismatches.len().saturating_sub(NAMED_MISMATCHES))
}

fn and_more(n_more: usize) -> String {
    if n_more == 0 { String::new() } else { format!(", and {n_more} more") }
}

/// Name a row beside another one.
fn other(row: Option<&RowOrigin>, beside: &RowOrigin) -> String {
    match row {
        None => "an earlier row".to_owned(),
        Some(row) if row.input == beside.input => format!("row {}", row.row),
        Some(row) => format!("row {} of {}", row.row, row.input),
    }
}

fn list(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}
