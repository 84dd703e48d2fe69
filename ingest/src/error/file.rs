//! What can be wrong with a table file and with the values in it.

use std::fmt;

/// What a file has too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Rows.
    Rows {
        /// The most that are taken.
        most: u64,
    },
    /// Columns.
    Columns {
        /// The most that are taken.
        most: usize,
    },
    /// Bytes, decompressed.
    Bytes {
        /// The most that are taken.
        most: u64,
    },
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { most } => write!(f, "more than {most} rows, the limit"),
            Self::Columns { most } => write!(f, "more than {most} columns, the limit"),
            Self::Bytes { most } => {
                write!(f, "more than {most} bytes after decompression, the limit")
            }
        }
    }
}

/// What is wrong with a file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// The file ends too early.
    #[error("the file ends within {within}")]
    Truncated {
        /// What it ends within.
        within: String,
    },
    /// Compressed bytes that are none.
    #[error("its {compression} compression is damaged: {reason}")]
    Damaged {
        /// gzip, zstd or bzip2.
        compression: &'static str,
        /// What the decompressor says.
        reason: String,
    },
    /// The XML is not well-formed.
    #[error("not well-formed XML at byte {position}: {reason}")]
    Xml {
        /// Where, bytes from the beginning of the document.
        position: u64,
        /// The parser's reason.
        reason: String,
    },
    /// The document defines entities of its own, as entity bombs do.
    #[error("a DOCTYPE with declarations of its own is not read")]
    EntityDeclarations,
    /// The data are elsewhere.
    #[error("data at another address are not fetched: {href}")]
    Remote {
        /// The address.
        href: String,
    },
    /// The file has no table.
    #[error("no table in the file{}", .status.as_ref().map(|s| format!(": {s}")).unwrap_or_default())]
    NoTable {
        /// What the file says instead: the error of a service.
        status: Option<String>,
    },
    /// The file's table ended with an error of the service that wrote it.
    #[error("the service that wrote the table failed on the way: {message}")]
    Incomplete {
        /// What the service said.
        message: String,
    },
    /// The file lacks the table that was asked for.
    #[error("no table {wanted} in the file, it has {}", if .found.is_empty() { "none".to_owned() } else { .found.join(", ") })]
    NoSuchTable {
        /// Name or number that was asked for.
        wanted: String,
        /// The names of the tables that there are; numbers where they have none.
        found: Vec<String>,
    },
    /// A column's definition cannot be understood.
    #[error("column {column}: {reason}")]
    Column {
        /// Name, or number, of the column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header cannot be understood.
    #[error("header: {reason}")]
    Header {
        /// What is wrong with it.
        reason: String,
    },
    /// Something that is allowed, and is not read here.
    #[error("not read: {what}")]
    Unsupported {
        /// What it is.
        what: String,
    },
    /// A pattern of paths that is none, or that no file fits.
    #[error("pattern of files: {reason}")]
    Pattern {
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes of the data cannot be decoded.
    #[error("data cannot be decoded: {reason}")]
    Encoding {
        /// The decoder's reason.
        reason: String,
    },
}

/// What is wrong with one value of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CellProblem {
    /// It cannot be read as the column's type.
    #[error("{value:?} is not {noun}")]
    NotA {
        /// The value as it was found, shortened.
        value: String,
        /// The type, with its article.
        noun: &'static str,
    },
    /// An array has too few or too many elements.
    #[error("{found} elements where there must be {expected}")]
    Length {
        /// Its elements.
        found: usize,
        /// What the column's definition says.
        expected: usize,
    },
    /// Text is not encoded as it should be.
    #[error("not {0} text")]
    NotText(&'static str),
    /// A length that no value can have.
    #[error("a value of {n_elements} elements")]
    TooLong {
        /// The elements that the file says there are.
        n_elements: i64,
    },
    /// An array lies outside the part of the file that holds arrays.
    #[error("an array of {n_elements} elements at byte {offset}, outside the heap")]
    OutsideHeap {
        /// Elements.
        n_elements: i64,
        /// Place in the heap, bytes.
        offset: i64,
    },
    /// The file ends within the value.
    #[error("the file ends within the value")]
    Truncated,
}
