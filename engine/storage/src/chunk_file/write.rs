//! Writing a data file: sort, row groups by chunk, footprints, checksum, fsync.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, UInt32Array};
use arrow::compute;
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef,
};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use sha2::{Digest, Sha256};

use super::encode::append_row_groups;
use super::extent::Extent;
use super::order::order;
use super::{FileFilling, HEALPIX_29, ROW_GROUP_ROWS, file_schema};
use crate::checksum::hexadecimal;
use crate::chunking::ChunkId;
use crate::data_file::{ColumnRange, DataFile, Footprint, RangeValue};
use crate::disk::{Disk, NewFile, Nowhere};
use crate::place::{Place, PlacedRows};
use crate::schema::{TableDef, TableKind};
use crate::{Error, Result};

/// Greatest number of rows of a page, the unit that a cone prunes.
const PAGE_ROWS: usize = 8 * 1024;

/// Write one of the files that rows make at `path`, and return what the metadata must say of it.
///
/// The file and its folder are on disk when this returns.
///
/// # Arguments
/// * `spans` - the rows of the file
pub(crate) fn write(
    disk: &dyn Disk,
    path: &Path,
    relative: String,
    table: &TableDef,
    sorted: &SortedRows,
    spans: &[ChunkSpan],
) -> Result<DataFile> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let io_error = |source| Error::Io { path: path.to_owned(), source };

    let folder = path.parent().unwrap_or(path);
    let folder_error = |source| Error::Io { path: folder.to_owned(), source };
    disk.make_folder(folder).map_err(folder_error)?;
    let file = disk.create_file(path).map_err(io_error)?;
    let row_groups: Vec<Range<usize>> = spans.iter().flat_map(row_groups).collect();
    let schema = file_schema(table);
    let writer =
        ArrowWriter::try_new(HashingWriter::new(file), schema.clone(), Some(properties(table)));
    let (mut writer, encoders) =
        writer.and_then(ArrowWriter::into_serialized_writer).map_err(parquet_error)?;
    let make = |rows: &Range<usize>| {
        let batch = sorted.file_batch(&schema, rows)?;
        let extent = Extent::of(table, &batch, &sorted.places[rows.clone()]);
        Ok((batch, extent))
    };
    let mut footprints = Footprints::new(table, &sorted.places, spans);
    append_row_groups(&mut writer, &encoders, &row_groups, make, |extent| footprints.take(extent))
        .map_err(parquet_error)?;
    writer.finish().map_err(parquet_error)?;
    let (size_bytes, checksum) = writer.inner_mut().finish().map_err(io_error)?;
    disk.sync_folder(folder).map_err(folder_error)?;

    let rows = rows_of(spans);
    let mut column_ranges = vec![];
    for name in ranged_columns(table) {
        let column = sorted.batch.column_by_name(name);
        let column = column.map(|column| column.slice(rows.start, rows.len()));
        column_ranges.extend(column.and_then(|column| column_range(name, &column)));
    }
    Ok(DataFile {
        file_id: 0,
        table: table.name.clone(),
        added_in: 0,
        deleted: None,
        path: relative,
        mount: None,
        n_rows: rows.len() as u64,
        size_bytes,
        checksum,
        older_form: None,
        id_run: None,
        footprints: footprints.done,
        column_ranges,
    })
}

/// Return the size of the files that `rows` would make, bytes; nothing is written.
///
/// # Errors
/// [`Error::Rows`] where the rows are not those of the table.
pub fn size_bytes(table: &TableDef, rows: PlacedRows) -> Result<u64> {
    let sorted = SortedRows::from_rows(table, rows)?;
    let path = Path::new(&table.name);
    let file = |spans: &[ChunkSpan]| write(&Nowhere, path, String::new(), table, &sorted, spans);
    sorted.files(table).iter().map(|spans| Ok(file(spans)?.size_bytes)).sum()
}

/// Rows in the order of the files that they make.
pub(crate) struct SortedRows {
    /// The rows.
    pub batch: RecordBatch,
    /// Their places.
    pub places: Vec<Place>,
}

/// Consecutive rows that are of one chunk.
pub(crate) type ChunkSpan = (ChunkId, Range<usize>);

/// The rows of consecutive spans.
pub(crate) fn rows_of(spans: &[ChunkSpan]) -> Range<usize> {
    match (spans.first(), spans.last()) {
        (Some((_, first)), Some((_, last))) => first.start..last.end,
        _ => 0..0,
    }
}

