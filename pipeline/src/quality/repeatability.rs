//! Photometric repeatability: how much the magnitudes of a star scatter from visit to visit.
//!
//! LPM-17, "The photometric repeatability": "The rms of the unresolved source magnitude distribution
//! around the mean value (repeatability) will not exceed PA1 millimag (median distribution for a large
//! number of sources). No more than PF1 % of the measurements will deviate by more than PA2 millimag
//! from the mean." The rms is that of the sample, √(Σ(m − m̄)²/(n − 1)), as the mean is of the same few
//! magnitudes. LPM-17, "The spatial uniformity of photometric zeropoints": "The distribution width (rms)
//! of the internal photometric zero-point error will not exceed PA3 millimag, and no more than PF2 % of
//! the distribution will exceed PA4 millimag": the zero point of an image is off by as much as its stars
//! are, in the median, off their own means.

use super::metric::{Measure, Metric, Scope};
use super::observations::Observations;
use super::requirement;
use super::star::Star;
use crate::photo_calib::{MAG_PER_RELATIVE_FLUX, njy_to_magnitude};
use crate::statistics::{median, median_and_error};

/// Visits in which a star is to be seen.
pub const MIN_VISITS: usize = 3;
/// Stars without which the median says little: its error is then below 15 per cent of it.
pub const MIN_STARS: usize = 10;
/// Stars that an image's zero point is judged by.
const MIN_STARS_OF_IMAGE: usize = 5;
/// Images without which their rms says little.
const MIN_IMAGES: usize = 4;

/// How a star repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct StarRepeatability {
    /// Id of its object.
    pub object: i64,
    /// Its band.
    pub band: String,
    /// Mean magnitude, AB.
    pub mag: f64,
    /// Rms of the sample around the mean, mmag.
    pub rms_mmag: f64,
    /// Median of the errors that the magnitudes claim to have, mmag.
    pub claimed_mmag: f64,
    /// Is it one of those by which repeatability is judged?
    pub is_bright: bool,
    /// Source and its deviation from the mean, mmag.
    pub deviations_mmag: Vec<(usize, f64)>,
}

/// Mean, and rms of the sample around it.
pub fn mean_and_rms(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0)).sqrt())
}

/// How each star repeats that is seen in enough visits.
pub fn star_repeatabilities(observations: &Observations, stars: &[Star]) -> Vec<StarRepeatability> {
    let of = |star: &Star| {
        let seen: Vec<(usize, f64)> = star
            .sources
            .iter()
            .map(|&number| (number, njy_to_magnitude(observations.sources[number].flux)))
            .filter(|(_, mag)| mag.is_finite())
            .collect();
        if seen.len() < MIN_VISITS {
            return None;
        }
        let mags: Vec<f64> = seen.iter().map(|(_, mag)| *mag).collect();
        let (mag, rms) = mean_and_rms(&mags);
        let mut claimed: Vec<f64> = seen
            .iter()
            .map(|(number, _)| &observations.sources[*number])
            .map(|source| 1e3 * MAG_PER_RELATIVE_FLUX * source.flux_err / source.flux)
            .collect();
        Some(StarRepeatability {
            object: star.object,
            band: star.band.clone(),
            mag,
            rms_mmag: 1e3 * rms,
            claimed_mmag: median(&mut claimed),
            is_bright: star.is_bright(),
            deviations_mmag: seen.iter().map(|(k, m)| (*k, 1e3 * (m - mag))).collect(),
        })
    };
    stars.iter().filter_map(of).collect()
}

/// The error of an image's zero point, as its stars deviate from their means: image, mmag, stars.
pub fn zero_point_errors(
    observations: &Observations,
    stars: &[StarRepeatability],
) -> Vec<(usize, f64, usize)> {
    let mut deviations: Vec<Vec<f64>> = vec![vec![]; observations.images.len()];
    for star in stars.iter().filter(|star| star.is_bright) {
        let n = star.deviations_mmag.len() as f64;
        // A magnitude is part of the mean that it is compared with, and so nearer to it than to the truth.
        let factor = (n / (n - 1.0)).sqrt();
        for (source, deviation) in &star.deviations_mmag {
            deviations[observations.sources[*source].image].push(factor * deviation);
        }
    }
    deviations
        .into_iter()
        .enumerate()
        .filter(|(_, deviations)| deviations.len() >= MIN_STARS_OF_IMAGE)
        .map(|(image, mut deviations)| (image, median(&mut deviations), deviations.len()))
        .collect()
}

