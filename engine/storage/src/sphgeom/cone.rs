//! A cone: all directions within a radius of a centre.

use super::angle::Angle;
use super::cap::Cap;
use super::separation::{self, Separation};
use super::unit_vector::UnitVector;

/// Does the edge of a cone belong to it?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Boundary {
    /// Distance at most the radius: ADQL's CONTAINS, and `DISTANCE(…) <= r`.
    Closed,
    /// Distance less than the radius: `DISTANCE(…) < r`.
    Open,
}

/// A cone with an exact test of membership.
///
/// A closed cone of radius 0° holds its own centre; one of 180° or more holds everything; one of a
/// negative radius or NaN holds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cone {
    center: UnitVector,
    radius: Angle,
    boundary: Boundary,
    limit: Option<Separation>,
}

impl Cone {
    /// A cone about a centre.
    pub fn new(center: UnitVector, radius: Angle, boundary: Boundary) -> Self {
        let limit = match boundary {
            Boundary::Closed => Separation::at_most(radius),
            Boundary::Open => Separation::less_than(radius),
        };
        Self { center, radius, boundary, limit }
    }

    /// A closed cone about a position in degrees.
    pub fn closed_deg(lon_deg: f64, lat_deg: f64, radius_deg: f64) -> Self {
        let center = UnitVector::from_lonlat_deg(lon_deg, lat_deg);
        Self::new(center, Angle::from_degrees(radius_deg), Boundary::Closed)
    }

    /// The same cone about another centre.
    pub fn with_center(self, center: UnitVector) -> Self {
        Self { center, ..self }
    }

    /// The axis.
    pub fn center(&self) -> &UnitVector {
        &self.center
    }

    /// The radius as given.
    pub fn radius(&self) -> Angle {
        self.radius
    }

    /// Does the edge belong to the cone?
    pub fn boundary(&self) -> Boundary {
        self.boundary
    }

    /// Does the direction lie in the cone?
    #[inline]
    pub fn contains(&self, v: &UnitVector) -> bool {
        self.limit.is_some_and(|limit| separation::between(&self.center, v) <= limit)
    }

    /// The cone itself as a cap.
    pub fn bounding_cap(&self) -> Cap {
        Cap { center: self.center, radius: self.radius.max(Angle::ZERO).min(Angle::HALF_TURN) }
    }

    /// How far the cone reaches, with its extremes told apart.
    pub(super) fn reach(&self) -> Reach {
        if self.limit.is_none() {
            Reach::Nothing
        } else if self.radius >= Angle::HALF_TURN && self.boundary == Boundary::Closed {
            Reach::Everything
        } else {
            Reach::Within(self.radius.radians())
        }
    }
}

/// How far a cone reaches.
pub(super) enum Reach {
    /// It is empty.
    Nothing,
    /// It is the whole sphere.
    Everything,
    /// So many radians from its axis.
    Within(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lon: f64, lat: f64, radius: f64, point: (f64, f64), boundary: Boundary, inside: bool) {
        let center = UnitVector::from_lonlat_deg(lon, lat);
        let cone = Cone::new(center, Angle::from_degrees(radius), boundary);
        let v = UnitVector::from_lonlat_deg(point.0, point.1);
        assert_eq!(cone.contains(&v), inside, "{lon} {lat} {radius} {point:?} {boundary:?}");
    }

    #[test]
    fn zero_and_half_turn() {
        for (lon, lat) in [(0.0, 0.0), (360.0, 33.3), (17.1, 90.0), (211.0, -90.0), (263.17, -30.9)]
        {
            check(lon, lat, 0.0, (lon, lat), Boundary::Closed, true);
            check(lon, lat, 0.0, (lon, lat), Boundary::Open, false);
            check(lon, lat, 180.0, (lon + 180.0, -lat), Boundary::Closed, true);
            check(lon, lat, -1.0, (lon, lat), Boundary::Closed, false);
            check(lon, lat, f64::NAN, (lon, lat), Boundary::Closed, false);
        }
        check(0.0, 90.0, 0.0, (123.0, 90.0), Boundary::Closed, true);
        check(0.0, 5.0, 0.0, (360.0, 5.0), Boundary::Closed, true);
        check(0.0, 0.0, 180.0, (180.0, 0.0), Boundary::Open, false);
        check(0.0, 0.0, 1e-12, (2e-12, 0.0), Boundary::Closed, false);
        check(0.0, 0.0, 1e-12, (0.5e-12, 0.0), Boundary::Closed, true);
    }

    #[test]
    fn agrees_with_the_distance_bit_by_bit() {
        for i in 0..3000_u32 {
            let t = f64::from(i);
            let (lon, lat) = ((t * 12.9898) % 360.0, (t * 0.77) % 180.0 - 90.0);
            let (p, q) = ((t * 78.233) % 360.0, (t * 1.31) % 180.0 - 90.0);
            // The radius is the distance itself: the hardest case.
            let radius = separation::distance_deg(lon, lat, p, q);
            check(lon, lat, radius, (p, q), Boundary::Closed, true);
            check(lon, lat, radius, (p, q), Boundary::Open, false);
            check(p, q, radius, (lon, lat), Boundary::Closed, true);
            check(lon, lat, radius.next_down(), (p, q), Boundary::Closed, false);
            check(lon, lat, radius.next_up(), (p, q), Boundary::Open, true);
        }
    }
}
