//! The sky background: clipped means on a mesh, joined by a smooth surface.
//!
//! Cells hold some 128 × 128 pixels. Sources must be masked for the means to be unbiased; so the task of
//! an exposure estimates, detects, and estimates again with the detections masked.

mod mesh;
mod surface;

pub use mesh::{Cell, Mesh};

use crate::image::{MaskedImage, mask_plane};
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// Pixels that do not belong to the sky.
const NOT_SKY: u32 = mask_plane::BAD
    | mask_plane::SAT
    | mask_plane::CR
    | mask_plane::NO_DATA
    | mask_plane::DETECTED
    | mask_plane::DETECTED_NEGATIVE;

/// Surface through the cells' means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surface {
    /// Natural bicubic spline through the cell centres; linear beyond the outer ones.
    BicubicSpline,
    /// Chebyshev polynomial fitted to the cells with their inverse variances.
    Chebyshev {
        /// Total degree; lowered where there are too few cells.
        degree: usize,
    },
}

/// How the background is estimated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundConfig {
    /// Width and height of a cell, pixels; adapted so that cells tile the image evenly.
    pub cell_px: usize,
    /// Clipping of a cell's pixels about their median, standard deviations.
    pub clip_sigma: f64,
    /// Rounds of clipping.
    pub clip_rounds: usize,
    /// Fraction of a cell's pixels that must be sky; other cells are filled from their neighbours.
    pub min_sky_fraction: f64,
    /// Surface through the cells.
    pub surface: Surface,
}

impl Default for BackgroundConfig {
    fn default() -> Self {
        Self {
            cell_px: 128,
            clip_sigma: 3.0,
            clip_rounds: 5,
            min_sky_fraction: 0.1,
            surface: Surface::BicubicSpline,
        }
    }
}

/// A background estimate.
#[derive(Debug, Clone)]
pub struct Background {
    mesh: Mesh,
    surface: Surface,
}

impl Background {
    /// Estimate the background of `image`; `None` when no pixel is sky.
    pub fn estimate(image: &MaskedImage, config: &BackgroundConfig) -> Option<Self> {
        let mesh = Mesh::measure(image, NOT_SKY, config)?;
        Some(Self { mesh, surface: config.surface })
    }

    /// Value of the background at each pixel.
    pub fn to_image(&self) -> Array2<f32> {
        surface::evaluate(&self.mesh, self.surface)
    }

    /// Mean of the cells: the sky level.
    pub fn level(&self) -> f64 {
        self.mesh.cells().iter().map(|c| c.mean).sum::<f64>() / self.mesh.cells().len() as f64
    }

    /// Median over the cells of the pixels' standard deviation about the cell's mean: the sky noise.
    pub fn noise(&self) -> f64 {
        let mut sigmas: Vec<f64> = self.mesh.cells().iter().map(|c| c.sigma).collect();
        crate::statistics::median(&mut sigmas)
    }

    /// The cells it rests on.
    pub fn mesh(&self) -> &Mesh {
        &self.mesh
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    fn sky(ny: usize, nx: usize, level: impl Fn(f64, f64) -> f64) -> MaskedImage {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let noise = Normal::new(0.0, 10.0).unwrap();
        let image = Array2::from_shape_fn((ny, nx), |(y, x)| {
            (level(x as f64, y as f64) + noise.sample(&mut rng)) as f32
        });
        MaskedImage {
            image,
            mask: Array2::zeros((ny, nx)),
            variance: Array2::from_elem((ny, nx), 100.0),
        }
    }

    fn check_surface(surface: Surface) {
        let level = |x: f64, y: f64| 500.0 + 0.05 * x - 0.03 * y + 2e-5 * x * y;
        let mut image = sky(512, 640, level);
        // A tenth of the pixels lie under bright sources, which are masked.
        for y in 100..260 {
            for x in 200..400 {
                image.image[[y, x]] += 400.0;
                image.mask[[y, x]] |= mask_plane::DETECTED;
            }
        }
        let config = BackgroundConfig { surface, ..Default::default() };
        // As the task does: estimate, subtract, and estimate what is left.
        let first = Background::estimate(&image, &config).unwrap();
        image.image -= &first.to_image();
        let background = Background::estimate(&image, &config).unwrap();
        let total = first.to_image() + background.to_image();
        let worst = total
            .indexed_iter()
            .map(|((y, x), v)| (f64::from(*v) - level(x as f64, y as f64)).abs())
            .fold(0.0, f64::max);
        // A cell's mean is uncertain by 0.08 to 0.12; extrapolation to the corners multiplies that by
        // some three, and the worst of twenty cells lies two standard deviations off.
        assert!(worst < 0.8, "{surface:?}: worst error {worst}");
        assert!((background.noise() - 10.0).abs() < 0.3, "noise {}", background.noise());
    }

    #[test]
    fn a_tilted_sky_is_followed_under_masked_sources() {
        check_surface(Surface::BicubicSpline);
        check_surface(Surface::Chebyshev { degree: 3 });
    }

    #[test]
    fn an_image_smaller_than_a_cell_has_a_constant_background() {
        let image = sky(51, 41, |_, _| 100.0);
        let background = Background::estimate(&image, &BackgroundConfig::default()).unwrap();
        let values = background.to_image();
        assert!(values.iter().all(|v| *v == values[[0, 0]]));
        assert!((background.level() - 100.0).abs() < 4.0 * 10.0 / (51.0f64 * 41.0).sqrt());
    }

    #[test]
    fn an_image_without_sky_has_no_background() {
        let mut image = sky(64, 64, |_, _| 0.0);
        image.mask.fill(mask_plane::NO_DATA);
        assert!(Background::estimate(&image, &BackgroundConfig::default()).is_none());
    }
}
