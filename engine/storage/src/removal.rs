//! Which rows of a table a commit removes, and where they are.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{and, cast};
use arrow::datatypes::{DataType, Float64Type, Int64Type};

use crate::chunk_file::read::each_batch_now;
use crate::data_file::{ColumnRange, DataFile, RangeValue};
use crate::deletion_vector::DeletionVector;
use crate::schema::TableDef;
use crate::snapshot::Snapshot;
use crate::{Error, Result};

/// Rows of one table that are to go.
#[derive(Debug, Clone, PartialEq)]
pub enum Removal {
    /// All rows whose columns have all these values, as of one visit and detector.
    DataId(Vec<(String, RangeValue)>),
    /// The rows of these ids, by the table's id column.
    Ids(Vec<i64>),
    /// All rows of which a column of integers has one of some values, and others have all of theirs.
    Among {
        /// Values that other columns have, as one of a visit.
        data_id: Vec<(String, RangeValue)>,
        /// The column.
        column: String,
        /// Its values.
        values: Vec<i64>,
    },
    /// These rows of these files, by [`DataFile::file_id`].
    Rows(BTreeMap<i64, DeletionVector>),
}

impl Removal {
    /// All rows of which a column of integers has a value, as `visit`.
    pub fn data_id(column: &str, value: i64) -> Self {
        Self::DataId(vec![(column.to_owned(), RangeValue::Integer(value))])
    }

    /// Refuse columns that the table lacks.
    ///
    /// # Errors
    /// [`Error::NoSuchColumn`].
    pub fn check(&self, table: &TableDef) -> Result<()> {
        let lacks = |column: &str| Error::NoSuchColumn {
            table: table.name.clone(),
            column: column.to_owned(),
        };
        match self {
            Self::DataId(conditions) => {
                let unknown = conditions.iter().find(|(name, _)| table.column(name).is_none());
                unknown.map_or(Ok(()), |(name, _)| Err(lacks(name)))
            }
            Self::Ids(_) => table.id.as_ref().map(drop).ok_or_else(|| lacks("with an id index")),
            Self::Among { data_id, column, .. } => {
                let mut names = data_id.iter().map(|(name, _)| name).chain([column]);
                let unknown = names.find(|name| table.column(name).is_none());
                unknown.map_or(Ok(()), |name| Err(lacks(name)))
            }
            Self::Rows(_) => Ok(()),
        }
    }

    /// Could rows of `file` be meant?
    pub(crate) fn may_meet(&self, file: &DataFile) -> bool {
        match self {
            Self::DataId(conditions) => conditions
                .iter()
                .all(|(column, value)| range_of(file, column).is_none_or(|r| r.may_hold(value))),
            Self::Among { data_id, column, values } => {
                let holds_one = |range: &ColumnRange| {
                    values.iter().any(|value| range.may_hold(&RangeValue::Integer(*value)))
                };
                Self::DataId(data_id.clone()).may_meet(file)
                    && range_of(file, column).is_none_or(holds_one)
            }
            Self::Ids(ids) => file
                .id_run
                .as_ref()
                .is_none_or(|run| ids.iter().any(|id| (run.id_min..=run.id_max).contains(id))),
            Self::Rows(rows) => rows.contains_key(&file.file_id),
        }
    }
}

impl Snapshot {
    /// Find the visible rows of a table that a removal means, by the number of their file.
    ///
    /// # Errors
    /// [`Error::NoSuchTable`], [`Error::NoSuchColumn`]; [`Error::NoSuchRow`] where a removal by row
    /// names what is not visible; those of reading.
    pub fn find_rows(
        &self,
        table: &str,
        removal: &Removal,
    ) -> Result<BTreeMap<i64, DeletionVector>> {
        let table = self.table(table)?;
        removal.check(table)?;
        let files = self.data_files(&table.name);
        if let Removal::Rows(rows) = removal {
            return self.visible_rows(table, rows);
        }
        let mut found = BTreeMap::new();
        for file in files.iter().filter(|file| removal.may_meet(file)) {
            let rows = match removal {
                Removal::DataId(conditions) => {
                    let names: Vec<&str> = conditions.iter().map(|(name, _)| &name[..]).collect();
                    self.rows_where(table, file, &names, |batch| all_equal(batch, conditions))?
                }
                Removal::Ids(ids) => {
                    let mut wanted = ids.clone();
                    wanted.sort_unstable();
                    let id = table.id.as_deref().unwrap_or_default();
                    self.rows_where(table, file, &[id], |batch| {
                        Ok(is_among(batch.column(0), &wanted))
                    })?
                }
                Removal::Among { data_id, column, values } => {
                    let mut wanted = values.clone();
                    wanted.sort_unstable();
                    let names = data_id.iter().map(|(name, _)| name.as_str());
                    let names: Vec<&str> = names.chain([column.as_str()]).collect();
                    self.rows_where(table, file, &names, |batch| {
                        let index = batch.schema().index_of(column)?;
                        let column = cast(batch.column(index), &DataType::Int64)?;
                        and(&all_equal(batch, data_id)?, &is_among(&column, &wanted))
                    })?
                }
                Removal::Rows(_) => DeletionVector::default(),
            };
            if !rows.is_empty() {
                found.insert(file.file_id, rows);
            }
        }
        Ok(found)
    }