/// The rows of each row group of a span.
fn row_groups((_, rows): &ChunkSpan) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = rows.end;
    rows.clone().step_by(ROW_GROUP_ROWS).map(move |row| row..end.min(row + ROW_GROUP_ROWS))
}

impl SortedRows {
    /// Sort rows.
    ///
    /// # Errors
    /// [`Error::Rows`] where the rows are not those of the table.
    pub fn from_rows(table: &TableDef, rows: PlacedRows) -> Result<Self> {
        let PlacedRows { batch, places } = rows;
        let columns = secondary_order(table);
        let columns = columns.iter().filter_map(|name| batch.column_by_name(name).cloned());
        let rows_error = |source| Error::Rows { table: table.name.clone(), source };
        let (order, places) = order(places, columns.collect()).map_err(rows_error)?;
        let batch = match order {
            Some(order) => taken(batch, &order).map_err(rows_error)?,
            None => batch,
        };
        Ok(Self { batch, places })
    }

    /// Part the rows into files: one, but for a footer that would be too large.
    pub fn files(&self, table: &TableDef) -> Vec<Vec<ChunkSpan>> {
        let mut filling = FileFilling::of(table);
        let mut files: Vec<Vec<ChunkSpan>> = vec![];
        for span in self.chunk_spans() {
            let begins = filling.begins_with(span.1.len() as u64);
            match files.last_mut() {
                Some(last) if !begins => last.push(span),
                _ => files.push(vec![span]),
            }
        }
        files
    }

    fn chunk_spans(&self) -> Vec<ChunkSpan> {
        let mut start = 0;
        let span = |places: &[Place]| {
            let rows = start..start + places.len();
            start = rows.end;
            (places[0].chunk, rows)
        };
        self.places.chunk_by(|a, b| a.chunk == b.chunk).map(span).collect()
    }

