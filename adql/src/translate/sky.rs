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
//! CONTAINS(t.p, REGION('…')) = 1                ──▶ sky_contains(t.p, sky_region('…'))
//! SELECT CIRCLE(ra, dec, 1), AREA(t.s_region)   ──▶ sky_circle(ra, dec, 1), sky_area(t.s_region)
//! ```
//!
//! The side made of columns goes first and the constant one becomes the centre, so that all
//! spellings of a condition prune alike and give the same rows. What a column or an expression is
//! only the engine knows, which reduces the general predicates to the special ones where it can.

use sqlparser::ast::{BinaryOperator, DataType, Expr, Function, Spanned, Value};

use super::area;
use super::frame;
use super::geometry::{CONSTRUCTORS, Point, Shape, read_point};
use crate::error::Diagnostic;
use crate::resolve::Kinds;
use crate::tree::{
    arguments, arguments_mut, as_call, bare, binary, call, cast, constant_value, function_name,
    nested, not, start, string,
};

type Rewrite = Result<Option<Expr>, Diagnostic>;

const RELATIONS: &[&str] = &[
    "CONTAINS",
    "INTERSECTS",
    "SCISQL_S2PTINBOX",
    "SCISQL_S2PTINCIRCLE",
    "SCISQL_S2PTINELLIPSE",
    "SCISQL_S2PTINCPOLY",
];
/// The engine's test whether a position is within a radius of another, the edge included.
const CLOSED_CONE: &str = "sky_closed_cone";
/// The engine's radius of a circle.
const RADIUS: &str = "sky_radius";
const DISTANCES: &[&str] = &["DISTANCE", "SCISQL_ANGSEP"];

/// Rewrite a comparison of CONTAINS or INTERSECTS with 0 or 1, or of DISTANCE with a radius.
pub(super) fn comparison(expr: &Expr, kinds: &Kinds) -> Rewrite {
    match expr {
        Expr::BinaryOp { left, op, right } => {
            if let Some(relation) = as_call(left, RELATIONS) {
                return compare_relation(relation, op, right, kinds);
            }
            if let (Some(relation), Some(op)) = (as_call(right, RELATIONS), mirrored(op)) {
                return compare_relation(relation, &op, left, kinds);
            }
            if let Some(distance) = as_call(left, DISTANCES) {
                return compare_distance(distance, op, right, kinds);
            }
            if let (Some(distance), Some(op)) = (as_call(right, DISTANCES), mirrored(op)) {
                return compare_distance(distance, &op, left, kinds);
            }
            Ok(None)
        }
        Expr::Between { expr, negated, low, high } => {
            let Some(distance) = as_call(expr, DISTANCES) else { return Ok(None) };
            let Some(within) = cone_of(distance, high, CLOSED_CONE, kinds)? else {
                return Ok(None);
            };
            let ring = match constant_value(low) {
                Some(low) if low <= 0.0 => within,
                // The points would stand twice.
                _ if arguments(distance).iter().any(|argument| is_nested(argument)) => {
                    return Ok(None);
                }
                _ => {
                    let (a, b) = points_of(distance, kinds)?;
                    let inner = not(cone("sky_open_cone", a, b, low.as_ref().clone()));
                    nested(binary(within, BinaryOperator::And, inner))
                }
            };
            Ok(Some(if *negated { not(ring) } else { ring }))
        }
        _ => Ok(None),
    }
}

/// Rewrite geometries that are wanted for their value, and the functions of them.
pub(super) fn value(expr: &Expr, kinds: &Kinds) -> Rewrite {
    let Expr::Function(function) = expr else { return Ok(None) };
    if as_call(expr, CONSTRUCTORS).is_some() {
        return Shape::read(expr, kinds).map(|shape| Some(shape.into_value()));
    }
    if let Some(distance) = as_call(expr, DISTANCES) {
        let (a, b) = points_of(distance, kinds)?;
        let (a, b) = columns_first(a, b);
        return Ok(Some(call("sky_distance", [a.args(), b.args()].concat())));
    }
    if let Some(relation) = as_call(expr, RELATIONS) {
        return predicate(relation, kinds).map(|p| Some(cast(p, DataType::Integer(None))));
    }
    let name = function.name.to_string().to_uppercase();
    let args = arguments(function);
    let [argument] = args.as_slice() else { return Ok(None) };
    Ok(match name.as_str() {
        "COORD1" => Some(coordinate(argument, kinds, false)?),
        "COORD2" => Some(coordinate(argument, kinds, true)?),
        "AREA" => Some(call("sky_area", vec![Shape::read(argument, kinds)?.into_value()])),
        "CENTROID" => Some(call("sky_centroid", vec![Shape::read(argument, kinds)?.into_value()])),
        "COORDSYS" => Some(coordinate_system(argument, kinds)?),
        "REGION" => Some(text_geometry("sky_region", &name, argument)?),
        "MOC" => Some(text_geometry("sky_moc", &name, argument)?),
        _ => None,
    })
}

