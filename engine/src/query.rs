//! A planned query, ready to run.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};
use datafusion::prelude::DataFrame;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use crate::Result;
use crate::estimate::{Estimate, reads_less_than};
use crate::layout::Layout;
use crate::output_column::OutputColumns;
use crate::progress::Progress;
use crate::work;

/// Rows below which one core reads them all.
const LITTLE: u64 = 128 * 1024;

/// A planned query: what its columns are, and the rows once it is run.
pub struct Query {
    logical: LogicalPlan,
    physical: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    layout: Layout,
    schema: SchemaRef,
    reading: Reading,
    /// Would it give the same rows again?
    is_repeatable: bool,
}

/// How the text of a query was read.
pub(crate) struct Reading {
    /// The rewritten query.
    pub sql: String,
    /// What was read leniently, or renamed.
    pub warnings: Vec<String>,
    /// The schemas of the catalogs that it is asked of, each with its version.
    pub versions: Vec<(String, u64)>,
}

impl Query {
    /// Optimize `frame` and plan how it is run.
    ///
    /// Types are those of the physical plan: only there all branches of a UNION or CASE have one.
    pub(crate) async fn plan(
        frame: DataFrame,
        layout: Layout,
        described: OutputColumns,
        reading: Reading,
    ) -> Result<Self> {
        let names = layout.schema(frame.schema().as_arrow());
        let (mut state, plan) = frame.into_parts();
        // The optimizer writes the value in the place of a call such as that for the time.
        let is_repeatable = is_repeatable(&plan)?;
        let logical = state.optimize(&plan)?;
        // To share so little work would cost more than to do it.
        if reads_less_than(LITTLE, &logical)? {
            state.config_mut().options_mut().execution.target_partitions = 1;
        }
        let physical = state.query_planner().create_physical_plan(&logical, &state).await?;
        let schema = described.schema(&names, &layout.schema(&physical.schema()));
        let context = Arc::new(TaskContext::from(&state));
        Ok(Self { logical, physical, context, layout, schema, reading, is_repeatable })
    }

    /// The output columns; field metadata hold unit, UCD, utype, xtype and description under the
    /// keys of [`almagest_storage::schema::arrow`].
    ///
    /// Types are those of [`output_type`](crate::output_type::output_type), and what has none there as it is.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What was read leniently, or renamed, and should be said to the user.
    pub fn warnings(&self) -> &[String] {
        &self.reading.warnings
    }

    /// The query as it was rewritten.
    pub fn sql(&self) -> &str {
        &self.reading.sql
    }

    /// Would the query give the same rows again, asked of the same version? Not so if it draws random
    /// numbers or looks at the clock.
    pub fn is_repeatable(&self) -> bool {
        self.is_repeatable
    }

    /// Tell what the query would read.
    ///
    /// # Errors
    /// The plan cannot be looked through: a bug.
    pub fn estimate(&self) -> Result<Estimate> {
        let n_cores = self.context.session_config().target_partitions();
        let seconds = work::seconds(&self.reading.sql, &self.physical, n_cores);
        Ok(Estimate::of(&self.logical, seconds)?)
    }

    /// The schemas of the catalogs that the rows come from, each with its version.
    pub fn versions(&self) -> &[(String, u64)] {
        &self.reading.versions
    }

    /// The versions as a result is cited by: the number, and with several catalogs each with the
    /// name of its schema.
    pub fn cited_version(&self) -> String {
        match self.reading.versions.as_slice() {
            [(_, version)] => version.to_string(),
            several => {
                let each = several.iter().map(|(schema, version)| format!("{schema} {version}"));
                each.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Return what tells how far the query is, while it runs.
    pub fn progress(&self) -> Progress {
        Progress::of(self.physical.clone())
    }

    /// Run the query. Dropping the stream cancels it.
    pub async fn into_stream(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let (layout, schema) = (self.layout, self.schema);
        let stream = execute_stream(self.physical, self.context)?;
        Ok(stream.map(move |batch| to_output(&batch?, &layout, &schema)).boxed())
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

/// Does the value of each function of the plan follow from its arguments alone?
fn is_repeatable(plan: &LogicalPlan) -> Result<bool> {
    let mut is_repeatable = true;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::ScalarFunction(call) = part
                    && call.func.signature().volatility != Volatility::Immutable
                {
                    is_repeatable = false;
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(is_repeatable)
}

fn to_output(batch: &RecordBatch, layout: &Layout, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns: Vec<ArrayRef> = layout
        .columns(batch)
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
