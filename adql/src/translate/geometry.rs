//! POINT, CIRCLE, BOX and POLYGON as they stand in a query, and other expressions as geometries.
//!
//! Arguments are degrees and may be any expression. Constants are checked here, with their
//! position; the rest is up to the engine.

use sqlparser::ast::{Expr, Function, Spanned, Value};
use sqlparser::tokenizer::Location;

use super::frame::{self, Frame};
use crate::error::{Diagnostic, printable};
use crate::function::{self, ValueType};
use crate::names::ColumnKind;
use crate::resolve::Kinds;
use crate::tree::{
    as_call, bare, call, constant_value, function_name, is_constant, is_null, start, string,
};

/// A position.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Point {
    /// Longitude and latitude, degrees.
    LonLat(Box<Expr>, Box<Expr>),
    /// An expression that the engine will find to be a point.
    Value(Box<Expr>),
}

/// A geometry whose parts are expressions, in degrees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Point(Point),
    Circle {
        center: Point,
        radius: Box<Expr>,
    },
    Box {
        center: Point,
        width: Box<Expr>,
        height: Box<Expr>,
    },
    Polygon(Vec<Point>),
    /// An expression of which the engine will know what geometry it is.
    Value(Box<Expr>),
}

/// The names of the functions that make geometries of numbers.
pub(super) const CONSTRUCTORS: &[&str] = &["POINT", "CIRCLE", "BOX", "POLYGON"];

impl Point {
    pub fn new(lon: &Expr, lat: &Expr) -> Result<Self, Diagnostic> {
        if let Some(value) = constant_value(lat)
            && !(-90.0..=90.0).contains(&value)
        {
            let message = format!("the latitude {value} is not between -90 and 90 degrees");
            return Err(Diagnostic::invalid(start(lat), message));
        }
        Ok(Point::LonLat(Box::new(lon.clone()), Box::new(lat.clone())))
    }

    fn in_icrs(self, frame: Frame) -> Self {
        match frame {
            Frame::Icrs => self,
            other => Point::Value(Box::new(to_icrs(other, self.into_value()))),
        }
    }

    pub fn is_constant(&self) -> bool {
        match self {
            Point::LonLat(lon, lat) => is_constant(lon) && is_constant(lat),
            Point::Value(value) => is_constant(value),
        }
    }

    /// The position as arguments of a function of the engine: two numbers, or one point.
    ///
    /// Nothing stands twice, lest what is nested grow by powers of two.
    pub fn args(self) -> Vec<Expr> {
        match self {
            Point::LonLat(lon, lat) => vec![*lon, *lat],
            Point::Value(value) => vec![*value],
        }
    }

    /// The position as one value of the engine.
    pub fn into_value(self) -> Expr {
        match self {
            Point::Value(value) => *value,
            lonlat => call("sky_point", lonlat.args()),
        }
    }
}

impl Shape {
    /// Read a geometry.
    ///
    /// # Errors
    ///
    /// If the expression cannot be a geometry, or is a constructor with the wrong number of
    /// arguments, in an unknown coordinate system, or of a constant outside its range.
    pub fn read(expr: &Expr, kinds: &Kinds) -> Result<Self, Diagnostic> {
        match as_call(expr, CONSTRUCTORS) {
            Some(constructor) => Shape::of_constructor(constructor, Frame::Icrs, kinds),
            None => value(expr, kinds),
        }
    }

    /// Read a call of a constructor; `frame` is that of its positions if it names none itself.
    pub fn of_constructor(
        constructor: &Function,
        frame: Frame,
        kinds: &Kinds,
    ) -> Result<Self, Diagnostic> {
        let name = constructor.name.to_string().to_uppercase();
        let at = constructor.name.span().start;
        let (named, args) = frame::of_arguments(constructor, &name)?;
        let frame = named.unwrap_or(frame);
        match (name.as_str(), args.as_slice()) {
            ("POINT", [lon, lat]) => Ok(Shape::Point(Point::new(lon, lat)?.in_icrs(frame))),
            ("CIRCLE", [center @ .., radius]) => {
                let center = read_center(center, &name, at, frame, kinds)?;
                let radius = non_negative(radius, "radius")?;
                Ok(Shape::Circle { center, radius })
            }
            ("BOX", [center @ .., width, height]) => {
                let width = extent(width, "width")?;
                let height = extent(height, "height")?;
                // Its arms lie along the axes of its own frame.
                let own_frame = match center {
                    [_, _] => frame,
                    _ => Frame::Icrs,
                };
                let within = if own_frame == Frame::Icrs { frame } else { Frame::Icrs };
                let center = read_center(center, &name, at, within, kinds)?;
                let upright = Shape::Box { center, width, height };
                Ok(match own_frame {
                    Frame::Icrs => upright,
                    other => Shape::Value(Box::new(to_icrs(other, upright.into_value()))),
                })
            }
            ("POLYGON", vertices) => read_polygon(vertices, at, frame, kinds),
            _ => Err(wrong_arguments(&name, at)),
        }
    }

