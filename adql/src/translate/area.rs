//! scisql's tests of a position, each in its family of sky conditions.
//!
//! ```text
//! scisql_s2PtInCircle(ra, dec, 1, 2, r)          ─▶ sky_closed_cone(ra, dec, 1, 2, r)
//! scisql_s2PtInCPoly(ra, dec, …)                 ─▶ sky_polygon(ra, dec, …)
//! scisql_s2PtInBox(ra, dec, 350, -5, 10, 5)      ─▶ sky_lonlat_box(ra, dec, 350, -5, 10, 5)
//! scisql_s2PtInEllipse(ra, dec, 1, 2, 9, 5, 45)  ─▶ sky_ellipse(ra, dec, 1, 2, 9, 5, 45)
//! ```
//!
//! `qserv_areaspec_…` and ranges of both coordinates have become these while names were resolved.

use sqlparser::ast::{Expr, Function};

use super::geometry::{Point, Shape};
use super::sky::holds_point;
use crate::error::Diagnostic;
use crate::tree::{arguments, call, constant_value, function_name, start};

/// Rewrite one of the tests; `None` if it is another function.
pub(super) fn predicate(test: &Function) -> Option<Result<Expr, Diagnostic>> {
    let name = function_name(test)?.value.to_uppercase();
    let args = arguments(test);
    let [lon, lat, rest @ ..] = args.as_slice() else { return None };
    let shape: fn(&[&Expr], Point) -> Result<Expr, Diagnostic> = match name.as_str() {
        "SCISQL_S2PTINBOX" => lonlat_box,
        "SCISQL_S2PTINCIRCLE" => circle,
        "SCISQL_S2PTINELLIPSE" => ellipse,
        "SCISQL_S2PTINCPOLY" => polygon,
        _ => return None,
    };
    Some(Point::new(lon, lat).and_then(|position| shape(rest, position)))
}

fn lonlat_box(limits: &[&Expr], position: Point) -> Result<Expr, Diagnostic> {
    if let [lon_min, lat_min, lon_max, lat_max] = limits {
        Point::new(lon_min, lat_min)?;
        Point::new(lon_max, lat_max)?;
        if let (Some(low), Some(high)) = (constant_value(lat_min), constant_value(lat_max))
            && low > high
        {
            let message = format!("the box ends at latitude {high}, below its beginning at {low}");
            let fault = Diagnostic::invalid(start(lat_max), message);
            return Err(fault.suggest("the order is lonMin, latMin, lonMax, latMax"));
        }
    }
    Ok(with(position, "sky_lonlat_box", limits))
}

fn circle(args: &[&Expr], position: Point) -> Result<Expr, Diagnostic> {
    let [lon, lat, radius] = args else { return Ok(with(position, "sky_closed_cone", args)) };
    not_negative(radius, "radius")?;
    let (center, radius) = (Point::new(lon, lat)?, Box::new((*radius).clone()));
    Ok(holds_point(Shape::Circle { center, radius }, position))
}

fn ellipse(args: &[&Expr], position: Point) -> Result<Expr, Diagnostic> {
    if let [lon, lat, major, minor, _] = args {
        Point::new(lon, lat)?;
        not_negative(major, "semi-major axis")?;
        not_negative(minor, "semi-minor axis")?;
        if let (Some(a), Some(b)) = (constant_value(major), constant_value(minor))
            && b > a
        {
            let message = format!("the semi-minor axis {b} is longer than the semi-major axis {a}");
            return Err(Diagnostic::invalid(start(minor), message));
        }
    }
    Ok(with(position, "sky_ellipse", args))
}

fn polygon(coordinates: &[&Expr], position: Point) -> Result<Expr, Diagnostic> {
    if let Some(last) = coordinates.last().filter(|_| coordinates.len() % 2 == 1) {
        let message = format!("a polygon has {} coordinates, an odd number", coordinates.len());
        return Err(Diagnostic::invalid(start(last), message));
    }
    let vertices = coordinates
        .chunks_exact(2)
        .filter_map(|pair| pair.first().zip(pair.get(1)))
        .map(|(lon, lat)| Point::new(lon, lat))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(holds_point(Shape::Polygon(vertices), position))
}

fn with(position: Point, name: &str, rest: &[&Expr]) -> Expr {
    let mut args = position.args();
    args.extend(rest.iter().map(|arg| (*arg).clone()));
    call(name, args)
}

fn not_negative(expr: &Expr, what: &str) -> Result<(), Diagnostic> {
    match constant_value(expr) {
        Some(value) if value < 0.0 => {
            Err(Diagnostic::invalid(start(expr), format!("the {what} {value} is negative")))
        }
        _ => Ok(()),
    }
}
