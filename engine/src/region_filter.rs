//! Which regions of the sky the filters of a scan imply for a row's position.
//!
//! ```text
//!   sky_closed_cone(ra, dec, 10, -5, 0.1)                ─▶ cone
//!   sky_polygon(ra, dec, …)                              ─▶ polygon
//!   sky_lonlat_box(ra, dec, 350, -5, 10, 5)              ─▶ longitude–latitude box
//!   sky_ellipse(ra, dec, 1, 2, 9, 5, 45)                 ─▶ cone around the ellipse
//!   sky_contains(sky_point(ra, dec), 'UNION …')          ─▶ any shape
//!   sky_intersects(sky_circle(ra, dec, 0.1), 'UNION …')  ─▶ cone around the shape
//!   ra >= 9 AND ra <= 11 AND dec > -6                    ─▶ longitude–latitude box
//! ```
//!
//! A region may hold more than the filters let pass, never less: it prunes, the filters decide.

use almagest_storage::schema::PositionColumns;
use almagest_storage::sphgeom::{Angle, Boundary, Cap, Cone, LonLatBox, Region, Shape, UnitVector};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, ScalarFunction};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, ColumnarValue, Expr, Operator};

use crate::functions::degrees::written_out;
use crate::functions::polygon::{self, Outline};
use crate::functions::{area, cone, construct, meets, relation, shapes};
use crate::geometry::Geometries;

/// Return regions in all of which a row must lie to pass `filters` (a conjunction).
pub(crate) fn regions_of_filters(filters: &[Expr], position: &PositionColumns) -> Vec<Region> {
    let mut regions = vec![];
    let mut bounds = Bounds::default();
    for filter in filters.iter().flat_map(split_conjunction) {
        match filter {
            Expr::ScalarFunction(call) => regions.extend(region_of_call(call, position)),
            Expr::BinaryExpr(comparison) => bounds.narrow(comparison, position),
            Expr::Between(between) => bounds.narrow_between(between, position),
            _ => {}
        }
    }
    regions.extend(bounds.to_region());
    regions
}

fn region_of_call(call: &ScalarFunction, position: &PositionColumns) -> Option<Region> {
    match call.func.name() {
        cone::CLOSED => region_of_cone(&call.args, Boundary::Closed, position),
        cone::OPEN => region_of_cone(&call.args, Boundary::Open, position),
        polygon::POLYGON => region_of_outline(Outline::Vertices, &call.args, position),
        polygon::CENTER_BOX => region_of_outline(Outline::CenterBox, &call.args, position),
        area::LONLAT_BOX => region_of_area(area::Outline::LonLatBox, &call.args, position),
        area::ELLIPSE => region_of_area(area::Outline::Ellipse, &call.args, position),
        meets::POLYGON => region_of_meeting(Outline::Vertices, &call.args, position),
        meets::CENTER_BOX => region_of_meeting(Outline::CenterBox, &call.args, position),
        relation::CONTAINS | relation::INTERSECTS => region_of_relation(call, position),
        _ => None,
    }
}

fn region_of_cone(args: &[Expr], boundary: Boundary, position: &PositionColumns) -> Option<Region> {
    let args = written_out(args.to_vec());
    let [a, b, c, d, radius] = args.as_slice() else { return None };
    // Cones are symmetric: CONTAINS(POINT(10, 20), CIRCLE(ra, dec, r)) constrains the row as well.
    let (lon, lat) = match is_position(&[a, b], position) {
        true => (c, d),
        false if is_position(&[c, d], position) => (a, b),
        false => return None,
    };
    let center = UnitVector::from_lonlat_deg(number(lon)?, number(lat)?);
    Some(Cone::new(center, Angle::from_degrees(number(radius)?), boundary).into())
}

/// The constant numbers of a call that begins with the row's position.
fn numbers_after_position(args: &[Expr], position: &PositionColumns) -> Option<Vec<f64>> {
    let args = written_out(args.to_vec());
    let [lon, lat, numbers @ ..] = args.as_slice() else { return None };
    match is_position(&[lon, lat], position) {
        true => numbers.iter().map(number).collect(),
        false => None,
    }
}

fn region_of_outline(
    outline: Outline,
    args: &[Expr],
    position: &PositionColumns,
) -> Option<Region> {
    let numbers = numbers_after_position(args, position)?;
    outline.polygon(&numbers).ok().map(Region::Polygon)
}

fn region_of_area(
    outline: area::Outline,
    args: &[Expr],
    position: &PositionColumns,
) -> Option<Region> {
    let numbers = numbers_after_position(args, position)?;
    outline.area(&numbers).region()
}

/// A cone about the row that meets a polygon.
fn region_of_meeting(
    outline: Outline,
    args: &[Expr],
    position: &PositionColumns,
) -> Option<Region> {
    let numbers = numbers_after_position(args, position)?;
    let [radius, outer @ ..] = numbers.as_slice() else { return None };
    let polygon = outline.polygon(outer).ok()?;
    Some(within_reach(&polygon.bounding_cap(), *radius))
}

