//! The point-spread function over the field of a visit: a Moffat profile whose width and shear vary
//! smoothly.
//!
//! Places count in radii of the focal plane. Shear is constant + linear + waves of about the field's
//! size; width follows a wave of its own.

use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;

use super::config::AtmosphereConfig;
use super::random::{between, gaussian};
use crate::psf::{RadialLaw, StarProfile};

/// Waves in each of width and the two components of the shear.
const WAVES: usize = 4;
/// Part of the shear that lies in waves.
const WAVE_SHEAR: f64 = 0.4;

/// The PSF of one visit.
#[derive(Debug, Clone)]
pub struct PsfField {
    /// Full width at half maximum at the centre, before variations, pixels.
    pub fwhm_px: f64,
    /// Exponent of the Moffat profile.
    pub beta: f64,
    /// Shear at the centre, before waves.
    pub shear: [f64; 2],
    linear: [[f64; 2]; 2],
    waves: [Vec<Wave>; 3],
}

/// One wave: `amplitude · sin(kx x + ky y + phase)`.
#[derive(Debug, Clone, Copy)]
struct Wave {
    kx: f64,
    ky: f64,
    phase: f64,
    amplitude: f64,
}

impl PsfField {
    /// A PSF by chance; without variation it is round and the same everywhere.
    pub(super) fn draw(
        config: &AtmosphereConfig,
        fwhm_px: f64,
        varies: bool,
        rng: &mut ChaCha8Rng,
    ) -> PsfField {
        let on = if varies { 1.0 } else { 0.0 };
        let mut shear = || on * config.psf_shear * gaussian(rng);
        let (centre, linear) = ([shear(), shear()], [[shear(), shear()], [shear(), shear()]]);
        let mut waves = |rms: f64| -> Vec<Wave> {
            let amplitude = on * rms * (2.0 / WAVES as f64).sqrt();
            (0..WAVES)
                .map(|_| {
                    let (angle, k) = (between(rng, 0.0, TAU), between(rng, 2.0, 6.0));
                    let (kx, ky) = (k * angle.cos(), k * angle.sin());
                    Wave { kx, ky, phase: between(rng, 0.0, TAU), amplitude }
                })
                .collect()
        };
        let waves = [
            waves(config.psf_size_variation),
            waves(WAVE_SHEAR * config.psf_shear),
            waves(WAVE_SHEAR * config.psf_shear),
        ];
        PsfField { fwhm_px, beta: config.moffat_beta, shear: centre, linear, waves }
    }

    /// The profile at a place of the focal plane, in units of its radius.
    pub fn at(&self, x: f64, y: f64) -> StarProfile {
        let wave = |k: usize| -> f64 {
            self.waves[k].iter().map(|w| w.amplitude * (w.kx * x + w.ky * y + w.phase).sin()).sum()
        };
        let shear = |k: usize| {
            let linear = self.linear[k][0] * x + self.linear[k][1] * y;
            (self.shear[k] + linear + wave(k + 1)).clamp(-0.2, 0.2)
        };
        StarProfile {
            law: RadialLaw::Moffat { beta: self.beta },
            fwhm_px: self.fwhm_px * (1.0 + wave(0)),
            g1: shear(0),
            g2: shear(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    #[test]
    fn the_psf_varies_smoothly_and_only_where_it_should() {
        let config = AtmosphereConfig::default();
        let mut rng = stream(3, Purpose::Visit, 1, 0);
        let field = PsfField::draw(&config, 4.0, true, &mut rng);
        let (a, b, c) = (field.at(0.0, 0.0), field.at(0.01, 0.0), field.at(0.7, -0.7));
        assert!((a.g1 - b.g1).abs() < 0.003 && (a.fwhm_px - b.fwhm_px).abs() < 0.02);
        assert!((a.g1 - c.g1).hypot(a.g2 - c.g2) > 1e-3);
        assert!((c.fwhm_px / 4.0 - 1.0).abs() < 0.15);
        let flat = PsfField::draw(&config, 4.0, false, &mut rng);
        assert_eq!(flat.at(0.3, 0.4), flat.at(-0.9, 0.0));
        assert_eq!((flat.at(0.0, 0.0).g1, flat.at(0.0, 0.0).fwhm_px), (0.0, 4.0));
    }
}
