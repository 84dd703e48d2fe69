//! What a survey is made of: typed, with defaults, unknown keys refused.
//!
//! The parameters of the sensor's effects are here rather than in the camera's file where no real camera
//! would know them: a calibration has to find them, and the truth tables repeat them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::SURVEY_BANDS;
use crate::error::{Error, Result};

/// How large a survey is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// One detector of 512 × 512 pixels, six visits: seconds.
    Xs,
    /// Four detectors of 1024 × 1024 pixels, ten visits in each of g, r, i: minutes.
    S,
    /// Nine detectors of 2048 × 2048 pixels, twenty visits in each of six bands.
    M,
}

/// A survey: sky, visits, atmosphere, instrument, calibrations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SurveyConfig {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Name of the camera, or path of its file.
    pub camera: String,
    /// Centre of the field, ICRS.
    pub ra_deg: f64,
    /// Centre of the field, ICRS.
    pub dec_deg: f64,
    /// The bands, in the order in which they take turns.
    pub bands: Vec<String>,
    /// Visits in each band.
    pub visits_per_band: usize,
    /// When the first visit begins, MJD TAI.
    pub first_mjd_tai: f64,
    /// Visits in a night.
    pub visits_per_night: usize,
    /// From one visit of a night to the next.
    pub minutes_between_visits: f64,
    /// From one night to the next.
    pub days_between_nights: f64,
    /// Exposure time.
    pub exposure_time_s: f64,
    /// Scatter of the pointing along each axis.
    pub dither_arcsec: f64,
    /// Rotations of the camera, taken in turn.
    pub rotations_deg: Vec<f64>,
    /// Error of the pointing that headers tell, along each axis.
    pub pointing_error_arcsec: f64,
    /// Error of the rotation that headers tell.
    pub rotation_error_deg: f64,
    /// The atmosphere.
    pub atmosphere: AtmosphereConfig,
    /// What is on the sky.
    pub sky: SkyConfig,
    /// The sensors.
    pub sensor: SensorConfig,
    /// Calibration frames.
    pub calibrations: CalibrationConfig,
    /// Which effects there are.
    pub effects: Effects,
}

/// The atmosphere above the telescope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AtmosphereConfig {
    /// Median full width of the PSF at half maximum at the zenith at 500 nm.
    pub seeing_arcsec: f64,
    /// Scatter of its logarithm from visit to visit.
    pub seeing_scatter_ln: f64,
    /// Exponent of the Moffat profile.
    pub moffat_beta: f64,
    /// Standard deviation of each component of the PSF's shear, constant and linear over the field.
    pub psf_shear: f64,
    /// Variation of the PSF's size over the field.
    pub psf_size_variation: f64,
    /// Extinction per airmass by band, magnitudes.
    pub extinction_mag: BTreeMap<String, f64>,
    /// Scatter of a visit's transparency, magnitudes.
    pub gray_scatter_mag: f64,
    /// Largest change of the transparency across the field.
    pub cloud_gradient: f64,
    /// Brightness of the sky by band, magnitudes per arcsec².
    pub sky_mag: BTreeMap<String, f64>,
    /// Largest change of the sky across the field.
    pub sky_gradient: f64,
    /// Displacement of stars by turbulence, rms along each axis.
    pub turbulence_mas: f64,
    /// Latitude of the observatory.
    pub latitude_deg: f64,
    /// Pressure at the telescope.
    pub pressure_mbar: f64,
    /// Temperature at the telescope.
    pub temperature_c: f64,
}

/// What is on the sky. Densities are numbers per square arcminute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkyConfig {
    /// Stars.
    pub stars_per_arcmin2: f64,
    /// Brightest and faintest r magnitude of a star.
    pub star_magnitudes: (f64, f64),
    /// Slope of log₁₀ of the number of stars per magnitude.
    pub star_slope: f64,
    /// Fraction of the stars that vary.
    pub variable_fraction: f64,
    /// Scatter of the proper motion along each axis, of nine stars in ten; a tenth has five times that.
    pub proper_motion_mas_yr: f64,
    /// Galaxies.
    pub galaxies_per_arcmin2: f64,
    /// Brightest and faintest r magnitude of a galaxy.
    pub galaxy_magnitudes: (f64, f64),
    /// Slope of log₁₀ of the number of galaxies per magnitude.
    pub galaxy_slope: f64,
    /// Supernovae that rise during the survey.
    pub transients: usize,
    /// Asteroids of the main belt that cross the field.
    pub asteroids: usize,
    /// Brightest and faintest r magnitude of an asteroid at the middle of the survey.
    pub asteroid_magnitudes: (f64, f64),
}

