//! Rows of DiaSource and DiaObject: what difference images show, and what is one object of it.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, new_null_array};
use arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};

use super::column::{bands, booleans, doubles, floats, integers};
use super::planes::plane_column;
use crate::band::Band;
use crate::cadence::EXPOSURE_S;
use crate::draws::{gauss, mix, name_salt, unit};

/// Angle of a pixel of LSSTCam, arcsec.
const PIXEL_ARCSEC: f32 = 0.2;
/// Time from an exposure to its difference image, days.
const PROCESSING_D: f64 = 45.0 / 86_400.0;

/// Rows of DiaSource, column by column; NaN stands for NULL.
#[derive(Debug, Default)]
pub struct DiaSourceRows {
    pub id: Vec<i64>,
    pub dia_object_id: Vec<i64>,
    pub ss_object_id: Vec<i64>,
    pub visit: Vec<i64>,
    pub detector: Vec<i16>,
    pub band: Vec<Band>,
    pub mid_mjd: Vec<f64>,
    pub ra: Vec<f64>,
    pub dec: Vec<f64>,
    pub error_arcsec: Vec<f32>,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub flux: Vec<f32>,
    pub flux_err: Vec<f32>,
    /// Flux in the visit's own image.
    pub science: Vec<f32>,
    pub seeing_arcsec: Vec<f32>,
    /// Is it real?
    pub is_real: Vec<bool>,
    pub planes: Vec<u16>,
    /// From which the auxiliary columns are mixed.
    pub row: Vec<u64>,
}

