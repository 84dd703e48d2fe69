//! Binary tables of FITS files, read straight from their bytes.
//!
//! CFITSIO is not used here: it wants a path, in whose name it sees commands, it reads no stream,
//! and it would parse in C what anybody may upload; a binary table is rows of big-endian numbers.
//!
//! ```text
//!   unit 0  header │ data      skipped
//!   unit n  header │ rows ─▶ batches │ heap ◀── arrays of variable length point here
//! ```
//!
//! Rows are read in one pass. Where a table has arrays of variable length, the heap is read beside
//! it through a second view of the file. Text ends at a NUL, spaces at its end do not count, and
//! where nothing is left it is NULL; so is an array without elements. Where nobody asked for one of
//! several tables, the first is taken and the others are noted: for these the file is read to its end.
//!
//! Reference: FITS 4.0, section 7.3.

use std::io::{self, BufReader, Read, Seek};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};

use super::bad_rows::BadRows;
use super::column::ColumnBuilder;
use super::input::{Bytes, Input, io_error, is_ours};
use super::notes::FileNotes;
use super::{ROW_BYTES_LIMIT, ReadOptions, RowSource, TableChoice, batch, read_rows};
use crate::error::{CellProblem, Error, FileProblem, Result};
use crate::origin::Origin;
use field::{Code, Descriptor, FitsColumn, Scaling};
use header::{BLOCK_BYTES, Header};
use heap::Heap;

mod field;
mod header;
mod heap;

/// The card in which our service says how a result ended, as VOTables do in QUERY_STATUS.
const STATUS: &str = "QSTATUS";

/// Streams the rows of a binary table.
pub(super) struct FitsRows {
    name: Arc<str>,
    stream: Bytes,
    columns: Vec<FitsColumn>,
    schema: SchemaRef,
    /// One row's bytes.
    row: Vec<u8>,
    n_rows_left: u64,
    heap: Option<Heap>,
    batch_rows: usize,
    notes: FileNotes,
    /// The table, if it was taken as the first, where nobody asked for one.
    first: Option<String>,
    is_in_votable: bool,
    /// Until it is read.
    behind: Option<Behind>,
}

/// The file behind the table.
struct Behind {
    /// The bytes, if they do not follow the rows.
    rest: Option<Bytes>,
    /// How far away the next unit begins.
    gap_bytes: u64,
    /// Its place among the units of the file, from 0.
    unit: usize,
}

impl FitsRows {
    /// Find the table and read its header.
    pub fn open(input: Input, options: &ReadOptions) -> Result<Self> {
        let (name, notes) = (Arc::clone(input.name()), input.notes());
        let io_error = |source| io_error(&name, source);
        let problem = |problem| Error::File { input: name.to_string(), problem };
        let second_view = input.second_view()?;
        let mut stream = Position { inner: input.into_stream(), n_bytes: 0 };
        let found = find_table(&mut stream, &options.table).map_err(io_error)?;
        let (unit, header) = found.map_err(problem)?;
        match header.text(STATUS) {
            Some("OVERFLOW") => notes.add_overflow(STATUS),
            Some("ERROR") => {
                let message = format!("{STATUS} is ERROR");
                return Err(problem(FileProblem::Incomplete { message }));
            }
            _ => {}
        }

        let (columns, fields): (Vec<FitsColumn>, Vec<Field>) =
            field::columns(&header).map_err(problem)?.into_iter().unzip();
        let row_bytes = header.required("NAXIS1").map_err(problem)?;
        let n_rows = header.required("NAXIS2").map_err(problem)?;
        let row_bytes = check_width(&columns, row_bytes, n_rows).map_err(problem)?;
        let data_bytes = header.data_bytes().map_err(problem)?;
        let table_bytes = (row_bytes as u64).saturating_mul(n_rows);
        let heap_offset = header.count("THEAP").map_err(problem)?.unwrap_or(table_bytes);
        let unit_bytes = data_bytes.next_multiple_of(BLOCK_BYTES);
        let gap_bytes = unit_bytes.saturating_sub(table_bytes);
        let mut behind = Behind { rest: None, gap_bytes, unit: unit + 1 };

        let mut heap = None;
        let mut bytes: Bytes = Box::new(stream.inner);
        if columns.iter().any(|column| column.heap.is_some()) {
            let (file, start) = match second_view {
                Some(file) => (file, stream.n_bytes),
                // A stream is read but once, so its data are copied to be read in any order.
                None => {
                    let mut copy = tempfile::tempfile().map_err(io_error)?;
                    io::copy(&mut bytes.by_ref().take(data_bytes), &mut copy).map_err(io_error)?;
                    copy.rewind().map_err(io_error)?;
                    let rows = Box::new(BufReader::new(copy.try_clone().map_err(io_error)?));
                    let rest = std::mem::replace(&mut bytes, rows);
                    (behind.rest, behind.gap_bytes) = (Some(rest), unit_bytes - data_bytes);
                    (copy, 0)
                }
            };
            let n_bytes = data_bytes.saturating_sub(heap_offset);
            heap = Some(Heap::new(file, start.saturating_add(heap_offset), n_bytes));
        }
        Ok(Self {
            stream: bytes,
            columns,
            schema: Arc::new(Schema::new(fields)),
            row: vec![0; row_bytes],
            n_rows_left: n_rows,
            heap,
            batch_rows: options.batch_rows,
            name,
            notes,
            first: (options.table == TableChoice::First).then(|| unit_name(&header, unit)),
            is_in_votable: false,
            behind: Some(behind),
        })
    }

