//! A plan node that sums up the rows for which a condition holds, without gathering them first.
//!
//! ```text
//!   before   Aggregate(Filter(condition, input))     rows are copied together, then summed up
//!   after    Totals(condition, input)                values of other rows count as NULL
//! ```
//!
//! Counts, sums, means and extremes leave NULL out, and to make a value NULL costs a bit where to copy it
//! costs a row. Where few rows are left, these are copied.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{filter, nullif, prep_null_mask_filter};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::cast::as_boolean_array;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};

/// Functions that leave NULL out.
const FUNCTIONS: [&str; 5] = ["count", "sum", "avg", "min", "max"];
/// Where fewer than one row of so many is left, rows are copied.
const FEW: usize = 16;

/// Sums up the rows of its input for which a condition holds.
#[derive(Debug)]
pub(crate) struct TotalsExec {
    /// The same, slowly: its columns and its kind.
    aggregate: Arc<AggregateExec>,
    filter: Arc<FilterExec>,
    /// What each function is given, over the columns of the input; none where it counts rows.
    values: Vec<Option<Arc<dyn PhysicalExpr>>>,
    metrics: ExecutionPlanMetricsSet,
}

impl TotalsExec {
    /// Make such a node of an aggregate over a filter, if that is all there is to it.
    pub fn of(aggregate: &AggregateExec) -> Option<Self> {
        let input = aggregate.input();
        let made = input.downcast_ref::<ProjectionExec>();
        let filter = made.map_or(input, |made| made.input()).downcast_ref::<FilterExec>()?;
        let is_known = matches!(aggregate.mode(), AggregateMode::Partial | AggregateMode::Single)
            && aggregate.group_expr().is_empty()
            && aggregate.filter_expr().iter().all(Option::is_none)
            && filter.fetch().is_none();
        if !is_known {
            return None;
        }
        let values = aggregate.aggr_expr().iter().map(|total| value(total, made, filter));
        let values = values.collect::<Option<_>>()?;
        let metrics = ExecutionPlanMetricsSet::new();
        let aggregate = aggregate.clone();
        Some(Self {
            filter: Arc::new(filter.clone()),
            aggregate: Arc::new(aggregate),
            values,
            metrics,
        })
    }

    /// How many functions there are.
    pub fn n_totals(&self) -> usize {
        self.values.len()
    }
}

/// What a function is given, over the columns below the filter: nothing where it counts rows.
fn value(
    total: &AggregateFunctionExpr,
    made: Option<&ProjectionExec>,
    filter: &FilterExec,
) -> Option<Option<Arc<dyn PhysicalExpr>>> {
    let name = total.fun().name();
    let is_plain = !total.is_distinct() && total.order_bys().is_empty();
    let [value] = <[_; 1]>::try_from(total.expressions()).ok()?;
    if !FUNCTIONS.contains(&name) || !is_plain {
        return None;
    }
    if let Some(literal) = value.downcast_ref::<Literal>() {
        return (name == "count" && !literal.value().is_null()).then_some(None);
    }
    below(&value, made, filter).map(Some)
}

/// An expression over the columns below a filter, if it cannot fail: it is also asked of rows for which the
/// condition does not hold.
///
/// # Arguments
/// * `made` - what lies between
fn below(
    value: &Arc<dyn PhysicalExpr>,
    made: Option<&ProjectionExec>,
    filter: &FilterExec,
) -> Option<Arc<dyn PhysicalExpr>> {
    if let Some(cast) = value.downcast_ref::<CastExpr>() {
        let inner = below(cast.expr(), made, filter)?;
        let from = inner.data_type(&filter.input().schema()).ok()?;
        let to = cast.cast_type();
        let is_safe = match to {
            DataType::Float64 => from.is_numeric(),
            DataType::Int64 | DataType::Decimal128(38, 0) => from.is_signed_integer(),
            _ => false,
        };
        return is_safe
            .then(|| Arc::new(CastExpr::new(inner, to.clone(), None)) as Arc<dyn PhysicalExpr>);
    }
    let column = value.downcast_ref::<Column>()?;
    if let Some(made) = made {
        return below(&made.expr().get(column.index())?.expr, None, filter);
    }
    let index = match filter.projection().as_ref() {
        Some(projection) => *projection.get(column.index())?,
        None => column.index(),
    };
    Some(Arc::new(Column::new(column.name(), index)))
}

