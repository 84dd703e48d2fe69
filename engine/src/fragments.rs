//! The pieces in which a table is scanned: some row groups of one file.
//!
//! A scan of which few rows are wanted reads each file at once. A scan of a whole table is cut so that
//! other scans can join it between two fragments.

use std::path::Path;
use std::sync::Arc;

use almagest_storage::data_file::DataFile;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};

use crate::rows_wanted::FileWanted;

/// Rows of a fragment at least, the last of a file apart.
const FRAGMENT_ROWS: u64 = 256 * 1024;

/// Row groups of a file that are read one after another.
pub(crate) struct Fragment<'a> {
    /// The file.
    pub file: &'a DataFile,
    /// Where it lies.
    pub place: Place,
    /// Which rows are read; absent where all rows of the file are.
    pub access: Option<ParquetAccessPlan>,
    /// Chunks that begin in it.
    pub n_chunks: u64,
    /// Rows that are read.
    pub n_rows: u64,
    /// Rows of them, about, that are wanted.
    pub n_matching: f64,
}

/// Where a fragment lies; travels with it in the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file.
    pub path: Arc<Path>,
    /// The first of the row groups.
    pub first_row_group: usize,
}

/// All that is wanted of the file at `path`.
pub(crate) fn whole(wanted: FileWanted<'_>, path: Arc<Path>) -> Fragment<'_> {
    let FileWanted { file, footprints, access, n_rows, n_matching } = wanted;
    let place = Place { path, first_row_group: 0 };
    let n_chunks = footprints.len() as u64;
    Fragment { file, place, access, n_chunks, n_rows, n_matching }
}

/// What is wanted of the file at `path`, in pieces.
pub(crate) fn cut(wanted: FileWanted<'_>, path: Arc<Path>) -> Vec<Fragment<'_>> {
    if wanted.n_rows < 2 * FRAGMENT_ROWS {
        return vec![whole(wanted, path)];
    }
    let share = wanted.n_matching / wanted.n_rows as f64;
    let FileWanted { file, footprints, access, .. } = wanted;
    let n_row_groups = file.footprints.iter().map(|f| f.n_row_groups as usize).sum();
    let all = access.unwrap_or_else(|| ParquetAccessPlan::new_all(n_row_groups));
    let mut fragments: Vec<Fragment<'_>> = vec![];
    for footprint in footprints {
        for (index, rows) in footprint.row_groups().enumerate() {
            let row_group = footprint.first_row_group as usize + index;
            let read = &all.inner()[row_group];
            let n_rows = match read {
                RowGroupAccess::Skip => continue,
                RowGroupAccess::Scan => rows.end - rows.start,
                RowGroupAccess::Selection(selection) => selection.row_count() as u64,
            };
            let n_chunks = u64::from(index == 0);
            match fragments.last_mut().filter(|last| last.n_rows < FRAGMENT_ROWS) {
                Some(last) => {
                    last.n_rows += n_rows;
                    last.n_chunks += n_chunks;
                    last.access.iter_mut().for_each(|access| access.set(row_group, read.clone()));
                }
                None => {
                    let mut access = ParquetAccessPlan::new_none(n_row_groups);
                    access.set(row_group, read.clone());
                    let (access, path) = (Some(access), path.clone());
                    let place = Place { path, first_row_group: row_group };
                    let n_matching = 0.0;
                    fragments.push(Fragment { file, place, access, n_chunks, n_rows, n_matching });
                }
            }
        }
    }
    for fragment in &mut fragments {
        fragment.n_matching = fragment.n_rows as f64 * share;
    }
    fragments
}
