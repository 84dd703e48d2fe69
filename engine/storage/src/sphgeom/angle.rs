//! An angle with its unit in the type.

use std::f64::consts::PI;
use std::fmt;
use std::ops::{Add, Sub};

/// An angle. It keeps the degrees it was made from, so that a radius comes back bit by bit.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Angle {
    degrees: f64,
}

impl Angle {
    /// No angle at all.
    pub const ZERO: Self = Self { degrees: 0.0 };
    /// Half a turn: the largest distance between two directions.
    pub const HALF_TURN: Self = Self { degrees: 180.0 };

    /// An angle of so many degrees.
    pub const fn from_degrees(degrees: f64) -> Self {
        Self { degrees }
    }

    /// An angle of so many minutes of arc.
    pub const fn from_arcmin(arcmin: f64) -> Self {
        Self { degrees: arcmin / 60.0 }
    }

    /// An angle of so many seconds of arc.
    pub const fn from_arcsec(arcsec: f64) -> Self {
        Self { degrees: arcsec / 3600.0 }
    }

    /// The angle in degrees.
    pub const fn degrees(self) -> f64 {
        self.degrees
    }

    /// The angle in minutes of arc.
    pub const fn arcmin(self) -> f64 {
        self.degrees * 60.0
    }

    /// The angle in seconds of arc.
    pub const fn arcsec(self) -> f64 {
        self.degrees * 3600.0
    }

    /// The larger of two angles.
    pub const fn max(self, other: Self) -> Self {
        Self { degrees: self.degrees.max(other.degrees) }
    }

    /// The smaller of two angles.
    pub const fn min(self, other: Self) -> Self {
        Self { degrees: self.degrees.min(other.degrees) }
    }

    pub(crate) const fn from_radians(radians: f64) -> Self {
        Self { degrees: radians * (180.0 / PI) }
    }

    pub(crate) const fn radians(self) -> f64 {
        self.degrees * (PI / 180.0)
    }
}

impl Add for Angle {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { degrees: self.degrees + other.degrees }
    }
}

impl Sub for Angle {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { degrees: self.degrees - other.degrees }
    }
}

impl fmt::Display for Angle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}°", self.degrees)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_come_back_bit_by_bit() {
        for degrees in [0.0, 0.1, 0.3, 1.0 / 3.0, 59.999_999, 180.0] {
            assert_eq!(Angle::from_degrees(degrees).degrees(), degrees);
        }
        assert_eq!(Angle::from_arcmin(30.0).degrees(), 0.5);
        assert_eq!(Angle::from_arcsec(1800.0).degrees(), 0.5);
    }
}
