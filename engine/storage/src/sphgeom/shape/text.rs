//! Shapes as text: STC-S (`CIRCLE ICRS 10 20 0.5`), as in ADQL's REGION and in `s_region`, and
//! DALI 1.2 (`circle 10 20 0.5`), several in a row being their union.
//!
//! ```text
//!   shapes   = shape { shape }
//!   shape    = keyword [frame] [reference position] [SPHERICAL2] numbers [unit deg]
//!            | (UNION | INTERSECTION) [frame …] ( shapes )   | NOT [frame …] ( shape )
//!            | MOC ( cells )
//!   keyword  = POSITION | POINT | CIRCLE | POLYGON | BOX | POSITIONINTERVAL | RANGE | ALLSKY
//! ```
//!
//! Letter case means nothing, commas are blanks, frames within brackets are those outside them
//! unless they say otherwise, and what comes out is ICRS. References: STC-S 1.33; TAP 1.1, section
//! 6; DALI 1.2, section 3.3.

use thiserror::Error;

use super::{Shape, ShapeError};
use crate::sphgeom::lonlat_box::LonLatBox;
use crate::sphgeom::{Frame, Moc, MocError, PositionError};

mod print;
mod words;

use words::{Word, Words};

/// Brackets within brackets: far more than any footprint has.
const DEEPEST: usize = 32;

/// Where a position may be seen from: it makes no difference to directions.
const REFERENCE_POSITIONS: [&str; 13] = [
    "BARYCENTER",
    "GEOCENTER",
    "TOPOCENTER",
    "HELIOCENTER",
    "EMBARYCENTER",
    "GALACTIC_CENTER",
    "LOCAL_GROUP_CENTER",
    "LSR",
    "LSRK",
    "LSRD",
    "MOON",
    "RELOCATABLE",
    "UNKNOWNREFPOS",
];

/// A text that is no shape.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ShapeParseError {
    /// Something else should stand here.
    #[error("expected {expected} at character {position}, found {found}")]
    Expected {
        /// Where, in bytes from the start of the text.
        position: usize,
        /// What would have been right.
        expected: &'static str,
        /// What stands there.
        found: String,
    },
    /// A shape has too few or too many numbers.
    #[error("{keyword} at character {position} takes {expected}, not {found} numbers")]
    Numbers {
        /// Where the shape begins, in bytes.
        position: usize,
        /// The shape's keyword.
        keyword: &'static str,
        /// Which numbers it takes.
        expected: &'static str,
        /// How many there are.
        found: usize,
    },
    /// Numbers that make no shape.
    #[error("{keyword} at character {position}: {source}")]
    Shape {
        /// Where the shape begins, in bytes.
        position: usize,
        /// The shape's keyword.
        keyword: &'static str,
        /// What is wrong with them.
        source: ShapeError,
    },
    /// Cells that make no MOC; positions count from its first character.
    #[error("in the MOC that begins at character {position}: {source}")]
    Moc {
        /// Where the cells begin, in bytes.
        position: usize,
        /// What is wrong with them.
        source: MocError,
    },
    /// Too many brackets within brackets.
    #[error("shapes are nested more than {DEEPEST} deep at character {position}")]
    TooDeep {
        /// Where, in bytes.
        position: usize,
    },
}

/// A kind of shape that is written as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// Longitude, latitude.
    Point,
    /// Longitude, latitude, radius.
    Circle,
    /// Longitude and latitude of three or more vertices.
    Polygon,
    /// Longitude, latitude, width, height.
    Box,
    /// DALI's order: both longitudes, both latitudes.
    Range,
    /// STC-S's order: first longitude and latitude, last longitude and latitude.
    PositionInterval,
    /// No numbers: the whole sky.
    AllSky,
}

impl Figure {
    const KEYWORDS: [(&'static str, Self); 8] = [
        ("POSITION", Self::Point),
        ("POINT", Self::Point),
        ("CIRCLE", Self::Circle),
        ("POLYGON", Self::Polygon),
        ("BOX", Self::Box),
        ("RANGE", Self::Range),
        ("POSITIONINTERVAL", Self::PositionInterval),
        ("ALLSKY", Self::AllSky),
    ];

    fn of_keyword(word: &str) -> Option<(&'static str, Self)> {
        Self::KEYWORDS.into_iter().find(|(keyword, _)| word.eq_ignore_ascii_case(keyword))
    }

    /// The numbers that it takes, in words.
    pub const fn takes(self) -> &'static str {
        match self {
            Self::Point => "2 numbers (longitude, latitude)",
            Self::Circle => "3 numbers (longitude, latitude, radius)",
            Self::Polygon => {
                "an even count of numbers, 6 or more (longitude and latitude of vertices)"
            }
            Self::Box => "4 numbers (longitude, latitude, width, height)",
            Self::Range => "4 numbers (first and last longitude, first and last latitude)",
            Self::PositionInterval => {
                "4 numbers (first longitude and latitude, last longitude and latitude)"
            }
            Self::AllSky => "no numbers",
        }
    }