    /// The point that it is, or that the engine will find it to be; none if it is another shape.
    fn into_point(self) -> Option<Point> {
        match self {
            Shape::Point(point) => Some(point),
            Shape::Value(value) => Some(Point::Value(value)),
            Shape::Circle { .. } | Shape::Box { .. } | Shape::Polygon(_) => None,
        }
    }

    /// The geometry as a value of the engine.
    pub fn into_value(self) -> Expr {
        match self {
            Shape::Point(point) => point.into_value(),
            Shape::Circle { center, radius } => {
                call("sky_circle", [center.args(), vec![*radius]].concat())
            }
            Shape::Box { center, width, height } => {
                call("sky_box", [center.args(), vec![*width, *height]].concat())
            }
            Shape::Polygon(vertices) => {
                call("sky_outline", vertices.into_iter().flat_map(Point::args).collect())
            }
            Shape::Value(value) => *value,
        }
    }
}

fn to_icrs(frame: Frame, geometry: Expr) -> Expr {
    call("sky_to_icrs", vec![string(frame.name()), geometry])
}

/// An expression that is no constructor, unless it is known not to be a geometry.
fn value(expr: &Expr, kinds: &Kinds) -> Result<Shape, Diagnostic> {
    let wrong = |what: String| {
        Err(Diagnostic::invalid(start(expr), what)
            .suggest("write POINT(lon, lat), CIRCLE(lon, lat, radius) or POLYGON(lon1, lat1, …)"))
    };
    match bare(expr) {
        Expr::CompoundIdentifier(parts) => {
            let Some(last) = parts.last() else { return wrong("a geometry is needed here".into()) };
            let shown = printable(&last.value);
            match kinds.get(&last.span.start) {
                Some(kind) if kind.is_number() => {
                    wrong(format!("{shown} is a number, not a geometry"))
                }
                Some(ColumnKind::Boolean) => {
                    wrong(format!("{shown} is true or false, not a geometry"))
                }
                Some(ColumnKind::Timestamp) => wrong(format!("{shown} is a time, not a geometry")),
                Some(ColumnKind::Point) => Ok(Shape::Point(Point::Value(Box::new(expr.clone())))),
                _ => Ok(Shape::Value(Box::new(expr.clone()))),
            }
        }
        Expr::Function(function) => {
            let known = function_name(function).and_then(|name| function::find(&name.value));
            match known.and_then(|known| known.returns().map(|result| (known, result))) {
                Some((known, result)) if !result.may_be_geometry() => {
                    wrong(format!("{} gives a {result}, not a geometry", known.name))
                }
                Some((_, ValueType::Point)) => {
                    // The engine need not be asked what it is.
                    Ok(Shape::Point(Point::Value(Box::new(expr.clone()))))
                }
                _ => Ok(Shape::Value(Box::new(expr.clone()))),
            }
        }
        Expr::BinaryOp { .. } | Expr::UnaryOp { .. } => {
            wrong("a geometry is needed here, not a number".into())
        }
        Expr::Value(literal) if matches!(literal.value, Value::Number(..)) => {
            wrong("a geometry is needed here, not a number".into())
        }
        _ => Ok(Shape::Value(Box::new(expr.clone()))),
    }
}

/// Read an expression that must be a POINT.
pub(super) fn read_point(expr: &Expr, kinds: &Kinds) -> Result<Point, Diagnostic> {
    read_point_in(expr, Frame::Icrs, kinds)
}

