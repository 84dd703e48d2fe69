//! Shapes written as STC-S and as DALI 1.2.
//!
//! Coordinates are rounded to 1e-12°, a hundredth of what 1 mm spans at the Moon's distance; so a
//! coordinate that was read comes out as it was typed.

use std::fmt;

use crate::sphgeom::polygon::Polygon;
use crate::sphgeom::{LonLatBox, Shape, UnitVector};

/// The shape in STC-S, in ICRS: what [`Shape::parse`] reads.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_stcs(f, self, " ICRS")
    }
}

impl Shape {
    /// The shape as DALI 1.2 writes it: `circle 1 2 3`, a union as several in a row. `None` for
    /// shapes that DALI does not know.
    pub fn to_dali(&self) -> Option<String> {
        match self {
            Self::Point(point) => Some(format!("point{}", Vertices(&[*point]))),
            Self::Circle(cone) => {
                Some(format!("circle{} {}", Vertices(&[*cone.center()]), cone.radius().degrees()))
            }
            Self::Polygon(polygon) => Some(format!("polygon{}", Vertices(&wound(polygon)))),
            Self::Range(sky_box) => {
                let [west, east, south, north] = limits(sky_box);
                Some(format!("range {west} {east} {south} {north}"))
            }
            Self::Union(shapes) if !shapes.is_empty() => {
                let parts: Option<Vec<_>> = shapes.iter().map(Self::to_dali).collect();
                parts.map(|parts| parts.join(" "))
            }
            _ => None,
        }
    }
}

fn write_stcs(f: &mut fmt::Formatter<'_>, shape: &Shape, frame: &str) -> fmt::Result {
    let write_all = |f: &mut fmt::Formatter<'_>, keyword: &str, shapes: &[Shape]| {
        write!(f, "{keyword}{frame} (")?;
        for (i, shape) in shapes.iter().enumerate() {
            f.write_str(if i > 0 { " " } else { "" })?;
            write_stcs(f, shape, "")?;
        }
        f.write_str(")")
    };
    match shape {
        Shape::Point(point) => write!(f, "POSITION{frame}{}", Vertices(&[*point])),
        Shape::Circle(cone) => {
            write!(f, "CIRCLE{frame}{} {}", Vertices(&[*cone.center()]), cone.radius().degrees())
        }
        Shape::Polygon(polygon) => write!(f, "POLYGON{frame}{}", Vertices(&wound(polygon))),
        Shape::Range(sky_box) => {
            let [west, east, south, north] = limits(sky_box);
            write!(f, "POSITIONINTERVAL{frame} {west} {south} {east} {north}")
        }
        Shape::Moc(moc) => write!(f, "MOC ({moc})"),
        Shape::Union(shapes) => write_all(f, "UNION", shapes),
        Shape::Intersection(shapes) => write_all(f, "INTERSECTION", shapes),
        Shape::Not(shape) => write_all(f, "NOT", std::slice::from_ref(shape)),
    }
}

fn limits(sky_box: &LonLatBox) -> [f64; 4] {
    let (west, east) = sky_box.lon_deg().unwrap_or((0.0, 360.0));
    let (south, north) = sky_box.lat_deg();
    [west, east, south, north]
}

/// The vertices counter-clockwise as seen from the centre of the sphere, as DALI wants them.
fn wound(polygon: &Polygon) -> Vec<UnitVector> {
    let mut vertices = polygon.vertices().to_vec();
    if polygon.is_left_of_edges() {
        vertices.reverse();
    }
    vertices
}

/// Longitudes and latitudes in degrees, each after a blank.
struct Vertices<'a>(&'a [UnitVector]);

impl fmt::Display for Vertices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for v in self.0 {
            let (lon, lat) = v.to_lonlat_deg();
            let (lon, lat) = (rounded(lon) % 360.0, rounded(lat));
            // A pole has all longitudes.
            let lon = if lat.abs() == 90.0 { 0.0 } else { lon };
            write!(f, " {lon} {lat}")?;
        }
        Ok(())
    }
}

/// To twelve decimals, without a negative zero.
fn rounded(degrees: f64) -> f64 {
    format!("{degrees:.12}").parse().unwrap_or(degrees) + 0.0
}
