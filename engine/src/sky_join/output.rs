//! The rows of a join: columns of pairs, and of rows that have no partner.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{filter, take};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::JoinSide;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::joins::utils::{ColumnIndex, JoinFilter, build_join_schema};

/// Pairs of rows: the number of a row on the left, the number of one on the right.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    pub left: Vec<u32>,
    pub right: Vec<u32>,
}

impl Pairs {
    /// Add a pair.
    pub fn add(&mut self, left: u32, right: usize) {
        self.left.push(left);
        self.right.push(right as u32);
    }

    /// Keep those pairs for which a condition holds.
    pub fn retain(
        self,
        condition: &JoinFilter,
        left: &RecordBatch,
        right: &RecordBatch,
    ) -> Result<Self> {
        if self.left.is_empty() {
            return Ok(self);
        }
        let (left_rows, right_rows) = (UInt32Array::from(self.left), UInt32Array::from(self.right));
        let rows = rows(
            condition.schema(),
            condition.column_indices(),
            Side::Rows(left, &left_rows),
            Side::Rows(right, &right_rows),
        )?;
        let holds = condition.expression().evaluate(&rows)?.into_array(rows.num_rows())?;
        let holds: &BooleanArray = holds.as_boolean();
        let kept = |rows: &UInt32Array| -> Result<Vec<u32>> {
            Ok(filter(rows, holds)?
                .as_primitive::<datafusion::arrow::datatypes::UInt32Type>()
                .values()
                .to_vec())
        };
        Ok(Self { left: kept(&left_rows)?, right: kept(&right_rows)? })
    }
}

/// The rows of a side that come.
#[derive(Clone, Copy)]
pub(super) enum Side<'a> {
    /// These, by number.
    Rows(&'a RecordBatch, &'a UInt32Array),
    /// NULLs in their place.
    Nulls,
}

/// Where the columns of a join come from.
pub(super) struct Output {
    schema: SchemaRef,
    columns: Vec<ColumnIndex>,
}

impl Output {
    pub fn of(join: &NestedLoopJoinExec) -> Self {
        let (left, right) = (join.left().schema(), join.right().schema());
        let (_, columns) = build_join_schema(&left, &right, join.join_type());
        let columns = match join.projection() {
            Some(projection) => projection.iter().map(|&place| columns[place].clone()).collect(),
            None => columns,
        };
        Self { schema: join.schema(), columns }
    }

    /// Rows of both sides, one beside the other.
    pub fn rows(&self, left: Side<'_>, right: Side<'_>) -> Result<RecordBatch> {
        rows(&self.schema, &self.columns, left, right)
    }
}

fn rows(
    schema: &SchemaRef,
    columns: &[ColumnIndex],
    left: Side<'_>,
    right: Side<'_>,
) -> Result<RecordBatch> {
    let n_rows = [left, right].iter().find_map(|side| match side {
        Side::Rows(_, rows) => Some(rows.len()),
        Side::Nulls => None,
    });
    let n_rows = n_rows.unwrap_or(0);
    let column = |(place, field): (&ColumnIndex, &Arc<_>)| -> Result<ArrayRef> {
        let field: &datafusion::arrow::datatypes::Field = field;
        let side = if place.side == JoinSide::Left { left } else { right };
        Ok(match side {
            Side::Rows(batch, rows) => take(batch.column(place.index), rows, None)?,
            Side::Nulls => new_null_array(field.data_type(), n_rows),
        })
    };
    let columns = columns.iter().zip(schema.fields()).map(column).collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(n_rows));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}
