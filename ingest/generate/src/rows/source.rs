//! Rows of Source: what is detected in single visits.

use arrow::array::ArrayRef;
use arrow::datatypes::{Int16Type, Int32Type, Int64Type};

use super::column::{bands, booleans, doubles, filters, floats, integers};
use super::planes::plane_column;
use crate::band::Band;
use crate::draws::{gauss, mix, name_salt, unit};

/// Angle of a pixel of LSSTCam, arcsec.
const PIXEL_ARCSEC: f64 = 0.2;
/// Radii of the apertures, pixels, as the columns are called.
const APERTURES: [&str; 6] = ["03", "06", "09", "12", "17", "25"];

/// Rows, column by column; NaN stands for NULL.
#[derive(Debug, Default)]
pub struct SourceRows {
    pub id: Vec<i64>,
    pub visit: Vec<i64>,
    pub detector: Vec<i16>,
    pub band: Vec<Band>,
    pub ra: Vec<f64>,
    pub dec: Vec<f64>,
    /// Error of a coordinate, arcsec.
    pub error_arcsec: Vec<f32>,
    pub x: Vec<f64>,
    pub y: Vec<f64>,
    pub flux: Vec<f64>,
    pub flux_err: Vec<f64>,
    pub sky_njy: Vec<f32>,
    pub seeing_arcsec: Vec<f32>,
    /// Half-light radius; 0 for stars.
    pub radius_arcsec: Vec<f32>,
    pub planes: Vec<u16>,
    /// From which the auxiliary columns are mixed.
    pub row: Vec<u64>,
}

impl SourceRows {
    /// Return a column by its name.
    pub fn column(&self, name: &str) -> Option<ArrayRef> {
        let salt = name_salt(name);
        let n_rows = self.id.len();
        let flag =
            |share: f32| booleans(self.row.iter().map(move |row| unit(mix(row ^ salt)) < share));
        let about = |index: usize, mean: f64, spread: f64| {
            mean + spread * f64::from(gauss(mix(self.row[index] ^ salt)))
        };
        let each = |value: &dyn Fn(usize) -> f64| doubles((0..n_rows).map(value));
        let failed = |index: usize| self.flux[index].is_nan();
        Some(match name {
            "sourceId" => integers::<Int64Type>(self.id.iter().copied()),
            "parentSourceId" => integers::<Int64Type>(self.id.iter().map(|_| 0)),
            "visit" => integers::<Int64Type>(self.visit.iter().copied()),
            "detector" => integers::<Int16Type>(self.detector.iter().copied()),
            "band" => bands(self.band.iter()),
            "physical_filter" => filters(self.band.iter()),
            "coord_ra" | "ra" => doubles(self.ra.iter().copied()),
            "coord_dec" | "dec" => doubles(self.dec.iter().copied()),
            "raErr" | "decErr" => floats(self.error_arcsec.iter().map(|e| e / 3600.0)),
            "ra_dec_Cov" => floats(self.row.iter().zip(&self.error_arcsec).map(|(row, error)| {
                0.1 * gauss(mix(row ^ salt)) * (error / 3600.0) * (error / 3600.0)
            })),
            "x" => doubles(self.x.iter().copied()),
            "y" => doubles(self.y.iter().copied()),
            "xErr" | "yErr" => floats(self.error_arcsec.iter().map(|e| e / PIXEL_ARCSEC as f32)),
            "psfFlux" => doubles(self.flux.iter().copied()),
            "psfFluxErr" => doubles(self.flux_err.iter().copied()),
            "psfFlux_flag" => booleans((0..n_rows).map(failed)),
            "psfFlux_area" => floats((0..n_rows).map(|index| {
                let sigma_px = self.seeing_arcsec[index] / 2.355 / PIXEL_ARCSEC as f32;
                4.0 * std::f32::consts::PI * sigma_px * sigma_px
            })),
            "calibFlux" => {
                each(&|index| about(index, self.flux[index], 0.3 * self.flux_err[index]))
            }
            "calibFluxErr" => doubles(self.flux_err.iter().map(|error| 1.1 * error)),
            "ixx" | "iyy" => each(&|index| {
                let light = self.psf_moment(index) + self.light_moment(index);
                about(index, light, 0.05 * light)
            }),
            "ixxPSF" | "iyyPSF" => each(&|index| about(index, self.psf_moment(index), 0.02)),
            "ixy" => each(&|index| about(index, 0.0, 0.1 + 0.2 * self.light_moment(index))),
            "ixyPSF" => each(&|index| about(index, 0.0, 0.02)),
            "extendedness" => each(&|index| match failed(index) {
                true => f64::NAN,
                false => f64::from(u8::from(self.radius_arcsec[index] > 0.0)),
            }),
            "extendedness_flag" => booleans((0..n_rows).map(failed)),
            "sky" => each(&|index| about(index, 0.0, 0.1 * f64::from(self.sky_njy[index]))),
            "skyErr" => doubles(self.sky_njy.iter().map(|sky| f64::from(*sky))),
            "footprintArea_value" => integers::<Int32Type>((0..n_rows).map(|index| {
                let bright = (self.flux[index] / self.flux_err[index]).max(5.0);
                (40.0 * libm::log(bright) * self.psf_moment(index).sqrt()) as i32
            })),
            "deblend_nChild" => integers::<Int32Type>(self.id.iter().map(|_| 0)),
            "detect_isPrimary" => booleans(self.id.iter().map(|_| true)),
            "sky_source" | "deblend_skipped" | "invalidPsfFlag" => {
                booleans(self.id.iter().map(|_| false))
            }
            "centroid_flag" => flag(0.002),
            "calib_psf_candidate"
            | "calib_psf_used"
            | "calib_astrometry_used"
            | "calib_photometry_used" => booleans((0..n_rows).map(|index| {
                let is_bright = self.flux[index] > 50.0 * self.flux_err[index];
                is_bright && self.radius_arcsec[index] == 0.0
            })),
            _ => return self.aperture(name).or_else(|| plane_column(name, &self.planes)),
        })
    }

