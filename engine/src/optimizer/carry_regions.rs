//! What bounds the one side of a join of neighbours on the sky bounds the other side too.
//!
//! ```text
//!   before   Join(Filter(in 5° about p, Object), Source)                        on within 0.001° of each other
//!   after    Join(Filter(in 5° about p, Object), Filter(in 5.001° about p, Source))   on the same
//! ```
//!
//! The bound of the other side prunes its chunks and pages. An upload is bounded by where its rows
//! are.

use almagest_storage::schema::PositionColumns;
use almagest_storage::sphgeom::{Angle, Cap, Region, UnitVector};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    Expr, Join, LogicalPlan, LogicalPlanBuilder, ScalarUDF, TableScan, lit,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::origin::{follow, restrictable};
use crate::functions::cone::{self, SkyCone};
use crate::functions::degrees::{on_sky, written_out};
use crate::region_filter::{number, regions_of_filters};
use crate::upload;

/// A bound that is wider than this, degrees, is not worth a test of each row.
const WIDE: f64 = 60.0;
/// What positions and the sum of two angles are rounded by, degrees.
const SLACK: f64 = 1e-9;
/// A bound that is better by less, degrees, is none: or two sides would bound each other for ever.
const NO_NEWS: f64 = 1e-6;
/// Rows beyond which an upload is not looked through: they are seldom all in one place.
const MANY: usize = 200_000;

/// Bounds the sides of joins by each other.
#[derive(Debug)]
pub(crate) struct CarryRegions;

impl OptimizerRule for CarryRegions {
    fn name(&self) -> &str {
        "carry_regions"
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
        let Some(near) =
            join.filter.iter().flat_map(split_conjunction).find_map(|part| Near::of(part, join))
        else {
            return Ok(Transformed::no(plan));
        };
        let (of_left, of_right) = restrictable(join);
        let (left, right) = (cap_of(&join.left, &near.left)?, cap_of(&join.right, &near.right)?);
        let mut bounded = None;
        if of_right && let Some(cap) = near.carried(left.as_ref(), right.as_ref()) {
            let right = within(&join.right, &near.right, &cap)?;
            bounded = Some(Join { right: right.into(), ..join.clone() });
        } else if of_left && let Some(cap) = near.carried(right.as_ref(), left.as_ref()) {
            let left = within(&join.left, &near.left, &cap)?;
            bounded = Some(Join { left: left.into(), ..join.clone() });
        }
        Ok(match bounded {
            Some(join) => Transformed::yes(LogicalPlan::Join(join)),
            None => Transformed::no(plan),
        })
    }
}

/// Two positions that a join wants near each other.
struct Near {
    left: [Column; 2],
    right: [Column; 2],
    /// Degrees.
    radius: f64,
}

impl Near {
    fn of(part: &Expr, join: &Join) -> Option<Self> {
        let Expr::ScalarFunction(ScalarFunction { func, args }) = part else { return None };
        if func.name() != cone::CLOSED && func.name() != cone::OPEN {
            return None;
        }
        let args = written_out(args.clone());
        let [Expr::Column(a), Expr::Column(b), Expr::Column(c), Expr::Column(d), radius] =
            args.as_slice()
        else {
            return None;
        };
        let radius = number(radius).filter(|radius| *radius >= 0.0)?;
        let (one, two) = ([a, b].map(Clone::clone), [c, d].map(Clone::clone));
        let are_of = |columns: &[Column; 2], side: &LogicalPlan| {
            columns.iter().all(|column| side.schema().has_column(column))
        };
        let (left, right) = if are_of(&one, &join.left) && are_of(&two, &join.right) {
            (one, two)
        } else if are_of(&two, &join.left) && are_of(&one, &join.right) {
            (two, one)
        } else {
            return None;
        };
        Some(Self { left, right, radius })
    }

    /// The bound of one side that follows from the other's, if it says more than its own.
    fn carried(&self, from: Option<&Cap>, own: Option<&Cap>) -> Option<Cap> {
        let cap = from?.widened(Angle::from_degrees(self.radius + SLACK));
        let radius = cap.radius.degrees();
        let is_news = own.is_none_or(|own| radius + NO_NEWS < own.radius.degrees());
        (is_news && radius < WIDE).then_some(cap)
    }
}

/// The rows of a side that are in a cap.
fn within(side: &LogicalPlan, position: &[Column; 2], cap: &Cap) -> Result<LogicalPlan> {
    let (lon, lat) = cap.center.to_lonlat_deg();
    let [own_lon, own_lat] = position.clone().map(Expr::Column);
    let args = vec![own_lon, own_lat, lit(lon), lit(lat), lit(cap.radius.degrees())];
    let inside = ScalarUDF::from(SkyCone::closed()).call(args);
    LogicalPlanBuilder::from(side.clone()).filter(inside)?.build()
}

/// The least cap that is known to hold a position of a plan's rows.
fn cap_of(plan: &LogicalPlan, position: &[Column; 2]) -> Result<Option<Cap>> {
    let mut caps = vec![];
    for (node, places) in follow(plan, position.each_ref()) {
        match node {
            LogicalPlan::TableScan(scan) => {
                let names = places.map(|place| scan.projected_schema.field(place).name().clone());
                caps.extend(caps_of_filters(&scan.filters, &names));
                caps.extend(cap_of_upload(scan, &names)?);
            }
            LogicalPlan::Filter(filter) => {
                let schema = filter.input.schema();
                let names = places.map(|place| schema.field(place).name().clone());
                let is_one = |name| schema.fields_with_unqualified_name(name).len() == 1;
                if names.iter().all(|name| is_one(name)) {
                    caps.extend(caps_of_filters(std::slice::from_ref(&filter.predicate), &names));
                }
            }
            _ => {}
        }
    }
    Ok(caps.into_iter().min_by(|a, b| a.radius.degrees().total_cmp(&b.radius.degrees())))
}

fn caps_of_filters(filters: &[Expr], [ra, dec]: &[String; 2]) -> Vec<Cap> {
    let position = PositionColumns { ra: ra.clone(), dec: dec.clone(), epoch: None };
    regions_of_filters(filters, &position).iter().map(Region::bounding_cap).collect()
}

/// The cap that holds the rows of an upload which are somewhere.
fn cap_of_upload(scan: &TableScan, [lon, lat]: &[String; 2]) -> Result<Option<Cap>> {
    let Some(batches) = upload::batches_of(scan)? else { return Ok(None) };
    if batches.iter().map(RecordBatch::num_rows).sum::<usize>() > MANY {
        return Ok(None);
    }
    let mut points: Vec<UnitVector> = vec![];
    for batch in batches {
        let columns = [lon, lat].map(|name| batch.column_by_name(name));
        let [Some(lon), Some(lat)] = columns else { return Ok(None) };
        if !lon.data_type().is_numeric() || !lat.data_type().is_numeric() {
            return Ok(None);
        }
        let (lon, lat) = (cast(lon, &DataType::Float64)?, cast(lat, &DataType::Float64)?);
        let (lon, lat) = (lon.as_primitive::<Float64Type>(), lat.as_primitive::<Float64Type>());
        points.extend(lon.iter().zip(lat).filter_map(|(lon, lat)| on_sky(lon?, lat?)));
    }
    Ok(Cap::around(&points))
}
