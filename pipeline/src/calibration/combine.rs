//! Combining frames of the same scene: a clipped mean at each pixel, with its variance.
//!
//! Each value is weighed against the median of its pixel and the noise that is expected of it, not
//! against the scatter of so few values: of five of them no one can be three standard deviations of the
//! five from their mean (it stays within (n−1)/√n), and a cosmic ray would pass. With more than five
//! values kept, the variance is that of their scatter, else what the frames expect of themselves.

use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::CalibrationError;
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};

/// Values above which their own scatter tells the variance.
const SCATTER_VALUES: usize = 5;
/// Pixels with these planes are left out.
const LEFT_OUT: u32 =
    mask_plane::SAT | mask_plane::NO_DATA | mask_plane::CR | mask_plane::INTRP | mask_plane::BAD;

/// How frames are combined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CombineConfig {
    /// Values that differ from the median of their pixel by more than this many standard deviations are
    /// left out.
    pub clip_sigma: f64,
    /// The least number of frames.
    pub min_frames: usize,
}

impl Default for CombineConfig {
    fn default() -> Self {
        Self { clip_sigma: 4.0, min_frames: 3 }
    }
}

impl CombineConfig {
    /// What is wrong with the values.
    pub fn faults(&self) -> Vec<String> {
        crate::tasks::not_positive(&[
            ("combine.clip_sigma", self.clip_sigma),
            ("combine.min_frames", self.min_frames as f64),
        ])
    }
}

/// Combine frames of one size. A pixel without any value is 0, of infinite variance, and `NO_DATA`.
///
/// # Errors
/// Fewer frames than there must be; frames of different sizes.
pub fn combine(
    product: &'static str,
    frames: &[MaskedImage],
    config: &CombineConfig,
) -> Result<MaskedImage> {
    let found = frames.len();
    let Some(first) = frames.first().filter(|_| found >= config.min_frames) else {
        let needed = config.min_frames.max(1);
        return Err(CalibrationError::TooFew { product, what: "frames", found, needed }.into());
    };
    let size = first.image.dim();
    if let Some(other) = frames.iter().find(|frame| frame.image.dim() != size) {
        let of = |(ny, nx): (usize, usize)| format!("{nx} x {ny} pixels");
        let (found, wanted) = (of(other.image.dim()), of(size));
        return Err(CalibrationError::Mismatch { dataset: product, found, wanted }.into());
    }
    let mut combined = MaskedImage {
        image: Array2::zeros(size),
        mask: Array2::zeros(size),
        variance: Array2::zeros(size),
    };
    let rows = combined.image.axis_iter_mut(Axis(0)).into_par_iter();
    let rows = rows.zip(combined.mask.axis_iter_mut(Axis(0)).into_par_iter());
    let rows = rows.zip(combined.variance.axis_iter_mut(Axis(0)).into_par_iter());
    rows.enumerate().for_each(|(y, ((mut image, mut mask), mut variance))| {
        let mut pixel = Pixel::default();
        for x in 0..image.len() {
            pixel.gather(frames, (y, x));
            let (value, noise) = pixel.mean(config.clip_sigma);
            image[x] = value;
            variance[x] = noise;
            if noise.is_infinite() {
                mask[x] = mask_plane::NO_DATA;
            }
        }
    });
    Ok(combined)
}

/// The values of one pixel in all frames.
#[derive(Default)]
struct Pixel {
    values: Vec<(f32, f32)>,
    sorted: Vec<f32>,
}

impl Pixel {
    fn gather(&mut self, frames: &[MaskedImage], at: (usize, usize)) {
        self.values.clear();
        for frame in frames {
            let (value, variance) = (frame.image[at], frame.variance[at]);
            if frame.mask[at] & LEFT_OUT == 0 && value.is_finite() && variance.is_finite() {
                self.values.push((value, variance));
            }
        }
    }

