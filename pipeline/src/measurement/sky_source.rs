//! Sky sources: empty places that are measured as if there were something.
//!
//! Their fluxes scatter about zero by as much as the errors of faint sources should say; if they do
//! not, the sky or the variance is wrong.

use crate::image::{MaskedImage, mask_plane};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};

/// Pixels of sources, and those that hold no measured light.
const NOT_EMPTY: u32 = mask_plane::DETECTED
    | mask_plane::DETECTED_NEGATIVE
    | mask_plane::BAD
    | mask_plane::SAT
    | mask_plane::CR
    | mask_plane::NO_DATA
    | mask_plane::EDGE;
/// Distance from anything else, in units of the PSF's full width.
const CLEARANCE_FWHM: f64 = 1.0;
/// Places that are tried for each that is wanted.
const TRIALS: usize = 20;

/// Choose up to `n` empty places, as columns and rows; equal seeds choose the same.
pub fn places(image: &MaskedImage, fwhm_px: f64, n: usize, seed: u64) -> Vec<(f64, f64)> {
    let (ny, nx) = image.mask.dim();
    let clearance = (CLEARANCE_FWHM * fwhm_px).ceil() as i64;
    // Other numbers than those that stand in for neighbours.
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed ^ 0x5b5b_5b5b);
    let mut chosen: Vec<(f64, f64)> = Vec::new();
    for _ in 0..TRIALS * n {
        if chosen.len() == n {
            break;
        }
        let (x, y) = (rng.random_range(0.0..nx as f64), rng.random_range(0.0..ny as f64));
        let apart = |&(u, v): &(f64, f64)| (u - x).hypot(v - y) > 2.0 * clearance as f64;
        if is_empty(&image.mask, (x.round() as i64, y.round() as i64), clearance)
            && chosen.iter().all(apart)
        {
            chosen.push((x, y));
        }
    }
    chosen
}

fn is_empty(mask: &Array2<u32>, (x, y): (i64, i64), reach: i64) -> bool {
    (y - reach..=y + reach).all(|v| {
        (x - reach..=x + reach).all(|u| {
            let at = usize::try_from(v).ok().zip(usize::try_from(u).ok());
            at.and_then(|(v, u)| mask.get([v, u])).is_some_and(|bits| bits & NOT_EMPTY == 0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_keep_away_from_sources_and_each_other() {
        let mut mask = Array2::zeros((200, 200));
        mask.slice_mut(ndarray::s![50..150, 40..120]).fill(mask_plane::DETECTED);
        let plane = Array2::<f32>::ones((200, 200));
        let image = MaskedImage { image: plane.clone(), mask, variance: plane };
        let places = places(&image, 4.0, 30, 7);
        assert_eq!(places.len(), 30);
        for (k, &(x, y)) in places.iter().enumerate() {
            assert!(!((36.4..123.6).contains(&x) && (46.4..153.6).contains(&y)), "{x}, {y}");
            assert!(places[..k].iter().all(|&(u, v)| (u - x).hypot(v - y) > 8.0));
        }
        assert_eq!(places, super::places(&image, 4.0, 30, 7));
    }

    #[test]
    fn a_full_image_has_no_empty_place() {
        let plane = Array2::<f32>::ones((50, 50));
        let mask = Array2::from_elem((50, 50), mask_plane::DETECTED);
        let image = MaskedImage { image: plane.clone(), mask, variance: plane };
        assert!(places(&image, 4.0, 10, 7).is_empty());
    }
}
