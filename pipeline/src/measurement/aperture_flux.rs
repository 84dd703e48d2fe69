//! Aperture flux: the sum of an image over a circle, each pixel weighted by its area inside.
//!
//! [`aperture_flux`] sums the image as it is; [`apertures`] sums one source alone, for all of
//! [`RADII_PX`] in one pass over the pixels. The error is that of the weighted sum, `√(Σ a² V)`; SEP takes `√(Σ a V)`,
//! which counts the pixels on the rim as if wholly inside.

use super::isolated::Isolated;
use crate::image::{MaskedImage, mask_plane};

/// Radii at which every source is measured, pixels: those of the Source table, and 5.
pub const RADII_PX: [f64; 10] = [3.0, 5.0, 6.0, 9.0, 12.0, 17.0, 25.0, 35.0, 50.0, 70.0];

/// Distance of a pixel's corner from its centre.
const CORNER_PX: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Pixels without data; an aperture that holds one has no flux.
const NO_DATA: u32 = mask_plane::NO_DATA;

/// Flux in a circular aperture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApertureFlux {
    /// Sum over the circle, in the image's unit; NaN with a flag where it cannot be measured.
    pub flux: f64,
    /// Standard error of `flux`.
    pub flux_err: f64,
    /// The circle leaves the image.
    pub flag_aperture_truncated: bool,
    /// A pixel inside has no data.
    pub flag_no_data: bool,
}

impl ApertureFlux {
    /// Any failure.
    pub fn flag(&self) -> bool {
        self.flag_aperture_truncated || self.flag_no_data || !self.flux.is_finite()
    }

    pub(super) fn failed(truncated: bool) -> Self {
        Self {
            flux: f64::NAN,
            flux_err: f64::NAN,
            flag_aperture_truncated: truncated,
            flag_no_data: !truncated,
        }
    }
}

/// Sum `image` over the circle of `radius_px` about `(x, y)`.
pub fn aperture_flux(image: &MaskedImage, x: f64, y: f64, radius_px: f64) -> ApertureFlux {
    let (ny, nx) = image.image.dim();
    let inside = x - radius_px >= -0.5
        && y - radius_px >= -0.5
        && x + radius_px <= nx as f64 - 0.5
        && y + radius_px <= ny as f64 - 0.5;
    if !inside {
        return ApertureFlux::failed(true);
    }
    let range = |c: f64, n: usize| {
        let first = (c - radius_px - 0.5).floor().max(0.0) as usize;
        let last = (c + radius_px + 0.5).ceil().min(n as f64 - 1.0) as usize;
        first..=last
    };
    let (mut flux, mut variance) = (0.0, 0.0);
    for row in range(y, ny) {
        for column in range(x, nx) {
            let area = circle_pixel_overlap(column as f64 - x, row as f64 - y, radius_px);
            if area == 0.0 {
                continue;
            }
            let (value, noise2) = (image.image[[row, column]], image.variance[[row, column]]);
            if image.mask[[row, column]] & NO_DATA != 0 || !value.is_finite() {
                return ApertureFlux::failed(false);
            }
            flux += area * f64::from(value);
            variance += area * area * f64::from(noise2);
        }
    }
    ApertureFlux {
        flux,
        flux_err: variance.sqrt(),
        flag_aperture_truncated: false,
        flag_no_data: false,
    }
}

/// Sum one source over the circles of [`RADII_PX`] about `(x, y)`.
pub fn apertures(source: &Isolated, (x, y): (f64, f64)) -> [ApertureFlux; RADII_PX.len()] {
    let (ny, nx) = source.image_shape();
    let fits = |radius: f64| {
        x - radius >= -0.5
            && y - radius >= -0.5
            && x + radius <= nx as f64 - 0.5
            && y + radius <= ny as f64 - 0.5
    };
    let count = RADII_PX.iter().take_while(|radius| fits(**radius)).count();
    let mut fluxes = [ApertureFlux::failed(true); RADII_PX.len()];
    let Some(largest) = RADII_PX[..count].last() else { return fluxes };
    // What lies wholly inside a circle and outside the one before, and what its rim cuts.
    let mut rings = [(0.0, 0.0); RADII_PX.len()];
    let mut rims = [(0.0, 0.0); RADII_PX.len()];
    let mut usable = count;
    let rows = (y - largest - 0.5).ceil() as i64..=(y + largest + 0.5).floor() as i64;
    for row in rows {
        let dy = row as f64 - y;
        let half = ((largest + CORNER_PX).powi(2) - dy * dy).max(0.0).sqrt();
        for column in (x - half).ceil() as i64..=(x + half).floor() as i64 {
            let dx = column as f64 - x;
            let r = (dx * dx + dy * dy).sqrt();
            let cut = RADII_PX[..usable].partition_point(|radius| radius + CORNER_PX <= r);
            if cut == usable {
                continue;
            }
            let Some((value, variance)) = source.filled(column, row) else {
                usable = cut;
                continue;
            };
            let whole = RADII_PX[..usable].partition_point(|radius| radius - CORNER_PX < r);
            for k in cut..whole {
                let area = circle_pixel_overlap(dx, dy, RADII_PX[k]);
                rims[k].0 += area * value;
                rims[k].1 += area * area * variance;
            }
            if whole < usable {
                rings[whole].0 += value;
                rings[whole].1 += variance;
            }
        }
    }
    let (mut flux, mut variance) = (0.0, 0.0);
    for k in 0..count {
        flux += rings[k].0;
        variance += rings[k].1;
        fluxes[k] = if k < usable {
            ApertureFlux {
                flux: flux + rims[k].0,
                flux_err: (variance + rims[k].1).sqrt(),
                flag_aperture_truncated: false,
                flag_no_data: false,
            }
        } else {
            ApertureFlux::failed(false)
        };
    }
    fluxes
}

