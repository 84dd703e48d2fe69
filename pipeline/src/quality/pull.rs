//! Are measurements as far from the truth as their errors say?
//!
//! A pull is the difference from the truth in units of the claimed error; its scatter, from the
//! quartiles, should be 1. Fluxes are compared after one factor for each visit, positions after one shift
//! for each image, both from bright stars: calibration is judged elsewhere. Empty places need no truth.

use super::metric::{Measure, Metric, Scope};
use super::observations::{Observations, SourceKind, SourceRow};
use super::requirement;
use super::sky_index::offset_mas;
use super::truth::{TrueSource, Truth};
use crate::statistics::{median, median_and_error, robust_sigma};

/// Measurements that a pull is made from: its error is then 8 per cent at most.
const MIN_STARS: usize = 100;
/// Bright stars from which a factor or a shift is made.
const MIN_BRIGHT: usize = 5;
/// Their signal to noise.
const BRIGHT_SNR: f64 = 100.0;
/// mas in a degree.
const MAS_PER_DEG: f64 = 3.6e6;

/// Isolated stars that were found and cleanly measured, with what was found.
fn pairs<'a>(
    observations: &'a Observations,
    truth: &'a Truth,
) -> impl Iterator<Item = (&'a TrueSource, &'a SourceRow)> {
    let stars = truth.sources.iter().filter(|star| star.is_star && star.is_isolated);
    stars.filter_map(|star| {
        let source = &observations.sources[star.found?];
        (source.is_clean && !source.is_deblended).then_some((star, source))
    })
}

/// The scatter of pulls: 1.16 σ/√n is the standard error of a spread from quartiles.
fn width(mut pulls: Vec<f64>, what: &str) -> Measure {
    pulls.retain(|pull| pull.is_finite());
    let n = pulls.len();
    if n < MIN_STARS {
        return Measure::too_few(n, what, MIN_STARS);
    }
    let sigma = robust_sigma(&mut pulls);
    Measure::with_error(sigma, 1.17 * sigma / (n as f64).sqrt(), n)
}

/// Pulls of fluxes (S/N from 10 to 100) with the true signal to noise, after one factor a visit.
pub fn flux_pulls(observations: &Observations, truth: &Truth) -> Vec<(f64, f64)> {
    let mut ratios: Vec<Vec<f64>> = vec![vec![]; observations.visits.len()];
    for (star, source) in pairs(observations, truth) {
        if star.flux / source.flux_err > BRIGHT_SNR {
            ratios[observations.images[source.image].visit].push(source.flux / star.flux);
        }
    }
    let factors: Vec<Option<f64>> = ratios
        .into_iter()
        .map(|mut ratios| (ratios.len() >= MIN_BRIGHT).then(|| median(&mut ratios)))
        .collect();
    pairs(observations, truth)
        .filter_map(|(star, source)| {
            let factor = factors[observations.images[source.image].visit]?;
            let snr = factor * star.flux / source.flux_err;
            let pull = (source.flux - factor * star.flux) / source.flux_err;
            (10.0..100.0).contains(&snr).then_some((snr, pull))
        })
        .collect()
}

/// Pulls of both coordinates of stars of S/N from 10 to 30, after one shift an image.
pub fn centroid_pulls(observations: &Observations, truth: &Truth) -> Vec<f64> {
    let offset = |star: &TrueSource, source: &SourceRow| {
        offset_mas((star.ra, star.dec), (source.ra, source.dec))
    };
    let mut shifts: Vec<(Vec<f64>, Vec<f64>)> = vec![(vec![], vec![]); observations.images.len()];
    for (star, source) in pairs(observations, truth) {
        if source.snr > BRIGHT_SNR {
            let (east, north) = offset(star, source);
            shifts[source.image].0.push(east);
            shifts[source.image].1.push(north);
        }
    }
    let shifts: Vec<Option<(f64, f64)>> = shifts
        .into_iter()
        .map(|(mut east, mut north)| {
            (east.len() >= MIN_BRIGHT).then(|| (median(&mut east), median(&mut north)))
        })
        .collect();
    pairs(observations, truth)
        .filter(|(_, source)| (10.0..30.0).contains(&source.snr))
        .filter_map(|(star, source)| {
            let (shift_east, shift_north) = shifts[source.image]?;
            let (east, north) = offset(star, source);
            Some([
                (east - shift_east) / (source.ra_err * MAS_PER_DEG),
                (north - shift_north) / (source.dec_err * MAS_PER_DEG),
            ])
        })
        .flatten()
        .collect()
}

/// Pulls of the PSF fluxes at empty places.
pub fn sky_pulls(observations: &Observations) -> Vec<f64> {
    let places = observations.sources.iter().filter(|s| s.kind == SourceKind::Sky && s.is_clean);
    // The ratio of flux and error needs no zero point.
    places.map(|source| source.snr).filter(|pull| pull.is_finite()).collect()
}