/// A point or a cone about the row, and a constant shape that holds it, meets it or lies in it.
fn region_of_relation(call: &ScalarFunction, position: &PositionColumns) -> Option<Region> {
    let [a, b] = call.args.as_slice() else { return None };
    let is_containment = call.func.name() == relation::CONTAINS;
    let (reach, shape, may_reach) = match (reach_of_row(a, position), constant_shape(b)) {
        // What lies in the shape has its centre there.
        (Some(reach), Some(shape)) => (reach, shape, !is_containment),
        _ => (reach_of_row(b, position)?, constant_shape(a)?, true),
    };
    if may_reach && reach > 0.0 {
        return Some(within_reach(&shape.bounding_cap(), reach));
    }
    Some(shape.into())
}

/// How far a point or a cone about the row reaches, degrees.
fn reach_of_row(geometry: &Expr, position: &PositionColumns) -> Option<f64> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = geometry else { return None };
    let args = written_out(args.clone());
    match (func.name(), args.as_slice()) {
        (construct::POINT, [lon, lat]) if is_position(&[lon, lat], position) => Some(0.0),
        (construct::CIRCLE, [lon, lat, radius]) if is_position(&[lon, lat], position) => {
            number(radius)
        }
        _ => None,
    }
}

fn constant_shape(geometry: &Expr) -> Option<Shape> {
    let Expr::Literal(value, _) = geometry else { return None };
    let column = Geometries::of_argument(&ColumnarValue::Scalar(value.clone())).ok()?;
    shapes::shape(&column.get(0)?, None).ok()
}

/// Where the centre of a cone may be that meets something in `cap`.
fn within_reach(cap: &Cap, radius_deg: f64) -> Region {
    /// Rounding of the sum of two angles, and of the predicate itself.
    const SLACK_DEG: f64 = 1e-9;
    let radius = Angle::from_degrees(cap.radius.degrees() + radius_deg.max(0.0) + SLACK_DEG);
    Cone::new(cap.center, radius, Boundary::Closed).into()
}

/// The ranges of longitude and latitude that plain comparisons leave.
#[derive(Debug)]
struct Bounds {
    lon: (f64, f64),
    lat: (f64, f64),
}

impl Default for Bounds {
    fn default() -> Self {
        Self { lon: (f64::NEG_INFINITY, f64::INFINITY), lat: (f64::NEG_INFINITY, f64::INFINITY) }
    }
}

impl Bounds {
    fn narrow(&mut self, comparison: &BinaryExpr, position: &PositionColumns) {
        let (column, operator, value) = match number(&comparison.right) {
            Some(value) => (&comparison.left, comparison.op, value),
            None => match (number(&comparison.left), comparison.op.swap()) {
                (Some(value), Some(operator)) => (&comparison.right, operator, value),
                _ => return,
            },
        };
        let Some((low, high)) = self.of_column(column, position) else { return };
        match operator {
            Operator::Gt | Operator::GtEq => *low = low.max(value),
            Operator::Lt | Operator::LtEq => *high = high.min(value),
            Operator::Eq => (*low, *high) = (low.max(value), high.min(value)),
            _ => {}
        }
    }

    fn narrow_between(&mut self, between: &Between, position: &PositionColumns) {
        let bounds = (number(&between.low), number(&between.high), between.negated);
        let (Some(from), Some(to), false) = bounds else { return };
        if let Some((low, high)) = self.of_column(&between.expr, position) {
            (*low, *high) = (low.max(from), high.min(to));
        }
    }

    fn of_column(
        &mut self,
        column: &Expr,
        position: &PositionColumns,
    ) -> Option<(&mut f64, &mut f64)> {
        if is_column(column, &position.ra) {
            Some((&mut self.lon.0, &mut self.lon.1))
        } else if is_column(column, &position.dec) {
            Some((&mut self.lat.0, &mut self.lat.1))
        } else {
            None
        }
    }

    /// Return the box; `None` where it is the whole sky or (which the filters will show) empty.
    ///
    /// Longitudes of stored rows may be any number of turns off, so a range bounds them on the sky
    /// only if it has two ends.
    fn to_region(&self) -> Option<Region> {
        let lat = (self.lat.0.max(-90.0), self.lat.1.min(90.0));
        let lon = match self.lon {
            (low, high) if low.is_finite() && high.is_finite() && high - low < 360.0 => (low, high),
            _ => (0.0, 360.0),
        };
        let bounded = lat != (-90.0, 90.0) || lon != (0.0, 360.0);
        if !bounded || lon.0 > lon.1 || lat.0 > lat.1 {
            return None;
        }
        LonLatBox::try_new(lon.0, lon.1, lat.0, lat.1).ok().map(Region::LonLatBox)
    }
}

fn is_position(lonlat: &[&Expr; 2], position: &PositionColumns) -> bool {
    is_column(lonlat[0], &position.ra) && is_column(lonlat[1], &position.dec)
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

/// The number that a literal is.
pub(crate) fn number(expr: &Expr) -> Option<f64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(value)) => value.filter(|value| !value.is_nan()),
        _ => None,
    }
}
