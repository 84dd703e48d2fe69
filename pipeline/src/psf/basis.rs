//! The pixel basis: a PSF as images on a fine grid, times polynomials of the position.
//!
//! `P(u; x, y) = Σ_k t_k(x, y) φ_k(u)` with the terms of PSFEx, `1, X, X², …, Y, XY, …` for
//! `X = (x − x0)/sx`, `Y = (y − y0)/sy`. The images are sampled every `step_px` and read between their
//! points by polynomials through eight of them.
//!
//! Reference: Bertin 2011 (2011ASPC..442..435B).

use super::resample::{Kernel, resample};
use ndarray::{Array2, Array3, Axis};

/// A PSF of unit flux on a pixel basis.
#[derive(Debug, Clone)]
pub struct BasisPsf {
    images: Array3<f64>,
    degree: usize,
    step_px: f64,
    centre: (f64, f64),
    scale: (f64, f64),
}

impl BasisPsf {
    /// Take the arrays of a model.
    ///
    /// # Arguments
    /// - `images`: `(terms, rows, columns)`, odd rows and columns, the star on the central one.
    ///   Values are light per image pixel (not per grid cell); PSFEx stores just that.
    /// - `degree`: of the polynomials; `terms = (degree + 1)(degree + 2)/2`.
    /// - `step_px`: grid spacing in image pixels (PSFEx: `PSF_SAMP`).
    /// - `centre`, `scale`: of `(x, y)`, pixels, 0-based (PSFEx: `POLZERO − 1`, `POLSCAL`).
    ///
    /// Returns `None` when the arrays do not fit each other.
    pub fn new(
        images: Array3<f64>,
        degree: usize,
        step_px: f64,
        centre: (f64, f64),
        scale: (f64, f64),
    ) -> Option<Self> {
        let (terms, ny, nx) = images.dim();
        let fits = terms == term_count(degree)
            && ny % 2 == 1
            && nx == ny
            && step_px > 0.0
            && scale.0 > 0.0
            && scale.1 > 0.0;
        fits.then_some(Self { images, degree, step_px, centre, scale })
    }

    /// Degree of the polynomials.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The images: `(terms, rows, columns)`.
    pub fn images(&self) -> &Array3<f64> {
        &self.images
    }

    /// Grid spacing, image pixels.
    pub fn step_px(&self) -> f64 {
        self.step_px
    }

    /// Centre and scale of the positions that the polynomials take, pixels.
    pub fn position_scale(&self) -> ((f64, f64), (f64, f64)) {
        (self.centre, self.scale)
    }

    /// Radius of the grid, image pixels.
    pub fn radius_px(&self) -> usize {
        ((self.images.dim().1 / 2) as f64 * self.step_px).floor() as usize
    }

    /// The model's image at `(x, y)`.
    pub(super) fn at(&self, x: f64, y: f64) -> BasisImage {
        let terms = polynomial_terms(
            self.degree,
            (x - self.centre.0) / self.scale.0,
            (y - self.centre.1) / self.scale.1,
        );
        let mut image = self.images.index_axis(Axis(0), 0).to_owned();
        for (k, term) in terms.iter().enumerate().skip(1) {
            image.scaled_add(*term, &self.images.index_axis(Axis(0), k));
        }
        BasisImage { image, step_px: self.step_px }
    }
}

/// The image of a [`BasisPsf`] at one place.
#[derive(Debug, Clone)]
pub struct BasisImage {
    image: Array2<f64>,
    step_px: f64,
}

impl BasisImage {
    /// Pixels of a unit star at `(x, y)`, the first one being `first`, on a square of `n`.
    pub(super) fn draw(&self, (x, y): (f64, f64), first: (i64, i64), n: usize) -> Array2<f64> {
        let half = (self.image.nrows() / 2) as f64;
        let start = |c: f64, first: i64| half + (first as f64 - c) / self.step_px;
        resample(
            self.image.view(),
            (start(y, first.1), start(x, first.0)),
            1.0 / self.step_px,
            (n, n),
            Kernel::Lagrange,
        )
    }
}

/// Number of the terms of a degree.
pub(super) fn term_count(degree: usize) -> usize {
    (degree + 1) * (degree + 2) / 2
}

/// Index of the term `X^i Y^j` among those of a degree.
pub(super) fn term_index(degree: usize, i: usize, j: usize) -> usize {
    (0..j).map(|row| degree - row + 1).sum::<usize>() + i
}

/// Images of one degree as those of a higher one; the terms that it adds are zero.
pub(super) fn raised(images: &Array3<f64>, from: usize, to: usize) -> Array3<f64> {
    let (_, ny, nx) = images.dim();
    let mut raised = Array3::zeros((term_count(to), ny, nx));
    for j in 0..=from {
        for i in 0..=from - j {
            let image = images.index_axis(Axis(0), term_index(from, i, j));
            raised.index_axis_mut(Axis(0), term_index(to, i, j)).assign(&image);
        }
    }
    raised
}

/// Terms `X^i Y^j`, `i + j ≤ degree`, X varying fastest, as PSFEx orders them.
pub(super) fn polynomial_terms(degree: usize, x: f64, y: f64) -> Vec<f64> {
    let mut terms = Vec::with_capacity(term_count(degree));
    for j in 0..=degree {
        for i in 0..=degree - j {
            terms.push(x.powi(i as i32) * y.powi(j as i32));
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::profile::{RadialLaw, StarProfile};
    use super::*;

    #[test]
    fn a_sampled_profile_is_read_back_between_its_points() {
        let profile = StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, 3.2);
        let sampler = profile.sampler();
        let grid = Array3::from_shape_fn((1, 61, 61), |(_, j, i)| {
            sampler.pixel((i as f64 - 30.0) * 0.5, (j as f64 - 30.0) * 0.5)
        });
        let psf = BasisPsf::new(grid, 0, 0.5, (0.0, 0.0), (1.0, 1.0)).unwrap();
        let stamp = psf.at(100.0, 50.0).draw((100.37, 50.81), (90, 41), 21);
        let peak = sampler.pixel(0.0, 0.0);
        for ((j, i), value) in stamp.indexed_iter() {
            let exact = sampler.pixel(90.0 + i as f64 - 100.37, 41.0 + j as f64 - 50.81);
            assert!((value - exact).abs() < 2e-4 * peak, "{value} instead of {exact}");
        }
    }

    #[test]
    fn arrays_that_do_not_fit_are_refused() {
        let images = || Array3::zeros((3, 21, 21));
        assert!(BasisPsf::new(images(), 1, 1.0, (0.0, 0.0), (1.0, 1.0)).is_some());
        assert!(BasisPsf::new(images(), 2, 1.0, (0.0, 0.0), (1.0, 1.0)).is_none());
        assert!(
            BasisPsf::new(Array3::zeros((1, 20, 20)), 0, 1.0, (0.0, 0.0), (1.0, 1.0)).is_none()
        );
    }

    #[test]
    fn terms_come_in_the_order_of_psfex() {
        assert_eq!(polynomial_terms(2, 2.0, 3.0), [1.0, 2.0, 4.0, 3.0, 6.0, 9.0]);
        assert_eq!(polynomial_terms(3, 2.0, 3.0)[term_index(3, 1, 2)], 2.0 * 9.0);
        let images = Array3::from_shape_fn((3, 1, 1), |(k, _, _)| k as f64 + 1.0);
        assert_eq!(
            raised(&images, 1, 2).into_iter().collect::<Vec<_>>(),
            [1.0, 2.0, 0.0, 3.0, 0.0, 0.0]
        );
    }
}