impl DiaSourceRows {
    /// Return a column by its name.
    pub fn column(&self, name: &str) -> Option<ArrayRef> {
        let salt = name_salt(name);
        let n_rows = self.id.len();
        let random = |index: usize| gauss(mix(self.row[index] ^ salt));
        let each = |value: &dyn Fn(usize) -> f32| floats((0..n_rows).map(value));
        let each_wide = |value: &dyn Fn(usize) -> f64| doubles((0..n_rows).map(value));
        let flag = |share: f32| {
            booleans((0..n_rows).map(move |index| unit(mix(self.row[index] ^ salt)) < share))
        };
        let psf = |index: usize| f64::from(self.seeing_arcsec[index] / 2.355).powi(2);
        let flux_of_moments = |index: usize| f64::from(self.flux[index]) * psf(index);
        Some(match name {
            "diaSourceId" => integers::<Int64Type>(self.id.iter().copied()),
            "diaObjectId" => integers::<Int64Type>(self.dia_object_id.iter().copied()),
            "ssObjectId" => integers::<Int64Type>(self.ss_object_id.iter().copied()),
            "parentDiaSourceId" => integers::<Int64Type>(self.id.iter().map(|_| 0)),
            "visit" => integers::<Int64Type>(self.visit.iter().copied()),
            "detector" => integers::<Int16Type>(self.detector.iter().copied()),
            "band" => bands(self.band.iter()),
            "midpointMjdTai" => doubles(self.mid_mjd.iter().copied()),
            "timeProcessedMjdTai" => doubles(self.mid_mjd.iter().map(|mjd| mjd + PROCESSING_D)),
            "exposureTime" => floats(self.id.iter().map(|_| EXPOSURE_S as f32)),
            "coord_ra" | "ra" => doubles(self.ra.iter().copied()),
            "coord_dec" | "dec" => doubles(self.dec.iter().copied()),
            "raErr" | "decErr" => floats(self.error_arcsec.iter().map(|e| e / 3600.0)),
            "ra_dec_Cov" => each(&|index| {
                let error = self.error_arcsec[index] / 3600.0;
                0.1 * random(index) * error * error
            }),
            "x" => doubles(self.x.iter().copied()),
            "y" => doubles(self.y.iter().copied()),
            "xErr" | "yErr" => floats(self.error_arcsec.iter().map(|e| e / PIXEL_ARCSEC)),
            "snr" => each_wide(&|index| (self.flux[index].abs() / self.flux_err[index]).into()),
            "isNegative" => booleans(self.flux.iter().map(|flux| *flux < 0.0)),
            "psfFlux" => floats(self.flux.iter().copied()),
            "psfFluxErr" => floats(self.flux_err.iter().copied()),
            "psfChi2" => each(&|index| 1681.0 + 58.0 * random(index)),
            "psfNdata" => integers::<Int32Type>(self.id.iter().map(|_| 1681)),
            "apFlux" => {
                each(&|index| self.flux[index] + 0.8 * self.flux_err[index] * random(index))
            }
            "apFluxErr" => floats(self.flux_err.iter().map(|error| 1.6 * error)),
            "scienceFlux" => floats(self.science.iter().copied()),
            "scienceFluxErr" => floats(self.flux_err.iter().map(|error| 0.96 * error)),
            "templateFlux" => each(&|index| self.science[index] - self.flux[index]),
            "templateFluxErr" => floats(self.flux_err.iter().map(|error| 0.3 * error)),
            "isDipole" => booleans((0..n_rows).map(|index| self.is_dipole(index))),
            "dipoleMeanFlux" | "dipoleMeanFluxErr" | "dipoleFluxDiff" | "dipoleFluxDiffErr"
            | "dipoleLength" | "dipoleAngle" | "dipoleChi2" => each_wide(&|index| {
                let (flux, error) = (self.flux[index].abs(), self.flux_err[index]);
                let value = match name {
                    _ if !self.is_dipole(index) => f32::NAN,
                    "dipoleMeanFlux" => flux * (1.5 + 0.2 * random(index)),
                    "dipoleFluxDiff" => flux * 0.2 * random(index),
                    "dipoleMeanFluxErr" | "dipoleFluxDiffErr" => error,
                    "dipoleLength" => 0.6 + 0.15 * random(index),
                    "dipoleAngle" => 360.0 * unit(mix(self.row[index] ^ salt)),
                    _ => 1681.0 + 58.0 * random(index),
                };
                value.into()
            }),
            "ixx" | "iyy" => {
                each_wide(&|index| flux_of_moments(index) * (1.0 + 0.1 * f64::from(random(index))))
            }
            "ixy" => each_wide(&|index| flux_of_moments(index) * 0.1 * f64::from(random(index))),
            "ixxPSF" | "iyyPSF" => each_wide(&psf),
            "ixyPSF" => each_wide(&|index| psf(index) * 0.02 * f64::from(random(index))),
            "extendedness" => each_wide(&|index| f64::from(unit(mix(self.row[index] ^ salt)))),
            "reliability" => each(&|index| {
                let share = unit(mix(self.row[index] ^ salt));
                // Classifiers are nearly sure of most: x³ crowds towards 0.
                let doubt = share * share * share;
                if self.is_real[index] { 1.0 - doubt } else { doubt }
            }),
            "reliabilityVersion" => {
                Arc::new(StringArray::from_iter_values(self.id.iter().map(|_| "1")))
            }
            "psfFlux_flag" => booleans(self.flux.iter().map(|flux| flux.is_nan())),
            "centroid_flag" => flag(0.01),
            "apFlux_flag" => flag(0.004),
            _ => return plane_column(name, &self.planes),
        })
    }

    /// Is it a pair of a positive and a negative image, as a bad alignment leaves?
    fn is_dipole(&self, index: usize) -> bool {
        !self.is_real[index] && unit(mix(!self.row[index])) < 0.3
    }
}

/// Rows of DiaObject.
#[derive(Debug, Default)]
pub struct DiaObjectRows {
    pub id: Vec<i64>,
    pub ra: Vec<f64>,
    pub dec: Vec<f64>,
    pub error_arcsec: Vec<f32>,
    pub bands: Vec<[Statistics; 6]>,
}