    /// Return some rows, with their keys where the schema has them.
    fn file_batch(
        &self,
        schema: &SchemaRef,
        rows: &Range<usize>,
    ) -> Result<RecordBatch, ArrowError> {
        let batch = self.batch.slice(rows.start, rows.len());
        let mut columns = batch.columns().to_vec();
        if schema.fields().len() > columns.len() {
            let keys = self.places[rows.clone()].iter().map(|place| place.key);
            columns.push(Arc::new(Int64Array::from_iter_values(keys)));
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// Take rows in an order, column by column: the values of one column stay in the cache while they are
/// taken, and no more columns are there twice than there are cores.
fn taken(batch: RecordBatch, order: &UInt32Array) -> Result<RecordBatch, ArrowError> {
    let (schema, columns, _) = batch.into_parts();
    let columns = columns.into_par_iter().map(|column| compute::take(&column, order, None));
    RecordBatch::try_new(schema, columns.collect::<Result<_, _>>()?)
}

/// The footprints of a file, made while its row groups come in.
struct Footprints<'a> {
    table: &'a TableDef,
    places: &'a [Place],
    /// Where the file begins.
    first_row: usize,
    /// Those to come.
    spans: std::slice::Iter<'a, ChunkSpan>,
    done: Vec<Footprint>,
    /// The rows so far of the span that comes next, and their row groups.
    extent: Extent,
    n_row_groups: u32,
}

impl<'a> Footprints<'a> {
    fn new(table: &'a TableDef, places: &'a [Place], spans: &'a [ChunkSpan]) -> Self {
        Self {
            table,
            places,
            first_row: rows_of(spans).start,
            spans: spans.iter(),
            done: vec![],
            extent: Extent::NOWHERE,
            n_row_groups: 0,
        }
    }

    /// Take the next row group.
    fn take(&mut self, extent: Extent) {
        self.extent.join(extent);
        self.n_row_groups += 1;
        let Some((chunk, rows)) = self.spans.as_slice().first() else { return };
        if (self.n_row_groups as usize) < rows.len().div_ceil(ROW_GROUP_ROWS) {
            return;
        }
        self.spans.next();
        let before = self.done.last();
        let extent = std::mem::replace(&mut self.extent, Extent::NOWHERE);
        self.done.push(Footprint {
            chunk: *chunk,
            first_row_group: before
                .map_or(0, |before| before.first_row_group + before.n_row_groups),
            n_row_groups: std::mem::take(&mut self.n_row_groups),
            first_row: (rows.start - self.first_row) as u64,
            n_rows: rows.len() as u64,
            cap: extent.cap(),
            key_min: self.places[rows.start].key,
            key_max: self.places[rows.end - 1].key,
            max_offset: extent.max_offset(self.table),
        });
    }
}

/// Name the columns that order rows of one key.
fn secondary_order(table: &TableDef) -> Vec<&str> {
    match &table.kind {
        TableKind::Child { key, .. } => vec![key, "band", "visit"],
        TableKind::RefMatch { first, second } => vec![&first.1, &second.1],
        TableKind::Director | TableKind::Positional => {
            table.primary_key.iter().map(String::as_str).collect()
        }
        TableKind::Replicated | TableKind::View { .. } => {
            table.primary_key.iter().map(String::as_str).collect()
        }
    }
}

/// Name the columns whose ranges the metadata keeps: keys, references, times and bands.
fn ranged_columns(table: &TableDef) -> Vec<&str> {
    let mut names: Vec<&str> = vec![];
    let references = table.foreign_keys.iter().flat_map(|key| &key.columns);
    let band = table.column("band").map(|band| &band.name);
    let keys = table.primary_key.iter().chain(&table.id).chain(&table.time);
    let all = keys.chain(references).chain(band);
    for name in all {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

fn column_range(name: &str, column: &ArrayRef) -> Option<ColumnRange> {
    use RangeValue::{Integer, Real, Text};
    macro_rules! bounds {
        ($arrow:ty, $variant:expr) => {{
            let array = column.as_primitive::<$arrow>();
            (
                compute::min(array).map(|value| $variant(value.into())),
                compute::max(array).map(|value| $variant(value.into())),
            )
        }};
    }
    let (min, max) = match column.data_type() {
        DataType::Int8 => bounds!(Int8Type, Integer),
        DataType::Int16 => bounds!(Int16Type, Integer),
        DataType::Int32 => bounds!(Int32Type, Integer),
        DataType::Int64 => bounds!(Int64Type, Integer),
        DataType::Float32 => bounds!(Float32Type, Real),
        DataType::Float64 => bounds!(Float64Type, Real),
        DataType::Utf8 => {
            let array = column.as_string::<i32>();
            (
                compute::min_string(array).map(|value| Text(value.to_owned())),
                compute::max_string(array).map(|value| Text(value.to_owned())),
            )
        }
        _ => return None,
    };
    Some(ColumnRange { column: name.to_owned(), min, max, null_count: column.null_count() as u64 })
}

fn properties(table: &TableDef) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("almagest ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(1024)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_compression(Compression::UNCOMPRESSED);
    for column in &table.columns {
        let path = ColumnPath::from(column.name.clone());
        match column.to_arrow() {
            DataType::Float32 | DataType::Float64 => {
                builder = builder.set_column_dictionary_enabled(path, false);
            }
            DataType::Utf8 | DataType::Binary => {
                let level = ZstdLevel::default();
                builder = builder.set_column_compression(path, Compression::ZSTD(level));
            }
            _ => {}
        }
    }
    if let Some(id) = &table.id {
        let path = ColumnPath::from(id.clone());
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_bloom_filter_enabled(path, true);
    }
    if table.is_chunked() {
        let path = ColumnPath::from(HEALPIX_29);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED)
            .set_sorting_columns(Some(vec![SortingColumn {
                column_idx: table.columns.len() as i32,
                descending: false,
                nulls_first: true,
            }]));
    }
    builder.build()
}

/// A file that knows the checksum and the size of what was written to it.
pub(crate) struct HashingWriter {
    file: Box<dyn NewFile>,
    hasher: Sha256,
    size_bytes: u64,
}

impl HashingWriter {
    pub fn new(file: Box<dyn NewFile>) -> Self {
        Self { file, hasher: Sha256::new(), size_bytes: 0 }
    }

    /// Make the file durable; return its size and its SHA-256, hexadecimal.
    pub fn finish(&mut self) -> io::Result<(u64, String)> {
        self.file.sync()?;
        Ok((self.size_bytes, hexadecimal(&std::mem::take(&mut self.hasher).finalize())))
    }
}

impl Write for HashingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..n_written]);
        self.size_bytes += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
