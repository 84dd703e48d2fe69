//! One visit: the scene through atmosphere, telescope and detector.

use super::{BANDS, Scene, SimulateConfig, TruthShape};
use crate::error::WcsError;
use crate::exposure::{DetectorInfo, Exposure};
use crate::image::{MaskedImage, mask_plane};
use crate::photo_calib::PhotoCalib;
use crate::psf::{PsfModel, RadialLaw, StarProfile};
use crate::simulate::galaxy::GalaxyPainter;
use crate::visit_info::VisitInfo;
use crate::wcs::Wcs;
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson, StandardNormal};
use std::path::PathBuf;

/// Light is drawn as far as it exceeds this fraction of the sky noise in a pixel.
const FAINTEST_NOISE_FRACTION: f64 = 0.01;
/// Limits of the radius to which an object is drawn, pixels.
const RADIUS_RANGE_PX: (f64, f64) = (12.0, 250.0);
/// Identity of the first visit.
const FIRST_VISIT: i64 = 1;
/// Photons of a pixel above which their number is drawn from a Gaussian.
const MAX_POISSON: f64 = 1e7;

/// A visit with its truth.
#[derive(Debug, Clone)]
pub struct SimulatedVisit {
    /// The image as a pipeline would read it, sky included.
    pub exposure: Exposure,
    /// The true point-spread function.
    pub psf: StarProfile,
    /// The objects in the image.
    pub truth: Vec<TruthEpoch>,
}

/// One object in one visit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruthEpoch {
    /// The object.
    pub id: i64,
    /// The visit.
    pub visit: i64,
    /// Its total flux at that time in the visit's band, nJy.
    pub flux_njy: f64,
    /// Column of its centre, pixels.
    pub x: f64,
    /// Row of its centre, pixels.
    pub y: f64,
}

/// Draw the visit of that number, from 0.
pub(super) fn observe(
    config: &SimulateConfig,
    scene: &Scene,
    painter: &GalaxyPainter,
    number: usize,
) -> Result<SimulatedVisit, WcsError> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    rng.set_stream(1 + number as u64);
    let band_name = &config.visit_bands[number];
    let band = BANDS.iter().position(|b| b == band_name).unwrap_or(1);
    let psf = draw_psf(config, &mut rng);
    let wcs = pointing(config, &mut rng)?;
    let gray =
        Normal::new(0.0, config.transparency_scatter_mag).map_or(0.0, |law| law.sample(&mut rng));
    let zero_point = config.zero_points[band] - gray;
    let photo_calib = PhotoCalib::from_zero_point(zero_point);
    let njy_per_adu = photo_calib.map_or(1.0, |c| c.njy_per_adu);
    let mjd_tai = config.first_mjd_tai + number as f64 * config.cadence_days;
    let visit = FIRST_VISIT + number as i64;

    let (nx, ny) = config.size_px;
    let mut light = Array2::<f64>::from_elem((ny, nx), config.sky_adu[band]);
    let mut truth = Vec::new();
    for object in &scene.objects {
        let Some((x, y)) = wcs.sky_to_pixel(object.ra, object.dec) else { continue };
        let flux_njy = object.flux_at(band, mjd_tai);
        let brush = Brush { config, psf: &psf, painter, flux: flux_njy / njy_per_adu, band };
        brush.paint(&mut light, object.shape, (x, y));
        let inside = |v: f64, n: usize| v >= -0.5 && v < n as f64 - 0.5;
        if inside(x, nx) && inside(y, ny) {
            truth.push(TruthEpoch { id: object.id, visit, flux_njy, x, y });
        }
    }
    let exposure = Exposure {
        masked_image: expose(config, &light, &mut rng),
        wcs,
        visit_info: visit_info(config, visit, band_name, mjd_tai),
        photo_calib,
        detector: DetectorInfo {
            id: 0,
            name: "S00".to_owned(),
            gain_e_per_adu: Some(config.gain_e_per_adu),
            read_noise_e: Some(config.read_noise_e),
            saturation_adu: Some(config.saturation_adu),
        },
        psf_fwhm_hint_px: None,
        psf_model: None,
        warnings: Vec::new(),
        source: PathBuf::from(format!("simulated-{visit:03}-{band_name}")),
    };
    Ok(SimulatedVisit { exposure, psf, truth })
}

fn draw_psf(config: &SimulateConfig, rng: &mut ChaCha8Rng) -> StarProfile {
    let (best, worst) = config.seeing_arcsec;
    let seeing = best + (worst - best) * rng.random::<f64>();
    let law = match config.moffat_beta {
        Some(beta) => RadialLaw::Moffat { beta },
        None => RadialLaw::Gaussian,
    };
    let mut component = || {
        let unit: f64 = StandardNormal.sample(rng);
        (config.psf_shear * unit).clamp(-0.2, 0.2)
    };
    let (g1, g2) = (component(), component());
    StarProfile { law, fwhm_px: seeing / config.pixel_scale_arcsec, g1, g2 }
}

