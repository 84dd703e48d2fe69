//! Bright stars against standards: the truth of a simulated survey, or a reference catalog.
//!
//! LPM-17, "The absolute astrometry": "The LSST astrometric system must transform to an external system
//! (e.g. ICRF extension) with the median accuracy of AA1 milliarcsec", "the median error in the absolute
//! astrometric positions (per coordinate)". LPM-17, "The overall external absolute photometry": "The LSST
//! photometric system must transform to a physical scale (e.g. AB magnitude scale) with an accuracy of PA6
//! millimag." Positions of a reference catalog are brought to the time of each visit, by proper motion and
//! parallax. Stars of a reference catalog by which the images were calibrated are no independent test.

use almagest_storage::CatalogStore;
use arrow::array::RecordBatch;
use std::path::{Path, PathBuf};

use super::metric::{Measure, Metric, Scope};
use super::observations::{Observations, SourceKind};
use super::requirement;
use super::sky_index::{SkyIndex, direction, offset_mas};
use super::star::BRIGHT_SNR;
use super::truth::Truth;
use crate::butler::{Butler, DatasetQuery, StorageClass, Value};
use crate::error::Result;
use crate::photo_calib::njy_to_magnitude;
use crate::reference_catalog::ReferenceCatalog;
use crate::statistics::{median, median_and_error, quantile};

/// A reference star is that source which is so near.
const MATCH_ARCSEC: f64 = 1.0;
/// Stars without which a visit or a band is not judged.
const MIN_STARS: usize = 5;

/// Where standards come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The truth of a simulated survey.
    Truth,
    /// A reference catalog.
    Reference(PathBuf),
}

/// A bright star against its standard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StandardResidual {
    /// Index of its source.
    pub source: usize,
    /// East of the standard, mas.
    pub east_mas: f64,
    /// North of the standard, mas.
    pub north_mas: f64,
    /// Fainter than the standard, mmag; NaN where one of them has no magnitude.
    pub fainter_mmag: f64,
    /// Magnitude of the standard.
    pub mag: f64,
}

/// Can a source be held against a standard?
fn is_bright_star(source: &super::observations::SourceRow) -> bool {
    source.kind == SourceKind::Primary
        && source.is_clean
        && !source.is_deblended
        && source.extendedness <= 0.5
        && source.snr >= BRIGHT_SNR
}

fn residual(
    observations: &Observations,
    source: usize,
    (ra, dec, mag): (f64, f64, f64),
) -> StandardResidual {
    let row = &observations.sources[source];
    let (east_mas, north_mas) = offset_mas((ra, dec), (row.ra, row.dec));
    let fainter_mmag = 1e3 * (njy_to_magnitude(row.flux) - mag);
    StandardResidual { source, east_mas, north_mas, fainter_mmag, mag }
}

/// The bright stars against the truth.
pub fn against_truth(observations: &Observations, truth: &Truth) -> Vec<StandardResidual> {
    let stars = truth.sources.iter().filter(|star| star.is_star && star.is_isolated);
    stars
        .filter_map(|star| {
            let source = star.found.filter(|k| is_bright_star(&observations.sources[*k]))?;
            Some(residual(observations, source, (star.ra, star.dec, njy_to_magnitude(star.flux))))
        })
        .collect()
}

/// The bright stars against a table of reference stars.
///
/// # Errors
/// A table without positions, or without magnitudes of one of the bands.
pub fn against_reference(
    observations: &Observations,
    path: &Path,
    rows: &RecordBatch,
) -> Result<Vec<StandardResidual>> {
    let mut residuals = vec![];
    let by_visit = observations.sources_by_visit();
    for band in observations.bands() {
        let catalog = ReferenceCatalog::of_rows(path, rows, &band)?;
        for (number, visit) in observations.visits.iter().enumerate() {
            if visit.band != band {
                continue;
            }
            let standards = catalog.standards_at(visit.mid_mjd_tai);
            let places: Vec<[f64; 3]> =
                standards.iter().map(|(ra, dec, _)| direction(*ra, *dec)).collect();
            let index = SkyIndex::new(&places);
            for &source in &by_visit[number] {
                let row = &observations.sources[source];
                if !is_bright_star(row) {
                    continue;
                }
                // A star with two standards is none to compare with.
                let near = index.within(direction(row.ra, row.dec), MATCH_ARCSEC);
                if let [(standard, _)] = near[..] {
                    residuals.push(residual(observations, source, standards[standard]));
                }
            }
        }
    }
    Ok(residuals)
}

/// The newest reference catalog of the butler.
///
/// # Errors
/// Those of the butler.
pub fn reference_of(store: &CatalogStore) -> Result<Option<PathBuf>> {
    if !store.butler_path().is_file() {
        return Ok(None);
    }
    let butler = Butler::open(store)?;
    if butler.registry().dataset_types("reference_catalog")?.is_empty() {
        return Ok(None);
    }
    let query = DatasetQuery {
        dataset_type: "reference_catalog",
        collections: &["*"],
        condition: None,
        find_first: false,
        limit: None,
    };
    let found = butler.registry().query(&query)?;
    let newest = found.into_iter().max_by_key(|dataset| dataset.number);
    match newest {
        Some(dataset) => Ok(Some(butler.path(&dataset)?)),
        None => Ok(None),
    }
}

/// Read a table of reference stars.
///
/// # Errors
/// A file that is not there or no table.
pub fn read_reference(path: &Path) -> Result<RecordBatch> {
    match Value::read(path, StorageClass::Table, None)? {
        Value::Table(rows) => Ok(rows),
        _ => Ok(RecordBatch::new_empty(std::sync::Arc::new(arrow::datatypes::Schema::empty()))),
    }
}

