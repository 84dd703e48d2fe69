//! A planned query, ready to run.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::DataFrame;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::Result;

/// A planned query: what its columns are, and the rows once it is run.
pub struct Query {
    logical: LogicalPlan,
    physical: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    schema: SchemaRef,
    warnings: Vec<String>,
    version: u64,
}

impl Query {
    /// Optimize `frame` and plan how it is run.
    ///
    /// Types are those of the physical plan: only there all branches of a UNION or CASE have one.
    pub(crate) async fn plan(
        frame: DataFrame,
        warnings: Vec<String>,
        version: u64,
    ) -> Result<Self> {
        let described = frame.schema().as_arrow().clone();
        let (state, plan) = frame.into_parts();
        let logical = state.optimize(&plan)?;
        let physical = state.query_planner().create_physical_plan(&logical, &state).await?;
        let schema = output_schema(&described, &physical.schema());
        let context = Arc::new(TaskContext::from(&state));
        Ok(Self { logical, physical, context, schema, warnings, version })
    }

    /// The output columns; field metadata hold unit, UCD, utype, xtype and description under the
    /// keys of [`almagest_storage::schema::arrow`].
    ///
    /// Types are among Boolean, Int8 to Int64, Float32, Float64, Utf8, Binary, Timestamp in
    /// microseconds, and lists of these.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What was read leniently, or renamed, and should be said to the user.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The catalog's version that the rows come from.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Run the query. Dropping the stream cancels it.
    pub async fn into_stream(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let schema = self.schema;
        let stream = execute_stream(self.physical, self.context)?;
        Ok(stream.map(move |batch| to_output(&batch?, &schema)).boxed())
    }

    /// Run the query and keep all its rows.
    pub async fn collect(self) -> Result<Vec<RecordBatch>> {
        self.into_stream().await?.try_collect().await
    }

    /// Return the optimized logical plan and the physical plan, for people.
    pub fn explain(&self) -> String {
        let physical = displayable(self.physical.as_ref()).indent(true).to_string();
        format!("{}\n\n{physical}", self.logical.display_indent())
    }
}

/// Return the columns as clients see them: named and described as in `described`, with the few
/// output types for those of `planned`, any of them nullable.
fn output_schema(described: &Schema, planned: &Schema) -> SchemaRef {
    let fields: Vec<Field> = described
        .fields()
        .iter()
        .zip(planned.fields())
        .map(|(described, planned)| {
            Field::new(described.name(), output_type(planned.data_type()), true)
                .with_metadata(described.metadata().clone())
        })
        .collect();
    Arc::new(Schema::new(fields))
}

fn output_type(datatype: &DataType) -> DataType {
    match datatype {
        DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 | DataType::UInt64 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => DataType::Float64,
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Dictionary(_, values) => output_type(values),
        other => other.clone(),
    }
}

fn to_output(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| match column.data_type() == field.data_type() {
            true => Ok(column.clone()),
            false => cast(column, field.data_type()),
        })
        .collect::<Result<_, _>>()
        .map_err(datafusion::error::DataFusionError::from)?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)
        .map_err(datafusion::error::DataFusionError::from)?)
}
