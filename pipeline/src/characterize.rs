//! Characterise one exposure: sky, PSF, and a row for each source.
//!
//! ```text
//! exposure ─▶ sky ─▶ detect ─▶ sky ─▶ width of the stars ─▶ cosmic rays ─▶ detect ─▶ sky, noise
//!                                                                                        │
//!     rows ◀─ aperture correction ◀─ measure ◀─ detect ◀─ PSF from the stars ◀─ detect ◀─┘
//! ```
//!
//! The sky is estimated again each time that sources are known better; each estimate is of what the one
//! before left. Fluxes are total fluxes: those of the PSF out to infinity.

mod aperture_correction;
mod effective_time;
mod psf_choice;
mod psf_quality;
mod source;

pub use aperture_correction::{ApertureCorrection, ApertureCorrections};
pub use effective_time::{EffectiveTime, FiducialConditions};
pub use psf_choice::{ExposurePsf, PsfOrigin};
pub use psf_quality::PsfQuality;
pub use source::SourceMeasurement;

use source::RowMaker;

use crate::astrometry::AstrometryConfig;
use crate::background::{Background, BackgroundConfig};
use crate::cosmic_ray::{self, CosmicRayConfig, Ray};
use crate::detection::{self, DetectionConfig, Detections, FilterKernel};
use crate::error::{Error, Result};
use crate::exposure::Exposure;
use crate::image::MaskedImage;
use crate::measurement::source::psf_shape;
use crate::measurement::{MeasureConfig, Shape, measure};
use crate::photo_calib::PhotoCalib;
use crate::psf::fit::PsfFitConfig;
use crate::psf::select::SelectConfig;
use crate::psf::{PsfModel, RadialLaw, StarProfile};
use crate::reference_catalog::PhotometryConfig;
use crate::task::Task;
use crate::wcs::Wcs;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Full width at half maximum of a Gaussian in units of its σ.
const FWHM_PER_SIGMA: f64 = 2.354_820_045;
/// Noise ratios beyond this are a sign of something else than correlated pixels.
const NOISE_RATIO_RANGE: (f64, f64) = (0.3, 5.0);
/// Ratios nearer to one are what sources below the threshold add to the scatter.
const FAINT_SOURCES: f64 = 0.05;
/// Growth of detections where the sky is estimated, in units of that where they are measured.
const SKY_MASK_GROWTH: f64 = 2.0;
/// Width of a star where no star tells it, pixels: so sharp that no star is taken for a cosmic ray.
const SHARPEST_FWHM_PX: f64 = 2.0;

/// How an exposure is characterised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CharacterizeConfig {
    /// Sky background.
    pub background: BackgroundConfig,
    /// Cosmic rays.
    pub cosmic_rays: CosmicRayConfig,
    /// Detection.
    pub detection: DetectionConfig,
    /// Selection of the stars that make the PSF.
    pub select: SelectConfig,
    /// Fit of the PSF.
    pub psf_fit: PsfFitConfig,
    /// Take the PSF from the file of PSFEx that came with an image, if one did, before fitting one.
    pub prefer_psf_file: bool,
    /// Measurement.
    pub measure: MeasureConfig,
    /// World coordinates from reference stars.
    pub astrometry: AstrometryConfig,
    /// Zero point from reference stars.
    pub photometry: PhotometryConfig,
    /// Conditions of each band that effective exposure times refer to.
    pub fiducial: BTreeMap<String, FiducialConditions>,
    /// Full width of a star where neither the header nor the image tells, pixels.
    pub default_fwhm_px: f64,
    /// Scale the variance to the scatter of the filtered sky, which sees correlated noise.
    pub rescale_variance: bool,
}

impl Default for CharacterizeConfig {
    fn default() -> Self {
        Self {
            background: BackgroundConfig::default(),
            cosmic_rays: CosmicRayConfig::default(),
            detection: DetectionConfig::default(),
            select: SelectConfig::default(),
            psf_fit: PsfFitConfig::default(),
            prefer_psf_file: false,
            measure: MeasureConfig::default(),
            astrometry: AstrometryConfig::default(),
            photometry: PhotometryConfig::default(),
            fiducial: FiducialConditions::of_bands(),
            default_fwhm_px: 4.0,
            rescale_variance: true,
        }
    }
}

/// An exposure with what was found out about it.
#[derive(Debug, Clone)]
pub struct Characterized {
    /// The image without its sky and cosmic rays, detections in the mask, the variance scaled to the
    /// noise.
    pub image: MaskedImage,
    /// Cosmic rays, each as its pixels.
    pub cosmic_rays: Vec<Ray>,
    /// The sky that was subtracted, ADU.
    pub background: Array2<f32>,
    /// Mean level of the sky, ADU.
    pub sky_level: f64,
    /// Standard deviation of the sky in one pixel, ADU.
    pub sky_noise: f64,
    /// Factor by which the filtered sky scatters more than the variance of the exposure says.
    pub noise_ratio: f64,
    /// The point-spread function.
    pub psf: ExposurePsf,
    /// Width of a star at half maximum at the centre, arcsec.
    pub seeing_arcsec: f64,
    /// From measured fluxes to total fluxes.
    pub aperture_corrections: ApertureCorrections,
    /// AB magnitude of a star of signal to noise 5; `None` without a zero point.
    pub mag_lim: Option<f64>,
    /// Flux of such a star, ADU.
    pub faintest_adu: f64,
    /// Connected regions above threshold.
    pub n_footprints: usize,
    /// One row per peak.
    pub sources: Vec<SourceMeasurement>,
    /// One row per blend, measured as a whole.
    pub parents: Vec<SourceMeasurement>,
    /// Empty places, measured as if there were a source.
    pub sky_sources: Vec<SourceMeasurement>,
}