    /// Mean of the values that are kept, and its variance.
    fn mean(&mut self, clip_sigma: f64) -> (f32, f32) {
        let n = self.values.len();
        if n == 0 {
            return (0.0, f32::INFINITY);
        }
        self.sorted.clear();
        self.sorted.extend(self.values.iter().map(|value| value.0));
        self.sorted.sort_unstable_by(f32::total_cmp);
        let middle = 0.5 * (self.sorted[(n - 1) / 2] + self.sorted[n / 2]);
        // An outlier's own variance is as wrong as its value: that of the middle ones counts.
        self.sorted.clear();
        self.sorted.extend(self.values.iter().map(|value| value.1));
        self.sorted.sort_unstable_by(f32::total_cmp);
        let expected = f64::from(self.sorted[(n - 1) / 2]);
        // The median of n Gaussian values itself scatters by π/2n of a value's variance.
        let spread = expected * (1.0 + 1.571 / n as f64);
        let limit = (clip_sigma * clip_sigma * spread) as f32;
        let (mut sum, mut squares, mut variances, mut kept) = (0.0, 0.0, 0.0, 0_usize);
        for &(value, variance) in &self.values {
            let off = value - middle;
            if off * off <= limit {
                sum += f64::from(off);
                squares += f64::from(off) * f64::from(off);
                variances += f64::from(variance);
                kept += 1;
            }
        }
        if kept == 0 {
            // Values that all contradict each other: the median is the best there is.
            return (middle, expected as f32);
        }
        let count = kept as f64;
        let mean = sum / count;
        let variance = if kept > SCATTER_VALUES {
            // So few values estimate their own scatter badly; half of the weight is the expectation's.
            let scatter = (squares - count * mean * mean) / (count - 1.0);
            0.5 * (scatter + variances / count) / count
        } else {
            variances / (count * count)
        };
        (middle + mean as f32, variance as f32)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn frames(n: usize) -> Vec<MaskedImage> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        (0..n)
            .map(|_| MaskedImage {
                image: Array2::from_shape_fn((60, 70), |_| {
                    let unit: f32 = StandardNormal.sample(&mut rng);
                    10.0 + 2.0 * unit
                }),
                mask: Array2::zeros((60, 70)),
                variance: Array2::from_elem((60, 70), 4.0),
            })
            .collect()
    }

    #[test]
    fn a_cosmic_ray_in_one_of_five_leaves_no_trace() {
        let mut frames = frames(5);
        frames[2].image[[7, 9]] = 4000.0;
        frames[2].variance[[7, 9]] = 4000.0;
        frames[1].mask[[8, 8]] = mask_plane::SAT;
        frames[1].image[[8, 8]] = f32::NAN;
        let combined = combine("dark", &frames, &CombineConfig::default()).unwrap();
        assert!((combined.image[[7, 9]] - 10.0).abs() < 4.0, "{}", combined.image[[7, 9]]);
        assert!((combined.image[[8, 8]] - 10.0).abs() < 4.0);
        assert!((combined.variance[[8, 8]] - 1.0).abs() < 1e-6);
        let mean = combined.image.mean().unwrap();
        // 4200 pixels of standard deviation 2/sqrt 5.
        assert!((mean - 10.0).abs() < 0.06, "{mean}");
    }

    #[test]
    fn the_variance_is_that_of_the_mean() {
        for n in [4, 12] {
            let combined = combine("bias", &frames(n), &CombineConfig::default()).unwrap();
            let scatter = combined.image.iter().map(|v| (v - 10.0).powi(2)).sum::<f32>() / 4200.0;
            let told = combined.variance.mean().unwrap();
            // The sample's own variance is known to 2 %.
            assert!((scatter / told - 1.0).abs() < 0.08, "{n}: {scatter} {told}");
            assert!((told * n as f32 / 4.0 - 1.0).abs() < 0.03, "{n}: {told}");
        }
    }

    #[test]
    fn too_few_frames_are_refused() {
        let error = combine("bias", &frames(2), &CombineConfig::default()).unwrap_err();
        assert_eq!(error.to_string(), "bias: 2 frames, 3 are needed");
    }
}
