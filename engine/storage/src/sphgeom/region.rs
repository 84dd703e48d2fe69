//! A region of the sky, and how it relates to a bounding cap.

use super::angle::Angle;
use super::cap::Cap;
use super::cone::Cone;
use super::error::PositionError;
use super::lonlat_box::LonLatBox;
use super::polygon::Polygon;
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
        let distance = self.signed_distance(&cap.center) - widen.radians();
        let radius = cap.radius.radians() + SLACK;
        if distance > radius {
            Relation::Disjoint
        } else if distance < -radius {
            Relation::Inside
        } else {
            Relation::Overlaps
        }
    }

    /// A cap that holds the region.
    pub fn bounding_cap(&self) -> Cap {
        match self {
            Self::Everything => Cap::FULL,
            Self::Cone(cone) => cone.bounding_cap(),
            Self::LonLatBox(sky_box) => sky_box.bounding_cap(),
            Self::Polygon(polygon) => polygon.bounding_cap(),
        }
    }

    fn signed_distance(&self, v: &UnitVector) -> f64 {
        match self {
            Self::Everything => f64::NEG_INFINITY,
            Self::Cone(cone) => cone.signed_distance(v),
            Self::LonLatBox(sky_box) => sky_box.signed_distance(v),
            Self::Polygon(polygon) => polygon.signed_distance(v),
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

impl From<Polygon> for Region {
    fn from(polygon: Polygon) -> Self {
        Self::Polygon(polygon)
    }
}
