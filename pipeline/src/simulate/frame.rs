//! One frame: an exposure of one detector, raw, with its truth, and perhaps as a perfect instrument would
//! have seen it.

use std::path::PathBuf;

use ndarray::Array2;

use super::SURVEY_BANDS;
use super::config::SurveyConfig;
use super::light::{self, TruthSource};
use super::random::{Purpose, gaussian, photons};
use super::sensor::response::Vignetting;
use super::sensor::{CosmicRay, Illumination, Sensor};
use super::survey::Survey;
use super::visit::{self, Visit};
use crate::camera::model::{CameraModel, ExposureType, Filter};
use crate::camera::{RawExposure, RawFrame};
use crate::error::Result;
use crate::exposure::{DetectorInfo, Exposure};
use crate::image::{MaskedImage, mask_plane};
use crate::photo_calib::PhotoCalib;
use crate::visit_info::VisitInfo;
use crate::wcs::Wcs;

/// Numbers of the first exposure of each kind of calibration.
const FIRST_BIAS: i64 = 100_001;
const FIRST_DARK: i64 = 200_001;
const FIRST_FLAT: i64 = 300_001;
const FIRST_PTC: i64 = 400_001;
const FIRST_SPOT: i64 = 500_001;
const FIRST_FE55: i64 = 600_001;
/// Exposure time of a flat field of the configured level; others are longer or shorter by their level.
const FLAT_TIME_S: f64 = 10.0;
/// Exposure time of a pattern of spots.
const SPOT_TIME_S: f64 = 2.0;
/// Exposure time to X-rays, and how many fall on 10⁶ pixels in it.
const FE55_TIME_S: f64 = 20.0;
const FE55_PER_MPIX: f64 = 6000.0;
/// Distance of the spots of a pattern, and their width, pixels.
const SPOT_STEP_PX: f64 = 64.0;
const SPOT_SIGMA_PX: f64 = 5.0;
/// Electrons that a perfect detector expects in the middle of a spot.
const SPOT_PEAK_E: f64 = 95_000.0;
/// Time that reading takes, in which dark current gathers as well.
const READOUT_S: f64 = 2.0;

/// A frame of a survey: an index of an exposure and one of a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameId {
    /// Index in [`Survey::exposures`].
    pub exposure: usize,
    /// Index in [`Survey::sensors`].
    pub detector: usize,
}

/// An exposure that a survey will make.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedExposure {
    /// Number of the exposure.
    pub id: i64,
    /// What it is.
    pub kind: PlannedKind,
    /// Start, MJD TAI.
    pub start_mjd_tai: f64,
    /// Seconds that the shutter is open.
    pub exposure_time_s: f64,
}

/// What a planned exposure shows.
#[derive(Debug, Clone, PartialEq)]
pub enum PlannedKind {
    /// Nothing, for no time.
    Bias,
    /// Nothing.
    Dark,
    /// Even light through a filter: electrons that a perfect detector expects.
    Flat(Filter, f64),
    /// Spots on one amplifier of each detector: its index.
    Spot(usize),
    /// X-rays of iron-55.
    Fe55,
    /// The sky: index of the visit.
    Science(usize),
}

