//! L.A.Cosmic: rays have edges, which the Laplacian shows; stars, sampled as they are, have none.
//!
//! On an image subsampled twice, the Laplacian of each part of a pixel of value `v` with the neighbours
//! `h` and `w` beside it is `2v − h − w`; negative parts are cut off, and the mean `L` of the four over
//! twice the noise is the significance `S`. What is smooth over five pixels is taken off, `S′ = S − med₅ S`.
//! A pixel is hit if `S′` exceeds its limit and `L` the fine structure `F = med₃ − med₇ med₃` by a
//! factor; then pixels beside it at a lower limit. Medians are only taken where `S` is large.
//!
//! Each round works on an image in which the rays of the earlier ones are filled. There the ends of tracks
//! stand alone that the brighter pixels beside them hid; a limit between the two suffices for them.
//!
//! Reference: van Dokkum 2001 (2001PASP..113.1420V).

use super::{CosmicRayConfig, UNKNOWN, interpolate};
use crate::image::{MaskedImage, mask_plane};
use ndarray::Array2;
use rayon::prelude::*;

/// Fine structure below this part of the noise is none.
const LEAST_STRUCTURE: f64 = 0.01;

/// The pixels that are hit.
pub(super) fn find(image: &MaskedImage, config: &CosmicRayConfig) -> Array2<bool> {
    let mut cleaned = image.clone();
    let mut hit = Array2::from_elem(image.image.dim(), false);
    for _ in 0..config.rounds {
        let found = Round::new(&cleaned, config).find(&hit);
        let fresh: Vec<[usize; 2]> = found.into_iter().filter(|&at| !hit[at]).collect();
        if fresh.is_empty() {
            break;
        }
        for &at in &fresh {
            hit[at] = true;
            cleaned.mask[at] |= mask_plane::CR;
        }
        let unknown = UNKNOWN | mask_plane::CR | mask_plane::SAT;
        interpolate(&mut cleaned, &fresh, unknown);
    }
    hit
}

struct Round<'a> {
    image: &'a MaskedImage,
    config: &'a CosmicRayConfig,
    /// Significance of the Laplacian.
    significance: Array2<f32>,
}

impl<'a> Round<'a> {
    fn new(image: &'a MaskedImage, config: &'a CosmicRayConfig) -> Self {
        let (ny, nx) = image.image.dim();
        let mut significance = Array2::<f32>::zeros((ny, nx));
        significance.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut row)| {
            let at = |y: usize, x: usize| image.image[[y, x]];
            for (x, out) in row.iter_mut().enumerate() {
                let v = at(y, x);
                // Beyond the border the image goes on as it is at the border.
                let sides = [at(y, x.saturating_sub(1)), at(y, (x + 1).min(nx - 1))];
                let ends = [at(y.saturating_sub(1), x), at((y + 1).min(ny - 1), x)];
                let mut sum = 0.0;
                for side in sides {
                    for end in ends {
                        sum += (2.0 * v - side - end).max(0.0);
                    }
                }
                // The mean of the four over the subsampling factor 2.
                *out = sum / 8.0 / image.variance[[y, x]].max(1e-20).sqrt();
            }
        });
        Self { image, config, significance }
    }

    /// Pixels that are hit, given those of earlier rounds.
    fn find(&self, known: &Array2<bool>) -> Vec<[usize; 2]> {
        let limit = self.config.laplacian_sigma;
        let beside_known = 0.5 * (1.0 + self.config.neighbour_fraction) * limit;
        let (ny, nx) = self.image.image.dim();
        let mut hits: Vec<[usize; 2]> = (0..ny)
            .into_par_iter()
            .flat_map_iter(|y| (0..nx).map(move |x| [y, x]))
            .filter(|&at| {
                let is_beside = || around(at, 1, (ny, nx)).any(|near| known[near]);
                let significance = f64::from(self.significance[at]);
                let limit =
                    if significance > beside_known && is_beside() { beside_known } else { limit };
                significance > limit
                    && self.is_testable(at)
                    && self.sharpened(at) > limit
                    && self.contrast(at) > self.config.min_contrast
            })
            .collect();
        for limit in [limit, self.config.neighbour_fraction * limit] {
            let mut beside: Vec<[usize; 2]> =
                hits.iter().flat_map(|&at| around(at, 1, (ny, nx))).collect();
            beside.sort_unstable();
            beside.dedup();
            beside.retain(|&at| self.is_testable(at) && self.sharpened(at) > limit);
            hits.extend(beside);
            hits.sort_unstable();
            hits.dedup();
        }
        hits
    }

    fn is_testable(&self, at: [usize; 2]) -> bool {
        self.image.mask[at] & UNKNOWN == 0
            && around(at, 1, self.image.mask.dim())
                .all(|near| self.image.mask[near] & mask_plane::SAT == 0)
    }

    /// `S′`.
    fn sharpened(&self, at: [usize; 2]) -> f64 {
        let smooth = median_around(at, 2, self.significance.dim(), |p| self.significance[p]);
        f64::from(self.significance[at] - smooth)
    }

    /// `L / F`.
    fn contrast(&self, at: [usize; 2]) -> f64 {
        let shape = self.image.image.dim();
        let median3 = |p: [usize; 2]| median_around(p, 1, shape, |q| self.image.image[q]);
        let fine = median3(at) - median_around(at, 3, shape, median3);
        let noise = f64::from(self.image.variance[at].max(1e-20)).sqrt();
        let laplacian = 2.0 * noise * f64::from(self.significance[at]);
        laplacian / f64::from(fine).max(LEAST_STRUCTURE * noise)
    }
}

/// Pixels within `reach` of one along both axes, itself included.
fn around(
    [y, x]: [usize; 2],
    reach: usize,
    (ny, nx): (usize, usize),
) -> impl Iterator<Item = [usize; 2]> {
    let columns = x.saturating_sub(reach)..(x + reach + 1).min(nx);
    (y.saturating_sub(reach)..(y + reach + 1).min(ny))
        .flat_map(move |v| columns.clone().map(move |u| [v, u]))
}

fn median_around(
    at: [usize; 2],
    reach: usize,
    shape: (usize, usize),
    value: impl Fn([usize; 2]) -> f32,
) -> f32 {
    let mut values: Vec<f32> = around(at, reach, shape).map(value).collect();
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
