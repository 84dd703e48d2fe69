//! A plan node that hides something of what is below it from the nodes above.
//!
//! Rows pass as they are. What is hidden keeps rules of DataFusion from conclusions that are wrong (as of
//! version 55); see [`crate::optimizer::screens`].

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Constraints, internal_err};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// What is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hides {
    /// That filters could go further down.
    Filters,
    /// That rows could be sorted further down.
    Sorts,
    /// That some columns have each value once, and that rows could be sorted further down.
    Keys,
    /// Orders, constants and equalities of columns, and that filters could go further down.
    Order,
}

/// Passes on the rows of its input.
#[derive(Debug)]
pub(crate) struct ScreenExec {
    input: Arc<dyn ExecutionPlan>,
    hides: Hides,
    properties: Arc<PlanProperties>,
}

impl ScreenExec {
    pub fn new(input: Arc<dyn ExecutionPlan>, hides: Hides) -> Self {
        let known = input.properties();
        let with = |equivalences| {
            let partitioning = known.partitioning.clone();
            let (emission, bounds) = (known.emission_type, known.boundedness);
            Arc::new(PlanProperties::new(equivalences, partitioning, emission, bounds))
        };
        let properties = match hides {
            Hides::Filters | Hides::Sorts => known.clone(),
            Hides::Keys => {
                with(known.eq_properties.clone().with_constraints(Constraints::default()))
            }
            Hides::Order => with(EquivalenceProperties::new(input.schema())),
        };
        Self { input, hides, properties }
    }

    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    pub fn hides(&self) -> Hides {
        self.hides
    }
}

impl DisplayAs for ScreenExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScreenExec: hides={:?}", self.hides)
    }
}

impl ExecutionPlan for ScreenExec {
    fn name(&self) -> &str {
        "ScreenExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self::new(input, self.hides))),
            Err(children) => internal_err!("ScreenExec has one input, not {}", children.len()),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
}
