//! Joins the neighbours of two tables: rows within a radius of each other on the sphere.
//!
//! ```text
//!   SkyJoinExec                 for each row of the right side: its neighbours, then the rest of the condition
//!     left                      gathered whole, its positions sorted into zones (or a tree)
//!     right                     batch by batch, in as many partitions as it has
//! ```
//!
//! Where the condition has no radius but whoever reads the pairs wants the nearest few of each row,
//! these are found in a tree.
//!
//! The pairs are exactly those for which the condition holds: zones only leave out what is too far.
//! Which rows without a partner come too, and which columns, is as in any other join. A row whose
//! position is NULL has no neighbours.

mod gathered;
mod neighbours;
mod output;
mod stream;
mod tree;
mod zones;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{JoinType, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, ExecutionPlanProperties,
    InputDistributionRequirements, PlanProperties,
};
use tokio::sync::OnceCell;

use gathered::Gathered;
use neighbours::Neighbours;
use stream::Joining;

/// A join of neighbours.
pub(crate) struct SkyJoinExec {
    /// The same join, slowly: its columns, its kind and its whole condition.
    nested: Arc<NestedLoopJoinExec>,
    neighbours: Neighbours,
    /// The left side, gathered by the first partition that asks for it.
    gathered: Arc<OnceCell<Arc<Gathered>>>,
    /// Partitions of the right side that are not done yet.
    n_at_work: Arc<AtomicUsize>,
    metrics: ExecutionPlanMetricsSet,
}

impl SkyJoinExec {
    /// Is a join one of neighbours?
    pub fn is_for(nested: &NestedLoopJoinExec) -> bool {
        nested.filter().and_then(Neighbours::of).is_some()
    }

    /// Make a join of neighbours of a join, if it is one: of its condition, one part says that a
    /// position of the left side is within a radius of one of the right.
    pub fn of(nested: NestedLoopJoinExec) -> Option<Self> {
        let is_known = !matches!(nested.join_type(), JoinType::LeftMark | JoinType::RightMark);
        let neighbours = Neighbours::of(nested.filter()?).filter(|_| is_known)?;
        let n_at_work = nested.right().output_partitioning().partition_count();
        Some(Self {
            nested: Arc::new(nested),
            neighbours,
            gathered: Arc::default(),
            n_at_work: Arc::new(AtomicUsize::new(n_at_work)),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    /// How many of the nearest rows of the left side each row of the right is paired with, where
    /// no radius bounds them.
    pub fn n_nearest(&self) -> Option<usize> {
        self.neighbours.n_nearest()
    }
}

impl fmt::Debug for SkyJoinExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SkyJoinExec({:?})", self.nested)
    }
}

impl DisplayAs for SkyJoinExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SkyJoinExec: join_type={:?}", self.nested.join_type())?;
        if let Some(filter) = self.nested.filter() {
            write!(f, ", filter={}", filter.expression())?;
        }
        Ok(())
    }
}

impl ExecutionPlan for SkyJoinExec {
    fn name(&self) -> &str {
        "SkyJoinExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.nested.properties()
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![
            Distribution::SinglePartition,
            Distribution::UnspecifiedDistribution,
        ])
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.nested.children()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.nested.apply_expressions(visit)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([left, right]) = <[_; 2]>::try_from(children) else {
            return internal_err!("a join has two inputs");
        };
        match Self::of(remade(&self.nested, left, right)?) {
            Some(join) => Ok(Arc::new(join)),
            None => internal_err!("a join of neighbours is none with other inputs"),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let joining = Joining {
            nested: self.nested.clone(),
            neighbours: self.neighbours.clone(),
            gathered: self.gathered.clone(),
            n_at_work: self.n_at_work.clone(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let batches = joining.batches(partition, context)?;
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// Forget what was gathered, so that the plan can be run again.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let [left, right] = [self.nested.left(), self.nested.right()].map(Arc::clone);
        match Self::of(remade(&self.nested, left, right)?) {
            Some(join) => Ok(Arc::new(join)),
            None => internal_err!("a join of neighbours is none when it is run again"),
        }
    }
}

/// The same join of other inputs.
pub(crate) fn remade(
    join: &NestedLoopJoinExec,
    left: Arc<dyn ExecutionPlan>,
    right: Arc<dyn ExecutionPlan>,
) -> Result<NestedLoopJoinExec> {
    NestedLoopJoinExec::try_new(
        left,
        right,
        join.filter().cloned(),
        join.join_type(),
        join.projection().as_ref().map(|projection| projection.to_vec()),
    )
}
