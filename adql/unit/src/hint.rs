//! What to write where two units measure different things that are yet related.

use super::Unit;
use super::dimension::{
    Base::{Angle, Length, Magnitude, Mass, Time},
    Dimension,
};

/// A way from `from` to `to` other than a factor, as a clause.
pub(super) fn between(from: &Unit, to: &Unit) -> Option<&'static str> {
    if from.logarithm.is_some() {
        return Some("undo the logarithm first: POWER(10, x)");
    }
    if to.logarithm.is_some() {
        return Some("take the logarithm: LOG10(x)");
    }
    let is_magnitude = |of: &Dimension| of.is(&[(Magnitude, 1)]);
    let is_flux = |of: &Dimension| of.is(FLUX_DENSITY);
    let (a, b) = (&from.dimension, &to.dimension);
    let either = |x: &[(super::dimension::Base, i32)], y: &[(super::dimension::Base, i32)]| {
        (a.is(x) && b.is(y)) || (a.is(y) && b.is(x))
    };
    if is_flux(a) && is_magnitude(b) {
        return Some(
            "a magnitude is a logarithm of a flux: write scisql_nanojanskyToAbMag(flux in nJy)",
        );
    }
    if is_magnitude(a) && is_flux(b) {
        return Some(
            "a magnitude is a logarithm of a flux: write scisql_abMagToNanojansky(magnitude)",
        );
    }
    if is_magnitude(a) || is_magnitude(b) {
        return Some("a magnitude is a logarithm, not a multiple of another unit");
    }
    if either(&[(Angle, 1)], &[(Length, 1)]) {
        return Some("a parallax in mas is a distance of 1000 / parallax in pc");
    }
    if either(FLUX_DENSITY, &[(Mass, 1), (Length, -1), (Time, -3)]) {
        return Some(
            "per frequency and per wavelength differ by c / wavelength², which is not known",
        );
    }
    if either(&[(Length, 1)], &[(Time, -1)]) {
        return Some("a wavelength is 299792458 m/s divided by a frequency");
    }
    if either(&[(Angle, 1), (Time, -1)], &[(Length, 1), (Time, -1)]) {
        return Some(
            "a proper motion in mas/yr is 4.74047 * pm / parallax in km/s, with a parallax in mas",
        );
    }
    None
}

const FLUX_DENSITY: &[(super::dimension::Base, i32)] = &[(Mass, 1), (Time, -2)];
