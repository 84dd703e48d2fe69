//! A region of the sky, and how it relates to a bounding cap.

use std::fmt;

use super::angle::Angle;
use super::cap::Cap;
use super::cone::{Boundary, Cone, Reach};
use super::error::PositionError;
use super::lonlat_box::LonLatBox;
use super::polygon::Polygon;
use super::separation::{self, Separation};
use super::shape::Shape;
use super::unit_vector::UnitVector;

/// Rounding of distances that pruning must absorb, radians (2 µas; a `_healpix_29` cell is 400).
const SLACK: f64 = 1e-11;

/// The regions to which all sky conditions of a query are reduced.
#[derive(Debug, Clone, PartialEq)]
pub enum Region {
    /// The whole sky.
    Everything,
    /// Within a radius of a centre, closed or open.
    Cone(Cone),
    /// Between two longitudes and two latitudes.
    LonLatBox(LonLatBox),
    /// Within great-circle edges.
    Polygon(Polygon),
    /// Any other shape, and shapes combined.
    Shape(Box<Shape>),
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("the whole sky"),
            Self::Cone(cone) => {
                let (lon, lat) = cone.center().to_lonlat_deg();
                let edge = match cone.boundary() {
                    Boundary::Closed => "",
                    Boundary::Open => " without its edge",
                };
                let radius = cone.radius().degrees();
                write!(f, "the cone of {radius}° about ({lon}, {lat}){edge}")
            }
            Self::LonLatBox(sky_box) => {
                let (south, north) = sky_box.lat_deg();
                match sky_box.lon_deg() {
                    Some((west, east)) => write!(f, "longitudes {west} to {east}, ")?,
                    None => f.write_str("all longitudes, ")?,
                }
                write!(f, "latitudes {south} to {north}")
            }
            Self::Polygon(polygon) => {
                write!(f, "the polygon of")?;
                for vertex in polygon.vertices() {
                    let (lon, lat) = vertex.to_lonlat_deg();
                    write!(f, " ({lon}, {lat})")?;
                }
                Ok(())
            }
            Self::Shape(shape) => write!(f, "{shape}"),
        }
    }
}

/// How a region relates to the points of a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// No point of the cap lies in the region.
    Disjoint,
    /// All points of the cap lie in the region.
    Inside,
    /// Anything else, and whatever is too close to tell.
    Overlaps,
}

impl Region {
    /// ADQL's BOX about a centre.
    ///
    /// # Errors
    /// As [`Polygon::center_box`].
    pub fn center_box(
        center: &UnitVector,
        width: Angle,
        height: Angle,
    ) -> Result<Self, PositionError> {
        Polygon::center_box(center, width, height).map(Self::Polygon)
    }

    /// Does the direction lie in the region?
    pub fn contains(&self, v: &UnitVector) -> bool {
        match self {
            Self::Everything => true,
            Self::Cone(cone) => cone.contains(v),
            Self::LonLatBox(sky_box) => sky_box.contains(v),
            Self::Polygon(polygon) => polygon.contains(v),
            Self::Shape(shape) => shape.contains_point(v),
        }
    }

    /// Does the position, in degrees, lie in the region? False where a coordinate is NaN.
    pub fn contains_lonlat_deg(&self, lon_deg: f64, lat_deg: f64) -> bool {
        match self {
            Self::LonLatBox(sky_box) => sky_box.contains_lonlat_deg(lon_deg, lat_deg),
            _ if lon_deg.is_nan() || lat_deg.is_nan() => false,
            _ => self.contains(&UnitVector::from_lonlat_deg(lon_deg, lat_deg)),
        }
    }

    /// Relate the region to a cap. `Disjoint` and `Inside` can be relied on.
    pub fn relation_to_cap(&self, cap: &Cap) -> Relation {
        self.relation_widened(Angle::ZERO, cap)
    }

    /// Relate the region, its edge moved outwards by `widen`, to a cap.
    ///
    /// Rows that are sorted by a key away from their own position need this: a point of the region
    /// may have its key up to `widen` outside.
    pub fn relation_widened(&self, widen: Angle, cap: &Cap) -> Relation {
        self.cap_test(widen, cap.radius).relation(&cap.center)
    }

    /// Prepare to relate the region, its edge moved outwards by `widen`, to caps of one radius.
    pub fn cap_test(&self, widen: Angle, radius: Angle) -> CapTest<'_> {
        let reach = radius.radians() + SLACK;
        let (far, near) = (widen.radians() + reach, widen.radians() - reach);
        let against = match self {
            Self::Cone(cone) => match cone.reach() {
                Reach::Nothing => Against::Decided(Relation::Disjoint),
                Reach::Everything => Against::Decided(Relation::Inside),
                Reach::Within(edge) => Against::Center {
                    center: cone.center(),
                    far: Separation::of_radians(edge + far),
                    near: Separation::of_radians(edge + near),
                },
            },
            Self::Everything => Against::Decided(Relation::Inside),
            Self::LonLatBox(_) | Self::Polygon(_) | Self::Shape(_) => {
                Against::Edge { region: self, far, near }
            }
        };
        CapTest { against }
    }

    /// A cap that holds the region.
    pub fn bounding_cap(&self) -> Cap {
        match self {
            Self::Everything => Cap::FULL,
            Self::Cone(cone) => cone.bounding_cap(),
            Self::LonLatBox(sky_box) => sky_box.bounding_cap(),
            Self::Polygon(polygon) => polygon.bounding_cap(),
            Self::Shape(shape) => shape.bounding_cap(),
        }
    }

    /// Angle from the edge, radians: negative inside, positive outside.
    fn signed_distance(&self, v: &UnitVector) -> f64 {
        match self {
            Self::Everything => f64::NEG_INFINITY,
            Self::Cone(cone) => cone.center().angle_to(v).radians() - cone.radius().radians(),
            Self::LonLatBox(sky_box) => sky_box.signed_distance(v),
            Self::Polygon(polygon) => polygon.signed_distance(v),
            Self::Shape(shape) => shape.depth_bound(v),
        }
    }
}

