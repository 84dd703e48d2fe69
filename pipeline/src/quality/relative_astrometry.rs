//! Relative astrometry: how well the distances of stars repeat from visit to visit.
//!
//! LPM-17, "The relative astrometry": "The rms of the astrometric distance distribution for stellar pairs
//! with separation of D arcmin (repeatability) will not exceed AMx milliarcsec (median distribution for a
//! large number of sources). No more than AFx % of the sample will deviate by more than ADx milliarcsec
//! from the median. AMx, AFx, and ADx are specified for D=5, 20 and 200 arcmin".
//!
//! A pair is two bright stars, D ± 1′ apart, that were seen in the same visits: at least two for the rms
//! (that of the sample), three for the deviations from the median. Where no two stars are so far apart,
//! or too few of them, the metric is not measurable: a field of 7′ says nothing of 20′.

use super::metric::{Measure, Metric, Scope};
use super::observations::Observations;
use super::repeatability::{mean_and_rms, share_beyond};
use super::requirement::SEPARATIONS;
use super::sky_index::{direction, distance_arcsec};
use super::star::Star;
use crate::statistics::{median, median_and_error};

/// Half of the width of the ring of separations, arcmin.
const HALF_WIDTH_ARCMIN: f64 = 1.0;
/// Pairs without which the median says little.
pub const MIN_PAIRS: usize = 10;
/// Of more stars than this, evenly chosen ones are paired: the number of pairs grows with the square.
const MAX_STARS: usize = 4000;
/// Pairs that are looked at.
const MAX_PAIRS: usize = 100_000;

/// Places of a star: visit and direction, by visit.
pub type Track = Vec<(usize, [f64; 3])>;

/// A pair of stars.
#[derive(Debug, Clone, PartialEq)]
pub struct StarPair {
    /// Rms of the sample of distances around their mean, mas.
    pub rms_mas: f64,
    /// Deviations of the distances from their median, mas; empty for fewer than three.
    pub deviations_mas: Vec<f64>,
}

/// The tracks of the bright stars of a band.
pub fn tracks(observations: &Observations, stars: &[Star], band: &str) -> Vec<Track> {
    let track = |star: &Star| -> Track {
        let place = |&number: &usize| {
            let source = &observations.sources[number];
            (observations.images[source.image].visit, direction(source.ra, source.dec))
        };
        star.sources.iter().map(place).collect()
    };
    let bright = stars.iter().filter(|star| star.band == band && star.is_bright());
    bright.map(track).filter(|track| track.len() > 1).collect()
}

/// The pairs of stars that are `separation` ± 1 arcmin apart.
pub fn pairs(tracks: &[Track], separation_arcmin: f64) -> Vec<StarPair> {
    let every = tracks.len().div_ceil(MAX_STARS).max(1);
    let chosen: Vec<&Track> = tracks.iter().step_by(every).collect();
    let ring = separation_arcmin - HALF_WIDTH_ARCMIN..separation_arcmin + HALF_WIDTH_ARCMIN;
    let mut found = vec![];
    for (k, first) in chosen.iter().enumerate() {
        for second in &chosen[k + 1..] {
            // Stars move by far less than the ring is wide: one visit tells whether they are in it.
            let apart = distance_arcsec(first[0].1, second[0].1) / 60.0;
            if ring.contains(&apart) {
                found.extend(pair(first, second));
            }
        }
        if found.len() >= MAX_PAIRS {
            break;
        }
    }
    found
}

/// The distances of two stars in the visits that saw both.
fn pair(first: &Track, second: &Track) -> Option<StarPair> {
    let mut mas: Vec<f64> = first
        .iter()
        .filter_map(|(visit, a)| {
            let same = second.binary_search_by_key(visit, |(visit, _)| *visit).ok()?;
            Some(1e3 * distance_arcsec(*a, second[same].1))
        })
        .collect();
    if mas.len() < 2 {
        return None;
    }
    let (_, rms_mas) = mean_and_rms(&mas);
    let deviations_mas = match mas.len() {
        2 => vec![],
        _ => {
            let middle = median(&mut mas);
            mas.iter().map(|distance| distance - middle).collect()
        }
    };
    Some(StarPair { rms_mas, deviations_mas })
}

