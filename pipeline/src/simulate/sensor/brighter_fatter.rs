//! The brighter-fatter effect: charge that has gathered bends the field in the silicon and moves the
//! boundaries of the pixels against the charge that still comes.
//!
//! A pixel's area changes by Σ a_ij Q of the charges around it (a₀₀ < 0: a full pixel shrinks; the others
//! grow by what it loses). Here the a_ij are the Laplacian of a potential K: the boundary between two
//! pixels moves by the difference of K * Q across it, and what one pixel loses its neighbour gains, so
//! that no charge is lost. Charge is gathered in a few steps; in each, boundaries stand where the charge
//! of the middle of the step puts them, photons arrive by chance, and so the noise of neighbours is
//! correlated as the photon transfer curve asks: Cov₀₀ = μ + a₀₀ μ² + ….
//!
//! References: Antilogus et al. 2014 (2014JInst...9C3048A); Coulton et al. 2018 (2018AJ....155..258C),
//! whose kernel K is; Astier et al. 2019 (2019A&A...629A..36A), equation 20 and the decline r^−2.7.

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::simulate::random::photons;

/// Largest lag at which charge is felt, pixels.
const LAG: usize = 4;
/// Largest lag of the potential.
const KERNEL_LAG: usize = 6;
/// Decline of the coefficients with distance.
const DECLINE: f64 = -2.7;
/// Columns isolate less than the barriers of rows do: neighbours in a column feel more.
const ANISOTROPY: f64 = 1.25;
/// Size of the grid on which the potential is found.
const GRID: usize = 64;

/// The potential of a pixel's charge.
#[derive(Debug, Clone)]
pub struct BrighterFatter {
    /// Half of it: row by row from the middle one, each from −6 to 6; it is symmetric.
    kernel: Array2<f32>,
    steps: usize,
}

impl BrighterFatter {
    /// The potential of a coefficient a₀₀ (below 0), charge gathered in so many steps.
    pub fn new(a00: f64, steps: usize) -> BrighterFatter {
        let potential = potential(&coefficients(a00));
        let size = 2 * KERNEL_LAG + 1;
        let at = |dy: i64, dx: i64| {
            potential[[dy.rem_euclid(GRID as i64) as usize, dx.rem_euclid(GRID as i64) as usize]]
        };
        let lag = KERNEL_LAG as i64;
        // A constant does nothing; without it the cut at the edge is small.
        let edge: f64 =
            (-lag..=lag).map(|d| at(lag, d) + at(d, lag)).sum::<f64>() / f64::from(2 * size as u32);
        let kernel = Array2::from_shape_fn((size, size), |(j, i)| {
            (at(j as i64 - lag, i as i64 - lag) - edge) as f32
        });
        BrighterFatter { kernel, steps: steps.max(2) }
    }

    /// The potential K at a lag in columns and rows, 1/electron.
    pub fn kernel(&self, dx: i64, dy: i64) -> f64 {
        let index = |d: i64| usize::try_from(d + KERNEL_LAG as i64).ok();
        let value = index(dy).zip(index(dx)).and_then(|(j, i)| self.kernel.get([j, i]));
        value.map_or(0.0, |&k| f64::from(k))
    }

    /// The change of a pixel's area by an electron at a lag: the Laplacian of the potential.
    pub fn area_coefficient(&self, dx: i64, dy: i64) -> f64 {
        self.kernel(dx + 1, dy)
            + self.kernel(dx - 1, dy)
            + self.kernel(dx, dy + 1)
            + self.kernel(dx, dy - 1)
            - 4.0 * self.kernel(dx, dy)
    }

    /// Largest lag of the potential.
    pub fn lag(&self) -> i64 {
        KERNEL_LAG as i64
    }

    /// Gather the charge that is expected, with or without photon noise.
    pub(super) fn gather(
        &self,
        expected: &Array2<f32>,
        noise: bool,
        rng: &mut ChaCha8Rng,
    ) -> Array2<f32> {
        let n = self.steps as f32;
        let mut charge = Array2::<f32>::zeros(expected.dim());
        let mut middle = Array2::<f32>::zeros(expected.dim());
        for step in 0..self.steps {
            // Charge at the middle of the step: what is expected, and the chance excess so far. The excess
            // is stretched so that over all steps it weighs ½, as it does when charge gathers evenly.
            let (done, half) = (step as f32, step as f32 + 0.5);
            let stretch = if step == 0 { 0.0 } else { half / done / (1.0 - 1.0 / (n * n)) };
            ndarray::Zip::from(&mut middle).and(expected).and(&charge).for_each(|m, &e, &q| {
                *m = e * (half / n) + stretch * (q - e * (done / n));
            });
            let potential = self.convolve(&middle);
            let arriving = displaced(expected, &potential, 1.0 / n);
            ndarray::Zip::from(&mut charge).and(&arriving).for_each(|charge, &mean| {
                *charge += if noise { photons(f64::from(mean), rng) as f32 } else { mean };
            });
        }
        charge
    }

