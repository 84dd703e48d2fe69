//! The arguments of geometrical functions (ADQL 2.1, section 4.2).
//!
//! Where a position is wanted, it may be two numbers, or one value that is a point: POINT,
//! CENTROID, a column, or a function that the grammar knows nothing about. A string as the first
//! argument of a shape is its coordinate system, as is a NULL that would be one argument too many.

use sqlparser::tokenizer::Location;

use super::Dialect;
use super::call::{is_number, is_string};
use super::expression::{Form, Sort, Typed};
use super::parser::{Parse, Parser};
use crate::error::Diagnostic;

impl Parser<'_> {
    /// Check the arguments of the function `name` (upper case); their number is known to fit.
    pub fn geometry(&mut self, name: &str, at: Location, values: &[Typed]) -> Parse<()> {
        match name {
            "POINT" | "CIRCLE" | "BOX" | "POLYGON" => self.shape(name, at, values),
            "DISTANCE" => self.distance(at, values),
            "CONTAINS" | "INTERSECTS" | "AREA" | "CENTROID" | "COORDSYS" => {
                self.all_of(name, "geometries", values, |sort| {
                    matches!(sort, Sort::Any | Sort::Null | Sort::Point | Sort::Shape)
                })
            }
            "COORD1" | "COORD2" => match values.iter().all(is_position) {
                true => Ok(()),
                false => Err(needs(at, name, "a POINT")),
            },
            "REGION" => match values.iter().all(|value| is_string(&value.expr)) {
                true => Ok(()),
                false => {
                    let fault = needs(at, name, "a string");
                    Err(fault.suggest("write REGION('CIRCLE ICRS 10.5 -20 0.1')"))
                }
            },
            _ => Ok(()),
        }
    }

    /// POINT, CIRCLE, BOX and POLYGON: a coordinate system, if it is given, and the coordinates.
    fn shape(&mut self, name: &str, at: Location, values: &[Typed]) -> Parse<()> {
        let is_named = values.first().is_some_and(|first| is_string(&first.expr));
        if self.grammar.dialect == Dialect::Strict20 && !is_named {
            let fault = Diagnostic::not_adql(at, format!("{name} without a coordinate system"));
            return Err(fault.suggest("write 'ICRS' as its first argument, or ask for ADQL-2.1"));
        }
        let coordinates = if is_named { &values[1..] } else { values };
        let is_null = values.first().is_some_and(|first| first.sort == Sort::Null);
        let after_null = if is_null { &values[1..] } else { values };
        if fits(name, coordinates) || (is_null && fits(name, after_null)) {
            return Ok(());
        }
        Err(misfit(name, at, coordinates))
    }

    /// `DISTANCE(<point>, <point>)` or `DISTANCE(lon1, lat1, lon2, lat2)`.
    fn distance(&mut self, at: Location, values: &[Typed]) -> Parse<()> {
        match values {
            [a, b] if is_position(a) && is_position(b) => Ok(()),
            [_, _, _, _] => {
                self.since_2_1(at, "DISTANCE of four coordinates")?;
                self.all_of("DISTANCE", "four coordinates", values, is_number)
            }
            _ => {
                let fault = needs(at, "DISTANCE", "two POINTs or four coordinates");
                Err(fault.suggest("write DISTANCE(ra1, dec1, ra2, dec2)"))
            }
        }
    }
}

/// Whether these can be the coordinates of a shape.
fn fits(name: &str, values: &[Typed]) -> bool {
    let numbers = |values: &[Typed]| values.iter().all(|value| is_number(value.sort));
    let centered = |sizes: usize| {
        let n = values.len();
        (n == 2 + sizes && numbers(values))
            || (n == 1 + sizes && is_position(&values[0]) && numbers(&values[1..]))
    };
    match name {
        "POINT" => values.len() == 2 && numbers(values),
        "CIRCLE" => centered(1),
        "BOX" => centered(2),
        _ => {
            let n = values.len();
            (n >= 6 && n.is_multiple_of(2) && numbers(values))
                || (n >= 3 && values.iter().all(is_position))
        }
    }
}

/// Why these are not the coordinates of a shape.
fn misfit(name: &str, at: Location, values: &[Typed]) -> Diagnostic {
    let shape = values.iter().find(|value| value.sort == Sort::Shape);
    if let Some(shape) = shape {
        let message = format!("{name} takes numbers or POINTs, and this is another shape");
        return Diagnostic::invalid(shape.at, message);
    }
    let points = values.iter().any(|value| value.sort == Sort::Point);
    let (wanted, usage) = match name {
        "POINT" => ("a longitude and a latitude", "POINT(ra, dec)"),
        "CIRCLE" => ("a centre and a radius", "CIRCLE(ra, dec, radius) or CIRCLE(point, radius)"),
        "BOX" => (
            "a centre, a width and a height",
            "BOX(ra, dec, width, height) or BOX(point, width, height)",
        ),
        _ if points => (
            "three or more vertices, all POINTs or all pairs of numbers",
            "POLYGON(point1, point2, point3)",
        ),
        _ => (
            "three or more vertices, an even number of coordinates",
            "POLYGON(ra1, dec1, ra2, dec2, ra3, dec3)",
        ),
    };
    needs(at, name, wanted).suggest(format!("write {usage}"))
}

fn needs(at: Location, name: &str, wanted: &str) -> Diagnostic {
    Diagnostic::invalid(at, format!("{name} needs {wanted}"))
}

/// Whether a value may be a point.
fn is_position(value: &Typed) -> bool {
    match value.sort {
        Sort::Point | Sort::Null => true,
        Sort::Any => value.form != Form::Literal,
        _ => false,
    }
}