    const fn takes_count(self, count: usize) -> bool {
        match self {
            Self::Point => count == 2,
            Self::Circle => count == 3,
            Self::Polygon => count >= 6 && count.is_multiple_of(2),
            Self::Box | Self::Range | Self::PositionInterval => count == 4,
            Self::AllSky => count == 0,
        }
    }
}

impl Shape {
    /// Read a shape in STC-S or DALI's form, converted to ICRS.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, ShapeParseError> {
        let mut words = Words::new(text);
        // A MOC needs no brackets where nothing else stands.
        if words.peek().is_some_and(|word| word.is("MOC")) && !text.contains('(') {
            let start = words.next().map_or(0, |word| word.end());
            return moc_of(text, start, text.len());
        }
        let shapes = parse_shapes(&mut words, Frame::Icrs, 0)?;
        match words.peek() {
            None => Ok(one_or_union(shapes)),
            Some(_) => Err(words.unexpected("a shape or the end")),
        }
    }

    /// A shape of the numbers of a DALI array, such as a column of xtype `circle` holds. Degrees.
    /// `None` for a number of numbers that the figure does not take.
    ///
    /// # Errors
    /// As the constructors of each shape.
    pub fn from_numbers(figure: Figure, numbers: &[f64]) -> Result<Option<Self>, PositionError> {
        if !figure.takes_count(numbers.len()) {
            return Ok(None);
        }
        let range = |lon_min: f64, lon_max: f64, lat_min: f64, lat_max: f64| {
            // DALI's range may be open to either side.
            let all = lon_min == f64::NEG_INFINITY || lon_max == f64::INFINITY;
            let (lon_min, lon_max) = if all { (0.0, 360.0) } else { (lon_min, lon_max) };
            let clip = |lat: f64| if lat.is_infinite() { lat.signum() * 90.0 } else { lat };
            LonLatBox::try_new(lon_min, lon_max, clip(lat_min), clip(lat_max)).map(Self::Range)
        };
        match (figure, numbers) {
            (Figure::Point, &[lon, lat]) => Self::point_deg(lon, lat),
            (Figure::Circle, &[lon, lat, radius]) => Self::circle_deg(lon, lat, radius),
            (Figure::Box, &[lon, lat, width, height]) => Self::box_deg(lon, lat, width, height),
            (Figure::Range, &[west, east, south, north]) => range(west, east, south, north),
            (Figure::PositionInterval, &[west, south, east, north]) => {
                range(west, east, south, north)
            }
            (Figure::AllSky, _) => Self::circle_deg(0.0, 90.0, 180.0),
            (_, numbers) => {
                let pairs =
                    numbers.chunks_exact(2).filter_map(|pair| pair.split_first_chunk::<2>());
                Self::polygon_deg(&pairs.map(|(pair, _)| (pair[0], pair[1])).collect::<Vec<_>>())
            }
        }
        .map(Some)
    }
}

impl std::str::FromStr for Shape {
    type Err = ShapeParseError;

    fn from_str(text: &str) -> Result<Self, ShapeParseError> {
        Self::parse(text)
    }
}

fn one_or_union(mut shapes: Vec<Shape>) -> Shape {
    match (shapes.pop(), shapes.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            shapes.extend(last);
            Shape::Union(shapes)
        }
    }
}

/// One shape or more, up to a closing bracket or the end.
fn parse_shapes(
    words: &mut Words<'_>,
    frame: Frame,
    depth: usize,
) -> Result<Vec<Shape>, ShapeParseError> {
    let mut shapes = vec![parse_shape(words, frame, depth)?];
    while words.peek().is_some_and(|word| !word.is(")")) {
        shapes.push(parse_shape(words, frame, depth)?);
    }
    Ok(shapes)
}

