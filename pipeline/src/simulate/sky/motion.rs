//! Motions of stars and of the Earth.
//!
//! The Earth's place is that of the *Astronomical Almanac*'s low-precision Sun (0.01 degrees): good to
//! some 2·10⁻⁴ AU, so that a parallax of 50 mas is good to 0.01 mas.

use crate::simulate::config::Effects;
use crate::simulate::sky::Moment;

/// Days in a Julian year.
const YEAR_DAYS: f64 = 365.25;
/// MJD of the epoch J2000.
const J2000_MJD: f64 = 51_544.5;
/// Obliquity of the ecliptic at J2000.
pub(super) const OBLIQUITY_DEG: f64 = 23.439_291;
const MAS_DEG: f64 = 1.0 / 3.6e6;

/// Proper motion and parallax of a star.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StarMotion {
    /// Proper motion in right ascension, times cos Dec.
    pub pm_ra_mas_yr: f64,
    /// Proper motion in declination.
    pub pm_dec_mas_yr: f64,
    /// Parallax.
    pub parallax_mas: f64,
}

impl StarMotion {
    /// Where a star is seen that is at `(ra, dec)` at the epoch, degrees.
    pub fn apply(
        &self,
        (ra, dec): (f64, f64),
        moment: &Moment,
        epoch_mjd_tai: f64,
        effects: &Effects,
    ) -> (f64, f64) {
        let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
        let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
        let (mut east, mut north) = (0.0, 0.0);
        if effects.proper_motion {
            let years = (moment.mjd_tai - epoch_mjd_tai) / YEAR_DAYS;
            east += self.pm_ra_mas_yr * years;
            north += self.pm_dec_mas_yr * years;
        }
        if effects.parallax {
            let [x, y, z] = moment.earth_au;
            east += self.parallax_mas * (x * sin_ra - y * cos_ra);
            north +=
                self.parallax_mas * (x * cos_ra * sin_dec + y * sin_ra * sin_dec - z * cos_dec);
        }
        (ra + east * MAS_DEG / cos_dec, dec + north * MAS_DEG)
    }
}

/// Place of the Earth, heliocentric, equatorial J2000, AU.
pub fn earth_au(mjd_tai: f64) -> [f64; 3] {
    let n = mjd_tai - J2000_MJD;
    let g = (357.528 + 0.985_600_3 * n).to_radians();
    // Longitude of date, less the precession from J2000.
    let precession = 1.396_971 * n / 36_525.0;
    let longitude = 280.460 + 0.985_647_4 * n + 1.915 * g.sin() + 0.020 * (2.0 * g).sin();
    let (sin, cos) = (longitude - precession).to_radians().sin_cos();
    let r = 1.000_14 - 0.016_71 * g.cos() - 0.000_14 * (2.0 * g).cos();
    // The Sun seen from the Earth, turned round.
    equatorial([-r * cos, -r * sin, 0.0])
}

/// From ecliptic to equatorial axes.
pub(super) fn equatorial([x, y, z]: [f64; 3]) -> [f64; 3] {
    let (sin, cos) = OBLIQUITY_DEG.to_radians().sin_cos();
    [x, y * cos - z * sin, y * sin + z * cos]
}

/// From equatorial to ecliptic axes.
pub(super) fn ecliptic([x, y, z]: [f64; 3]) -> [f64; 3] {
    let (sin, cos) = OBLIQUITY_DEG.to_radians().sin_cos();
    [x, y * cos + z * sin, z * cos - y * sin]
}