impl PlannedExposure {
    /// All exposures of a survey, in order of time.
    pub(super) fn all(
        config: &SurveyConfig,
        camera: &CameraModel,
        visits: &[Visit],
    ) -> Result<Vec<PlannedExposure>> {
        let c = &config.calibrations;
        let mut planned: Vec<(i64, PlannedKind, f64)> = Vec::new();
        for number in 0..c.biases as i64 {
            planned.push((FIRST_BIAS + number, PlannedKind::Bias, 0.0));
        }
        for number in 0..c.darks as i64 {
            planned.push((FIRST_DARK + number, PlannedKind::Dark, c.dark_time_s));
        }
        let mut number = 0;
        for band in &config.bands {
            let filter = visit::filter(camera, band)?;
            for _ in 0..c.flats {
                let kind = PlannedKind::Flat(filter.clone(), c.flat_e);
                planned.push((FIRST_FLAT + number, kind, FLAT_TIME_S));
                number += 1;
            }
        }
        if let Some(band) = config.bands.first() {
            let filter = visit::filter(camera, band)?;
            let (low, high) = c.ptc_e;
            for pair in 0..c.ptc_pairs {
                let step = pair as f64 / (c.ptc_pairs.max(2) - 1) as f64;
                let level = low * (high / low).powf(step);
                for half in 0..2 {
                    let kind = PlannedKind::Flat(filter.clone(), level);
                    let id = FIRST_PTC + 2 * pair as i64 + half;
                    planned.push((id, kind, FLAT_TIME_S * level / c.flat_e));
                }
            }
        }
        let most = camera.detectors().iter().map(|d| d.amplifiers.len()).max().unwrap_or(1);
        for number in 0..c.spots {
            let kind = PlannedKind::Spot(number % most.max(1));
            planned.push((FIRST_SPOT + number as i64, kind, SPOT_TIME_S));
        }
        for number in 0..c.fe55 as i64 {
            planned.push((FIRST_FE55 + number, PlannedKind::Fe55, FE55_TIME_S));
        }
        // Calibrations are made one after the other on the afternoon before the first night.
        let mut start = config.first_mjd_tai - 0.5;
        let mut exposures = Vec::new();
        for (id, kind, exposure_time_s) in planned {
            exposures.push(PlannedExposure { id, kind, start_mjd_tai: start, exposure_time_s });
            start += (exposure_time_s + READOUT_S + 3.0) / 86_400.0;
        }
        exposures.extend(visits.iter().enumerate().map(|(index, visit)| PlannedExposure {
            id: visit.id,
            kind: PlannedKind::Science(index),
            start_mjd_tai: visit.start_mjd_tai,
            exposure_time_s: visit.exposure_time_s,
        }));
        Ok(exposures)
    }

    /// Its type, as headers tell it.
    pub fn exposure_type(&self) -> ExposureType {
        match self.kind {
            PlannedKind::Bias => ExposureType::Bias,
            PlannedKind::Dark => ExposureType::Dark,
            PlannedKind::Flat(..) => ExposureType::Flat,
            PlannedKind::Spot(_) => ExposureType::Spot,
            PlannedKind::Fe55 => ExposureType::Fe55,
            PlannedKind::Science(_) => ExposureType::Science,
        }
    }

    /// Seconds in which dark current gathers.
    fn dark_time_s(&self) -> f64 {
        if self.kind == PlannedKind::Bias { 0.0 } else { self.exposure_time_s + READOUT_S }
    }
}

/// A frame with its truth.
#[derive(Debug, Clone)]
pub struct SimulatedFrame {
    /// What the camera wrote.
    pub raw: RawFrame,
    /// What was there.
    pub truth: FrameTruth,
    /// What a perfect instrument would have seen of the same light: electrons, with photon and read noise
    /// of their own. Only of the sky, and only where asked for.
    pub calibrated: Option<Exposure>,
}

/// The truth of a frame.
#[derive(Debug, Clone)]
pub struct FrameTruth {
    /// Number of the exposure.
    pub exposure: i64,
    /// Number of the detector.
    pub detector: i32,
    /// Pixels to sky as they were, of an exposure of the sky.
    pub wcs: Option<Wcs>,
    /// Objects whose centres lie on the detector.
    pub sources: Vec<TruthSource>,
    /// Cosmic rays.
    pub cosmic_rays: Vec<CosmicRay>,
}