fn pointing(config: &SimulateConfig, rng: &mut ChaCha8Rng) -> Result<Wcs, WcsError> {
    let (nx, ny) = config.size_px;
    let scale = config.pixel_scale_arcsec / 3600.0;
    let mut offset = || {
        let unit: f64 = StandardNormal.sample(rng);
        config.dither_px * unit
    };
    let crpix = [(nx as f64 - 1.0) / 2.0 + offset(), (ny as f64 - 1.0) / 2.0 + offset()];
    Wcs::tan([config.ra_deg, config.dec_deg], crpix, [[-scale, 0.0], [0.0, scale]])
}

fn visit_info(config: &SimulateConfig, visit: i64, band: &str, mid_mjd_tai: f64) -> VisitInfo {
    VisitInfo {
        visit,
        instrument: "Simulator".to_owned(),
        physical_filter: Some(format!("{band}_sim")),
        band: band.to_owned(),
        exposure_time_s: config.exposure_time_s,
        start_mjd_tai: mid_mjd_tai - config.exposure_time_s / 2.0 / 86_400.0,
        mid_mjd_tai,
        boresight_ra_deg: Some(config.ra_deg),
        boresight_dec_deg: Some(config.dec_deg),
        sky_rotation_deg: Some(0.0),
        azimuth_deg: None,
        altitude_deg: None,
        airmass: None,
        target: None,
    }
}

/// Paints one object of a known flux (ADU).
struct Brush<'a> {
    config: &'a SimulateConfig,
    psf: &'a StarProfile,
    painter: &'a GalaxyPainter,
    flux: f64,
    band: usize,
}

impl Brush<'_> {
    fn paint(&self, light: &mut Array2<f64>, shape: TruthShape, (x, y): (f64, f64)) {
        let stamp = match shape {
            TruthShape::Star(_) => {
                let radius = self.bounded(self.psf.radius_of_density(self.faintest()));
                Some(PsfModel::Analytic(*self.psf).stamp(x, y, radius as usize))
            }
            TruthShape::Galaxy(galaxy) => {
                self.painter.draw(&galaxy, self.psf, (x, y), self.faintest())
            }
        };
        let shape = light.dim();
        for (row, column, value) in stamp.iter().flat_map(|s| s.inside(shape)) {
            light[[row, column]] += self.flux * value;
        }
    }

    /// Surface brightness of a unit-flux object at which its light is lost in the sky noise.
    fn faintest(&self) -> f64 {
        let c = self.config;
        let sky_noise = (c.sky_adu[self.band] / c.gain_e_per_adu
            + (c.read_noise_e / c.gain_e_per_adu).powi(2))
        .sqrt();
        FAINTEST_NOISE_FRACTION * sky_noise / self.flux.max(1e-9)
    }

    fn bounded(&self, radius_px: f64) -> f64 {
        radius_px.ceil().clamp(RADIUS_RANGE_PX.0, RADIUS_RANGE_PX.1)
    }
}

/// Photon and read noise, saturation, and the variance that a pipeline would assign.
fn expose(config: &SimulateConfig, light: &Array2<f64>, rng: &mut ChaCha8Rng) -> MaskedImage {
    let gain = config.gain_e_per_adu;
    let read_variance = (config.read_noise_e / gain).powi(2);
    let mut image = Array2::<f32>::zeros(light.dim());
    let mut mask = Array2::<u32>::zeros(light.dim());
    let mut variance = Array2::<f32>::zeros(light.dim());
    for (at, &expected_adu) in light.indexed_iter() {
        let read: f64 = StandardNormal.sample(rng);
        let electrons = photons(expected_adu * gain, rng) + config.read_noise_e * read;
        let mut adu = electrons / gain;
        if adu >= config.saturation_adu {
            adu = config.saturation_adu;
            mask[at] |= mask_plane::SAT;
        }
        image[at] = adu as f32;
        variance[at] = (adu.max(0.0) / gain + read_variance) as f32;
    }
    MaskedImage { image, mask, variance }
}

fn photons(expected: f64, rng: &mut ChaCha8Rng) -> f64 {
    if expected > MAX_POISSON {
        let unit: f64 = StandardNormal.sample(rng);
        return expected + expected.sqrt() * unit;
    }
    Poisson::new(expected).map_or(0.0, |law| law.sample(rng))
}
