//! Cosmic rays: straight tracks through the silicon with the charge that a particle leaves on its way.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Poisson};

use crate::simulate::random::{between, gaussian};

/// Mean length of a track, pixels.
const LENGTH_PX: f64 = 10.0;
/// Most probable charge that is left in a pixel of the way, electrons (80 per µm, 10 µm).
const CHARGE_E_PER_PX: f64 = 800.0;
/// Width of the law of losses (Moyal 1955), as a part of the most probable loss.
const LOSS_WIDTH: f64 = 0.15;
/// Steps along a track, pixels.
const STEP_PX: f64 = 0.25;
/// Charge spreads on its way through the silicon: Gaussian, pixels.
const DIFFUSION_PX: f64 = 0.35;

/// A cosmic ray.
#[derive(Debug, Clone, PartialEq)]
pub struct CosmicRay {
    /// The pixels that it gave charge: column, row, electrons.
    pub pixels: Vec<(usize, usize, f32)>,
}

/// The rays of an exposure, by chance around a mean number.
pub(super) fn shower(mean: f64, (nx, ny): (usize, usize), rng: &mut ChaCha8Rng) -> Vec<CosmicRay> {
    if mean <= 0.0 {
        return Vec::new();
    }
    let n = Poisson::new(mean).map_or(0.0, |law| law.sample(rng)) as usize;
    (0..n).map(|_| track((nx, ny), rng)).filter(|ray| !ray.pixels.is_empty()).collect()
}

fn track((nx, ny): (usize, usize), rng: &mut ChaCha8Rng) -> CosmicRay {
    let (x, y) = (between(rng, 0.0, nx as f64), between(rng, 0.0, ny as f64));
    let angle = between(rng, 0.0, TAU);
    let unit: f64 = Exp1.sample(rng);
    // A track through the depth leaves at least what a vertical one does.
    let length = (LENGTH_PX * unit).clamp(1.0, 200.0);
    let mut pixels: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let steps = (length / STEP_PX).ceil() as usize;
    for k in 0..steps {
        let along = (k as f64 + 0.5) * STEP_PX;
        // Moyal's law: λ = −ln z² of a Gaussian z, most probable at 0.
        let z = gaussian(rng);
        let loss = 1.0 + LOSS_WIDTH * -(z * z).max(1e-9).ln();
        let charge = CHARGE_E_PER_PX * STEP_PX * loss.max(0.0);
        // Each quarter of a pixel's charge ends around its place on the way.
        let px = x + along * angle.cos() + DIFFUSION_PX * gaussian(rng);
        let py = y + along * angle.sin() + DIFFUSION_PX * gaussian(rng);
        let (column, row) = (px.round(), py.round());
        if column >= 0.0 && row >= 0.0 && (column as usize) < nx && (row as usize) < ny {
            *pixels.entry((row as usize, column as usize)).or_insert(0.0) += charge;
        }
    }
    let pixels = pixels.into_iter().map(|((y, x), charge)| (x, y, charge.round() as f32));
    CosmicRay { pixels: pixels.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    #[test]
    fn tracks_have_their_number_length_and_charge() {
        let mut rng = stream(1, Purpose::CosmicRays, 0, 0);
        let rays = shower(900.0, (1000, 1000), &mut rng);
        assert!((rays.len() as f64 - 900.0).abs() < 5.0 * 30.0, "{}", rays.len());
        let charge: f64 =
            rays.iter().flat_map(|ray| &ray.pixels).map(|p| f64::from(p.2)).sum::<f64>();
        // λ has the mean γ + ln 2 = 1.27.
        let per_ray = charge / rays.len() as f64 / (CHARGE_E_PER_PX * (1.0 + 0.15 * 1.27));
        assert!((9.0..11.5).contains(&per_ray), "{per_ray} pixels of charge");
        for ray in &rays {
            assert!(ray.pixels.iter().all(|&(x, y, _)| x < 1000 && y < 1000));
        }
        assert!(shower(0.0, (100, 100), &mut rng).is_empty());
    }
}
