//! The nearest rows of a whole table are looked for where there surely are as many.
//!
//! ```text
//!   before   Sort(sky_distance(ra, dec, 10°, −5°), fetch=3) over all rows
//!   after    the same over Filter(in 17° about (10°, −5°)): by their footprints, files have three rows there
//! ```
//!
//! The bound prunes chunks and pages, and is not in the answer's way: the rows that it leaves out are
//! farther than those that are asked for. Of a table under a condition nothing is known.

use std::any::Any;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    Expr, LogicalPlan, LogicalPlanBuilder, ScalarUDF, Sort, TableScan, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::origin::follow;
use crate::chunked_table::ChunkedTable;
use crate::functions::cone::SkyCone;
use crate::functions::degrees::{on_sky, written_out};
use crate::functions::distance::SkyDistance;
use crate::narrow_table::ScannedTable;
use crate::region_filter::number;

/// A bound that is wider than this, degrees, is not worth a test of each row.
const WIDE: f64 = 60.0;
/// What the sum of two angles is rounded by, degrees.
const SLACK: f64 = 1e-9;

/// Bounds tables of which the nearest rows to a place are kept.
#[derive(Debug)]
pub(crate) struct BoundNearest;

impl OptimizerRule for BoundNearest {
    fn name(&self) -> &str {
        "bound_nearest"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(sort) = &plan else { return Ok(Transformed::no(plan)) };
        let bound = Wanted::of(sort).map(|wanted| wanted.bound()).transpose()?.flatten();
        let Some(bound) = bound else { return Ok(Transformed::no(plan)) };
        plan.transform_down(|node| match node {
            LogicalPlan::TableScan(_) => {
                let bounded = LogicalPlanBuilder::from(node).filter(bound.clone())?.build()?;
                Ok(Transformed::new(bounded, true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

/// So many rows nearest to a place.
struct Wanted<'a> {
    n_rows: usize,
    /// Where the rows come from.
    rows: &'a LogicalPlan,
    /// The columns of their position.
    position: [Column; 2],
    /// Longitude and latitude of the place, degrees.
    place: [f64; 2],
}

impl<'a> Wanted<'a> {
    fn of(sort: &'a Sort) -> Option<Self> {
        let (n_rows, key) = (sort.fetch?, sort.expr.first()?);
        if !key.asc || key.nulls_first {
            return None;
        }
        let (key, rows) = match without_name(&key.expr) {
            Expr::Column(column) => named(&sort.input, column)?,
            other => (other, sort.input.as_ref()),
        };
        let Expr::ScalarFunction(ScalarFunction { func, args }) = key else { return None };
        if !(func.inner().as_ref() as &dyn Any).is::<SkyDistance>() {
            return None;
        }
        let args = written_out(args.clone());
        let [a, b, c, d] = args.as_slice() else { return None };
        let column = |one: &Expr| one.try_as_col().cloned();
        let (position, place) = match (column(a), column(b), number(c), number(d)) {
            (Some(lon), Some(lat), Some(at_lon), Some(at_lat)) => ([lon, lat], [at_lon, at_lat]),
            _ => ([column(c)?, column(d)?], [number(a)?, number(b)?]),
        };
        Some(Self { n_rows, rows, position, place })
    }

    /// The table that the rows are, all of them, and the names of the columns of their position.
    fn table(&self) -> Option<(&'a TableScan, [String; 2])> {
        for (node, places) in follow(self.rows, self.position.each_ref()) {
            match node {
                LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {}
                LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
                    let name = |place: usize| scan.projected_schema.field(place).name().clone();
                    return Some((scan, places.map(name)));
                }
                _ => return None,
            }
        }
        None
    }

    /// The condition of the rows that there surely are enough of, over the columns of the table.
    fn bound(&self) -> Result<Option<Expr>> {
        let [lon, lat] = self.place;
        let (Some((scan, position)), Some(place)) = (self.table(), on_sky(lon, lat)) else {
            return Ok(None);
        };
        let table = ScannedTable::of(scan)?;
        let chunked = (table.provider.as_ref() as &dyn Any).downcast_ref::<ChunkedTable>();
        let reach = chunked.and_then(|chunked| {
            chunked.reach_of_nearest(self.n_rows as u64, position.each_ref(), &place)
        });
        let radius = reach.map(|reach| reach.degrees() + SLACK).filter(|radius| *radius < WIDE);
        let column = |name| Expr::Column(Column::new(Some(scan.table_name.clone()), name));
        let [own_lon, own_lat] = position.map(column);
        Ok(radius.map(|radius| {
            let args = vec![own_lon, own_lat, lit(lon), lit(lat), lit(radius)];
            ScalarUDF::from(SkyCone::closed()).call(args)
        }))
    }
}

/// What a projection names so, and its input.
fn named<'a>(plan: &'a LogicalPlan, column: &Column) -> Option<(&'a Expr, &'a LogicalPlan)> {
    let LogicalPlan::Projection(projection) = plan else { return None };
    let place = projection.schema.maybe_index_of_column(column)?;
    Some((without_name(projection.expr.get(place)?), &projection.input))
}

fn without_name(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => without_name(&alias.expr),
        other => other,
    }
}
