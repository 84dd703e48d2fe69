//! A field seen in several visits as perfectly calibrated exposures of one detector: what measurements
//! are tested on, without anything that an instrument adds.
//!
//! The scene is drawn first, then each visit: its pointing, seeing, transparency and noise. Everything
//! follows from one seed; a visit's random numbers have their own stream, so that visits may be drawn in
//! any order and in parallel.

pub mod observe;
pub mod scene;

pub use observe::{SimulatedVisit, TruthEpoch};
pub use scene::{Scene, TruthObject, TruthShape, Variability};

use super::galaxy::GalaxyPainter;
use crate::error::WcsError;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// The bands of a simulated sky, in the order of a [`TruthObject`]'s fluxes.
pub const BANDS: [&str; 3] = ["g", "r", "i"];

/// What is simulated. Lengths in pixels of one detector, angles in degrees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Columns and rows of the detector.
    pub size_px: (usize, usize),
    /// Pixel scale, arcsec.
    pub pixel_scale_arcsec: f64,
    /// Centre of the field: right ascension.
    pub ra_deg: f64,
    /// Centre of the field: declination.
    pub dec_deg: f64,
    /// The band of each visit, in order of time.
    pub visit_bands: Vec<String>,
    /// Middle of the first visit, MJD TAI.
    pub first_mjd_tai: f64,
    /// Time between visits, days.
    pub cadence_days: f64,
    /// Exposure time, s.
    pub exposure_time_s: f64,
    /// Scatter of the pointing along each axis, pixels.
    pub dither_px: f64,
    /// Stars in the field.
    pub stars: usize,
    /// Brightest and faintest r magnitude of a star.
    pub star_magnitudes: (f64, f64),
    /// Slope of log₁₀ of the number of stars per magnitude.
    pub star_count_slope: f64,
    /// Fraction of the stars that vary.
    pub variable_fraction: f64,
    /// Least distance between two stars, pixels: 0 for the random sky, more for isolated stars.
    pub min_separation_px: f64,
    /// Galaxies in the field.
    pub galaxies: usize,
    /// Brightest and faintest r magnitude of a galaxy.
    pub galaxy_magnitudes: (f64, f64),
    /// Least and greatest full width of the PSF at half maximum, arcsec.
    pub seeing_arcsec: (f64, f64),
    /// Exponent of the PSF's Moffat profile; `None` for a Gaussian.
    pub moffat_beta: Option<f64>,
    /// Standard deviation of each component of the PSF's shear.
    pub psf_shear: f64,
    /// AB magnitude of one ADU in g, r, i.
    pub zero_points: [f64; 3],
    /// Sky level in g, r, i, ADU per pixel.
    pub sky_adu: [f64; 3],
    /// Electrons per ADU.
    pub gain_e_per_adu: f64,
    /// Read noise, electrons.
    pub read_noise_e: f64,
    /// Standard deviation of a visit's transparency, magnitudes; it is known to the zero point.
    pub transparency_scatter_mag: f64,
    /// Level at which pixels saturate, ADU, sky included.
    pub saturation_adu: f64,
}

impl Default for SimulateConfig {
    fn default() -> Self {
        let bands = ["r", "g", "i", "r", "g", "i", "r", "g", "i", "r"];
        Self {
            seed: 20_250_101,
            size_px: (1000, 1000),
            pixel_scale_arcsec: 0.2,
            ra_deg: 150.1,
            dec_deg: 2.2,
            visit_bands: bands.iter().map(ToString::to_string).collect(),
            first_mjd_tai: 60_676.25,
            cadence_days: 1.037,
            exposure_time_s: 30.0,
            dither_px: 15.0,
            stars: 250,
            star_magnitudes: (16.5, 24.5),
            star_count_slope: 0.2,
            variable_fraction: 0.05,
            min_separation_px: 0.0,
            galaxies: 120,
            galaxy_magnitudes: (19.0, 24.5),
            seeing_arcsec: (0.7, 1.1),
            moffat_beta: Some(3.0),
            psf_shear: 0.02,
            zero_points: [31.9, 31.9, 31.7],
            sky_adu: [700.0, 1300.0, 2000.0],
            gain_e_per_adu: 1.6,
            read_noise_e: 9.0,
            transparency_scatter_mag: 0.03,
            saturation_adu: 100_000.0,
        }
    }
}

/// A simulated sky and its visits.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// All stars and galaxies.
    pub scene: Scene,
    /// One per band given, in order of time.
    pub visits: Vec<SimulatedVisit>,
}

/// Simulate a sky.
///
/// # Errors
/// When the field's centre is no place on the sky.
pub fn simulate(config: &SimulateConfig) -> Result<Simulation, WcsError> {
    let scene = Scene::draw(config)?;
    let painter = GalaxyPainter::new(&scene.sersic_indices());
    let visits = (0..config.visit_bands.len())
        .into_par_iter()
        .map(|number| observe::observe(config, &scene, &painter, number))
        .collect::<Result<Vec<_>, WcsError>>()?;
    Ok(Simulation { scene, visits })
}
