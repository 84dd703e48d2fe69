//! The best rows of each group, with their ranks.
//!
//! ```text
//!   ROW_NUMBER() OVER (PARTITION BY u.id ORDER BY distance) <= n
//!
//!   BestOfEachExec      a hash table of groups, the n best rows of each
//!     input
//! ```
//!
//! It gives what a sort of all rows by group and order, a numbering and a filter would give, in any
//! order of groups. Rows that do not come are forgotten on the way.

mod groups;

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties, apply_expression_roots,
};
use futures::{Stream, StreamExt, TryStreamExt, stream};

use groups::Groups;

/// How rows are grouped and ranked, over the columns of the input.
#[derive(Debug, Clone)]
pub(crate) struct Ranking {
    /// Rows of the same values are a group; without any, all rows are one.
    pub group_by: Vec<Arc<dyn PhysicalExpr>>,
    /// The best come first; of equals any.
    pub order_by: Vec<PhysicalSortExpr>,
    /// How many rows of each group come.
    pub n: usize,
}

impl Ranking {
    /// The same ranking, each of its expressions changed.
    pub fn map(
        self,
        change: impl Fn(Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>>,
    ) -> Result<Self> {
        let change = &change;
        let order_by = self
            .order_by
            .into_iter()
            .map(|key| Ok(PhysicalSortExpr { expr: change(key.expr)?, options: key.options }));
        let order_by = order_by.collect::<Result<_>>()?;
        let group_by = self.group_by.into_iter().map(change).collect::<Result<_>>()?;
        Ok(Self { group_by, order_by, n: self.n })
    }
}

/// Keeps the best rows of each group.
#[derive(Debug)]
pub(crate) struct BestOfEachExec {
    input: Arc<dyn ExecutionPlan>,
    ranking: Ranking,
    /// The input's columns, and the rank from 1.
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl BestOfEachExec {
    /// Rank the rows of `input`; `schema` has its columns and one for the rank.
    pub fn new(input: Arc<dyn ExecutionPlan>, ranking: Ranking, schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            input.output_partitioning().clone(),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties);
        Self { input, ranking, schema, properties, metrics: ExecutionPlanMetricsSet::new() }
    }

    /// The rows that are ranked.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// How they are ranked.
    pub fn ranking(&self) -> &Ranking {
        &self.ranking
    }
}

impl DisplayAs for BestOfEachExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ranking { group_by, order_by, n } = &self.ranking;
        let group_by: Vec<_> = group_by.iter().map(ToString::to_string).collect();
        let order_by: Vec<_> = order_by.iter().map(ToString::to_string).collect();
        let (group_by, order_by) = (group_by.join(", "), order_by.join(", "));
        write!(f, "BestOfEachExec: n={n}, group_by=[{group_by}], order_by=[{order_by}]")
    }
}

impl ExecutionPlan for BestOfEachExec {
    fn name(&self) -> &str {
        "BestOfEachExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        let group_by = &self.ranking.group_by;
        InputDistributionRequirements::new(vec![match group_by.is_empty() {
            true => Distribution::SinglePartition,
            false => Distribution::KeyPartitioned(group_by.clone()),
        }])
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let order_by = self.ranking.order_by.iter().map(|key| &key.expr);
        apply_expression_roots(self.ranking.group_by.iter().chain(order_by), visit)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([input]) = <[_; 1]>::try_from(children) else {
            return internal_err!("a ranking has one input");
        };
        Ok(Arc::new(Self::new(input, self.ranking.clone(), self.schema.clone())))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, context.clone())?;
        let memory = MemoryConsumer::new("BestOfEach").register(context.memory_pool());
        let groups = Groups::new(self.ranking.clone(), self.schema.clone(), memory)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let batch_rows = context.session_config().batch_size();
        let batches = stream::once(all_ranked(input, groups, batch_rows)).try_flatten();
        let batches = batches.inspect_ok(move |batch| metrics.record_output(batch.num_rows()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The ranked rows, after all of the input was seen.
async fn all_ranked(
    mut input: SendableRecordBatchStream,
    mut groups: Groups,
    batch_rows: usize,
) -> Result<impl Stream<Item = Result<RecordBatch>>> {
    while let Some(batch) = input.next().await.transpose()? {
        groups.add(batch)?;
    }
    drop(input);
    let best = groups.best();
    let parts = (0..best.n_rows()).step_by(batch_rows);
    Ok(stream::iter(parts).map(move |first| best.batch(first, batch_rows)))
}
