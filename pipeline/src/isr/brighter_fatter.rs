//! Brighter-fatter: charge that fell into a neighbour because boundaries had moved goes back.
//!
//! The boundary between two pixels stands off by the difference of φ = K * Q/2 across it: K is the
//! measured potential of an electron, Q the charge in the end, half of which was there on average while
//! light came. What crossed it is the shift times the light at the boundary, so that the light L obeys
//!
//! ```text
//!     Q = L + Σ (over the four boundaries) ½ (φ_neighbour − φ_own) (L_own + L_neighbour) ,   φ = K * Q/2
//! ```
//!
//! which is solved for L by iteration from L = Q. What one pixel loses another gains: the sum over the
//! detector is kept to rounding. To first order this is the correction of Coulton et al. 2018
//! (2018AJ....155..258C), L = Q + ½ ∇·(Q ∇(K * Q)) in their sign of K.

use std::fmt;

use ndarray::{Array2, Axis, Zip, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::calibration::BrighterFatterKernel;
use crate::image::MaskedImage;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrighterFatterConfig {
    /// Is it done?
    pub enabled: bool,
    /// Iterations at most.
    pub iterations: usize,
    /// It ends when no pixel changes by more than this, electrons.
    pub tolerance_e: f64,
}

impl Default for BrighterFatterConfig {
    fn default() -> Self {
        Self { enabled: true, iterations: 10, tolerance_e: 0.5 }
    }
}

/// How the iteration went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrighterFatterReport {
    /// Iterations.
    pub iterations: usize,
    /// Largest change of a pixel in the last one, electrons.
    pub last_change_e: f64,
    /// Largest change of a pixel by the whole correction, electrons.
    pub largest_e: f64,
}

impl fmt::Display for BrighterFatterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iterations, last_change_e, largest_e } = self;
        write!(
            f,
            "brighter-fatter: a pixel changed by up to {largest_e:.0} electrons, in the last of \
             {iterations} iterations by {last_change_e:.2}"
        )
    }
}

/// Put the charge of an image (electrons) back where its light fell.
pub fn correct(
    pixels: &mut MaskedImage,
    kernel: &BrighterFatterKernel,
    config: &BrighterFatterConfig,
) -> BrighterFatterReport {
    let charge = pixels.image.clone();
    let potential = convolve(&charge, &kernel.half_image());
    let mut report = BrighterFatterReport { iterations: 0, last_change_e: 0.0, largest_e: 0.0 };
    let mut light = charge.clone();
    while report.iterations < config.iterations {
        let next = relieved(&charge, &light, &potential);
        report.last_change_e = largest_difference(&next, &light);
        report.iterations += 1;
        light = next;
        if report.last_change_e <= config.tolerance_e {
            break;
        }
    }
    report.largest_e = largest_difference(&light, &charge);
    pixels.image = light;
    report
}

fn largest_difference(a: &Array2<f32>, b: &Array2<f32>) -> f64 {
    let rows = a.axis_iter(Axis(0)).into_par_iter().zip(b.axis_iter(Axis(0)).into_par_iter());
    let largest = rows.map(|(a, b)| {
        Zip::from(a).and(b).fold(0.0_f32, |largest, a, b| largest.max((a - b).abs()))
    });
    f64::from(largest.reduce(|| 0.0, f32::max))
}

/// The charge less what crossed the boundaries, were `light` the light.
fn relieved(charge: &Array2<f32>, light: &Array2<f32>, potential: &Array2<f32>) -> Array2<f32> {
    let (ny, nx) = charge.dim();
    let mut next = charge.clone();
    next.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(y, mut row)| {
        let row = row.as_slice_mut().unwrap_or_default();
        let own = (light.row(y), potential.row(y));
        let (own_light, own_potential) =
            (own.0.as_slice().unwrap_or_default(), own.1.as_slice().unwrap_or_default());
        // What a pixel gained over a boundary: half the difference of the potentials times the light of both.
        let above_and_below = [y.checked_sub(1), (y + 1 < ny).then_some(y + 1)];
        for other in above_and_below.into_iter().flatten() {
            let (other_light, other_potential) = (light.row(other), potential.row(other));
            let other_light = other_light.as_slice().unwrap_or_default();
            let other_potential = other_potential.as_slice().unwrap_or_default();
            for x in 0..row.len() {
                row[x] -=
                    0.5 * (other_potential[x] - own_potential[x]) * (own_light[x] + other_light[x]);
            }
        }
        for x in 0..nx.saturating_sub(1) {
            let crossed =
                0.5 * (own_potential[x + 1] - own_potential[x]) * (own_light[x] + own_light[x + 1]);
            row[x] -= crossed;
            row[x + 1] += crossed;
        }
    });
    next
}