    /// K * Q; beyond the image there is no charge.
    fn convolve(&self, charge: &Array2<f32>) -> Array2<f32> {
        let (ny, nx) = charge.dim();
        let lag = KERNEL_LAG;
        let mut potential = Array2::<f32>::zeros((ny, nx));
        let Some(rows) = charge.as_slice() else { return potential };
        let mut pairs = vec![0.0_f32; nx + 2 * lag];
        for (y, mut out) in potential.rows_mut().into_iter().enumerate() {
            let Some(out) = out.as_slice_mut() else { continue };
            for dy in 0..=lag {
                // Rows at the same distance above and below share their weights.
                pairs.fill(0.0);
                let mut add = |row: usize| {
                    let row = &rows[row * nx..(row + 1) * nx];
                    for (sum, value) in pairs[lag..lag + nx].iter_mut().zip(row) {
                        *sum += value;
                    }
                };
                if y + dy < ny {
                    add(y + dy);
                }
                if dy > 0 && y >= dy {
                    add(y - dy);
                }
                for dx in 0..=2 * lag {
                    let weight = self.kernel[[lag + dy, dx]];
                    for (out, value) in out.iter_mut().zip(&pairs[dx..dx + nx]) {
                        *out += weight * value;
                    }
                }
            }
        }
        potential
    }
}

/// A part of the light on pixels whose boundaries a potential has moved.
fn displaced(light: &Array2<f32>, potential: &Array2<f32>, part: f32) -> Array2<f32> {
    let (ny, nx) = light.dim();
    let mut arriving = light * part;
    for y in 0..ny {
        for x in 0..nx {
            // What crosses the boundary to the next pixel: its shift times the light there.
            let mut cross = |to: [usize; 2]| {
                let shift = potential[to] - potential[[y, x]];
                let moved = shift * 0.5 * part * (light[[y, x]] + light[to]);
                arriving[[y, x]] += moved;
                arriving[to] -= moved;
            };
            if x + 1 < nx {
                cross([y, x + 1]);
            }
            if y + 1 < ny {
                cross([y + 1, x]);
            }
        }
    }
    arriving.mapv_inplace(|mean| mean.max(0.0));
    arriving
}

/// The a_ij on the periodic grid: a₀₀ in the corner, what it loses around it.
fn coefficients(a00: f64) -> Array2<f64> {
    let signed = |k: usize| if k > GRID / 2 { k as f64 - GRID as f64 } else { k as f64 };
    let mut a = Array2::from_shape_fn((GRID, GRID), |(j, i)| {
        let (dx, dy) = (signed(i), signed(j));
        let far = dx.abs() > LAG as f64 || dy.abs() > LAG as f64;
        if far || (dx == 0.0 && dy == 0.0) { 0.0 } else { dx.hypot(dy / ANISOTROPY).powf(DECLINE) }
    });
    let around: f64 = a.iter().sum();
    a.mapv_inplace(|value| -a00 * value / around);
    a[[0, 0]] = a00;
    a
}

