//! What the metadata says of a data file: rows, checksum, and where on the sky its row groups lie.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

use crate::chunking::ChunkId;
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
    /// Path relative to the catalog's folder.
    pub(crate) path: String,
    /// Number of rows.
    pub n_rows: u64,
    /// Size of the file.
    pub size_bytes: u64,
    /// SHA-256 of the file, hexadecimal.
    pub checksum: String,
    /// The ids in the file and their places, where the table has ids.
    pub(crate) id_run: Option<IdRun>,
    /// One entry for each chunk in the file, in the order of the row groups.
    pub footprints: Vec<Footprint>,
    /// Ranges of the columns that queries prune on.
    pub column_ranges: Vec<ColumnRange>,
}

/// A sorted, immutable map from id to place, of the ids of one data file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct IdRun {
    pub path: String,
    pub size_bytes: u64,
    pub checksum: String,
    pub id_min: i64,
    pub id_max: i64,
}

/// The row groups of one chunk in one file, and the part of the sky where their rows lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// The chunk; each row group holds rows of one chunk only.
    pub chunk: ChunkId,
    /// Index of the first row group.
    pub first_row_group: u32,
    /// Number of consecutive row groups.
    pub n_row_groups: u32,
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
