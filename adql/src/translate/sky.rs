//! Geometrical functions to the engine's sky predicates, one for each kind of condition.
//!
//! ```text
//! CONTAINS(POINT(ra, dec), CIRCLE(1, 2, r)) = 1 ┐
//! 1 = CONTAINS(POINT(1, 2), CIRCLE(ra, dec, r)) ├─▶ sky_closed_cone(ra, dec, 1, 2, r)
//! INTERSECTS(CIRCLE(1, 2, r), POINT(ra, dec))=1 │
//! DISTANCE(POINT(1, 2), POINT(ra, dec)) <= r    ┘
//! DISTANCE(ra, dec, 1, 2) < r                   ──▶ sky_open_cone(ra, dec, 1, 2, r)
//! CONTAINS(POINT(ra, dec), POLYGON(…)) = 0      ──▶ NOT sky_polygon(ra, dec, …)
//! DISTANCE(POINT(ra, dec), POINT(1, 2))         ──▶ sky_distance(ra, dec, 1, 2)
//! ```
//!
//! The side made of columns goes first and the constant one becomes the centre, so that all
//! spellings of a condition prune alike and give the same rows.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Function, Spanned};

use super::geometry::{Point, Shape, point_of, read_point};
use crate::error::Diagnostic;
use crate::tree::{arguments, as_call, binary, call, cast, constant_value, nested, not, start};

type Rewrite = Result<Option<Expr>, Diagnostic>;

const RELATIONS: &[&str] = &["CONTAINS", "INTERSECTS"];
const DISTANCES: &[&str] = &["DISTANCE", "SCISQL_ANGSEP"];

/// Rewrite a comparison of CONTAINS or INTERSECTS with 0 or 1, or of DISTANCE with a radius.
pub(super) fn comparison(expr: &Expr) -> Rewrite {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            if let Some(relation) = as_call(left, RELATIONS) {
                return compare_relation(relation, op, right);
            }
            if let (Some(relation), Some(op)) = (as_call(right, RELATIONS), mirrored(op)) {
                return compare_relation(relation, &op, left);
            }
            if let Some(distance) = as_call(left, DISTANCES) {
                return compare_distance(distance, op, right);
            }
            if let (Some(distance), Some(op)) = (as_call(right, DISTANCES), mirrored(op)) {
                return compare_distance(distance, &op, left);
            }
            Ok(None)
        }
        Expr::Between { expr, negated, low, high } => {
            let Some(distance) = as_call(expr, DISTANCES) else { return Ok(None) };
            let Some(within) = cone_of(distance, high, "sky_closed_cone")? else {
                return Ok(None);
            };
            let ring = match constant_value(low) {
                Some(low) if low <= 0.0 => within,
                _ => {
                    let (a, b) = points_of(distance)?;
                    let inner = not(cone("sky_open_cone", a, b, low.as_ref().clone()));
                    nested(binary(within, BinaryOperator::And, inner))
                }
            };
            Ok(Some(if *negated { not(ring) } else { ring }))
        }
        _ => Ok(None),
    }
}

/// Rewrite DISTANCE, COORD1 and COORD2, and CONTAINS or INTERSECTS used for their value.
pub(super) fn value(expr: &Expr) -> Rewrite {
    let Expr::Function(_) = expr else { return Ok(None) };
    if let Some(distance) = as_call(expr, DISTANCES) {
        let (a, b) = points_of(distance)?;
        let (a, b) = columns_first(a, b);
        return Ok(Some(call("sky_distance", [a.args(), b.args()].concat())));
    }
    if let Some(relation) = as_call(expr, RELATIONS) {
        return predicate(relation).map(|p| Some(cast(p, DataType::Integer(None))));
    }
    if let Some(coord) = as_call(expr, &["COORD1"]) {
        return coordinate(coord).map(|p| Some(*p.lon));
    }
    if let Some(coord) = as_call(expr, &["COORD2"]) {
        return coordinate(coord).map(|p| Some(*p.lat));
    }
    Ok(None)
}

