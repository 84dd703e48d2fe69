//! A survey under way: everything that its frames share, made once from the configuration.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use super::config::SurveyConfig;
use super::frame::{FrameId, PlannedExposure};
use super::galaxy::GalaxyPainter;
use super::sensor::{BrighterFatter, Sensor};
use super::sky::Sky;
use super::visit::Visit;
use crate::camera::model::CameraModel;
use crate::error::{Error, Result};
use crate::psf::RadialLaw;
use crate::wcs::Wcs;

/// The sky reaches so much farther than the detectors, for light from beyond their edges.
const SKY_MARGIN_ARCSEC: f64 = 20.0;

/// A survey: frames are made from it in any order.
#[derive(Debug)]
pub struct Survey {
    config: SurveyConfig,
    camera: Arc<CameraModel>,
    sky: Sky,
    visits: Vec<Visit>,
    sensors: Vec<Sensor>,
    exposures: Vec<PlannedExposure>,
    painter: GalaxyPainter,
    brighter_fatter: BrighterFatter,
    focal_radius_mm: f64,
}

impl Survey {
    /// Make the survey of a configuration.
    ///
    /// # Errors
    /// A configuration that makes no sense, a camera that does not exist or cannot be simulated.
    pub fn new(config: SurveyConfig) -> Result<Survey> {
        config.check()?;
        let camera = Arc::new(camera(&config.camera)?);
        let visits = (0..config.n_visits())
            .map(|number| Visit::plan(&config, &camera, number))
            .collect::<Result<Vec<_>>>()?;
        let sensors = camera
            .detectors()
            .par_iter()
            .map(|detector| Sensor::draw(&config, &camera, detector))
            .collect::<Result<Vec<_>>>()?;
        let focal_radius_mm = camera.focal_radius_mm();
        let scale = 1.0 / 3600.0;
        let centre = [config.ra_deg, config.dec_deg];
        let wcs = Wcs::tan(centre, [0.0, 0.0], [[-scale, 0.0], [0.0, scale]])?;
        let half_width_arcsec = focal_radius_mm * camera.deg_per_mm() * 3600.0
            + 3.0 * config.dither_arcsec
            + SKY_MARGIN_ARCSEC;
        let last = visits.last().map_or(config.first_mjd_tai, |visit| visit.start_mjd_tai);
        let sky = Sky::draw(&config, &wcs, half_width_arcsec, last);
        let law = RadialLaw::Moffat { beta: config.atmosphere.moffat_beta };
        let sensor = &config.sensor;
        Ok(Survey {
            painter: GalaxyPainter::for_seeing(&sky.sersic_indices(), law),
            brighter_fatter: BrighterFatter::new(
                sensor.brighter_fatter_a00,
                sensor.brighter_fatter_steps,
            ),
            exposures: PlannedExposure::all(&config, &camera, &visits)?,
            camera,
            sky,
            visits,
            sensors,
            focal_radius_mm,
            config,
        })
    }

    /// What the survey was made of.
    pub fn config(&self) -> &SurveyConfig {
        &self.config
    }

    /// The camera.
    pub fn camera(&self) -> &Arc<CameraModel> {
        &self.camera
    }

    /// The sky.
    pub fn sky(&self) -> &Sky {
        &self.sky
    }

    /// The visits of the sky.
    pub fn visits(&self) -> &[Visit] {
        &self.visits
    }

    /// The detectors with their flaws.
    pub fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    /// All exposures: calibrations first, then visits.
    pub fn exposures(&self) -> &[PlannedExposure] {
        &self.exposures
    }

    /// All frames: each detector of each exposure.
    pub fn frames(&self) -> Vec<FrameId> {
        let detectors = 0..self.sensors.len();
        (0..self.exposures.len())
            .flat_map(|exposure| {
                detectors.clone().map(move |detector| FrameId { exposure, detector })
            })
            .collect()
    }

    /// What changes pixel areas: the truth of the brighter-fatter effect.
    pub fn brighter_fatter(&self) -> &BrighterFatter {
        &self.brighter_fatter
    }

    pub(super) fn painter(&self) -> &GalaxyPainter {
        &self.painter
    }

    pub(super) fn focal_radius_mm(&self) -> f64 {
        self.focal_radius_mm
    }
}

/// The camera of a name, or of a file.
fn camera(name: &str) -> Result<CameraModel> {
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        return CameraModel::open(Path::new(name));
    }
    CameraModel::named(name).map_err(|error| Error::SimulateConfig {
        key: "camera".to_owned(),
        reason: error.to_string(),
    })
}