impl Survey {
    /// Make a frame; `calibrated` asks for the exposure of a perfect instrument too.
    ///
    /// # Errors
    /// A pointing that is no place on the sky.
    pub fn frame(&self, id: FrameId, calibrated: bool) -> Result<SimulatedFrame> {
        let planned = &self.exposures()[id.exposure];
        let sensor = &self.sensors()[id.detector];
        let seen = match &planned.kind {
            PlannedKind::Bias | PlannedKind::Dark | PlannedKind::Fe55 => Seen::default(),
            PlannedKind::Flat(filter, electrons) => {
                let (nx, ny) = sensor.model.size_px;
                let light = Array2::from_elem((ny, nx), *electrons as f32);
                Seen { light: Some(light), filter: Some(filter.clone()), ..Seen::default() }
            }
            PlannedKind::Spot(amplifier) => {
                Seen { light: Some(spots(sensor, *amplifier)), ..Seen::default() }
            }
            PlannedKind::Science(index) => self.look(&self.visits()[*index], sensor)?,
        };
        let exposure = match (&planned.kind, &seen) {
            (PlannedKind::Science(index), Seen { light: Some(light), wcs: Some(wcs), .. })
                if calibrated =>
            {
                Some(self.perfect(&self.visits()[*index], sensor, light, wcs))
            }
            _ => None,
        };
        let band = seen.filter.as_ref().and_then(|filter| band_number(&filter.band)).unwrap_or(2);
        let vignetting_on = self.config().effects.vignetting;
        let strength = if vignetting_on { self.config().sensor.vignetting } else { 0.0 };
        let vignetting = Vignetting::of(self.camera(), &sensor.model, strength);
        let illumination = Illumination {
            exposure: planned.id,
            light: seen.light,
            band,
            dark_time_s: planned.dark_time_s(),
            x_rays: match planned.kind {
                PlannedKind::Fe55 => self.x_rays(sensor),
                _ => 0,
            },
            brighter_fatter: self.brighter_fatter(),
        };
        let charge = sensor.gather(self.config(), &vignetting, illumination);
        let effects = &self.config().effects;
        let limit = self.camera().adc_limit();
        let amplifiers = sensor.read(&charge.electrons, planned.id, effects, limit);
        let raw = RawFrame {
            camera: self.camera().clone(),
            detector: sensor.model.clone(),
            exposure: self.raw_exposure(planned, seen.filter.as_ref()),
            amplifiers,
            header_wcs: None,
            source: PathBuf::from(format!("simulated-{}-{}", planned.id, sensor.model.name)),
        };
        let truth = FrameTruth {
            exposure: planned.id,
            detector: sensor.model.id,
            wcs: seen.wcs,
            sources: seen.sources,
            cosmic_rays: charge.cosmic_rays,
        };
        Ok(SimulatedFrame { raw, truth, calibrated: exposure })
    }

    /// The light of a visit on a detector, without any noise: electrons that a perfect detector would
    /// expect. `None` for calibrations.
    ///
    /// # Errors
    /// A pointing that is no place on the sky.
    pub fn light(&self, id: FrameId) -> Result<Option<Array2<f32>>> {
        match &self.exposures()[id.exposure].kind {
            PlannedKind::Science(index) => {
                Ok(self.look(&self.visits()[*index], &self.sensors()[id.detector])?.light)
            }
            _ => Ok(None),
        }
    }

    /// X-rays that fall on a detector.
    fn x_rays(&self, sensor: &Sensor) -> usize {
        let (nx, ny) = sensor.model.size_px;
        (FE55_PER_MPIX * (nx * ny) as f64 / 1e6).round() as usize
    }

    fn look(&self, visit: &Visit, sensor: &Sensor) -> Result<Seen> {
        let light = light::draw(self, visit, sensor)?;
        Ok(Seen {
            light: Some(light.electrons),
            filter: Some(visit.filter.clone()),
            wcs: Some(light.wcs),
            sources: light.sources,
        })
    }

    fn raw_exposure(&self, planned: &PlannedExposure, filter: Option<&Filter>) -> RawExposure {
        let visit = match planned.kind {
            PlannedKind::Science(index) => Some(&self.visits()[index]),
            _ => None,
        };
        RawExposure {
            visit: planned.id,
            kind: planned.exposure_type(),
            exposure_time_s: planned.exposure_time_s,
            dark_time_s: planned.dark_time_s(),
            start_mjd_tai: planned.start_mjd_tai,
            physical_filter: filter.map(|filter| filter.name.clone()),
            band: filter.map(|filter| filter.band.clone()),
            boresight_deg: visit.map(|v| (v.header_pointing.ra_deg, v.header_pointing.dec_deg)),
            rotation_deg: visit.map(|visit| visit.header_pointing.rotation_deg),
            airmass: visit.map(|visit| visit.airmass),
            target: visit.map(|_| "simulated field".to_owned()),
        }
    }

