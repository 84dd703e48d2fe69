//! Charge without light: dark current, the glow of an amplifier, hot pixels.

use ndarray::Array2;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::camera::model::DetectorModel;
use crate::simulate::config::SurveyConfig;
use crate::simulate::random::between;

/// Length over which the glow falls by a factor e, of the detector's width.
const GLOW_REACH: f64 = 0.06;

/// A hot pixel: column, row, electrons a second.
type HotPixel = (usize, usize, f32);

/// Draw the dark current of each pixel, electrons a second, and the hot pixels in it.
pub(super) fn draw(
    config: &SurveyConfig,
    model: &DetectorModel,
    rng: &mut ChaCha8Rng,
) -> (Array2<f32>, Vec<HotPixel>) {
    let (nx, ny) = model.size_px;
    let sensor = &config.sensor;
    let mut dark = Array2::zeros((ny, nx));
    if config.effects.dark {
        let reach = GLOW_REACH * nx as f64;
        // The glow comes from the corner of the first pixel.
        let glow = |n: usize| -> Vec<f64> { (0..n).map(|v| (-(v as f64) / reach).exp()).collect() };
        let (along_x, along_y) = (glow(nx), glow(ny));
        dark = Array2::from_shape_fn((ny, nx), |(y, x)| {
            (sensor.dark_e_per_s + sensor.glow_e_per_s * along_x[x] * along_y[y]) as f32
        });
    }
    let n = (sensor.hot_pixels_per_mpix * (nx * ny) as f64 / 1e6).round() as usize;
    let (low, high) = sensor.hot_pixel_e_per_s;
    let mut hot = Vec::new();
    for _ in 0..n {
        let (x, y) = (rng.random_range(0..nx), rng.random_range(0..ny));
        let rate = between(rng, low.ln(), high.ln()).exp() as f32;
        if config.effects.hot_pixels {
            dark[[y, x]] += rate;
            hot.push((x, y, rate));
        }
    }
    (dark, hot)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::camera::model::CameraModel;
    use crate::simulate::random::{Purpose, stream};

    #[test]
    fn hot_pixels_are_where_the_truth_says() {
        let config = SurveyConfig::default();
        let camera = CameraModel::named("TestCamXS").unwrap();
        let draw = |config: &SurveyConfig| {
            draw(config, &camera.detectors()[0], &mut stream(1, Purpose::Sensor, 0, 0))
        };
        let (dark, hot) = draw(&config);
        assert_eq!(hot.len(), 13);
        for &(x, y, rate) in &hot {
            assert!(dark[[y, x]] >= rate && (5.0..=200.0).contains(&rate));
        }
        let bright = dark.iter().filter(|&&rate| rate > 1.0).count();
        assert_eq!(bright, hot.len());
        // Far from the glow there is the dark current alone.
        assert!((dark[[500, 500]] - 0.02).abs() < 1e-6 && (dark[[0, 0]] - 0.12).abs() < 1e-6);
        let mut off = config;
        off.effects.dark = false;
        off.effects.hot_pixels = false;
        assert!(draw(&off).0.iter().all(|&rate| rate == 0.0) && draw(&off).1.is_empty());
    }
}
