//! Kron flux: the light in an ellipse whose size follows the source.
//!
//! `R_K = Σ r I / Σ I` over the ellipse of six times the adaptive moments, `r` being the elliptical radius
//! (that of the circle of equal area); the flux is summed within 2.5 `R_K`, which for a star is
//! not less than it is for the PSF. Pixels on the rim count by the part that lies inside.
//!
//! Reference: Kron 1980 (1980ApJS...43..305K).

use super::Shape;
use super::isolated::Isolated;

/// Size of the ellipse on which the radius is measured, in units of the moments.
const RADIUS_SIGMA: f64 = 6.0;
/// Size of the aperture, in units of the Kron radius.
const APERTURE: f64 = 2.5;
/// Largest Kron radius, in units of the moments: what exceeds it is a neighbour's light.
const LARGEST_SIGMA: f64 = 4.0;
/// Points along each side of a pixel that the rim cuts.
const SUBSTEPS: usize = 5;

/// A Kron flux.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KronFlux {
    /// Light within the ellipse, in the image's unit; NaN with a flag where it cannot be measured.
    pub flux: f64,
    /// Standard error of `flux`.
    pub flux_err: f64,
    /// Kron radius, pixels.
    pub radius_px: f64,
    /// There is no shape, or the ellipse holds pixels without data or leaves the image.
    pub flag: bool,
}

impl KronFlux {
    const FAILED: Self =
        Self { flux: f64::NAN, flux_err: f64::NAN, radius_px: f64::NAN, flag: true };

    /// Measure a source of the adaptive moments `shape`.
    pub fn measure(source: &Isolated, (x, y): (f64, f64), shape: &Shape, psf: &Shape) -> Self {
        if shape.flag {
            return Self::FAILED;
        }
        let ellipse = Ellipse::new(x, y, shape);
        let sigma = shape.determinant_radius_px();
        let (mut moment, mut light) = (0.0, 0.0);
        for (column, row, part) in ellipse.pixels(RADIUS_SIGMA * sigma) {
            let Some((value, _)) = source.filled(column, row) else { continue };
            moment += part * value * ellipse.radius(column as f64, row as f64);
            light += part * value;
        }
        // A Gaussian has R_K = √(π/2) σ; a PSF that fails leaves the source's own size.
        let gaussian = (std::f64::consts::PI / 2.0).sqrt();
        let least = if psf.flag { sigma } else { psf.determinant_radius_px() };
        let radius_px = if light > 0.0 { moment / light } else { 0.0 };
        let radius_px =
            radius_px.clamp(gaussian * least, (gaussian * LARGEST_SIGMA) * sigma.max(least));
        let (mut flux, mut variance) = (0.0, 0.0);
        for (column, row, part) in ellipse.pixels(APERTURE * radius_px) {
            let Some((value, noise2)) = source.filled(column, row) else {
                return Self { radius_px, ..Self::FAILED };
            };
            flux += part * value;
            variance += part * part * noise2;
        }
        Self { flux, flux_err: variance.sqrt(), radius_px, flag: false }
    }
}

/// Ellipses about one centre, of one axis ratio and orientation.
struct Ellipse {
    x: f64,
    y: f64,
    /// Inverse of the moments over the root of their determinant: radii are those of equal area.
    inverse: [f64; 3],
    /// Reach along columns and rows of the ellipse of radius one.
    extent: (f64, f64),
}

impl Ellipse {
    fn new(x: f64, y: f64, shape: &Shape) -> Self {
        let root = (shape.xx * shape.yy - shape.xy * shape.xy).sqrt();
        Self {
            x,
            y,
            inverse: [shape.yy / root, shape.xx / root, -shape.xy / root],
            extent: ((shape.xx / root).sqrt(), (shape.yy / root).sqrt()),
        }
    }

    fn radius(&self, px: f64, py: f64) -> f64 {
        let (dx, dy) = (px - self.x, py - self.y);
        let [a, b, c] = self.inverse;
        (a * dx * dx + b * dy * dy + 2.0 * c * dx * dy).max(0.0).sqrt()
    }

    /// Columns, rows, and parts inside, of the pixels that an ellipse of this radius touches.
    fn pixels(&self, radius: f64) -> impl Iterator<Item = (i64, i64, f64)> + '_ {
        let range =
            |c: f64, reach: f64| (c - reach - 0.5).ceil() as i64..=(c + reach + 0.5).floor() as i64;
        let columns = range(self.x, radius * self.extent.0);
        // The radius changes by no more than this from a pixel's centre to its corner.
        let slack = (self.inverse[0] + self.inverse[1]).sqrt() * 0.75;
        range(self.y, radius * self.extent.1)
            .flat_map(move |row| columns.clone().map(move |column| (column, row)))
            .filter_map(move |(column, row)| {
                let r = self.radius(column as f64, row as f64);
                let part = if r + slack <= radius {
                    1.0
                } else if r - slack >= radius {
                    0.0
                } else {
                    self.part_inside(column as f64, row as f64, radius)
                };
                (part > 0.0).then_some((column, row, part))
            })
    }

    fn part_inside(&self, px: f64, py: f64, radius: f64) -> f64 {
        let offset = |k: usize| (k as f64 + 0.5) / SUBSTEPS as f64 - 0.5;
        let inside = (0..SUBSTEPS * SUBSTEPS)
            .filter(|k| self.radius(px + offset(k % SUBSTEPS), py + offset(k / SUBSTEPS)) <= radius)
            .count();
        inside as f64 / (SUBSTEPS * SUBSTEPS) as f64
    }
}