/// PA1, PF1, PA3 and PF2 of a band.
pub fn metrics(
    observations: &Observations,
    stars: &[StarRepeatability],
    band: &str,
) -> Vec<Metric> {
    let scope = || Scope::band(band);
    let bright: Vec<&StarRepeatability> =
        stars.iter().filter(|star| star.band == band && star.is_bright).collect();
    let (pa1, pf1) = match bright.len() {
        n if n < MIN_STARS => {
            let what = "bright isolated stars in three visits";
            (Measure::too_few(n, what, MIN_STARS), Measure::too_few(n, what, MIN_STARS))
        }
        _ => {
            let deviations: Vec<f64> =
                bright.iter().flat_map(|s| &s.deviations_mmag).map(|(_, d)| *d).collect();
            let limit = requirement::pa2_mmag(band);
            (pa1_of(bright.iter().map(|s| s.rms_mmag).collect()), share_beyond(&deviations, limit))
        }
    };
    let errors: Vec<f64> = zero_point_errors(observations, stars)
        .into_iter()
        .filter(|(image, ..)| observations.visit_of(*image).band == band)
        .map(|(_, error, _)| error)
        .collect();
    let (pa3, pf2) = match errors.len() {
        n if n < MIN_IMAGES => {
            let what = "images with five bright stars of three visits";
            (Measure::too_few(n, what, MIN_IMAGES), Measure::too_few(n, what, MIN_IMAGES))
        }
        n => {
            let rms = (errors.iter().map(|e| e * e).sum::<f64>() / n as f64).sqrt();
            (Measure::of(rms, n), share_beyond(&errors, requirement::pa4_mmag(band)))
        }
    };
    vec![
        Metric::new(requirement::pa1(band), scope(), pa1),
        Metric::new(requirement::pf1(), scope(), pf1),
        Metric::new(requirement::pa3(band), scope(), pa3),
        Metric::new(requirement::pf2(), scope(), pf2),
    ]
}

fn pa1_of(mut rms: Vec<f64>) -> Measure {
    let (median, error) = median_and_error(&mut rms);
    Measure::with_error(median, error, rms.len())
}

/// Share of the values that are farther from 0 than a limit, per cent.
pub(super) fn share_beyond(values: &[f64], limit: f64) -> Measure {
    let beyond = values.iter().filter(|value| value.is_nan() || value.abs() > limit).count();
    Measure::of(100.0 * beyond as f64 / values.len() as f64, values.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::star::stars;
    use super::super::star::tests::observed;
    use super::*;

    /// Magnitudes of twelve stars in four visits (rows are stars), drawn by numpy:
    /// `rng = default_rng(17); (18 + arange(12)[:, None] / 10 + rng.normal(0, .009, (12, 4))).round(4)`.
    const MAGNITUDES: [[f64; 4]; 12] = include!("vectors/magnitudes.in");

    fn places() -> Vec<(f64, f64)> {
        (0..12).map(|k| (150.0 + 0.004 * f64::from(k), 2.0 + 0.002 * f64::from(k % 3))).collect()
    }

    fn measured(change: impl Fn(usize, usize, f64) -> f64) -> Vec<Metric> {
        let places = places();
        let observations = observed(4, "r", &places, |visit, star| {
            (places[star].0, places[star].1, change(visit, star, MAGNITUDES[star][visit]))
        });
        let stars = star_repeatabilities(&observations, &stars(&observations));
        assert_eq!(stars.len(), 12);
        metrics(&observations, &stars, "r")
    }

    #[test]
    fn numbers_are_those_of_numpy() {
        let found = measured(|_, _, mag| mag);
        // m.std(1, ddof=1): 1e3 * median; 100 * mean(abs(m - m.mean(1, keepdims=True)) > 0.015);
        // z = sqrt(4/3) * 1e3 * median(m - m.mean(1, keepdims=True), 0): sqrt(mean(z**2)).
        let expected: [f64; 4] = include!("vectors/repeatability.in");
        for (metric, expected) in found.iter().zip(expected) {
            let value = metric.measure.value().unwrap();
            assert!((value - expected).abs() < 1e-6, "{:?} {expected}", metric);
        }
        assert_eq!(found.iter().map(|m| m.measure.n()).collect::<Vec<_>>(), [12, 48, 4, 4]);
    }

    #[test]
    fn scattered_magnitudes_fail() {
        // Every second visit is 30 mmag fainter.
        let found = measured(|visit, _, mag| mag + 0.03 * (visit % 2) as f64);
        for metric in &found {
            assert_eq!(metric.status(Level::Design), Status::Fail, "{metric:?}");
            assert_eq!(metric.status(Level::Minimum), Status::Fail, "{metric:?}");
        }
    }

    #[test]
    fn too_few_stars_are_not_measurable() {
        let places: Vec<_> = places().into_iter().take(9).collect();
        let observations =
            observed(4, "r", &places, |_, star| (places[star].0, places[star].1, 18.0));
        let stars = star_repeatabilities(&observations, &stars(&observations));
        let pa1 = &metrics(&observations, &stars, "r")[0];
        assert_eq!(pa1.status(Level::Minimum), Status::NotMeasurable);
        assert_eq!(pa1.measure, Measure::too_few(9, "bright isolated stars in three visits", 10));
    }
}
