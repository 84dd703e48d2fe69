//! Cosmic rays: charge that is sharper than any star can be, found, masked and interpolated.
//!
//! Two ways of finding it can be chosen. [`Method::Sharpness`] asks of each pixel whether it stands above
//! its neighbours by more than the PSF allows (Lupton's condition, as the SDSS pipeline had it);
//! [`Method::Laplacian`] is L.A.Cosmic (van Dokkum 2001). Both work on an image without its sky and
//! leave alone what touches a saturated pixel. Rays are groups of connected pixels.

mod interpolate;
mod laplacian;
mod sharpness;

pub use interpolate::interpolate;

use crate::image::{MaskedImage, mask_plane};
use crate::psf::PsfModel;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Pixels that are no measurement: they are neither rays nor tell what a pixel should be.
const UNKNOWN: u32 = mask_plane::BAD | mask_plane::NO_DATA;

/// How cosmic rays are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// They are not looked for.
    Off,
    /// Sharper than the PSF: Lupton's condition.
    Sharpness,
    /// L.A.Cosmic.
    Laplacian,
}

/// How cosmic rays are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosmicRayConfig {
    /// Which way.
    pub method: Method,
    /// Sharpness: height of a ray above the mean of two opposite neighbours, in units of the noise.
    pub min_sigma: f64,
    /// Sharpness: errors by which a ray must be sharper than allowed.
    pub margin_sigma: f64,
    /// Sharpness: part of the PSF's own ratio of neighbour to centre that a ray must stay below.
    pub psf_fraction: f64,
    /// Sharpness: charge of a whole ray, in units of a pixel's noise.
    pub min_total_sigma: f64,
    /// Sharpness: passes in which rays grow.
    pub grow_passes: usize,
    /// Laplacian: significance of the Laplacian of a ray.
    pub laplacian_sigma: f64,
    /// Laplacian: least contrast between the Laplacian and the fine structure.
    pub min_contrast: f64,
    /// Laplacian: part of the significance that pixels beside a ray need.
    pub neighbour_fraction: f64,
    /// Laplacian: rounds.
    pub rounds: usize,
}

impl Default for CosmicRayConfig {
    fn default() -> Self {
        Self {
            method: Method::Sharpness,
            min_sigma: 6.0,
            margin_sigma: 2.0,
            psf_fraction: 0.6,
            min_total_sigma: 7.0,
            grow_passes: 6,
            laplacian_sigma: 4.5,
            min_contrast: 2.0,
            neighbour_fraction: 0.3,
            rounds: 4,
        }
    }
}

/// One cosmic ray: its pixels as `[row, column]`.
pub type Ray = Vec<[usize; 2]>;

/// Find the cosmic rays of a sky-subtracted image.
pub fn find(image: &MaskedImage, psf: &PsfModel, config: &CosmicRayConfig) -> Vec<Ray> {
    let hit = match config.method {
        Method::Off => return Vec::new(),
        Method::Sharpness => sharpness::find(image, psf, config),
        Method::Laplacian => laplacian::find(image, config),
    };
    let mut rays = groups(&hit);
    if config.method == Method::Sharpness {
        // A single pixel that noise lifted above its neighbours holds less charge than any particle leaves.
        rays.retain(|ray| total_significance(image, ray) >= config.min_total_sigma);
    }
    rays
}

/// Mask the pixels of `rays` as `CR` and `INTRP`, and fill them from their surroundings.
pub fn repair(image: &mut MaskedImage, rays: &[Ray]) {
    for &at in rays.iter().flatten() {
        image.mask[at] |= mask_plane::CR | mask_plane::INTRP;
    }
    let pixels: Vec<[usize; 2]> = rays.iter().flatten().copied().collect();
    let unknown = UNKNOWN | mask_plane::CR | mask_plane::SAT;
    interpolate(image, &pixels, unknown);
}

/// Charge of a ray over the noise of one of its pixels without it.
fn total_significance(image: &MaskedImage, ray: &[[usize; 2]]) -> f64 {
    let charge: f64 = ray.iter().map(|&at| f64::from(image.image[at])).sum();
    let noise = ray.iter().map(|&at| image.variance[at]).fold(f32::INFINITY, f32::min);
    charge / f64::from(noise.max(1e-20)).sqrt()
}

