//! How well the PSF model describes the stars that were kept back from it.
//!
//! Of the reserved stars of S/N above 100 in each visit: (T − T_psf)/T_psf, with T the trace of the second
//! moments, and the residual ellipticities. The noise of a star adds 2/(S/N) to its relative T (an
//! elliptical Gaussian fitted to it, Condon 1997, 1997PASP..109..166C), which is taken off the rms.

use super::ellipticity_correlation::is_psf_star;
use super::metric::{Measure, Metric, Scope};
use super::observations::{Observations, SourceRow};
use super::requirement;
use crate::statistics::median_and_error;

/// Stars without which a visit, or a band, is not judged.
const MIN_STARS: usize = 5;
/// Signal to noise of the stars.
const MIN_SNR: f64 = 100.0;

/// A reserved star against the PSF model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsfResidual {
    /// Index of its source.
    pub source: usize,
    /// (T − T_psf)/T_psf.
    pub size: f64,
    /// What its noise adds to the same.
    pub size_noise: f64,
    /// e₁ less that of the PSF.
    pub e1: f64,
    /// e₂ less that of the PSF.
    pub e2: f64,
}

/// The residuals of the reserved stars.
pub fn reserved_stars(observations: &Observations) -> Vec<PsfResidual> {
    let is_fit =
        |source: &SourceRow| source.psf_reserved && source.snr >= MIN_SNR && is_psf_star(source);
    let residual = |(number, source): (usize, &SourceRow)| {
        let (star, psf) = (source.shape.ellipticity(), source.psf.ellipticity());
        is_fit(source).then(|| PsfResidual {
            source: number,
            size: source.shape.trace() / source.psf.trace() - 1.0,
            size_noise: 2.0 / source.snr,
            e1: star.0 - psf.0,
            e2: star.1 - psf.1,
        })
    };
    observations.sources.iter().enumerate().filter_map(residual).collect()
}

/// Size and ellipticity of the stars of a band, and the size of those of each of its visits.
pub fn metrics(observations: &Observations, stars: &[PsfResidual], band: &str) -> Vec<Metric> {
    let visit_of =
        |star: &PsfResidual| observations.images[observations.sources[star.source].image].visit;
    let of_band: Vec<&PsfResidual> =
        stars.iter().filter(|star| observations.visits[visit_of(star)].band == band).collect();
    let mut metrics = vec![
        Metric::new(requirement::psf_size_scatter(), Scope::band(band), scatter(&of_band)),
        Metric::new(requirement::psf_ellipticity_bias(), Scope::band(band), ellipticity(&of_band)),
    ];
    for (number, visit) in observations.visits.iter().enumerate().filter(|(_, v)| v.band == band) {
        let of_visit: Vec<&PsfResidual> =
            of_band.iter().copied().filter(|star| visit_of(star) == number).collect();
        let scope = Scope::visit(band, visit.visit);
        metrics.push(Metric::new(requirement::psf_size_bias(), scope, bias(&of_visit)));
    }
    metrics
}

fn too_few(n: usize) -> Option<Measure> {
    (n < MIN_STARS).then(|| Measure::too_few(n, "reserved stars above S/N 100", MIN_STARS))
}

/// Size of the median of a component, and its standard error.
fn median_of(stars: &[&PsfResidual], of: impl Fn(&PsfResidual) -> f64) -> (f64, f64) {
    let mut values: Vec<f64> = stars.iter().map(|star| of(star)).collect();
    let (median, error) = median_and_error(&mut values);
    (median.abs(), error)
}

fn bias(stars: &[&PsfResidual]) -> Measure {
    too_few(stars.len()).unwrap_or_else(|| {
        let (size, error) = median_of(stars, |star| star.size);
        Measure::with_error(size, error, stars.len())
    })
}

fn scatter(stars: &[&PsfResidual]) -> Measure {
    too_few(stars.len()).unwrap_or_else(|| {
        let excess = |star: &&PsfResidual| star.size.powi(2) - star.size_noise.powi(2);
        let mean = stars.iter().map(excess).sum::<f64>() / stars.len() as f64;
        // Noise alone may make the mean negative: there is then no scatter that could be seen.
        let rms = if mean < 0.0 { 0.0 } else { mean.sqrt() };
        Measure::of(rms, stars.len())
    })
}

fn ellipticity(stars: &[&PsfResidual]) -> Measure {
    too_few(stars.len()).unwrap_or_else(|| {
        let (e1, e2) = (median_of(stars, |star| star.e1), median_of(stars, |star| star.e2));
        let (value, error) = if e1.0 > e2.0 { e1 } else { e2 };
        Measure::with_error(value, error, stars.len())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::observations::Moments;
    use super::super::star::tests::observed;
    use super::*;

    /// Six reserved stars in each of two visits, with the moments that `shape` gives them.
    fn measured(shape: impl Fn(usize) -> Moments) -> Vec<Metric> {
        let places: Vec<(f64, f64)> = (0..6).map(|k| (150.0, 2.0 + 0.01 * f64::from(k))).collect();
        let mut observations = observed(2, "r", &places, |_, k| (places[k].0, places[k].1, 18.0));
        for (k, source) in observations.sources.iter_mut().enumerate() {
            source.psf_reserved = true;
            source.snr = 1e6;
            source.shape = shape(k);
        }
        metrics(&observations, &reserved_stars(&observations), "r")
    }

    #[test]
    fn a_model_that_is_too_small_is_seen() {
        // The model has T = 8; stars are larger by 1 % and 3 % in turn, elongated by 2e-3 along x.
        let found = measured(|k| {
            let t = 8.0 * (1.01 + 0.02 * (k / 2 % 2) as f64);
            Moments { xx: 0.5 * t * 1.002, yy: 0.5 * t * 0.998, xy: 0.0 }
        });
        let value = |k: usize| found[k].measure.value().unwrap();
        assert!((value(0) - (5e-4f64).sqrt()).abs() < 1e-9, "{}", value(0));
        assert!((value(1) - 2e-3).abs() < 1e-12, "{}", value(1));
        assert!((value(2) - 0.02).abs() < 1e-12 && (value(3) - 0.02).abs() < 1e-12);
        assert_eq!(found[3].scope.visit, Some(2));
        assert!(found.iter().all(|metric| metric.status(Level::Design) == Status::Fail));
    }

    #[test]
    fn a_good_model_passes_and_no_stars_are_not_measurable() {
        let found = measured(|_| Moments { xx: 4.0, yy: 4.0, xy: 0.0 });
        assert!(found.iter().all(|metric| metric.status(Level::Stretch) == Status::Pass));
        let found = measured(|_| Moments { xx: f64::NAN, yy: 4.0, xy: 0.0 });
        assert!(found.iter().all(|metric| metric.status(Level::Design) == Status::NotMeasurable));
    }
}
