//! X-rays of iron-55: each photon sets a known charge free, which spreads a little before it is gathered.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::calibration::fe55::{K_ALPHA_E, K_BETA_RATIO};
use crate::simulate::random::{between, gaussian};

/// Part of the photons that are K-beta.
const K_BETA_SHARE: f64 = 0.12;
/// Variance of the charge over its mean (Fano's factor of silicon).
const FANO: f64 = 0.115;
/// Spread of the charge.
const DIFFUSION_PX: f64 = 0.3;

/// Add the charge of so many photons.
pub(super) fn shine(charge: &mut Array2<f32>, n_photons: usize, rng: &mut ChaCha8Rng) {
    let (ny, nx) = charge.dim();
    for _ in 0..n_photons {
        let (x, y) = (between(rng, -0.5, nx as f64 - 0.5), between(rng, -0.5, ny as f64 - 0.5));
        let line = if rng.random::<f64>() < K_BETA_SHARE { K_BETA_RATIO } else { 1.0 };
        let mean = K_ALPHA_E * line;
        let electrons = mean + (FANO * mean).sqrt() * gaussian(rng);
        let near = |v: f64, n: usize| {
            let middle = v.round() as i64;
            (middle - 2..=middle + 2)
                .filter_map(move |k| usize::try_from(k).ok().filter(|k| *k < n))
        };
        for row in near(y, ny) {
            for column in near(x, nx) {
                let part = part(column as f64 - x) * part(row as f64 - y);
                charge[[row, column]] += (electrons * part) as f32;
            }
        }
    }
}

/// Part of a Gaussian that falls into a pixel so far away, along one axis.
fn part(distance: f64) -> f64 {
    let below = |edge: f64| libm::erf(edge / (DIFFUSION_PX * std::f64::consts::SQRT_2));
    0.5 * (below(distance + 0.5) - below(distance - 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    #[test]
    fn photons_bring_their_charge() {
        let mut charge = Array2::zeros((200, 200));
        shine(&mut charge, 300, &mut stream(1, Purpose::XRays, 0, 0));
        let mean = K_ALPHA_E * (1.0 + K_BETA_SHARE * (K_BETA_RATIO - 1.0));
        // A few photons lose charge over the edge.
        let sum = f64::from(charge.sum());
        assert!((sum / (300.0 * mean) - 1.0).abs() < 0.01, "{sum}");
    }
}
