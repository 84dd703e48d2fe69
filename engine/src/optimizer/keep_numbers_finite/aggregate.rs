//! Aggregates whose results are finite numbers, or NULL.
//!
//! ```text
//!   before   Aggregate: avg(x), sum(i)
//!   after    Projection: finite(avg(x)), TRY_CAST(sum(i) AS Int64)
//!              Aggregate: avg(x), sum(CAST(i AS Decimal128(38, 0)))
//! ```
//!
//! The mean of two large numbers overflows, a correlation without scatter is NaN; and a sum of
//! integers would wrap around. 38 digits hold the sum of 10^19 rows.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::expr::WindowFunctionDefinition;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, Projection, ScalarUDF, cast, try_cast,
};

/// Digits that hold any sum of 64-bit integers.
const WIDE: DataType = DataType::Decimal128(38, 0);

/// Add up integers in a wider type.
pub(super) fn widen_sum(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let argument = match &mut expr {
        Expr::AggregateFunction(call) if call.func.name() == "sum" => call.params.args.first_mut(),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(sum) if sum.name() == "sum" => {
                call.params.args.first_mut()
            }
            _ => None,
        },
        _ => None,
    };
    match argument {
        Some(argument) if argument.get_type(schema)?.is_signed_integer() => {
            *argument = cast(std::mem::replace(argument, Expr::Literal(0_i64.into(), None)), WIDE);
            Ok(Transformed::yes(expr))
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Whether an aggregate's result is one of the values that went in.
fn picks(plan: &LogicalPlan, index: usize) -> bool {
    let LogicalPlan::Aggregate(aggregate) = plan else { return false };
    let Some(mut expr) = aggregate.aggr_expr.get(index) else { return false };
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    matches!(expr, Expr::AggregateFunction(call) if matches!(call.func.name(), "min" | "max"))
}

/// Put a projection above an aggregate or window that gives its results the types of `before`, and
/// lets no NaN, infinity or −0.0 through.
pub(super) fn finish(
    plan: LogicalPlan,
    before: &DFSchema,
    finite: &Arc<ScalarUDF>,
) -> Result<Transformed<LogicalPlan>> {
    let n_inputs = match &plan {
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.schema.fields().len() - aggregate.aggr_expr.len()
        }
        LogicalPlan::Window(window) => window.input.schema().fields().len(),
        _ => return Ok(Transformed::no(plan)),
    };
    let mut is_changed = false;
    let columns = plan.schema().iter().zip(before.fields()).enumerate();
    let columns: Vec<Expr> = columns
        .map(|(index, ((relation, field), before))| {
            let column = Expr::Column(Column::new(relation.cloned(), field.name()));
            let checked = if index < n_inputs || picks(&plan, index - n_inputs) {
                return column;
            } else if field.data_type() != before.data_type() {
                try_cast(column, before.data_type().clone())
            } else if field.data_type().is_floating() {
                finite.call(vec![column])
            } else {
                return column;
            };
            is_changed = true;
            checked.alias_qualified(relation.cloned(), before.name())
        })
        .collect();
    if !is_changed {
        return Ok(Transformed::no(plan));
    }
    let projection = Projection::try_new(columns, Arc::new(plan))?;
    Ok(Transformed::yes(LogicalPlan::Projection(projection)))
}
