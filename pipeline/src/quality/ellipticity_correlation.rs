//! Correlations of the residual ellipticities of the PSF: what limits weak lensing.
//!
//! LPM-17, "Galaxy shear measurement accuracy, and PSF ellipticity residuals": with δe₁ and δe₂ the
//! ellipticities of stars less those of the PSF model,
//!
//! ```text
//!   E₁(θ) = ⟨δe₁⁽ⁱ⁾ δe₁⁽ʲ⁾⟩,  E₂(θ) = ⟨δe₂⁽ⁱ⁾ δe₂⁽ʲ⁾⟩,  E_X(θ) = ⟨δe₁⁽ⁱ⁾ δe₂⁽ʲ⁾⟩   over all pairs at θ
//! ```
//!
//! "Using the full survey data, the E₁, E₂, and E_X residual PSF ellipticity correlations averaged over
//! an arbitrary FOV must have the median less than TE1 for θ ≤ 1 arcmin, and less than TE2 for θ ≥ 5
//! arcmin. No more than TEF % of images will have these medians larger than TE3 for θ ≤ 1 arcmin, and TE4
//! for θ ≥ 5 arcmin."
//!
//! Here an image is a visit, and the median is over bins of θ of equal logarithmic width; the largest of
//! the three is judged. Pairs are of one visit; TE1 and TE2 put those of all visits together. As in
//! LSST's own measurement, all unblended stars above S/N 50 take part, also those that the PSF was made
//! from. Where the noise of the pairs is above the threshold, and the correlation not above four times
//! that noise, the metric is not measurable: of three noisy medians, and of the noisiest visits, the largest
//! is often above twice the noise.

use rayon::prelude::*;

use super::metric::{Measure, Metric, Requirement, Scope};
use super::observations::{Observations, SourceKind, SourceRow};
use super::requirement::{self, TEF};
use super::sky_index::{direction, distance_arcsec};
use crate::statistics::{MEDIAN_ERROR, median, quantile};

/// Edges of the bins of θ, arcmin. TE1 is of those up to 1, TE2 of those from 5 on.
const EDGES_ARCMIN: [f64; 17] = [
    0.0, 0.1, 0.158, 0.251, 0.398, 0.631, 1.0, 1.71, 2.92, 5.0, 7.92, 12.6, 19.9, 31.5, 50.0, 79.2,
    210.0,
];
const N_BINS: usize = EDGES_ARCMIN.len() - 1;
/// Pairs that a bin needs to count.
const MIN_PAIRS_OF_BIN: usize = 20;
/// Signal to noise of the stars.
const MIN_SNR: f64 = 50.0;
/// Of more stars in a visit than this, evenly chosen ones are paired.
const MAX_STARS: usize = 4000;
/// What is above so many times its noise is there.
const SIGNIFICANT: f64 = 4.0;

/// A star with the residual of its ellipticity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Residual {
    /// Where it is.
    pub direction: [f64; 3],
    /// e₁ of the star less that of the PSF.
    pub e1: f64,
    /// e₂ of the star less that of the PSF.
    pub e2: f64,
}

/// Sums over the pairs of a bin: of E₁, E₂ and E_X, and of their squares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    n: usize,
    sum: [f64; 3],
    square: [f64; 3],
}

/// Correlations by separation.
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    bins: [Bin; N_BINS],
}

/// One bin of a correlation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CorrelationPoint {
    /// Middle of the bin, arcmin.
    pub separation_arcmin: f64,
    /// E₁, E₂ and E_X.
    pub value: [f64; 3],
    /// Their standard errors, as though pairs were independent.
    pub error: [f64; 3],
    /// Pairs.
    pub n: usize,
}

impl Correlation {
    /// Correlate stars of one visit.
    pub fn of(stars: &[Residual]) -> Self {
        let every = stars.len().div_ceil(MAX_STARS).max(1);
        let chosen: Vec<&Residual> = stars.iter().step_by(every).collect();
        let mut bins = [Bin::default(); N_BINS];
        for (k, a) in chosen.iter().enumerate() {
            for b in &chosen[k + 1..] {
                let separation = distance_arcsec(a.direction, b.direction) / 60.0;
                // TE1 is of θ ≤ 1: an edge belongs to the bin below it; but to that above it at θ ≥ 5.
                let above = EDGES_ARCMIN.partition_point(|edge| match *edge {
                    edge if edge >= 5.0 => edge <= separation,
                    edge => edge < separation,
                });
                let Some(bin) = bins.get_mut(above.saturating_sub(1)) else { continue };
                let cross = 0.5 * (a.e1 * b.e2 + a.e2 * b.e1);
                bin.n += 1;
                for (part, value) in [a.e1 * b.e1, a.e2 * b.e2, cross].into_iter().enumerate() {
                    bin.sum[part] += value;
                    bin.square[part] += value * value;
                }
            }
        }
        Self { bins }
    }