/// AM1, AF1, AM2, AF2, AM3 and AF3 of a band.
pub fn metrics(observations: &Observations, stars: &[Star], band: &str) -> Vec<Metric> {
    let tracks = tracks(observations, stars, band);
    let mut metrics = vec![];
    for required in &SEPARATIONS {
        let pairs = pairs(&tracks, required.separation_arcmin);
        let n = pairs.len();
        let (am, af) = if n < MIN_PAIRS {
            let what = format!("pairs of bright stars {}′ apart", required.separation_arcmin);
            (Measure::too_few(n, &what, MIN_PAIRS), Measure::too_few(n, &what, MIN_PAIRS))
        } else {
            let mut rms: Vec<f64> = pairs.iter().map(|pair| pair.rms_mas).collect();
            let (median, error) = median_and_error(&mut rms);
            let deviations: Vec<f64> =
                pairs.into_iter().flat_map(|pair| pair.deviations_mas).collect();
            (Measure::with_error(median, error, n), share_beyond(&deviations, required.outlier_mas))
        };
        metrics.push(Metric::new(required.am(band), Scope::band(band), am));
        metrics.push(Metric::new(required.af(band), Scope::band(band), af));
    }
    metrics
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::star::stars;
    use super::super::star::tests::observed;
    use super::*;

    /// A row of stars 30″ apart, along declination, in four visits, whose places are off by
    /// `off(visit, star)` mas.
    fn measured(n: usize, off: impl Fn(usize, usize) -> f64) -> Vec<Metric> {
        let places: Vec<(f64, f64)> = (0..n).map(|k| (150.0, 2.0 + k as f64 / 120.0)).collect();
        let observations = observed(4, "r", &places, |visit, star| {
            (places[star].0, places[star].1 + off(visit, star) / 3.6e6, 18.0)
        });
        metrics(&observations, &stars(&observations), "r")
    }

    /// Offsets, drawn by numpy: `default_rng(3).normal(0, 8, (4, 16)).round(3)`; rows are visits.
    const OFFSETS: [[f64; 16]; 4] = include!("vectors/offsets.in");

    #[test]
    fn numbers_are_those_of_numpy() {
        let found = measured(16, |visit, star| OFFSETS[visit][star]);
        // d = o[:, j] - o[:, i] + 3e4 * (j - i) for i < j with 240 <= d[0] / 1e3 < 360;
        // median(d.std(0, ddof=1)) and 100 * mean(abs(d - median(d, 0)) > 20).
        let [am1, af1, n]: [f64; 3] = include!("vectors/relative_astrometry.in");
        assert!((found[0].measure.value().unwrap() - am1).abs() < 1e-4, "{:?} {am1}", found[0]);
        assert!((found[1].measure.value().unwrap() - af1).abs() < 1e-9, "{:?} {af1}", found[1]);
        assert_eq!(found[0].measure.n(), n as usize);
        assert_eq!(found[1].measure.n(), 4 * n as usize);
    }

    #[test]
    fn a_small_field_holds_no_wide_pairs() {
        let found = measured(16, |_, _| 0.0);
        let status: Vec<Status> = found.iter().map(|m| m.status(Level::Design)).collect();
        use Status::{NotMeasurable, Pass};
        let nothing = NotMeasurable;
        assert_eq!(status, [Pass, Pass, nothing, nothing, nothing, nothing]);
        for metric in &found[2..] {
            assert_eq!(metric.measure.value(), None);
        }
        assert!(matches!(&found[2].measure, Measure::Nothing { reason, n: 0 }
            if reason == "0 pairs of bright stars 20′ apart, 10 are needed"));
    }

    #[test]
    fn a_field_that_is_stretched_in_some_visits_fails() {
        // One part in ten thousand: 30 mas over 5′.
        let found = measured(16, |visit, star| 3.0 * (visit % 2) as f64 * star as f64);
        assert_eq!(found[0].status(Level::Design), Status::Fail, "{:?}", found[0]);
        // A shift of a whole visit is none between its stars.
        let shifted = measured(16, |visit, _| 500.0 * (visit % 2) as f64);
        assert_eq!(shifted[0].status(Level::Stretch), Status::Pass, "{:?}", shifted[0]);
    }

    #[test]
    fn bands_of_which_nothing_is_asked_are_measured_only() {
        let places: Vec<(f64, f64)> = (0..16).map(|k| (150.0, 2.0 + k as f64 / 120.0)).collect();
        let observations = observed(3, "g", &places, |_, k| (places[k].0, places[k].1, 18.0));
        let found = metrics(&observations, &stars(&observations), "g");
        assert_eq!(found[0].status(Level::Design), Status::NoThreshold);
    }
}
