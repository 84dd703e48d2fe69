//! The point-spread function: what a star of unit flux looks like at each place of an image.
//!
//! A model is *effective*: its value at an offset is the light that falls into a whole pixel there, so
//! that measuring never integrates over pixels. Its flux is one out to infinity, also beyond the grid:
//! a stamp adds up to a little less than one.
//!
//! [`PsfModel::Analytic`] is a Gaussian or Moffat; [`PsfModel::Basis`] is the pixel basis of PSFEx
//! (images on a fine grid times polynomials of the position), made from the stars of an exposure by
//! [`fit::PsfFitter`] or from the arrays of a PSFEx table.

pub mod basis;
pub mod fit;
mod moffat_fit;
pub mod profile;
mod resample;
pub mod select;
pub mod star_fit;

pub use basis::BasisPsf;
pub use profile::{RadialLaw, StarProfile};

use ndarray::Array2;

/// A small image cut from, or to be laid over, a larger one.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// Column of the first pixel in the large image; may be negative.
    pub x0: i64,
    /// Row of the first pixel in the large image; may be negative.
    pub y0: i64,
    /// Pixels, `[[y, x]]`.
    pub values: Array2<f64>,
}

impl Stamp {
    /// Pixels that lie inside an image of the shape `(ny, nx)`, as `(row, column, value)`.
    pub fn inside(&self, shape: (usize, usize)) -> impl Iterator<Item = (usize, usize, f64)> + '_ {
        let (ny, nx) = (shape.0 as i64, shape.1 as i64);
        self.values.indexed_iter().filter_map(move |((j, i), &value)| {
            let (y, x) = (self.y0 + j as i64, self.x0 + i as i64);
            (y >= 0 && y < ny && x >= 0 && x < nx).then_some((y as usize, x as usize, value))
        })
    }
}

/// A model of the point-spread function over an image.
#[derive(Debug, Clone)]
pub enum PsfModel {
    /// One analytic profile everywhere.
    Analytic(StarProfile),
    /// Images on a fine grid times polynomials of the position.
    Basis(BasisPsf),
}

impl PsfModel {
    /// Draw a star of unit flux at `(x, y)` on the square of `2 · radius + 1` pixels around it.
    pub fn stamp(&self, x: f64, y: f64, radius: usize) -> Stamp {
        let (x0, y0) = (x.round() as i64 - radius as i64, y.round() as i64 - radius as i64);
        let values = match self {
            Self::Analytic(profile) => {
                let sampler = profile.sampler();
                Array2::from_shape_fn((2 * radius + 1, 2 * radius + 1), |(j, i)| {
                    sampler.pixel((x0 + i as i64) as f64 - x, (y0 + j as i64) as f64 - y)
                })
            }
            Self::Basis(basis) => basis.stamp(x, y, radius),
        };
        Stamp { x0, y0, values }
    }

    /// Width of a circle with the area above half of the maximum, pixels.
    pub fn fwhm_px(&self, x: f64, y: f64) -> f64 {
        // Sample at steps of an eighth of a pixel by moving the star, not the grid.
        const STEPS: usize = 8;
        let radius = self.radius_px().min(24);
        let mut fine = Vec::with_capacity(STEPS * STEPS * (2 * radius + 1).pow(2));
        let (x, y) = (x.round(), y.round());
        for j in 0..STEPS {
            for i in 0..STEPS {
                let offset = |k: usize| (k as f64 + 0.5) / STEPS as f64 - 0.5;
                fine.extend(self.stamp(x + offset(i), y + offset(j), radius).values);
            }
        }
        let peak = fine.iter().copied().fold(0.0, f64::max);
        let above = fine.iter().filter(|&&v| v > 0.5 * peak).count();
        2.0 * (above as f64 / (STEPS * STEPS) as f64 / std::f64::consts::PI).sqrt()
    }

    /// Radius of a stamp that holds all but the faint wings, pixels.
    pub fn radius_px(&self) -> usize {
        match self {
            Self::Analytic(profile) => (4.0 * profile.fwhm_px).ceil().clamp(6.0, 40.0) as usize,
            Self::Basis(basis) => basis.radius_px(),
        }
    }

    /// Effective area `1 / Σ P²` at a place, pixels: a faint star's flux variance is the sky's per
    /// pixel times this.
    pub fn effective_area_px(&self, x: f64, y: f64) -> f64 {
        let stamp = self.stamp(x, y, self.radius_px());
        1.0 / stamp.values.iter().map(|v| v * v).sum::<f64>()
    }
}