/// The sensors: what a calibration has to find.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensorConfig {
    /// Bias level, and its scatter from amplifier to amplifier.
    pub bias_adu: (f64, f64),
    /// Structure of the bias from column to column.
    pub bias_column_adu: f64,
    /// Drift of the bias along the rows of an exposure, which the overscan follows.
    pub bias_drift_adu: f64,
    /// Dark current.
    pub dark_e_per_s: f64,
    /// Dark current that the glow of an amplifier adds in its corner.
    pub glow_e_per_s: f64,
    /// Hot pixels in 10⁶ pixels.
    pub hot_pixels_per_mpix: f64,
    /// Range of their dark current.
    pub hot_pixel_e_per_s: (f64, f64),
    /// Columns of a detector that are dead from some row on.
    pub bad_columns: usize,
    /// Side of the dead block of each detector, pixels; 0 for none.
    pub dead_block_px: usize,
    /// Vignetting at the edge of the field.
    pub vignetting: f64,
    /// Scatter of the quantum efficiency from pixel to pixel.
    pub qe_scatter: f64,
    /// Grains of dust in 10⁶ pixels.
    pub dust_per_mpix: f64,
    /// Depth of the shadow of a grain.
    pub dust_depth: f64,
    /// Amplitude of the fringes in y, a fraction of the sky.
    pub fringe_amplitude: f64,
    /// Change of a pixel's area by its own charge, per electron: a₀₀ of Astier et al. 2019.
    pub brighter_fatter_a00: f64,
    /// Steps in which charge is gathered.
    pub brighter_fatter_steps: usize,
    /// Cosmic rays a second in 10⁶ pixels.
    pub cosmic_rays_per_s_mpix: f64,
    /// Streaks of satellites that cross the field in a visit, on average.
    pub streaks_per_visit: f64,
}

/// How many calibration frames there are of each detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalibrationConfig {
    /// Bias frames.
    pub biases: usize,
    /// Dark frames.
    pub darks: usize,
    /// Exposure time of a dark frame.
    pub dark_time_s: f64,
    /// Flat fields in each band.
    pub flats: usize,
    /// Level of a flat field, electrons.
    pub flat_e: f64,
    /// Pairs of flat fields of growing level, for photon transfer, in the first band.
    pub ptc_pairs: usize,
    /// Lowest and highest level of such a pair, electrons.
    pub ptc_e: (f64, f64),
    /// Patterns of bright spots, each on another amplifier, for crosstalk.
    pub spots: usize,
    /// Exposures to the X-rays of iron-55.
    pub fe55: usize,
}

/// Which effects there are: each can be switched off, in YAML as `effects: {crosstalk: false}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Effects {
    pub proper_motion: bool,
    pub parallax: bool,
    pub variability: bool,
    pub transients: bool,
    pub asteroids: bool,
    pub chromatic_refraction: bool,
    pub turbulence: bool,
    pub distortion: bool,
    pub psf_variation: bool,
    pub extinction: bool,
    pub sky_gradient: bool,
    pub fringes: bool,
    pub streaks: bool,
    pub vignetting: bool,
    pub qe_scatter: bool,
    pub dust: bool,
    pub dark: bool,
    pub hot_pixels: bool,
    pub bad_columns: bool,
    pub photon_noise: bool,
    pub brighter_fatter: bool,
    pub cosmic_rays: bool,
    pub saturation: bool,
    pub nonlinearity: bool,
    pub crosstalk: bool,
    pub bias_structure: bool,
    pub read_noise: bool,
    pub pointing_error: bool,
}

impl Default for Effects {
    fn default() -> Self {
        Effects::all(true)
    }
}

impl Effects {
    /// All on, or all off.
    pub fn all(on: bool) -> Effects {
        Effects {
            proper_motion: on,
            parallax: on,
            variability: on,
            transients: on,
            asteroids: on,
            chromatic_refraction: on,
            turbulence: on,
            distortion: on,
            psf_variation: on,
            extinction: on,
            sky_gradient: on,
            fringes: on,
            streaks: on,
            vignetting: on,
            qe_scatter: on,
            dust: on,
            dark: on,
            hot_pixels: on,
            bad_columns: on,
            photon_noise: on,
            brighter_fatter: on,
            cosmic_rays: on,
            saturation: on,
            nonlinearity: on,
            crosstalk: on,
            bias_structure: on,
            read_noise: on,
            pointing_error: on,
        }
    }

    /// Switch one off by its name.
    ///
    /// # Errors
    /// [`Error::SimulateConfig`] with the names there are.
    pub fn without(self, name: &str) -> Result<Effects> {
        let refuse = |names: Vec<String>| Error::SimulateConfig {
            key: "effects".to_owned(),
            reason: format!("there is no effect {name}; there are {}", names.join(", ")),
        };
        let Ok(serde_yaml_ng::Value::Mapping(mut switches)) = serde_yaml_ng::to_value(self) else {
            return Err(refuse(Vec::new()));
        };
        match switches.get_mut(name) {
            Some(switch) => *switch = serde_yaml_ng::Value::Bool(false),
            None => {
                let names = switches.keys().filter_map(|key| key.as_str().map(str::to_owned));
                return Err(refuse(names.collect()));
            }
        }
        serde_yaml_ng::from_value(serde_yaml_ng::Value::Mapping(switches))
            .map_err(|_| refuse(Vec::new()))
    }
}

