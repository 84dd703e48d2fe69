//! Completeness and purity of the detections, against the truth of a simulated survey.
//!
//! Completeness is that of isolated stars, whether they are flagged or not, by the signal to noise that
//! their PSF flux should have: the 5σ magnitude limit of the image says what that is. Purity is the share
//! of primary sources above 5σ, those cut by the edge aside, at which there is anything in truth.

use super::metric::{Measure, Metric, Scope};
use super::observations::{Observations, SourceKind};
use super::requirement;
use super::truth::{TrueSource, Truth};

/// Stars that a share is made from.
const MIN_STARS: usize = 50;
/// Stars in the window that is moved to where completeness is one half.
const MIN_STARS_OF_WINDOW: usize = 20;
/// Half of the width of windows of signal to noise.
const HALF_WINDOW: f64 = 0.5;
/// Detections without which purity says little.
const MIN_DETECTIONS: usize = 100;
/// Signal to noise of detections that are judged.
const DETECTION_SNR: f64 = 5.0;

/// One bin of a completeness curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CompletenessPoint {
    /// Middle of the bin.
    pub at: f64,
    /// Isolated stars in it.
    pub n: usize,
    /// Those that were found.
    pub n_found: usize,
}

impl CompletenessPoint {
    /// Share of the stars that were found.
    pub fn share(&self) -> f64 {
        self.n_found as f64 / self.n as f64
    }

    /// Its standard error: of the Wilson score, so that nothing and everything have one.
    pub fn error(&self) -> f64 {
        let (n, p) = (self.n as f64, self.share());
        (p * (1.0 - p) / n + 0.25 / (n * n)).sqrt() / (1.0 + 1.0 / n)
    }
}

/// Completeness of isolated stars in bins of a quantity.
pub fn curve<'a>(
    stars: impl Iterator<Item = &'a TrueSource>,
    of: impl Fn(&TrueSource) -> f64,
    (from, to): (f64, f64),
    width: f64,
) -> Vec<CompletenessPoint> {
    let n_bins = ((to - from) / width).round().max(1.0) as usize;
    let mut bins: Vec<CompletenessPoint> = (0..n_bins)
        .map(|k| CompletenessPoint { at: from + (k as f64 + 0.5) * width, n: 0, n_found: 0 })
        .collect();
    for star in stars.filter(|star| star.is_star && star.is_isolated) {
        let bin = ((of(star) - from) / width).floor();
        if bin >= 0.0
            && let Some(bin) = bins.get_mut(bin as usize)
        {
            bin.n += 1;
            bin.n_found += usize::from(star.found.is_some());
        }
    }
    bins.retain(|bin| bin.n > 0);
    bins
}

/// Completeness in a window of signal to noise.
fn around(truth: &Truth, snr: f64) -> Option<CompletenessPoint> {
    let range = (snr - HALF_WINDOW, snr + HALF_WINDOW);
    curve(truth.sources.iter(), |star| star.snr, range, 2.0 * HALF_WINDOW).pop()
}

/// Signal to noise at which completeness crosses one half; stars in the window there.
pub fn half_complete(truth: &Truth) -> Option<(f64, usize)> {
    const STEP: f64 = 0.05;
    let mut before: Option<(f64, f64)> = None;
    for step in 40..=240 {
        let snr = f64::from(step) * STEP;
        let Some(point) = around(truth, snr).filter(|point| point.n >= MIN_STARS_OF_WINDOW) else {
            before = None;
            continue;
        };
        let share = point.share();
        if let Some((lower_snr, lower)) = before
            && lower < 0.5
            && share >= 0.5
        {
            let part = (0.5 - lower) / (share - lower);
            return Some((lower_snr + part * (snr - lower_snr), point.n));
        }
        before = Some((snr, share));
    }
    None
}

