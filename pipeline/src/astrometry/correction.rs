//! The polynomial that moves nominal places on the plane to where the stars are.

use crate::linear_algebra::Cholesky;
use ndarray::{Array1, Array2};

/// Matches per coefficient that a degree needs.
const MATCHES_PER_TERM: usize = 4;

/// A polynomial map of the plane, arcsec to arcsec.
#[derive(Debug, Clone, PartialEq)]
pub struct Correction {
    degree: usize,
    /// Coordinates are divided by this, so that powers stay near one.
    scale: f64,
    /// Coefficients of the shift along each axis.
    coefficients: [Vec<f64>; 2],
}

/// Number of terms `x^i y^j`, `i + j ≤ degree`.
fn count(degree: usize) -> usize {
    (degree + 1) * (degree + 2) / 2
}

/// The degree that so many matches bear.
pub(super) fn degree_for(matches: usize) -> usize {
    (2..=5).rev().find(|&degree| matches >= MATCHES_PER_TERM * count(degree)).unwrap_or(1)
}

impl Correction {
    /// A shift after a rotation about the origin.
    pub fn rigid(shift: [f64; 2], rotation_rad: f64, scale: f64) -> Self {
        let (sin, cos) = rotation_rad.sin_cos();
        // Terms 1, x, y of what is added.
        let along_x = vec![shift[0], (cos - 1.0) * scale, -sin * scale];
        let along_y = vec![shift[1], sin * scale, (cos - 1.0) * scale];
        Self { degree: 1, scale, coefficients: [along_x, along_y] }
    }

    /// The map that moves nothing.
    pub fn none(scale: f64) -> Self {
        Self { degree: 0, scale, coefficients: [vec![0.0], vec![0.0]] }
    }

    /// The map of degree up to `largest` that explains the pairs with the fewest coefficients: least χ²
    /// plus twice their number. The unit of χ² is the scatter about the largest map.
    pub fn best(pairs: &[([f64; 2], [f64; 2], f64)], largest: usize, scale: f64) -> Option<Self> {
        let richest = Self::fit(pairs, largest, scale)?;
        let freedom = (2 * pairs.len()).saturating_sub(2 * count(largest)).max(1) as f64;
        let unit = (richest.chi2(pairs) / freedom).max(1.0);
        let simpler = (1..largest).filter_map(|degree| Self::fit(pairs, degree, scale));
        let candidates = std::iter::once((0, Self::none(scale)))
            .chain(simpler.chain([richest]).map(|fit| (2 * count(fit.degree), fit)));
        let cost = |(n, fit): &(usize, Self)| fit.chi2(pairs) / unit + 2.0 * *n as f64;
        candidates.min_by(|a, b| cost(a).total_cmp(&cost(b))).map(|(_, fit)| fit)
    }

    fn chi2(&self, pairs: &[([f64; 2], [f64; 2], f64)]) -> f64 {
        let square = |(from, to, error): &([f64; 2], [f64; 2], f64)| {
            let at = self.apply(*from);
            ((at[0] - to[0]).powi(2) + (at[1] - to[1]).powi(2)) / (error * error)
        };
        pairs.iter().map(square).sum()
    }

    /// Fit pairs of places, from and to, with the standard error of each coordinate; `None` where they do
    /// not determine the polynomial.
    pub fn fit(pairs: &[([f64; 2], [f64; 2], f64)], degree: usize, scale: f64) -> Option<Self> {
        let n = count(degree);
        let mut normal = Array2::<f64>::zeros((n, n));
        let mut right = [Array1::<f64>::zeros(n), Array1::<f64>::zeros(n)];
        for (from, to, error) in pairs {
            let terms = terms(degree, [from[0] / scale, from[1] / scale]);
            let weight = error.powi(-2);
            for a in 0..n {
                for axis in 0..2 {
                    right[axis][a] += weight * terms[a] * (to[axis] - from[axis]);
                }
                for b in 0..n {
                    normal[[a, b]] += weight * terms[a] * terms[b];
                }
            }
        }
        let factor = Cholesky::new(&normal)?;
        let coefficients = right.map(|right| factor.solve(&right).to_vec());
        Some(Self { degree, scale, coefficients })
    }

    /// Degree of the polynomial.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Where a nominal place really is.
    pub fn apply(&self, at: [f64; 2]) -> [f64; 2] {
        let terms = terms(self.degree, [at[0] / self.scale, at[1] / self.scale]);
        let shift = |axis: usize| -> f64 {
            self.coefficients[axis].iter().zip(&terms).map(|(c, t)| c * t).sum()
        };
        [at[0] + shift(0), at[1] + shift(1)]
    }
}

fn terms(degree: usize, [x, y]: [f64; 2]) -> Vec<f64> {
    let mut terms = Vec::with_capacity(count(degree));
    for total in 0..=degree {
        for j in 0..=total {
            terms.push(x.powi((total - j) as i32) * y.powi(j as i32));
        }
    }
    terms
}