fn by_band(values: [f64; 6]) -> BTreeMap<String, f64> {
    SURVEY_BANDS.iter().map(ToString::to_string).zip(values).collect()
}

impl Default for SurveyConfig {
    fn default() -> Self {
        Preset::Xs.config()
    }
}

impl Default for AtmosphereConfig {
    fn default() -> Self {
        Self {
            seeing_arcsec: 0.75,
            seeing_scatter_ln: 0.15,
            moffat_beta: 3.0,
            psf_shear: 0.015,
            psf_size_variation: 0.02,
            extinction_mag: by_band([0.45, 0.20, 0.12, 0.07, 0.05, 0.05]),
            gray_scatter_mag: 0.01,
            cloud_gradient: 0.02,
            sky_mag: by_band([22.9, 22.3, 21.2, 20.5, 19.6, 18.6]),
            sky_gradient: 0.03,
            turbulence_mas: 20.0,
            latitude_deg: -30.24,
            pressure_mbar: 750.0,
            temperature_c: 10.0,
        }
    }
}

impl Default for SkyConfig {
    fn default() -> Self {
        Self {
            stars_per_arcmin2: 12.0,
            star_magnitudes: (16.0, 25.5),
            star_slope: 0.2,
            variable_fraction: 0.03,
            proper_motion_mas_yr: 8.0,
            galaxies_per_arcmin2: 40.0,
            galaxy_magnitudes: (18.0, 25.5),
            galaxy_slope: 0.35,
            transients: 3,
            asteroids: 3,
            asteroid_magnitudes: (18.5, 22.5),
        }
    }
}

impl Default for SensorConfig {
    fn default() -> Self {
        Self {
            bias_adu: (1000.0, 50.0),
            bias_column_adu: 2.0,
            bias_drift_adu: 1.0,
            dark_e_per_s: 0.02,
            glow_e_per_s: 0.1,
            hot_pixels_per_mpix: 50.0,
            hot_pixel_e_per_s: (5.0, 200.0),
            bad_columns: 3,
            dead_block_px: 12,
            vignetting: 0.05,
            qe_scatter: 0.01,
            dust_per_mpix: 6.0,
            dust_depth: 0.03,
            fringe_amplitude: 0.005,
            brighter_fatter_a00: -2.5e-6,
            brighter_fatter_steps: 4,
            cosmic_rays_per_s_mpix: 0.3,
            streaks_per_visit: 0.3,
        }
    }
}

impl Default for CalibrationConfig {
    fn default() -> Self {
        Self {
            biases: 0,
            darks: 0,
            dark_time_s: 300.0,
            flats: 0,
            flat_e: 40_000.0,
            ptc_pairs: 0,
            ptc_e: (500.0, 100_000.0),
            spots: 0,
            fe55: 0,
        }
    }
}

impl CalibrationConfig {
    /// What an afternoon of calibrations yields.
    pub fn usual() -> CalibrationConfig {
        CalibrationConfig {
            biases: 10,
            darks: 5,
            flats: 5,
            ptc_pairs: 10,
            spots: 8,
            fe55: 3,
            ..Self::default()
        }
    }
}

impl Preset {
    /// The survey of this size.
    pub fn config(self) -> SurveyConfig {
        let (camera, bands, visits_per_band): (_, &[&str], _) = match self {
            Preset::Xs => ("TestCamXS", &["g", "r", "i"], 2),
            Preset::S => ("TestCamS", &["g", "r", "i"], 10),
            Preset::M => ("TestCam", &SURVEY_BANDS, 20),
        };
        SurveyConfig {
            seed: 20_250_101,
            camera: camera.to_owned(),
            ra_deg: 150.1,
            dec_deg: 2.2,
            bands: bands.iter().map(ToString::to_string).collect(),
            visits_per_band,
            first_mjd_tai: 60_676.25,
            visits_per_night: 6,
            minutes_between_visits: 17.0,
            days_between_nights: 3.0,
            exposure_time_s: 30.0,
            dither_arcsec: if self == Preset::Xs { 3.0 } else { 20.0 },
            rotations_deg: vec![0.0, 90.0],
            pointing_error_arcsec: 3.0,
            rotation_error_deg: 0.05,
            atmosphere: AtmosphereConfig::default(),
            sky: SkyConfig::default(),
            sensor: SensorConfig::default(),
            calibrations: CalibrationConfig::default(),
            effects: Effects::default(),
        }
    }
}

