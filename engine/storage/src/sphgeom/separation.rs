//! The one measure of how far apart two directions are.
//!
//! [`Separation`] is `tan²(θ/2) = |u−v|² / |u+v|²`: no trigonometric function, the same bits
//! whichever direction comes first, and full relative precision from 0° to 180° (the chord alone
//! loses half its digits near 180°, the cosine near 0°).
//!
//! A cone's limit is the largest separation whose angle, as [`Separation::degrees`] computes it,
//! still satisfies the condition. So `distance_deg(p, q) <= r` and the closed cone of radius `r`
//! select the same rows, and `< r` and the open cone do, without a tolerance.

use super::angle::Angle;
use super::unit_vector::UnitVector;

/// Squared tangent of half the angle between two directions; infinite for opposite ones.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Separation(f64);

/// Measure the separation of two directions.
#[inline]
pub fn between(u: &UnitVector, v: &UnitVector) -> Separation {
    let (dx, dy, dz) = (u.x - v.x, u.y - v.y, u.z - v.z);
    let (sx, sy, sz) = (u.x + v.x, u.y + v.y, u.z + v.z);
    Separation((dx * dx + dy * dy + dz * dz) / (sx * sx + sy * sy + sz * sz))
}

/// The angle between two positions, degrees in and out. NaN where a coordinate is NaN.
pub fn distance_deg(lon1_deg: f64, lat1_deg: f64, lon2_deg: f64, lat2_deg: f64) -> f64 {
    let u = UnitVector::from_lonlat_deg(lon1_deg, lat1_deg);
    let v = UnitVector::from_lonlat_deg(lon2_deg, lat2_deg);
    between(&u, &v).degrees()
}

impl Separation {
    /// That of a direction from itself.
    pub const NONE: Self = Self(0.0);

    /// The larger one of two.
    pub fn max(self, other: Self) -> Self {
        if other > self { other } else { self }
    }

    /// The angle in degrees: the only way from a separation to an angle.
    #[inline]
    pub fn degrees(self) -> f64 {
        Angle::from_radians(2.0 * self.0.sqrt().atan()).degrees()
    }

    /// The angle.
    #[inline]
    pub fn angle(self) -> Angle {
        Angle::from_degrees(self.degrees())
    }

    /// The separation of directions so many radians apart, for bounds. Less than none gives a
    /// number below all separations, a half turn or more gives infinity.
    pub(super) fn of_radians(radians: f64) -> Self {
        if radians < 0.0 {
            Self(-1.0)
        } else if radians >= std::f64::consts::PI {
            Self(f64::INFINITY)
        } else {
            Self((radians / 2.0).tan().powi(2))
        }
    }

    /// The largest separation whose angle does not exceed `radius`; `None` if there is none.
    pub fn at_most(radius: Angle) -> Option<Self> {
        Self::largest_where(|degrees| degrees <= radius.degrees())
    }

    /// The largest separation whose angle is less than `radius`; `None` if there is none.
    pub fn less_than(radius: Angle) -> Option<Self> {
        Self::largest_where(|degrees| degrees < radius.degrees())
    }

    /// Bisect over the numbers from 0 to infinity, whose bit patterns are ordered as they are.
    fn largest_where(holds: impl Fn(f64) -> bool) -> Option<Self> {
        let holds_at = |bits: u64| holds(Self(f64::from_bits(bits)).degrees());
        let (mut low, mut high) = (0_u64, f64::INFINITY.to_bits());
        if !holds_at(low) {
            return None;
        }
        if holds_at(high) {
            return Some(Self(f64::INFINITY));
        }
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if holds_at(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(Self(f64::from_bits(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_is_symmetric_to_the_last_bit() {
        for i in 0..2000 {
            let t = f64::from(i);
            let (a, b) = ((t * 7.31) % 360.0, (t * 1.7) % 180.0 - 90.0);
            let (c, d) = ((t * 3.77) % 360.0, (t * 2.9) % 180.0 - 90.0);
            assert_eq!(distance_deg(a, b, c, d), distance_deg(c, d, a, b));
        }
    }

    #[test]
    fn limits_straddle_the_radius() {
        for degrees in [0.0, 1e-10, 1.0 / 60.0, 0.3, 5.0, 89.99, 90.0, 179.0, 179.999_999] {
            let radius = Angle::from_degrees(degrees);
            let limit = Separation::at_most(radius).map(|s| s.0).unwrap_or(-1.0);
            assert!(Separation(limit).degrees() <= degrees, "{degrees}");
            assert!(Separation(limit.next_up()).degrees() > degrees, "{degrees}");
        }
    }

    #[test]
    fn extremes() {
        assert_eq!(Separation::at_most(Angle::HALF_TURN), Some(Separation(f64::INFINITY)));
        assert_eq!(Separation::at_most(Angle::from_degrees(-1.0)), None);
        assert_eq!(Separation::at_most(Angle::from_degrees(f64::NAN)), None);
        assert_eq!(Separation::less_than(Angle::ZERO), None);
        assert_eq!(distance_deg(10.0, 20.0, 190.0, -20.0), 180.0);
    }
}
