//! Table files as streams of batches: each batch knows its rows' numbers in the file.
//!
//! Readers decode and nothing more. Whether a file's columns are those of a table is decided by
//! [`conform`](crate::conform()), the same way for each format.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use arrow::array::RecordBatch;

use crate::error::{Error, Result};
use crate::origin::Origin;

mod csv;
mod parquet;

/// The file names that say what format a file has, for messages and help.
pub const EXTENSIONS: &str = ".csv, .tsv, .csv.gz, .tsv.gz or .parquet";

/// A format of table files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a header row, fields separated by commas, quoted by `"`.
    Csv,
    /// Text with a header row, fields separated by tabs, quoted by `"`.
    Tsv,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Tell the format by the file's name; a further `.gz` is allowed for text.
    ///
    /// # Errors
    /// [`Error::UnknownFormat`] if the name does not say.
    pub fn of_path(path: &Path) -> Result<Self> {
        let unknown = || Error::UnknownFormat { path: path.to_owned() };
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(unknown)?;
        let name = name.to_ascii_lowercase();
        let (name, is_compressed) = match name.strip_suffix(".gz") {
            Some(name) => (name, true),
            None => (name.as_str(), false),
        };
        match name.rsplit_once('.').map(|(_, extension)| extension) {
            Some("csv") => Ok(Self::Csv),
            Some("tsv") => Ok(Self::Tsv),
            Some("parquet" | "parq" | "pq") if !is_compressed => Ok(Self::Parquet),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Parquet => "parquet",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Csv, Self::Tsv, Self::Parquet]
            .into_iter()
            .find(|format| format.to_string().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("no format {text}, expected csv, tsv or parquet"))
    }
}

/// How to read a table file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; `None`: as the file's name says.
    pub format: Option<Format>,
    /// Fields of a text file that mean NULL.
    pub null_fields: Vec<String>,
    /// Most rows of a batch.
    pub batch_rows: usize,
}

impl Default for ReadOptions {
    /// The name decides the format; an empty field and `\N` (as MySQL and Qserv write) are NULL.
    fn default() -> Self {
        let null_fields = vec![String::new(), "\\N".to_owned()];
        Self { format: None, null_fields, batch_rows: 65_536 }
    }
}

/// A batch of a file's rows.
#[derive(Debug, Clone)]
pub struct FileRows {
    /// The rows, with the file's own columns and types (text for text files).
    pub batch: RecordBatch,
    /// The file and the first row's number.
    pub origin: Origin,
}

/// Open a table file and stream its rows in their order; a file without rows gives one empty
/// batch, which has the file's columns.
///
/// # Errors
/// Here and from the iterator: every error names the file, and the row where there is one. After
/// an error the iterator ends.
pub fn read(
    path: &Path,
    options: &ReadOptions,
) -> Result<Box<dyn Iterator<Item = Result<FileRows>>>> {
    let format = match options.format {
        Some(format) => format,
        None => Format::of_path(path)?,
    };
    Ok(match format {
        Format::Csv => Box::new(csv::TextReader::open(path, b',', options)?),
        Format::Tsv => Box::new(csv::TextReader::open(path, b'\t', options)?),
        Format::Parquet => Box::new(parquet::ParquetReader::open(path, options)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: Option<Format>) {
        assert_eq!(Format::of_path(Path::new(name)).ok(), expected, "{name}");
    }

    #[test]
    fn the_name_tells_the_format() {
        check("a.csv", Some(Format::Csv));
        check("dir.parquet/a.CSV.GZ", Some(Format::Csv));
        check("a.b.tsv", Some(Format::Tsv));
        check("a.parquet", Some(Format::Parquet));
        check("a.pq", Some(Format::Parquet));
        check("a.parquet.gz", None);
        check("a.fits", None);
        check("csv", None);
        check("..", None);
    }
}