/// The predicate of a CONTAINS or INTERSECTS that stands alone where a condition is wanted.
pub(super) fn bare_predicate(expr: &Expr) -> Option<Result<Expr, Diagnostic>> {
    as_call(expr, RELATIONS).map(predicate)
}

/// The operator that says the same with its operands exchanged.
fn mirrored(op: &BinaryOperator) -> Option<BinaryOperator> {
    match op {
        BinaryOperator::Eq | BinaryOperator::NotEq => Some(op.clone()),
        BinaryOperator::Lt => Some(BinaryOperator::Gt),
        BinaryOperator::LtEq => Some(BinaryOperator::GtEq),
        BinaryOperator::Gt => Some(BinaryOperator::Lt),
        BinaryOperator::GtEq => Some(BinaryOperator::LtEq),
        _ => None,
    }
}

/// `relation op other`, where the relation is 0 or 1.
fn compare_relation(relation: &Function, op: &BinaryOperator, other: &Expr) -> Rewrite {
    let holds: fn(f64, f64) -> bool = match op {
        BinaryOperator::Eq => |a, b| a == b,
        BinaryOperator::NotEq => |a, b| a != b,
        BinaryOperator::Lt => |a, b| a < b,
        BinaryOperator::LtEq => |a, b| a <= b,
        BinaryOperator::Gt => |a, b| a > b,
        BinaryOperator::GtEq => |a, b| a >= b,
        _ => return Ok(None),
    };
    let Some(value) = constant_value(other) else { return Ok(None) };
    match (holds(0.0, value), holds(1.0, value)) {
        (false, true) => predicate(relation).map(Some),
        (true, false) => predicate(relation).map(|p| Some(not(p))),
        _ => {
            let name = relation.name.to_string().to_uppercase();
            let message = format!("{name} is 0 or 1: comparing it with {value} decides nothing");
            Err(Diagnostic::invalid(start(other), message))
        }
    }
}

/// `distance op radius` as a cone; `None` leaves it a comparison of numbers.
fn compare_distance(distance: &Function, op: &BinaryOperator, radius: &Expr) -> Rewrite {
    let (name, outside) = match op {
        BinaryOperator::Lt => ("sky_open_cone", false),
        BinaryOperator::LtEq => ("sky_closed_cone", false),
        BinaryOperator::Gt => ("sky_closed_cone", true),
        BinaryOperator::GtEq => ("sky_open_cone", true),
        _ => return Ok(None),
    };
    let cone = cone_of(distance, radius, name)?;
    Ok(cone.map(|cone| if outside { not(cone) } else { cone }))
}

fn cone_of(distance: &Function, radius: &Expr, name: &str) -> Rewrite {
    // A negative radius is no cone, and comparing two distances is no condition on one position.
    let negative = constant_value(radius).is_some_and(|r| r < 0.0);
    if negative || as_call(radius, DISTANCES).is_some() {
        return Ok(None);
    }
    let (a, b) = points_of(distance)?;
    Ok(Some(cone(name, a, b, radius.clone())))
}

/// The two positions of `DISTANCE(p, q)` or `DISTANCE(lon1, lat1, lon2, lat2)`.
fn points_of(distance: &Function) -> Result<(Point, Point), Diagnostic> {
    match arguments(distance).as_slice() {
        [a, b] => Ok((read_point(a)?, read_point(b)?)),
        [lon1, lat1, lon2, lat2] => Ok((point_of(lon1, lat1)?, point_of(lon2, lat2)?)),
        _ => Err(Diagnostic::invalid(
            distance.name.span().start,
            "DISTANCE takes 2 points or 4 coordinates",
        )),
    }
}

fn coordinate(coord: &Function) -> Result<Point, Diagnostic> {
    match arguments(coord).as_slice() {
        [point] => read_point(point),
        _ => Err(Diagnostic::invalid(coord.name.span().start, "a POINT is needed here")),
    }
}

