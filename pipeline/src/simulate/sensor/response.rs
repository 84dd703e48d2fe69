//! How much of the light a pixel turns into electrons: vignetting over the field, the scatter of the
//! quantum efficiency, the shadows of dust, fringes.

use std::f64::consts::TAU;

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::camera::model::{CameraModel, DetectorModel};
use crate::simulate::config::SurveyConfig;
use crate::simulate::random::between;

/// Outer radius of the ring-shaped shadow of a grain of dust, pixels; its hole is half as large.
const DUST_RADIUS_PX: (f64, f64) = (8.0, 25.0);
/// Departures from an even response grow or shrink from band to band by these factors.
const BAND_FACTORS: [f32; 6] = [1.4, 1.2, 1.0, 0.9, 0.8, 0.7];

/// Draw the sensitivity of each pixel, 1 on average, in r.
pub(super) fn draw(
    config: &SurveyConfig,
    model: &DetectorModel,
    rng: &mut ChaCha8Rng,
) -> Array2<f32> {
    let (nx, ny) = model.size_px;
    let scatter = config.sensor.qe_scatter as f32;
    // Drawn in any case, so that switching one effect off leaves the others as they are.
    let mut response = Array2::from_shape_fn((ny, nx), |_| {
        let unit: f32 = StandardNormal.sample(rng);
        1.0 + scatter * unit
    });
    if !config.effects.qe_scatter {
        response.fill(1.0);
    }
    let grains = (config.sensor.dust_per_mpix * (nx * ny) as f64 / 1e6).round() as usize;
    for _ in 0..grains {
        let (x, y) = (between(rng, 0.0, nx as f64), between(rng, 0.0, ny as f64));
        let radius = between(rng, DUST_RADIUS_PX.0, DUST_RADIUS_PX.1);
        let depth = config.sensor.dust_depth * (0.5 + rng.random::<f64>());
        if config.effects.dust {
            shade(&mut response, (x, y), radius, depth);
        }
    }
    response
}

/// The shadow of a grain far from the focal plane: a ring.
fn shade(response: &mut Array2<f32>, (x, y): (f64, f64), radius: f64, depth: f64) {
    let (ny, nx) = response.dim();
    let range = |v: f64, n: usize| {
        ((v - radius).floor().max(0.0) as usize)..(((v + radius).ceil().max(0.0) as usize).min(n))
    };
    for row in range(y, ny) {
        for column in range(x, nx) {
            let r = (column as f64 - x).hypot(row as f64 - y);
            if r < radius && r > 0.5 * radius {
                response[[row, column]] *= (1.0 - depth) as f32;
            }
        }
    }
}

/// Multiply light by the response in a band.
pub(super) fn apply(light: &mut Array2<f32>, response: &Array2<f32>, band: usize) {
    let factor = BAND_FACTORS.get(band).copied().unwrap_or(1.0);
    light.zip_mut_with(response, |light, &r| {
        // What is dead is dead in all bands.
        *light *= if r == 0.0 { 0.0 } else { 1.0 + factor * (r - 1.0) };
    });
}

/// Vignetting over one detector: 1 − v (r/R)², R the radius of the focal plane.
#[derive(Debug, Clone)]
pub struct Vignetting {
    strength: f64,
    radius_mm: f64,
    /// Focal-plane place of pixel (0, 0), and steps along x and y, mm.
    origin: (f64, f64),
    step_x: (f64, f64),
    step_y: (f64, f64),
}

impl Vignetting {
    /// The vignetting of a detector.
    pub fn of(camera: &CameraModel, detector: &DetectorModel, strength: f64) -> Vignetting {
        let origin = camera.pixel_to_focal(detector, 0.0, 0.0);
        let x = camera.pixel_to_focal(detector, 1.0, 0.0);
        let y = camera.pixel_to_focal(detector, 0.0, 1.0);
        Vignetting {
            strength,
            radius_mm: camera.focal_radius_mm(),
            origin,
            step_x: (x.0 - origin.0, x.1 - origin.1),
            step_y: (y.0 - origin.0, y.1 - origin.1),
        }
    }

