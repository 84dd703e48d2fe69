//! Stars that move uniformly through space, seen at another epoch.
//!
//! The rigorous model of the Hipparcos catalogue: with the direction u, the proper motion vector μ
//! and the radial motion ζ = v_r ϖ / A (per year, A = 4.74… km yr/s in an astronomical unit),
//!
//! ```text
//!   u(t) = f · (u (1 + ζ t) + μ t),    f = |u (1 + ζ t) + μ t|⁻¹
//!   ϖ(t) = ϖ f,    μ(t) = f³ · (μ (1 + ζ t) − u |μ|² t),    ζ(t) = f² · (ζ + (|μ|² + ζ²) t)
//! ```
//!
//! Light time is left out, as is usual: both epochs are those at which the light arrives.
//!
//! Reference: ESA 1997, SP-1200, volume 1, section 1.5.5.

use super::unit_vector::UnitVector;

/// Astronomical units a Julian year, in km/s.
const AU_PER_YEAR_KMS: f64 = 4.740_470_446;

/// Radians in a milliarcsecond.
const RADIANS_PER_MAS: f64 = std::f64::consts::PI / 648_000_000.0;

/// Where a star is and how it moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StarMotion {
    /// Right ascension, degrees.
    pub ra_deg: f64,
    /// Declination, degrees.
    pub dec_deg: f64,
    /// Parallax, milliarcseconds.
    pub parallax_mas: f64,
    /// Proper motion in right ascension, with the factor cos(dec); mas/yr.
    pub pmra_mas_yr: f64,
    /// Proper motion in declination; mas/yr.
    pub pmdec_mas_yr: f64,
    /// Radial velocity, km/s, positive away from us.
    pub radial_velocity_kms: f64,
}

type Vector = [f64; 3];

impl StarMotion {
    /// The same star some Julian years later, or earlier.
    pub fn after_years(&self, years: f64) -> Self {
        if years == 0.0 {
            return *self;
        }
        let direction = UnitVector::from_lonlat_deg(self.ra_deg, self.dec_deg);
        let u = [direction.x, direction.y, direction.z];
        let (east, north) = east_and_north(&direction);
        let (pmra, pmdec) = (self.pmra_mas_yr, self.pmdec_mas_yr);
        let mu = combine(pmra * RADIANS_PER_MAS, &east, pmdec * RADIANS_PER_MAS, &north);
        let radial =
            self.radial_velocity_kms * self.parallax_mas * RADIANS_PER_MAS / AU_PER_YEAR_KMS;
        let speed_squared = dot(&mu, &mu);
        let approach = 1.0 + radial * years;

        let moved = combine(approach, &u, years, &mu);
        let f = dot(&moved, &moved).sqrt().recip();
        let Some(to) = UnitVector::normalize(moved[0], moved[1], moved[2]) else { return *self };
        let (ra_deg, dec_deg) = to.to_lonlat_deg();
        let mu = combine(approach * f.powi(3), &mu, -speed_squared * years * f.powi(3), &u);
        let radial_later = (radial + (speed_squared + radial * radial) * years) * f * f;
        let (east, north) = east_and_north(&to);
        let parallax_mas = self.parallax_mas * f;
        Self {
            ra_deg,
            dec_deg,
            parallax_mas,
            pmra_mas_yr: dot(&mu, &east) / RADIANS_PER_MAS,
            pmdec_mas_yr: dot(&mu, &north) / RADIANS_PER_MAS,
            radial_velocity_kms: if parallax_mas == 0.0 {
                // At no parallax, no velocity along the line of sight can be told from the motion.
                self.radial_velocity_kms
            } else {
                radial_later * AU_PER_YEAR_KMS / (parallax_mas * RADIANS_PER_MAS)
            },
        }
    }
}

fn east_and_north(at: &UnitVector) -> (Vector, Vector) {
    let (east, north) = at.east_north();
    ([east.x, east.y, east.z], [north.x, north.y, north.z])
}

fn combine(a: f64, u: &Vector, b: f64, v: &Vector) -> Vector {
    std::array::from_fn(|axis| a * u[axis] + b * v[axis])
}

fn dot(u: &Vector, v: &Vector) -> f64 {
    u.iter().zip(v).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAR: StarMotion = StarMotion {
        ra_deg: 7.606083572,
        dec_deg: 11.79044105,
        parallax_mas: 125.0,
        pmra_mas_yr: 300.0,
        pmdec_mas_yr: -428.8,
        radial_velocity_kms: 52.51,
    };

    fn check(star: &StarMotion, years: f64, ra_deg: f64, dec_deg: f64) {
        let later = star.after_years(years);
        let off = (later.ra_deg - ra_deg).abs().max((later.dec_deg - dec_deg).abs());
        // The catalogue's vectors were made with another order of operations.
        assert!(off < 2e-11, "{years}: {later:?} is {off} degrees off");
    }

    /// The vectors of the IVOA's catalogue of user-defined functions.
    #[test]
    fn vectors_of_ivo_epoch_prop_pos() {
        check(&STAR, 1992.25 - 2016.0, 7.604061404627978, 11.7932703828279);
        check(&STAR, 1875.0 - 2016.0, 7.594068213694308, 11.807251375203935);
        let no_velocity = StarMotion { radial_velocity_kms: 0.0, ..STAR };
        check(&no_velocity, 1875.0 - 2016.0, 7.594079587029898, 11.807235464326332);
        let no_pmdec = StarMotion { pmdec_mas_yr: 0.0, ..no_velocity };
        check(&no_pmdec, 1875.0 - 2016.0, 7.594080321498365, 11.790440798509207);
        let no_parallax = StarMotion { parallax_mas: 0.0, ..STAR };
        check(&no_parallax, 1875.0 - 2016.0, 7.594079587020846, 11.807235464339055);
    }

    #[test]
    fn there_and_back_is_the_same_star() {
        for (years, star) in [
            (5_000.0, STAR),
            (-20_000.0, STAR),
            (300.0, StarMotion { dec_deg: 89.999, ra_deg: 0.0, ..STAR }),
            (100.0, StarMotion { ra_deg: 359.99999, pmra_mas_yr: 10_000.0, ..STAR }),
        ] {
            let back = star.after_years(years).after_years(-years);
            let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
            assert!(close(back.ra_deg, star.ra_deg) || star.ra_deg == 0.0, "{back:?}");
            assert!(close(back.dec_deg, star.dec_deg), "{back:?}");
            assert!(close(back.parallax_mas, star.parallax_mas), "{back:?}");
            assert!(close(back.pmra_mas_yr, star.pmra_mas_yr), "{back:?}");
            assert!(close(back.pmdec_mas_yr, star.pmdec_mas_yr), "{back:?}");
            assert!(close(back.radial_velocity_kms, star.radial_velocity_kms), "{back:?}");
        }
    }

    #[test]
    fn a_star_that_comes_straight_at_us_grows_in_parallax() {
        let star = StarMotion {
            pmra_mas_yr: 0.0,
            pmdec_mas_yr: 0.0,
            parallax_mas: 1000.0,
            radial_velocity_kms: -100.0,
            ..STAR
        };
        let later = star.after_years(1_000.0);
        // One parsec less 100 km/s for a thousand years.
        let parsecs = 1.0 - 100.0 * 1_000.0 / AU_PER_YEAR_KMS / 206_264.806_247;
        assert!((later.parallax_mas - 1_000.0 / parsecs).abs() < 1e-6, "{later:?}");
        assert!((later.radial_velocity_kms + 100.0).abs() < 1e-9, "{later:?}");
    }
}
