//! How the profile varies over an image: polynomials of the position for its width and its shear.
//!
//! 1. What a star leaves under the model is fitted by the derivatives of the profile by the logarithm of the
//!    width and the two components of the shear, beside flux and position: three numbers per star.
//! 2. Each of the three gets a polynomial of the position through all stars. Its degree is that which best
//!    predicts a star that took no part (least leave-one-out error).
//!
//! Three numbers of a star are far better determined than its pixels are, so that the model follows the
//! field with few stars; what is not of this form is left to the pixel basis.
//!
//! Reference: Jarvis et al. 2021 (2021MNRAS.501.1282J), section 3, for analytic profiles interpolated so.

use super::PsfModel;
use super::basis::{polynomial_terms, term_count, term_index};
use super::profile::StarProfile;
use super::star_fit::{PixelAt, StarFit};
use crate::linear_algebra::Cholesky;
use crate::statistics::robust_sigma;
use ndarray::{Array1, Array2, Array3, Axis};

/// Largest degree of the polynomials.
const MAX_DEGREE: usize = 3;
/// Stars beyond the number of coefficients that a degree needs.
const SPARE_STARS: usize = 3;
/// Error of a star's width and shear that no noise accounts for: faint neighbours, and the linear form.
const FLOOR: f64 = 0.002;
/// Step of the numerical derivatives of the profile.
const STEP: f64 = 0.01;
/// Step of the numerical derivative of a star by its position, pixels.
const STEP_PX: f64 = 0.05;
/// Stars beyond so many robust standard deviations do not count.
const CLIP_SIGMA: f64 = 4.0;
/// Flux, shifts along x and y, width, both components of the shear.
const PARAMETERS: usize = 6;

/// Change of the logarithm of the width and of the two components of the shear.
pub(super) type Change = [f64; 3];

/// A star's change against the profile, with standard errors, at a place in the polynomials' coordinates.
#[derive(Debug, Clone, Copy)]
pub(super) struct StarChange {
    /// Place, −1 to 1 over the image.
    pub at: (f64, f64),
    /// Change against the profile.
    pub change: Change,
    /// Standard errors.
    pub error: Change,
}

/// The change of the profile as polynomials of the position.
#[derive(Debug, Clone)]
pub(super) struct Variation {
    degree: usize,
    coefficients: [Vec<f64>; 3],
}

impl Variation {
    /// The profile is the same everywhere.
    pub fn none() -> Self {
        Self { degree: 0, coefficients: [vec![0.0], vec![0.0], vec![0.0]] }
    }

    /// Polynomials through the stars.
    pub fn through(stars: &[StarChange]) -> Self {
        let fits = [0, 1, 2].map(|k| Polynomial::clipped(stars, k));
        let degree = fits.iter().map(|fit| fit.degree).max().unwrap_or(0);
        Self { degree, coefficients: fits.map(|fit| fit.raised_to(degree)) }
    }

    /// Degree of the polynomials.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The change at a place in the polynomials' coordinates.
    pub fn at(&self, (u, v): (f64, f64)) -> Change {
        let terms = polynomial_terms(self.degree, u, v);
        [0, 1, 2].map(|k| dot(&self.coefficients[k], &terms))
    }

    /// The images of the basis: the profile in the constant term, and the derivatives times the
    /// coefficients, on a square grid of `2 · half + 1` points every `step_px`.
    pub fn images(&self, profile: &StarProfile, half: usize, step_px: f64) -> Array3<f64> {
        let n = 2 * half + 1;
        let offset = |k: usize| (k as f64 - half as f64) * step_px;
        let sampler = profile.sampler();
        let mut images = Array3::zeros((term_count(self.degree), n, n));
        let drawn = Array2::from_shape_fn((n, n), |(j, i)| sampler.pixel(offset(i), offset(j)));
        images.index_axis_mut(Axis(0), 0).assign(&drawn);
        for (derivative, coefficients) in derivatives(profile).iter().zip(&self.coefficients) {
            let drawn = Array2::from_shape_fn((n, n), |(j, i)| derivative(offset(i), offset(j)));
            for (mut image, c) in images.outer_iter_mut().zip(coefficients) {
                image.scaled_add(*c, &drawn);
            }
        }
        images
    }
}

