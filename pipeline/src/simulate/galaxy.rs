//! Galaxies: Sérsic profiles convolved with the PSF and the pixel.
//!
//! In Fourier space the convolved light is the product of the transforms of the sheared Sérsic profile, of
//! the PSF (drawn on the same fine grid, pixel included) and of the shift to the centre. It is evaluated
//! at half-pixel steps, beyond which a seeing-limited PSF has no power, and every second point is taken.

use super::sersic::SersicTransform;
use crate::psf::{Stamp, StarProfile};
use ndarray::Array2;
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::f64::consts::TAU;

/// Grid points per pixel.
const OVERSAMPLING: usize = 2;
/// Largest stamp, pixels.
const MAX_SIZE_PX: usize = 512;

/// An elliptical Sérsic profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GalaxyShape {
    /// Sérsic index.
    pub sersic_n: f64,
    /// Half-light radius of the circular profile before the shear, pixels.
    pub half_light_px: f64,
    /// Shear along the axes.
    pub g1: f64,
    /// Shear along the diagonals.
    pub g2: f64,
}

/// Draws galaxies of a few Sérsic indices.
#[derive(Debug)]
pub struct GalaxyPainter {
    transforms: Vec<SersicTransform>,
}

impl GalaxyPainter {
    /// Tabulate the transforms of these Sérsic indices.
    pub fn new(sersic_indices: &[f64]) -> Self {
        Self { transforms: sersic_indices.iter().map(|&n| SersicTransform::new(n)).collect() }
    }

    /// Draw a galaxy of unit flux at `(x, y)` as far as it exceeds the surface brightness `faintest`.
    ///
    /// What lies beyond the stamp comes back on its other side, as everything periodic does; so the stamp
    /// must reach to where that does not matter. `None` for a Sérsic index that the painter was not made for.
    pub fn draw(
        &self,
        shape: &GalaxyShape,
        psf: &StarProfile,
        (x, y): (f64, f64),
        faintest: f64,
    ) -> Option<Stamp> {
        let transform = self.transforms.iter().find(|t| t.n() == shape.sersic_n)?;
        let unit_area = shape.half_light_px.powi(2);
        let g = shape.g1.hypot(shape.g2);
        let galaxy_px = transform.radius_of_density(faintest * unit_area)
            * shape.half_light_px
            * ((1.0 + g) / (1.0 - g)).sqrt();
        let radius_px = galaxy_px.max(psf.radius_of_density(faintest)) + psf.fwhm_px;
        let size = ((2.0 * radius_px).ceil().max(16.0) as usize).next_power_of_two();
        let size = size.min(MAX_SIZE_PX);
        let n = size * OVERSAMPLING;
        let mut planner = FftPlanner::new();
        let mut grid = psf_grid(psf, n);
        transform_2d(&mut grid, planner.plan_fft_forward(n).as_ref());
        let (x0, y0) = (x.round() as i64 - size as i64 / 2, y.round() as i64 - size as i64 / 2);
        // Offset of the galaxy from the first pixel's centre, in grid steps.
        let (sx, sy) =
            ((x - x0 as f64) * OVERSAMPLING as f64, (y - y0 as f64) * OVERSAMPLING as f64);
        let norm = 1.0 / (1.0 - shape.g1 * shape.g1 - shape.g2 * shape.g2).sqrt();
        for ((j, i), value) in grid.indexed_iter_mut() {
            let (fx, fy) = (frequency(i, n), frequency(j, n));
            // Per pixel, in the frame where the galaxy is round: the transform takes Sᵀ k.
            let (kx, ky) = (TAU * fx * OVERSAMPLING as f64, TAU * fy * OVERSAMPLING as f64);
            let u = ((1.0 + shape.g1) * kx + shape.g2 * ky) * norm;
            let v = (shape.g2 * kx + (1.0 - shape.g1) * ky) * norm;
            let light = transform.at(u.hypot(v) * shape.half_light_px);
            *value *= Complex::from_polar(light, -TAU * (fx * sx + fy * sy));
        }
        transform_2d(&mut grid, planner.plan_fft_inverse(n).as_ref());
        let scale = 1.0 / (n * n) as f64;
        let values = Array2::from_shape_fn((size, size), |(j, i)| {
            grid[[j * OVERSAMPLING, i * OVERSAMPLING]].re * scale
        });
        Some(Stamp { x0, y0, values })
    }
}

/// The effective PSF on the fine grid, its centre on the first point, periodic.
///
/// Values are the light of a whole pixel around each point.
fn psf_grid(psf: &StarProfile, n: usize) -> Array2<Complex<f64>> {
    let sampler = psf.sampler();
    let step = 1.0 / OVERSAMPLING as f64;
    let offset = |k: usize| (if k > n / 2 { k as f64 - n as f64 } else { k as f64 }) * step;
    Array2::from_shape_fn((n, n), |(j, i)| Complex::from(sampler.pixel(offset(i), offset(j))))
}

/// Cycles per grid step of a Fourier index.
fn frequency(k: usize, n: usize) -> f64 {
    (if k > n / 2 { k as f64 - n as f64 } else { k as f64 }) / n as f64
}

/// Transform rows, then columns.
fn transform_2d(grid: &mut Array2<Complex<f64>>, fft: &dyn Fft<f64>) {
    for _ in 0..2 {
        for mut row in grid.rows_mut() {
            if let Some(slice) = row.as_slice_mut() {
                fft.process(slice);
            }
        }
        *grid = grid.t().as_standard_layout().to_owned();
    }
}
