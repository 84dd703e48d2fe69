//! The matched filter: correlation with a kernel that is like the PSF.
//!
//! With the kernel `K` (unit sum) and usable pixels `m`, the filtered image is `Σ K m I`, its variance
//! `Σ K² m V`; their ratio `Σ K m I / √(Σ K² m V)` is the signal to noise. Both are sums of separable
//! ones.

use super::kernel::Separable;
use super::{FilterKernel, Footprint};
use crate::image::MaskedImage;
use crate::statistics::robust_sigma;
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Pixels that a measured scatter needs: some fifty independent ones under a common PSF.
const MIN_SKY_PIXELS: usize = 2000;

/// An image after the matched filter.
#[derive(Debug, Clone)]
pub struct FilteredImage {
    /// Filtered values, rescaled where pixels are missing as if all were there.
    pub value: Array2<f32>,
    /// Standard deviation of `value`.
    pub noise: Array2<f32>,
    /// Signal to noise; 0 where no pixel is usable.
    pub signal_to_noise: Array2<f32>,
}

impl FilteredImage {
    /// Robust scatter of the signal to noise outside of `footprints`: 1 where the variance is right.
    ///
    /// Also 1 where there are too few such pixels to tell.
    pub fn scatter_outside(&self, footprints: &[Footprint]) -> f64 {
        let mut sky = self.signal_to_noise.clone();
        for span in footprints.iter().flat_map(|f| &f.spans) {
            sky.slice_mut(s![span.y, span.x.clone()]).fill(0.0);
        }
        let mut values: Vec<f64> =
            sky.iter().filter(|s| **s != 0.0).map(|s| f64::from(*s)).collect();
        if values.len() < MIN_SKY_PIXELS {
            return 1.0;
        }
        robust_sigma(&mut values)
    }
}

/// Filter `image` with `kernel`; pixels with a bit of `unusable` do not count.
pub fn matched_filter(image: &MaskedImage, kernel: &FilterKernel, unusable: u32) -> FilteredImage {
    let squared = kernel.squared();
    let usable =
        ndarray::Zip::from(&image.image).and(&image.variance).and(&image.mask).par_map_collect(
            |v, var, m| m & unusable == 0 && v.is_finite() && var.is_finite() && *var > 0.0,
        );
    let select = |values: &Array2<f32>| {
        ndarray::Zip::from(values).and(&usable).map_collect(|v, u| if *u { *v } else { 0.0 })
    };
    let signal = correlate(select(&image.image).view(), &kernel.separable());
    let variance = correlate(select(&image.variance).view(), &squared);
    // The flux of a point source is Σ K m I / Σ K² m; without masks the denominator is constant.
    let coverage = correlate(usable.mapv(|u| if u { 1.0 } else { 0.0 }).view(), &squared);
    let sum = |part: &Separable| part.factor * part.along.iter().sum::<f64>().powi(2);
    let full = squared.iter().map(sum).sum::<f64>() as f32;
    let covered = |c: &f32| *c > 0.05 * full;
    let value = ndarray::Zip::from(&signal)
        .and(&coverage)
        .par_map_collect(|s, c| if covered(c) { s * full / c } else { 0.0 });
    let noise = ndarray::Zip::from(&variance)
        .and(&coverage)
        .par_map_collect(|v, c| if covered(c) { v.max(0.0).sqrt() * full / c } else { 0.0 });
    let signal_to_noise = ndarray::Zip::from(&value)
        .and(&noise)
        .par_map_collect(|v, n| if *n > 0.0 { v / n } else { 0.0 });
    FilteredImage { value, noise, signal_to_noise }
}

/// Correlate with a sum of separable kernels; zero outside the image.
fn correlate(image: ArrayView2<f32>, parts: &[Separable]) -> Array2<f32> {
    let mut sum = Array2::<f32>::zeros(image.dim());
    for part in parts {
        let factor = part.factor as f32;
        let of_part = separable(image, &part.along);
        ndarray::Zip::from(&mut sum).and(&of_part).par_for_each(|sum, v| *sum += factor * v);
    }
    sum
}

/// Correlate with `kernel` along both axes; zero outside the image.
fn separable(image: ArrayView2<f32>, kernel: &[f64]) -> Array2<f32> {
    let kernel: Vec<f32> = kernel.iter().map(|k| *k as f32).collect();
    let reach = kernel.len() / 2;
    let (ny, nx) = image.dim();
    let mut rows = Array2::<f32>::zeros((ny, nx));
    rows.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut out)| {
        let mut padded = vec![0.0f32; nx + 2 * reach];
        for (x, v) in image.row(y).iter().enumerate() {
            padded[x + reach] = *v;
        }
        for (x, out) in out.iter_mut().enumerate() {
            *out = kernel.iter().zip(&padded[x..]).map(|(k, v)| k * v).sum();
        }
    });
    let mut result = Array2::<f32>::zeros((ny, nx));
    result.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut out)| {
        for (k, weight) in kernel.iter().enumerate() {
            if let Some(source) = (y + k).checked_sub(reach).filter(|s| *s < ny) {
                out.scaled_add(*weight, &rows.row(source));
            }
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_correlation_equals_the_double_sum() {
        let kernel = FilterKernel::gaussian(1.3).separable().remove(0).along;
        let image = Array2::from_shape_fn((17, 23), |(y, x)| ((y * 31 + x * 17) % 13) as f32);
        let fast = separable(image.view(), &kernel);
        let reach = kernel.len() as i64 / 2;
        for ((y, x), value) in fast.indexed_iter() {
            let mut slow = 0.0;
            for dy in -reach..=reach {
                for dx in -reach..=reach {
                    let at = [(y as i64 + dy) as usize, (x as i64 + dx) as usize];
                    let weight = kernel[(dy + reach) as usize] * kernel[(dx + reach) as usize];
                    slow += weight * f64::from(image.get(at).copied().unwrap_or(0.0));
                }
            }
            assert!((f64::from(*value) - slow).abs() < 1e-4);
        }
    }
}
