//! Small symmetric systems: the normal equations of least-squares fits.

use ndarray::{Array1, Array2};

/// Lower triangular factor of a symmetric positive definite matrix.
#[derive(Debug, Clone)]
pub struct Cholesky {
    lower: Array2<f64>,
}

impl Cholesky {
    /// Factor `matrix`; `None` where it is singular to working precision.
    pub fn new(matrix: &Array2<f64>) -> Option<Self> {
        let n = matrix.nrows();
        let mut lower = Array2::<f64>::zeros((n, n));
        for j in 0..n {
            let mut diagonal = matrix[[j, j]];
            for k in 0..j {
                diagonal -= lower[[j, k]] * lower[[j, k]];
            }
            if diagonal.is_nan() || diagonal <= 1e-12 * matrix[[j, j]].abs() {
                return None;
            }
            let pivot = diagonal.sqrt();
            lower[[j, j]] = pivot;
            for i in j + 1..n {
                let mut sum = matrix[[i, j]];
                for k in 0..j {
                    sum -= lower[[i, k]] * lower[[j, k]];
                }
                lower[[i, j]] = sum / pivot;
            }
        }
        Some(Self { lower })
    }

    /// Solve `matrix · x = right`.
    pub fn solve(&self, right: &Array1<f64>) -> Array1<f64> {
        let n = right.len();
        let mut x = right.clone();
        for i in 0..n {
            for k in 0..i {
                x[i] -= self.lower[[i, k]] * x[k];
            }
            x[i] /= self.lower[[i, i]];
        }
        for i in (0..n).rev() {
            for k in i + 1..n {
                x[i] -= self.lower[[k, i]] * x[k];
            }
            x[i] /= self.lower[[i, i]];
        }
        x
    }

    /// Inverse of the factored matrix.
    pub fn inverse(&self) -> Array2<f64> {
        let n = self.lower.nrows();
        let mut inverse = Array2::zeros((n, n));
        for j in 0..n {
            let mut unit = Array1::zeros(n);
            unit[j] = 1.0;
            inverse.column_mut(j).assign(&self.solve(&unit));
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::array;

    #[test]
    fn solves_and_inverts() {
        let a = array![[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]];
        let factor = Cholesky::new(&a).unwrap();
        let x = factor.solve(&array![1.0, 2.0, 3.0]);
        let residual = a.dot(&x) - array![1.0, 2.0, 3.0];
        assert!(residual.iter().all(|r| r.abs() < 1e-14));
        let unit = a.dot(&factor.inverse());
        for ((i, j), v) in unit.indexed_iter() {
            assert!((v - f64::from(u8::from(i == j))).abs() < 1e-14);
        }
    }

    #[test]
    fn a_singular_matrix_has_no_factor() {
        assert!(Cholesky::new(&array![[1.0, 1.0], [1.0, 1.0]]).is_none());
    }
}