/// What the sources of one object have in one band.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Statistics {
    pub n_sources: u32,
    sum: f64,
    sum_of_squares: f64,
    sum_of_errors: f64,
    sum_of_science: f64,
    min: f64,
    max: f64,
    max_slope: Option<f64>,
    /// Time and flux of the last source.
    last: Option<(f64, f64)>,
}

impl Statistics {
    /// Add a source; they come in order of time.
    pub fn add(&mut self, mjd: f64, flux: f64, error: f64, science: f64) {
        let is_first = self.n_sources == 0;
        self.min = if is_first { flux } else { self.min.min(flux) };
        self.max = if is_first { flux } else { self.max.max(flux) };
        if let Some((last_mjd, last_flux)) = self.last.filter(|(last, _)| *last < mjd) {
            let slope = (flux - last_flux) / (mjd - last_mjd);
            self.max_slope = Some(self.max_slope.map_or(slope, |steepest| steepest.max(slope)));
        }
        self.last = Some((mjd, flux));
        self.n_sources += 1;
        self.sum += flux;
        self.sum_of_squares += flux * flux;
        self.sum_of_errors += error;
        self.sum_of_science += science;
    }

    fn n(&self) -> f64 {
        f64::from(self.n_sources)
    }

    /// Return a statistic by the column's name without the band; NaN where there is none.
    fn value(&self, name: &str) -> Option<f64> {
        let n = self.n();
        let mean = self.sum / n;
        let sigma = ((self.sum_of_squares - n * mean * mean).max(0.0) / (n - 1.0)).sqrt();
        let is_enough = |least: u32, value: f64| {
            if self.n_sources >= least { value } else { f64::NAN }
        };
        Some(match name {
            "psfFluxMean" => is_enough(1, mean),
            "psfFluxMeanErr" => is_enough(1, self.sum_of_errors / n / n.sqrt()),
            "psfFluxSigma" => is_enough(2, sigma),
            "psfFluxMin" => is_enough(1, self.min),
            "psfFluxMax" => is_enough(1, self.max),
            "psfFluxMaxSlope" => self.max_slope.unwrap_or(f64::NAN),
            "psfFluxErrMean" => is_enough(1, self.sum_of_errors / n),
            "scienceFluxMean" => is_enough(1, self.sum_of_science / n),
            "scienceFluxMeanErr" => is_enough(1, 0.96 * self.sum_of_errors / n / n.sqrt()),
            _ => return None,
        })
    }
}

impl DiaObjectRows {
    /// Return a column by its name.
    pub fn column(&self, name: &str) -> Option<ArrayRef> {
        let n_rows = self.id.len();
        Some(match name {
            "diaObjectId" => integers::<Int64Type>(self.id.iter().copied()),
            "ra" => doubles(self.ra.iter().copied()),
            "dec" => doubles(self.dec.iter().copied()),
            "raErr" | "decErr" => floats(self.error_arcsec.iter().map(|e| e / 3600.0)),
            "ra_dec_Cov" => new_null_array(&DataType::Float32, n_rows),
            "nDiaSources" => integers::<Int64Type>(
                self.bands
                    .iter()
                    .map(|bands| bands.iter().map(|band| i64::from(band.n_sources)).sum()),
            ),
            _ => return self.band_column(name),
        })
    }

    fn band_column(&self, name: &str) -> Option<ArrayRef> {
        let (letter, name) = name.split_once('_')?;
        let band = Band::ALL.into_iter().find(|band| band.letter() == letter)?;
        let of_band = self.bands.iter().map(|bands| &bands[band as usize]);
        match name {
            "psfFluxNdata" => {
                Some(integers::<Int32Type>(of_band.map(|band| band.n_sources as i32)))
            }
            "psfFluxErrMean" => {
                let values: Option<Vec<f64>> = of_band.map(|band| band.value(name)).collect();
                Some(floats(values?.into_iter().map(|value| value as f32)))
            }
            _ => {
                let values: Option<Vec<f64>> = of_band.map(|band| band.value(name)).collect();
                Some(doubles(values?.into_iter()))
            }
        }
    }
}
