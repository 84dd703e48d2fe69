//! Streaks of satellites: straight lines across the focal plane, as broad as the PSF.

use std::f64::consts::PI;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use crate::camera::model::{CameraModel, DetectorModel};
use crate::simulate::random::between;

/// Widths of the profile beyond which nothing is drawn.
const REACH: f64 = 6.0;
/// Electrons per pixel of length: from faint to bright.
const ELECTRONS_PER_PX: (f64, f64) = (300.0, 30_000.0);

/// A line in the focal plane: x cos angle + y sin angle = distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Streak {
    /// Direction of the line's normal.
    pub angle_rad: f64,
    /// Distance of the line from the centre of the focal plane.
    pub distance_mm: f64,
    /// Electrons that a pixel of its length gives a perfect detector.
    pub electrons_per_px: f64,
    /// Standard deviation of its Gaussian profile.
    pub sigma_px: f64,
}

impl Streak {
    /// A streak by chance that crosses the focal plane.
    pub(in crate::simulate) fn draw(
        camera: &CameraModel,
        fwhm_px: f64,
        rng: &mut ChaCha8Rng,
    ) -> Streak {
        let radius = camera.focal_radius_mm();
        let (low, high) = ELECTRONS_PER_PX;
        Streak {
            angle_rad: between(rng, 0.0, PI),
            distance_mm: between(rng, -0.7 * radius, 0.7 * radius),
            electrons_per_px: between(rng, low.ln(), high.ln()).exp(),
            sigma_px: fwhm_px / 2.355,
        }
    }

    /// Add the streak to the light on a detector.
    pub(in crate::simulate) fn paint(
        &self,
        camera: &CameraModel,
        detector: &DetectorModel,
        light: &mut Array2<f32>,
    ) {
        let (sin, cos) = self.angle_rad.sin_cos();
        let pixel_mm = camera.pixel_um() / 1000.0;
        // The distance from the line is linear in the pixels.
        let distance_px = |x: f64, y: f64| {
            let (u, v) = camera.pixel_to_focal(detector, x, y);
            (u * cos + v * sin - self.distance_mm) / pixel_mm
        };
        let start = distance_px(0.0, 0.0);
        let (step_x, step_y) = (distance_px(1.0, 0.0) - start, distance_px(0.0, 1.0) - start);
        let peak = self.electrons_per_px / (self.sigma_px * (2.0 * PI).sqrt());
        let reach = REACH * self.sigma_px;
        for ((y, x), light) in light.indexed_iter_mut() {
            let d = start + step_x * x as f64 + step_y * y as f64;
            if d.abs() < reach {
                *light += (peak * (-0.5 * (d / self.sigma_px).powi(2)).exp()) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_streak_has_its_place_and_light() {
        let camera = CameraModel::named("TestCamXS").unwrap();
        let detector = &camera.detectors()[0];
        let streak =
            Streak { angle_rad: 0.0, distance_mm: 1.0, electrons_per_px: 5000.0, sigma_px: 2.0 };
        let mut light = Array2::zeros((512, 512));
        streak.paint(&camera, detector, &mut light);
        // Along y at x = 1 mm, 100 pixels to the right of the centre; the detector is turned a little.
        let row = light.row(255);
        assert!((row.sum() - 5000.0).abs() < 5.0, "{}", row.sum());
        let centre = row.iter().enumerate().map(|(x, v)| x as f32 * v).sum::<f32>() / row.sum();
        assert!((centre - 355.5).abs() < 0.1, "{centre}");
    }
}
