//! All inputs of a union name their columns as the union does.
//!
//! ```text
//!   before   Union: visit                 after   Union: visit
//!              Projection: visit                    Projection: visit
//!              Projection: starId                   Projection: starId AS visit
//! ```
//!
//! Where all inputs but one are known to be empty, DataFusion puts that one in the union's place and
//! looks for the union's names in it (as of version 55).

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Union};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// Gives inputs of unions the names of the union.
#[derive(Debug)]
pub(crate) struct NameUnionColumns;

impl OptimizerRule for NameUnionColumns {
    fn name(&self) -> &str {
        "name_union_columns"
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::Union(Union { inputs, schema }) = node else {
                return Ok(Transformed::no(node));
            };
            if inputs.iter().all(|input| has_names(input.schema(), &schema)) {
                return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
            }
            let inputs: Result<Vec<_>> =
                inputs.into_iter().map(|input| named(input, &schema)).collect();
            Ok(Transformed::yes(LogicalPlan::Union(Union { inputs: inputs?, schema })))
        })
    }
}

fn has_names(found: &DFSchema, wanted: &DFSchema) -> bool {
    found.fields().iter().zip(wanted.fields()).all(|(f, w)| f.name() == w.name())
}

/// A plan whose columns have the names of a schema.
fn named(plan: Arc<LogicalPlan>, schema: &DFSchema) -> Result<Arc<LogicalPlan>> {
    if has_names(plan.schema(), schema) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().zip(schema.fields());
    let named: Vec<Expr> = columns
        .map(|(found, wanted)| Expr::Column(Column::from(found)).alias(wanted.name()))
        .collect();
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(plan)).project(named)?.build()?;
    Ok(Arc::new(plan))
}
