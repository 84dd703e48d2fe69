//! A box between two longitudes and two latitudes.

use super::angle::Angle;
use super::cap::Cap;
use super::error::PositionError;
use super::unit_vector::{UnitVector, normalize_lon_deg};

/// Longitudes from `lon_min` eastwards to `lon_max`, latitudes between two parallels, edges
/// included. The sides are meridians and parallels, as in `ra BETWEEN … AND dec BETWEEN …`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LonLatBox {
    /// First longitude in [0, 360); `None` for all longitudes.
    lon: Option<(f64, f64)>,
    lat_min: f64,
    lat_max: f64,
}

impl LonLatBox {
    /// A box, limits in degrees. `lon_min > lon_max` wraps through longitude 0; a span of 360° or
    /// more is the whole circle.
    ///
    /// # Errors
    /// Limits that are not finite, and latitudes in the wrong order. Latitudes beyond a pole are
    /// cut there.
    pub fn try_new(
        lon_min: f64,
        lon_max: f64,
        lat_min: f64,
        lat_max: f64,
    ) -> Result<Self, PositionError> {
        let finite = [lon_min, lon_max, lat_min, lat_max].iter().all(|limit| limit.is_finite());
        if !finite || lat_min > lat_max || lat_min > 90.0 || lat_max < -90.0 {
            return Err(PositionError::BoxLimits { lon_min, lon_max, lat_min, lat_max });
        }
        let lon = (lon_max - lon_min < 360.0)
            .then(|| (normalize_lon_deg(lon_min), normalize_lon_deg(lon_max)));
        Ok(Self { lon, lat_min: lat_min.max(-90.0), lat_max: lat_max.min(90.0) })
    }

    /// First and last longitude in [0, 360), the last smaller where the box wraps; `None` for all
    /// longitudes. Degrees.
    pub fn lon_deg(&self) -> Option<(f64, f64)> {
        self.lon
    }

    /// Lower and upper latitude, degrees.
    pub fn lat_deg(&self) -> (f64, f64) {
        (self.lat_min, self.lat_max)
    }

    /// Does the position, in degrees, lie in the box? Exact: no trigonometry.
    pub fn contains_lonlat_deg(&self, lon_deg: f64, lat_deg: f64) -> bool {
        (self.lat_min..=self.lat_max).contains(&lat_deg) && self.spans(normalize_lon_deg(lon_deg))
    }

    /// Does the direction lie in the box?
    pub fn contains(&self, v: &UnitVector) -> bool {
        let (lon, lat) = v.to_lonlat_deg();
        self.contains_lonlat_deg(lon, lat)
    }

    /// A cap that holds the box.
    pub fn bounding_cap(&self) -> Cap {
        // Whatever the longitudes, the caps about the poles will do.
        let slack = Angle::from_degrees(1e-12);
        let north = UnitVector { x: 0.0, y: 0.0, z: 1.0 };
        let about_north =
            Cap { center: north, radius: Angle::from_degrees(90.0 - self.lat_min) + slack };
        let about_south = Cap {
            center: north.antipode(),
            radius: Angle::from_degrees(90.0 + self.lat_max) + slack,
        };
        let mut best =
            if about_north.radius < about_south.radius { about_north } else { about_south };
        if let Some((lon_min, lon_max)) = self.lon {
            let width = normalize_lon_deg(lon_max - lon_min);
            // Within a quarter turn of the middle meridian the corners are the farthest points.
            if width <= 180.0 {
                let center = UnitVector::from_lonlat_deg(
                    lon_min + width / 2.0,
                    (self.lat_min + self.lat_max) / 2.0,
                );
                let corners = self.corners(lon_min, lon_max);
                let reach = corners.iter().map(|corner| center.angle_to(corner));
                let radius = reach.fold(Angle::ZERO, Angle::max) + slack;
                if radius < best.radius {
                    best = Cap { center, radius };
                }
            }
        }
        Cap { center: best.center, radius: best.radius.min(Angle::HALF_TURN) }
    }