    /// The columns with the names and descriptions of others: the fields of the VOTable around the
    /// file.
    pub fn described_by(mut self, fields: &[Field]) -> Self {
        self.is_in_votable = true;
        let own = self.schema.fields().iter();
        let described = own.zip(fields).map(|(own, other)| {
            let mut metadata = own.metadata().clone();
            metadata.extend(other.metadata().clone());
            Field::new(other.name(), own.data_type().clone(), true).with_metadata(metadata)
        });
        if fields.len() == self.columns.len() {
            self.schema = Arc::new(Schema::new(described.collect::<Vec<_>>()));
        }
        self
    }

    /// Read on behind the last row, for other tables and for what the VOTable around the file says at
    /// its end.
    fn read_on(&mut self) -> Result<()> {
        let is_wanted = self.first.is_some() || self.is_in_votable;
        let Some(mut behind) = self.behind.take().filter(|_| is_wanted) else { return Ok(()) };
        let mut others = vec![];
        let rest = behind.rest.as_mut().unwrap_or(&mut self.stream);
        let end = tables_behind(rest, behind.gap_bytes, behind.unit, &mut others);
        if let Some(first) = &self.first {
            self.notes.add_others(first, &others);
        }
        match end {
            Err(source) if is_ours(&source) => Err(io_error(&self.name, source)),
            // What cannot be read there is no fault of this table.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Read the next row into the columns' builders; return its bytes with those of its arrays.
    fn read_row(&mut self, origin: &Origin, builders: &mut [ColumnBuilder]) -> Result<usize> {
        self.stream.read_exact(&mut self.row).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::File {
                input: self.name.to_string(),
                problem: FileProblem::Truncated { within: format!("row {}", origin.first_row) },
            },
            _ => io_error(&self.name, source),
        })?;
        let mut n_bytes = self.row.len();
        let mut rest = self.row.as_slice();
        for (column, builder) in self.columns.iter().zip(builders) {
            let (cell, after) = rest.split_at(column.width);
            rest = after;
            let read = match (column.heap, &mut self.heap) {
                (Some(descriptor), Some(heap)) => {
                    read_array(column, descriptor, cell, heap, builder, &mut n_bytes)
                }
                _ => read_cell(column, cell, column.repeat, builder),
            };
            read.map_err(|problem| Error::Cell {
                origin: origin.row(0),
                column: column.name.clone(),
                problem,
            })?;
        }
        Ok(n_bytes)
    }
}

impl RowSource for FitsRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn read_batch(
        &mut self,
        origin: &Origin,
        bad_rows: &mut BadRows,
    ) -> Result<Option<RecordBatch>> {
        let mut builders: Vec<ColumnBuilder> =
            self.columns.iter().map(FitsColumn::builder).collect();
        read_rows(self.batch_rows, origin, &mut builders, bad_rows, |row, builders| {
            if self.n_rows_left == 0 {
                return self.read_on().map(|()| None);
            }
            self.n_rows_left -= 1;
            self.read_row(row, builders).map(Some)
        })?;
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        batch(self.schema(), columns, origin)
    }
}

