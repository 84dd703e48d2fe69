//! A detector with its flaws: from the light that falls on it to the numbers of its amplifiers.
//!
//! ```text
//!   light × response + dark current         expected charge          [response, dark, defect]
//!         ▼ photon noise, pixel boundaries moved by charge           [brighter_fatter]
//!         ▼ cosmic rays, X-rays of a source                          [cosmic_ray], [x_ray]
//!         ▼ full wells overflow along columns                        [saturation]
//!   charge in each pixel, electrons
//!         ▼ amplifier by amplifier, in order of reading              [readout]
//!         ▼ nonlinearity                                             [linearity]
//!         ▼ crosstalk between amplifiers                             [crosstalk]
//!         ▼ read noise, gain, bias, converter                        [bias]
//!   RawAmplifier, ADU
//! ```
//!
//! Correction goes the same way backwards. What belongs to the detector and not to an exposure (response,
//! hot pixels, bias structure, dead columns) follows from the seed and the detector's number.

pub mod bias;
pub mod brighter_fatter;
pub mod cosmic_ray;
pub mod crosstalk;
pub mod dark;
pub mod defect;
pub mod linearity;
pub mod readout;
pub mod response;
pub mod saturation;
pub mod streak;
mod x_ray;

use ndarray::Array2;
use rand_chacha::ChaCha8Rng;

use super::config::{Effects, SurveyConfig};
use super::random::{Purpose, photons, stream};
use crate::camera::model::{CameraModel, DetectorModel};
use crate::error::Result;

pub use bias::BiasStructure;
pub use brighter_fatter::BrighterFatter;
pub use cosmic_ray::CosmicRay;
pub use defect::Defect;
pub use readout::AmplifierTruth;

/// A detector with its flaws.
#[derive(Debug, Clone)]
pub struct Sensor {
    /// The detector.
    pub model: DetectorModel,
    /// Its amplifiers as they truly are.
    pub amplifiers: Vec<AmplifierTruth>,
    /// Dead columns and blocks.
    pub defects: Vec<Defect>,
    /// Hot pixels: column, row, electrons a second.
    pub hot_pixels: Vec<(usize, usize, f32)>,
    /// Sensitivity of each pixel, with dust, without vignetting.
    pub(super) response: Array2<f32>,
    /// Dark current of each pixel, electrons a second.
    pub(super) dark: Array2<f32>,
    pub(super) fringes: response::Fringes,
    seed: u64,
}

/// Charge in a sensor with what cosmic rays gave it.
#[derive(Debug, Clone)]
pub(super) struct Charge {
    /// Electrons in each pixel.
    pub electrons: Array2<f32>,
    /// The cosmic rays.
    pub cosmic_rays: Vec<CosmicRay>,
}

/// What a sensor is exposed to.
pub(super) struct Illumination<'a> {
    /// Number of the exposure, which keys its random numbers.
    pub exposure: i64,
    /// Electrons that a perfect detector would expect; `None` in the dark.
    pub light: Option<Array2<f32>>,
    /// Band of the light, for the response.
    pub band: usize,
    /// Seconds in which dark current and cosmic rays gather.
    pub dark_time_s: f64,
    /// Photons of an iron-55 source.
    pub x_rays: usize,
    /// What changes pixel areas.
    pub brighter_fatter: &'a BrighterFatter,
}

impl Sensor {
    /// Make the detector of a camera.
    ///
    /// # Errors
    /// When the camera's file leaves gains, noise or sections to headers.
    pub(super) fn draw(
        config: &SurveyConfig,
        camera: &CameraModel,
        model: &DetectorModel,
    ) -> Result<Sensor> {
        let mut rng = stream(config.seed, Purpose::Sensor, i64::from(model.id), 0);
        let amplifiers = readout::amplifiers(config, camera, model)?;
        let defects = defect::draw(config, model, &mut rng);
        let mut response = response::draw(config, model, &mut rng);
        for defect in &defects {
            defect.blind(&mut response);
        }
        let (dark, hot_pixels) = dark::draw(config, model, &mut rng);
        let fringes = response::Fringes::draw(config.sensor.fringe_amplitude, &mut rng);
        Ok(Sensor {
            model: model.clone(),
            amplifiers,
            defects,
            hot_pixels,
            response,
            dark,
            fringes,
            seed: config.seed,
        })
    }

    /// Multiply the sky by its fringes.
    pub(super) fn fringe(&self, sky: &mut Array2<f32>) {
        self.fringes.apply(sky);
    }

    /// Gather charge.
    pub(super) fn gather(
        &self,
        config: &SurveyConfig,
        vignetting: &response::Vignetting,
        illumination: Illumination,
    ) -> Charge {
        let effects = &config.effects;
        let (nx, ny) = self.model.size_px;
        let mut expected = match illumination.light {
            Some(mut light) => {
                response::apply(&mut light, &self.response, illumination.band);
                vignetting.apply(&mut light);
                light
            }
            None => Array2::zeros((ny, nx)),
        };
        expected.scaled_add(illumination.dark_time_s as f32, &self.dark);
        let mut rng = self.stream(Purpose::Photons, illumination.exposure);
        let mut electrons = if expected.iter().all(|&mean| mean == 0.0) {
            expected
        } else if effects.brighter_fatter {
            illumination.brighter_fatter.gather(&expected, effects.photon_noise, &mut rng)
        } else if effects.photon_noise {
            expected.mapv(|mean| photons(f64::from(mean), &mut rng) as f32)
        } else {
            expected
        };
        let mut rng = self.stream(Purpose::XRays, illumination.exposure);
        x_ray::shine(&mut electrons, illumination.x_rays, &mut rng);
        let mut cosmic_rays = Vec::new();
        if effects.cosmic_rays {
            let mut rng = self.stream(Purpose::CosmicRays, illumination.exposure);
            let rate = config.sensor.cosmic_rays_per_s_mpix;
            let mean = rate * illumination.dark_time_s * (nx * ny) as f64 / 1e6;
            cosmic_rays = cosmic_ray::shower(mean, (nx, ny), &mut rng);
            for pixel in cosmic_rays.iter().flat_map(|ray| &ray.pixels) {
                electrons[[pixel.1, pixel.0]] += pixel.2;
            }
        }
        if effects.saturation {
            for amplifier in &self.amplifiers {
                saturation::overflow(&mut electrons, amplifier.bbox, amplifier.full_well_e);
            }
        }
        Charge { electrons, cosmic_rays }
    }

    /// A stream of this detector and an exposure.
    pub(super) fn stream(&self, purpose: Purpose, exposure: i64) -> ChaCha8Rng {
        stream(self.seed, purpose, exposure, i64::from(self.model.id))
    }

    /// Read the charge out.
    pub(super) fn read(
        &self,
        charge: &Array2<f32>,
        exposure: i64,
        effects: &Effects,
        adc_limit: i32,
    ) -> Vec<crate::camera::RawAmplifier> {
        let mut rng = self.stream(Purpose::Readout, exposure);
        readout::read(self, charge, effects, adc_limit, &mut rng)
    }
}
