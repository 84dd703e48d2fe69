//! What a query would read, told before it is run.
//!
//! ```text
//!   optimized plan ─ each scan ─▶ regions of its filters ─▶ files, row groups that they may meet
//! ```
//!
//! The figures are those of the scan itself, from the catalog's metadata alone. They are bounds from
//! above: statistics of row groups and pages may skip more once the files are open. Bytes are the
//! share of the files that the row groups and the columns make up, columns weighed by the width of
//! their type; how well each of them is compressed is not known before a file is opened.

use std::any::Any;
use std::iter::Sum;
use std::ops::Add;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, TableScan};

use crate::chunked_table::{ChunkedTable, external};
use crate::narrow_table::ScannedTable;

/// Width of a value of a type that has none, such as a string: bytes.
const USUAL_WIDTH: usize = 16;

/// What a query would read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimate {
    /// One entry for each place where a table is scanned, in the order of the plan.
    pub scans: Vec<ScanEstimate>,
    /// How long it would take on cores that do nothing else, seconds; right within a factor of three for
    /// everyday queries.
    pub seconds: f64,
}

/// What one scan of a table would read.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanEstimate {
    /// Schema and table.
    pub table: String,
    /// Columns.
    pub columns: Share,
    /// What is read from files; none where the rows are in memory, as those of TAP_SCHEMA and of uploads.
    pub files: Option<FilesEstimate>,
}

/// What a scan would read from files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilesEstimate {
    /// Pieces of the sky.
    pub chunks: Share,
    /// Files.
    pub files: Share,
    /// Row groups of the files.
    pub row_groups: Share,
    /// Rows of the row groups.
    pub rows: Share,
    /// Bytes of the columns that are read, of the bytes of all files.
    pub bytes: Share,
}

/// So many of so many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that would be read.
    pub read: u64,
    /// All there are.
    pub all: u64,
}

impl Add for Share {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { read: self.read + other.read, all: self.all + other.all }
    }
}

impl Sum for Share {
    fn sum<I: Iterator<Item = Self>>(shares: I) -> Self {
        shares.fold(Self::default(), Add::add)
    }
}

impl Estimate {
    /// Look at the scans of an optimized plan.
    ///
    /// # Arguments
    /// * `seconds` - how long the query takes
    pub(crate) fn of(plan: &LogicalPlan, seconds: f64) -> Result<Self> {
        let mut scans = vec![];
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                scans.push(scan_estimate(scan)?);
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Self { scans, seconds })
    }

    /// Sum a figure over all scans of files.
    pub fn total(&self, figure: impl Fn(&FilesEstimate) -> Share) -> Share {
        self.scans.iter().filter_map(|scan| scan.files.as_ref()).map(figure).sum()
    }
}

/// Would fewer than `most` rows be read? What is in memory counts as many.
///
/// # Errors
/// The id index cannot be read.
pub(crate) fn reads_less_than(most: u64, plan: &LogicalPlan) -> Result<bool> {
    let mut n_rows = Some(0);
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            let scanned = ScannedTable::of(scan)?;
            let chunked: Option<&ChunkedTable> =
                (scanned.provider.as_ref() as &dyn Any).downcast_ref();
            let of_scan = chunked.map(|chunked| chunked.n_rows_wanted(&scan.filters)).transpose();
            let of_scan = of_scan.map_err(external)?;
            n_rows = n_rows.zip(of_scan).map(|(sum, more)| sum + more).filter(|sum| *sum < most);
        }
        Ok(if n_rows.is_some() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    })?;
    Ok(n_rows.is_some())
}

fn scan_estimate(scan: &TableScan) -> Result<ScanEstimate> {
    let scanned = ScannedTable::of(scan)?;
    let columns = Share { read: scanned.places.len() as u64, all: scanned.n_columns() as u64 };
    let chunked: Option<&ChunkedTable> = (scanned.provider.as_ref() as &dyn Any).downcast_ref();
    let files = chunked.map(|chunked| -> Result<FilesEstimate> {
        let estimate = chunked.estimate(&scan.filters);
        let of_row_groups = estimate.map_err(external)?;
        let read = of_row_groups.bytes.read as f64
            * share_of_columns(&scanned.provider.schema(), &scanned.places);
        let bytes = Share { read: read.round() as u64, ..of_row_groups.bytes };
        Ok(FilesEstimate { bytes, ..of_row_groups })
    });
    let files = files.transpose()?;
    let table = format!("{}.{}", scanned.schema, scanned.name);
    Ok(ScanEstimate { table, columns, files })
}

/// The share of a row's width that some columns make up.
fn share_of_columns(schema: &Schema, places: &[usize]) -> f64 {
    let width = |place: usize| match schema.field(place).data_type() {
        DataType::Boolean => 1,
        other => other.primitive_width().unwrap_or(USUAL_WIDTH),
    };
    let all: usize = (0..schema.fields().len()).map(width).sum();
    places.iter().map(|place| width(*place)).sum::<usize>() as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;

    #[test]
    fn columns_are_weighed_by_their_width() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Float64, true),
            Field::new("b", DataType::Float32, true),
            Field::new("c", DataType::Boolean, true),
            Field::new("d", DataType::Utf8, true),
        ]);
        let check = |places: &[usize], expected: f64| {
            assert!((share_of_columns(&schema, places) - expected).abs() < 1e-12, "{places:?}");
        };
        check(&[0, 1, 2, 3], 1.0);
        check(&[0], 8.0 / 29.0);
        check(&[2, 3], 17.0 / 29.0);
        check(&[], 0.0);
    }
}