/// The engine's predicate for a CONTAINS or INTERSECTS.
fn predicate(relation: &Function) -> Result<Expr, Diagnostic> {
    let args = arguments(relation);
    let [first, second] = args.as_slice() else {
        let at = relation.name.span().start;
        return Err(Diagnostic::invalid(at, "two geometries are needed here"));
    };
    let (a, b) = (Shape::read(first)?, Shape::read(second)?);
    let intersects = relation.name.to_string().eq_ignore_ascii_case("INTERSECTS");
    let kinds = format!("{} and {}", kind(&a), kind(&b));
    let made = if intersects { intersection(a, b) } else { containment(a, b) };
    made.ok_or_else(|| {
        let name = if intersects { "INTERSECTS" } else { "CONTAINS" };
        let what = format!("{name} of {kinds}");
        Diagnostic::not_supported(relation.name.span().start, what)
    })
}

fn kind(shape: &Shape) -> &'static str {
    match shape {
        Shape::Point(_) => "POINT",
        Shape::Circle { .. } => "CIRCLE",
        Shape::Box { .. } => "BOX",
        Shape::Polygon(_) => "POLYGON",
    }
}

/// Whether `inner` lies in `outer`, boundary included.
fn containment(inner: Shape, outer: Shape) -> Option<Expr> {
    match (inner, outer) {
        (Shape::Point(p), outer) => Some(holds_point(outer, p)),
        // A cone lies in another if its centre is no further off than the radii differ.
        (Shape::Circle { center: a, radius: ra }, Shape::Circle { center: b, radius: rb }) => {
            let slack = binary(*rb, BinaryOperator::Minus, operand(*ra));
            Some(cone("sky_closed_cone", a, b, slack))
        }
        _ => None,
    }
}

/// Whether two geometries have a position in common.
fn intersection(a: Shape, b: Shape) -> Option<Expr> {
    match (a, b) {
        (Shape::Point(p), shape) | (shape, Shape::Point(p)) => Some(holds_point(shape, p)),
        (Shape::Circle { center: a, radius: ra }, Shape::Circle { center: b, radius: rb }) => {
            let reach = binary(*ra, BinaryOperator::Plus, operand(*rb));
            Some(cone("sky_closed_cone", a, b, reach))
        }
        (Shape::Circle { center, radius }, Shape::Polygon(vertices))
        | (Shape::Polygon(vertices), Shape::Circle { center, radius }) => {
            let mut args = Vec::from(center.args());
            args.push(*radius);
            args.extend(vertices.into_iter().flat_map(Point::args));
            Some(call("sky_polygon_meets_cone", args))
        }
        (Shape::Circle { center, radius }, Shape::Box { center: of_box, width, height })
        | (Shape::Box { center: of_box, width, height }, Shape::Circle { center, radius }) => {
            let mut args = Vec::from(center.args());
            args.push(*radius);
            args.extend(of_box.args());
            args.extend([*width, *height]);
            Some(call("sky_center_box_meets_cone", args))
        }
        _ => None,
    }
}

/// Whether a position lies in a shape, boundary included.
fn holds_point(shape: Shape, p: Point) -> Expr {
    match shape {
        Shape::Point(q) => cone("sky_closed_cone", p, q, crate::tree::number("0")),
        Shape::Circle { center, radius } => cone("sky_closed_cone", p, center, *radius),
        Shape::Box { center, width, height } => {
            let mut args = [p.args(), center.args()].concat();
            args.extend([*width, *height]);
            call("sky_center_box", args)
        }
        Shape::Polygon(vertices) => {
            let mut args = Vec::from(p.args());
            args.extend(vertices.into_iter().flat_map(Point::args));
            call("sky_polygon", args)
        }
    }
}

fn cone(name: &str, a: Point, b: Point, radius: Expr) -> Expr {
    let (a, b) = columns_first(a, b);
    let mut args = [a.args(), b.args()].concat();
    args.push(radius);
    call(name, args)
}

/// Distance is symmetric: let the constant position be the centre.
fn columns_first(a: Point, b: Point) -> (Point, Point) {
    if a.is_constant() && !b.is_constant() { (b, a) } else { (a, b) }
}

/// An expression as the right operand of + or −.
fn operand(expr: Expr) -> Expr {
    match expr {
        Expr::BinaryOp { .. } | Expr::UnaryOp { .. } => nested(expr),
        other => other,
    }
}
