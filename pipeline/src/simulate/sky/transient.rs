//! Supernovae: they rise from nothing near a galaxy and fade.

use rand::RngExt;

use super::{Field, ObjectKind, SkyObject};
use crate::photo_calib::magnitude_to_njy;
use crate::simulate::random::{Purpose, between, gaussian, stream};

/// A supernova.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transient {
    /// Time of its maximum, MJD TAI.
    pub peak_mjd_tai: f64,
    /// Days from the explosion to the maximum.
    pub rise_days: f64,
    /// Days in which it fades by a factor e.
    pub fade_days: f64,
}

impl Transient {
    /// Flux at a time over that at the maximum: grows with the square of the time since the explosion (a
    /// fireball), then fades exponentially.
    pub fn factor(&self, mjd_tai: f64) -> f64 {
        let since = mjd_tai - self.peak_mjd_tai;
        if since < -self.rise_days {
            0.0
        } else if since < 0.0 {
            (1.0 + since / self.rise_days).powi(2)
        } else {
            (-since / self.fade_days).exp()
        }
    }
}

/// Draw the supernovae of a field, each near one of the galaxies.
pub(super) fn draw(field: &Field, galaxies: &[SkyObject]) -> Vec<SkyObject> {
    let config = field.config;
    let mut rng = stream(config.seed, Purpose::Transients, 0, 0);
    let mut transients = Vec::new();
    for _ in 0..config.sky.transients {
        let (mut ra, mut dec) = field.place(&mut rng);
        if !galaxies.is_empty() {
            let host = &galaxies[rng.random_range(0..galaxies.len())];
            let size_arcsec = match host.kind {
                ObjectKind::Galaxy(shape, _) => shape.half_light_px,
                _ => 0.0,
            };
            let mut step = || size_arcsec * gaussian(&mut rng) / 3600.0;
            dec = host.dec + step();
            ra = host.ra + step() / dec.to_radians().cos();
        }
        let r = between(&mut rng, 19.0, 23.0);
        let magnitudes = [r + 0.8, r + 0.1, r, r + 0.1, r + 0.2, r + 0.3];
        let transient = Transient {
            peak_mjd_tai: between(&mut rng, config.first_mjd_tai, field.last_mjd),
            rise_days: between(&mut rng, 12.0, 20.0),
            fade_days: between(&mut rng, 15.0, 60.0),
        };
        transients.push(SkyObject {
            id: 0,
            ra,
            dec,
            flux_njy: magnitudes.map(magnitude_to_njy),
            kind: ObjectKind::Transient(transient),
        });
    }
    transients
}
