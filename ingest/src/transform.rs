//! What a mapping may do to a column's numbers beyond a change of unit.
//!
//! ```text
//!   m = 31.4 − 2.5 log10(F)            F in nJy, m in AB magnitudes
//!   σF = F(m) · σm · ln 10 / 2.5       to first order
//!   MJD = JD − 2400000.5
//! ```
//!
//! A magnitude is a logarithm and no multiple of a flux, so that it is never made one in silence.
//! What has no answer, as the magnitude of a negative flux, is NaN, and NULL in the table.
//!
//! Reference: Oke & Gunn 1983 (ApJ 266, 713).

use std::fmt;
use std::str::FromStr;

/// AB magnitude of 1 nJy.
const AB_ZEROPOINT_NJY: f64 = 31.4;
/// Magnitudes in a relative change of flux: 2.5 / ln 10.
const MAGNITUDES_PER_LOG: f64 = 2.5 / std::f64::consts::LN_10;
/// MJD 0 as a Julian date.
const MJD_ORIGIN: f64 = 2_400_000.5;

/// A function of one column, or of two, row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// An AB magnitude to a flux in nJy.
    AbMagToNjy,
    /// The error of an AB magnitude to that of the flux; needs the magnitude.
    AbMagErrorToNjy,
    /// A flux in nJy to an AB magnitude.
    NjyToAbMag,
    /// The error of a flux to that of the AB magnitude; needs the flux.
    NjyErrorToAbMag,
    /// A Julian date to a modified one; their scale of time stays.
    JdToMjd,
}

impl Transform {
    /// All transforms.
    pub const ALL: [Self; 5] = [
        Self::AbMagToNjy,
        Self::AbMagErrorToNjy,
        Self::NjyToAbMag,
        Self::NjyErrorToAbMag,
        Self::JdToMjd,
    ];

    /// The name in a mapping file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AbMagToNjy => "ab_mag_to_njy",
            Self::AbMagErrorToNjy => "ab_mag_error_to_njy",
            Self::NjyToAbMag => "njy_to_ab_mag",
            Self::NjyErrorToAbMag => "njy_error_to_ab_mag",
            Self::JdToMjd => "jd_to_mjd",
        }
    }

    /// The unit of the values that it takes.
    pub const fn unit_in(self) -> &'static str {
        match self {
            Self::AbMagToNjy | Self::AbMagErrorToNjy => "mag(AB)",
            Self::NjyToAbMag | Self::NjyErrorToAbMag => "nJy",
            Self::JdToMjd => "d",
        }
    }

    /// The unit of the values that it gives.
    pub const fn unit_out(self) -> &'static str {
        match self {
            Self::AbMagToNjy | Self::AbMagErrorToNjy => "nJy",
            Self::NjyToAbMag | Self::NjyErrorToAbMag => "mag(AB)",
            Self::JdToMjd => "d",
        }
    }

    /// Does it need a second column, of the same unit: what the error is the error of?
    pub const fn needs_second(self) -> bool {
        matches!(self, Self::AbMagErrorToNjy | Self::NjyErrorToAbMag)
    }

    /// The value of one row.
    ///
    /// # Arguments
    /// * `second` - of the second column, where one is needed
    pub fn apply(self, value: f64, second: f64) -> f64 {
        match self {
            Self::AbMagToNjy => flux_njy(value),
            Self::AbMagErrorToNjy => flux_njy(second) * value / MAGNITUDES_PER_LOG,
            Self::NjyToAbMag => AB_ZEROPOINT_NJY - 2.5 * value.log10(),
            Self::NjyErrorToAbMag if second > 0.0 => MAGNITUDES_PER_LOG * value / second,
            Self::NjyErrorToAbMag => f64::NAN,
            Self::JdToMjd => value - MJD_ORIGIN,
        }
    }
}

fn flux_njy(magnitude: f64) -> f64 {
    10_f64.powf(0.4 * (AB_ZEROPOINT_NJY - magnitude))
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Transform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|transform| transform.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name);
            format!("no transform {text}, expected one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(transform: Transform, value: f64, second: f64, expected: f64) {
        let found = transform.apply(value, second);
        assert!((found / expected - 1.0).abs() < 1e-14, "{transform}: {found}");
    }

    #[test]
    fn magnitudes_and_fluxes() {
        check(Transform::AbMagToNjy, 31.4, 0.0, 1.0);
        check(Transform::AbMagToNjy, 8.9, 0.0, 1e9);
        check(Transform::NjyToAbMag, 1e9, 0.0, 8.9);
        // 0.1 mag of 100 nJy, and back.
        check(Transform::AbMagErrorToNjy, 0.1, 26.4, 100.0 * 0.1 * 10_f64.ln() / 2.5);
        check(Transform::NjyErrorToAbMag, 100.0 * 0.1 * 10_f64.ln() / 2.5, 100.0, 0.1);
        check(Transform::JdToMjd, 2_460_000.5, 0.0, 60_000.0);
    }

    #[test]
    fn what_has_no_magnitude_is_not_a_number() {
        assert!(Transform::NjyToAbMag.apply(-1.0, 0.0).is_nan());
        assert!(!Transform::NjyToAbMag.apply(0.0, 0.0).is_finite());
        assert!(Transform::NjyErrorToAbMag.apply(1.0, -1.0).is_nan());
    }

    #[test]
    fn names_come_back() {
        for transform in Transform::ALL {
            assert_eq!(transform.name().parse(), Ok(transform));
        }
        assert!("mag".parse::<Transform>().unwrap_err().starts_with("no transform mag, expected"));
    }
}
