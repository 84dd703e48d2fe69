//! Lupton's condition: a pixel that exceeds its neighbours by more than a star centred on it could.
//!
//! With the mean `m_d` of two opposite neighbours along one of four directions, a pixel of value `p` is hit
//! if it stands above one of the means by `min_sigma` of its noise, and if along one direction
//! `m_d + c σ(m_d) < t_d (p − c σ(p))`, where `t_d` is a part of the PSF's own ratio of `m_d` to `p` when a
//! star is centred on the pixel: nowhere does a star fall off faster. Pixels beside a hit are tested
//! again at half the height and without margin, with the hits filled from their surroundings: so rays
//! are followed to their ends.

use super::{CosmicRayConfig, UNKNOWN, interpolate};
use crate::image::{MaskedImage, mask_plane};
use crate::psf::PsfModel;
use ndarray::Array2;
use rayon::prelude::*;

/// Half of the pairs of opposite neighbours: steps along rows and columns.
const DIRECTIONS: [(isize, isize); 4] = [(0, 1), (1, 0), (1, 1), (1, -1)];

/// A star's place is unknown within its pixel; its sharpest appearance is that of a centred star.
fn psf_ratios(psf: &PsfModel, (ny, nx): (usize, usize)) -> [f64; 4] {
    let stamp = psf.stamp((nx / 2) as f64, (ny / 2) as f64, 1).values;
    let centre = stamp[[1, 1]];
    DIRECTIONS.map(|(dy, dx)| stamp[[(1 + dy) as usize, (1 + dx) as usize]] / centre)
}

/// How sharp a pixel must be.
struct Condition {
    min_sigma: f64,
    margin_sigma: f64,
    ratios: [f64; 4],
}

impl Condition {
    /// Is the pixel sharper than a star? Neighbours without data speak neither for nor against.
    fn holds(&self, image: &MaskedImage, [y, x]: [usize; 2]) -> bool {
        let value = f64::from(image.image[[y, x]]);
        let noise = f64::from(image.variance[[y, x]]).sqrt();
        // Most pixels end here: a ray stands above the sky as well as above its neighbours.
        if value < self.min_sigma * noise * 0.5 {
            return false;
        }
        let (mut stands_out, mut is_sharp) = (false, false);
        let peak = value - self.margin_sigma * noise;
        for ((dy, dx), ratio) in DIRECTIONS.into_iter().zip(self.ratios) {
            let before = [y.wrapping_add_signed(-dy), x.wrapping_add_signed(-dx)];
            let after = [y.wrapping_add_signed(dy), x.wrapping_add_signed(dx)];
            let (Some(a), Some(b)) = (known(image, before), known(image, after)) else { continue };
            let mean = 0.5 * (a.0 + b.0);
            let error = 0.5 * (a.1 + b.1).max(0.0).sqrt();
            stands_out |= value > mean + self.min_sigma * noise;
            is_sharp |= mean + self.margin_sigma * error < ratio * peak;
        }
        stands_out && is_sharp
    }
}

/// Value and variance of a pixel.
fn known(image: &MaskedImage, at: [usize; 2]) -> Option<(f64, f64)> {
    let bits = *image.mask.get(at)?;
    (bits & UNKNOWN == 0).then(|| (f64::from(image.image[at]), f64::from(image.variance[at])))
}

/// Can a ray be told here at all: away from the border, from saturation and from what is unknown?
fn is_testable(image: &MaskedImage, [y, x]: [usize; 2]) -> bool {
    let (ny, nx) = image.mask.dim();
    if y == 0 || x == 0 || y + 1 >= ny || x + 1 >= nx || image.mask[[y, x]] & UNKNOWN != 0 {
        return false;
    }
    (y - 1..y + 2).all(|v| (x - 1..x + 2).all(|u| image.mask[[v, u]] & mask_plane::SAT == 0))
}

/// The pixels that are hit.
pub(super) fn find(image: &MaskedImage, psf: &PsfModel, config: &CosmicRayConfig) -> Array2<bool> {
    let (ny, nx) = image.image.dim();
    let ratios = psf_ratios(psf, (ny, nx)).map(|ratio| config.psf_fraction * ratio);
    let seed = Condition { min_sigma: config.min_sigma, margin_sigma: config.margin_sigma, ratios };
    let seeds: Vec<[usize; 2]> = (0..ny)
        .into_par_iter()
        .flat_map_iter(|y| {
            let seed = &seed;
            (0..nx)
                .map(move |x| [y, x])
                .filter(move |&at| seed.holds(image, at) && is_testable(image, at))
        })
        .collect();
    let mut hit = Array2::from_elem((ny, nx), false);
    seeds.iter().for_each(|&at| hit[at] = true);
    grow(image, &mut hit, seeds, config, ratios);
    hit
}

/// Follow rays from their seeds, on an image from which what was found is taken away.
fn grow(
    image: &MaskedImage,
    hit: &mut Array2<bool>,
    seeds: Vec<[usize; 2]>,
    config: &CosmicRayConfig,
    ratios: [f64; 4],
) {
    if seeds.is_empty() {
        return;
    }
    let condition = Condition { min_sigma: 0.5 * config.min_sigma, margin_sigma: 0.0, ratios };
    let mut cleaned = image.clone();
    let mut newest = seeds;
    for _ in 0..config.grow_passes {
        for &at in &newest {
            cleaned.mask[at] |= mask_plane::CR;
        }
        let unknown = UNKNOWN | mask_plane::CR | mask_plane::SAT;
        interpolate(&mut cleaned, &newest, unknown);
        let mut beside: Vec<[usize; 2]> =
            newest.iter().flat_map(|&at| neighbours(at, hit.dim())).collect();
        beside.sort_unstable();
        beside.dedup();
        beside.retain(|&at| !hit[at] && is_testable(image, at) && condition.holds(&cleaned, at));
        if beside.is_empty() {
            break;
        }
        beside.iter().for_each(|&at| hit[at] = true);
        newest = beside;
    }
}

fn neighbours([y, x]: [usize; 2], (ny, nx): (usize, usize)) -> impl Iterator<Item = [usize; 2]> {
    (y.saturating_sub(1)..(y + 2).min(ny))
        .flat_map(move |v| (x.saturating_sub(1)..(x + 2).min(nx)).map(move |u| [v, u]))
}
