//! Neighbours are joined by the cells in which they meet.
//!
//! ```text
//!   before   Join(a, b)  on sky_closed_cone(a.ra, a.dec, b.ra, b.dec, 0.001)
//!   after    Join(a + cell, b + each cell that its disc reaches)
//!              on cell = cell and sky_closed_cone(a.ra, a.dec, b.ra, b.dec, 0.001)
//! ```
//!
//! Without it each row of the one side is tested against each of the other. A row of `a` has one
//! cell, and a disc reaches each cell once: so no pair comes twice, and a row of `a` without a
//! neighbour is known as such. Of an outer, semi or anti join, the side whose rows are kept is
//! therefore `a`. A full join keeps both sides, and stays as it is; so does a join whose radius is
//! not one number.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, JoinType, UnnestOptions};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, Join, JoinConstraint, LogicalPlan, LogicalPlanBuilder, ScalarUDF,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use crate::functions::cells::SkyCells;
use crate::functions::cone;
use crate::functions::degrees::written_out;
use crate::upload;

/// Name of the column of cells on either side.
const CELL: &str = "cell of neighbours";

/// Joins neighbours by their cells.
#[derive(Debug)]
pub(crate) struct JoinNeighboursByCell;

impl OptimizerRule for JoinNeighboursByCell {
    fn name(&self) -> &str {
        "join_neighbours_by_cell"
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
        let Some(neighbours) = neighbours(join) else { return Ok(Transformed::no(plan)) };
        let joined = by_cell(join, &neighbours)?;
        Ok(Transformed::yes(joined))
    }
}

/// The sides of a join of neighbours, each with its position; both within one radius.
struct Neighbours {
    left: [Expr; 2],
    right: [Expr; 2],
    radius: Expr,
    /// Which side's discs are spread over cells.
    spread: Side,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Tell whether a join is one of neighbours that can be joined by cells, and has not been yet.
fn neighbours(join: &Join) -> Option<Neighbours> {
    let spread = match join.join_type {
        JoinType::Inner if is_upload(&join.left) => Side::Left,
        JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => Side::Right,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => Side::Left,
        _ => return None,
    };
    let has_cells = join.left.schema().fields().iter().any(|field| field.name() == CELL);
    if has_cells || join.null_aware {
        return None;
    }
    split_conjunction(join.filter.as_ref()?).into_iter().find_map(|condition| {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = condition else { return None };
        if ![cone::CLOSED, cone::OPEN].contains(&func.name()) {
            return None;
        }
        let [a, b, c, d, radius]: [Expr; 5] = written_out(args.clone()).try_into().ok()?;
        if !matches!(radius, Expr::Literal(..)) {
            return None;
        }
        let (left, right) = (join.left.schema(), join.right.schema());
        let is_of = |pair: [&Expr; 2], schema: &DFSchema| {
            let columns: Vec<&Column> = pair.iter().flat_map(|e| e.column_refs()).collect();
            !columns.is_empty() && columns.iter().all(|column| schema.has_column(column))
        };
        if is_of([&a, &b], left) && is_of([&c, &d], right) {
            Some(Neighbours { left: [a, b], right: [c, d], radius, spread })
        } else if is_of([&a, &b], right) && is_of([&c, &d], left) {
            Some(Neighbours { left: [c, d], right: [a, b], radius, spread })
        } else {
            None
        }
    })
}

/// Is it all of what a caller brought along, which is little beside a catalog?
fn is_upload(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.table_name.schema() == Some(upload::SCHEMA),
        other => {
            let inputs = other.inputs();
            !inputs.is_empty() && inputs.into_iter().all(is_upload)
        }
    }
}

fn by_cell(join: &Join, neighbours: &Neighbours) -> Result<LogicalPlan> {
    let Neighbours { left, right, radius, spread } = neighbours;
    let side = |plan: &LogicalPlan, position: &[Expr; 2], side: Side| {
        let function = match *spread == side {
            true => SkyCells::reached(),
            false => SkyCells::of_position(),
        };
        let [lon, lat] = position.clone();
        let cell = ScalarUDF::from(function).call(vec![lon, lat, radius.clone()]);
        let columns = plan.schema().columns().into_iter().map(Expr::Column);
        let items: Vec<Expr> = columns.chain([cell.alias(CELL)]).collect();
        let with_cell = LogicalPlanBuilder::from(plan.clone()).project(items)?;
        let with_cell = match *spread == side {
            true => {
                let options = UnnestOptions::new().with_preserve_nulls(false);
                with_cell.unnest_column_with_options(Column::from_name(CELL), options)?
            }
            false => with_cell,
        };
        // A name of its own on each side, for a schema holds no two of one name.
        let qualifier = if side == Side::Left { "left" } else { "right" };
        let columns = plan.schema().columns().into_iter().map(Expr::Column);
        let cell = Expr::Column(Column::from_name(CELL)).alias_qualified(Some(qualifier), CELL);
        with_cell.project(columns.chain([cell]))?.build()
    };
    let left = side(&join.left, left, Side::Left)?;
    let right = side(&join.right, right, Side::Right)?;
    let key = |side: &str| Expr::Column(Column::new(Some(side), CELL));
    let mut on = join.on.clone();
    on.push((key("left"), key("right")));
    // The side that is gathered is the left one; let it be the one with fewer rows.
    let columns = join.schema.columns().into_iter().map(Expr::Column);
    let swaps = join.join_type == JoinType::Inner && *spread == Side::Right;
    let (left, right, on) = match swaps {
        true => (right, left, on.into_iter().map(|(a, b)| (b, a)).collect()),
        false => (left, right, on),
    };
    let joined = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        join.filter.clone(),
        join.join_type,
        JoinConstraint::On,
        join.null_equality,
        false,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build()
}
