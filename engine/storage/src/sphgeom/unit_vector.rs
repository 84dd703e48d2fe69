//! A direction as a vector of length one.

use super::angle::Angle;
use super::error::PositionError;

/// A direction on the sky: the point where longitude and latitude meet the unit sphere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UnitVector {
    /// Towards longitude 0°, latitude 0°.
    pub x: f64,
    /// Towards longitude 90°, latitude 0°.
    pub y: f64,
    /// Towards the north pole.
    pub z: f64,
}

/// Refuse positions that are not finite or lie beyond a pole. Any finite longitude is one.
pub fn check_position(ra_deg: f64, dec_deg: f64) -> Result<(), PositionError> {
    if !ra_deg.is_finite() || !dec_deg.is_finite() {
        return Err(PositionError::NotFinite { ra: ra_deg, dec: dec_deg });
    }
    if dec_deg.abs() > 90.0 {
        return Err(PositionError::Declination { dec: dec_deg });
    }
    Ok(())
}

/// Return the longitude in [0, 360) degrees; numbers already there are returned as they are.
pub fn normalize_lon_deg(lon_deg: f64) -> f64 {
    if (0.0..360.0).contains(&lon_deg) {
        return lon_deg;
    }
    let lon = lon_deg.rem_euclid(360.0);
    // A tiny negative number rounds up to the full circle.
    if lon >= 360.0 { 0.0 } else { lon }
}