impl Characterized {
    /// The point-spread function.
    pub fn psf_model(&self) -> &PsfModel {
        &self.psf.model
    }

    /// Give the sources fluxes in nanojansky, by a zero point that was found after measuring.
    pub fn calibrate(&mut self, photo_calib: PhotoCalib) {
        let njy = photo_calib.njy_per_adu;
        let blends = self.parents.iter_mut().chain(&mut self.sky_sources);
        for source in self.sources.iter_mut().chain(blends) {
            source.njy_per_adu = njy;
            source.psf_flux = source.psf_inst_flux.flux * njy;
            source.psf_flux_err = source.psf_inst_flux.flux_err * njy;
            source.ap_flux = source.ap_inst_flux.map(|a| (a.flux * njy, a.flux_err * njy));
        }
        self.mag_lim = Some(photo_calib.adu_to_magnitude(self.faintest_adu));
    }

    /// Give the sources places on the sky, by world coordinates that were found after measuring.
    pub fn place(&mut self, wcs: &Wcs) {
        let others = self.parents.iter_mut().chain(&mut self.sky_sources);
        self.sources.iter_mut().chain(others).for_each(|source| source.place(wcs));
    }

    /// Adaptive moments of the point-spread function at a place, px².
    pub fn psf_shape(&self, x: f64, y: f64) -> Shape {
        psf_shape(&self.psf.model, (x, y), self.psf.fwhm_px)
    }
}

/// The task; see the module.
#[derive(Debug, Clone, Default)]
pub struct CharacterizeTask {
    config: CharacterizeConfig,
}

impl CharacterizeTask {
    /// A task with this configuration.
    pub fn new(config: CharacterizeConfig) -> Self {
        Self { config }
    }

    /// Its configuration.
    pub fn config(&self) -> &CharacterizeConfig {
        &self.config
    }

    /// The sky-subtracted image, its final detections, and the sky that was subtracted.
    fn detect(&self, exposure: &Exposure) -> Result<Sky> {
        let mut sky = Sky::new(exposure, &self.config.background)?;
        let guess = exposure.psf_fwhm_hint_px.unwrap_or(self.config.default_fwhm_px);
        // What hides the sky reaches farther than what is measured.
        let hides_sky = DetectionConfig {
            grow_sigma: SKY_MASK_GROWTH * self.config.detection.grow_sigma,
            sharp_filter: 0.0,
            ..self.config.detection.clone()
        };
        let first = detection::detect(&sky.image, guess / FWHM_PER_SIGMA, &hides_sky);
        sky.refine(&first, &self.config.background);
        let of_stars = psf_choice::star_width_px(
            &sky.image,
            &first,
            exposure.psf_fwhm_hint_px,
            &self.config.select,
        );
        let sigma_px = of_stars.unwrap_or(guess / FWHM_PER_SIGMA);
        sky.remove_cosmic_rays(of_stars, &self.config.cosmic_rays);
        let second = detection::detect(&sky.image, sigma_px, &hides_sky);
        sky.refine(&second, &self.config.background);
        sky.noise_ratio = second.noise_ratio;
        if self.config.rescale_variance {
            let scale = sky.applied_noise_ratio().powi(2) as f32;
            sky.image.variance.mapv_inplace(|v| v * scale);
        }
        sky.detections = detection::detect(&sky.image, sigma_px, &self.config.detection);
        sky.detections.mark(&mut sky.image);
        detection::mark_edge(&mut sky.image, (2.0 * sigma_px).ceil() as usize);
        Ok(sky)
    }
}

