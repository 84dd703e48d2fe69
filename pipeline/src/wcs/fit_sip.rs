//! A TAN-SIP header for any map from pixels to the sky.

use super::distortion::{Sip, SipTerm};
use super::{Distortion, Tangent, Wcs, WcsError, invert, multiply};
use crate::linear_algebra::Cholesky;
use ndarray::{Array1, Array2};

/// Points along each side of the grid on which the map is sampled.
const GRID: usize = 25;

impl Wcs {
    /// Fit a gnomonic projection with SIP polynomials of `order` to a map over an image of `(nx, ny)`
    /// pixels. Returns it with its largest error on the grid of samples, arcsec.
    ///
    /// # Errors
    /// [`WcsError::SingularMatrix`] where the map is not defined on the image, or folds it.
    pub fn fit_sip(
        (nx, ny): (usize, usize),
        order: u32,
        map: impl Fn(f64, f64) -> Option<(f64, f64)>,
    ) -> Result<(Wcs, f64), WcsError> {
        let centre = [0.5 * (nx as f64 - 1.0), 0.5 * (ny as f64 - 1.0)];
        let (ra, dec) = map(centre[0], centre[1]).ok_or(WcsError::SingularMatrix)?;
        let tangent = Tangent::new([ra, dec], 180.0)?;
        // The centre is the tangent point, so that there is no constant; offsets from it are scaled, so
        // that powers stay near one.
        let scale = centre[0].max(centre[1]).max(1.0);
        let place = |k: usize, n: usize| (n as f64) * (k as f64 / (GRID - 1) as f64) - 0.5;
        let mut samples: Vec<([f64; 2], [f64; 2])> = Vec::with_capacity(GRID * GRID);
        for j in 0..GRID {
            for i in 0..GRID {
                let (x, y) = (place(i, nx), place(j, ny));
                let sky = map(x, y).ok_or(WcsError::SingularMatrix)?;
                let plane = tangent.sky_to_plane(sky.0, sky.1).ok_or(WcsError::SingularMatrix)?;
                samples.push(([(x - centre[0]) / scale, (y - centre[1]) / scale], plane));
            }
        }
        let powers: Vec<(i32, i32)> =
            (1..=order as i32).flat_map(|total| (0..=total).map(move |q| (total - q, q))).collect();
        let fitted = polynomial(&samples, &powers).ok_or(WcsError::SingularMatrix)?;
        let linear = |axis: usize, power: (i32, i32)| {
            let k = powers.iter().position(|p| *p == power);
            k.map_or(0.0, |k| fitted[axis][k] / scale)
        };
        let cd = [[linear(0, (1, 0)), linear(0, (0, 1))], [linear(1, (1, 0)), linear(1, (0, 1))]];
        let inverse = invert(cd).ok_or(WcsError::SingularMatrix)?;
        let mut terms: [Vec<SipTerm>; 2] = [Vec::new(), Vec::new()];
        for (k, &(p, q)) in powers.iter().enumerate().filter(|(_, power)| power.0 + power.1 > 1) {
            let shift = multiply(inverse, [fitted[0][k], fitted[1][k]]);
            for axis in 0..2 {
                let coefficient = shift[axis] / scale.powi(p + q);
                terms[axis].push(SipTerm { p, q, coefficient });
            }
        }
        let [a, b] = terms;
        let sip = Sip { a, b, order: [order; 2] };
        let distortion = Distortion::Sip(Box::new(sip));
        let wcs = Wcs::new(tangent.clone(), centre, cd, distortion)?;
        let mut worst = 0.0_f64;
        for (at, plane) in &samples {
            let (x, y) = (at[0] * scale + centre[0], at[1] * scale + centre[1]);
            let (ra, dec) = wcs.pixel_to_sky(x, y);
            let found = tangent.sky_to_plane(ra, dec).ok_or(WcsError::SingularMatrix)?;
            worst = worst.max((found[0] - plane[0]).hypot(found[1] - plane[1]) * 3600.0);
        }
        Ok((wcs, worst))
    }
}

/// Least-squares coefficients of both axes.
fn polynomial(samples: &[([f64; 2], [f64; 2])], powers: &[(i32, i32)]) -> Option<[Vec<f64>; 2]> {
    let n = powers.len();
    let mut normal = Array2::<f64>::zeros((n, n));
    let mut right = [Array1::<f64>::zeros(n), Array1::<f64>::zeros(n)];
    for (at, plane) in samples {
        let terms: Vec<f64> = powers.iter().map(|&(p, q)| at[0].powi(p) * at[1].powi(q)).collect();
        for a in 0..n {
            right[0][a] += terms[a] * plane[0];
            right[1][a] += terms[a] * plane[1];
            for b in 0..n {
                normal[[a, b]] += terms[a] * terms[b];
            }
        }
    }
    let factor = Cholesky::new(&normal)?;
    Some(right.map(|right| factor.solve(&right).to_vec()))
}
