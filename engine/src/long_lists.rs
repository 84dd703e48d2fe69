//! Long lists of integers in conditions become one value each.
//!
//! ```text
//!   before   WHERE objectId IN (7, 9, …)        ten thousand expressions, which every rule looks at
//!   after    WHERE among_ids(objectId)
//! ```

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF};

use crate::functions::among::AmongIds;

/// A list of so many integers is long.
const LONG: usize = 32;

/// Gather the long lists in conditions of a plan.
///
/// # Errors
/// A bug: an expression of the plan cannot be understood.
pub(crate) fn gathered(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Filter(ref filter) => {
            let schema = filter.input.schema().clone();
            node.map_expressions(|expr| {
                expr.transform_up(|part| match part {
                    Expr::InList(InList { expr, list, negated })
                        if list.len() >= LONG && expr.get_type(&schema)? == DataType::Int64 =>
                    {
                        Ok(match integers(&list) {
                            Some(ids) => {
                                let among = ScalarUDF::from(AmongIds::new(ids)).call(vec![*expr]);
                                Transformed::yes(if negated { !among } else { among })
                            }
                            None => Transformed::no(Expr::InList(InList { expr, list, negated })),
                        })
                    }
                    other => Ok(Transformed::no(other)),
                })
            })
        }
        other => Ok(Transformed::no(other)),
    })
    .data()
}

/// The integers that a list is made of; a NULL is none: with it, what is not found is NULL.
fn integers(list: &[Expr]) -> Option<Vec<i64>> {
    let integer = |item: &Expr| match item {
        Expr::Literal(ScalarValue::Int64(value), _) => *value,
        _ => None,
    };
    list.iter().map(integer).collect()
}
