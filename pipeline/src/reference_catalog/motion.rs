//! Where a star is at a time: proper motion and parallax.

/// Days in a Julian year.
const YEAR_DAYS: f64 = 365.25;
/// Radians in a milliarcsecond.
const MAS: f64 = std::f64::consts::PI / (180.0 * 3.6e6);

/// A star's place at an epoch, and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// Right ascension at the epoch, ICRS degrees.
    pub ra: f64,
    /// Declination at the epoch, ICRS degrees.
    pub dec: f64,
    /// Epoch, MJD; `None` where the place holds for all times.
    pub epoch_mjd: Option<f64>,
    /// Proper motion east (times cos Dec) and north, mas a year.
    pub motion_mas_yr: [f64; 2],
    /// Parallax, mas.
    pub parallax_mas: f64,
}

impl Place {
    /// Right ascension and declination at a time, as seen from the Earth at `earth_au`, degrees.
    ///
    /// By unit vectors, so that the poles are places like any other.
    pub fn at(&self, mjd: f64, earth_au: [f64; 3]) -> (f64, f64) {
        let (sin_ra, cos_ra) = self.ra.to_radians().sin_cos();
        let (sin_dec, cos_dec) = self.dec.to_radians().sin_cos();
        let direction = [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec];
        let east = [-sin_ra, cos_ra, 0.0];
        let north = [-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec];
        let years = self.epoch_mjd.map_or(0.0, |epoch| (mjd - epoch) / YEAR_DAYS);
        let seen: [f64; 3] = std::array::from_fn(|k| {
            let moved = self.motion_mas_yr[0] * east[k] + self.motion_mas_yr[1] * north[k];
            direction[k] + MAS * (years * moved - self.parallax_mas * earth_au[k])
        });
        let ra = seen[1].atan2(seen[0]).to_degrees().rem_euclid(360.0);
        (ra, seen[2].atan2(seen[0].hypot(seen[1])).to_degrees())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_moves_by_its_motion_and_parallax() {
        let star = Place {
            ra: 359.999_99,
            dec: 60.0,
            epoch_mjd: Some(57_389.0),
            motion_mas_yr: [1000.0, -500.0],
            parallax_mas: 0.0,
        };
        let (ra, dec) = star.at(57_389.0 + 3652.5, [0.0; 3]);
        let east = ((ra - star.ra + 180.0).rem_euclid(360.0) - 180.0) * 3.6e6 * 0.5;
        // The curvature of the parallel of declination is 0.4 mas.
        assert!((east - 10_000.0).abs() < 1.0 && (0.0..1.0).contains(&ra), "{east} {ra}");
        assert!(((dec - 60.0) * 3.6e6 + 5000.0).abs() < 1.0, "{dec}");
        // From the side of the Earth's orbit, a star at the pole of the equator is shifted towards the Sun.
        let near =
            Place { ra: 0.0, dec: 0.0, motion_mas_yr: [0.0; 2], parallax_mas: 100.0, ..star };
        let (ra, dec) = near.at(57_389.0, [0.0, 1.0, 0.5]);
        assert!((ra - 360.0 + 100.0 / 3.6e6).abs() < 1e-9, "{ra}");
        assert!((dec + 50.0 / 3.6e6).abs() < 1e-9, "{dec}");
    }
}
