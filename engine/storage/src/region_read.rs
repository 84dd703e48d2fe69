//! Reading the rows of a region and a range of times, without a query: what a pipeline asks for again and
//! again, such as the history of what one detector sees.
//!
//! ```text
//!   region ─▶ footprints (caps) ─▶ row groups ─▶ pages, by ranges of the sort key ─┐
//!   times  ─▶ files, row groups, by their least and greatest ──────────────────────┤
//!                            position and time of those rows, one by one  ◀────────┘
//!                            the columns that are wanted, of rows that match
//! ```

use std::ops::{Range, RangeInclusive};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{and, cast};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    RowFilter, RowSelection, RowSelector,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use crate::chunk_file::read::{BATCH_ROWS, columns_of};
use crate::coverage::healpix_ranges;
use crate::data_file::{DataFile, Footprint, RangeValue};
use crate::footers::open;
use crate::older_form::{OlderForm, Source};
use crate::pages::{any_meets, any_within, selected};
use crate::schema::{PositionColumns, TableDef};
use crate::snapshot::Snapshot;
use crate::sphgeom::{Angle, Region};
use crate::{Error, Result};

/// Greatest number of `_healpix_29` ranges that stand for a region.
const MAX_RANGES: usize = 64;

/// When a row must be of.
enum Times {
    /// The column of the table's own times.
    Own { column: String, range: Range<f64> },
    /// Where rows refer to what has times, such as a visit: the column, and which of those are of the time,
    /// ascending.
    Through { column: String, ids: Vec<i64> },
}

/// What must hold of a row.
struct Conditions {
    within: Option<(PositionColumns, Region)>,
    times: Option<Times>,
}

impl Snapshot {
    /// Read `columns` (all of the definition, if none are named) of the rows of `table`; with a
    /// `region`, of those rows only whose position it contains, with `times`, of those of that time.
    ///
    /// A snapshot stays what it is beside writers, none of which is waited for.
    ///
    /// # Arguments
    /// * `times` - in the unit of the table's time column, as a rule MJD (TAI), the end excluded. A table
    ///   without such a column is read by the times of what it refers to: a ForcedSource is of the time of
    ///   its visit. Rows without a time are of none.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchColumn`]; [`Error::NoTimes`] where nothing tells the time of a
    /// row; [`Error::Corrupt`] and [`Error::Parquet`] for damaged files.
    pub fn read_region(
        &self,
        table: &str,
        region: Option<&Region>,
        columns: Option<&[&str]>,
        times: Option<Range<f64>>,
    ) -> Result<Vec<RecordBatch>> {
        let table = self.table(table)?;
        let wanted: Vec<&str> = match columns {
            Some(columns) => columns.to_vec(),
            None => table.columns.iter().map(|column| column.name.as_str()).collect(),
        };
        for name in &wanted {
            let (table_name, column) = (table.name.clone(), (*name).to_owned());
            table.column(name).ok_or(Error::NoSuchColumn { table: table_name, column })?;
        }
        let times = times.map(|range| self.times_of(table, range)).transpose()?;
        let within = match (region, &table.position) {
            (None, _) => None,
            (Some(region), Some(position)) => Some((position.clone(), region.clone())),
            // What has no position is in no region.
            (Some(_), None) => return Ok(vec![]),
        };
        let conditions = Arc::new(Conditions { within, times });
        let files = self.data_files(&table.name).iter().map(Arc::as_ref);
        let files = files.filter(|file| conditions.may_be_in_time(file));
        let met = files.map(|file| (file, conditions.footprints(file)));
        let met: Vec<_> = met.filter(|(_, footprints)| !footprints.is_empty()).collect();
        let keys =
            conditions.keys(met.iter().flat_map(|(_, footprints)| footprints.iter().copied()));
        let mut batches = vec![];
        for (file, footprints) in met {
            let path = self.path(file);
            let footer = self.store().footers().of(&path)?;
            let selection = conditions.selection(file, &footprints, keys.as_deref(), &footer);
            if selection.iter().any(|(_, rows)| rows.selects_any()) {
                batches.extend(read_file(&path, file, &wanted, &footer, selection, &conditions)?);
            }
        }
        Ok(batches)
    }

    /// Find out how the rows of a table tell their time.
    fn times_of(&self, table: &TableDef, range: Range<f64>) -> Result<Times> {
        if let Some(column) = &table.time {
            return Ok(Times::Own { column: column.clone(), range });
        }
        for key in &table.foreign_keys {
            let ([column], [id]) = (&key.columns[..], &key.target_columns[..]) else { continue };
            let has_time = self.table(&key.target_table).is_ok_and(|table| table.time.is_some());
            if !has_time {
                continue;
            }
            let mut ids = vec![];
            for batch in
                self.read_region(&key.target_table, None, Some(&[id]), Some(range.clone()))?
            {
                let batch = cast(batch.column(0), &DataType::Int64);
                let batch = batch
                    .map_err(|source| Error::Rows { table: key.target_table.clone(), source })?;
                ids.extend(batch.as_primitive::<Int64Type>().iter().flatten());
            }
            ids.sort_unstable();
            return Ok(Times::Through { column: column.clone(), ids });
        }
        Err(Error::NoTimes { table: table.name.clone() })
    }
}