/// A coordinate of a point, in the system in which the query gives it.
fn coordinate(argument: &Expr, kinds: &Kinds, is_latitude: bool) -> Result<Expr, Diagnostic> {
    if let Some(point) = as_call(argument, &["POINT"]) {
        let (_, args) = frame::of_arguments(point, "POINT")?;
        if let [lon, lat] = args.as_slice() {
            // In parentheses, so that the walk finds the coordinate below them.
            Point::new(lon, lat)?;
            return Ok(enclosed(if is_latitude { *lat } else { *lon }.clone()));
        }
    }
    let name = if is_latitude { "sky_latitude" } else { "sky_longitude" };
    Ok(call(name, vec![read_point(argument, kinds)?.into_value()]))
}

/// The name of the system that a geometry was given in; all others are ICRS.
fn coordinate_system(argument: &Expr, kinds: &Kinds) -> Result<Expr, Diagnostic> {
    Shape::read(argument, kinds)?;
    let spelled = as_call(argument, CONSTRUCTORS).and_then(frame::spelling);
    Ok(string(spelled.as_deref().unwrap_or("ICRS")))
}

/// REGION and MOC: their argument is a string literal.
fn text_geometry(engine: &str, name: &str, argument: &Expr) -> Result<Expr, Diagnostic> {
    match bare(argument) {
        Expr::Value(literal) if matches!(literal.value, Value::SingleQuotedString(_)) => {
            Ok(call(engine, vec![argument.clone()]))
        }
        _ => {
            let message = format!("{name} takes a string literal");
            let example = if name == "MOC" {
                "write MOC('5/1-3 6/100'), and the column itself where a column holds it"
            } else {
                "write REGION('CIRCLE ICRS 10 20 0.5'), and the column itself where a column holds it"
            };
            Err(Diagnostic::invalid(start(argument), message).suggest(example))
        }
    }
}

/// The predicate of a CONTAINS or INTERSECTS that stands alone where a condition is wanted.
pub(super) fn bare_predicate(expr: &Expr, kinds: &Kinds) -> Option<Result<Expr, Diagnostic>> {
    as_call(expr, RELATIONS).map(|relation| predicate(relation, kinds))
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
fn compare_relation(
    relation: &Function,
    op: &BinaryOperator,
    other: &Expr,
    kinds: &Kinds,
) -> Rewrite {
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
        (false, true) => predicate(relation, kinds).map(Some),
        (true, false) => predicate(relation, kinds).map(|p| Some(not(p))),
        _ => {
            let name = relation.name.to_string().to_uppercase();
            let message = format!("{name} is 0 or 1: comparing it with {value} decides nothing");
            Err(Diagnostic::invalid(start(other), message))
        }
    }
}

/// `distance op radius` as a cone; `None` leaves it a comparison of numbers.
fn compare_distance(
    distance: &Function,
    op: &BinaryOperator,
    radius: &Expr,
    kinds: &Kinds,
) -> Rewrite {
    let (name, outside) = match op {
        BinaryOperator::Lt => ("sky_open_cone", false),
        BinaryOperator::LtEq => (CLOSED_CONE, false),
        BinaryOperator::Gt => (CLOSED_CONE, true),
        BinaryOperator::GtEq => ("sky_open_cone", true),
        _ => return Ok(None),
    };
    let cone = cone_of(distance, radius, name, kinds)?;
    Ok(cone.map(|cone| if outside { not(cone) } else { cone }))
}

fn cone_of(distance: &Function, radius: &Expr, name: &str, kinds: &Kinds) -> Rewrite {
    // A negative radius is no cone, and comparing two distances is no condition on one position.
    let negative = constant_value(radius).is_some_and(|r| r < 0.0);
    if negative || as_call(radius, DISTANCES).is_some() {
        return Ok(None);
    }
    let (a, b) = points_of(distance, kinds)?;
    Ok(Some(cone(name, a, b, radius.clone())))
}

/// Whether more than coordinates and constants stand in an argument of DISTANCE.
fn is_nested(argument: &Expr) -> bool {
    let parts = match as_call(argument, &["POINT"]) {
        Some(point) => arguments(point),
        None => vec![argument],
    };
    let is_plain = |part: &Expr| {
        matches!(bare(part), Expr::CompoundIdentifier(_) | Expr::Value(_))
            || constant_value(part).is_some()
    };
    !parts.into_iter().all(is_plain)
}

/// The two positions of `DISTANCE(p, q)` or `DISTANCE(lon1, lat1, lon2, lat2)`.
fn points_of(distance: &Function, kinds: &Kinds) -> Result<(Point, Point), Diagnostic> {
    match arguments(distance).as_slice() {
        [a, b] => Ok((read_point(a, kinds)?, read_point(b, kinds)?)),
        [lon1, lat1, lon2, lat2] => Ok((Point::new(lon1, lat1)?, Point::new(lon2, lat2)?)),
        _ => Err(Diagnostic::invalid(
            distance.name.span().start,
            "DISTANCE takes 2 points or 4 coordinates",
        )),
    }
}