/// All pulls and the bias of faint fluxes.
pub fn metrics(observations: &Observations, truth: Option<&Truth>) -> Vec<Metric> {
    let all = |requirement, measure| Metric::new(requirement, Scope::default(), measure);
    let sky = width(sky_pulls(observations), "empty places");
    let mut metrics = vec![all(requirement::sky_pull(), sky)];
    let (flux, bias, centroid) = match truth {
        None => {
            let nothing = || Measure::nothing("no truth was given", 0);
            (nothing(), nothing(), nothing())
        }
        Some(truth) => {
            let pulls = flux_pulls(observations, truth);
            let faint: Vec<f64> =
                pulls.iter().filter(|(snr, _)| *snr < 30.0).map(|(_, pull)| *pull).collect();
            let fluxes = pulls.into_iter().map(|(_, pull)| pull).collect();
            let centroids = centroid_pulls(observations, truth);
            (
                width(fluxes, "isolated stars of S/N 10 to 100"),
                bias(faint),
                width(centroids, "coordinates of isolated stars of S/N 10 to 30"),
            )
        }
    };
    metrics.push(all(requirement::flux_pull(), flux));
    metrics.push(all(requirement::flux_bias_faint(), bias));
    metrics.push(all(requirement::centroid_pull(), centroid));
    metrics
}

fn bias(mut pulls: Vec<f64>) -> Measure {
    let n = pulls.len();
    match n < MIN_STARS {
        true => Measure::too_few(n, "isolated stars of S/N 10 to 30", MIN_STARS),
        false => {
            let (median, error) = median_and_error(&mut pulls);
            Measure::with_error(median.abs(), error, n)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::star::tests::{source, visits};
    use super::*;

    /// Bright stars by which an image is calibrated, and 400 faint ones whose fluxes and places are off by
    /// `scale` times quantiles of the unit Gaussian, in units of their errors.
    fn measured(scale: f64) -> Vec<Metric> {
        let mut observations = visits(1, "r");
        let mut truth = Truth::default();
        let (flux_err, place_err) = (5.0, 1e-6);
        let gauss = |k: i64| gaussian_quantile((k.rem_euclid(400) as f64 + 0.5) / 400.0);
        for k in 0..410i64 {
            let is_bright = k < 10;
            let flux = if is_bright { 5000.0 } else { 100.0 };
            // Each quantile once, in another order for each coordinate: steps are coprime to their number.
            let off = |step: i64| if is_bright { 0.0 } else { scale * gauss(k * step) };
            let mut row = source(k, 0, 150.0, 2.0, 20.0);
            (row.flux, row.flux_err) = (flux + off(7) * flux_err, flux_err);
            (row.ra_err, row.dec_err) = (place_err, place_err);
            row.ra += off(11) * place_err / 2f64.to_radians().cos();
            row.dec += off(13) * place_err;
            row.snr = flux / flux_err;
            observations.sources.push(row);
            truth.sources.push(TrueSource {
                image: 0,
                ra: 150.0,
                dec: 2.0,
                flux,
                snr: flux / flux_err,
                is_star: true,
                is_isolated: true,
                found: Some(k as usize),
            });
        }
        for k in 0..400i64 {
            let mut sky = source(1000 + k, 0, 150.0, 2.0, 20.0);
            (sky.kind, sky.snr) = (SourceKind::Sky, scale * gauss(k));
            observations.sources.push(sky);
        }
        metrics(&observations, Some(&truth))
    }

    /// The value below which a share of the unit Gaussian lies, by bisection.
    fn gaussian_quantile(share: f64) -> f64 {
        let below = |x: f64| 0.5 * (1.0 + libm::erf(x / std::f64::consts::SQRT_2));
        let (mut low, mut high) = (-6.0, 6.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if below(middle) < share { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    #[test]
    fn errors_that_are_true_have_a_pull_of_one() {
        let found = measured(1.0);
        let names: Vec<&str> = found.iter().map(|m| m.requirement.name.as_ref()).collect();
        assert_eq!(names, ["skyPull", "fluxPull", "fluxBiasFaint", "centroidPull"]);
        for (metric, expected) in found.iter().zip([1.0, 1.0, 0.0, 1.0]) {
            assert!((metric.measure.value().unwrap() - expected).abs() < 0.02, "{metric}");
            assert_eq!(metric.status(Level::Stretch), Status::Pass, "{metric}");
        }
    }

    #[test]
    fn errors_that_are_too_small_or_too_large_fail() {
        for scale in [0.7, 1.5] {
            let found = measured(scale);
            for metric in [&found[0], &found[1], &found[3]] {
                assert!((metric.measure.value().unwrap() - scale).abs() < 0.03, "{metric}");
                assert_eq!(metric.status(Level::Design), Status::Fail, "{metric}");
            }
        }
    }
}
