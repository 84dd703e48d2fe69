//! Displacements of stars by the atmosphere and the optics that differ from visit to visit: a polynomial
//! of order 3 over the field, so that the true world coordinates stay a TPV map.

use rand_chacha::ChaCha8Rng;

use super::random::gaussian;
use crate::wcs::PlanePolynomial;

/// Highest order of the polynomial.
const ORDER: i32 = 3;

/// Add a random displacement of this rms along each axis, over a field of this radius, to a polynomial.
pub(super) fn add(
    polynomial: &mut PlanePolynomial,
    rms_mas: f64,
    field_radius_deg: f64,
    rng: &mut ChaCha8Rng,
) {
    for axis in 0..2 {
        let mut terms = Vec::new();
        for p in 0..=ORDER {
            for q in 0..=ORDER - p {
                terms.push((p, q, gaussian(rng)));
            }
        }
        let scale = rms_mas / 3.6e6 / rms(&terms);
        for (p, q, value) in terms {
            polynomial.add(axis, p, q, value * scale / field_radius_deg.powi(p + q));
        }
    }
}

/// The polynomial's rms over the unit square.
fn rms(terms: &[(i32, i32, f64)]) -> f64 {
    let steps = || (-8..=8).map(|k| f64::from(k) / 8.0);
    let value = |x: f64, y: f64| -> f64 {
        terms.iter().map(|&(p, q, value)| value * x.powi(p) * y.powi(q)).sum()
    };
    let squares: f64 = steps().flat_map(|y| steps().map(move |x| value(x, y).powi(2))).sum();
    (squares / 289.0).sqrt()
}
