//! Separable interpolation on regular grids.
//!
//! Lagrange polynomials are the better choice on grids much finer than the structure (the error falls with
//! the eighth power of the step), Lanczos kernels where the sampling is just sufficient.

use ndarray::{Array2, ArrayView2};
use std::f64::consts::PI;

/// Points of the Lagrange polynomial.
const LAGRANGE_POINTS: usize = 8;

/// An interpolation kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Polynomial through the eight nearest samples.
    Lagrange,
    /// Windowed sinc reaching this many samples to either side.
    Lanczos(usize),
}

/// Taps of one output sample: index of the first input sample, then weights that add up to one.
struct Taps {
    first: i64,
    weights: Vec<f64>,
}

impl Taps {
    fn new(position: f64, kernel: Kernel) -> Self {
        let reach = match kernel {
            Kernel::Lagrange => LAGRANGE_POINTS / 2,
            Kernel::Lanczos(a) => a,
        } as i64;
        let first = position.floor() as i64 - reach + 1;
        let t = position - first as f64;
        let count = 2 * reach as usize;
        let mut weights: Vec<f64> = match kernel {
            Kernel::Lagrange => (0..count).map(|k| lagrange(t, k, count)).collect(),
            Kernel::Lanczos(a) => (0..count).map(|k| lanczos(t - k as f64, a as f64)).collect(),
        };
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        Self { first, weights }
    }

    /// Without the samples outside of a grid of that length, where the function is zero.
    fn within(self, length: usize) -> Self {
        let before = (-self.first).clamp(0, self.weights.len() as i64) as usize;
        let first = self.first.clamp(0, length as i64);
        let count = self.weights.len() - before;
        let after = count.saturating_sub(length - first as usize);
        let weights = self.weights[before..before + count - after].to_vec();
        Self { first, weights }
    }
}

fn lagrange(t: f64, k: usize, count: usize) -> f64 {
    let factor = |j: usize| (t - j as f64) / (k as f64 - j as f64);
    (0..count).filter(|&j| j != k).map(factor).product()
}

fn lanczos(t: f64, a: f64) -> f64 {
    if t.abs() < 1e-9 {
        1.0
    } else if t.abs() >= a {
        0.0
    } else {
        a * (PI * t).sin() * (PI * t / a).sin() / (PI * PI * t * t)
    }
}

/// Sample `grid` at the points `(x0 + i·step, y0 + j·step)`, in units of the grid's own spacing.
///
/// Outside the grid the function is zero.
pub(super) fn resample(
    grid: ArrayView2<f64>,
    (y0, x0): (f64, f64),
    step: f64,
    (ny, nx): (usize, usize),
    kernel: Kernel,
) -> Array2<f64> {
    let columns: Vec<Taps> =
        (0..nx).map(|i| Taps::new(x0 + i as f64 * step, kernel).within(grid.ncols())).collect();
    let rows: Vec<Taps> =
        (0..ny).map(|j| Taps::new(y0 + j as f64 * step, kernel).within(grid.nrows())).collect();
    // Only the grid rows that some output row reads.
    let first = rows.iter().map(|t| t.first).min().unwrap_or(0) as usize;
    let last = rows.iter().map(|t| t.first as usize + t.weights.len()).max().unwrap_or(0);
    let mut along_x = Array2::<f64>::zeros((last.saturating_sub(first), nx));
    let mut line = vec![0.0; grid.ncols()];
    for (y, mut out) in along_x.outer_iter_mut().enumerate() {
        for (cell, value) in line.iter_mut().zip(grid.row(first + y)) {
            *cell = *value;
        }
        for (out, taps) in out.iter_mut().zip(&columns) {
            let start = taps.first as usize;
            *out = taps.weights.iter().zip(&line[start..]).map(|(w, v)| w * v).sum();
        }
    }
    let mut result = Array2::<f64>::zeros((ny, nx));
    for (mut out, taps) in result.outer_iter_mut().zip(&rows) {
        for (k, weight) in taps.weights.iter().enumerate() {
            out.scaled_add(*weight, &along_x.row(taps.first as usize + k - first));
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Largest error, in units of the peak, of a Gaussian of width `sigma` read between its samples.
    fn worst(sigma: f64, kernel: Kernel) -> f64 {
        let bump = |x: f64, y: f64| (-(x * x + y * y) / (2.0 * sigma * sigma)).exp();
        let grid = Array2::from_shape_fn((61, 61), |(j, i)| bump(i as f64 - 30.0, j as f64 - 30.0));
        let shifted = resample(grid.view(), (10.37, 10.21), 1.0, (40, 40), kernel);
        shifted
            .indexed_iter()
            .map(|((j, i), value)| {
                (value - bump(10.21 + i as f64 - 30.0, 10.37 + j as f64 - 30.0)).abs()
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn a_smooth_bump_survives_a_shift() {
        // Full widths of 3, 4 and 5 pixels on a grid of half pixels; the last, of 4, on whole pixels.
        assert!(worst(2.55, Kernel::Lagrange) < 1e-4, "{}", worst(2.55, Kernel::Lagrange));
        assert!(worst(3.4, Kernel::Lagrange) < 1e-5, "{}", worst(3.4, Kernel::Lagrange));
        assert!(worst(4.25, Kernel::Lagrange) < 2e-6, "{}", worst(4.25, Kernel::Lagrange));
        assert!(worst(1.7, Kernel::Lanczos(3)) < 1e-2, "{}", worst(1.7, Kernel::Lanczos(3)));
    }
}
