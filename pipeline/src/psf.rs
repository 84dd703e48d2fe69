//! The point-spread function: what a star of unit flux looks like at each place of an image.
//!
//! A model is *effective*: its value at an offset is the light that falls into a whole pixel there, so
//! that measuring never integrates over pixels. Its flux is one out to infinity, also beyond the grid:
//! a stamp adds up to a little less than one.
//!
//! [`PsfModel::Analytic`] is a Gaussian or Moffat; [`PsfModel::Basis`] is the pixel basis of PSFEx
//! (images on a fine grid times polynomials of the position), made from the stars of an exposure by
//! [`fit::PsfFitter`] or read from a file of PSFEx ([`psfex::read`]).

pub mod basis;
pub mod fit;
mod moffat_fit;
pub mod profile;
pub mod psfex;
mod resample;
pub mod select;
pub mod star_fit;
mod variation;

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
        self.at(x, y).stamp(x, y, radius)
    }

    /// The model near a place, to draw several stars of the same shape.
    pub fn at(&self, x: f64, y: f64) -> LocalPsf {
        match self {
            Self::Analytic(profile) => LocalPsf::Analytic(profile.sampler()),
            Self::Basis(basis) => LocalPsf::Basis(basis.at(x, y)),
        }
    }

    /// Width of a circle with the area above half of the maximum, pixels.
    pub fn fwhm_px(&self, x: f64, y: f64) -> f64 {
        // Sample at steps of an eighth of a pixel by moving the star, not the grid.
        const STEPS: usize = 8;
        let radius = self.radius_px().min(24);
        let mut fine = Vec::with_capacity(STEPS * STEPS * (2 * radius + 1).pow(2));
        let (x, y) = (x.round(), y.round());
        let local = self.at(x, y);
        for j in 0..STEPS {
            for i in 0..STEPS {
                let offset = |k: usize| (k as f64 + 0.5) / STEPS as f64 - 0.5;
                fine.extend(local.stamp(x + offset(i), y + offset(j), radius).values);
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

/// A [`PsfModel`] at one place.
#[derive(Debug, Clone)]
pub enum LocalPsf {
    /// An analytic profile.
    Analytic(profile::ProfileSampler),
    /// An image on a fine grid.
    Basis(basis::BasisImage),
}

impl LocalPsf {
    /// Draw a star of unit flux at `(x, y)` on the square of `2 · radius + 1` pixels around it.
    pub fn stamp(&self, x: f64, y: f64, radius: usize) -> Stamp {
        let first = (x.round() as i64 - radius as i64, y.round() as i64 - radius as i64);
        self.stamp_on((x, y), first, 2 * radius + 1)
    }

    /// Draw a star of unit flux at a place on the square of `n` pixels that begins at `first`, a column
    /// and a row.
    pub fn stamp_on(&self, (x, y): (f64, f64), first: (i64, i64), n: usize) -> Stamp {
        let values = match self {
            Self::Analytic(sampler) => Array2::from_shape_fn((n, n), |(j, i)| {
                let (px, py) = (first.0 + i as i64, first.1 + j as i64);
                sampler.pixel(px as f64 - x, py as f64 - y)
            }),
            Self::Basis(image) => image.draw((x, y), first, n),
        };
        Stamp { x0: first.0, y0: first.1, values }
    }
}
