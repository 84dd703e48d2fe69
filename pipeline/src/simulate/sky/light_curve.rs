//! How the light of a variable star changes: the same in all bands.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::simulate::random::between;

/// A periodic light curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LightCurve {
    /// Its form.
    pub form: CurveForm,
    /// Period, days.
    pub period_days: f64,
    /// Half of the range of a pulsation, the depth of an eclipse: magnitudes.
    pub amplitude_mag: f64,
    /// Phase at MJD 0, 0 to 1.
    pub phase: f64,
}

/// The form of a light curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CurveForm {
    /// A sinusoid in magnitudes.
    Pulsation,
    /// Two eclipses a period, the second half as deep.
    Eclipses,
}

/// Half of the time that an eclipse takes, in periods.
const HALF_ECLIPSE: f64 = 0.06;

impl LightCurve {
    /// A light curve by chance: two pulsating stars for each eclipsing one.
    pub(super) fn draw(rng: &mut ChaCha8Rng) -> LightCurve {
        let pulsates = rng.random::<f64>() < 2.0 / 3.0;
        LightCurve {
            form: if pulsates { CurveForm::Pulsation } else { CurveForm::Eclipses },
            period_days: between(rng, 0.3, 8.0),
            amplitude_mag: between(rng, 0.1, 0.6),
            phase: between(rng, 0.0, 1.0),
        }
    }

    /// Name of the form.
    pub fn form_name(&self) -> &'static str {
        match self.form {
            CurveForm::Pulsation => "pulsation",
            CurveForm::Eclipses => "eclipses",
        }
    }

    /// Flux at a time over the mean (of eclipses: over that outside them).
    pub fn factor(&self, mjd_tai: f64) -> f64 {
        let phase = (mjd_tai / self.period_days + self.phase).rem_euclid(1.0);
        let dimming_mag = match self.form {
            CurveForm::Pulsation => self.amplitude_mag * (TAU * phase).sin(),
            CurveForm::Eclipses => {
                let eclipse = |at: f64| {
                    let distance = (phase - at).abs().min(1.0 - (phase - at).abs());
                    (1.0 - distance / HALF_ECLIPSE).max(0.0)
                };
                self.amplitude_mag * (eclipse(0.0) + 0.5 * eclipse(0.5))
            }
        };
        10f64.powf(-0.4 * dimming_mag)
    }
}
