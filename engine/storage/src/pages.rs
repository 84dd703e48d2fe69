//! The pages of a column of integers, and what lies between their bounds.

use std::ops::Range;

use parquet::file::metadata::ParquetMetaData;
use parquet::file::page_index::column_index::ColumnIndexMetaData;

/// Return the rows of each page of a column, counted from the row group's first, with the least and the
/// greatest value; these are absent where the file does not say or all values are NULL. Without a
/// page index, the row group is one page.
pub fn pages(
    footer: &ParquetMetaData,
    row_group: usize,
    column: usize,
) -> Vec<(Range<usize>, Option<(i64, i64)>)> {
    let n_rows = footer.row_group(row_group).num_rows() as usize;
    let places = footer.offset_index().and_then(|index| index.get(row_group)?.get(column));
    let bounds = footer.column_index().and_then(|index| index.get(row_group)?.get(column));
    let (Some(places), Some(ColumnIndexMetaData::INT64(bounds))) = (places, bounds) else {
        return vec![(0..n_rows, None)];
    };
    let starts: Vec<usize> =
        places.page_locations().iter().map(|page| page.first_row_index as usize).collect();
    let ends = starts.iter().skip(1).copied().chain([n_rows]);
    let bounds = bounds.min_values_iter().zip(bounds.max_values_iter());
    starts
        .iter()
        .zip(ends)
        .zip(bounds)
        .map(|((&start, end), (min, max))| (start..end, min.copied().zip(max.copied())))
        .collect()
}
