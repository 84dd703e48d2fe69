//! What is on the sky, whoever looks: stars, galaxies, transients, asteroids.
//!
//! Positions are ICRS at the reference epoch, fluxes those outside the atmosphere. Each population has
//! its own stream of random numbers, so that fewer asteroids do not change the stars.

pub mod asteroid;
pub mod galaxy_population;
pub mod light_curve;
pub mod motion;
pub mod orbit;
pub mod star;
pub mod transient;

use crate::simulate::config::{Effects, SurveyConfig};
use crate::simulate::galaxy::GalaxyShape;
use crate::wcs::Wcs;

pub use asteroid::Asteroid;
pub use light_curve::LightCurve;
pub use motion::StarMotion;
pub use transient::Transient;

/// Everything on the sky of a survey.
#[derive(Debug, Clone)]
pub struct Sky {
    /// The objects, in order of their ids, which count from 1.
    pub objects: Vec<SkyObject>,
    /// Epoch of positions, MJD TAI.
    pub epoch_mjd_tai: f64,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub struct SkyObject {
    /// Identity, from 1.
    pub id: i64,
    /// Right ascension at the epoch, ICRS degrees; of an asteroid, at the middle of the survey.
    pub ra: f64,
    /// Declination.
    pub dec: f64,
    /// Mean flux in u, g, r, i, z, y, nJy; of a transient at its maximum, of an asteroid at the middle of
    /// the survey.
    pub flux_njy: [f64; 6],
    /// What it is.
    pub kind: ObjectKind,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectKind {
    /// A star, perhaps a variable one.
    Star(StarMotion, Option<LightCurve>),
    /// A galaxy: its shape in pixels of a scale of one arcsecond, and its redshift.
    Galaxy(GalaxyShape, f64),
    /// A supernova.
    Transient(Transient),
    /// An asteroid.
    Asteroid(Asteroid),
}

/// Where the observer is and when: what a position or flux depends on.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// The time, MJD TAI.
    pub mjd_tai: f64,
    /// Place of the Earth, heliocentric, equatorial, AU.
    pub earth_au: [f64; 3],
}

impl Moment {
    /// The moment of a time.
    pub fn at(mjd_tai: f64) -> Moment {
        Moment { mjd_tai, earth_au: motion::earth_au(mjd_tai) }
    }
}

impl SkyObject {
    /// Name of its kind.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            ObjectKind::Star(_, None) => "star",
            ObjectKind::Star(_, Some(_)) => "variable",
            ObjectKind::Galaxy(..) => "galaxy",
            ObjectKind::Transient(_) => "transient",
            ObjectKind::Asteroid(_) => "asteroid",
        }
    }

    /// Where it is seen, ICRS degrees.
    pub fn position(&self, moment: &Moment, epoch_mjd_tai: f64, effects: &Effects) -> (f64, f64) {
        match &self.kind {
            ObjectKind::Star(motion, _) => {
                motion.apply((self.ra, self.dec), moment, epoch_mjd_tai, effects)
            }
            ObjectKind::Asteroid(asteroid) => asteroid.position(moment),
            ObjectKind::Galaxy(..) | ObjectKind::Transient(_) => (self.ra, self.dec),
        }
    }

    /// Its flux in the band of that number, nJy.
    pub fn flux(&self, band: usize, moment: &Moment, effects: &Effects) -> f64 {
        let mean = self.flux_njy[band];
        match &self.kind {
            ObjectKind::Star(_, Some(curve)) if effects.variability => {
                mean * curve.factor(moment.mjd_tai)
            }
            ObjectKind::Transient(transient) => mean * transient.factor(moment.mjd_tai),
            ObjectKind::Asteroid(asteroid) => asteroid.flux_njy(band, moment),
            _ => mean,
        }
    }
}

impl Sky {
    /// Draw the sky of a survey: objects in a square of this half width around the centre of `wcs`, a
    /// map of one arcsecond per pixel whose tangent point is pixel (0, 0).
    pub(super) fn draw(
        config: &SurveyConfig,
        wcs: &Wcs,
        half_width_arcsec: f64,
        last_mjd: f64,
    ) -> Sky {
        let field = Field { config, wcs, half_width_arcsec, last_mjd };
        let mut objects = star::draw(&field);
        let galaxies = galaxy_population::draw(&field);
        if config.effects.transients {
            objects.extend(transient::draw(&field, &galaxies));
        }
        objects.extend(galaxies);
        if config.effects.asteroids {
            objects.extend(asteroid::draw(&field));
        }
        for (id, object) in (1..).zip(&mut objects) {
            object.id = id;
        }
        Sky { objects, epoch_mjd_tai: config.first_mjd_tai }
    }

    /// The Sérsic indices that occur, each once.
    pub(super) fn sersic_indices(&self) -> Vec<f64> {
        let index = |object: &SkyObject| match &object.kind {
            ObjectKind::Galaxy(shape, _) => Some(shape.sersic_n),
            _ => None,
        };
        let mut indices: Vec<f64> = self.objects.iter().filter_map(index).collect();
        indices.sort_by(f64::total_cmp);
        indices.dedup();
        indices
    }
}

/// The field in which a population is drawn.
struct Field<'a> {
    config: &'a SurveyConfig,
    wcs: &'a Wcs,
    half_width_arcsec: f64,
    last_mjd: f64,
}

impl Field<'_> {
    /// How many objects of a density there are.
    fn count(&self, per_arcmin2: f64) -> usize {
        (per_arcmin2 * (self.half_width_arcsec / 30.0).powi(2)).round() as usize
    }

    /// A place, each as likely.
    fn place(&self, rng: &mut rand_chacha::ChaCha8Rng) -> (f64, f64) {
        let w = self.half_width_arcsec;
        let x = super::random::between(rng, -w, w);
        let y = super::random::between(rng, -w, w);
        self.wcs.pixel_to_sky(x, y)
    }
}

/// A magnitude from counts that rise as `10^(slope · m)`.
fn magnitude(range: (f64, f64), slope: f64, rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    let u = super::random::between(rng, 0.0, 1.0);
    if slope.abs() < 1e-9 || range.1 <= range.0 {
        return range.0 + u * (range.1 - range.0);
    }
    let (low, high) = (10f64.powf(slope * range.0), 10f64.powf(slope * range.1));
    (low + u * (high - low)).log10() / slope
}

#[cfg(test)]
mod tests;
