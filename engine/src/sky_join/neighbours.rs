//! Which rows are neighbours: where each of the two sides is, and how near they must be.

use std::any::Any;
use std::sync::Arc;

use almagest_storage::sphgeom::{Angle, Boundary, Cone, UnitVector};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{JoinSide, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, split_conjunction};
use datafusion::physical_plan::joins::utils::JoinFilter;

use super::zones::Point;
use crate::functions::cone;
use crate::functions::degrees::{self, Degrees};
use crate::functions::nearest::Nearest;

/// A part of a join's condition: a position of the left side and one of the right side are within a
/// radius of each other.
#[derive(Debug, Clone)]
pub(super) struct Neighbours {
    /// The position, over the columns of the left side.
    left: Vec<Arc<dyn PhysicalExpr>>,
    /// The position, over the columns of the right side.
    right: Vec<Arc<dyn PhysicalExpr>>,
    radius: Radius,
    boundary: Boundary,
    /// Is there nothing else in the condition?
    pub is_all: bool,
}

/// How near is near, degrees.
#[derive(Debug, Clone)]
enum Radius {
    /// The same for all.
    One(Option<f64>),
    /// That of a row of the left side.
    OfLeft(Arc<dyn PhysicalExpr>),
    /// That of a row of the right side.
    OfRight(Arc<dyn PhysicalExpr>),
    /// As far as the nearest rows of the left side are, this many of each row of the right side.
    Nearest(usize),
}

/// The positions of rows, and the cone about each where each has a radius of its own; none where the
/// position or the radius is NULL.
pub(super) type Placed = (Vec<Option<Point>>, Option<Vec<Option<Cone>>>);

impl Neighbours {
    /// Find the first such part of a condition.
    pub fn of(filter: &JoinFilter) -> Option<Self> {
        let parts = split_conjunction(filter.expression());
        let is_all = parts.len() == 1;
        parts.into_iter().find_map(|part| Self::of_part(part, filter, is_all))
    }

    fn of_part(part: &Arc<dyn PhysicalExpr>, filter: &JoinFilter, is_all: bool) -> Option<Self> {
        let call = part.downcast_ref::<ScalarFunctionExpr>()?;
        let nearest: Option<&Nearest> = (call.fun().inner().as_ref() as &dyn Any).downcast_ref();
        let boundary = match call.fun().name() {
            cone::CLOSED => Boundary::Closed,
            cone::OPEN => Boundary::Open,
            _ if nearest.is_some() => Boundary::Closed,
            _ => return None,
        };
        let (mut positions, mut numbers) = (vec![], 0);
        let (radius, of_positions) = match nearest {
            Some(_) => (None, call.args()),
            None => call.args().split_last().map(|(radius, args)| (Some(radius), args))?,
        };
        for arg in of_positions {
            let count = degrees::count(&[arg.data_type(filter.schema()).ok()?]);
            positions.push((numbers / 2, arg));
            numbers += count;
        }
        let position = |which| {
            let parts = positions.iter().filter(|(place, _)| *place == which);
            parts.map(|(_, arg)| (*arg).clone()).collect::<Vec<_>>()
        };
        let (a, b) = (position(0), position(1));
        let (left, right) = match (side_of(&a, filter)?, side_of(&b, filter)?) {
            (JoinSide::Left, JoinSide::Right) => (a, b),
            (JoinSide::Right, JoinSide::Left) if nearest.is_none() => (b, a),
            _ => return None,
        };
        let own = |part: Vec<_>| {
            let own = part.iter().map(|part| over_own_columns(part, filter));
            own.collect::<Result<Vec<_>>>().ok()
        };
        let radius = match (nearest, radius) {
            (Some(nearest), _) => Radius::Nearest(nearest.n()),
            (None, Some(radius)) => Self::radius(radius, filter)?,
            (None, None) => return None,
        };
        Some(Self { left: own(left)?, right: own(right)?, radius, boundary, is_all })
    }

