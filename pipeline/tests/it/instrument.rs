//! Raw frames to calibrated images, in closed loop with the simulator: calibrations against the truth of
//! the sensor, images against the light that fell on it.

mod calibrations;
mod path;
mod steps;

use std::sync::OnceLock;

use almagest_pipeline::calibration::bias::{self, BiasConfig};
use almagest_pipeline::calibration::brighter_fatter;
use almagest_pipeline::calibration::crosstalk;
use almagest_pipeline::calibration::dark;
use almagest_pipeline::calibration::defects;
use almagest_pipeline::calibration::flat;
use almagest_pipeline::calibration::linearity;
use almagest_pipeline::calibration::photon_transfer;
use almagest_pipeline::camera::RawFrame;
use almagest_pipeline::camera::model::ExposureType;
use almagest_pipeline::isr::Calibrations;
use almagest_pipeline::simulate::config::{CalibrationConfig, SensorConfig};
use almagest_pipeline::simulate::{FrameId, Preset, Survey, SurveyConfig};

/// A survey of the smallest camera in one band, with all effects and a long afternoon of calibrations.
pub fn config() -> SurveyConfig {
    let preset = Preset::Xs.config();
    SurveyConfig {
        // Charge gathered in two steps has the same covariances to second order, in half the time.
        sensor: SensorConfig { brighter_fatter_steps: 2, ..preset.sensor },
        bands: vec!["r".to_owned()],
        visits_per_band: 2,
        calibrations: CalibrationConfig {
            biases: 16,
            darks: 6,
            flats: 6,
            ptc_pairs: 36,
            spots: 8,
            fe55: 3,
            ..CalibrationConfig::default()
        },
        ..preset
    }
}

/// The raw frames of a kind.
pub fn raws(survey: &Survey, kind: ExposureType) -> Vec<RawFrame> {
    let exposures = survey.exposures().iter().enumerate();
    let own = exposures.filter(|(_, planned)| planned.exposure_type() == kind);
    own.map(|(exposure, _)| survey.frame(FrameId { exposure, detector: 0 }, false).unwrap().raw)
        .collect()
}

/// A survey with all of its calibrations measured, made once for all tests.
pub struct Measured {
    pub survey: Survey,
    pub calibrations: Calibrations,
}

pub fn measured() -> &'static Measured {
    static MEASURED: OnceLock<Measured> = OnceLock::new();
    MEASURED.get_or_init(|| {
        let survey = Survey::new(config()).unwrap();
        let calibrations = calibrate(&survey);
        Measured { survey, calibrations }
    })
}

/// Measure all calibrations, in the order of the pipeline.
pub fn calibrate(survey: &Survey) -> Calibrations {
    let (biases, darks) = (raws(survey, ExposureType::Bias), raws(survey, ExposureType::Dark));
    let (flats, spots) = (raws(survey, ExposureType::Flat), raws(survey, ExposureType::Spot));
    fn all(raws: &[RawFrame]) -> Vec<&RawFrame> {
        raws.iter().collect()
    }
    let bias = bias::measure(&all(&biases), &BiasConfig::default()).unwrap();
    let mut made = Calibrations { bias: Some(bias), ..Calibrations::default() };
    let (flats, spots, darks) = (all(&flats), all(&spots), all(&darks));
    made.linearity = Some(linearity::measure(&flats, &made, &Default::default()).unwrap());
    let transfer = photon_transfer::measure(&flats, &made, &Default::default()).unwrap();
    made.kernel = Some(brighter_fatter::measure(&transfer, &Default::default()).unwrap());
    made.photon_transfer = Some(transfer);
    made.crosstalk = Some(crosstalk::measure(&spots, &made, &Default::default()).unwrap());
    made.dark = Some(dark::measure(&darks, &made, &Default::default()).unwrap());
    made.flat = Some(flat::measure(&flats, &made, &Default::default()).unwrap());
    let flat = made.flat.as_ref().unwrap();
    let found = defects::measure(made.dark.as_ref(), &[flat], &Default::default());
    made.defects = Some(found.unwrap());
    made
}