/// Derivatives of a pixel's light by the logarithm of the width and the components of the shear.
fn derivatives(profile: &StarProfile) -> [impl Fn(f64, f64) -> f64; 3] {
    let changed = |k: usize, by: f64| {
        let mut changed = *profile;
        match k {
            0 => changed.fwhm_px *= by.exp(),
            1 => changed.g1 += by,
            _ => changed.g2 += by,
        }
        changed.sampler()
    };
    [0, 1, 2].map(|k| {
        let (more, less) = (changed(k, STEP), changed(k, -STEP));
        move |dx: f64, dy: f64| (more.pixel(dx, dy) - less.pixel(dx, dy)) / (2.0 * STEP)
    })
}

/// What a star that was fitted under `model` differs by from it: the change and its standard errors.
pub(super) fn change_of(
    model: &PsfModel,
    profile: &StarProfile,
    pixel: &PixelAt,
    star: &StarFit,
    radius: usize,
) -> Option<(Change, Change)> {
    let local = model.at(star.x, star.y);
    let first = (star.x.round() as i64 - radius as i64, star.y.round() as i64 - radius as i64);
    let n = 2 * radius + 1;
    let at = |dx: f64, dy: f64| local.stamp_on((star.x + dx, star.y + dy), first, n).values;
    let centre = at(0.0, 0.0);
    let along_x = (at(STEP_PX, 0.0) - at(-STEP_PX, 0.0)) / (2.0 * STEP_PX);
    let along_y = (at(0.0, STEP_PX) - at(0.0, -STEP_PX)) / (2.0 * STEP_PX);
    let by_shape = derivatives(profile);
    let mut normal = Array2::<f64>::zeros((PARAMETERS, PARAMETERS));
    let mut noise = normal.clone();
    let mut right = Array1::<f64>::zeros(PARAMETERS);
    let limit2 = (radius as f64 + 0.5).powi(2);
    for ((j, i), value) in centre.indexed_iter() {
        let (px, py) = (first.0 + i as i64, first.1 + j as i64);
        let (dx, dy) = (px as f64 - star.x, py as f64 - star.y);
        let Some((data, variance)) = pixel(px, py).filter(|_| dx * dx + dy * dy <= limit2) else {
            continue;
        };
        let [width, g1, g2] = [0, 1, 2].map(|k| by_shape[k](dx, dy));
        let design = [*value, along_x[[j, i]], along_y[[j, i]], width, g1, g2];
        for a in 0..PARAMETERS {
            right[a] += design[a] * data;
            for b in 0..PARAMETERS {
                normal[[a, b]] += design[a] * design[b];
                noise[[a, b]] += design[a] * design[b] * variance;
            }
        }
    }
    let factor = Cholesky::new(&normal)?;
    let (p, inverse) = (factor.solve(&right), factor.inverse());
    let covariance = inverse.dot(&noise).dot(&inverse);
    let is_star = p[0] > 0.0 && star.flux > 0.0;
    is_star.then(|| {
        let error = |k: usize| covariance[[3 + k, 3 + k]].max(0.0).sqrt() / p[0];
        ([p[3] / p[0], p[4] / p[0], p[5] / p[0]], [error(0), error(1), error(2)])
    })
}

/// A polynomial of the position.
struct Polynomial {
    degree: usize,
    coefficients: Vec<f64>,
    /// Weighted square of what it misses of stars that took no part, per star.
    unseen: f64,
}

impl Polynomial {
    const ZERO: Self = Self { degree: 0, coefficients: Vec::new(), unseen: f64::INFINITY };

    /// The best one through the `k`-th component, without stars that lie off.
    fn clipped(stars: &[StarChange], k: usize) -> Self {
        let mut kept: Vec<&StarChange> = stars.iter().collect();
        let mut fit = Self::best(&kept, k);
        for _ in 0..2 {
            let off = |s: &StarChange| (s.change[k] - fit.value(s.at)) / error(s, k);
            let mut sizes: Vec<f64> = kept.iter().map(|s| off(s)).collect();
            let limit = CLIP_SIGMA * robust_sigma(&mut sizes).max(1.0);
            kept.retain(|s| off(s).abs() <= limit);
            fit = Self::best(&kept, k);
        }
        fit
    }

