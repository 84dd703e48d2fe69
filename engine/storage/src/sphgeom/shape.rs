//! Shapes on the sky: the geometry values of ADQL, STC-S and DALI.
//!
//! ```text
//!   text ── Shape::parse ──▶ Shape ──▶ contains_point            bit by bit the Cone and Polygon
//!                              │──▶ contains, intersects          any pair ([`arrangement`])
//!                              │──▶ area_sq_deg, centroid         integrals along the edge
//!                              └──▶ Region::Shape                 prunes like any region
//! ```
//!
//! A shape is a closed set: its edge belongs to it, and so does that of its complement. Touching is
//! intersecting, and a shape contains another that touches its edge from inside. Two shapes touch
//! when they come within [`TOUCH`] radians: coordinates in degrees are rounded to about as much.

use super::angle::Angle;
use super::cap::Cap;
use super::cone::{Boundary, Cone};
use super::error::PositionError;
use super::frame::{Frame, transform};
use super::lonlat_box::LonLatBox;
use super::moc::Moc;
use super::polygon::{Place, Polygon};
use super::unit_vector::UnitVector;

mod arc;
mod arrangement;
mod cells;
mod error;
mod leaf;
mod measure;
mod relate;
mod text;

pub use error::ShapeError;
pub use text::{Figure, ShapeParseError};

/// Edges so close (radians, 2 nanoseconds of arc) run on top of each other.
pub(crate) const TOUCH: f64 = 1e-14;

/// A closed set of directions.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One direction.
    Point(UnitVector),
    /// All directions within a radius: the cone is taken as closed.
    Circle(Cone),
    /// Great-circle edges; also ADQL's BOX.
    Polygon(Polygon),
    /// Between two meridians and two parallels: DALI's range.
    Range(LonLatBox),
    /// HEALPix cells.
    Moc(Moc),
    /// What lies in any of the shapes.
    Union(Vec<Shape>),
    /// What lies in all of the shapes; of none, the whole sky.
    Intersection(Vec<Shape>),
    /// What does not lie inside the shape.
    Not(Box<Shape>),
}

impl Shape {
    /// A point, degrees. Any finite longitude will do.
    ///
    /// # Errors
    /// A position that is not on the sphere.
    pub fn point_deg(lon_deg: f64, lat_deg: f64) -> Result<Self, PositionError> {
        super::check_position(lon_deg, lat_deg)?;
        Ok(Self::Point(UnitVector::from_lonlat_deg(lon_deg, lat_deg)))
    }

    /// A circle, degrees. Radius 0° is its centre, 180° or more the whole sphere.
    ///
    /// # Errors
    /// A centre that is not on the sphere, a radius that is negative or not finite.
    pub fn circle_deg(lon_deg: f64, lat_deg: f64, radius_deg: f64) -> Result<Self, PositionError> {
        super::check_position(lon_deg, lat_deg)?;
        Self::circle(UnitVector::from_lonlat_deg(lon_deg, lat_deg), Angle::from_degrees(radius_deg))
    }

    /// A circle about a direction.
    ///
    /// # Errors
    /// A radius that is negative or not finite.
    pub fn circle(center: UnitVector, radius: Angle) -> Result<Self, PositionError> {
        if !(radius >= Angle::ZERO && radius.degrees().is_finite()) {
            return Err(PositionError::Radius { radius: radius.degrees() });
        }
        Ok(Self::Circle(Cone::new(center, radius, Boundary::Closed)))
    }

    /// A polygon of vertices given as (longitude, latitude), degrees, in either winding: of the two
    /// sides of its edges, the smaller one.
    ///
    /// # Errors
    /// As [`Polygon::try_new`], and vertices that are not on the sphere.
    pub fn polygon_deg(vertices: &[(f64, f64)]) -> Result<Self, PositionError> {
        for &(lon, lat) in vertices {
            super::check_position(lon, lat)?;
        }
        Polygon::try_from_lonlat_deg(vertices).map(Self::Polygon)
    }

    /// ADQL's BOX, degrees: a polygon of four great-circle sides.
    ///
    /// # Errors
    /// As [`Polygon::center_box`], and a centre that is not on the sphere.
    pub fn box_deg(lon: f64, lat: f64, width: f64, height: f64) -> Result<Self, PositionError> {
        super::check_position(lon, lat)?;
        Polygon::center_box_deg(lon, lat, Angle::from_degrees(width), Angle::from_degrees(height))
            .map(Self::Polygon)
    }

    /// Does the direction lie in the shape or on its edge? For circles and polygons this is
    /// [`Cone::contains`] and [`Polygon::contains`] to the last bit.
    pub fn contains_point(&self, v: &UnitVector) -> bool {
        match self {
            Self::Point(point) => point.angle_to(v).radians() <= TOUCH,
            Self::Circle(cone) => cone.contains(v),
            Self::Polygon(polygon) => polygon.contains(v),
            Self::Range(sky_box) => sky_box.contains(v) || leaf::is_pole_of(sky_box, v),
            Self::Moc(moc) => moc.contains(v),
            Self::Union(shapes) => shapes.iter().any(|shape| shape.contains_point(v)),
            Self::Intersection(shapes) => shapes.iter().all(|shape| shape.contains_point(v)),
            Self::Not(shape) => shape.place(v) != Place::Inside,
        }
    }

