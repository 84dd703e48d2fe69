//! Fluxes, counts and AB magnitudes, as Qserv's scisql has them.
//!
//! ```text
//!   m = −2.5 log10(F) − 48.6       F in erg s⁻¹ cm⁻² Hz⁻¹
//!   m = −2.5 log10(F) + 31.4       F in nJy
//!   F = F₀ · counts / counts₀      F₀: flux of m = 0; counts₀: counts of m = 0 (fluxMag0)
//! ```
//!
//! Errors are propagated to first order, without correlation. A flux that is not above 0 has no
//! magnitude: the NaN that the logarithm gives becomes NULL in [`finite`](super::finite).
//!
//! Reference: Oke & Gunn 1983 (ApJ 266, 713).

use super::math::Formula::{self, Four, One, Two};

/// Flux of AB magnitude 0 in erg s⁻¹ cm⁻² Hz⁻¹: 10^(−0.4 · 48.6).
const AB_FLUX: f64 = 3.630_780_547_701_013e-20;

/// Magnitudes in a relative change of flux: 2.5 / ln 10.
const MAGNITUDES_PER_LOG: f64 = 2.5 / std::f64::consts::LN_10;

pub(super) const FORMULAS: [(&str, Formula); 15] = [
    ("nanojansky_to_ab_mag", One(|flux| 31.4 - 2.5 * flux.log10())),
    ("ab_mag_to_nanojansky", One(nanojansky)),
    ("ab_mag_to_nanojansky_sigma", Two(|mag, err| nanojansky(mag) * err / MAGNITUDES_PER_LOG)),
    ("flux_to_ab_mag", One(ab_mag)),
    ("flux_to_ab_mag_sigma", Two(ab_mag_sigma)),
    ("ab_mag_to_flux", One(flux)),
    ("ab_mag_to_flux_sigma", Two(flux_sigma)),
    ("dn_to_flux", Two(|dn, dn0| AB_FLUX * dn / dn0)),
    (
        "dn_to_flux_sigma",
        Four(|dn, dn_err, dn0, dn0_err| AB_FLUX * quotient_sigma(dn, dn_err, dn0, dn0_err)),
    ),
    ("flux_to_dn", Two(dn)),
    ("flux_to_dn_sigma", Four(dn_sigma)),
    ("dn_to_ab_mag", Two(|dn, dn0| ab_mag(AB_FLUX * dn / dn0))),
    (
        "dn_to_ab_mag_sigma",
        Four(|dn, dn_err, dn0, dn0_err| {
            ab_mag_sigma(dn / dn0, quotient_sigma(dn, dn_err, dn0, dn0_err))
        }),
    ),
    ("ab_mag_to_dn", Two(|mag, dn0| dn(flux(mag), dn0))),
    (
        "ab_mag_to_dn_sigma",
        Four(|mag, mag_err, dn0, dn0_err| {
            dn_sigma(flux(mag), flux_sigma(mag, mag_err), dn0, dn0_err)
        }),
    ),
];

fn nanojansky(mag: f64) -> f64 {
    10_f64.powf(0.4 * (31.4 - mag))
}

fn ab_mag(flux: f64) -> f64 {
    -2.5 * flux.log10() - 48.6
}

/// The error of a magnitude, in whatever unit the flux and its error are; none where the flux has
/// no magnitude.
fn ab_mag_sigma(flux: f64, flux_err: f64) -> f64 {
    if flux > 0.0 { MAGNITUDES_PER_LOG * flux_err / flux } else { f64::NAN }
}

fn flux(mag: f64) -> f64 {
    10_f64.powf(-0.4 * (mag + 48.6))
}

fn flux_sigma(mag: f64, mag_err: f64) -> f64 {
    flux(mag) * mag_err / MAGNITUDES_PER_LOG
}

fn dn(flux: f64, dn0: f64) -> f64 {
    flux * dn0 / AB_FLUX
}

fn dn_sigma(flux: f64, flux_err: f64, dn0: f64, dn0_err: f64) -> f64 {
    (dn0 * flux_err).hypot(flux * dn0_err) / AB_FLUX
}

/// The error of `x / y`.
fn quotient_sigma(x: f64, x_err: f64, y: f64, y_err: f64) -> f64 {
    x_err.hypot(x * y_err / y) / y.abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, arguments: &[f64], expected: f64) {
        let formula = FORMULAS.iter().find(|(known, _)| *known == name).map(|(_, formula)| formula);
        let found = match (formula, arguments) {
            (Some(One(f)), &[a]) => f(a),
            (Some(Two(f)), &[a, b]) => f(a, b),
            (Some(Four(f)), &[a, b, c, d]) => f(a, b, c, d),
            _ => f64::NAN,
        };
        let close = (found - expected).abs() <= 1e-12 * expected.abs();
        assert!(close, "{name}{arguments:?} is {found}, not {expected}");
    }

    #[test]
    fn values_worked_out_by_hand() {
        check("nanojansky_to_ab_mag", &[1.0], 31.4);
        check("nanojansky_to_ab_mag", &[1e4], 21.4);
        check("ab_mag_to_nanojansky", &[31.4], 1.0);
        check("ab_mag_to_nanojansky", &[23.9], 1000.0);
        check("ab_mag_to_nanojansky_sigma", &[31.4, 0.1], 0.1 * 10_f64.ln() / 2.5);
        check("flux_to_ab_mag", &[1e-20], 1.4);
        check("ab_mag_to_flux", &[1.4], 1e-20);
        check("flux_to_ab_mag_sigma", &[10.0, 1.0], 0.25 / 10_f64.ln());
        check("dn_to_ab_mag", &[100.0, 1e12], 25.0);
        check("ab_mag_to_dn", &[25.0, 1e12], 100.0);
        check("dn_to_flux", &[1e12, 1e12], AB_FLUX);
        check("flux_to_dn", &[AB_FLUX, 7.0], 7.0);
        // 3 % and 4 % make 5 %.
        check("dn_to_flux_sigma", &[100.0, 3.0, 50.0, 2.0], 0.05 * 2.0 * AB_FLUX);
        check("flux_to_dn_sigma", &[AB_FLUX, 0.03 * AB_FLUX, 50.0, 2.0], 0.05 * 50.0);
        check("dn_to_ab_mag_sigma", &[100.0, 3.0, 50.0, 2.0], 0.125 / 10_f64.ln());
        check("ab_mag_to_dn_sigma", &[0.0, 0.075 / 10_f64.ln(), 50.0, 2.0], 0.05 * 50.0);
    }

    #[test]
    fn a_flux_of_0_or_below_has_no_magnitude() {
        for flux in [0.0, -0.0, -3.0] {
            assert!(!(31.4 - 2.5 * f64::log10(flux)).is_finite());
            assert!(ab_mag_sigma(flux, 1.0).is_nan());
        }
    }
}