    /// Second moment of the PSF, square pixels.
    fn psf_moment(&self, index: usize) -> f64 {
        let sigma_px = f64::from(self.seeing_arcsec[index]) / 2.355 / PIXEL_ARCSEC;
        sigma_px * sigma_px
    }

    /// Second moment of the object itself, square pixels.
    fn light_moment(&self, index: usize) -> f64 {
        let radius_px = f64::from(self.radius_arcsec[index]) / PIXEL_ARCSEC;
        0.5 * radius_px * radius_px
    }

    /// Return a column of an aperture: what a circle gathers of a Gaussian image.
    fn aperture(&self, name: &str) -> Option<ArrayRef> {
        let rest = name.strip_prefix("ap")?;
        let radius = APERTURES.iter().find(|radius| rest.starts_with(**radius))?;
        let radius_px: f64 = radius.parse().ok()?;
        // Flux, error and flag of an aperture belong together.
        let salt = name_salt(radius);
        let n_rows = self.id.len();
        // The noise grows with the radius, as the sky of more pixels comes in.
        let noise = |index: usize| {
            self.flux_err[index] * (0.6 + 0.05 * radius_px / self.psf_moment(index).sqrt())
        };
        let has_failed = |index: usize| unit(mix(!self.row[index] ^ salt)) < 0.003;
        let flux = |index: usize| {
            let moment = self.psf_moment(index) + self.light_moment(index);
            let share = 1.0 - libm::exp(-radius_px * radius_px / (2.0 * moment));
            let light = self.flux[index] * (1.0 + self.light_moment(index) / 10.0) * share;
            light + noise(index) * f64::from(gauss(mix(self.row[index] ^ salt)))
        };
        let unless = |index: usize, value: f64| if has_failed(index) { f64::NAN } else { value };
        match rest.strip_prefix(radius)? {
            "Flux" => Some(doubles((0..n_rows).map(|index| unless(index, flux(index))))),
            "FluxErr" => Some(doubles((0..n_rows).map(|index| unless(index, noise(index))))),
            "Flux_flag" => Some(booleans((0..n_rows).map(has_failed))),
            _ => None,
        }
    }
}
