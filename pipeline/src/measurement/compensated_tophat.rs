//! Compensated tophat: the light in a circle less what the ring around it suggests.
//!
//! `F = Σ_{<r} I − (A_in / A_ring) Σ_{r..1.7r} I`: a constant error of the sky cancels. The ring holds light of
//! the source too, so that fluxes are scaled to those of the plain circle by bright stars.

use super::aperture_flux::{ApertureFlux, circle_pixel_overlap};
use super::isolated::Isolated;

/// Radius of the circle, pixels.
pub const RADIUS_PX: f64 = 12.0;
/// Outer radius of the ring, in units of the circle's.
const RING: f64 = 1.7;

/// Measure one source.
pub fn compensated_tophat(source: &Isolated, (x, y): (f64, f64)) -> ApertureFlux {
    let (outer, (ny, nx)) = (RING * RADIUS_PX, source.image_shape());
    let truncated = x - outer < -0.5
        || y - outer < -0.5
        || x + outer > nx as f64 - 0.5
        || y + outer > ny as f64 - 0.5;
    if truncated || !x.is_finite() || !y.is_finite() {
        return ApertureFlux::failed(true);
    }
    // Exact areas of circle and ring.
    let ratio = 1.0 / (RING * RING - 1.0);
    let (mut flux, mut variance) = (0.0, 0.0);
    for row in (y - outer).floor() as i64..=(y + outer).ceil() as i64 {
        for column in (x - outer).floor() as i64..=(x + outer).ceil() as i64 {
            let (dx, dy) = (column as f64 - x, row as f64 - y);
            let within = circle_pixel_overlap(dx, dy, outer);
            if within == 0.0 {
                continue;
            }
            let Some((value, noise2)) = source.filled(column, row) else {
                return ApertureFlux::failed(false);
            };
            let inside = circle_pixel_overlap(dx, dy, RADIUS_PX);
            let weight = inside - ratio * (within - inside);
            flux += weight * value;
            variance += weight * weight * noise2;
        }
    }
    ApertureFlux {
        flux,
        flux_err: variance.sqrt(),
        flag_aperture_truncated: false,
        flag_no_data: false,
    }
}