/// The image convolved with a small kernel that is symmetric in rows; beyond the image there is nothing.
fn convolve(image: &Array2<f32>, kernel: &Array2<f32>) -> Array2<f32> {
    let (ny, nx) = image.dim();
    let (size_y, size_x) = kernel.dim();
    let (lag_y, lag_x) = (size_y / 2, size_x / 2);
    let mut convolved = Array2::<f32>::zeros((ny, nx));
    convolved.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each_init(
        || vec![0.0_f32; nx + 2 * lag_x],
        |pairs, (y, mut out)| {
            let Some(out) = out.as_slice_mut() else { return };
            for dy in 0..=lag_y {
                pairs.fill(0.0);
                // Rows at the same distance above and below share their weights.
                let below = (dy > 0).then(|| y.checked_sub(dy)).flatten();
                let above = (y + dy < ny).then_some(y + dy);
                for other in [below, above].into_iter().flatten() {
                    let row = image.slice(s![other, ..]);
                    pairs[lag_x..lag_x + nx].iter_mut().zip(row).for_each(|(sum, v)| *sum += v);
                }
                for dx in 0..size_x {
                    let weight = kernel[[lag_y + dy, dx]];
                    let shifted = &pairs[dx..dx + nx];
                    out.iter_mut().zip(shifted).for_each(|(out, v)| *out += weight * v);
                }
            }
        },
    );
    convolved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::mask_plane;

    fn kernel() -> BrighterFatterKernel {
        // A potential of the size that a00 = -2.5e-6 gives.
        let lag = 3_i64;
        let k = |dx: i64, dy: i64| 8e-7 * (-((dx * dx + dy * dy) as f64) / 3.0).exp();
        BrighterFatterKernel {
            lag: 3,
            values: (-lag..=lag).flat_map(|y| (-lag..=lag).map(move |x| k(x, y))).collect(),
        }
    }

    fn star(peak: f32) -> MaskedImage {
        let image = Array2::from_shape_fn((41, 45), |(y, x)| {
            let r2 = (x as f32 - 22.3).powi(2) + (y as f32 - 19.6).powi(2);
            500.0 + peak * (-r2 / (2.0 * 1.8 * 1.8)).exp()
        });
        let (mask, variance) = (Array2::zeros((41, 45)), image.clone());
        MaskedImage { image, mask, variance }
    }

    #[test]
    fn charge_is_kept_and_goes_back_to_the_middle() {
        let mut pixels = star(1e5);
        let before = pixels.image.clone();
        let report = correct(&mut pixels, &kernel(), &BrighterFatterConfig::default());
        assert!(report.last_change_e < 0.5 && report.iterations < 10, "{report}");
        let sum = |image: &Array2<f32>| image.iter().map(|&v| f64::from(v)).sum::<f64>();
        assert!((sum(&pixels.image) / sum(&before) - 1.0).abs() < 1e-7);
        assert!(pixels.image[[20, 22]] > before[[20, 22]] + 100.0, "{report}");
        assert_eq!(pixels.count(mask_plane::BAD), 0);
    }

    #[test]
    fn the_light_found_makes_the_charge_seen() {
        let mut pixels = star(8e4);
        let charge = pixels.image.clone();
        let config = BrighterFatterConfig { iterations: 30, tolerance_e: 0.01, enabled: true };
        correct(&mut pixels, &kernel(), &config);
        // The equation itself: charge = light + what crossed.
        let potential = convolve(&charge, &kernel().half_image());
        let again = relieved(&charge, &pixels.image, &potential);
        assert!(largest_difference(&again, &pixels.image) < 0.1);
    }

    #[test]
    fn an_even_image_stays_even_away_from_its_edges() {
        let mut pixels = star(0.0);
        correct(&mut pixels, &kernel(), &BrighterFatterConfig::default());
        let inner = pixels.image.slice(s![6..35, 6..39]);
        assert!(inner.iter().all(|v| (v - 500.0).abs() < 1e-3));
    }
}