    /// Angle from the edge, radians: negative inside, positive outside.
    pub(super) fn signed_distance(&self, v: &UnitVector) -> f64 {
        let (lon, lat) = v.to_lonlat_deg();
        let mut edge = f64::INFINITY;
        if let Some((lon_min, lon_max)) = self.lon {
            for side in [lon_min, lon_max] {
                edge = edge.min(self.distance_to_side(v, side));
            }
        }
        if self.spans(lon) {
            // The nearest point of a parallel lies on one's own meridian; a pole is no edge, unless
            // it is all that the box holds.
            for parallel in [self.lat_min, self.lat_max] {
                if parallel.abs() < 90.0 || self.lat_min == self.lat_max {
                    edge = edge.min(Angle::from_degrees((lat - parallel).abs()).radians());
                }
            }
        }
        if self.contains_lonlat_deg(lon, lat) { -edge } else { edge }
    }

    fn spans(&self, lon: f64) -> bool {
        match self.lon {
            None => true,
            Some((min, max)) if min <= max => (min..=max).contains(&lon),
            Some((min, max)) => lon >= min || lon <= max,
        }
    }

    fn corners(&self, lon_min: f64, lon_max: f64) -> [UnitVector; 4] {
        [
            UnitVector::from_lonlat_deg(lon_min, self.lat_min),
            UnitVector::from_lonlat_deg(lon_max, self.lat_min),
            UnitVector::from_lonlat_deg(lon_max, self.lat_max),
            UnitVector::from_lonlat_deg(lon_min, self.lat_max),
        ]
    }

    /// Angle to a meridian side, radians.
    fn distance_to_side(&self, v: &UnitVector, lon: f64) -> f64 {
        let low = UnitVector::from_lonlat_deg(lon, self.lat_min);
        let high = UnitVector::from_lonlat_deg(lon, self.lat_max);
        // The foot of the perpendicular, as a latitude along the side's meridian.
        let toward = UnitVector::from_lonlat_deg(lon, 0.0);
        let foot = Angle::from_radians(v.z.atan2(v.dot(&toward))).degrees();
        if (self.lat_min..=self.lat_max).contains(&foot) {
            v.angle_to(&UnitVector::from_lonlat_deg(lon, foot)).radians()
        } else {
            v.angle_to(&low).min(v.angle_to(&high)).radians()
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn check(limits: [f64; 4], point: (f64, f64), inside: bool) {
        let sky_box = LonLatBox::try_new(limits[0], limits[1], limits[2], limits[3]).unwrap();
        assert_eq!(sky_box.contains_lonlat_deg(point.0, point.1), inside, "{limits:?} {point:?}");
    }

    #[test]
    fn edges_and_wrapping() {
        check([10.0, 20.0, -5.0, 5.0], (10.0, -5.0), true);
        check([10.0, 20.0, -5.0, 5.0], (20.0, 5.0), true);
        check([10.0, 20.0, -5.0, 5.0], (20.0_f64.next_up(), 5.0), false);
        check([350.0, 10.0, -5.0, 5.0], (0.0, 0.0), true);
        check([350.0, 370.0, -5.0, 5.0], (359.0, 0.0), true);
        check([-10.0, 10.0, -5.0, 5.0], (180.0, 0.0), false);
        check([-10.0, 10.0, -5.0, 5.0], (-10.0, 0.0), true);
        check([0.0, 360.0, -5.0, 5.0], (180.0, 0.0), true);
        check([30.0, 360.0, -5.0, 5.0], (20.0, 0.0), false);
        check([0.1, 0.3, 0.1, 0.3], (0.3, 0.3), true);
    }

    #[test]
    fn a_pole_alone_is_as_far_as_the_pole() {
        for (lat, sign) in [(90.0, 1.0), (-90.0, -1.0)] {
            let pole = LonLatBox::try_new(0.0, 360.0, lat, lat).unwrap();
            assert_eq!(pole.signed_distance(&UnitVector::from_lonlat_deg(0.0, lat)), 0.0);
            let near = UnitVector::from_lonlat_deg(77.0, sign * 89.0);
            assert!((pole.signed_distance(&near) - 1_f64.to_radians()).abs() < 1e-12);
        }
    }

    #[test]
    fn bad_limits_are_refused() {
        assert!(LonLatBox::try_new(0.0, 1.0, 5.0, 4.0).is_err());
        assert!(LonLatBox::try_new(0.0, f64::NAN, 3.0, 4.0).is_err());
        assert!(LonLatBox::try_new(0.0, 1.0, 91.0, 92.0).is_err());
    }
}