    /// The light as a perfect instrument sees it: a gain of 1, and the noise of the photons and of the
    /// quietest amplifier.
    fn perfect(&self, visit: &Visit, sensor: &Sensor, light: &Array2<f32>, wcs: &Wcs) -> Exposure {
        let mut rng = sensor.stream(Purpose::Calibrated, visit.id);
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let read_noise = least(&mut sensor.amplifiers.iter().map(|a| a.read_noise_e));
        let full = least(&mut sensor.amplifiers.iter().map(|a| f64::from(a.full_well_e)));
        let mut image = Array2::<f32>::zeros(light.dim());
        let mut mask = Array2::<u32>::zeros(light.dim());
        let mut variance = Array2::<f32>::zeros(light.dim());
        for (at, &expected) in light.indexed_iter() {
            let mut electrons =
                photons(f64::from(expected), &mut rng) + read_noise * gaussian(&mut rng);
            if electrons >= full {
                electrons = full;
                mask[at] |= mask_plane::SAT;
            }
            image[at] = electrons as f32;
            variance[at] = (electrons.max(0.0) + read_noise * read_noise) as f32;
        }
        Exposure {
            masked_image: MaskedImage { image, mask, variance },
            wcs: wcs.clone(),
            visit_info: self.visit_info(visit),
            photo_calib: PhotoCalib::from_zero_point(visit.zero_point_mag),
            detector: DetectorInfo {
                id: sensor.model.id,
                name: sensor.model.name.clone(),
                gain_e_per_adu: Some(1.0),
                read_noise_e: Some(read_noise),
                saturation_adu: Some(full),
            },
            psf_fwhm_hint_px: None,
            psf_model: None,
            warnings: Vec::new(),
            source: PathBuf::from(format!("simulated-{}-{}", visit.id, sensor.model.name)),
        }
    }

    fn visit_info(&self, visit: &Visit) -> VisitInfo {
        VisitInfo {
            visit: visit.id,
            instrument: self.camera().name().to_owned(),
            physical_filter: Some(visit.filter.name.clone()),
            band: visit.filter.band.clone(),
            exposure_time_s: visit.exposure_time_s,
            start_mjd_tai: visit.start_mjd_tai,
            mid_mjd_tai: visit.mid_mjd_tai(),
            boresight_ra_deg: Some(visit.pointing.ra_deg),
            boresight_dec_deg: Some(visit.pointing.dec_deg),
            sky_rotation_deg: Some(visit.pointing.rotation_deg),
            azimuth_deg: Some(visit.azimuth_deg),
            altitude_deg: Some(visit.altitude_deg),
            airmass: Some(visit.airmass),
            target: Some("simulated field".to_owned()),
        }
    }
}

/// What a frame looks at.
#[derive(Default)]
struct Seen {
    light: Option<Array2<f32>>,
    filter: Option<Filter>,
    wcs: Option<Wcs>,
    sources: Vec<TruthSource>,
}

/// A pattern of bright spots on one amplifier, the others dark.
fn spots(sensor: &Sensor, amplifier: usize) -> Array2<f32> {
    let (nx, ny) = sensor.model.size_px;
    let mut light = Array2::zeros((ny, nx));
    let Some(b) = sensor.amplifiers.get(amplifier).map(|amplifier| amplifier.bbox) else {
        return light;
    };
    let off = |v: usize| {
        (v as f64 / SPOT_STEP_PX - 0.5 - (v as f64 / SPOT_STEP_PX - 0.5).round()) * SPOT_STEP_PX
    };
    for y in 0..b.ny {
        for x in 0..b.nx {
            let r2 = off(x).powi(2) + off(y).powi(2);
            let peak = SPOT_PEAK_E * (-r2 / (2.0 * SPOT_SIGMA_PX * SPOT_SIGMA_PX)).exp();
            light[[b.y0 + y, b.x0 + x]] = peak as f32;
        }
    }
    light
}

fn band_number(band: &str) -> Option<usize> {
    SURVEY_BANDS.iter().position(|name| *name == band)
}