impl SurveyConfig {
    /// Read a configuration: what the text leaves out is as in the preset.
    ///
    /// # Errors
    /// [`Error::Sidecar`] with the place of an unknown key or a wrong type.
    pub fn from_yaml(path: &Path, text: &str, preset: Preset) -> Result<SurveyConfig> {
        let wrong = |source| Error::Sidecar { path: path.to_owned(), source };
        // First on its own, so that messages tell line and column.
        serde_yaml_ng::from_str::<Option<SurveyConfig>>(text).map_err(wrong)?;
        let given: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).map_err(wrong)?;
        let mut whole = serde_yaml_ng::to_value(preset.config()).map_err(wrong)?;
        overlay(&mut whole, given);
        serde_yaml_ng::from_value(whole).map_err(wrong)
    }

    /// All visits of the sky.
    pub fn n_visits(&self) -> usize {
        self.bands.len() * self.visits_per_band
    }

    /// Refuse what makes no sense.
    ///
    /// # Errors
    /// [`Error::SimulateConfig`] with the key.
    pub fn check(&self) -> Result<()> {
        let refuse = |key: &str, reason: &str| {
            Err(Error::SimulateConfig { key: key.to_owned(), reason: reason.to_owned() })
        };
        if let Some(band) = self.bands.iter().find(|band| !SURVEY_BANDS.contains(&band.as_str())) {
            return refuse("bands", &format!("{band} is none of {}", SURVEY_BANDS.join(", ")));
        }
        if self.visits_per_night == 0 {
            return refuse("visits_per_night", "is 0");
        }
        if self.rotations_deg.is_empty() {
            return refuse("rotations_deg", "there is none");
        }
        if self.sensor.brighter_fatter_steps < 2 {
            return refuse("sensor.brighter_fatter_steps", "is below 2");
        }
        if self.atmosphere.moffat_beta <= 1.1 {
            return refuse("atmosphere.moffat_beta", "is not above 1.1");
        }
        let positive = [
            ("exposure_time_s", self.exposure_time_s),
            ("atmosphere.seeing_arcsec", self.atmosphere.seeing_arcsec),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| value.is_nan() || *value <= 0.0) {
            return refuse(key, "is not positive");
        }
        for band in &self.bands {
            if !self.atmosphere.sky_mag.contains_key(band) {
                return refuse("atmosphere.sky_mag", &format!("says nothing of {band}"));
            }
        }
        Ok(())
    }
}

/// Lay the values that are given over those that are there, mapping by mapping.
fn overlay(whole: &mut serde_yaml_ng::Value, given: serde_yaml_ng::Value) {
    use serde_yaml_ng::Value;
    match (whole, given) {
        (Value::Mapping(whole), Value::Mapping(given)) => {
            for (key, value) in given {
                match whole.get_mut(&key) {
                    Some(place) => overlay(place, value),
                    None => {
                        whole.insert(key, value);
                    }
                }
            }
        }
        (_, Value::Null) => {}
        (whole, given) => *whole = given,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let text = "seed: 7\nsky: {transients: 0}\neffects: {crosstalk: false}\n";
        let config = SurveyConfig::from_yaml(Path::new("a.yaml"), text, Preset::S).unwrap();
        let mut expected = Preset::S.config();
        expected.seed = 7;
        expected.sky.transients = 0;
        expected.effects.crosstalk = false;
        assert_eq!(config, expected);
        assert_eq!(
            SurveyConfig::from_yaml(Path::new("a.yaml"), "", Preset::M).unwrap(),
            Preset::M.config()
        );
    }

    #[test]
    fn misspelt_keys_are_refused_with_their_place() {
        let text = "seed: 7\neffects: {cross_talk: false}\n";
        let error = SurveyConfig::from_yaml(Path::new("a.yaml"), text, Preset::S).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with("a.yaml: effects: unknown field `cross_talk`"), "{message}");
        assert!(message.contains("line 2"), "{message}");
        let error = Effects::default().without("cross_talk").unwrap_err().to_string();
        assert!(
            error.starts_with("effects: there is no effect cross_talk; there are proper_motion,")
        );
        assert!(!Effects::default().without("crosstalk").unwrap().crosstalk);
    }

    #[test]
    fn nonsense_is_refused_with_its_key() {
        let refused = |change: fn(&mut SurveyConfig)| {
            let mut config = SurveyConfig::default();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert_eq!(
            refused(|c| c.bands.push("w".to_owned())),
            "bands: w is none of u, g, r, i, z, y"
        );
        assert_eq!(refused(|c| c.exposure_time_s = 0.0), "exposure_time_s: is not positive");
        assert_eq!(refused(|c| c.rotations_deg.clear()), "rotations_deg: there is none");
    }
}