    /// What is left of the light at a pixel.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let u = self.origin.0 + x * self.step_x.0 + y * self.step_y.0;
        let v = self.origin.1 + x * self.step_x.1 + y * self.step_y.1;
        1.0 - self.strength * (u * u + v * v) / (self.radius_mm * self.radius_mm)
    }

    /// Multiply light by it.
    pub fn apply(&self, light: &mut Array2<f32>) {
        if self.strength != 0.0 {
            for ((y, x), light) in light.indexed_iter_mut() {
                *light *= self.at(x as f64, y as f64) as f32;
            }
        }
    }
}

/// Fringes of the night sky in thin silicon: waves over the detector.
#[derive(Debug, Clone)]
pub struct Fringes {
    amplitude: f64,
    waves: Vec<(f64, f64, f64)>,
}

impl Fringes {
    pub(super) fn draw(amplitude: f64, rng: &mut ChaCha8Rng) -> Fringes {
        let waves = (0..4)
            .map(|_| {
                let (angle, period_px) = (between(rng, 0.0, TAU), between(rng, 30.0, 120.0));
                let k = TAU / period_px;
                (k * angle.cos(), k * angle.sin(), between(rng, 0.0, TAU))
            })
            .collect();
        Fringes { amplitude, waves }
    }

    /// The sky at a pixel over the sky without fringes.
    pub fn at(&self, x: f64, y: f64) -> f64 {
        let sum: f64 =
            self.waves.iter().map(|(kx, ky, phase)| (kx * x + ky * y + phase).sin()).sum();
        1.0 + self.amplitude * sum / (self.waves.len() as f64 / 2.0).sqrt()
    }

    pub(super) fn apply(&self, sky: &mut Array2<f32>) {
        for ((y, x), sky) in sky.indexed_iter_mut() {
            *sky *= self.at(x as f64, y as f64) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    fn drawn(change: impl FnOnce(&mut SurveyConfig)) -> Array2<f32> {
        let mut config = SurveyConfig::default();
        change(&mut config);
        let camera = CameraModel::named("TestCamXS").unwrap();
        let mut rng = stream(1, Purpose::Sensor, 0, 0);
        draw(&config, &camera.detectors()[0], &mut rng)
    }

    fn scatter(response: &Array2<f32>) -> f64 {
        let n = response.len() as f64;
        let mean = response.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        (response.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt()
    }

    #[test]
    fn efficiency_scatters_and_dust_shades() {
        let scattered = drawn(|config| config.effects.dust = false);
        assert!((scatter(&scattered) / 0.01 - 1.0).abs() < 0.01);
        let dusty = drawn(|config| {
            config.effects.qe_scatter = false;
            config.sensor.dust_per_mpix = 40.0;
        });
        let shaded = dusty.iter().filter(|&&v| v < 1.0).count();
        assert!(dusty.iter().all(|&v| v <= 1.0) && shaded > 500, "{shaded}");
        let none = drawn(|config| {
            config.effects.qe_scatter = false;
            config.effects.dust = false;
        });
        assert!(none.iter().all(|&v| v == 1.0));
    }

    #[test]
    fn light_falls_to_the_edge_of_the_field() {
        let camera = CameraModel::named("TestCamXS").unwrap();
        let vignetting = Vignetting::of(&camera, &camera.detectors()[0], 0.05);
        assert!((vignetting.at(255.5, 255.5) - 1.0).abs() < 1e-9);
        assert!((vignetting.at(-0.5, -0.5) - 0.95).abs() < 1e-9);
        let mut light = Array2::from_elem((512, 512), 100.0);
        vignetting.apply(&mut light);
        assert!((light[[255, 255]] - 100.0).abs() < 1e-3 && light[[0, 511]] < 95.1);
    }

    #[test]
    fn fringes_have_their_amplitude() {
        let fringes = Fringes::draw(0.005, &mut stream(1, Purpose::Sensor, 0, 0));
        let mut sky = Array2::from_elem((512, 512), 1.0);
        fringes.apply(&mut sky);
        assert!((scatter(&sky) / 0.005 - 1.0).abs() < 0.1, "{}", scatter(&sky));
    }
}