impl CharacterizeTask {
    /// Characterise an exposure, perhaps with the PSF model that came with it.
    ///
    /// # Errors
    /// [`Error::NoSky`] when no pixel of the exposure is usable.
    pub fn characterize(
        &self,
        exposure: &Exposure,
        given_psf: Option<&PsfModel>,
    ) -> Result<Characterized> {
        let mut sky = self.detect(exposure)?;
        // The noise that stands in for neighbours is the same each time that the exposure is measured.
        let seed = ((exposure.visit_info.visit as u64) << 8) | exposure.detector.id as u64;
        let psf = psf_choice::choose(
            &sky.image,
            &sky.detections,
            exposure.psf_fwhm_hint_px,
            given_psf,
            &self.config,
        );
        sky.detect_with(&psf.model, &self.config.detection);
        let footprints = &sky.detections.footprints;
        let measured =
            measure(&sky.image, &psf.model, footprints, psf.fwhm_px, &self.config.measure, seed);
        let corrections = ApertureCorrections::measure(&sky.image, &psf, &measured.sources);
        let maker = RowMaker { exposure, sky: &sky, psf: &psf, corrections };
        let sources = maker.rows(&measured.sources, &measured.parents);
        let parents = maker.rows(&measured.parents, &[]);
        let sky_sources = maker.rows(&measured.sky_sources, &[]);
        let (ny, nx) = sky.image.image.dim();
        let centre = (nx as f64 / 2.0, ny as f64 / 2.0);
        let area_px = psf.model.effective_area_px(centre.0, centre.1);
        let pixel_noise = sky.background_noise * sky.applied_noise_ratio();
        let faintest = 5.0 * pixel_noise * area_px.sqrt() * corrections.psf.factor;
        Ok(Characterized {
            sky_level: sky.background_level,
            sky_noise: sky.background_noise,
            noise_ratio: sky.noise_ratio,
            seeing_arcsec: psf.fwhm_px * exposure.wcs.pixel_scale_arcsec(centre.0, centre.1),
            faintest_adu: faintest,
            mag_lim: exposure.photo_calib.map(|c| c.adu_to_magnitude(faintest)),
            n_footprints: sky.detections.footprints.len(),
            psf,
            aperture_corrections: corrections,
            sources,
            parents,
            sky_sources,
            cosmic_rays: sky.cosmic_rays,
            image: sky.image,
            background: sky.background,
        })
    }
}

impl Task for CharacterizeTask {
    type Input<'a> = &'a Exposure;
    type Output = Characterized;

    /// # Errors
    /// [`Error::NoSky`] when no pixel of the exposure is usable.
    fn run(&self, exposure: &Exposure) -> Result<Characterized> {
        self.characterize(exposure, None)
    }
}

/// The image without its sky, and what is known of both so far.
struct Sky {
    image: MaskedImage,
    background: Array2<f32>,
    background_level: f64,
    background_noise: f64,
    noise_ratio: f64,
    detections: Detections,
    cosmic_rays: Vec<Ray>,
}

impl Sky {
    fn new(exposure: &Exposure, config: &BackgroundConfig) -> Result<Self> {
        let mut image = exposure.masked_image.clone();
        let estimate = Background::estimate(&image, config).ok_or(Error::NoSky {
            visit: exposure.visit_info.visit,
            detector: exposure.detector.id,
        })?;
        let background = estimate.to_image();
        image.image -= &background;
        Ok(Self {
            image,
            background,
            background_level: estimate.level(),
            background_noise: estimate.noise(),
            noise_ratio: 1.0,
            detections: Detections::default(),
            cosmic_rays: Vec::new(),
        })
    }

    /// Mask and fill the cosmic rays, given the width of the stars where it is known.
    fn remove_cosmic_rays(&mut self, star_sigma_px: Option<f64>, config: &CosmicRayConfig) {
        let fwhm_px = star_sigma_px.map_or(SHARPEST_FWHM_PX, |sigma| sigma * FWHM_PER_SIGMA);
        let law = RadialLaw::Moffat { beta: psf_choice::DEFAULT_BETA };
        let psf = PsfModel::Analytic(StarProfile::circular(law, fwhm_px));
        self.cosmic_rays = cosmic_ray::find(&self.image, &psf, config);
        cosmic_ray::repair(&mut self.image, &self.cosmic_rays);
    }

    /// Mask the detections and subtract what the last estimate left of the sky.
    fn refine(&mut self, detections: &Detections, config: &BackgroundConfig) {
        detections.mark(&mut self.image);
        // An image covered by its sources keeps the sky that it has.
        if let Some(rest) = Background::estimate(&self.image, config) {
            let surface = rest.to_image();
            self.image.image -= &surface;
            self.background += &surface;
            self.background_level += rest.level();
            self.background_noise = rest.noise();
        }
    }

    /// Detect once more, with a filter like the PSF.
    fn detect_with(&mut self, psf: &PsfModel, config: &DetectionConfig) {
        let (ny, nx) = self.image.image.dim();
        let centre = ((nx / 2) as f64, (ny / 2) as f64);
        let sigma_px = self.detections.filter_sigma_px;
        let star = psf.stamp(centre.0, centre.1, psf.radius_px());
        let kernel = FilterKernel::of_star(&star, centre, sigma_px);
        self.detections = detection::detect_with(&self.image, &kernel, sigma_px, config);
        self.detections.mark(&mut self.image);
    }

    /// Factor between the scatter of the pixels and that which a PSF sees.
    fn applied_noise_ratio(&self) -> f64 {
        let (low, high) = NOISE_RATIO_RANGE;
        let is_noise = (low..high).contains(&self.noise_ratio);
        let is_correlated = (self.noise_ratio - 1.0).abs() > FAINT_SOURCES;
        if is_noise && is_correlated { self.noise_ratio } else { 1.0 }
    }
}
