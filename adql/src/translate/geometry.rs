//! POINT, CIRCLE, BOX and POLYGON as they stand in a query.
//!
//! Arguments are degrees and may be any expression. Constants are checked here, with their
//! position; the rest is up to the engine.

use sqlparser::ast::{Expr, Function, Spanned, Value};
use sqlparser::tokenizer::Location;

use crate::error::{Diagnostic, printable};
use crate::tree::{arguments, as_call, bare, constant_value, is_constant, start};

/// A position: longitude and latitude, degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    pub lon: Box<Expr>,
    pub lat: Box<Expr>,
}

/// A geometry whose parts are expressions, in degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Point(Point),
    Circle { center: Point, radius: Box<Expr> },
    Box { center: Point, width: Box<Expr>, height: Box<Expr> },
    Polygon(Vec<Point>),
}

/// The names of the functions that make geometries.
pub(super) const CONSTRUCTORS: &[&str] = &["POINT", "CIRCLE", "BOX", "POLYGON"];

impl Point {
    fn new(lon: &Expr, lat: &Expr) -> Result<Self, Diagnostic> {
        if let Some(value) = constant_value(lat)
            && !(-90.0..=90.0).contains(&value)
        {
            let message = format!("the latitude {value} is not between -90 and 90 degrees");
            return Err(Diagnostic::invalid(start(lat), message));
        }
        Ok(Point { lon: Box::new(lon.clone()), lat: Box::new(lat.clone()) })
    }

    pub fn is_constant(&self) -> bool {
        is_constant(&self.lon) && is_constant(&self.lat)
    }

    /// Longitude and latitude as arguments.
    pub fn args(self) -> [Expr; 2] {
        [*self.lon, *self.lat]
    }
}

impl Shape {
    /// Read a geometry.
    ///
    /// # Errors
    ///
    /// If the expression is not one of the four constructors, has the wrong number of arguments,
    /// names another coordinate system than ICRS, or has a constant outside its range.
    pub fn read(expr: &Expr) -> Result<Self, Diagnostic> {
        let Some(function) = as_call(expr, CONSTRUCTORS) else {
            let what = match bare(expr) {
                Expr::Identifier(_) | Expr::CompoundIdentifier(_) => "a column as a geometry",
                _ => "this expression as a geometry",
            };
            return Err(Diagnostic::not_supported(start(expr), what)
                .suggest("write POINT, CIRCLE, BOX or POLYGON"));
        };
        let name = function.name.to_string().to_uppercase();
        let at = function.name.span().start;
        let args = without_coordinate_system(function, &name)?;
        match (name.as_str(), args.as_slice()) {
            ("POINT", [lon, lat]) => Ok(Shape::Point(Point::new(lon, lat)?)),
            ("CIRCLE", [center @ .., radius]) => {
                let center = read_center(center, &name, at)?;
                let radius = non_negative(radius, "radius")?;
                Ok(Shape::Circle { center, radius })
            }
            ("BOX", [center @ .., width, height]) => {
                let center = read_center(center, &name, at)?;
                let width = extent(width, "width", 360.0)?;
                let height = extent(height, "height", 180.0)?;
                Ok(Shape::Box { center, width, height })
            }
            ("POLYGON", vertices) => read_polygon(vertices, at),
            _ => Err(wrong_arguments(&name, at)),
        }
    }
}

/// Read a POINT.
pub(super) fn read_point(expr: &Expr) -> Result<Point, Diagnostic> {
    match Shape::read(expr)? {
        Shape::Point(point) => Ok(point),
        _ => Err(Diagnostic::invalid(start(expr), "a POINT is needed here")),
    }
}

/// A constant pair read as a position, for `DISTANCE(lon1, lat1, lon2, lat2)`.
pub(super) fn point_of(lon: &Expr, lat: &Expr) -> Result<Point, Diagnostic> {
    Point::new(lon, lat)
}

fn read_center(args: &[&Expr], name: &str, at: Location) -> Result<Point, Diagnostic> {
    match args {
        [point] => read_point(point),
        [lon, lat] => Point::new(lon, lat),
        _ => Err(wrong_arguments(name, at)),
    }
}