    fn radius(radius: &Arc<dyn PhysicalExpr>, filter: &JoinFilter) -> Option<Radius> {
        if let Some(literal) = radius.downcast_ref::<Literal>() {
            let value = ColumnarValue::Scalar(literal.value().clone());
            let numbers = degrees::numbers(cone::CLOSED, &[value], 1).ok()?;
            return Some(Radius::One(numbers.first()?.constant()?));
        }
        let of = over_own_columns(radius, filter).ok()?;
        Some(match side_of(std::slice::from_ref(radius), filter)? {
            JoinSide::Left => Radius::OfLeft(of),
            _ => Radius::OfRight(of),
        })
    }

    /// How many of the nearest rows of the left side each row of the right side has, where no radius
    /// bounds them.
    pub fn n_nearest(&self) -> Option<usize> {
        match self.radius {
            Radius::Nearest(n) => Some(n),
            _ => None,
        }
    }

    /// Where rows of the left side are.
    pub fn of_left(&self, rows: &RecordBatch) -> Result<Placed> {
        let cones = match &self.radius {
            Radius::OfLeft(radius) => Some(self.cones(radius, rows)?),
            _ => None,
        };
        Ok((points(&self.left, rows)?, cones))
    }

    /// Where rows of the right side are.
    pub fn of_right(&self, rows: &RecordBatch) -> Result<Placed> {
        let cones = match &self.radius {
            Radius::OfRight(radius) => Some(self.cones(radius, rows)?),
            _ => None,
        };
        Ok((points(&self.right, rows)?, cones))
    }

    /// The cone about each row, where all are of one radius; `None`: they vary. One whose radius is
    /// NULL holds nothing.
    pub fn one_cone(&self) -> Option<Cone> {
        match self.radius {
            Radius::One(radius) => Some(self.cone(radius.unwrap_or(f64::NAN))),
            _ => None,
        }
    }

    fn cone(&self, radius: f64) -> Cone {
        let anywhere = UnitVector::from_lonlat_deg(0.0, 0.0);
        Cone::new(anywhere, Angle::from_degrees(radius), self.boundary)
    }

    fn cones(
        &self,
        radius: &Arc<dyn PhysicalExpr>,
        rows: &RecordBatch,
    ) -> Result<Vec<Option<Cone>>> {
        let numbers = evaluated(std::slice::from_ref(radius), rows)?;
        let [radius] = numbers.as_slice() else {
            return internal_err!("a radius is one number");
        };
        let cone = |row| radius.value(row).map(|radius| self.cone(radius));
        Ok((0..rows.num_rows()).map(cone).collect())
    }
}

fn points(position: &[Arc<dyn PhysicalExpr>], rows: &RecordBatch) -> Result<Vec<Option<Point>>> {
    let numbers = evaluated(position, rows)?;
    let [lon, lat] = numbers.as_slice() else {
        return internal_err!("a position is two numbers");
    };
    let point = |row| Point::new(lon.value(row)?, lat.value(row)?);
    Ok((0..rows.num_rows()).map(point).collect())
}

fn evaluated(parts: &[Arc<dyn PhysicalExpr>], rows: &RecordBatch) -> Result<Vec<Degrees>> {
    let values = parts.iter().map(|part| part.evaluate(rows)).collect::<Result<Vec<_>>>()?;
    degrees::numbers(cone::CLOSED, &values, rows.num_rows())
}

/// The one side whose columns the expressions are made of.
fn side_of(parts: &[Arc<dyn PhysicalExpr>], filter: &JoinFilter) -> Option<JoinSide> {
    let columns = parts.iter().flat_map(collect_columns);
    let mut sides =
        columns.map(|column| filter.column_indices().get(column.index()).map(|c| c.side));
    let first = sides.next()??;
    sides.all(|side| side == Some(first)).then_some(first)
}

/// The expression over the columns of its side, in the place of those of the join's condition.
fn over_own_columns(
    part: &Arc<dyn PhysicalExpr>,
    filter: &JoinFilter,
) -> Result<Arc<dyn PhysicalExpr>> {
    let own = part.clone().transform(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        match filter.column_indices().get(column.index()) {
            Some(place) => {
                let own: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), place.index));
                Ok(Transformed::yes(own))
            }
            None => internal_err!("a join's condition has a column of neither side"),
        }
    })?;
    Ok(own.data)
}