    /// Put the pairs of several visits together.
    pub fn sum<'a>(all: impl Iterator<Item = &'a Self>) -> Self {
        let mut bins = [Bin::default(); N_BINS];
        for one in all {
            for (bin, other) in bins.iter_mut().zip(&one.bins) {
                bin.n += other.n;
                for part in 0..3 {
                    bin.sum[part] += other.sum[part];
                    bin.square[part] += other.square[part];
                }
            }
        }
        Self { bins }
    }

    /// The bins that hold enough pairs.
    pub fn points(&self) -> Vec<CorrelationPoint> {
        let point = |(k, bin): (usize, &Bin)| {
            let n = bin.n as f64;
            let value = bin.sum.map(|sum| sum / n);
            let error = |part: usize| {
                let variance = bin.square[part] / n - value[part].powi(2);
                (variance.max(0.0) / n).sqrt()
            };
            let (low, high) = (EDGES_ARCMIN[k], EDGES_ARCMIN[k + 1]);
            (bin.n >= MIN_PAIRS_OF_BIN).then(|| CorrelationPoint {
                separation_arcmin: if low > 0.0 { (low * high).sqrt() } else { 0.5 * high },
                value,
                error: [error(0), error(1), error(2)],
                n: bin.n,
            })
        };
        self.bins.iter().enumerate().filter_map(point).collect()
    }

    /// The largest of the medians of E₁, E₂ and E_X over the bins of a scale, its standard error, and
    /// the number of pairs; nothing where no bin has enough of them.
    fn median(&self, scale: usize) -> Option<(f64, f64, usize)> {
        let points: Vec<CorrelationPoint> = self
            .points()
            .into_iter()
            .filter(|point| match scale {
                0 => point.separation_arcmin < 1.0,
                _ => point.separation_arcmin > 5.0,
            })
            .collect();
        let n = points.iter().map(|point| point.n).sum();
        let of = |part: usize| {
            let mut values: Vec<f64> = points.iter().map(|point| point.value[part]).collect();
            let squares: f64 = points.iter().map(|point| point.error[part].powi(2)).sum();
            let inflated = if values.len() > 2 { MEDIAN_ERROR } else { 1.0 };
            (median(&mut values).abs(), inflated * squares.sqrt() / values.len() as f64)
        };
        let largest = [of(0), of(1), of(2)].into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        (n > 0).then_some((largest.0, largest.1, n))
    }
}

/// Is it a star whose ellipticity can be compared with that of the PSF?
pub fn is_psf_star(source: &SourceRow) -> bool {
    source.kind == SourceKind::Primary
        && source.is_clean
        && source.has_shape
        && !source.is_deblended
        && source.extendedness <= 0.5
        && source.snr >= MIN_SNR
        && source.shape.trace().is_finite()
        && source.psf.trace().is_finite()
}

/// The correlation of each visit of a band.
pub fn correlations(observations: &Observations, band: &str) -> Vec<(usize, Correlation)> {
    let mut stars: Vec<Vec<Residual>> = vec![vec![]; observations.visits.len()];
    for source in observations.sources.iter().filter(|source| is_psf_star(source)) {
        let (star, psf) = (source.shape.ellipticity(), source.psf.ellipticity());
        stars[observations.images[source.image].visit].push(Residual {
            direction: direction(source.ra, source.dec),
            e1: star.0 - psf.0,
            e2: star.1 - psf.1,
        });
    }
    let of_band = |visit: &usize| observations.visits[*visit].band == band;
    let visits: Vec<usize> = (0..stars.len()).filter(of_band).collect();
    visits.into_par_iter().map(|visit| (visit, Correlation::of(&stars[visit]))).collect()
}

/// TE1 to TE4 of a band.
pub fn metrics(correlations: &[(usize, Correlation)], band: &str) -> Vec<Metric> {
    let all = Correlation::sum(correlations.iter().map(|(_, correlation)| correlation));
    let scope = || Scope::band(band);
    let mut metrics = vec![];
    for scale in [0, 1] {
        let required = requirement::te_survey(scale, band);
        let measure = match all.median(scale) {
            Some((value, error, n)) => above_noise(value, error, n, &strictest(scale)),
            None => no_pairs(scale),
        };
        metrics.push(Metric::new(required, scope(), measure));
    }
    for scale in [0, 1] {
        let of_visits: Vec<(f64, f64, usize)> =
            correlations.iter().filter_map(|(_, one)| one.median(scale)).collect();
        let required = requirement::te_image(scale, band);
        let n = of_visits.len();
        let measure = if n == 0 {
            no_pairs(scale)
        } else {
            let mut values: Vec<f64> = of_visits.iter().map(|visit| visit.0).collect();
            let mut errors: Vec<f64> = of_visits.iter().map(|visit| visit.1).collect();
            let value = quantile(&mut values, 1.0 - TEF);
            above_noise(value, median(&mut errors), n, &requirement::te_image(scale, "r"))
        };
        metrics.push(Metric::new(required, scope(), measure));
    }
    metrics
}