fn parse_shape(
    words: &mut Words<'_>,
    frame: Frame,
    depth: usize,
) -> Result<Shape, ShapeParseError> {
    const SHAPE: &str =
        "a shape (POSITION, CIRCLE, POLYGON, BOX, RANGE, UNION, INTERSECTION, NOT, MOC)";
    let Some(word) = words.peek() else { return Err(words.unexpected(SHAPE)) };
    if depth > DEEPEST {
        return Err(ShapeParseError::TooDeep { position: word.start });
    }
    if let Some((keyword, figure)) = Figure::of_keyword(word.text) {
        words.next();
        return parse_figure(words, word, keyword, figure, frame);
    }
    if !["UNION", "INTERSECTION", "NOT", "MOC"].iter().any(|keyword| word.is(keyword)) {
        return Err(words.unexpected(SHAPE));
    }
    words.next();
    if word.is("MOC") {
        let open = words.expect("(", "`(`")?;
        let close = words.skip_to(")").ok_or_else(|| words.unexpected("`)`"))?;
        return moc_of(words.text(), open.end(), close.start);
    }
    let frame = parse_frame(words, frame)?;
    words.expect("(", "`(`")?;
    let shapes = if word.is("NOT") {
        vec![parse_shape(words, frame, depth + 1)?]
    } else {
        parse_shapes(words, frame, depth + 1)?
    };
    words.expect(")", "`)`")?;
    Ok(if word.is("UNION") {
        Shape::Union(shapes)
    } else if word.is("INTERSECTION") {
        Shape::Intersection(shapes)
    } else {
        let negated = shapes.into_iter().next().unwrap_or(Shape::Union(Vec::new()));
        Shape::Not(Box::new(negated))
    })
}

/// What follows the keyword of a shape of numbers.
fn parse_figure(
    words: &mut Words<'_>,
    start: Word<'_>,
    keyword: &'static str,
    figure: Figure,
    frame: Frame,
) -> Result<Shape, ShapeParseError> {
    let position = start.start;
    let frame = parse_frame(words, frame)?;
    let mut numbers = Vec::new();
    while let Some(number) = words.peek().and_then(|word| word.number()) {
        words.next();
        numbers.push(number);
    }
    if words.peek().is_some_and(|word| word.is("UNIT")) {
        words.next();
        for unit in ["DEG", "DEG"] {
            // `unit deg deg` names both axes.
            if words.peek().is_some_and(|word| word.is(unit)) {
                words.next();
            } else if words.peek().is_some_and(|word| Figure::of_keyword(word.text).is_none())
                && !words.peek().is_some_and(|word| word.is(")"))
            {
                return Err(words.unexpected("`deg`, the only unit"));
            }
        }
    }
    let failed = |source| ShapeParseError::Shape { position, keyword, source };
    let shape = Shape::from_numbers(figure, &numbers).map_err(|error| failed(error.into()))?;
    let Some(shape) = shape else {
        // A word that is no number may be a misspelt one: say so rather than count.
        if words.peek().is_some_and(|word| word.is_odd()) {
            return Err(words.unexpected("a number"));
        }
        let (expected, found) = (figure.takes(), numbers.len());
        return Err(ShapeParseError::Numbers { position, keyword, expected, found });
    };
    shape.transformed(frame, Frame::Icrs).map_err(failed)
}

/// A frame, a reference position and a flavor, each of which may be missing.
fn parse_frame(words: &mut Words<'_>, outer: Frame) -> Result<Frame, ShapeParseError> {
    let mut frame = outer;
    if words.peek().is_some_and(|word| word.is("FILLFACTOR")) {
        words.next();
        if words.next().and_then(|word| word.number()).is_none() {
            return Err(words.unexpected("a number after FILLFACTOR"));
        }
    }
    let Some(word) = words.peek() else { return Ok(frame) };
    if let Some(named) = Frame::from_alias(word.text) {
        frame = named;
        words.next();
    } else if word.is("UNKNOWNFRAME") {
        words.next();
    }
    if words.peek().is_some_and(|word| REFERENCE_POSITIONS.iter().any(|known| word.is(known))) {
        words.next();
    }
    match words.peek() {
        Some(word) if word.is("SPHERICAL2") => {
            words.next();
        }
        Some(word) if word.is_odd() => {
            return Err(words.unexpected(
                "a number, a frame (ICRS, FK5, FK4, GALACTIC, ECLIPTIC), a reference position or SPHERICAL2",
            ));
        }
        _ => {}
    }
    Ok(frame)
}

fn moc_of(text: &str, start: usize, end: usize) -> Result<Shape, ShapeParseError> {
    let cells = text.get(start..end).unwrap_or_default();
    Moc::parse(cells)
        .map(Shape::Moc)
        .map_err(|source| ShapeParseError::Moc { position: start, source })
}

#[cfg(test)]
mod tests;