/// Read an array in the heap.
fn read_array(
    column: &FitsColumn,
    descriptor: Descriptor,
    cell: &[u8],
    heap: &mut Heap,
    builder: &mut ColumnBuilder,
    n_row_bytes: &mut usize,
) -> Result<(), CellProblem> {
    let (n_elements, offset) = match (descriptor, cell) {
        (Descriptor::Narrow, [a, b, c, d, e, f, g, h]) => {
            let number = |bytes| i64::from(i32::from_be_bytes(bytes));
            (number([*a, *b, *c, *d]), number([*e, *f, *g, *h]))
        }
        (Descriptor::Wide, wide) => {
            let mut numbers = wide.as_chunks::<8>().0.iter().copied().map(i64::from_be_bytes);
            (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
        }
        _ => (0, 0),
    };
    let count = usize::try_from(n_elements).map_err(|_| CellProblem::TooLong { n_elements })?;
    if count == 0 {
        builder.null_cell();
        return Ok(());
    }
    let n_bytes = column.code.n_bytes(count).ok_or(CellProblem::TooLong { n_elements })?;
    *n_row_bytes = n_row_bytes.saturating_add(n_bytes);
    if *n_row_bytes > ROW_BYTES_LIMIT {
        return Err(CellProblem::TooLong { n_elements });
    }
    let bytes =
        heap.read(offset, n_bytes).ok_or(CellProblem::OutsideHeap { n_elements, offset })?;
    read_cell(column, bytes, count, builder)
}

/// Read the elements of a cell.
fn read_cell(
    column: &FitsColumn,
    bytes: &[u8],
    n_elements: usize,
    builder: &mut ColumnBuilder,
) -> Result<(), CellProblem> {
    match (column.code, column.scaling) {
        (Code::Characters, _) => match column.string_width {
            Some(width) => {
                for part in bytes.chunks(width) {
                    builder.text(text(part)?)?;
                }
            }
            None => builder.text(text(bytes)?)?,
        },
        // A cell without elements is one value short of a scalar and a whole list.
        _ if n_elements == 0 => {
            builder.null_cell();
            return Ok(());
        }
        (Code::Bits, _) => builder.bits(bytes, n_elements),
        (_, Scaling::None) => builder.big_endian(bytes)?,
        (code, scaling) => read_scaled(code, scaling, column.null, bytes, builder)?,
    }
    builder.end_list()
}

/// Read numbers that TSCAL and TZERO change.
fn read_scaled(
    code: Code,
    scaling: Scaling,
    null: Option<i128>,
    bytes: &[u8],
    builder: &mut ColumnBuilder,
) -> Result<(), CellProblem> {
    let integers: Vec<i128> = match code {
        Code::Byte => bytes.iter().map(|byte| i128::from(*byte)).collect(),
        Code::Short => wide(bytes, i16::from_be_bytes),
        Code::Int => wide(bytes, i32::from_be_bytes),
        Code::Long => wide(bytes, i64::from_be_bytes),
        _ => vec![],
    };
    match scaling {
        Scaling::Offset(offset) => {
            for raw in integers {
                match null == Some(raw) {
                    true => builder.null_element(),
                    false => builder.integer(raw + offset)?,
                }
            }
        }
        Scaling::Linear { scale, zero } => {
            let floats: Vec<f64> = match code {
                Code::Float => {
                    bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_be_bytes(*b))).collect()
                }
                Code::Double => {
                    bytes.as_chunks().0.iter().map(|b| f64::from_be_bytes(*b)).collect()
                }
                _ => {
                    let value = |raw| if null == Some(raw) { f64::NAN } else { raw as f64 };
                    integers.into_iter().map(value).collect()
                }
            };
            floats.into_iter().for_each(|raw| builder.float(raw * scale + zero));
        }
        Scaling::None => {}
    }
    Ok(())
}

fn wide<const N: usize, T: Into<i128>>(bytes: &[u8], read: fn([u8; N]) -> T) -> Vec<i128> {
    bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes).into()).collect()
}

/// Cut text at a NUL and its trailing spaces.
fn text(bytes: &[u8]) -> Result<&str, CellProblem> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| CellProblem::NotText("ASCII"))?;
    Ok(text.trim_end_matches(' '))
}

/// Compare the width of a row with that of its columns.
fn check_width(columns: &[FitsColumn], row_bytes: u64, n_rows: u64) -> Result<usize, FileProblem> {
    let wrong = |reason: String| Err(FileProblem::Header { reason });
    let width = columns.iter().try_fold(0usize, |sum, column| sum.checked_add(column.width));
    match width {
        _ if row_bytes > ROW_BYTES_LIMIT as u64 => wrong(format!("rows of {row_bytes} bytes")),
        _ if row_bytes == 0 && n_rows > 0 => wrong(format!("{n_rows} rows without bytes")),
        Some(width) if width as u64 <= row_bytes => Ok(row_bytes as usize),
        _ => wrong(format!("the columns are wider than a row, NAXIS1 = {row_bytes}")),
    }
}