impl Times {
    fn column(&self) -> &String {
        match self {
            Self::Own { column, .. } | Self::Through { column, .. } => column,
        }
    }

    /// Could a value from `min` to `max` be of the time? What has another type is not ruled out.
    fn may_meet(&self, min: &RangeValue, max: &RangeValue) -> bool {
        match (self, min, max) {
            (Self::Own { range, .. }, RangeValue::Real(min), RangeValue::Real(max)) => {
                *max >= range.start && *min < range.end
            }
            (Self::Through { ids, .. }, RangeValue::Integer(min), RangeValue::Integer(max)) => {
                any_within(ids, *min, *max)
            }
            _ => true,
        }
    }

    /// Tell for each row whether it is of the time.
    fn hold(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let values = batch.column(batch.schema_ref().index_of(self.column())?);
        Ok(match self {
            Self::Own { range, .. } => {
                let values = cast(values, &DataType::Float64)?;
                let times = values.as_primitive::<Float64Type>().iter();
                times.map(|time| Some(time.is_some_and(|time| range.contains(&time)))).collect()
            }
            Self::Through { ids, .. } => {
                let values = cast(values, &DataType::Int64)?;
                let is_there = |id| ids.binary_search(&id).is_ok();
                let found = values.as_primitive::<Int64Type>().iter();
                found.map(|id| Some(id.is_some_and(is_there))).collect()
            }
        })
    }
}

/// Read the rows of a file that are selected and fulfil the conditions.
fn read_file(
    path: &Path,
    file: &DataFile,
    columns: &[&str],
    footer: &Arc<ParquetMetaData>,
    selection: Vec<(usize, RowSelection)>,
    conditions: &Arc<Conditions>,
) -> Result<Vec<RecordBatch>> {
    let parquet_error = |source| Error::Parquet { path: path.to_owned(), source };
    let rows_error = |source| Error::Rows { table: file.table.clone(), source };
    let form = file.older_form.as_ref();
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(footer), ArrowReaderOptions::new());
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
        open(path)?,
        metadata.map_err(parquet_error)?,
    );
    let mask = |columns: &[&str]| {
        let written = form.map(|form| form.written(columns));
        let written = written.as_deref().unwrap_or(columns);
        columns_of(builder.parquet_schema(), written)
    };
    let (projection, filter) = (mask(columns), conditions.filter(form.cloned(), &mask));
    let (row_groups, rows): (Vec<_>, Vec<_>) = selection.into_iter().unzip();
    let rows = rows.into_iter().flat_map(Vec::<RowSelector>::from).collect();
    let mut builder = builder
        .with_projection(projection)
        .with_row_groups(row_groups)
        .with_row_selection(rows)
        .with_batch_size(BATCH_ROWS);
    if let Some(filter) = filter {
        builder = builder.with_row_filter(filter);
    }
    let mut batches = vec![];
    for batch in builder.build().map_err(parquet_error)? {
        let batch = batch.map_err(|source| parquet_error(source.into()))?;
        let batch = match form {
            Some(form) => form.read_as_now(columns, &batch),
            // Parquet gives columns in the order of the file, callers get theirs.
            None => columns
                .iter()
                .map(|name| batch.schema_ref().index_of(name))
                .collect::<Result<Vec<_>, _>>()
                .and_then(|indices| batch.project(&indices)),
        };
        batches.push(batch.map_err(rows_error)?);
    }
    Ok(batches)
}

