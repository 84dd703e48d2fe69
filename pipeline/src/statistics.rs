//! Robust statistics of samples that hold outliers: median, spread from quartiles, clipped mean.

/// Ratio of a Gaussian's standard deviation to its interquartile range.
const SIGMA_PER_INTERQUARTILE_RANGE: f64 = 0.741_301_109_252_801;

/// Ratio of the standard error of a median to that of a mean, for a Gaussian: √(π/2).
pub const MEDIAN_ERROR: f64 = 1.253;

/// Median of `values`, which are reordered; NaN when there are none.
pub fn median(values: &mut [f64]) -> f64 {
    quantile(values, 0.5)
}

/// Quantile `q` (0 to 1) of `values`, interpolated between neighbours; reorders its input.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let rank = q.clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let below = rank.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (rank - below as f64) * (high - low)
}

/// Standard deviation of the Gaussian with the sample's interquartile range; reorders its input.
pub fn robust_sigma(values: &mut [f64]) -> f64 {
    (quantile(values, 0.75) - quantile(values, 0.25)) * SIGMA_PER_INTERQUARTILE_RANGE
}

/// Median of `values` and its standard error, from the robust spread; reorders its input.
pub fn median_and_error(values: &mut [f64]) -> (f64, f64) {
    let error = MEDIAN_ERROR * robust_sigma(values) / (values.len() as f64).sqrt();
    (median(values), error)
}

/// Mean and standard deviation of what clipping leaves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clipped {
    /// Mean of the kept values.
    pub mean: f64,
    /// Standard deviation of the kept values, corrected for the tails that clipping cut off.
    pub sigma: f64,
    /// How many values were kept.
    pub count: usize,
}

/// Clip `values` at `n_sigma` about the median, `iterations` times, starting from quartiles.
///
/// Returns `None` when no finite value is left.
pub fn clipped_mean(values: &mut Vec<f64>, n_sigma: f64, iterations: usize) -> Option<Clipped> {
    values.retain(|v| v.is_finite());
    if values.is_empty() {
        return None;
    }
    let mut centre = median(values);
    let mut sigma = robust_sigma(values);
    for _ in 0..iterations {
        let before = values.len();
        if sigma > 0.0 {
            values.retain(|v| (v - centre).abs() <= n_sigma * sigma);
        }
        let n = values.len() as f64;
        centre = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / n;
        sigma = variance.sqrt() / gaussian_truncation(n_sigma);
        if values.len() == before {
            break;
        }
    }
    Some(Clipped { mean: centre, sigma, count: values.len() })
}

/// Standard deviation of a unit Gaussian cut at `±k`, by which clipped spreads are divided.
fn gaussian_truncation(k: f64) -> f64 {
    let density = (-0.5 * k * k).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let inside = libm::erf(k / std::f64::consts::SQRT_2);
    (1.0 - 2.0 * k * density / inside).max(0.1).sqrt()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&mut [4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&mut [0.0, 10.0], 0.25), 2.5);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn clipping_recovers_a_contaminated_gaussian() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let normal = Normal::new(100.0, 5.0).unwrap();
        let mut values: Vec<f64> = (0..100_000).map(|_| normal.sample(&mut rng)).collect();
        values.extend((0..2_000).map(|i| 150.0 + f64::from(i)));
        let clipped = clipped_mean(&mut values, 3.0, 5).unwrap();
        // The standard error of the mean is 0.016, of the spread 0.011.
        assert!((clipped.mean - 100.0).abs() < 0.06, "{clipped:?}");
        assert!((clipped.sigma - 5.0).abs() < 0.05, "{clipped:?}");
        assert!((robust_sigma(&mut values) - 5.0).abs() < 0.1);
    }

    #[test]
    fn a_sample_without_finite_values_has_no_mean() {
        assert_eq!(clipped_mean(&mut vec![f64::NAN, f64::INFINITY], 3.0, 3), None);
    }
}