/// The potential whose Laplacian (of five points) is given, periodic, without a mean.
fn potential(laplacian: &Array2<f64>) -> Array2<f64> {
    let mut grid = laplacian.mapv(|value| Complex::new(value, 0.0));
    let mut planner = FftPlanner::new();
    let forward = planner.plan_fft_forward(GRID);
    let backward = planner.plan_fft_inverse(GRID);
    let transform = |grid: &mut Array2<Complex<f64>>, fft: &dyn rustfft::Fft<f64>| {
        for _ in 0..2 {
            if let Some(rows) = grid.as_slice_mut() {
                fft.process(rows);
            }
            *grid = grid.t().as_standard_layout().to_owned();
        }
    };
    transform(&mut grid, forward.as_ref());
    let cos = |k: usize| (std::f64::consts::TAU * k as f64 / GRID as f64).cos();
    for ((j, i), value) in grid.indexed_iter_mut() {
        let eigenvalue = 2.0 * cos(i) + 2.0 * cos(j) - 4.0;
        *value = if i == 0 && j == 0 { Complex::default() } else { *value / eigenvalue };
    }
    transform(&mut grid, backward.as_ref());
    grid.mapv(|value| value.re / (GRID * GRID) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::{Purpose, stream};

    const A00: f64 = -2.5e-6;

    #[test]
    fn coefficients_are_those_asked_for() {
        let effect = BrighterFatter::new(A00, 4);
        assert!((effect.area_coefficient(0, 0) / A00 - 1.0).abs() < 0.01);
        let (right, up) = (effect.area_coefficient(1, 0), effect.area_coefficient(0, 1));
        assert!(right > 2e-7 && up > right && right > 4.0 * effect.area_coefficient(2, 0));
        let sum: f64 = (-7..=7)
            .flat_map(|y| (-7..=7).map(move |x| (x, y)))
            .map(|(x, y)| effect.area_coefficient(x, y))
            .sum();
        assert!(sum.abs() < 0.01 * A00.abs(), "{sum}");
    }

    #[test]
    fn bright_stars_are_broader_and_no_charge_is_lost() {
        let star = |flux: f32| {
            Array2::from_shape_fn((41, 41), |(y, x)| {
                let r2 =
                    ((x as f32 - 20.0).powi(2) + (y as f32 - 20.0).powi(2)) / (2.0 * 1.7 * 1.7);
                flux * (-r2).exp() / (std::f32::consts::TAU * 1.7 * 1.7)
            })
        };
        let width = |image: &Array2<f32>| {
            let total: f32 = image.sum();
            let second: f32 =
                image.indexed_iter().map(|((_, x), v)| v * (x as f32 - 20.0).powi(2)).sum();
            second / total
        };
        let effect = BrighterFatter::new(A00, 4);
        let mut rng = stream(1, Purpose::Photons, 0, 0);
        let (faint, bright) = (star(1e3), star(1e6));
        let gathered = effect.gather(&bright, false, &mut rng);
        assert!((gathered.sum() / bright.sum() - 1.0).abs() < 1e-5);
        let broader = width(&gathered) / width(&bright) - 1.0;
        // To first order the second moment grows by −∫ x Q ∂φ/∂x, φ = K * Q, of all light.
        let potential = |x: i64, y: i64| -> f64 {
            let lags = (-6..=6_i64).flat_map(|dy| (-6..=6_i64).map(move |dx| (dx, dy)));
            let at = |x: i64, y: i64| {
                let index = usize::try_from(y).ok().zip(usize::try_from(x).ok());
                index.and_then(|(y, x)| bright.get([y, x])).map_or(0.0, |&q| f64::from(q))
            };
            lags.map(|(dx, dy)| effect.kernel(dx, dy) * at(x + dx, y + dy)).sum()
        };
        let grown: f64 = bright
            .indexed_iter()
            .map(|((y, x), &q)| {
                let (x, y) = (x as i64, y as i64);
                let slope = 0.5 * (potential(x + 1, y) - potential(x - 1, y));
                -(x as f64 - 20.0) * f64::from(q) * slope
            })
            .sum();
        let expected = (grown / f64::from(bright.sum()) / f64::from(width(&bright))) as f32;
        assert!(expected > 0.005 && (broader / expected - 1.0).abs() < 0.1, "{broader} {expected}");
        let faint_change = width(&effect.gather(&faint, false, &mut rng)) / width(&faint) - 1.0;
        assert!((faint_change / broader * 1000.0 - 1.0).abs() < 0.2, "{faint_change} {broader}");
    }

    #[test]
    fn flat_fields_have_the_covariances_of_the_coefficients() {
        let (effect, mu, side) = (BrighterFatter::new(A00, 4), 50_000.0_f32, 400);
        let mut rng = stream(2, Purpose::Photons, 0, 0);
        let flat = Array2::from_elem((side, side), mu);
        let (mut variance, mut right, mut up, mut n) = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..3 {
            let image = effect.gather(&flat, true, &mut rng);
            for y in 8..side - 8 {
                for x in 8..side - 8 {
                    let at = |y: usize, x: usize| f64::from(image[[y, x]] - mu);
                    variance += at(y, x).powi(2);
                    right += at(y, x) * at(y, x + 1);
                    up += at(y, x) * at(y + 1, x);
                    n += 1.0;
                }
            }
        }
        let mu = f64::from(mu);
        // To first order Cov_ij = a_ij μ²; the variance has the second order of Astier's equation 16.
        let a = effect.area_coefficient(0, 0);
        let expected = ((2.0 * a * mu).exp() - 1.0) / (2.0 * a);
        let error = mu * (2.0_f64 / n).sqrt();
        assert!(
            (variance / n - expected).abs() < 4.0 * error + 0.01 * (mu - expected),
            "{} {expected}",
            variance / n
        );
        let covariance = |sum: f64, a: f64| (sum / n) / (a * mu * mu);
        let (right, up) = (
            covariance(right, effect.area_coefficient(1, 0)),
            covariance(up, effect.area_coefficient(0, 1)),
        );
        // 70 electrons² of noise against some 700; the second order takes some per cent.
        assert!((right - 0.95).abs() < 0.25 && (up - 0.95).abs() < 0.25, "{right} {up}");
    }
}
