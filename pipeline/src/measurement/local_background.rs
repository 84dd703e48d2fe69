//! Local background: the median of the sky in a ring around a source, what the estimate of the sky left.

use super::isolated::Isolated;
use crate::statistics::{median, robust_sigma};

/// Inner and outer radius of the ring, in units of the PSF's σ.
const RING_SIGMA: (f64, f64) = (7.0, 15.0);

/// Level of the sky per pixel and its standard error, in the image's unit; NaN where there is no sky.
pub fn local_background(source: &Isolated, (x, y): (f64, f64), psf_sigma_px: f64) -> (f64, f64) {
    let (inner, outer) = (RING_SIGMA.0 * psf_sigma_px, RING_SIGMA.1 * psf_sigma_px);
    let mut values = Vec::new();
    for row in (y - outer).ceil() as i64..=(y + outer).floor() as i64 {
        for column in (x - outer).ceil() as i64..=(x + outer).floor() as i64 {
            let r2 = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
            if (inner * inner..=outer * outer).contains(&r2) {
                values.extend(source.measured(column, row).map(|(value, _)| value));
            }
        }
    }
    let level = median(&mut values);
    // The median of Gaussian values scatters by √(π/2) of the mean.
    let error = (std::f64::consts::FRAC_PI_2 / values.len() as f64).sqrt();
    (level, robust_sigma(&mut values) * error)
}
