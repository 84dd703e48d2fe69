//! What the metadata says of a data file: rows, checksum, and where on the sky its row groups lie.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::arrow::arrow_reader::RowSelection;
use parquet::file::metadata::ParquetMetaData;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use crate::chunk_file::ROW_GROUP_ROWS;
use crate::chunking::ChunkId;
use crate::deletion_vector::DeletionVector;
use crate::layout;
use crate::mount::Mount;
use crate::older_form::OlderForm;
use crate::sphgeom::{Angle, Cap, Region, Relation};

/// An immutable Parquet file of rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Number in the metadata; 0 before the commit.
    pub file_id: i64,
    /// Name of the table.
    pub table: String,
    /// The version that added the file; 0 before the commit.
    pub added_in: u64,
    /// Path relative to the catalog's folder, or to that of its mount.
    pub(crate) path: String,
    /// Where it is mounted from; none where it is the catalog's own.
    pub mount: Option<Arc<Mount>>,
    /// Number of rows in the file, deleted ones included.
    pub n_rows: u64,
    /// The rows that are deleted in the version that is seen; none where all are visible.
    pub deleted: Option<Arc<DeletionVector>>,
    /// Size of the file.
    pub size_bytes: u64,
    /// SHA-256 of the file, of a mounted one that of its footer, hexadecimal.
    pub checksum: String,
    /// How its columns are those of the table in the version that is seen, where the table was altered
    /// since the file was written.
    pub older_form: Option<Arc<OlderForm>>,
    /// The ids in the file and their places, where the table has ids.
    pub(crate) id_run: Option<IdRun>,
    /// One entry for each chunk in the file, or for each row group of a mounted one, in the order of the
    /// row groups.
    pub footprints: Vec<Footprint>,
    /// Ranges of the columns that queries prune on.
    pub column_ranges: Vec<ColumnRange>,
}

impl DataFile {
    /// Where it lies.
    ///
    /// # Arguments
    /// * `root` - the catalog's folder
    pub(crate) fn location(&self, root: &Path) -> PathBuf {
        layout::absolute(self.mount.as_ref().map_or(root, |mount| &mount.folder), &self.path)
    }

    /// The place among its columns of the sort key; none where no column says where rows lie.
    pub fn key_column(&self, footer: &ParquetMetaData) -> Option<usize> {
        match &self.mount {
            Some(mount) => mount.key_column(footer),
            None => footer.file_metadata().schema_descr().num_columns().checked_sub(1),
        }
    }

    /// Number of rows that are not deleted.
    pub fn n_visible_rows(&self) -> u64 {
        self.n_rows - self.deleted.as_ref().map_or(0, |deleted| deleted.n_rows())
    }

    /// The rows of a range that are not deleted; `None`: all.
    pub fn visible_rows(&self, rows: Range<u64>) -> Option<RowSelection> {
        let deleted =
            self.deleted.as_ref().filter(|deleted| deleted.n_rows_in(rows.clone()) > 0)?;
        Some(deleted.selection([rows]))
    }

    /// Number of rows of a footprint of this file that are not deleted.
    pub fn n_visible_rows_of(&self, footprint: &Footprint) -> u64 {
        let rows = footprint.rows();
        footprint.n_rows - self.deleted.as_ref().map_or(0, |deleted| deleted.n_rows_in(rows))
    }
}

/// A sorted, immutable map from id to place, of the ids of one data file.
#[derive(Debug, Clone, PartialEq)]
pub struct IdRun {
    pub(crate) path: String,
    pub(crate) size_bytes: u64,
    pub(crate) checksum: String,
    pub(crate) id_min: i64,
    pub(crate) id_max: i64,
}

/// The row groups of one chunk in one file, and the part of the sky where their rows lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// The chunk; each row group holds rows of one chunk only, those of a mounted file of none.
    pub chunk: ChunkId,
    /// Index of the first row group.
    pub first_row_group: u32,
    /// Number of consecutive row groups.
    pub n_row_groups: u32,
    /// Number of the first row in the file.
    pub first_row: u64,
    /// Number of rows in them.
    pub n_rows: u64,
    /// A cap that holds the position of every row that has one.
    pub cap: Option<Cap>,
    /// Smallest sort key (`_healpix_29`).
    pub key_min: i64,
    /// Greatest sort key.
    pub key_max: i64,
    /// Largest angle between a row's position and its sort key's cell; without it, rows cannot be
    /// pruned by their key.
    pub max_offset: Option<Angle>,
}

impl Footprint {
    /// The numbers of its rows in the file.
    pub fn rows(&self) -> Range<u64> {
        self.first_row..self.first_row + self.n_rows
    }

    /// The numbers of the rows of each row group: all are full but the last, and one alone is of any size.
    pub fn row_groups(&self) -> impl Iterator<Item = Range<u64>> {
        let Range { start, end } = self.rows();
        let last = u64::from(self.n_row_groups).saturating_sub(1);
        (0..=last).take(self.n_row_groups as usize).map(move |index| {
            let first = start + index * ROW_GROUP_ROWS as u64;
            first..if index == last { end } else { first + ROW_GROUP_ROWS as u64 }
        })
    }

    /// Could a row of the footprint lie in `region`?
    ///
    /// A footprint without a cap holds rows without positions only, which no region contains.
    pub fn may_meet(&self, region: &Region) -> bool {
        self.cap.as_ref().is_some_and(|cap| region.relation_to_cap(cap) != Relation::Disjoint)
    }
}

/// Smallest and greatest value of a column in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnRange {
    /// Name of the column.
    pub column: String,
    /// Smallest value; none where all are NULL.
    pub min: Option<RangeValue>,
    /// Greatest value; none where all are NULL.
    pub max: Option<RangeValue>,
    /// Number of NULLs.
    pub null_count: u64,
}

impl ColumnRange {
    /// Could the column hold a value? A value of another type is not ruled out.
    pub fn may_hold(&self, value: &RangeValue) -> bool {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) => {
                min.partial_cmp(value).is_none_or(std::cmp::Ordering::is_le)
                    && max.partial_cmp(value).is_none_or(std::cmp::Ordering::is_ge)
            }
            // All are NULL.
            _ => false,
        }
    }
}

/// A bound of a [`ColumnRange`].
#[derive(Debug, Clone, PartialEq)]
pub enum RangeValue {
    /// Of integer columns.
    Integer(i64),
    /// Of floating-point columns.
    Real(f64),
    /// Of string columns.
    Text(String),
}

impl PartialOrd for RangeValue {
    /// Compare values of one type; others have no order.
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.partial_cmp(b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.partial_cmp(b),
            _ => None,
        }
    }
}

impl ToSql for RangeValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self {
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(value) => Value::Real(*value),
            Self::Text(value) => Value::Text(value.clone()),
        }))
    }
}

impl FromSql for RangeValue {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(value) => Ok(Self::Integer(value)),
            ValueRef::Real(value) => Ok(Self::Real(value)),
            ValueRef::Text(_) => Ok(Self::Text(value.as_str()?.to_owned())),
            ValueRef::Null | ValueRef::Blob(_) => Err(FromSqlError::InvalidType),
        }
    }
}