/// Completeness and purity.
pub fn metrics(observations: &Observations, truth: Option<&Truth>) -> Vec<Metric> {
    let all = |requirement, measure| Metric::new(requirement, Scope::default(), measure);
    let Some(truth) = truth else {
        let nothing = || Measure::nothing("no truth was given", 0);
        return vec![
            all(requirement::completeness_half(), nothing()),
            all(requirement::completeness_at(7), nothing()),
            all(requirement::completeness_at(8), nothing()),
            all(requirement::purity(), nothing()),
        ];
    };
    let half = match half_complete(truth) {
        Some((snr, n)) => Measure::of(snr, n),
        None => Measure::nothing("too few isolated stars where half of them are found", 0),
    };
    let mut metrics = vec![all(requirement::completeness_half(), half)];
    for snr in [7, 8] {
        let point = around(truth, f64::from(snr));
        let n = point.map_or(0, |point| point.n);
        let measure = match point.filter(|point| point.n >= MIN_STARS) {
            Some(point) => Measure::with_error(point.share(), point.error(), n),
            None => Measure::too_few(n, &format!("isolated stars of S/N {snr}"), MIN_STARS),
        };
        metrics.push(all(requirement::completeness_at(snr), measure));
    }
    metrics.push(all(requirement::purity(), purity(observations, truth)));
    metrics
}

/// Indices of the detections that are judged.
pub fn judged(observations: &Observations) -> impl Iterator<Item = usize> + '_ {
    let is_judged = |(number, source): (usize, &super::observations::SourceRow)| {
        let is_one = source.kind == SourceKind::Primary && !source.is_at_edge;
        (is_one && source.snr >= DETECTION_SNR).then_some(number)
    };
    observations.sources.iter().enumerate().filter_map(is_judged)
}

fn purity(observations: &Observations, truth: &Truth) -> Measure {
    let judged: Vec<usize> = judged(observations).collect();
    let n = judged.len();
    if n < MIN_DETECTIONS {
        return Measure::too_few(n, "detections", MIN_DETECTIONS);
    }
    let n_real = judged.iter().filter(|number| truth.is_real[**number]).count();
    let point = CompletenessPoint { at: 0.0, n, n_found: n_real };
    Measure::with_error(point.share(), point.error(), n)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::star::tests::{source, visits};
    use super::*;

    /// Isolated stars of S/N 2 to 12, a hundred in each hundredth of it, of which the share that
    /// `share` says are found; and detections, of which so many are real.
    fn measured(share: impl Fn(f64) -> f64, n_real: usize) -> (Vec<Metric>, Truth) {
        let mut observations = visits(1, "r");
        let mut truth = Truth::default();
        for step in 0..1000 {
            let snr = 2.005 + 0.01 * f64::from(step);
            for k in 0..100 {
                let found = (f64::from(k) + 0.5) / 100.0 < share(snr);
                truth.sources.push(TrueSource {
                    image: 0,
                    ra: 150.0,
                    dec: 2.0,
                    flux: 100.0,
                    snr,
                    is_star: true,
                    is_isolated: true,
                    found: found.then_some(0),
                });
            }
        }
        for k in 0..1000 {
            observations.sources.push(source(k, 0, 150.0, 2.0, 20.0));
            truth.is_real.push((k as usize) < n_real);
        }
        (metrics(&observations, Some(&truth)), truth)
    }

    #[test]
    fn shares_are_what_they_are() {
        // Completeness that rises from 0 at S/N 4 to 1 at 6 crosses one half at 5.
        let (found, truth) = measured(|snr| (snr - 4.0) / 2.0, 990);
        let (half, n) = half_complete(&truth).unwrap();
        assert!((half - 5.0).abs() < 0.02, "{half}");
        assert_eq!(n, 10_000);
        let values: Vec<f64> = found.iter().map(|m| m.measure.value().unwrap()).collect();
        assert_eq!(values[1..], [1.0, 1.0, 0.99]);
        assert!(found.iter().all(|m| m.status(Level::Design) == Status::Pass));
    }

    #[test]
    fn lost_stars_and_invented_sources_fail() {
        let (found, _) = measured(|snr| (0.15 * (snr - 2.5)).min(0.9), 900);
        for metric in &found {
            assert_eq!(metric.status(Level::Design), Status::Fail, "{metric}");
        }
        let none = metrics(&visits(1, "r"), None);
        assert!(none.iter().all(|m| m.status(Level::Design) == Status::NotMeasurable));
    }
}