/// The relation of a region to many caps of one radius.
#[derive(Debug, Clone, Copy)]
pub struct CapTest<'a> {
    against: Against<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Against<'a> {
    /// The answer is the same for all caps.
    Decided(Relation),
    /// A cone: the separation from its axis decides, without trigonometry.
    Center { center: &'a UnitVector, far: Separation, near: Separation },
    /// Another region: the distance from its edge decides (radians).
    Edge { region: &'a Region, far: f64, near: f64 },
}

impl CapTest<'_> {
    /// Relate the region to the cap about this centre.
    #[inline]
    pub fn relation(&self, center: &UnitVector) -> Relation {
        let (beyond, within) = match self.against {
            Against::Decided(relation) => return relation,
            Against::Center { center: axis, far, near } => {
                let separation = separation::between(axis, center);
                (separation > far, separation < near)
            }
            Against::Edge { region, far, near } => {
                let distance = region.signed_distance(center);
                (distance > far, distance < near)
            }
        };
        match (beyond, within) {
            (true, _) => Relation::Disjoint,
            (_, true) => Relation::Inside,
            _ => Relation::Overlaps,
        }
    }
}

impl From<Cone> for Region {
    fn from(cone: Cone) -> Self {
        Self::Cone(cone)
    }
}

impl From<LonLatBox> for Region {
    fn from(sky_box: LonLatBox) -> Self {
        Self::LonLatBox(sky_box)
    }
}

/// Circles, ranges and polygons become the region of their own kind, whose tests are faster.
impl From<Shape> for Region {
    fn from(shape: Shape) -> Self {
        match shape {
            Shape::Circle(cone) => Self::Cone(cone),
            Shape::Range(sky_box) => Self::LonLatBox(sky_box),
            Shape::Polygon(polygon) => Self::Polygon(polygon),
            combined => Self::Shape(Box::new(combined)),
        }
    }
}

impl From<Polygon> for Region {
    fn from(polygon: Polygon) -> Self {
        Self::Polygon(polygon)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::sphgeom::Boundary;

    fn anywhere(rng: &mut ChaCha8Rng) -> UnitVector {
        let z: f64 = rng.random_range(-1.0..1.0);
        UnitVector::from_lonlat_deg(rng.random_range(0.0..360.0), z.asin().to_degrees())
    }

    /// A point of the cap, often near its edge.
    fn within(rng: &mut ChaCha8Rng, cap: &Cap) -> UnitVector {
        let (east, north) = cap.center.east_north();
        let (sin, cos) = (cap.radius.radians() * rng.random::<f64>().powf(0.2)).sin_cos();
        let (sin_p, cos_p) = rng.random_range(0.0..std::f64::consts::TAU).sin_cos();
        let along = |c: f64, e: f64, n: f64| cos * c + sin * (cos_p * e + sin_p * n);
        UnitVector::normalize(
            along(cap.center.x, east.x, north.x),
            along(cap.center.y, east.y, north.y),
            along(cap.center.z, east.z, north.z),
        )
        .unwrap()
    }

    fn random_region(rng: &mut ChaCha8Rng, trial: usize) -> Region {
        let center = anywhere(rng);
        match trial % 4 {
            0 => {
                let boundary =
                    if trial.is_multiple_of(8) { Boundary::Closed } else { Boundary::Open };
                let radius = Angle::from_degrees(rng.random_range(0.0..180.0));
                Cone::new(center, radius, boundary).into()
            }
            1 => {
                let (lon, lat) = center.to_lonlat_deg();
                let (width, height) = (rng.random_range(0.0..400.0), rng.random_range(0.0..90.0));
                LonLatBox::try_new(lon, lon + width, lat, lat + height).unwrap().into()
            }
            2 => {
                let side = |rng: &mut ChaCha8Rng| Angle::from_degrees(rng.random_range(0.1..170.0));
                Region::center_box(&center, side(rng), side(rng)).unwrap()
            }
            _ => Polygon::try_new(&[center, anywhere(rng), anywhere(rng)]).unwrap().into(),
        }
    }

    #[test]
    fn relations_can_be_relied_on() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut seen = [0_usize; 3];
        for trial in 0..4000 {
            let region = random_region(&mut rng, trial);
            let radius = Angle::from_degrees(rng.random_range(0.0_f64..6.0).powi(2));
            let cap = Cap { center: anywhere(&mut rng), radius };
            let relation = region.relation_to_cap(&cap);
            seen[relation as usize] += 1;
            for _ in 0..60 {
                let v = within(&mut rng, &cap);
                let contradicted = match relation {
                    Relation::Disjoint => region.contains(&v),
                    Relation::Inside => !region.contains(&v),
                    Relation::Overlaps => false,
                };
                assert!(!contradicted, "{relation:?}: {region:?} {cap:?} {v:?}");
            }
        }
        // All three answers occur, or the test says nothing.
        assert!(seen.iter().all(|count| *count > 200), "{seen:?}");
    }

    #[test]
    fn bounding_caps_hold_their_regions() {
        let mut rng = ChaCha8Rng::seed_from_u64(12);
        for trial in 0..2000 {
            let region = random_region(&mut rng, trial);
            let cap = region.bounding_cap();
            for _ in 0..60 {
                let v = anywhere(&mut rng);
                assert!(!region.contains(&v) || cap.contains(&v), "{region:?} {v:?}");
            }
        }
    }
}