/// The engine's predicate for a CONTAINS, an INTERSECTS or one of scisql's tests.
fn predicate(relation: &Function, kinds: &Kinds) -> Result<Expr, Diagnostic> {
    if let Some(predicate) = area::predicate(relation) {
        return predicate;
    }
    let args = arguments(relation);
    let [first, second] = args.as_slice() else {
        let at = relation.name.span().start;
        return Err(Diagnostic::invalid(at, "two geometries are needed here"));
    };
    let (a, b) = (Shape::read(first, kinds)?, Shape::read(second, kinds)?);
    Ok(if relation.name.to_string().eq_ignore_ascii_case("INTERSECTS") {
        intersection(a, b)
    } else {
        containment(a, b)
    })
}

/// Whether `inner` lies in `outer`, boundary included.
fn containment(inner: Shape, outer: Shape) -> Expr {
    match (inner, outer) {
        (Shape::Point(p), outer) => holds_point(outer, p),
        // A cone lies in another if its centre is no further off than the radii differ; in the
        // whole sky it lies anyway.
        (Shape::Circle { center: a, radius: ra }, Shape::Circle { center: b, radius: rb })
            if constant_value(&rb).is_none_or(|rb| rb < 180.0) =>
        {
            let slack = binary(radius(*rb), BinaryOperator::Minus, operand(radius(*ra)));
            cone(CLOSED_CONE, a, b, slack)
        }
        (inner, outer) => call("sky_contains", vec![inner.into_value(), outer.into_value()]),
    }
}

/// Whether two geometries have a position in common.
fn intersection(a: Shape, b: Shape) -> Expr {
    match (a, b) {
        (Shape::Point(p), shape) | (shape, Shape::Point(p)) => holds_point(shape, p),
        (Shape::Circle { center: a, radius: ra }, Shape::Circle { center: b, radius: rb }) => {
            let reach = binary(radius(*ra), BinaryOperator::Plus, operand(radius(*rb)));
            cone(CLOSED_CONE, a, b, reach)
        }
        (Shape::Circle { center, radius }, Shape::Polygon(vertices))
        | (Shape::Polygon(vertices), Shape::Circle { center, radius }) => {
            let mut args = center.args();
            args.push(*radius);
            args.extend(vertices.into_iter().flat_map(Point::args));
            call("sky_polygon_meets_cone", args)
        }
        (Shape::Circle { center, radius }, Shape::Box { center: of_box, width, height })
        | (Shape::Box { center: of_box, width, height }, Shape::Circle { center, radius }) => {
            let mut args = center.args();
            args.push(*radius);
            args.extend(of_box.args());
            args.extend([*width, *height]);
            call("sky_center_box_meets_cone", args)
        }
        (a, b) => call("sky_intersects", vec![a.into_value(), b.into_value()]),
    }
}

/// Whether a position lies in a shape, boundary included.
pub(super) fn holds_point(shape: Shape, p: Point) -> Expr {
    match shape {
        Shape::Point(q) => cone(CLOSED_CONE, p, q, crate::tree::number("0")),
        Shape::Circle { center, radius: r } => cone(CLOSED_CONE, p, center, radius(*r)),
        Shape::Box { center, width, height } => {
            let mut args = [p.args(), center.args()].concat();
            args.extend([*width, *height]);
            call("sky_center_box", args)
        }
        Shape::Polygon(vertices) => {
            let mut args = p.args();
            args.extend(vertices.into_iter().flat_map(Point::args));
            call("sky_polygon", args)
        }
        Shape::Value(value) => call("sky_contains", vec![Shape::Point(p).into_value(), *value]),
    }
}

fn cone(name: &str, a: Point, b: Point, radius: Expr) -> Expr {
    let (a, b) = columns_first(a, b);
    let mut args = [a.args(), b.args()].concat();
    args.push(radius);
    call(name, args)
}

/// The radius of a circle, which is NULL where its radius is negative.
fn radius(expr: Expr) -> Expr {
    match constant_value(&expr) {
        Some(_) => expr,
        None => call(RADIUS, vec![expr]),
    }
}

/// Leave the signs of radii unlooked at in a condition that is to be true: a cone whose radius is
/// negative holds nothing, and so CONTAINS becomes the same plan as DISTANCE.
pub(super) fn to_be_true(condition: &mut Expr) {
    let mut rest = vec![condition];
    while let Some(condition) = rest.pop() {
        match condition {
            Expr::Nested(inner) => rest.push(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
                rest.extend([left.as_mut(), right]);
            }
            Expr::Function(cone) if function_name(cone).is_some_and(|n| n.value == CLOSED_CONE) => {
                if let Some(last) = arguments_mut(cone).pop()
                    && let Some([signed]) = as_call(last, &["SKY_RADIUS"]).map(arguments).as_deref()
                {
                    *last = (*signed).clone();
                }
            }
            _ => {}
        }
    }
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

/// An expression in the place of another, which the walk has still to look at.
fn enclosed(expr: Expr) -> Expr {
    match expr {
        Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Nested(_) => expr,
        other => nested(other),
    }
}
