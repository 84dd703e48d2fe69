//! Which regions of the sky the filters of a scan imply for a row's position.
//!
//! ```text
//!   sky_closed_cone(ra, dec, 10, -5, 0.1)                ─▶ cone
//!   sky_polygon(ra, dec, …)                              ─▶ polygon
//!   ra >= 9 AND ra <= 11 AND dec > -6                    ─▶ longitude–latitude box
//! ```
//!
//! A region may hold more than the filters let pass, never less: it prunes, the filters decide.

use almagest_storage::schema::PositionColumns;
use almagest_storage::sphgeom::{Angle, Boundary, Cone, LonLatBox, Polygon, Region, UnitVector};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, ScalarFunction};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

use crate::functions::{cone, polygon};

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
    let is_position =
        |args: &[Expr]| is_column(&args[0], &position.ra) && is_column(&args[1], &position.dec);
    let args = &call.args;
    if args.len() < 5 {
        return None;
    }
    let name = call.func.name();
    // Cones are symmetric: CONTAINS(POINT(10, 20), CIRCLE(ra, dec, r)) constrains the row as well.
    let numbers = if is_position(&args[..2]) {
        args[2..].iter().map(number).collect::<Option<Vec<f64>>>()?
    } else if is_position(&args[2..4]) && (name == cone::CLOSED || name == cone::OPEN) {
        [&args[0], &args[1], &args[4]].into_iter().map(number).collect::<Option<Vec<f64>>>()?
    } else {
        return None;
    };
    match name {
        cone::CLOSED | cone::OPEN => {
            let &[lon, lat, radius] = numbers.as_slice() else { return None };
            let boundary = if name == cone::OPEN { Boundary::Open } else { Boundary::Closed };
            let center = UnitVector::from_lonlat_deg(lon, lat);
            Some(Region::Cone(Cone::new(center, Angle::from_degrees(radius), boundary)))
        }
        polygon::POLYGON => {
            let vertices: Vec<(f64, f64)> =
                numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
            Polygon::try_from_lonlat_deg(&vertices).ok().map(Region::Polygon)
        }
        polygon::CENTER_BOX => {
            let &[lon, lat, width, height] = numbers.as_slice() else { return None };
            let center = UnitVector::from_lonlat_deg(lon, lat);
            Region::center_box(&center, Angle::from_degrees(width), Angle::from_degrees(height))
                .ok()
        }
        _ => None,
    }
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

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn number(expr: &Expr) -> Option<f64> {
    let Expr::Literal(value, _) = expr else { return None };
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(value)) => value.filter(|value| !value.is_nan()),
        _ => None,
    }
}
