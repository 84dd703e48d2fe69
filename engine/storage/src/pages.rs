//! The pages of a column of integers, and what lies between their bounds.

use std::ops::{Range, RangeInclusive};

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

/// A page of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its rows, counted from the first of the row group.
    pub rows: Range<usize>,
    /// The least and the greatest value; absent where the file does not say, or all are NULL.
    pub bounds: Option<(i64, i64)>,
}

impl Page {
    /// Select its rows, or skip them.
    pub fn selector(&self, is_read: bool) -> RowSelector {
        let n_rows = self.rows.end - self.rows.start;
        if is_read { RowSelector::select(n_rows) } else { RowSelector::skip(n_rows) }
    }
}

/// Is one of `numbers` (ascending) from `min` to `max`?
pub fn any_within(numbers: &[i64], min: i64, max: i64) -> bool {
    let next = numbers.partition_point(|&number| number < min);
    numbers.get(next).is_some_and(|&number| number <= max)
}

/// Return the pages of a column in a row group; without a page index, all of it is one page.
pub fn pages(footer: &ParquetMetaData, row_group: usize, column: usize) -> Vec<Page> {
    let n_rows = footer.row_group(row_group).num_rows() as usize;
    let places = footer.offset_index().and_then(|index| index.get(row_group)?.get(column));
    let bounds = footer.column_index().and_then(|index| index.get(row_group)?.get(column));
    let (Some(places), Some(ColumnIndexMetaData::INT64(bounds))) = (places, bounds) else {
        return vec![Page { rows: 0..n_rows, bounds: None }];
    };
    let starts: Vec<usize> =
        places.page_locations().iter().map(|page| page.first_row_index as usize).collect();
    let ends = starts.iter().skip(1).copied().chain([n_rows]);
    let bounds = bounds.min_values_iter().zip(bounds.max_values_iter());
    starts
        .iter()
        .zip(ends)
        .zip(bounds)
        .map(|((&start, end), (min, max))| Page {
            rows: start..end,
            bounds: min.copied().zip(max.copied()),
        })
        .collect()
}

/// Has one of `ranges` (ascending, disjoint) a value from `min` to `max`?
pub fn any_meets(ranges: &[RangeInclusive<i64>], min: i64, max: i64) -> bool {
    let next = ranges.partition_point(|range| *range.end() < min);
    ranges.get(next).is_some_and(|range| *range.start() <= max)
}

/// Return the rows of the pages of a row group of which something may match; `None`: all.
///
/// # Arguments
/// * `column` - the place of the column of integers, such as the sort key
/// * `may_hold` - may a row match whose value is from one bound to the other?
pub fn selected(
    footer: &ParquetMetaData,
    row_group: usize,
    column: usize,
    may_hold: &impl Fn(i64, i64) -> bool,
) -> Option<RowSelection> {
    let mut is_whole = true;
    let selectors = pages(footer, row_group, column).into_iter().map(|page| {
        let is_read = page.bounds.is_none_or(|(min, max)| may_hold(min, max));
        is_whole &= is_read;
        page.selector(is_read)
    });
    let selection = RowSelection::from_iter(selectors);
    (!is_whole).then_some(selection)
}