    fn best(stars: &[&StarChange], k: usize) -> Self {
        let fits = (0..=MAX_DEGREE)
            .filter(|&degree| stars.len() >= term_count(degree) + SPARE_STARS)
            .filter_map(|degree| Self::of_degree(stars, k, degree));
        fits.min_by(|a, b| a.unseen.total_cmp(&b.unseen)).unwrap_or(Self::ZERO)
    }

    fn of_degree(stars: &[&StarChange], k: usize, degree: usize) -> Option<Self> {
        let count = term_count(degree);
        let mut normal = Array2::<f64>::zeros((count, count));
        let mut right = Array1::<f64>::zeros(count);
        let rows: Vec<(Vec<f64>, f64, f64)> = stars
            .iter()
            .map(|s| (polynomial_terms(degree, s.at.0, s.at.1), s.change[k], error(s, k).powi(-2)))
            .collect();
        for (terms, value, weight) in &rows {
            for a in 0..count {
                right[a] += weight * terms[a] * value;
                for b in 0..count {
                    normal[[a, b]] += weight * terms[a] * terms[b];
                }
            }
        }
        let factor = Cholesky::new(&normal)?;
        let coefficients = factor.solve(&right).to_vec();
        let inverse = factor.inverse();
        let missed = rows.iter().map(|(terms, value, weight)| {
            let t = Array1::from(terms.clone());
            // The leverage of a star: what it takes part in its own prediction with.
            let leverage = (weight * t.dot(&inverse.dot(&t))).min(0.99);
            weight * ((value - dot(&coefficients, terms)) / (1.0 - leverage)).powi(2)
        });
        let unseen = missed.sum::<f64>() / rows.len() as f64;
        Some(Self { degree, coefficients, unseen })
    }

    fn value(&self, (u, v): (f64, f64)) -> f64 {
        dot(&self.coefficients, &polynomial_terms(self.degree, u, v))
    }

    /// The coefficients as those of a higher degree.
    fn raised_to(self, degree: usize) -> Vec<f64> {
        let mut raised = vec![0.0; term_count(degree)];
        for j in 0..=self.degree {
            for i in 0..=self.degree - j {
                if let Some(c) = self.coefficients.get(term_index(self.degree, i, j)) {
                    raised[term_index(degree, i, j)] = *c;
                }
            }
        }
        raised
    }
}

/// Error of the `k`-th component.
fn error(star: &StarChange, k: usize) -> f64 {
    star.error[k].hypot(FLOOR)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(n: usize, width: impl Fn(f64, f64) -> f64) -> Vec<StarChange> {
        (0..n)
            .map(|k| {
                let place = |step: f64| 2.0 * (k as f64 * step).fract() - 1.0;
                let at = (place(0.618_034), place(0.414_214));
                // Noise of a tenth of the errors' floor, the same each time.
                let noise = 2e-4 * (k as f64 * 12.9898).sin();
                let change = [width(at.0, at.1) + noise, 0.01 * at.0 + noise, noise];
                StarChange { at, change, error: [1e-3; 3] }
            })
            .collect()
    }

    #[test]
    fn the_degree_follows_the_field_and_the_stars() {
        let curved = |u: f64, v: f64| 0.02 * u * u - 0.03 * u * v + 0.01;
        let found = Variation::through(&field(60, curved));
        let (u, v) = (0.3, -0.6);
        let change = found.at((u, v));
        assert!((change[0] - curved(u, v)).abs() < 2e-4, "{change:?}");
        assert!((change[1] - 0.01 * u).abs() < 2e-4 && change[2].abs() < 2e-4, "{change:?}");
        assert!(found.degree() >= 2);
        // Few stars bear few coefficients, too few none.
        assert!(Variation::through(&field(6, curved)).degree() <= 1);
        assert_eq!(Variation::through(&field(3, curved)).at((0.5, 0.5)), [0.0; 3]);
    }

    #[test]
    fn a_star_with_a_neighbour_does_not_count() {
        let mut stars = field(40, |u, _| 0.02 * u);
        stars[7].change = [0.5, 0.3, -0.2];
        let change = Variation::through(&stars).at((0.5, 0.5));
        assert!((change[0] - 0.01).abs() < 3e-4, "{change:?}");
    }
}
