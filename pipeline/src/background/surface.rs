//! Surfaces through the cells of a mesh: natural bicubic spline, or Chebyshev polynomial.

use super::{Mesh, Surface};
use crate::linear_algebra::Cholesky;
use ndarray::{Array1, Array2};
use rayon::prelude::*;

/// Value of the surface at each pixel.
pub(super) fn evaluate(mesh: &Mesh, surface: Surface) -> Array2<f32> {
    match surface {
        Surface::BicubicSpline => spline(mesh),
        Surface::Chebyshev { degree } => chebyshev(mesh, degree).unwrap_or_else(|| spline(mesh)),
    }
}

/// Natural cubic spline through `(x, y)`: second derivatives at the knots.
struct Spline<'a> {
    x: &'a [f64],
    y: Vec<f64>,
    curvature: Vec<f64>,
}

impl<'a> Spline<'a> {
    fn new(x: &'a [f64], y: Vec<f64>) -> Self {
        let n = x.len();
        let mut curvature = vec![0.0; n];
        if n > 2 {
            // Thomas algorithm on the tridiagonal system; the curvature vanishes at both ends.
            let (mut upper, mut right) = (vec![0.0; n], vec![0.0; n]);
            for i in 1..n - 1 {
                let (h0, h1) = (x[i] - x[i - 1], x[i + 1] - x[i]);
                let slope = (y[i + 1] - y[i]) / h1 - (y[i] - y[i - 1]) / h0;
                let pivot = 2.0 * (h0 + h1) - h0 * upper[i - 1];
                upper[i] = h1 / pivot;
                right[i] = (6.0 * slope - h0 * right[i - 1]) / pivot;
            }
            for i in (1..n - 1).rev() {
                curvature[i] = right[i] - upper[i] * curvature[i + 1];
            }
        }
        Self { x, y, curvature }
    }

    /// Value at `t`; a straight line beyond the outer knots.
    fn at(&self, t: f64) -> f64 {
        let n = self.x.len();
        if n == 1 {
            return self.y[0];
        }
        let k = self.x.partition_point(|&v| v <= t).clamp(1, n - 1);
        let h = self.x[k] - self.x[k - 1];
        let (a, b) = ((self.x[k] - t) / h, (t - self.x[k - 1]) / h);
        let (c0, c1) = (self.curvature[k - 1], self.curvature[k]);
        if t < self.x[0] || t > self.x[n - 1] {
            let (edge, end) = if t < self.x[0] { (self.x[0], 0) } else { (self.x[n - 1], n - 1) };
            let chord = (self.y[k] - self.y[k - 1]) / h;
            let slope = if end == 0 {
                chord - h * (2.0 * c0 + c1) / 6.0
            } else {
                chord + h * (c0 + 2.0 * c1) / 6.0
            };
            return self.y[end] + slope * (t - edge);
        }
        a * self.y[k - 1]
            + b * self.y[k]
            + ((a * a * a - a) * c0 + (b * b * b - b) * c1) * h * h / 6.0
    }
}

fn spline(mesh: &Mesh) -> Array2<f32> {
    let (ny, nx) = mesh.shape();
    let (rows, columns) = mesh.size();
    let (xs, ys) = (mesh.centres_x(), mesh.centres_y());
    // Each row of cells to full width first, then each column of pixels to full height.
    let wide: Vec<Vec<f64>> = (0..rows)
        .map(|r| {
            let means = mesh.cells()[r * columns..(r + 1) * columns].iter().map(|c| c.mean);
            let row = Spline::new(&xs, means.collect());
            (0..nx).map(|x| row.at(x as f64)).collect()
        })
        .collect();
    let columns: Vec<Spline> =
        (0..nx).map(|x| Spline::new(&ys, wide.iter().map(|row| row[x]).collect())).collect();
    fill_rows((ny, nx), |x, y| columns[x].at(y as f64))
}

/// Terms `T_i(x) T_j(y)`, `i + j ≤ degree`.
fn terms(degree: usize, x: f64, y: f64) -> Vec<f64> {
    let series = |t: f64| {
        let mut values = vec![1.0, t];
        for k in 2..=degree.max(1) {
            values.push(2.0 * t * values[k - 1] - values[k - 2]);
        }
        values
    };
    let (tx, ty) = (series(x), series(y));
    (0..=degree)
        .flat_map(|j| (0..=degree - j).map(move |i| (i, j)))
        .map(|(i, j)| tx[i] * ty[j])
        .collect()
}

fn chebyshev(mesh: &Mesh, wanted: usize) -> Option<Array2<f32>> {
    let (ny, nx) = mesh.shape();
    let (rows, columns) = mesh.size();
    // A polynomial of degree d needs more than d cells each way.
    let degree = wanted.min(rows.min(columns) - 1);
    let unit = |t: f64, n: usize| 2.0 * (t + 0.5) / n as f64 - 1.0;
    let (xs, ys) = (mesh.centres_x(), mesh.centres_y());
    let n = (degree + 1) * (degree + 2) / 2;
    let mut normal = Array2::<f64>::zeros((n, n));
    let mut right = Array1::<f64>::zeros(n);
    for (k, cell) in mesh.cells().iter().enumerate().filter(|(_, c)| c.count > 0) {
        let t = terms(degree, unit(xs[k % columns], nx), unit(ys[k / columns], ny));
        let weight = cell.count as f64 / (cell.sigma * cell.sigma).max(1e-12);
        for a in 0..n {
            right[a] += weight * t[a] * cell.mean;
            for b in 0..n {
                normal[[a, b]] += weight * t[a] * t[b];
            }
        }
    }
    let p = Cholesky::new(&normal)?.solve(&right);
    Some(fill_rows((ny, nx), |x, y| {
        let t = terms(degree, unit(x as f64, nx), unit(y as f64, ny));
        t.iter().zip(&p).map(|(t, p)| t * p).sum()
    }))
}

fn fill_rows((ny, nx): (usize, usize), value: impl Fn(usize, usize) -> f64 + Sync) -> Array2<f32> {
    let mut image = Array2::<f32>::zeros((ny, nx));
    image.outer_iter_mut().into_par_iter().enumerate().for_each(|(y, mut row)| {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = value(x, y) as f32;
        }
    });
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_passes_through_its_knots_and_follows_a_line() {
        let x = [0.0, 1.0, 2.5, 4.0];
        let curve = Spline::new(&x, vec![1.0, 3.0, -1.0, 2.0]);
        for (t, value) in [(0.0, 1.0), (1.0, 3.0), (2.5, -1.0), (4.0, 2.0)] {
            assert!((curve.at(t) - value).abs() < 1e-12);
        }
        let line = Spline::new(&x, vec![1.0, 3.0, 6.0, 9.0]);
        for t in [-2.0, 0.3, 3.3, 7.0] {
            assert!((line.at(t) - (1.0 + 2.0 * t)).abs() < 1e-12);
        }
        // Continuous slope at the last knot.
        let slope = |t: f64| (curve.at(t + 1e-6) - curve.at(t - 1e-6)) / 2e-6;
        assert!((slope(4.0 - 1e-5) - slope(4.0 + 1e-5)).abs() < 1e-3);
    }
}
