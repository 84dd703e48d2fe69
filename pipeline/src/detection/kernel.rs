//! The kernel of the matched filter: one round Gaussian, or two that together are as near to the PSF as they
//! can be.
//!
//! Each Gaussian is separable, and so is the product of two, which the variance needs: the filter costs a
//! few one-dimensional passes. A Gaussian alone loses some 3 per cent of signal to noise against a PSF with
//! wings, two lose a few tenths. The signal to noise of a star `P` under a kernel `K` on even noise, over the
//! best one, is `Σ K P / √(Σ K² Σ P²)`; it is largest for the amplitudes `M⁻¹ b` with `M_ij = Σ G_i G_j` and
//! `b_i = Σ G_i P`.

use crate::psf::Stamp;

/// Reach of a Gaussian, in units of its σ.
const REACH_SIGMA: f64 = 4.0;
/// Widths of the narrower Gaussian that are tried, in units of the PSF's adaptive width.
const NARROW: [f64; 6] = [0.7, 0.78, 0.86, 0.94, 1.02, 1.1];
/// Widths of the wider Gaussian that are tried, in units of the narrower one's.
const WIDE: [f64; 5] = [1.4, 1.7, 2.0, 2.4, 2.9];

/// Gaussians of unit sum and their shares.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterKernel {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Part {
    share: f64,
    sigma_px: f64,
}

/// A kernel of two dimensions that is the product of `along` on either axis, times `factor`.
#[derive(Debug, Clone)]
pub(super) struct Separable {
    pub factor: f64,
    /// Values, the middle one at the centre.
    pub along: Vec<f64>,
}

impl FilterKernel {
    /// One Gaussian.
    pub fn gaussian(sigma_px: f64) -> Self {
        Self { parts: vec![Part { share: 1.0, sigma_px }] }
    }

    /// The two Gaussians that lose least signal to noise on a star of unit flux at `(x, y)`, whose adaptive
    /// width is `sigma_px`.
    pub fn of_star(star: &Stamp, (x, y): (f64, f64), sigma_px: f64) -> Self {
        let drawn = |sigma: f64| -> Vec<f64> {
            let pixels = star.values.indexed_iter().map(|((j, i), _)| {
                let (dx, dy) = (star.x0 as f64 + i as f64 - x, star.y0 as f64 + j as f64 - y);
                (-0.5 * (dx * dx + dy * dy) / (sigma * sigma)).exp()
            });
            let values: Vec<f64> = pixels.collect();
            let sum: f64 = values.iter().sum();
            values.into_iter().map(|v| v / sum).collect()
        };
        let light: Vec<f64> = star.values.iter().copied().collect();
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut best = (0.0, Self::gaussian(sigma_px));
        for narrow in NARROW.map(|w| w * sigma_px) {
            let core = drawn(narrow);
            for wide in WIDE.map(|w| w * narrow) {
                let wings = drawn(wide);
                let (m00, m01, m11) = (dot(&core, &core), dot(&core, &wings), dot(&wings, &wings));
                let (b0, b1) = (dot(&core, &light), dot(&wings, &light));
                let (a0, a1) = (b0 * m11 - b1 * m01, b1 * m00 - b0 * m01);
                // The square of the signal to noise, but for what all pairs have in common.
                let gain = (a0 * b0 + a1 * b1) / (m00 * m11 - m01 * m01);
                if a0 > 0.0 && a1 > 0.0 && gain > best.0 {
                    let share = a0 / (a0 + a1);
                    let parts = vec![
                        Part { share, sigma_px: narrow },
                        Part { share: 1.0 - share, sigma_px: wide },
                    ];
                    best = (gain, Self { parts });
                }
            }
        }
        best.1
    }

    /// The kernel as a sum of separable ones.
    pub(super) fn separable(&self) -> Vec<Separable> {
        let reach = self.reach();
        let of =
            |part: &Part| Separable { factor: part.share, along: gaussian(part.sigma_px, reach) };
        self.parts.iter().map(of).collect()
    }

    /// Its square as a sum of separable kernels.
    pub(super) fn squared(&self) -> Vec<Separable> {
        let parts = self.separable();
        let mut products = Vec::new();
        for (k, a) in parts.iter().enumerate() {
            for (l, b) in parts.iter().enumerate().skip(k) {
                let twice = if l > k { 2.0 } else { 1.0 };
                let along = a.along.iter().zip(&b.along).map(|(a, b)| a * b).collect();
                products.push(Separable { factor: twice * a.factor * b.factor, along });
            }
        }
        products
    }

    fn reach(&self) -> usize {
        let widest = self.parts.iter().map(|part| part.sigma_px).fold(0.0, f64::max);
        (REACH_SIGMA * widest).ceil() as usize
    }
}

/// A Gaussian of unit sum; zero beyond its own reach.
fn gaussian(sigma_px: f64, reach: usize) -> Vec<f64> {
    let own = (REACH_SIGMA * sigma_px).ceil();
    let value = |i: usize| {
        let offset = i as f64 - reach as f64;
        if offset.abs() <= own { (-0.5 * (offset / sigma_px).powi(2)).exp() } else { 0.0 }
    };
    let values: Vec<f64> = (0..=2 * reach).map(value).collect();
    let sum: f64 = values.iter().sum();
    values.into_iter().map(|v| v / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psf::{PsfModel, RadialLaw, StarProfile};

    /// Signal to noise of a star under a kernel, over that under the star itself.
    fn efficiency(kernel: &FilterKernel, star: &Stamp, at: usize) -> f64 {
        let sum = |parts: &[Separable], light: &dyn Fn(usize, usize) -> f64| -> f64 {
            let n = star.values.nrows();
            let of = |part: &Separable| {
                let middle = part.along.len() / 2;
                let value = |k: usize| {
                    let index = (middle + k).checked_sub(at);
                    index.and_then(|i| part.along.get(i)).copied().unwrap_or(0.0)
                };
                (0..n * n).map(|p| value(p / n) * value(p % n) * light(p / n, p % n)).sum::<f64>()
            };
            parts.iter().map(|part| part.factor * of(part)).sum()
        };
        let signal = sum(&kernel.separable(), &|j, i| star.values[[j, i]]);
        let noise = sum(&kernel.squared(), &|_, _| 1.0).sqrt();
        signal / noise / star.values.iter().map(|v| v * v).sum::<f64>().sqrt()
    }

    #[test]
    fn two_gaussians_come_near_a_star_with_wings() {
        for (beta, fwhm_px) in [(2.5, 4.0), (3.0, 3.5), (4.5, 5.0)] {
            let law = RadialLaw::Moffat { beta };
            let star =
                PsfModel::Analytic(StarProfile::circular(law, fwhm_px)).stamp(40.0, 40.0, 12);
            let sigma_px = fwhm_px / 2.1;
            let one = efficiency(&FilterKernel::gaussian(sigma_px), &star, 12);
            let kernel = FilterKernel::of_star(&star, (40.0, 40.0), sigma_px);
            let two = efficiency(&kernel, &star, 12);
            assert!(two > 0.995 && two > one && one > 0.95, "{beta}: {one} {two} {kernel:?}");
        }
    }
}