/// Sets of hit pixels connected through any of their eight neighbours.
fn groups(hit: &Array2<bool>) -> Vec<Ray> {
    let (ny, nx) = hit.dim();
    let mut seen = Array2::from_elem(hit.dim(), false);
    let mut rays = Vec::new();
    for ((y, x), _) in hit.indexed_iter().filter(|(_, hit)| **hit) {
        if std::mem::replace(&mut seen[[y, x]], true) {
            continue;
        }
        let mut ray = vec![[y, x]];
        let mut next = 0;
        while let Some(&[y, x]) = ray.get(next) {
            next += 1;
            for v in y.saturating_sub(1)..(y + 2).min(ny) {
                for u in x.saturating_sub(1)..(x + 2).min(nx) {
                    if hit[[v, u]] && !std::mem::replace(&mut seen[[v, u]], true) {
                        ray.push([v, u]);
                    }
                }
            }
        }
        rays.push(ray);
    }
    rays
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psf::{RadialLaw, StarProfile};
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    const NOISE: f32 = 10.0;

    fn psf() -> PsfModel {
        PsfModel::Analytic(StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, 3.5))
    }

    fn sky(seed: u64) -> MaskedImage {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        MaskedImage {
            image: Array2::from_shape_simple_fn((200, 200), || {
                let v: f32 = StandardNormal.sample(&mut rng);
                NOISE * v
            }),
            mask: Array2::zeros((200, 200)),
            variance: Array2::from_elem((200, 200), NOISE * NOISE),
        }
    }

    fn add(image: &mut MaskedImage, at: [usize; 2], charge: f32) {
        image.image[at] += charge;
        image.variance[at] += charge;
    }

    fn with(method: Method) -> CosmicRayConfig {
        CosmicRayConfig { method, ..CosmicRayConfig::default() }
    }

    #[test]
    fn tracks_are_found_and_stars_are_left_alone() {
        for method in [Method::Sharpness, Method::Laplacian] {
            let mut image = sky(3);
            for (k, flux) in [300.0, 3_000.0, 30_000.0, 300_000.0].into_iter().enumerate() {
                let star = psf().stamp(40.0 + 35.3 * k as f64, 60.4, 30);
                for (row, column, value) in star.inside((200, 200)) {
                    add(&mut image, [row, column], (flux * value) as f32);
                }
            }
            // A straight track, a slanted one two pixels wide, and a single hit.
            (100..120).for_each(|x| add(&mut image, [150, x], 250.0));
            for k in 0..15 {
                add(&mut image, [100 + k, 20 + k], 200.0);
                add(&mut image, [100 + k, 21 + k], 200.0);
            }
            add(&mut image, [180, 180], 400.0);
            let rays = find(&image, &psf(), &with(method));
            let hits: usize = rays.iter().map(Vec::len).sum();
            assert_eq!(rays.len(), 3, "{method:?}: {rays:?}");
            // 51 pixels were hit; L.A.Cosmic takes some of those beside them.
            assert!((49..65).contains(&hits), "{method:?}: {hits} pixels");
        }
    }

    #[test]
    fn a_ray_is_masked_and_filled_with_its_surroundings() {
        let mut image = sky(4);
        (50..70).for_each(|x| add(&mut image, [80, x], 2_000.0));
        let rays = find(&image, &psf(), &CosmicRayConfig::default());
        repair(&mut image, &rays);
        for x in 50..70 {
            assert_eq!(image.mask[[80, x]], mask_plane::CR | mask_plane::INTRP);
            assert!(image.image[[80, x]].abs() < 5.0 * NOISE, "{}", image.image[[80, x]]);
        }
        assert_eq!(image.count(mask_plane::CR), 20);
    }

    #[test]
    fn switched_off_nothing_is_found() {
        let mut image = sky(5);
        add(&mut image, [80, 80], 5_000.0);
        assert!(find(&image, &psf(), &with(Method::Off)).is_empty());
    }
}