impl Conditions {
    /// The chunks of a file of which a row may lie in the region.
    fn footprints<'a>(&self, file: &'a DataFile) -> Vec<&'a Footprint> {
        let may_meet = |footprint: &&Footprint| {
            self.within.as_ref().is_none_or(|(_, region)| footprint.may_meet(region))
        };
        file.footprints.iter().filter(may_meet).collect()
    }

    /// The ranges of keys of the region. They hold the keys of all rows of footprints that bound the
    /// distance from key to row.
    fn keys<'a>(
        &self,
        footprints: impl Iterator<Item = &'a Footprint>,
    ) -> Option<Vec<RangeInclusive<i64>>> {
        let (_, region) = self.within.as_ref()?;
        let offsets = footprints.filter_map(|footprint| footprint.max_offset);
        Some(healpix_ranges(region, offsets.fold(Angle::ZERO, Angle::max), MAX_RANGES))
    }

    /// The row groups of which something may match, each with the rows that may.
    fn selection(
        &self,
        file: &DataFile,
        footprints: &[&Footprint],
        keys: Option<&[RangeInclusive<i64>]>,
        footer: &ParquetMetaData,
    ) -> Vec<(usize, RowSelection)> {
        let key = file.key_column(footer);
        let mut found = vec![];
        for footprint in footprints {
            // Without that bound, keys say nothing of positions.
            let keys = keys.filter(|_| footprint.max_offset.is_some());
            let may_hold = |min, max| keys.is_none_or(|ranges| any_meets(ranges, min, max));
            for (index, rows) in footprint.row_groups().enumerate() {
                let row_group = footprint.first_row_group as usize + index;
                if !self.may_hold_time(file, footer.row_group(row_group)) {
                    continue;
                }
                let pages = key.filter(|_| keys.is_some());
                let pages = pages.and_then(|key| selected(footer, row_group, key, &may_hold));
                let selection = match (pages, file.visible_rows(rows.clone())) {
                    (Some(a), Some(b)) => a.intersection(&b),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => {
                        vec![RowSelector::select((rows.end - rows.start) as usize)].into()
                    }
                };
                found.push((row_group, selection));
            }
        }
        found
    }

    /// Could the file hold a row of the time?
    fn may_be_in_time(&self, file: &DataFile) -> bool {
        let Some(times) = &self.times else { return true };
        let mut ranges = file.column_ranges.iter();
        match ranges.find(|range| range.column == *times.column()) {
            Some(range) => match (&range.min, &range.max) {
                (Some(min), Some(max)) => times.may_meet(min, max),
                // All are NULL.
                _ => false,
            },
            None => true,
        }
    }

    /// Could the row group hold a row of the time?
    fn may_hold_time(&self, file: &DataFile, row_group: &RowGroupMetaData) -> bool {
        let Some(times) = &self.times else { return true };
        let column = times.column();
        let written = match file.older_form.as_ref().map(|form| form.source_of(column)) {
            None => column,
            Some(Some(Source::Written(written))) => written,
            // Not in the file, or with numbers that are none.
            Some(_) => return true,
        };
        let mut columns = row_group.columns().iter();
        let found =
            columns.find(|found| found.column_path().parts() == std::slice::from_ref(written));
        let bounds = match found.and_then(|column| column.statistics()) {
            Some(Statistics::Double(of)) => of
                .min_opt()
                .zip(of.max_opt())
                .map(|b| (RangeValue::Real(*b.0), RangeValue::Real(*b.1))),
            Some(Statistics::Int64(of)) => of
                .min_opt()
                .zip(of.max_opt())
                .map(|b| (RangeValue::Integer(*b.0), RangeValue::Integer(*b.1))),
            _ => None,
        };
        bounds.is_none_or(|(min, max)| times.may_meet(&min, &max))
    }

    /// What the reader asks of each row before it decodes the rest; none where nothing is asked.
    ///
    /// # Arguments
    /// * `mask` - makes a projection of some of the table's columns
    fn filter(
        self: &Arc<Self>,
        form: Option<Arc<OlderForm>>,
        mask: &dyn Fn(&[&str]) -> ProjectionMask,
    ) -> Option<RowFilter> {
        let position = self.within.as_ref().map(|(position, _)| [&position.ra, &position.dec]);
        let time = self.times.as_ref().map(Times::column);
        let mut columns: Vec<String> = position.into_iter().flatten().cloned().collect();
        columns.extend(time.filter(|time| !columns.contains(time)).cloned());
        if columns.is_empty() {
            return None;
        }
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let (projection, conditions) = (mask(&names), Arc::clone(self));
        let hold = move |batch: RecordBatch| match &form {
            Some(form) => {
                let names: Vec<&str> = columns.iter().map(String::as_str).collect();
                conditions.hold(&form.read_as_now(&names, &batch)?)
            }
            None => conditions.hold(&batch),
        };
        Some(RowFilter::new(vec![Box::new(ArrowPredicateFn::new(projection, hold))]))
    }

    /// Tell for each row whether the conditions hold.
    fn hold(&self, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let inside = self.within.as_ref().map(|(position, region)| inside(position, batch, region));
        let in_time = self.times.as_ref().map(|times| times.hold(batch)).transpose()?;
        match (inside, in_time) {
            (Some(inside), Some(in_time)) => and(&inside, &in_time),
            (Some(one), None) | (None, Some(one)) => Ok(one),
            (None, None) => Ok(vec![true; batch.num_rows()].into()),
        }
    }
}

/// Tell for each row whether `region` contains its position; a row without one is outside.
pub(crate) fn inside(
    position: &PositionColumns,
    batch: &RecordBatch,
    region: &Region,
) -> BooleanArray {
    let column = |name: &str| batch.column_by_name(name)?.as_primitive_opt::<Float64Type>();
    let Some((ra, dec)) = column(&position.ra).zip(column(&position.dec)) else {
        return BooleanArray::from(vec![false; batch.num_rows()]);
    };
    ra.iter()
        .zip(dec)
        .map(|position| match position {
            (Some(ra), Some(dec)) => Some(region.contains_lonlat_deg(ra, dec)),
            _ => Some(false),
        })
        .collect()
}
