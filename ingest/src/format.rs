//! Table files as streams of batches: each batch knows its rows' numbers in the file.
//!
//! ```text
//!   path ──┐   gzip, bzip2,           ┌ csv, ecsv, json_lines ┐
//!          ├─▶ zstd  ─▶ Input ─ detect┤ votable, fits_table   ├─▶ TableReader ─▶ FileRows …
//!   Read ──┘   undone   (limits)      └ parquet, arrow_ipc    ┘   (one schema)
//! ```
//!
//! Readers decode and nothing more. Whether a file's columns are those of a table is decided by
//! [`conform`](crate::conform()), the same way for each format; what table a file would make by
//! itself, by [`infer`](crate::infer). Each reader holds a batch in memory, whatever the size of
//! the file, and refuses a hostile file in words.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::SchemaRef;

use crate::error::{Error, Limit, Result};
use crate::origin::Origin;
use bad_rows::{BadRows, Cells};
use input::Input;
use notes::FileNotes;

mod arrow_ipc;
mod bad_rows;
mod column;
mod csv;
mod detect;
mod ecsv;
mod fits_table;
mod input;
mod json_lines;
mod notes;
mod parquet;
pub(crate) mod read_ahead;
mod votable;

pub use bad_rows::{BadRow, OnBadRow};
pub use detect::EXTENSIONS;
pub(crate) use notes::notes_of;

/// A batch is complete when what was read for it reaches this size, however wide the table.
const BATCH_BYTES: usize = 16 << 20;

/// More columns than any table has; a file of values without line breaks has them.
const MOST_COLUMNS: usize = 100_000;

/// No row of a survey table comes near this; a forgotten quote or a lying length does.
const ROW_BYTES_LIMIT: usize = 256 << 20;

/// A format of table files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a header row, fields separated by commas, quoted by `"`.
    Csv,
    /// Text with a header row, fields separated by tabs, quoted by `"`.
    Tsv,
    /// CSV under a commented header with types, units and descriptions (Astropy APE 6).
    Ecsv,
    /// One JSON object a line.
    JsonLines,
    /// VOTable in any serialization.
    Votable,
    /// A binary table of a FITS file.
    Fits,
    /// Apache Parquet.
    Parquet,
    /// Arrow IPC, file or stream.
    Arrow,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 8] = [
        Self::Csv,
        Self::Tsv,
        Self::Ecsv,
        Self::JsonLines,
        Self::Votable,
        Self::Fits,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The format's name, as options of the program spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Ecsv => "ecsv",
            Self::JsonLines => "jsonl",
            Self::Votable => "votable",
            Self::Fits => "fits",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name().eq_ignore_ascii_case(text)).ok_or_else(
            || {
                let names = Self::ALL.map(Self::name);
                format!("no format {text}, expected one of {}", names.join(", "))
            },
        )
    }
}

/// Which table of a file that may hold several (VOTable, FITS).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum TableChoice {
    /// The first.
    #[default]
    First,
    /// By its place among the file's tables, from 0.
    Index(usize),
    /// By its name or ID, in any case.
    Name(String),
}

/// How to read a table file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// The format; `None`: as the first bytes or the file's name say.
    pub format: Option<Format>,
    /// What the sender of an upload says that it is; it counts before the name.
    pub media_type: Option<String>,
    /// What errors call a file, in the place of its path.
    pub name: Option<String>,
    /// Which table of the file.
    pub table: TableChoice,
    /// Fields of a CSV or TSV file that mean NULL.
    pub null_fields: Vec<String>,
    /// What to do with rows that cannot be read.
    pub on_bad_row: OnBadRow,
    /// Most rows of a batch.
    pub batch_rows: usize,
    /// Most rows of the table; more are refused.
    pub max_rows: Option<u64>,
    /// Most bytes of the file after decompression; the batches of a file that unfolds further
    /// (Parquet) may take four times as many in memory, over all of them.
    pub max_bytes: Option<u64>,
}