/// The kind of an extension that holds a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TableForm {
    Binary,
    /// Rows of characters, which nobody has written for long.
    Ascii,
}

fn table_form(header: &Header) -> Option<TableForm> {
    match header.text("XTENSION")? {
        // A compressed image is a binary table as well, and not one of rows.
        "BINTABLE" if header.text("ZIMAGE") != Some("T") => Some(TableForm::Binary),
        "TABLE" => Some(TableForm::Ascii),
        _ => None,
    }
}

/// What notes call a table.
fn unit_name(header: &Header, unit: usize) -> String {
    match header.text("EXTNAME") {
        Some(name) => format!("{name} (HDU {unit})"),
        None => format!("of HDU {unit}"),
    }
}

/// Find the names of the tables from a unit on, as far as the file can be read.
///
/// # Arguments
/// * `gap_bytes` - how far away the unit begins
fn tables_behind(
    stream: &mut Bytes,
    mut gap_bytes: u64,
    mut unit: usize,
    found: &mut Vec<String>,
) -> io::Result<()> {
    loop {
        io::copy(&mut stream.by_ref().take(gap_bytes), &mut io::sink())?;
        let Ok(Some(header)) = Header::read(stream)? else { break };
        if table_form(&header).is_some() {
            found.push(unit_name(&header, unit));
        }
        let Ok(data_bytes) = header.data_bytes() else { break };
        gap_bytes = data_bytes.next_multiple_of(BLOCK_BYTES);
        unit += 1;
    }
    Ok(())
}

/// Go to the data of the table that is asked for; return its unit, from 0, and its header.
fn find_table(
    stream: &mut Position,
    choice: &TableChoice,
) -> io::Result<Result<(usize, Header), FileProblem>> {
    let (mut found, mut unit) = (Vec::new(), 0usize);
    let mut has_ascii = false;
    loop {
        let header = match Header::read(stream)? {
            Ok(Some(header)) => header,
            Ok(None) => break,
            Err(problem) => return Ok(Err(problem)),
        };
        if unit == 0 && header.text("SIMPLE") != Some("T") {
            return Ok(Err(FileProblem::Header { reason: "without SIMPLE = T".to_owned() }));
        }
        let form = table_form(&header);
        let name = header.text("EXTNAME").unwrap_or_default().to_owned();
        let has_name = |wanted: &str| wanted.eq_ignore_ascii_case(&name);
        has_ascii |= form == Some(TableForm::Ascii)
            && match choice {
                TableChoice::First | TableChoice::Index(_) => true,
                TableChoice::Name(wanted) => has_name(wanted),
            };
        if form == Some(TableForm::Binary) {
            let is_chosen = match choice {
                TableChoice::First => true,
                TableChoice::Index(index) => *index == found.len(),
                TableChoice::Name(wanted) => has_name(wanted),
            };
            if is_chosen && header.text("ZTABLE") == Some("T") {
                let what = "a tile-compressed table".to_owned();
                return Ok(Err(FileProblem::Unsupported { what }));
            }
            if is_chosen {
                return Ok(Ok((unit, header)));
            }
            found.push(if name.is_empty() { found.len().to_string() } else { name });
        }
        let n_bytes = match header.data_bytes() {
            Ok(n_bytes) => n_bytes.next_multiple_of(BLOCK_BYTES),
            Err(problem) => return Ok(Err(problem)),
        };
        unit += 1;
        if io::copy(&mut stream.take(n_bytes), &mut io::sink())? < n_bytes {
            break;
        }
    }
    let is_named = matches!(choice, TableChoice::Name(_));
    if has_ascii && (is_named || found.is_empty()) {
        let what = "an ASCII table (XTENSION = 'TABLE'); binary tables are".to_owned();
        return Ok(Err(FileProblem::Unsupported { what }));
    }
    let wanted = match choice {
        TableChoice::First => return Ok(Err(FileProblem::NoTable { status: None })),
        TableChoice::Index(index) => index.to_string(),
        TableChoice::Name(name) => name.clone(),
    };
    Ok(Err(FileProblem::NoSuchTable { wanted, found }))
}

/// A stream that knows how far it has been read.
struct Position {
    inner: super::input::Stream,
    n_bytes: u64,
}

impl Read for Position {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_bytes = self.inner.read(buffer)?;
        self.n_bytes += n_bytes as u64;
        Ok(n_bytes)
    }
}