/// Sine and cosine of degrees, exact at the multiples of 90°.
///
/// The reduction to [-45°, 45°] loses nothing, so that longitude 360° is longitude 0°, and all
/// longitudes at a pole are one point, to the last bit.
fn sin_cos_deg(degrees: f64) -> (f64, f64) {
    let quarter_turns = (degrees / 90.0).round();
    let (sin, cos) = Angle::from_degrees(degrees - 90.0 * quarter_turns).radians().sin_cos();
    match quarter_turns.rem_euclid(4.0) as u8 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

impl UnitVector {
    /// The direction of a longitude (any finite number) and a latitude in [-90, 90], degrees.
    pub fn from_lonlat_deg(lon_deg: f64, lat_deg: f64) -> Self {
        let (sin_lon, cos_lon) = sin_cos_deg(lon_deg % 360.0);
        let (sin_lat, cos_lat) = sin_cos_deg(lat_deg);
        Self { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
    }

    /// The direction of coordinates in radians, as cell libraries return them.
    pub(crate) fn from_lonlat_radians(lon: f64, lat: f64) -> Self {
        let (sin_lon, cos_lon) = lon.sin_cos();
        let (sin_lat, cos_lat) = lat.sin_cos();
        Self { x: cos_lat * cos_lon, y: cos_lat * sin_lon, z: sin_lat }
    }

    /// Longitude in [0, 360) and latitude in [-90, 90], degrees.
    pub fn to_lonlat_deg(&self) -> (f64, f64) {
        let lon = Angle::from_radians(self.y.atan2(self.x)).degrees();
        let lat = Angle::from_radians(self.z.atan2(self.x.hypot(self.y))).degrees();
        (normalize_lon_deg(lon), lat)
    }

    /// The angle to another direction, accurate for small angles and for angles near 180°.
    pub fn angle_to(&self, other: &Self) -> Angle {
        super::separation::between(self, other).angle()
    }

    /// The direction of a vector of any length; `None` for one too short to have a direction.
    pub fn normalize(x: f64, y: f64, z: f64) -> Option<Self> {
        let norm = (x * x + y * y + z * z).sqrt();
        if !(norm > 1e-150 && norm.is_finite()) {
            return None;
        }
        Some(Self { x: x / norm, y: y / norm, z: z / norm })
    }

    /// The opposite direction.
    pub fn antipode(&self) -> Self {
        Self { x: -self.x, y: -self.y, z: -self.z }
    }

    /// Scalar product.
    pub fn dot(&self, other: &Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    /// Vector product; its length is the sine of the angle between the two directions.
    pub(crate) fn cross(&self, other: &Self) -> [f64; 3] {
        [
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        ]
    }

    /// A direction at a right angle to this one.
    pub(crate) fn perpendicular(&self) -> Self {
        // Cross with the axis that is farthest from this direction.
        let axis = if self.x.abs() <= self.y.abs() && self.x.abs() <= self.z.abs() {
            Self { x: 1.0, y: 0.0, z: 0.0 }
        } else if self.y.abs() <= self.z.abs() {
            Self { x: 0.0, y: 1.0, z: 0.0 }
        } else {
            Self { x: 0.0, y: 0.0, z: 1.0 }
        };
        let [x, y, z] = self.cross(&axis);
        Self::normalize(x, y, z).unwrap_or(axis)
    }

    /// The direction at a distance from this one.
    ///
    /// # Arguments
    /// * `position_angle` - of the great circle that leads there, from north through east
    pub fn offset(&self, position_angle: Angle, distance: Angle) -> Self {
        let (east, north) = self.east_north();
        let (to_east, to_north) = sin_cos_deg(position_angle.degrees());
        let (sin, cos) = sin_cos_deg(distance.degrees());
        let along = |this: f64, east: f64, north: f64| {
            cos * this + sin * (to_east * east + to_north * north)
        };
        let (x, y) = (along(self.x, east.x, north.x), along(self.y, east.y, north.y));
        let z = along(self.z, east.z, north.z);
        // Rounding leaves the length within 1e-15 of one.
        Self::normalize(x, y, z).unwrap_or(*self)
    }

    /// Unit vectors towards local east and north. At a pole, east is that of longitude 0°.
    pub fn east_north(&self) -> (Self, Self) {
        let east = Self::normalize(-self.y, self.x, 0.0).unwrap_or(Self { x: 0.0, y: 1.0, z: 0.0 });
        let [x, y, z] = self.cross(&east);
        (east, Self { x, y, z })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_angles_and_distances() {
        for (ra, dec) in [(10.0, 20.0), (359.999, -89.9), (200.0, 0.0), (0.0, 90.0), (0.0, -90.0)] {
            let from = UnitVector::from_lonlat_deg(ra, dec);
            for (angle, distance) in [(0.0, 1e-4), (77.0, 0.3), (200.0, 40.0), (300.0, 179.0)] {
                let to = from.offset(Angle::from_degrees(angle), Angle::from_degrees(distance));
                let error = (from.angle_to(&to).degrees() - distance).abs();
                assert!(error < 1e-13, "{ra} {dec} {angle} {distance}: {error}");
                let (east, north) = from.east_north();
                let measured = to.dot(&east).atan2(to.dot(&north)).to_degrees().rem_euclid(360.0);
                assert!((measured - angle).abs() < 1e-6, "{angle} {measured}");
            }
        }
    }

    #[test]
    fn poles_and_full_turns_are_single_points() {
        let pole = UnitVector { x: 0.0, y: 0.0, z: 1.0 };
        for lon in [0.0, 17.3, 180.0, 270.0, 359.9] {
            let v = UnitVector::from_lonlat_deg(lon, 90.0);
            assert_eq!(v.angle_to(&pole).degrees(), 0.0, "{lon}");
        }
        assert_eq!(
            UnitVector::from_lonlat_deg(360.0, 12.5),
            UnitVector::from_lonlat_deg(0.0, 12.5)
        );
        assert_eq!(
            UnitVector::from_lonlat_deg(-10.0, 12.5),
            UnitVector::from_lonlat_deg(350.0, 12.5)
        );
    }

    #[test]
    fn lonlat_round_trip() {
        for lon in [0.0, 1e-12, 45.0, 89.999, 90.0, 179.5, 180.0, 233.3, 359.999_999] {
            for lat in [-89.999_9, -45.0, -1e-9, 0.0, 30.0, 66.6, 89.9] {
                let (lon2, lat2) = UnitVector::from_lonlat_deg(lon, lat).to_lonlat_deg();
                assert!((lon - lon2).abs() < 1e-12 && (lat - lat2).abs() < 1e-13, "{lon} {lat}");
            }
        }
    }

    #[test]
    fn angles_are_accurate_at_both_ends() {
        let a = UnitVector::from_lonlat_deg(0.0, 0.0);
        for degrees in [1e-9, 1e-5, 1.0, 90.0, 179.0, 179.999_99, 179.999_999_999] {
            let b = UnitVector::from_lonlat_deg(degrees, 0.0);
            let angle = a.angle_to(&b).degrees();
            assert!((angle - degrees).abs() < 3e-14, "{degrees}: {angle}");
        }
        assert_eq!(a.angle_to(&a.antipode()).degrees(), 180.0);
    }

    #[test]
    fn normalized_longitudes() {
        assert_eq!(normalize_lon_deg(-1e-20), 0.0);
        assert_eq!(normalize_lon_deg(720.5), 0.5);
        assert_eq!(normalize_lon_deg(-90.0), 270.0);
        assert_eq!(normalize_lon_deg(359.999), 359.999);
    }

    #[test]
    fn bad_positions_are_named() {
        assert!(matches!(check_position(1.0, 91.0), Err(PositionError::Declination { dec: 91.0 })));
        assert!(matches!(check_position(f64::NAN, 0.0), Err(PositionError::NotFinite { .. })));
        assert!(check_position(-720.0, -90.0).is_ok());
    }
}