    fn visible_rows(
        &self,
        table: &TableDef,
        rows: &BTreeMap<i64, DeletionVector>,
    ) -> Result<BTreeMap<i64, DeletionVector>> {
        let files: HashMap<i64, &DataFile> =
            self.data_files(&table.name).iter().map(|file| (file.file_id, file.as_ref())).collect();
        for (file_id, rows) in rows {
            let is_visible = files.get(file_id).is_some_and(|file| {
                rows.last().is_none_or(|last| u64::from(last) < file.n_rows)
                    && file.deleted.as_ref().is_none_or(|deleted| deleted.is_disjoint(rows))
            });
            if !is_visible {
                return Err(Error::NoSuchRow { table: table.name.clone(), file_id: *file_id });
            }
        }
        Ok(rows.iter().filter(|(_, rows)| !rows.is_empty()).map(|(k, v)| (*k, v.clone())).collect())
    }

    /// Find the visible rows of a file for which `is_meant` holds.
    fn rows_where(
        &self,
        table: &TableDef,
        file: &DataFile,
        columns: &[&str],
        is_meant: impl Fn(&RecordBatch) -> Result<BooleanArray, arrow::error::ArrowError>,
    ) -> Result<DeletionVector> {
        let mut rows = DeletionVector::default();
        each_batch_now(&self.path(file), file, columns, &|_, _| true, None, |first_row, batch| {
            let mask = is_meant(&batch)
                .map_err(|source| Error::Rows { table: table.name.clone(), source })?;
            for index in (0..mask.len()).filter(|&index| mask.is_valid(index) && mask.value(index))
            {
                let row = first_row + index as u32;
                if file.deleted.as_ref().is_none_or(|deleted| !deleted.contains(row)) {
                    rows.insert(row);
                }
            }
            Ok(())
        })?;
        Ok(rows)
    }
}

fn range_of<'a>(file: &'a DataFile, column: &str) -> Option<&'a ColumnRange> {
    file.column_ranges.iter().find(|range| range.column == *column)
}

fn all_equal(
    batch: &RecordBatch,
    conditions: &[(String, RangeValue)],
) -> Result<BooleanArray, arrow::error::ArrowError> {
    let mut all = BooleanArray::from(vec![true; batch.num_rows()]);
    for (name, value) in conditions {
        let index = batch.schema().index_of(name)?;
        all = and(&all, &is_equal(batch.column(index), value)?)?;
    }
    Ok(all)
}

/// Tell for each row whether it has a value; NULL equals nothing.
fn is_equal(
    column: &ArrayRef,
    value: &RangeValue,
) -> Result<BooleanArray, arrow::error::ArrowError> {
    Ok(match value {
        RangeValue::Integer(value) => {
            let column = cast(column, &DataType::Int64)?;
            column.as_primitive::<Int64Type>().iter().map(|v| Some(v == Some(*value))).collect()
        }
        RangeValue::Real(value) => {
            let column = cast(column, &DataType::Float64)?;
            column.as_primitive::<Float64Type>().iter().map(|v| Some(v == Some(*value))).collect()
        }
        RangeValue::Text(value) => {
            let column = cast(column, &DataType::Utf8)?;
            column.as_string::<i32>().iter().map(|v| Some(v == Some(value.as_str()))).collect()
        }
    })
}

/// Tell for each row whether its id is among `wanted`, which is sorted.
pub(crate) fn is_among(ids: &ArrayRef, wanted: &[i64]) -> BooleanArray {
    match ids.as_primitive_opt::<Int64Type>() {
        Some(ids) => {
            let is_wanted =
                |id: Option<i64>| id.is_some_and(|id| wanted.binary_search(&id).is_ok());
            ids.iter().map(|id| Some(is_wanted(id))).collect()
        }
        None => BooleanArray::from(vec![false; ids.len()]),
    }
}
