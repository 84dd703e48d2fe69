//! Where in the files of a table the rows are that fulfil a condition, so that a commit can remove
//! them.
//!
//! ```text
//!   SELECT … FROM t WHERE condition      planned as any query
//!   Projection ─ Filter ─ scan of t  ─▶  Projection(file, row) ─ Filter ─ scan of t with places
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use almagest_storage::DeletionVector;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Int64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Column;
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::parquet::arrow::RowNumber;
use datafusion::prelude::DataFrame;
use futures::TryStreamExt;

use crate::chunked_table::ChunkedTable;
use crate::error::{Error, Result};

/// The column of the number of a row's file.
const FILE: &str = "almagest_file";
/// The column of a row's number in its file.
pub(crate) const ROW: &str = "almagest_row";

/// Rows of a table, by the number of their file.
#[derive(Debug, Clone, PartialEq)]
pub struct RowPlaces {
    /// The table's exact name.
    pub table: String,
    /// The rows, counted from 0 in each file.
    pub rows: BTreeMap<i64, DeletionVector>,
}

impl RowPlaces {
    /// Number of rows.
    pub fn n_rows(&self) -> u64 {
        self.rows.values().map(DeletionVector::n_rows).sum()
    }
}

/// The query that asks for the rows, but for where they are.
pub(crate) fn query(table: &str, condition: &str) -> String {
    format!("SELECT 1 AS one FROM {table} WHERE {condition}")
}

/// The columns that tell a row's place: a value of the file, and one that its reader counts.
pub(crate) fn fields() -> (FieldRef, FieldRef) {
    let row = Field::new(ROW, DataType::Int64, false).with_extension_type(RowNumber);
    (Arc::new(Field::new(FILE, DataType::Int64, false)), Arc::new(row))
}

/// Find the rows that the plan of [`query`] is about.
pub(crate) async fn find(frame: DataFrame) -> Result<RowPlaces> {
    let (state, plan) = frame.into_parts();
    let (table, plan) = with_places(&plan)?;
    let mut places = RowPlaces { table, rows: BTreeMap::new() };
    let mut stream = DataFrame::new(state, plan).execute_stream().await?;
    while let Some(batch) = stream.try_next().await? {
        places.take(&batch);
    }
    Ok(places)
}

impl RowPlaces {
    fn take(&mut self, batch: &RecordBatch) {
        let (files, rows) = (batch.column(0), batch.column(1));
        let files = files.as_primitive::<Int64Type>().values();
        for (file, row) in files.iter().zip(rows.as_primitive::<Int64Type>().values()) {
            self.rows.entry(*file).or_default().insert(*row as u32);
        }
    }
}

/// The plan of the places of the rows that a plan's one condition selects from its one table, and the
/// table's name.
fn with_places(plan: &LogicalPlan) -> Result<(String, LogicalPlan)> {
    let LogicalPlan::Projection(projection) = plan else { return Err(Error::NoCondition) };
    let LogicalPlan::Filter(filter) = projection.input.as_ref() else {
        return Err(Error::NoCondition);
    };
    let (alias, scanned) = match filter.input.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => (Some(alias.alias.clone()), alias.input.as_ref()),
        other => (None, other),
    };
    let LogicalPlan::TableScan(scan) = scanned else { return Err(Error::NoCondition) };
    let provider = source_as_provider(&scan.source)?;
    let table: Option<&ChunkedTable> = (provider.as_ref() as &dyn Any).downcast_ref();
    let Some(table) = table else {
        return Err(Error::NoRowsOfItsOwn { table: scan.table_name.table().to_owned() });
    };
    let source = provider_as_source(Arc::new(table.with_places()));
    let mut builder = LogicalPlanBuilder::scan(scan.table_name.clone(), source, None)?;
    if let Some(alias) = alias {
        builder = builder.alias(alias)?;
    }
    let columns = [FILE, ROW].map(|name| Expr::Column(Column::new_unqualified(name)));
    let plan = builder.filter(filter.predicate.clone())?.project(columns)?.build()?;
    Ok((table.table().name.clone(), plan))
}
