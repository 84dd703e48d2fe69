//! A spherical ellipse: the directions whose distances from two foci add up to no more than the
//! major axis.
//!
//! ```text
//!            minor b
//!        f1 ───┼─── f2    major a        cos a = cos b · cos e
//! ```
//!
//! e is the distance of a focus from the centre: a point on the minor axis is as far from both
//! foci as the semi-major axis is long.

use super::angle::Angle;
use super::cap::Cap;
use super::cone::{Boundary, Cone};
use super::error::PositionError;
use super::unit_vector::UnitVector;

/// A closed ellipse about a centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    shape: Shape,
    center: UnitVector,
    semi_major: Angle,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Both axes are the same, so that the ellipse agrees with a cone to the last bit.
    Circle(Cone),
    Foci(UnitVector, UnitVector),
}

impl Ellipse {
    /// An ellipse; the position angle is that of its major axis, from north through east.
    ///
    /// # Errors
    /// Axes that are not numbers, negative, in the wrong order or longer than 90°.
    pub fn try_new(
        center: UnitVector,
        semi_major: Angle,
        semi_minor: Angle,
        position_angle: Angle,
    ) -> Result<Self, PositionError> {
        let (a, b) = (semi_major.degrees(), semi_minor.degrees());
        if !(0.0..=90.0).contains(&a)
            || !(0.0..=a).contains(&b)
            || !position_angle.radians().is_finite()
        {
            return Err(PositionError::EllipseAxes { semi_major: a, semi_minor: b });
        }
        let shape = if a == b {
            Shape::Circle(Cone::new(center, semi_major, Boundary::Closed))
        } else {
            // sin² e = (cos² b − cos² a) / cos² b, without loss for small axes.
            let (a, b) = (semi_major.radians(), semi_minor.radians());
            let sin_squared = ((a - b).sin() * (a + b).sin()).max(0.0) / b.cos().powi(2);
            let sin_e = sin_squared.min(1.0).sqrt();
            let cos_e = (1.0 - sin_squared).max(0.0).sqrt();
            let (east, north) = center.east_north();
            let (sin_p, cos_p) = position_angle.radians().sin_cos();
            let focus = |sign: f64| {
                let along =
                    |c: f64, e: f64, n: f64| c * cos_e + sign * sin_e * (cos_p * n + sin_p * e);
                UnitVector::normalize(
                    along(center.x, east.x, north.x),
                    along(center.y, east.y, north.y),
                    along(center.z, east.z, north.z),
                )
                .unwrap_or(center)
            };
            Shape::Foci(focus(1.0), focus(-1.0))
        };
        Ok(Self { shape, center, semi_major })
    }

    /// Does the direction lie in the ellipse?
    pub fn contains(&self, v: &UnitVector) -> bool {
        match &self.shape {
            Shape::Circle(cone) => cone.contains(v),
            Shape::Foci(f1, f2) => {
                let sum = f1.angle_to(v).radians() + f2.angle_to(v).radians();
                sum <= 2.0 * self.semi_major.radians()
            }
        }
    }

    /// A cap that holds the ellipse.
    pub fn bounding_cap(&self) -> Cap {
        let slack = Angle::from_degrees(1e-9);
        Cap { center: self.center, radius: (self.semi_major + slack).min(Angle::HALF_TURN) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn ellipse(lon: f64, lat: f64, a: f64, b: f64, angle: f64) -> Ellipse {
        Ellipse::try_new(
            UnitVector::from_lonlat_deg(lon, lat),
            Angle::from_degrees(a),
            Angle::from_degrees(b),
            Angle::from_degrees(angle),
        )
        .unwrap()
    }

    fn check(ellipse: &Ellipse, lon: f64, lat: f64, inside: bool) {
        let v = UnitVector::from_lonlat_deg(lon, lat);
        assert_eq!(ellipse.contains(&v), inside, "{lon} {lat}");
    }

    #[test]
    fn the_axes_reach_as_far_as_they_are_long() {
        // The major axis points north, then east; degrees.
        let north = ellipse(10.0, 0.0, 2.0, 1.0, 0.0);
        check(&north, 10.0, 2.0 - 1e-9, true);
        check(&north, 10.0, 2.0 + 1e-9, false);
        check(&north, 11.0 - 1e-9, 0.0, true);
        check(&north, 11.0 + 1e-9, 0.0, false);
        let east = ellipse(10.0, 0.0, 2.0, 1.0, 90.0);
        check(&east, 12.0 - 1e-9, 0.0, true);
        check(&east, 12.0 + 1e-9, 0.0, false);
        check(&east, 10.0, 1.0 - 1e-9, true);
        check(&east, 10.0, 1.0 + 1e-9, false);
        // Arcseconds, near a pole and across longitude 0.
        let second = 1.0 / 3600.0;
        let small = ellipse(0.0, 89.9, 3.0 * second, 2.0 * second, 0.0);
        check(&small, 0.0, 89.9 + 2.999 * second, true);
        check(&small, 0.0, 89.9 - 3.001 * second, false);
        check(&small, 180.0, 89.9, false);
        check(&small, 0.0, -89.9, false);
    }

    #[test]
    fn a_turned_ellipse_is_longest_along_its_position_angle() {
        let turned = ellipse(50.0, 20.0, 1.0, 0.2, 45.0);
        let offset = 0.9 * std::f64::consts::FRAC_1_SQRT_2;
        let east = offset / 20_f64.to_radians().cos();
        check(&turned, 50.0 + east, 20.0 + offset, true);
        check(&turned, 50.0 - east, 20.0 + offset, false);
    }

    #[test]
    fn equal_axes_make_a_cone() {
        let circle = ellipse(359.0, -40.0, 5.0, 5.0, 33.0);
        let cone = Cone::new(
            UnitVector::from_lonlat_deg(359.0, -40.0),
            Angle::from_degrees(5.0),
            Boundary::Closed,
        );
        for step in 0..2000 {
            let (lon, lat) =
                (350.0 + f64::from(step % 50) * 0.4, -46.0 + f64::from(step / 50) * 0.3);
            let v = UnitVector::from_lonlat_deg(lon, lat);
            assert_eq!(circle.contains(&v), cone.contains(&v), "{lon} {lat}");
        }
    }

    #[test]
    fn the_bounding_cap_holds_the_ellipse() {
        let wide = ellipse(120.0, 70.0, 60.0, 10.0, 20.0);
        let cap = wide.bounding_cap();
        let mut inside = 0;
        for step in 0..20_000 {
            let v = UnitVector::from_lonlat_deg(
                f64::from(step % 200) * 1.8,
                f64::from(step / 200) * 1.8 - 89.0,
            );
            if wide.contains(&v) {
                inside += 1;
                assert!(cap.contains(&v));
            }
        }
        assert!(inside > 300, "{inside}");
    }

    #[test]
    fn bad_axes_are_refused() {
        let center = UnitVector::from_lonlat_deg(0.0, 0.0);
        let made = |a: f64, b: f64| {
            let (a, b) = (Angle::from_degrees(a), Angle::from_degrees(b));
            Ellipse::try_new(center, a, b, Angle::ZERO).is_ok()
        };
        assert!(made(1.0, 0.0) && made(90.0, 90.0) && made(0.0, 0.0));
        assert!(!made(1.0, 2.0) && !made(91.0, 2.0) && !made(1.0, -1.0) && !made(f64::NAN, 1.0));
    }
}
