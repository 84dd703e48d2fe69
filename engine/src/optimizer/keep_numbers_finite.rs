//! No query makes a NaN, an infinity or a −0.0: what is undefined is NULL.
//!
//! ```text
//!   before   sqrt(a) > b / c,                    i % j,                  i + j,                -i
//!   after    finite(sqrt(a)) > finite(b / c),    checked_modulo(i, j),   checked_plus(i, j),   checked_minus(0, i)
//! ```
//!
//! NaN orders above every number in DataFusion but not in Parquet's statistics, so that a predicate
//! on a NaN would answer by how the rows happen to lie; and Arrow ends a query at an integer's
//! division by zero, and wraps around where an integer is too large. Types are known here, after
//! coercion. A CAST to a type that cannot hold the value is an error, as ADQL demands (ADQL 2.1,
//! section 4.7), but text that says NaN is NULL.

mod aggregate;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF, Union, lit,
};
use datafusion::optimizer::AnalyzerRule;
use std::sync::Arc;

use crate::casts;
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
            let before = plan.schema().clone();
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let wrapped = expr.transform_up(|expr| wrap(expr, &schema, &finite))?;
                Ok(wrapped.update_data(|expr| name.restore(expr)))
            })?
            .map_data(recompute_schema)?
            .transform_data(|plan| aggregate::finish(plan, &before, &finite))
        })
        .map(|transformed| transformed.data)
    }
}

/// Recompute the schema of a plan whose expressions may have become nullable.
pub(super) fn recompute_schema(plan: LogicalPlan) -> Result<LogicalPlan> {
    let (inputs, schema) = match plan.recompute_schema()? {
        LogicalPlan::Union(Union { inputs, schema }) => (inputs, schema),
        other => return Ok(other),
    };
    // A union keeps the schema that it was made with.
    let columns = schema.iter().enumerate().map(|(index, (relation, field))| {
        let is_nullable = inputs.iter().any(|input| input.schema().field(index).is_nullable());
        let field = field.as_ref().clone().with_nullable(is_nullable || field.is_nullable());
        (relation.cloned(), Arc::new(field))
    });
    let schema = DFSchema::new_with_metadata(columns.collect(), schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}

fn wrap(expr: Expr, schema: &DFSchema, finite: &Arc<ScalarUDF>) -> Result<Transformed<Expr>> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { ref left, op, ref right }) if is_arithmetic(op) => {
            let (of_left, of_right) = (left.get_type(schema)?, right.get_type(schema)?);
            let is_division = matches!(op, Operator::Divide | Operator::Modulo);
            match Checked::of(op) {
                Some(_) if is_division && of_left.is_integer() && is_harmless(right) => {
                    Ok(Transformed::no(expr))
                }
                Some(checked) if of_left.is_signed_integer() && of_right.is_signed_integer() => {
                    // Whole numbers are reckoned in 64 bits, whatever their columns hold.
                    let widen = |side: &Expr| match side.get_type(schema)? {
                        DataType::Int64 => Ok(side.clone()),
                        _ => side.clone().cast_to(&DataType::Int64, schema),
                    };
                    let sides = vec![widen(left)?, widen(right)?];
                    Ok(Transformed::yes(checked.call(sides)))
                }
                Some(_) if is_division && of_right.is_integer() => {
                    let zero = lit(0_i64).cast_to(&of_right, schema)?;
                    let right = Box::new(nullif(*right.clone(), zero));
                    let division = BinaryExpr { left: left.clone(), op, right };
                    Ok(Transformed::yes(Expr::BinaryExpr(division)))
                }
                _ => wrap_float(expr, schema, finite),
            }
        }
        // The negative of a float's 0 is −0, and that of the least integer is none.
        Expr::Negative(ref inner) if inner.get_type(schema)?.is_signed_integer() => {
            let zero = lit(0_i64).cast_to(&inner.get_type(schema)?, schema)?;
            match Checked::of(Operator::Minus) {
                Some(minus) => Ok(Transformed::yes(minus.call(vec![zero, *inner.clone()]))),
                None => Ok(Transformed::no(expr)),
            }
        }
        Expr::Literal(ScalarValue::Float64(Some(0.0)), metadata) => {
            Ok(Transformed::yes(Expr::Literal(0.0_f64.into(), metadata)))
        }
        // The range of a choice has no type: see functions::range.
        Expr::Negative(_) | Expr::Case(_) => wrap_float(expr, schema, finite),
        Expr::ScalarFunction(ScalarFunction { ref func, ref args })
            if func.name() == "abs" && args.iter().any(|x| is_signed_integer(x, schema)) =>
        {
            let args = args.iter().map(|x| without_least(x, schema)).collect::<Result<_>>()?;
            Ok(Transformed::yes(func.call(args)))
        }
        Expr::AggregateFunction(_) | Expr::WindowFunction(_) => aggregate::widen_sum(expr, schema),
        Expr::Cast(Cast { expr: ref value, .. }) => {
            let from = value.get_type(schema)?;
            wrap_cast(expr, &from, schema, finite)
        }
        Expr::ScalarFunction(ScalarFunction { ref func, ref args })
            if func.name() == casts::NAME && !args.is_empty() =>
        {
            let from = args[0].get_type(schema)?;
            wrap_cast(expr, &from, schema, finite)
        }
        Expr::ScalarFunction(ref call) if !is_finite(call.func.name()) => {
            wrap_float(expr, schema, finite)
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Text may say NaN, and a double may exceed a float's range; a float is a double as it is.
fn wrap_cast(
    expr: Expr,
    from: &DataType,
    schema: &DFSchema,
    finite: &Arc<ScalarUDF>,
) -> Result<Transformed<Expr>> {
    match from {
        DataType::Float32 => Ok(Transformed::no(expr)),
        from if from.is_integer() => Ok(Transformed::no(expr)),
        _ => wrap_float(expr, schema, finite),
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

/// Whether a divisor is a literal that neither is 0 nor can make a quotient overflow.
fn is_harmless(divisor: &Expr) -> bool {
    matches!(divisor, Expr::Literal(value, _) if !value.is_null()
        && value.cast_to(&DataType::Float64).is_ok_and(|value| value > 0.0_f64.into()))
}

fn is_signed_integer(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|of| of.is_signed_integer())
}

/// `expr`, or NULL where it is the one integer whose absolute value its type cannot hold.
fn without_least(expr: &Expr, schema: &DFSchema) -> Result<Expr> {
    let of = expr.get_type(schema)?;
    let least = match of {
        DataType::Int8 => i64::from(i8::MIN),
        DataType::Int16 => i64::from(i16::MIN),
        DataType::Int32 => i64::from(i32::MIN),
        _ => i64::MIN,
    };
    Ok(nullif(expr.clone(), lit(least).cast_to(&of, schema)?))
}
