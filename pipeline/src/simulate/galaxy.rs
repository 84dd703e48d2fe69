//! Galaxies: Sérsic profiles convolved with the PSF and the pixel.
//!
//! In Fourier space the convolved light is a product: the transform of the sheared Sérsic profile, that of
//! the sheared star profile, that of the pixel, and the shift to the centre. All are known functions of
//! the wave number, read from tables. The product is evaluated up to two cycles per two pixels, beyond
//! which a seeing-limited PSF has no power; sampling it at pixel centres folds it onto itself, so that
//! one inverse transform of the stamp's own size gives the pixels.

use std::cell::RefCell;
use std::f64::consts::{PI, TAU};

use ndarray::Array2;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use super::moffat_transform::StarTransform;
use super::sersic::SersicTransform;
use crate::psf::{RadialLaw, Stamp, StarProfile};

/// Frequencies are evaluated up to this many times those of the pixel grid.
const OVERSAMPLING: usize = 2;
/// Largest stamp, pixels.
const MAX_SIZE_PX: usize = 512;

thread_local! {
    /// Plans of Fourier transforms, kept as making one costs more than a small transform.
    static PLANNER: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

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
    stars: Vec<StarTransform>,
}

impl GalaxyPainter {
    /// Tabulate the transforms of these Sérsic indices.
    pub fn new(sersic_indices: &[f64]) -> Self {
        Self::for_seeing(sersic_indices, RadialLaw::Moffat { beta: 3.0 })
    }

    /// The same, with the transform of a PSF's law at hand; other laws are tabulated for each galaxy.
    pub fn for_seeing(sersic_indices: &[f64], law: RadialLaw) -> Self {
        Self {
            transforms: sersic_indices.iter().map(|&n| SersicTransform::new(n)).collect(),
            stars: vec![StarTransform::new(RadialLaw::Gaussian), StarTransform::new(law)],
        }
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
        let galaxy = self.transforms.iter().find(|t| t.n() == shape.sersic_n)?;
        let unit_area = shape.half_light_px.powi(2);
        let g = shape.g1.hypot(shape.g2);
        let galaxy_px = galaxy.radius_of_density(faintest * unit_area)
            * shape.half_light_px
            * ((1.0 + g) / (1.0 - g)).sqrt();
        let radius_px = galaxy_px.max(psf.radius_of_density(faintest)) + psf.fwhm_px;
        let size = ((2.0 * radius_px).ceil().max(16.0) as usize).next_power_of_two();
        let size = size.min(MAX_SIZE_PX);
        let (x0, y0) = (x.round() as i64 - size as i64 / 2, y.round() as i64 - size as i64 / 2);
        let own;
        let star = match self.stars.iter().find(|transform| transform.is_of(psf.law)) {
            Some(star) => star,
            None => {
                own = StarTransform::new(psf.law);
                &own
            }
        };
        let light = Light {
            galaxy,
            galaxy_shear: Shear::new(shape.g1, shape.g2, shape.half_light_px),
            star,
            star_shear: Shear::new(psf.g1, psf.g2, psf.scale_px()),
        };
        let mut grid = light.folded((x - x0 as f64, y - y0 as f64), size);
        inverse_transform(&mut grid);
        let scale = 1.0 / (size * size) as f64;
        Some(Stamp { x0, y0, values: grid.mapv(|value| value.re * scale) })
    }
}

/// A wave vector in the frame in which a sheared profile is round, in units of its inverse scale.
struct Shear {
    uu: f64,
    uv: f64,
    vv: f64,
}

impl Shear {
    fn new(g1: f64, g2: f64, scale_px: f64) -> Shear {
        let norm = scale_px / (1.0 - g1 * g1 - g2 * g2).sqrt();
        Shear { uu: (1.0 + g1) * norm, uv: g2 * norm, vv: (1.0 - g1) * norm }
    }

    fn wave_number(&self, kx: f64, ky: f64) -> f64 {
        let (u, v) = (self.uu * kx + self.uv * ky, self.uv * kx + self.vv * ky);
        (u * u + v * v).sqrt()
    }
}

/// The light of a galaxy as seen, in Fourier space.
struct Light<'a> {
    galaxy: &'a SersicTransform,
    galaxy_shear: Shear,
    star: &'a StarTransform,
    star_shear: Shear,
}

impl Light<'_> {
    /// The transform on the grid of a stamp, centred at `(x, y)` of the stamp, aliases added.
    fn folded(&self, (x, y): (f64, f64), size: usize) -> Array2<Complex<f64>> {
        let n = size * OVERSAMPLING;
        // For each axis: wave number, and pixel times shift to the centre.
        let axis = |centre: f64| -> Vec<(f64, Complex<f64>)> {
            (0..n)
                .map(|k| {
                    let signed = if k > n / 2 { k as f64 - n as f64 } else { k as f64 };
                    let cycles = signed / size as f64;
                    (TAU * cycles, Complex::from_polar(sinc(cycles), -TAU * cycles * centre))
                })
                .collect()
        };
        let (columns, rows) = (axis(x), axis(y));
        let mut grid = Array2::from_elem((size, size), Complex::default());
        for (j, &(ky, row)) in rows.iter().enumerate() {
            // The light is real: the other half of the plane is the conjugate of this one.
            for (i, &(kx, column)) in columns.iter().enumerate().take(n / 2 + 1) {
                let star = self.star.at(self.star_shear.wave_number(kx, ky));
                if star < 1e-8 {
                    continue;
                }
                let value = star * self.galaxy.at(self.galaxy_shear.wave_number(kx, ky));
                let value = row * column * value;
                grid[[j % size, i % size]] += value;
                if i > 0 && i < n / 2 {
                    grid[[(n - j) % size, (n - i) % size]] += value.conj();
                }
            }
        }
        grid
    }
}

/// sin(πf) / πf.
fn sinc(f: f64) -> f64 {
    if f.abs() < 1e-9 { 1.0 } else { (PI * f).sin() / (PI * f) }
}

/// Transform back rows, then columns; what comes out is the same way up as what went in.
fn inverse_transform(grid: &mut Array2<Complex<f64>>) {
    let n = grid.nrows();
    let fft = PLANNER.with(|planner| planner.borrow_mut().plan_fft_inverse(n));
    for _ in 0..2 {
        if let Some(rows) = grid.as_slice_mut() {
            fft.process(rows);
        }
        *grid = grid.t().as_standard_layout().to_owned();
    }
}
