//! Interpolation: a likely value for pixels that tell nothing, from the pixels beside them in their row.
//!
//! The value is the linear combination of the nearest good pixels that has the least expected error, if
//! an image's pixels are correlated as light through a Gaussian PSF is, and its weights sum to 1 (so
//! that the sky stays what it is). Known as linear prediction, or ordinary kriging. A run of bad pixels
//! that is wider than the PSF gets the mean of its surroundings. `INTRP` says where.

use ndarray::{Array1, Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::image::{MaskedImage, mask_plane};
use crate::linear_algebra::Cholesky;

/// Variance of noise over that of the light, which keeps the weights calm.
const NOISE_FRACTION: f64 = 0.01;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterpolationConfig {
    /// Is it done?
    pub enabled: bool,
    /// Pixels of these mask planes are replaced.
    pub planes: Vec<String>,
    /// Width of the PSF that is assumed, pixels.
    pub psf_sigma_px: f64,
    /// Good pixels that are used on each side.
    pub neighbours: usize,
}

impl Default for InterpolationConfig {
    fn default() -> Self {
        let planes = ["BAD", "SAT", "NO_DATA"].map(str::to_owned).to_vec();
        Self { enabled: true, planes, psf_sigma_px: 1.5, neighbours: 3 }
    }
}

impl InterpolationConfig {
    fn bits(&self) -> u32 {
        let planes = mask_plane::ALL.iter();
        let meant = planes.filter(|(name, _)| self.planes.iter().any(|plane| plane == name));
        meant.fold(0, |bits, (_, plane)| bits | plane)
    }

    /// Planes that there are not.
    pub(super) fn unknown_planes(&self) -> Vec<String> {
        let known = |name: &str| mask_plane::ALL.iter().any(|(plane, _)| *plane == name);
        let unknown = self.planes.iter().filter(|name| !known(name));
        unknown.map(|name| format!("interpolation.planes: there is no mask plane {name}")).collect()
    }
}

/// Replace the bad pixels of an image.
pub fn interpolate(pixels: &mut MaskedImage, config: &InterpolationConfig) {
    let bits = config.bits();
    let fallback = typical(pixels, bits);
    let rows = pixels.image.axis_iter_mut(Axis(0)).into_par_iter();
    let rows = rows.zip(pixels.mask.axis_iter_mut(Axis(0)).into_par_iter());
    let rows = rows.zip(pixels.variance.axis_iter_mut(Axis(0)).into_par_iter());
    rows.for_each(|((mut image, mut mask), mut variance)| {
        let bad: Vec<usize> = (0..mask.len()).filter(|&x| mask[x] & bits != 0).collect();
        if bad.is_empty() {
            return;
        }
        let (old, noise) = (image.to_owned(), variance.to_owned());
        let good = |x: usize| mask[x] & bits == 0;
        let mut replaced = vec![];
        for &x in &bad {
            let left = (0..x).rev().filter(|&x| good(x)).take(config.neighbours);
            let right = (x + 1..mask.len()).filter(|&x| good(x)).take(config.neighbours);
            let near: Vec<usize> = left.chain(right).collect();
            let value = match weights(x, &near, config.psf_sigma_px) {
                Some(weights) => (
                    near.iter().zip(&weights).map(|(&at, w)| w * f64::from(old[at])).sum(),
                    near.iter().zip(&weights).map(|(&at, w)| w.abs() * f64::from(noise[at])).sum(),
                ),
                None => fallback,
            };
            replaced.push((x, value));
        }
        for (x, (value, noise)) in replaced {
            image[x] = value as f32;
            variance[x] = noise as f32;
            mask[x] |= mask_plane::INTRP;
        }
    });
}

/// Mean and variance of the good pixels, for rows that have none.
fn typical(pixels: &MaskedImage, bits: u32) -> (f64, f64) {
    let (mut sum, mut variance, mut n) = (0.0, 0.0, 0.0);
    // One pixel in a hundred knows the level well enough.
    for ((value, mask), noise) in
        pixels.image.iter().zip(&pixels.mask).zip(&pixels.variance).step_by(97)
    {
        if mask & bits == 0 {
            sum += f64::from(*value);
            variance += f64::from(*noise);
            n += 1.0;
        }
    }
    if n > 0.0 { (sum / n, variance / n) } else { (0.0, 1.0) }
}

/// Weights of good pixels for the one at `x`; `None` without any.
fn weights(x: usize, near: &[usize], sigma: f64) -> Option<Vec<f64>> {
    let nearest = near.iter().map(|&at| at.abs_diff(x)).min()?;
    if nearest as f64 > 4.0 * sigma {
        // Nothing is correlated with it: all count alike.
        return Some(vec![1.0 / near.len() as f64; near.len()]);
    }
    let correlation = |a: usize, b: usize| {
        let d = a.abs_diff(b) as f64 / sigma;
        (-0.25 * d * d).exp()
    };
    let n = near.len();
    let covariance = Array2::from_shape_fn((n, n), |(i, j)| {
        correlation(near[i], near[j]) + if i == j { NOISE_FRACTION } else { 0.0 }
    });
    let factor = Cholesky::new(&covariance)?;
    let towards = factor.solve(&near.iter().map(|&at| correlation(at, x)).collect::<Array1<f64>>());
    let even = factor.solve(&Array1::ones(n));
    // The multiplier that lets the weights sum to 1.
    let share = (1.0 - towards.sum()) / even.sum();
    Some((towards + even * share).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A star on a sky, with a dead column through it.
    fn star(width: usize) -> (MaskedImage, MaskedImage) {
        let image = Array2::from_shape_fn((31, 40), |(y, x)| {
            let r2 = (x as f32 - 19.7).powi(2) + (y as f32 - 15.2).powi(2);
            200.0 + 5000.0 * (-r2 / (2.0 * 1.7 * 1.7)).exp()
        });
        let whole = MaskedImage {
            mask: Array2::zeros(image.dim()),
            variance: Array2::from_elem(image.dim(), 200.0),
            image,
        };
        let mut broken = whole.clone();
        for y in 0..31 {
            for x in 20..20 + width {
                broken.image[[y, x]] = -9999.0;
                broken.mask[[y, x]] |= mask_plane::BAD;
            }
        }
        (whole, broken)
    }

    #[test]
    fn a_dead_column_through_a_star_is_filled_to_a_few_per_cent() {
        for (width, allowed) in [(1, 0.025), (2, 0.04), (3, 0.04)] {
            let (whole, mut broken) = star(width);
            interpolate(&mut broken, &InterpolationConfig::default());
            let worst = (&broken.image - &whole.image).fold(0.0_f32, |worst, d| worst.max(d.abs()));
            assert!(f64::from(worst) < allowed * 5000.0, "{width}: {worst}");
            assert_eq!(broken.count(mask_plane::INTRP), 31 * width);
            assert!(broken.variance.iter().all(|v| *v > 0.0));
        }
    }

    #[test]
    fn the_sky_stays_what_it_is_in_wide_holes_and_at_edges() {
        let (_, mut broken) = star(1);
        broken.image.fill(200.0);
        broken.mask.fill(0);
        for x in (0..5).chain(12..35) {
            broken.image[[3, x]] = 1e6;
            broken.mask[[3, x]] |= mask_plane::SAT;
        }
        broken.mask.row_mut(7).fill(mask_plane::NO_DATA);
        broken.image.row_mut(7).fill(0.0);
        interpolate(&mut broken, &InterpolationConfig::default());
        assert!(broken.image.iter().all(|v| (v - 200.0).abs() < 0.01));
        assert_eq!(broken.count(mask_plane::INTRP), 28 + 40);
    }
}
