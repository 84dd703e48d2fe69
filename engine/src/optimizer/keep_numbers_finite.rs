//! No query makes a NaN, an infinity or a −0.0: what is undefined is NULL.
//!
//! ```text
//!   before   sqrt(a) > b / c,    i % j,    i + j
//!   after    finite(sqrt(a)) > finite(b / c),    i % nullif(j, 0),    checked_plus(i, j)
//! ```
//!
//! NaN orders above every number in DataFusion but not in Parquet's statistics, so that a predicate
//! on a NaN would answer by how the rows happen to lie; and Arrow ends a query at an integer's
//! division by zero, and wraps around where an integer is too large. Types are known here, after coercion.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::error::{DataFusionError, Result};
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF, lit,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

use crate::functions::checked::Checked;
use crate::functions::finite::{FINITE, Finite};

/// Wraps what may leave the finite numbers.
#[derive(Debug)]
pub(crate) struct KeepNumbersFinite;

impl AnalyzerRule for KeepNumbersFinite {
    fn name(&self) -> &str {
        "keep_numbers_finite"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let finite = Arc::new(ScalarUDF::from(Finite::new()));
        plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let wrapped = expr.transform_up(|expr| wrap(expr, &schema, &finite))?;
                Ok(wrapped.update_data(|expr| name.restore(expr)))
            })?
            .map_data(|plan| plan.recompute_schema())
        })
        .map(|transformed| transformed.data)
    }
}

fn wrap(expr: Expr, schema: &DFSchema, finite: &Arc<ScalarUDF>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::Divide | Operator::Modulo),
            right,
        }) if right.get_type(schema)?.is_integer() && !is_nonzero(&right) => {
            let zero = lit(0_i64).cast_to(&right.get_type(schema)?, schema)?;
            let right = Box::new(nullif(*right, zero));
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::BinaryExpr(ref binary) if is_arithmetic(binary.op) => {
            let is_signed =
                |side: &Expr| Ok::<_, DataFusionError>(side.get_type(schema)?.is_signed_integer());
            match Checked::of(binary.op) {
                Some(checked) if is_signed(&binary.left)? && is_signed(&binary.right)? => {
                    let sides = vec![*binary.left.clone(), *binary.right.clone()];
                    Ok(Transformed::yes(checked.call(sides)))
                }
                _ => wrap_float(expr, schema, finite),
            }
        }
        // The negative of 0 is −0; text may say NaN, and a double may exceed a float's range.
        Expr::Negative(_) => wrap_float(expr, schema, finite),
        Expr::Cast(ref cast) if !cast.expr.get_type(schema)?.is_integer() => {
            wrap_float(expr, schema, finite)
        }
        Expr::ScalarFunction(ref call) if !is_finite(call.func.name()) => {
            wrap_float(expr, schema, finite)
        }
        _ => Ok(Transformed::no(expr)),
    }
}

fn wrap_float(expr: Expr, schema: &DFSchema, finite: &Arc<ScalarUDF>) -> Result<Transformed<Expr>> {
    match expr.get_type(schema)? {
        DataType::Float32 | DataType::Float64 => Ok(Transformed::yes(finite.call(vec![expr]))),
        _ => Ok(Transformed::no(expr)),
    }
}

/// Does the function see to it itself? What measures the sky does, and its pattern stays plain.
fn is_finite(function: &str) -> bool {
    function == FINITE || function.starts_with("sky_")
}

fn is_arithmetic(operator: Operator) -> bool {
    use Operator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(operator, Plus | Minus | Multiply | Divide | Modulo)
}

fn is_nonzero(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(value, _) if lit(value.clone()) != lit(0_i64) && !value.is_null()
        && value.cast_to(&DataType::Float64).is_ok_and(|value| value != 0.0_f64.into()))
}