impl DisplayAs for TotalsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals: Vec<_> = self.aggregate.aggr_expr().iter().map(|total| total.name()).collect();
        let (mode, condition) = (self.aggregate.mode(), self.filter.predicate());
        write!(f, "TotalsExec: mode={mode:?}, aggr=[{}], where={condition}", totals.join(", "))
    }
}

impl ExecutionPlan for TotalsExec {
    fn name(&self) -> &str {
        "TotalsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![self.filter.input()]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.filter.apply_expressions(visit)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut below = replace_children_if_necessary(self.filter.clone(), children)?;
        let input = self.aggregate.input();
        if input.is::<ProjectionExec>() {
            below = replace_children_if_necessary(input.clone(), vec![below])?;
        }
        let aggregate = replace_children_if_necessary(self.aggregate.clone(), vec![below])?;
        match aggregate.downcast_ref::<AggregateExec>().and_then(Self::of) {
            Some(totals) => Ok(Arc::new(totals)),
            None => internal_err!("totals are none over another input"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.filter.input().execute(partition, context)?;
        let totals = self.aggregate.aggr_expr().iter().zip(&self.values);
        let totals = totals.map(|(total, value)| {
            Ok(Total { sum: total.create_accumulator()?, value: value.clone() })
        });
        let running = Running {
            condition: self.filter.predicate().clone(),
            totals: totals.collect::<Result<_>>()?,
            is_partial: *self.aggregate.mode() == AggregateMode::Partial,
        };
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = self.schema();
        let row = async move {
            let columns = running.over(input, &metrics).await?;
            let row = RecordBatch::try_new(schema, columns)?;
            metrics.record_output(row.num_rows());
            Ok(row)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream::once(row))))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Totals of the rows seen so far.
struct Running {
    condition: Arc<dyn PhysicalExpr>,
    totals: Vec<Total>,
    is_partial: bool,
}

/// One of them.
struct Total {
    sum: Box<dyn Accumulator>,
    /// Of what; none where rows are counted.
    value: Option<Arc<dyn PhysicalExpr>>,
}

impl Running {
    /// See all rows of `input`; the columns of the one row that comes of them.
    async fn over(
        mut self,
        mut input: SendableRecordBatchStream,
        metrics: &BaselineMetrics,
    ) -> Result<Vec<ArrayRef>> {
        while let Some(batch) = input.next().await.transpose()? {
            let _timer = metrics.elapsed_compute().timer();
            self.add(&batch)?;
        }
        let mut columns = vec![];
        for Total { sum, .. } in &mut self.totals {
            let values = match self.is_partial {
                true => sum.state()?,
                false => vec![sum.evaluate()?],
            };
            for value in values {
                columns.push(value.to_array()?);
            }
        }
        Ok(columns)
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let holds = self.condition.evaluate(batch)?.into_array(batch.num_rows())?;
        let holds = as_boolean_array(&holds)?;
        // Where a condition is NULL, it does not hold.
        let holds = match holds.null_count() {
            0 => holds.clone(),
            _ => prep_null_mask_filter(holds),
        };
        let n_left = holds.true_count();
        if n_left == 0 {
            return Ok(());
        }
        let (is_all, are_few) = (n_left == batch.num_rows(), n_left * FEW < batch.num_rows());
        let fails = BooleanArray::new(!holds.values(), None);
        for Total { sum, value } in &mut self.totals {
            let left = match value {
                None => rows_of(&holds),
                Some(value) => {
                    let values = value.evaluate(batch)?.into_array(batch.num_rows())?;
                    match (is_all, are_few) {
                        (true, _) => values,
                        (false, true) => filter(&values, &holds)?,
                        (false, false) => nullif(&values, &fails)?,
                    }
                }
            };
            sum.update_batch(&[left])?;
        }
        Ok(())
    }
}

/// Something that is NULL for each row that is not counted.
fn rows_of(holds: &BooleanArray) -> ArrayRef {
    Arc::new(BooleanArray::new(
        holds.values().clone(),
        Some(NullBuffer::new(holds.values().clone())),
    ))
}
