//! Raw frames: the pixels of one detector as its amplifiers gave them, before any correction.
//!
//! ```text
//!   amplifier as read            data section, turned by its flip,
//!   ┌──┬──────────────┬────┐     at its place on the detector
//!   │pa│ rallel overs │can │         ┌────┬────┐
//!   ├──┼──────────────┼────┤         │ A4 │ A5 │
//!   │pr│     data     │se- │   ──▶   ├────┼────┤
//!   │e-│              │rial│         │ A0 │ A1 │
//!   └──┴──────────────┴────┘         └────┴────┘
//! ```
//!
//! [`read_raw`] finds the camera by the header and reads what its [`CameraModel`] says; [`write_raw`]
//! writes the same files.

mod read;
mod recognise;
mod write;

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, s};

pub use read::{read_raw, read_raw_detector, read_raw_facts};
pub use recognise::{camera_of_raw, raw_of_no_camera};
pub use write::{raw_name, write_raw};

use super::model::{CameraModel, DetectorModel, ExposureType, Flip, Pointing, Section};
use crate::error::WcsError;
use crate::visit_info::{VisitInfo, end_mjd, mid_mjd};
use crate::wcs::Wcs;

/// A raw frame of one detector.
#[derive(Debug, Clone)]
pub struct RawFrame {
    /// The camera.
    pub camera: Arc<CameraModel>,
    /// The detector, with its crosstalk.
    pub detector: DetectorModel,
    /// Facts of the exposure.
    pub exposure: RawExposure,
    /// One for each amplifier of the detector, in its order.
    pub amplifiers: Vec<RawAmplifier>,
    /// World coordinates of the assembled detector as the header has them, where it has them.
    pub header_wcs: Option<Wcs>,
    /// The file.
    pub source: PathBuf,
}

/// What a raw file is, without its pixels.
#[derive(Debug, Clone)]
pub struct RawFacts {
    /// The camera.
    pub camera: Arc<CameraModel>,
    /// Number of the detector.
    pub detector_id: i32,
    /// Name of the detector.
    pub detector_name: String,
    /// Facts of the exposure.
    pub exposure: RawExposure,
}

/// Facts of a raw exposure. Times are MJD in TAI, angles degrees.
#[derive(Debug, Clone, PartialEq)]
pub struct RawExposure {
    /// Its number.
    pub visit: i64,
    /// Its kind.
    pub kind: ExposureType,
    /// Seconds that the shutter was open.
    pub exposure_time_s: f64,
    /// Seconds in which dark current gathered.
    pub dark_time_s: f64,
    /// Start of the exposure.
    pub start_mjd_tai: f64,
    /// Full name of the filter.
    pub physical_filter: Option<String>,
    /// The filter's band.
    pub band: Option<String>,
    /// Where the telescope pointed: right ascension and declination, ICRS.
    pub boresight_deg: Option<(f64, f64)>,
    /// Position angle of the focal plane's y axis.
    pub rotation_deg: Option<f64>,
    /// Airmass.
    pub airmass: Option<f64>,
    /// The object's name in the observing log.
    pub target: Option<String>,
}

/// What one amplifier gave.
#[derive(Debug, Clone, PartialEq)]
pub struct RawAmplifier {
    /// Name of the amplifier.
    pub name: String,
    /// All of its pixels, ADU, in the order in which they were read.
    pub pixels: Array2<f32>,
    /// Where in `pixels` the sky is.
    pub data: Section,
    /// Columns read before it.
    pub prescan: Option<Section>,
    /// Columns read after it, without pixels.
    pub serial_overscan: Option<Section>,
    /// Rows read after it, without pixels.
    pub parallel_overscan: Option<Section>,
    /// Where the data lie on the assembled detector.
    pub bbox: Section,
    /// How they are turned on the way there.
    pub flip: Flip,
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Read noise, electrons.
    pub read_noise_e: f64,
    /// Saturation, ADU above the bias.
    pub saturation_adu: f64,
    /// A charge of Q electrons reads as Q (1 − c Q); this is c as the camera's file has it.
    pub nonlinearity_per_e: f64,
}

impl RawAmplifier {
    /// The data pixels, turned as they lie on the detector.
    pub fn data_on_detector(&self) -> ArrayView2<'_, f32> {
        let mut view = self.data.of(&self.pixels);
        if self.flip.x() {
            view.invert_axis(ndarray::Axis(1));
        }
        if self.flip.y() {
            view.invert_axis(ndarray::Axis(0));
        }
        view
    }
}

impl RawFrame {
    /// The data of all amplifiers put together, ADU; nothing is corrected.
    pub fn assemble(&self) -> Array2<f32> {
        let (nx, ny) = self.detector.size_px;
        let mut image = Array2::zeros((ny, nx));
        for amplifier in &self.amplifiers {
            let b = amplifier.bbox;
            image
                .slice_mut(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx])
                .assign(&amplifier.data_on_detector());
        }
        image
    }

    /// World coordinates as far as the raw frame knows them: those of the header, else those of the
    /// camera at the pointing of the header; `None` without either.
    ///
    /// # Errors
    /// When the pointing is no place on the sky.
    pub fn nominal_wcs(&self) -> Result<Option<Wcs>, WcsError> {
        if let Some(wcs) = &self.header_wcs {
            return Ok(Some(wcs.clone()));
        }
        let Some((ra_deg, dec_deg)) = self.exposure.boresight_deg else { return Ok(None) };
        let rotation_deg = self.exposure.rotation_deg.unwrap_or(0.0);
        let pointing = Pointing { ra_deg, dec_deg, rotation_deg };
        self.camera.wcs(&self.detector, &pointing).map(Some)
    }

    /// The facts of the visit; the band of an exposure without a filter is `none`.
    pub fn visit_info(&self) -> VisitInfo {
        let exposure = &self.exposure;
        VisitInfo {
            visit: exposure.visit,
            instrument: self.camera.name().to_owned(),
            physical_filter: exposure.physical_filter.clone(),
            band: exposure.band.clone().unwrap_or_else(|| "none".to_owned()),
            exposure_time_s: exposure.exposure_time_s,
            start_mjd_tai: exposure.start_mjd_tai,
            mid_mjd_tai: exposure.mid_mjd_tai(),
            boresight_ra_deg: exposure.boresight_deg.map(|(ra, _)| ra),
            boresight_dec_deg: exposure.boresight_deg.map(|(_, dec)| dec),
            sky_rotation_deg: exposure.rotation_deg,
            azimuth_deg: None,
            altitude_deg: None,
            airmass: exposure.airmass,
            target: exposure.target.clone(),
        }
    }
}

impl RawExposure {
    /// End of the exposure, MJD TAI.
    pub fn end_mjd_tai(&self) -> f64 {
        end_mjd(self.start_mjd_tai, self.exposure_time_s)
    }

    /// Middle of the exposure, MJD TAI.
    pub fn mid_mjd_tai(&self) -> f64 {
        mid_mjd(self.start_mjd_tai, self.exposure_time_s)
    }
}