impl Default for ReadOptions {
    /// The content or name decides the format; an empty field and `\N` (as MySQL and Qserv write)
    /// are NULL; no limits.
    fn default() -> Self {
        Self {
            format: None,
            media_type: None,
            name: None,
            table: TableChoice::First,
            null_fields: vec![String::new(), "\\N".to_owned()],
            on_bad_row: OnBadRow::Refuse,
            batch_rows: 65_536,
            max_rows: None,
            max_bytes: None,
        }
    }
}

/// A batch of a file's rows.
#[derive(Debug)]
pub struct FileRows {
    /// The rows, with the file's own columns and types (text for CSV and TSV).
    pub batch: RecordBatch,
    /// The file and the first row's number.
    pub origin: Origin,
    /// Rows of the batch that could not be read, in their order, where that ends nothing.
    pub bad_rows: Vec<BadRow>,
}

/// The rows of a file of some format.
trait RowSource: Send {
    /// The columns: all batches have exactly these.
    fn schema(&self) -> SchemaRef;

    /// Read the batch whose first row `origin` names; `None`, or no rows: the end.
    ///
    /// # Arguments
    /// * `bad_rows` - takes the rows that cannot be read
    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>>;
}

/// Read rows into columns until a batch is complete or there are no more; return their number.
///
/// `read_row` reads the row that its origin names first: `None` at the end, else the row's bytes.
/// After a fault of the row alone it has read all of the row, and stands before the next.
fn read_rows<C: Cells>(
    batch_rows: usize,
    origin: &Origin,
    columns: &mut [C],
    bad_rows: &mut BadRows,
    mut read_row: impl FnMut(&Origin, &mut [C]) -> Result<Option<usize>>,
) -> Result<usize> {
    let (mut n_rows, mut n_bytes) = (0, 0);
    while n_rows < batch_rows && n_bytes < BATCH_BYTES {
        match read_row(&origin.after(n_rows), columns) {
            Ok(None) => break,
            Ok(Some(row_bytes)) => n_bytes += row_bytes,
            Err(error) => {
                bad_rows.pass_over(n_rows, error)?;
                columns.iter_mut().for_each(|column| column.fill_to(n_rows + 1));
                n_bytes += columns.len();
            }
        }
        n_rows += 1;
    }
    Ok(n_rows)
}

/// Make the batch whose first row `origin` names.
fn batch(
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    origin: &Origin,
) -> Result<Option<RecordBatch>> {
    RecordBatch::try_new(schema, columns)
        .map(Some)
        .map_err(|source| Error::Rows { table: origin.input.to_string(), source })
}

/// Open a table file and stream its rows in their order.
///
/// Compression (gzip, zstd, bzip2) and format are told by the first bytes; CSV and TSV, which have no
/// mark, by the name.
///
/// # Errors
/// Here and from the iterator: every error names the file, and the row where there is one.
pub fn read(path: &Path, options: &ReadOptions) -> Result<TableReader> {
    TableReader::open(Input::open(path, options.name.as_deref(), options.max_bytes)?, options)
}

/// Stream the rows of a table that comes from anywhere: an upload, standard input.
///
/// Parquet, JSON lines and FITS tables with arrays of variable length are first copied to an
/// unnamed temporary file, as they cannot be read in one pass.
///
/// # Arguments
/// * `name` - what errors call the input; where it ends like a file's name, it tells the format
///
/// # Errors
/// As for [`read`].
pub fn read_from(
    stream: impl Read + Send + 'static,
    name: &str,
    options: &ReadOptions,
) -> Result<TableReader> {
    TableReader::open(Input::from_stream(Box::new(stream), name, options.max_bytes)?, options)
}

/// A table file that is being read: an iterator over its batches, in the order of the rows.
///
/// A file without rows gives one empty batch, which has the file's columns; and so does one of
/// which something is to be said at its end. After an error the iterator ends.
pub struct TableReader {
    format: Format,
    rows: Box<dyn RowSource>,
    broken_off: input::BrokenOff,
    notes: FileNotes,
    on_bad_row: OnBadRow,
    max_rows: Option<u64>,
    max_bytes: Option<u64>,
    n_bytes: u64,
    /// Origin of the next row; `None` after the end or an error.
    next: Option<Origin>,
}