/// AA1 and PA6 of a band; zero point and astrometry of each of its visits.
pub fn metrics(
    observations: &Observations,
    residuals: Option<&[StandardResidual]>,
    band: &str,
) -> Vec<Metric> {
    let scope = || Scope::band(band);
    let Some(residuals) = residuals else {
        let nothing = || Measure::nothing("neither truth nor a reference catalog was given", 0);
        return vec![
            Metric::new(requirement::aa1(), scope(), nothing()),
            Metric::new(requirement::pa6(), scope(), nothing()),
        ];
    };
    let visit_of =
        |r: &StandardResidual| observations.images[observations.sources[r.source].image].visit;
    let of_band: Vec<&StandardResidual> =
        residuals.iter().filter(|r| observations.visits[visit_of(r)].band == band).collect();
    let mut metrics = vec![
        Metric::new(requirement::aa1(), scope(), per_coordinate(&of_band)),
        Metric::new(requirement::pa6(), scope(), offset(&of_band)),
    ];
    for (number, visit) in observations.visits.iter().enumerate().filter(|(_, v)| v.band == band) {
        let of_visit: Vec<&StandardResidual> =
            of_band.iter().copied().filter(|r| visit_of(r) == number).collect();
        let scope = || Scope::visit(band, visit.visit);
        let (middle, p95) = distances(&of_visit);
        metrics.push(Metric::new(requirement::zero_point_error(), scope(), offset(&of_visit)));
        metrics.push(Metric::new(requirement::astrometry_median(), scope(), middle));
        metrics.push(Metric::new(requirement::astrometry_p95(), scope(), p95));
    }
    metrics
}

fn too_few(n: usize) -> Option<Measure> {
    (n < MIN_STARS).then(|| Measure::too_few(n, "bright stars with a standard", MIN_STARS))
}

/// Median error of both coordinates.
fn per_coordinate(stars: &[&StandardResidual]) -> Measure {
    too_few(stars.len()).unwrap_or_else(|| {
        let mut errors: Vec<f64> =
            stars.iter().flat_map(|r| [r.east_mas.abs(), r.north_mas.abs()]).collect();
        Measure::of(median(&mut errors), stars.len())
    })
}

/// Size of the median difference of the magnitudes.
fn offset(stars: &[&StandardResidual]) -> Measure {
    let mut values: Vec<f64> =
        stars.iter().map(|r| r.fainter_mmag).filter(|value| value.is_finite()).collect();
    let n = values.len();
    too_few(n).unwrap_or_else(|| {
        let (median, error) = median_and_error(&mut values);
        Measure::with_error(median.abs(), error, n)
    })
}

/// Median and 95th percentile of the distances.
fn distances(stars: &[&StandardResidual]) -> (Measure, Measure) {
    let n = stars.len();
    if let Some(few) = too_few(n) {
        return (few.clone(), few);
    }
    let mut mas: Vec<f64> = stars.iter().map(|r| r.east_mas.hypot(r.north_mas)).collect();
    let p95 = quantile(&mut mas, 0.95);
    (Measure::of(median(&mut mas), n), Measure::of(p95, n))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::metric::{Level, Status};
    use super::super::observations::ObjectRow;
    use super::super::star::tests::visits;
    use super::super::truth::TrueSource;
    use super::*;

    /// Twelve bright stars in one visit, off by so many mas east and north and so many mmag.
    fn measured(east: f64, north: f64, fainter_mmag: f64) -> Vec<Metric> {
        let mut observations = visits(1, "r");
        let mut truth = Truth::default();
        for k in 0..12 {
            let (ra, dec) = (150.0 + 0.002 * k as f64, 2.0f64);
            let id = k as i64 + 1;
            let seen = (ra + east / 3.6e6 / dec.to_radians().cos(), dec + north / 3.6e6);
            let mag = 18.0 + 1e-3 * fainter_mmag;
            let source = super::super::star::tests::source(id, 0, seen.0, seen.1, mag);
            observations.objects.push(ObjectRow { id, direction: direction(ra, dec) });
            observations.sources.push(source);
            truth.is_real.push(true);
            truth.sources.push(TrueSource {
                image: 0,
                ra,
                dec,
                flux: 10f64.powf(0.4 * (31.4 - 18.0)),
                snr: 500.0,
                is_star: true,
                is_isolated: true,
                found: Some(k),
            });
        }
        metrics(&observations, Some(&against_truth(&observations, &truth)), "r")
    }

    #[test]
    fn offsets_are_what_they_are() {
        let found = measured(30.0, -40.0, -7.0);
        let names: Vec<&str> = found.iter().map(|m| m.requirement.name.as_ref()).collect();
        assert_eq!(names, ["AA1", "PA6", "zeroPointError", "astrometryMedian", "astrometryP95"]);
        // The median over both coordinates lies between 30 and 40, the distance is 50.
        for (metric, expected) in found.iter().zip([35.0, 7.0, 7.0, 50.0, 50.0]) {
            let value = metric.measure.value().unwrap();
            assert!((value - expected).abs() < 0.01, "{metric} is not {expected}");
        }
        assert_eq!(found[0].status(Level::Design), Status::Pass);
        assert_eq!(found[3].status(Level::Design), Status::Fail);
    }

    #[test]
    fn a_wrong_sky_and_a_wrong_zero_point_fail() {
        for metric in measured(200.0, 150.0, 50.0) {
            assert_eq!(metric.status(Level::Minimum), Status::Fail, "{metric}");
        }
        let none = metrics(&visits(1, "r"), None, "r");
        assert!(none.iter().all(|m| m.status(Level::Design) == Status::NotMeasurable));
    }
}