/// Area inside the circle about the origin of the unit pixel centred on `(dx, dy)`.
pub fn circle_pixel_overlap(dx: f64, dy: f64, radius: f64) -> f64 {
    let (u, v) = (dx.abs(), dy.abs());
    if (u + 0.5).hypot(v + 0.5) <= radius {
        return 1.0;
    }
    if (u - 0.5).max(0.0).hypot((v - 0.5).max(0.0)) >= radius {
        return 0.0;
    }
    let corner = |x: f64, y: f64| disc_below(x, y, radius);
    let area = corner(u + 0.5, v + 0.5) - corner(u - 0.5, v + 0.5) - corner(u + 0.5, v - 0.5)
        + corner(u - 0.5, v - 0.5);
    area.clamp(0.0, 1.0)
}

/// Area of the part of the disc about the origin with `X ≤ x` and `Y ≤ y`.
fn disc_below(x: f64, y: f64, radius: f64) -> f64 {
    let r2 = radius * radius;
    let (x, y) = (x.clamp(-radius, radius), y.clamp(-radius, radius));
    // Area under the upper half circle from −r to t.
    let half = |t: f64| {
        let t = t.clamp(-radius, radius);
        0.5 * (t * (r2 - t * t).max(0.0).sqrt() + r2 * (t / radius).asin())
            + 0.25 * std::f64::consts::PI * r2
    };
    let chord = (r2 - y * y).max(0.0).sqrt();
    // Columns left of, on, and right of the chord Y = y.
    let on = x.clamp(-chord, chord);
    let middle = y * (on + chord) + half(on) - half(-chord);
    if y < 0.0 {
        return middle;
    }
    let left = 2.0 * half(x.min(-chord));
    let right = 2.0 * (half(x.max(chord)) - half(chord));
    left + middle + right
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn flat(value: f32) -> MaskedImage {
        MaskedImage {
            image: Array2::from_elem((64, 64), value),
            mask: Array2::zeros((64, 64)),
            variance: Array2::from_elem((64, 64), 4.0),
        }
    }

    #[test]
    fn overlaps_add_up_to_the_circle() {
        for (x, y, radius) in
            [(30.0, 30.0, 3.0), (30.3, 31.7, 5.0), (32.49, 29.51, 12.0), (31.1, 31.9, 0.3)]
        {
            let sum = aperture_flux(&flat(1.0), x, y, radius).flux;
            let circle = std::f64::consts::PI * radius * radius;
            assert!((sum / circle - 1.0).abs() < 1e-12, "radius {radius} at {x}, {y}: {sum}");
        }
    }

    #[test]
    fn all_circles_at_once_are_each_circle() {
        let mut image = flat(0.0);
        image.image = Array2::from_shape_fn((64, 64), |(y, x)| ((x * 37 + y * 91) % 17) as f32);
        image.mask[[30, 50]] = mask_plane::NO_DATA;
        let scene = super::super::isolated::NoiseReplaced::new(&image, &[], 0);
        for (x, y) in [(31.3, 30.8), (12.0, 20.0), (33.5, 31.5)] {
            let together = apertures(&scene.sky(), (x, y));
            for (radius, found) in RADII_PX.into_iter().zip(together) {
                let alone = aperture_flux(&image, x, y, radius);
                assert_eq!(found.flag_aperture_truncated, alone.flag_aperture_truncated);
                assert_eq!(found.flag_no_data, alone.flag_no_data, "{radius} at {x}, {y}");
                if !alone.flag() {
                    assert!((found.flux - alone.flux).abs() < 1e-9 * alone.flux, "{radius}");
                    assert!((found.flux_err - alone.flux_err).abs() < 1e-9 * alone.flux_err);
                }
            }
        }
    }

    #[test]
    fn overlap_agrees_with_fine_sampling() {
        const STEPS: usize = 1000;
        for (dx, dy, radius) in
            [(2.6, 1.2, 3.0), (0.2, -0.1, 0.4), (-4.9, 0.3, 5.0), (3.4, -3.6, 5.0)]
        {
            let mut count = 0;
            for j in 0..STEPS {
                for i in 0..STEPS {
                    let offset = |k: usize| (k as f64 + 0.5) / STEPS as f64 - 0.5;
                    count += usize::from((dx + offset(i)).hypot(dy + offset(j)) <= radius);
                }
            }
            let sampled = count as f64 / (STEPS * STEPS) as f64;
            let exact = circle_pixel_overlap(dx, dy, radius);
            assert!((exact - sampled).abs() < 1e-3, "{dx}, {dy}, {radius}: {exact} {sampled}");
        }
    }

    #[test]
    fn failures_are_flagged() {
        let outside = aperture_flux(&flat(1.0), 3.0, 30.0, 5.0);
        assert!(outside.flag_aperture_truncated && outside.flux.is_nan() && outside.flag());
        let mut image = flat(1.0);
        image.mask[[30, 33]] = mask_plane::NO_DATA;
        let hole = aperture_flux(&image, 30.0, 30.0, 5.0);
        assert!(hole.flag_no_data && hole.flux_err.is_nan());
        assert!(!aperture_flux(&image, 30.0, 30.0, 2.0).flag());
    }
}