impl TableReader {
    fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let (broken_off, notes) = (input.broken_off(), input.notes());
        let name = Arc::clone(input.name());
        let format = options
            .format
            .or_else(|| Format::detect(input.head(), &name, options.media_type.as_deref()))
            .ok_or_else(|| input.unknown_format())?;
        let mut options = options.clone();
        let row_limit = options.max_rows.and_then(|most| usize::try_from(most).ok());
        let batch_rows = options.batch_rows.max(1);
        options.batch_rows = row_limit.map_or(batch_rows, |most| (most + 1).min(batch_rows));
        let rows: Result<Box<dyn RowSource>> = match format {
            Format::Csv => csv::TextRows::open(input, b',', &options).map(boxed),
            Format::Tsv => csv::TextRows::open(input, b'\t', &options).map(boxed),
            Format::Ecsv => ecsv::EcsvRows::open(input, &options).map(boxed),
            Format::JsonLines => json_lines::JsonRows::open(input, &options).map(boxed),
            Format::Votable => votable::open(input, &options),
            Format::Fits => fits_table::FitsRows::open(input, &options).map(boxed),
            Format::Parquet => parquet::ParquetRows::open(input, &options).map(boxed),
            Format::Arrow => arrow_ipc::IpcRows::open(input, &options).map(boxed),
        };
        let rows = rows.map_err(|error| broken_off.explain(&name, error))?;
        if rows.schema().fields().len() > MOST_COLUMNS {
            let limit = Limit::Columns { most: MOST_COLUMNS };
            return Err(Error::Limit { input: name.to_string(), limit });
        }
        Ok(Self {
            format,
            rows,
            broken_off,
            notes,
            on_bad_row: options.on_bad_row,
            max_rows: options.max_rows,
            max_bytes: options.max_bytes,
            n_bytes: 0,
            next: Some(Origin::new(name)),
        })
    }

    /// The format of the file, as it was found to be.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The columns of all batches, with the metadata of the file (see
    /// [`almagest_storage::schema::arrow`]).
    pub fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let batch = self
            .rows
            .read_batch(origin, bad_rows)
            .map_err(|error| self.broken_off.explain(&origin.input, error))?;
        let Some(batch) = batch.filter(|batch| batch.num_rows() > 0) else { return Ok(None) };
        let over = |limit| Err(Error::Limit { input: origin.input.to_string(), limit });
        self.n_bytes += batch.get_array_memory_size() as u64;
        let n_rows = origin.first_row - 1 + batch.num_rows() as u64;
        match (self.max_rows, self.max_bytes) {
            (Some(most), _) if n_rows > most => over(Limit::Rows { most }),
            // Builders grow by doubling, so memory of twice the limit is nothing hostile yet.
            (_, Some(most)) if self.n_bytes > most.saturating_mul(4).max(1 << 20) => {
                over(Limit::Bytes { most })
            }
            _ => Ok(Some(batch)),
        }
    }
}

fn boxed<R: RowSource + 'static>(rows: R) -> Box<dyn RowSource> {
    Box::new(rows)
}

impl Iterator for TableReader {
    type Item = Result<FileRows>;

    fn next(&mut self) -> Option<Self::Item> {
        let origin = self.next.take()?;
        let mut bad_rows = BadRows::new(self.on_bad_row);
        match self.read_batch(&origin, &mut bad_rows) {
            Ok(Some(batch)) => {
                self.next = Some(origin.after(batch.num_rows()));
                Some(Ok(FileRows { batch, origin, bad_rows: bad_rows.rows }))
            }
            Ok(None) => {
                let schema = self.rows.schema();
                let noted = self.notes.move_to(&schema).map(Arc::new);
                // A file without rows still has columns to be looked at.
                let schema = noted.or((origin.first_row == 1).then_some(schema))?;
                let batch = RecordBatch::new_empty(schema);
                Some(Ok(FileRows { batch, origin, bad_rows: vec![] }))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl fmt::Debug for TableReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableReader")
            .field("format", &self.format)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// Run a library's decoder over bytes that anyone may have sent: `None` where it panics. Its state
/// is not used any more after that.
fn caught<T>(decode: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).ok()
}