    /// Is all of this shape within, or on the edge of, the other? Nothing is within everything.
    ///
    /// Exact for all but MOCs next to other shapes: what is thinner than their finest cells, or
    /// than 1/20000 of the edge along which it lies, counts as touching.
    pub fn is_within(&self, other: &Self) -> bool {
        relate::is_within(self, other)
    }

    /// Have the two a point in common? With the exception stated for [`Shape::is_within`].
    pub fn intersects(&self, other: &Self) -> bool {
        relate::intersects(self, other)
    }

    /// Area, square degrees: 0 for a point.
    ///
    /// # Errors
    /// A MOC combined with other shapes.
    pub fn area_sq_deg(&self) -> Result<f64, ShapeError> {
        measure::area_sq_deg(self)
    }

    /// The direction of the mean over the area; of points, their mean direction.
    ///
    /// # Errors
    /// A shape that is balanced about the centre of the sphere or empty, and a MOC combined with
    /// other shapes.
    pub fn centroid(&self) -> Result<UnitVector, ShapeError> {
        measure::centroid(self)
    }

    /// A cap that holds the shape. Not always the smallest.
    pub fn bounding_cap(&self) -> Cap {
        match self {
            Self::Point(point) => Cap { center: *point, radius: Angle::from_degrees(1e-12) },
            Self::Circle(cone) => cone.bounding_cap(),
            Self::Polygon(polygon) => polygon.bounding_cap(),
            Self::Range(sky_box) => sky_box.bounding_cap(),
            Self::Moc(moc) => moc.bounding_cap(),
            Self::Union(shapes) => shapes
                .iter()
                .map(Self::bounding_cap)
                .reduce(|a, b| a.union(&b))
                .unwrap_or(Cap { center: Cap::FULL.center, radius: Angle::ZERO }),
            Self::Intersection(shapes) => shapes
                .iter()
                .map(Self::bounding_cap)
                .min_by(|a, b| a.radius.degrees().total_cmp(&b.radius.degrees()))
                .unwrap_or(Cap::FULL),
            Self::Not(_) => Cap::FULL,
        }
    }

    /// The shape given in one frame, in another.
    ///
    /// # Errors
    /// A range or a MOC: its edges are tied to its own frame.
    pub fn transformed(&self, from: Frame, to: Frame) -> Result<Self, ShapeError> {
        let turn = |v: &UnitVector| transform(from, to, v);
        let turn_all = |shapes: &[Self]| {
            shapes.iter().map(|shape| shape.transformed(from, to)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match self {
            Self::Point(point) => Self::Point(turn(point)),
            Self::Circle(cone) => Self::Circle(cone.with_center(turn(cone.center()))),
            Self::Polygon(polygon) => {
                let vertices: Vec<_> = polygon.vertices().iter().map(turn).collect();
                Self::Polygon(Polygon::try_new(&vertices)?)
            }
            Self::Range(_) if from != to => {
                return Err(ShapeError::Frame { shape: "range", from, to });
            }
            Self::Moc(_) if from != to => return Err(ShapeError::Frame { shape: "MOC", from, to }),
            Self::Range(_) | Self::Moc(_) => self.clone(),
            Self::Union(shapes) => Self::Union(turn_all(shapes)?),
            Self::Intersection(shapes) => Self::Intersection(turn_all(shapes)?),
            Self::Not(shape) => Self::Not(Box::new(shape.transformed(from, to)?)),
        })
    }

    /// A bound on the angle from the edge, radians: outside at most the distance to the shape,
    /// inside at most the depth in it, negative. It says too little rather than too much.
    pub(super) fn depth_bound(&self, v: &UnitVector) -> f64 {
        match self {
            Self::Point(point) => point.angle_to(v).radians(),
            Self::Circle(cone) if leaf::is_empty(cone) => f64::INFINITY,
            Self::Circle(cone) if leaf::is_everything(cone) => f64::NEG_INFINITY,
            Self::Circle(cone) => (cone.center().angle_to(v) - cone.radius()).radians(),
            Self::Polygon(polygon) => polygon.signed_distance(v),
            Self::Range(sky_box) => sky_box.signed_distance(v),
            Self::Moc(moc) => moc.depth_bound(v),
            Self::Union(shapes) => {
                shapes.iter().map(|shape| shape.depth_bound(v)).fold(f64::INFINITY, f64::min)
            }
            Self::Intersection(shapes) => {
                shapes.iter().map(|shape| shape.depth_bound(v)).fold(f64::NEG_INFINITY, f64::max)
            }
            Self::Not(shape) => -shape.depth_bound(v),
        }
    }

    /// The shapes that this one is combined of.
    fn leaves(&self) -> Vec<&Self> {
        match self {
            Self::Union(shapes) | Self::Intersection(shapes) => {
                shapes.iter().flat_map(Self::leaves).collect()
            }
            Self::Not(shape) => shape.leaves(),
            leaf => vec![leaf],
        }
    }

    fn has_moc(&self) -> bool {
        self.leaves().iter().any(|leaf| matches!(leaf, Self::Moc(_)))
    }
}

impl From<Polygon> for Shape {
    fn from(polygon: Polygon) -> Self {
        Self::Polygon(polygon)
    }
}

impl From<Moc> for Shape {
    fn from(moc: Moc) -> Self {
        Self::Moc(moc)
    }
}
