//! Asteroids of the main belt that cross the field.
//!
//! Each is put on a line of sight into the field at some time of the survey, at the distance from the Sun
//! that its orbit asks for, with the speed of that orbit in a direction near that of the planets. What is
//! kept are its elements; places follow from them, with the time that the light takes. Brightness is
//! that of the (H, G) system (Bowell et al. 1989).

use super::motion::{ecliptic, equatorial};
use super::orbit::{Orbit, cross, dot, norm, speed_au_day};
use super::{Field, Moment, ObjectKind, SkyObject, magnitude};
use crate::photo_calib::magnitude_to_njy;
use crate::simulate::random::{Purpose, between, gaussian, stream};

/// Days that light takes for an AU.
const LIGHT_DAYS_PER_AU: f64 = 0.005_775_518_33;
/// Slope parameter of all asteroids.
const SLOPE_G: f64 = 0.15;
/// Magnitudes in u, g, r, i, z, y of a C or S type, less that in V.
const COLOURS: [f64; 6] = [1.9, 0.3, -0.2, -0.4, -0.4, -0.4];

/// An asteroid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asteroid {
    /// Its orbit.
    pub orbit: Orbit,
    /// Absolute magnitude in V.
    pub h_mag: f64,
    /// Slope parameter.
    pub g: f64,
}

/// What an observer sees of an asteroid.
struct View {
    direction: [f64; 3],
    sun_au: f64,
    observer_au: f64,
    phase_angle_rad: f64,
}

impl Asteroid {
    fn view(&self, moment: &Moment) -> View {
        let mut delay = 0.0;
        let mut place = [0.0; 3];
        let mut offset = [0.0; 3];
        for _ in 0..3 {
            place = self.orbit.place_au(moment.mjd_tai - delay);
            offset = [0, 1, 2].map(|i| place[i] - moment.earth_au[i]);
            delay = norm(offset) * LIGHT_DAYS_PER_AU;
        }
        let (sun_au, observer_au) = (norm(place), norm(offset));
        let cos = (dot(place, offset) / (sun_au * observer_au)).clamp(-1.0, 1.0);
        View { direction: offset, sun_au, observer_au, phase_angle_rad: cos.acos() }
    }

    /// Where it is seen, degrees.
    pub fn position(&self, moment: &Moment) -> (f64, f64) {
        let [x, y, z] = self.view(moment).direction;
        (y.atan2(x).to_degrees().rem_euclid(360.0), z.atan2(x.hypot(y)).to_degrees())
    }

    /// Its flux in the band of that number, nJy.
    pub fn flux_njy(&self, band: usize, moment: &Moment) -> f64 {
        let view = self.view(moment);
        magnitude_to_njy(self.h_mag + distance_modulus(&view, self.g) + COLOURS[band])
    }

    /// Its motion on the sky, degrees a day to the east (on the great circle) and to the north.
    pub fn rate_deg_day(&self, moment: &Moment) -> (f64, f64) {
        let step = 0.01;
        let (ra1, dec1) = self.position(&Moment::at(moment.mjd_tai - step));
        let (ra2, dec2) = self.position(&Moment::at(moment.mjd_tai + step));
        let east = ((ra2 - ra1 + 540.0).rem_euclid(360.0) - 180.0)
            * (0.5 * (dec1 + dec2)).to_radians().cos();
        (east / (2.0 * step), (dec2 - dec1) / (2.0 * step))
    }
}

/// What distance and phase add to the absolute magnitude.
fn distance_modulus(view: &View, g: f64) -> f64 {
    let tan = (view.phase_angle_rad / 2.0).tan();
    let phi = |a: f64, b: f64| (-a * tan.powf(b)).exp();
    let phase = (1.0 - g) * phi(3.33, 0.63) + g * phi(1.87, 1.22);
    5.0 * (view.sun_au * view.observer_au).log10() - 2.5 * phase.log10()
}

/// Draw the asteroids of a field.
pub(super) fn draw(field: &Field) -> Vec<SkyObject> {
    let config = field.config;
    let mut rng = stream(config.seed, Purpose::Asteroids, 0, 0);
    let mut asteroids = Vec::new();
    // An orbit may come out as none; a few tries more than wanted always suffice.
    for _ in 0..10 * config.sky.asteroids {
        if asteroids.len() == config.sky.asteroids {
            break;
        }
        let mjd = between(&mut rng, config.first_mjd_tai, field.last_mjd);
        let moment = Moment::at(mjd);
        let (ra, dec) = field.place(&mut rng);
        let a_au = between(&mut rng, 2.1, 3.3);
        let sun_au = a_au * (1.0 + 0.1 * gaussian(&mut rng)).clamp(0.8, 1.2);
        let bend = 0.05 * gaussian(&mut rng);
        let tilt = 0.1 * gaussian(&mut rng);
        let seen = magnitude(config.sky.asteroid_magnitudes, 0.3, &mut rng);
        let orbit = orbit_through(&moment, (ra, dec), sun_au, a_au, bend, tilt);
        let Some(orbit) = orbit else { continue };
        let mut asteroid = Asteroid { orbit, h_mag: 0.0, g: SLOPE_G };
        let view = asteroid.view(&moment);
        asteroid.h_mag = seen - COLOURS[2] - distance_modulus(&view, SLOPE_G);
        let middle = Moment::at(0.5 * (config.first_mjd_tai + field.last_mjd));
        let (ra, dec) = asteroid.position(&middle);
        let flux_njy = [0, 1, 2, 3, 4, 5].map(|band| asteroid.flux_njy(band, &middle));
        asteroids.push(SkyObject {
            id: 0,
            ra,
            dec,
            flux_njy,
            kind: ObjectKind::Asteroid(asteroid),
        });
    }
    asteroids
}

/// The orbit of a semi-major axis that leads through a line of sight at a distance from the Sun; the
/// velocity leaves the direction of the planets by two small angles.
fn orbit_through(
    moment: &Moment,
    (ra, dec): (f64, f64),
    sun_au: f64,
    a_au: f64,
    bend: f64,
    tilt: f64,
) -> Option<Orbit> {
    let (sin_ra, cos_ra) = ra.to_radians().sin_cos();
    let (sin_dec, cos_dec) = dec.to_radians().sin_cos();
    let sight = [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec];
    // |earth + d · sight| = sun_au.
    let along = dot(moment.earth_au, sight);
    let root = along * along - dot(moment.earth_au, moment.earth_au) + sun_au * sun_au;
    let distance = -along + root.max(0.0).sqrt();
    if distance.is_nan() || distance < 0.3 {
        return None;
    }
    let place = [0, 1, 2].map(|i| moment.earth_au[i] + distance * sight[i]);
    let r = ecliptic(place);
    let outward = r.map(|c| c / norm(r));
    let forward = cross([0.0, 0.0, 1.0], outward);
    let forward = forward.map(|c| c / norm(forward));
    let up = cross(outward, forward);
    let direction = [0, 1, 2].map(|i| forward[i] + bend * outward[i] + tilt * up[i]);
    let speed = speed_au_day(sun_au, a_au) / norm(direction);
    // Light left it earlier; the few minutes move it by less than the field's margin.
    Orbit::from_state(place, equatorial(direction.map(|c| c * speed)), moment.mjd_tai)
}
