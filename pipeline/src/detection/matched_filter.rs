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
    // Both are as large as the image: they are made once for all parts.
    let (mut along_x, mut sum) = (Array2::zeros(image.dim()), Array2::zeros(image.dim()));
    for part in parts {
        filter_rows(image, part, &mut along_x);
        add_filtered_columns(&along_x, part, &mut sum);
    }
    sum
}

fn filter_rows(image: ArrayView2<f32>, part: &Separable, filtered: &mut Array2<f32>) {
    let kernel: Vec<f32> = part.along.iter().map(|k| *k as f32).collect();
    let (reach, nx) = (kernel.len() / 2, image.ncols());
    filtered.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut out)| {
        let mut padded = vec![0.0f32; nx + 2 * reach];
        for (x, v) in image.row(y).iter().enumerate() {
            padded[x + reach] = *v;
        }
        for (x, out) in out.iter_mut().enumerate() {
            *out = kernel.iter().zip(&padded[x..]).map(|(k, v)| k * v).sum();
        }
    });
}

fn add_filtered_columns(along_x: &Array2<f32>, part: &Separable, sum: &mut Array2<f32>) {
    let (reach, ny) = (part.along.len() / 2, along_x.nrows());
    sum.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut out)| {
        for (k, weight) in part.along.iter().enumerate() {
            if let Some(source) = (y + k).checked_sub(reach).filter(|s| *s < ny) {
                out.scaled_add((part.factor * weight) as f32, &along_x.row(source));
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separable_correlation_equals_the_double_sum() {
        let parts = FilterKernel::gaussian(1.3).separable();
        let kernel = &parts[0].along;
        let image = Array2::from_shape_fn((17, 23), |(y, x)| ((y * 31 + x * 17) % 13) as f32);
        let fast = correlate(image.view(), &parts);
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