fn read_polygon(args: &[&Expr], at: Location) -> Result<Shape, Diagnostic> {
    let points = args.iter().filter(|a| as_call(a, &["POINT"]).is_some()).count();
    let vertices = if points == args.len() {
        args.iter().map(|arg| read_point(arg)).collect::<Result<Vec<_>, _>>()?
    } else if points > 0 {
        let message = "the vertices of a POLYGON are either all POINTs or all numbers";
        return Err(Diagnostic::invalid(at, message));
    } else if args.len() % 2 == 1 {
        let message = format!("POLYGON has {} coordinates, an odd number", args.len());
        return Err(Diagnostic::invalid(at, message));
    } else {
        args.chunks_exact(2)
            .map(|pair| match pair {
                [lon, lat] => Point::new(lon, lat),
                _ => Err(wrong_arguments("POLYGON", at)),
            })
            .collect::<Result<Vec<_>, _>>()?
    };
    if vertices.len() < 3 {
        let message = format!("a POLYGON needs 3 vertices or more, not {}", vertices.len());
        return Err(Diagnostic::invalid(at, message));
    }
    Ok(Shape::Polygon(vertices))
}

fn wrong_arguments(name: &str, at: Location) -> Diagnostic {
    let form = match name {
        "POINT" => "POINT(lon, lat)",
        "CIRCLE" => "CIRCLE(lon, lat, radius) or CIRCLE(point, radius)",
        "BOX" => "BOX(lon, lat, width, height) or BOX(point, width, height)",
        _ => "POLYGON(lon1, lat1, lon2, lat2, lon3, lat3, …)",
    };
    Diagnostic::invalid(at, format!("{name} has the wrong number of arguments"))
        .suggest(format!("write {form}"))
}

fn non_negative(expr: &Expr, what: &str) -> Result<Box<Expr>, Diagnostic> {
    match constant_value(expr) {
        Some(value) if value < 0.0 => {
            Err(Diagnostic::invalid(start(expr), format!("the {what} {value} is negative")))
        }
        _ => Ok(Box::new(expr.clone())),
    }
}

fn extent(expr: &Expr, what: &str, most: f64) -> Result<Box<Expr>, Diagnostic> {
    match constant_value(expr) {
        Some(value) if value > most => {
            let message = format!("the {what} {value} is more than {most} degrees");
            Err(Diagnostic::invalid(start(expr), message))
        }
        _ => non_negative(expr, what),
    }
}

/// The arguments after the optional coordinate system, which must be ICRS.
///
/// A string is always one; NULL is one where the number of arguments leaves no other reading.
fn without_coordinate_system<'f>(
    function: &'f Function,
    name: &str,
) -> Result<Vec<&'f Expr>, Diagnostic> {
    let mut args = arguments(function);
    let Some(Expr::Value(first)) = args.first().copied() else { return Ok(args) };
    let second_is_point = args.get(1).is_some_and(|a| as_call(a, &["POINT"]).is_some());
    let present = match &first.value {
        Value::SingleQuotedString(system) => {
            if !is_icrs(system) {
                let shown = printable(system);
                let what = format!("the coordinate system '{shown}'");
                return Err(Diagnostic::not_supported(first.span.start, what)
                    .suggest("give ICRS positions"));
            }
            true
        }
        Value::Null => match name {
            "POINT" => args.len() == 3,
            "CIRCLE" => args.len() == 4 || args.len() == 3 && second_is_point,
            "BOX" => args.len() == 5 || args.len() == 4 && second_is_point,
            _ => args.len() % 2 == 1 || second_is_point,
        },
        _ => false,
    };
    if present {
        args.remove(0);
    }
    Ok(args)
}

fn is_icrs(system: &str) -> bool {
    // ADQL 2.0 let a reference position and a flavour follow the frame.
    let upper = system.to_uppercase();
    let words: Vec<&str> = upper.split_whitespace().collect();
    let place = ["BARYCENTER", "GEOCENTER", "TOPOCENTER", "UNKNOWNREFPOS"];
    match words.as_slice() {
        [] | ["ICRS"] => true,
        ["ICRS", position] => place.contains(position) || *position == "SPHERICAL2",
        ["ICRS", position, flavour] => place.contains(position) && *flavour == "SPHERICAL2",
        _ => false,
    }
}
