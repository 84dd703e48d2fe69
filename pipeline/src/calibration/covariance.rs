//! Covariances of neighbouring pixels in the difference of two flats.
//!
//! Summed directly rather than by Fourier transform: with lags of a few pixels that is as fast, and masked
//! pixels are counted exactly.

use ndarray::{Array2, s};

/// Covariances of a single image (half those of a difference) at lags 0 to `lag` each way, indexed
/// `[[dy, dx]]`; those of opposite signs of dx averaged. Pixels where `good` is 0 take no part; the
/// difference must be 0 there, and have no mean.
pub(super) fn covariances(difference: &Array2<f32>, good: &Array2<f32>, lag: usize) -> Array2<f64> {
    Array2::from_shape_fn((lag + 1, lag + 1), |(dy, dx)| {
        let (mut sum, mut n) = products(difference, good, dy, dx, false);
        if dx > 0 && dy > 0 {
            let (mirrored, m) = products(difference, good, dy, dx, true);
            sum += mirrored;
            n += m;
        }
        0.5 * sum / n.max(1.0)
    })
}

/// Sum of products of pixels at a lag, and of their weights; `mirrored` takes dx to the left.
fn products(
    difference: &Array2<f32>,
    good: &Array2<f32>,
    dy: usize,
    dx: usize,
    mirrored: bool,
) -> (f64, f64) {
    let (ny, nx) = difference.dim();
    if dy >= ny || dx >= nx {
        return (0.0, 0.0);
    }
    let (from, to) = if mirrored { (dx..nx, 0..nx - dx) } else { (0..nx - dx, dx..nx) };
    let sum = |image: &Array2<f32>| {
        let first = image.slice(s![..ny - dy, from.clone()]);
        let second = image.slice(s![dy.., to.clone()]);
        let rows = first.rows().into_iter().zip(second.rows());
        rows.map(|(a, b)| dot(a.as_slice(), b.as_slice())).sum::<f64>()
    };
    (sum(difference), sum(good))
}

/// Sum of products in eight lanes, which the compiler makes into vector instructions.
fn dot(a: Option<&[f32]>, b: Option<&[f32]>) -> f64 {
    let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
    let mut lanes = [0.0_f32; 8];
    let (heads, others) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = heads.remainder().iter().zip(others.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in heads.zip(others) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    f64::from(lanes.iter().sum::<f32>() + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn noise_that_is_shared_with_a_neighbour_is_found_at_its_lag() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
        let mut noise =
            || Array2::from_shape_fn((301, 333), |_| -> f32 { StandardNormal.sample(&mut rng) });
        let white = noise();
        // A tenth of each pixel's noise is that of its neighbour to the right and above.
        let mut image = white.clone();
        for y in 0..300 {
            for x in 0..332 {
                image[[y, x]] += 0.1 * white[[y + 1, x + 1]];
            }
        }
        let mut good = Array2::ones(image.dim());
        for at in [(5, 7), (200, 100)] {
            (image[at], good[at]) = (0.0, 0.0);
        }
        let found = covariances(&image, &good, 3);
        // Each sum has 100 000 products of scatter 1, and those of a difference are halved.
        let expected = |dy: usize, dx: usize| match (dy, dx) {
            (0, 0) => 0.505,
            // Half of the diagonals: the other one has none.
            (1, 1) => 0.025,
            _ => 0.0,
        };
        for ((dy, dx), value) in found.indexed_iter() {
            assert!((value - expected(dy, dx)).abs() < 0.008, "{dy} {dx}: {value}");
        }
    }
}