fn strictest(scale: usize) -> Requirement {
    requirement::te_survey(scale, "r")
}

fn no_pairs(scale: usize) -> Measure {
    let range = if scale == 0 { "within 1′" } else { "beyond 5′" };
    Measure::nothing(format!("fewer than {MIN_PAIRS_OF_BIN} pairs of stars {range}"), 0)
}

/// A value that can be told from the threshold.
fn above_noise(value: f64, error: f64, n: usize, required: &Requirement) -> Measure {
    let limit = required.thresholds.map_or(f64::INFINITY, |thresholds| thresholds.design);
    let is_lost = error > limit && value <= SIGNIFICANT * error;
    match is_lost || !error.is_finite() {
        true => Measure::nothing(
            format!("{value:.1e} ± {error:.1e}: the noise of these stars is above the threshold"),
            n,
        ),
        false => Measure::with_error(value, error, n),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::*;

    /// A grid of 20 by 20 stars, 20″ apart, with these residuals by column and row.
    fn grid(residual: impl Fn(usize, usize) -> (f64, f64)) -> Vec<Residual> {
        let star = |k: usize| {
            let (column, row) = (k % 20, k / 20);
            let (e1, e2) = residual(column, row);
            let place = |n: usize| n as f64 * 20.0 / 3600.0;
            Residual { direction: direction(150.0 + place(column), place(row)), e1, e2 }
        };
        (0..400).map(star).collect()
    }

    fn metrics_of(stars: &[Residual]) -> Vec<Metric> {
        let one = Correlation::of(stars);
        metrics(&[(0, one.clone()), (1, one)], "i")
    }

    #[test]
    fn constant_residuals_correlate_fully() {
        let found = Correlation::of(&grid(|_, _| (0.02, -0.01)));
        for point in found.points() {
            for (value, expected) in point.value.iter().zip([4e-4, 1e-4, -2e-4]) {
                assert!((value - expected).abs() < 1e-15, "{point:?}");
            }
        }
        // A PSF model that is off everywhere fails on all scales that the field holds.
        for metric in metrics_of(&grid(|_, _| (0.02, -0.01))) {
            assert_eq!(metric.status(Level::Minimum), Status::Fail, "{metric:?}");
            assert!((metric.measure.value().unwrap() - 4e-4).abs() < 1e-12);
        }
    }

    /// Residuals of 30 stars and their places in arcmin, by numpy:
    /// `g = default_rng(5); p = g.uniform(0, 1.2, (30, 2)).round(4); e = g.normal(0, .01, (30, 2)).round(5)`.
    const STARS: [[f64; 4]; 30] = include!("vectors/residuals.in");

    #[test]
    fn numbers_are_those_of_numpy() {
        let stars = STARS.map(|[x, y, e1, e2]| Residual {
            direction: direction(150.0 + x / 60.0, y / 60.0),
            e1,
            e2,
        });
        let found = Correlation::of(&stars).points();
        // Of all pairs i < j by np.digitize(hypot(*(p[i] - p[j])), edges): number, means of e1 e1,
        // e2 e2 and (e1 e2 + e2 e1)/2, and their std()/sqrt(n).
        let expected: [[f64; 7]; 5] = include!("vectors/correlations.in");
        assert_eq!(found.len(), 5, "{found:?}");
        for (point, expected) in found.iter().zip(expected) {
            assert_eq!(point.n, expected[0] as usize);
            for part in 0..3 {
                assert!((point.value[part] - expected[1 + part]).abs() < 1e-12);
                assert!((point.error[part] - expected[4 + part]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn noise_says_nothing_and_its_absence_passes() {
        let still = metrics_of(&grid(|column, row| {
            let sign = if (column + row) % 2 == 0 { 1e-5 } else { -1e-5 };
            (sign, -sign)
        }));
        for metric in &still {
            assert_eq!(metric.status(Level::Design), Status::Pass, "{metric:?}");
        }
        // Residuals of 0.05 without any order: some 1e4 pairs do not tell 1e-7.
        let noise = metrics_of(&grid(|column, row| {
            let hash = |seed: usize| {
                let mixed =
                    (column * 7919 + row * 104_729 + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                ((mixed >> 33) as f64 / (1u64 << 31) as f64 - 0.5) * 0.17
            };
            (hash(1), hash(2))
        }));
        assert_eq!(noise[1].requirement.name, "TE2");
        assert_eq!(noise[1].status(Level::Design), Status::NotMeasurable, "{:?}", noise[1]);
        assert_eq!(noise[1].measure.value(), None);
    }

    #[test]
    fn a_field_without_pairs_is_not_measurable() {
        let few: Vec<Residual> = grid(|_, _| (0.0, 0.0)).into_iter().take(5).collect();
        for metric in metrics_of(&few) {
            assert_eq!(metric.status(Level::Design), Status::NotMeasurable);
        }
    }
}