fn read_point_in(expr: &Expr, frame: Frame, kinds: &Kinds) -> Result<Point, Diagnostic> {
    let shape = match as_call(expr, CONSTRUCTORS) {
        Some(constructor) => Shape::of_constructor(constructor, frame, kinds)?,
        None if is_null(expr) => {
            let null = call("sky_as_point", vec![expr.clone()]);
            return Ok(Point::Value(Box::new(null)));
        }
        None => {
            not_another_shape(expr, kinds)?;
            Shape::read(expr, kinds)?
        }
    };
    shape.into_point().ok_or_else(|| Diagnostic::invalid(start(expr), "a POINT is needed here"))
}

fn read_center(
    args: &[&Expr],
    name: &str,
    at: Location,
    frame: Frame,
    kinds: &Kinds,
) -> Result<Point, Diagnostic> {
    match args {
        [point] => read_point_in(point, frame, kinds),
        [lon, lat] => Ok(Point::new(lon, lat)?.in_icrs(frame)),
        _ => Err(wrong_arguments(name, at)),
    }
}

fn read_polygon(
    args: &[&Expr],
    at: Location,
    frame: Frame,
    kinds: &Kinds,
) -> Result<Shape, Diagnostic> {
    let points = args.iter().filter(|arg| is_point(arg, kinds)).count();
    let vertices = if points == args.len() {
        args.iter().map(|arg| read_point_in(arg, frame, kinds)).collect::<Result<Vec<_>, _>>()?
    } else if points > 0 {
        let message = "the vertices of a POLYGON are either all POINTs or all numbers";
        return Err(Diagnostic::invalid(at, message));
    } else if args.len() % 2 == 1 {
        let message = format!("POLYGON has {} coordinates, an odd number", args.len());
        return Err(Diagnostic::invalid(at, message));
    } else {
        args.chunks_exact(2)
            .map(|pair| match pair {
                [lon, lat] => Ok(Point::new(lon, lat)?.in_icrs(frame)),
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

/// A side of a BOX, degrees: its edges are great circles, which beyond half of one enclose nothing.
fn extent(expr: &Expr, what: &str) -> Result<Box<Expr>, Diagnostic> {
    match constant_value(expr) {
        Some(value) if value == 0.0 || value >= 180.0 => {
            let message = format!(
                "a BOX is above 0 and below 180 degrees on each side, and its {what} is {value}"
            );
            Err(Diagnostic::invalid(start(expr), message)
                .suggest("a range of coordinates is written lon BETWEEN … AND …"))
        }
        _ => non_negative(expr, what),
    }
}

/// Refuse a column that holds other shapes than points.
fn not_another_shape(expr: &Expr, kinds: &Kinds) -> Result<(), Diagnostic> {
    let Expr::CompoundIdentifier(parts) = bare(expr) else { return Ok(()) };
    let Some(last) = parts.last() else { return Ok(()) };
    let (what, instead) = match kinds.get(&last.span.start) {
        Some(ColumnKind::Text) => ("text", format!("write CAST({} AS POINT)", last.value)),
        Some(ColumnKind::Circle) => ("a circle", format!("write CENTROID({})", last.value)),
        Some(ColumnKind::Polygon) => ("a polygon", format!("write CENTROID({})", last.value)),
        Some(ColumnKind::Region | ColumnKind::Moc) => {
            ("a region", format!("write CENTROID({})", last.value))
        }
        _ => return Ok(()),
    };
    let message = format!("a POINT is needed here, and {} is {what}", printable(&last.value));
    Err(Diagnostic::invalid(start(expr), message).suggest(printable(&instead)))
}

/// Whether a vertex is a POINT rather than a coordinate.
fn is_point(expr: &Expr, kinds: &Kinds) -> bool {
    match bare(expr) {
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|last| {
            // A column of which more is not known is the engine's array of two numbers.
            matches!(
                kinds.get(&last.span.start),
                None | Some(ColumnKind::Other | ColumnKind::Point)
            )
        }),
        Expr::Function(function) => function_name(function)
            .and_then(|name| function::find(&name.value))
            .is_some_and(|known| known.returns() == Some(ValueType::Point)),
        Expr::Cast { data_type, .. } => data_type.to_string().eq_ignore_ascii_case("POINT"),
        _ => false,
    }
}
