//! Fringes: interference of the night sky's lines in thin silicon, as strong as the sky.
//!
//! The amplitude is that by which the fringe frame must be multiplied to follow the image at many random
//! places: the mean of a small box less that of a wide one around it, in both images, fitted through the
//! origin with outliers clipped. Stars raise a few boxes, which go; what remains is the pattern.

use ndarray::{Array2, s};
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::calibration::{CalibrationError, CalibrationFrame};
use crate::error::Result;
use crate::image::MaskedImage;
use crate::statistics::{median, robust_sigma};

/// Half the sides of the boxes: 7 and 61 pixels.
const HALF_SMALL: usize = 3;
const HALF_LARGE: usize = 30;
/// Rounds of clipping at most.
const ROUNDS: usize = 20;
/// Places of which the fit needs so many.
const LEAST_PLACES: usize = 50;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FringeConfig {
    /// Is it done?
    pub enabled: bool,
    /// In these bands.
    pub bands: Vec<String>,
    /// Places at which image and pattern are compared.
    pub places: usize,
    /// Places that differ by more than so many standard deviations are left out.
    pub clip_sigma: f64,
}

impl Default for FringeConfig {
    fn default() -> Self {
        Self { enabled: true, bands: vec!["y".to_owned()], places: 30_000, clip_sigma: 3.0 }
    }
}

impl FringeConfig {
    /// Whether exposures in a band have fringes that are to be removed.
    pub(super) fn is_meant(&self, band: Option<&str>) -> bool {
        self.enabled && band.is_some_and(|band| self.bands.iter().any(|meant| meant == band))
    }
}

/// Subtract the pattern as strong as it is; say how strong that was.
pub(super) fn subtract(
    pixels: &mut MaskedImage,
    fringe: &CalibrationFrame,
    config: &FringeConfig,
) -> Result<String> {
    let pattern = &fringe.pixels.image;
    if pattern.dim() != pixels.image.dim() {
        let of = |(ny, nx): (usize, usize)| format!("{nx} x {ny} pixels");
        let (found, wanted) = (of(pattern.dim()), of(pixels.image.dim()));
        return Err(CalibrationError::Mismatch { dataset: "fringe", found, wanted }.into());
    }
    let (amplitude, error) = amplitude(pixels, pattern, config)?;
    pixels.image.scaled_add(-(amplitude as f32), pattern);
    Ok(format!("fringes of {amplitude:.1} ± {error:.1} electrons of the sky"))
}

/// How many times the pattern is in the image, and the standard error of that.
fn amplitude(
    pixels: &MaskedImage,
    pattern: &Array2<f32>,
    config: &FringeConfig,
) -> Result<(f64, f64)> {
    let (ny, nx) = pattern.dim();
    let room = |n: usize| n.checked_sub(2 * HALF_LARGE + 1).filter(|room| *room > 0);
    let (Some(room_x), Some(room_y)) = (room(nx), room(ny)) else { return Ok((0.0, 0.0)) };
    // The places need not differ from image to image.
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(0x0F21_96E5);
    let mut pairs: Vec<(f64, f64)> = vec![];
    for _ in 0..config.places {
        let x = HALF_LARGE + rng.random_range(0..room_x);
        let y = HALF_LARGE + rng.random_range(0..room_y);
        if let Some(contrast) = contrast(&pixels.image, &pixels.mask, (x, y))
            && let Some(expected) = contrast_of(pattern, (x, y))
        {
            pairs.push((expected, contrast));
        }
    }
    if pairs.len() < LEAST_PLACES {
        let (product, what) = ("fringe", "places without bad pixels");
        let (found, needed) = (pairs.len(), LEAST_PLACES);
        return Err(CalibrationError::TooFew { product, what, found, needed }.into());
    }
    let mut slope = 0.0;
    for _ in 0..ROUNDS {
        let before = pairs.len();
        let (xx, xy) = pairs.iter().fold((0.0, 0.0), |(xx, xy), (x, y)| (xx + x * x, xy + x * y));
        slope = if xx > 0.0 { xy / xx } else { 0.0 };
        let mut left: Vec<f64> = pairs.iter().map(|(x, y)| y - slope * x).collect();
        let sigma = robust_sigma(&mut left);
        let centre = median(&mut left);
        pairs.retain(|(x, y)| (y - slope * x - centre).abs() <= config.clip_sigma * sigma);
        if pairs.len() == before {
            break;
        }
    }
    let xx: f64 = pairs.iter().map(|(x, _)| x * x).sum();
    let rest: f64 = pairs.iter().map(|(x, y)| (y - slope * x).powi(2)).sum();
    let error = (rest / pairs.len().max(2) as f64 / xx.max(f64::MIN_POSITIVE)).sqrt();
    Ok((slope, error))
}

/// Mean of the small box less that of the large; `None` where the small one has a masked pixel.
fn contrast(image: &Array2<f32>, mask: &Array2<u32>, (x, y): (usize, usize)) -> Option<f64> {
    let small = s![y - HALF_SMALL..=y + HALF_SMALL, x - HALF_SMALL..=x + HALF_SMALL];
    if mask.slice(small).iter().any(|&bits| bits != 0) {
        return None;
    }
    contrast_of(image, (x, y))
}

fn contrast_of(image: &Array2<f32>, (x, y): (usize, usize)) -> Option<f64> {
    let small = s![y - HALF_SMALL..=y + HALF_SMALL, x - HALF_SMALL..=x + HALF_SMALL];
    // Of the large box every fourth pixel each way is enough, and its median sees no stars.
    let large = s![y - HALF_LARGE..=y + HALF_LARGE; 4, x - HALF_LARGE..=x + HALF_LARGE; 4];
    let near = f64::from(image.slice(small).mean()?);
    let mut wide: Vec<f64> = image.slice(large).iter().map(|v| f64::from(*v)).collect();
    Some(near - median(&mut wide))
}
