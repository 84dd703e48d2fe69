//! A table that is joined with an upload by id is asked for the upload's ids.
//!
//! ```text
//!   before   Join(ForcedSource, TAP_UPLOAD.mine)  on objectId = id
//!   after    Join(Filter(among_ids(objectId), ForcedSource), TAP_UPLOAD.mine)  on the same
//! ```
//!
//! The ids are there when the query is planned; the scan looks them up in the id index, and reads
//! what they need instead of everything.

use std::any::Any;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableScan};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::origin::{follow, restrictable};
use crate::chunked_table::ChunkedTable;
use crate::functions::among::AmongIds;
use crate::narrow_table::ScannedTable;
use crate::upload;

/// Of a table, this share of the rows is wanted at most: for more, all is read.
const GREATEST_SHARE: f64 = 0.2;

/// Asks tables for the ids of uploads.
#[derive(Debug)]
pub(crate) struct LookUpUploadedIds;

impl OptimizerRule for LookUpUploadedIds {
    fn name(&self) -> &str {
        "look_up_uploaded_ids"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = &plan else { return Ok(Transformed::no(plan)) };
        let (of_left, of_right) = restrictable(join);
        let mut restricted = None;
        for (left, right) in &join.on {
            if of_left && let Some(left) = asked(&join.left, left, &join.right, right)? {
                restricted = Some(Join { left: Arc::new(left), ..join.clone() });
            } else if of_right && let Some(right) = asked(&join.right, right, &join.left, left)? {
                restricted = Some(Join { right: Arc::new(right), ..join.clone() });
            }
        }
        Ok(match restricted {
            Some(join) => Transformed::yes(LogicalPlan::Join(join)),
            None => Transformed::no(plan),
        })
    }
}

/// The side with a filter for the ids that the other side has, where it is a table that finds them and
/// the other an upload.
fn asked(
    side: &LogicalPlan,
    id: &Expr,
    other: &LogicalPlan,
    wanted: &Expr,
) -> Result<Option<LogicalPlan>> {
    let Expr::Column(column) = id else { return Ok(None) };
    let Some((table, of_table)) = origin(side, column) else { return Ok(None) };
    let table = ScannedTable::of(table)?;
    let Some(chunked) = (table.provider.as_ref() as &dyn Any).downcast_ref::<ChunkedTable>() else {
        return Ok(None);
    };
    if !chunked.finds(&of_table) || is_asked(side)? {
        return Ok(None);
    }
    let wanted = match wanted {
        Expr::Cast(Cast { expr, .. }) => expr.as_ref(),
        other => other,
    };
    let Expr::Column(wanted) = wanted else { return Ok(None) };
    let Some((upload, name)) = origin(other, wanted) else { return Ok(None) };
    let Some(ids) = uploaded(upload, &name)? else { return Ok(None) };
    if ids.len() as f64 > GREATEST_SHARE * chunked.n_values(&of_table) as f64 {
        return Ok(None);
    }
    let filter = ScalarUDF::from(AmongIds::new(ids)).call(vec![id.clone()]);
    LogicalPlanBuilder::from(side.clone()).filter(filter)?.build().map(Some)
}

/// Are ids asked for already?
fn is_asked(side: &LogicalPlan) -> Result<bool> {
    let mut is_asked = false;
    side.apply(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                is_asked |= matches!(part, Expr::ScalarFunction(ScalarFunction { func, .. })
                    if (func.inner().as_ref() as &dyn Any).is::<AmongIds>());
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(is_asked)
}

/// The scan that a column comes from unchanged, and its name there.
fn origin<'a>(plan: &'a LogicalPlan, column: &Column) -> Option<(&'a TableScan, String)> {
    match follow(plan, [column]).last()? {
        (LogicalPlan::TableScan(scan), [place]) => {
            Some((scan, scan.projected_schema.field(place).name().clone()))
        }
        _ => None,
    }
}

/// The integers of a column of an upload.
fn uploaded(scan: &TableScan, column: &str) -> Result<Option<Vec<i64>>> {
    let Some(batches) = upload::batches_of(scan)? else { return Ok(None) };
    let mut ids = vec![];
    for batch in batches {
        let Some(values) = batch.column_by_name(column) else { return Ok(None) };
        if !values.data_type().is_integer() {
            return Ok(None);
        }
        let values = cast(values, &DataType::Int64)?;
        ids.extend(values.as_primitive::<Int64Type>().iter().flatten());
    }
    Ok(Some(ids))
}
