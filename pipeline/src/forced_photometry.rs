//! Forced photometry: the flux of known objects in an exposure, whether they were detected there or not.
//!
//! Positions are those of the objects; the PSF fluxes at all of them are fitted together with their
//! neighbours, as for detected sources, and scaled by the exposure's aperture correction. Before that the
//! exposure's residual astrometric offset, the median over its bright sources, may be taken out: half a
//! pixel of misplacement costs a few per cent of the flux, and differently in each seeing.

use crate::characterize::{ApertureCorrection, Characterized, SourceMeasurement};
use crate::exposure::Exposure;
use crate::image::MaskedImage;
use crate::measurement::psf_flux::fit_fluxes;
use crate::measurement::{PixelFlags, PsfFlux, PsfFluxConfig};
use crate::photo_calib::PhotoCalib;
use crate::psf::PsfModel;
use crate::statistics::{median, robust_sigma};
use crate::wcs::Wcs;
use serde::{Deserialize, Serialize};

/// How objects are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ForcedConfig {
    /// PSF fluxes.
    pub psf_flux: PsfFluxConfig,
    /// Radius of the disc whose mask bits become flags, in units of the PSF's full width.
    pub flag_radius_fwhm: f64,
    /// Take out the exposure's astrometric offset.
    pub register: bool,
    /// Signal to noise of sources that measure the offset.
    pub register_min_snr: f64,
    /// Distance within which a source and an object are the same, pixels.
    pub register_radius_px: f64,
    /// Sources that an offset needs.
    pub register_min_sources: usize,
}

impl Default for ForcedConfig {
    fn default() -> Self {
        Self {
            psf_flux: PsfFluxConfig::default(),
            flag_radius_fwhm: 1.5,
            register: true,
            register_min_snr: 20.0,
            register_radius_px: 3.0,
            register_min_sources: 3,
        }
    }
}

/// An object to be measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForcedTarget {
    /// The object.
    pub object_id: i64,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
}

/// One object in one exposure. Fluxes in nanojansky are NaN where the exposure has no zero point.
#[derive(Debug, Clone, Copy)]
pub struct ForcedMeasurement {
    /// The object.
    pub object_id: i64,
    /// Right ascension at which it was measured, ICRS degrees.
    pub ra: f64,
    /// Declination at which it was measured, ICRS degrees.
    pub dec: f64,
    /// Column, pixels.
    pub x: f64,
    /// Row, pixels.
    pub y: f64,
    /// PSF flux with aperture correction, ADU, and its details.
    pub psf_inst_flux: PsfFlux,
    /// PSF flux, nJy.
    pub psf_flux: f64,
    /// Standard error of `psf_flux`, nJy.
    pub psf_flux_err: f64,
    /// Mask planes on and around the object.
    pub pixel_flags: PixelFlags,
}

/// Offset of an exposure's sources from the objects' predicted places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registration {
    /// Along columns, pixels.
    pub dx_px: f64,
    /// Along rows, pixels.
    pub dy_px: f64,
    /// Sources that it rests on; 0 for none taken out.
    pub n_sources: usize,
}

/// An exposure's forced measurements.
#[derive(Debug, Clone)]
pub struct ForcedPhotometry {
    /// One row per target inside the image, in the targets' order.
    pub measurements: Vec<ForcedMeasurement>,
    /// The offset that was taken out.
    pub registration: Registration,
}

/// What a characterised exposure is to forced photometry.
#[derive(Debug, Clone)]
pub struct ForcedInput<'a> {
    /// The image without its sky.
    pub image: &'a MaskedImage,
    /// Pixels to sky.
    pub wcs: &'a Wcs,
    /// From ADU to nanojansky.
    pub photo_calib: Option<PhotoCalib>,
    /// The point-spread function.
    pub psf: &'a PsfModel,
    /// Its full width at half maximum, pixels.
    pub fwhm_px: f64,
    /// From PSF fluxes to total fluxes.
    pub aperture_correction: ApertureCorrection,
    /// Clean sources, by which the image is registered.
    pub guides: Vec<GuideSource>,
}

/// A source of the image with a good position.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GuideSource {
    /// Column, pixels.
    pub x: f64,
    /// Row, pixels.
    pub y: f64,
    /// Signal to noise.
    pub snr: f64,
}

impl<'a> ForcedInput<'a> {
    /// What a characterised exposure in memory is.
    pub fn of(exposure: &'a Exposure, characterized: &'a Characterized) -> Self {
        let is_clean = |s: &&SourceMeasurement| {
            !s.centroid_flag() && !s.pixel_flags.saturated() && !s.pixel_flags.edge()
        };
        let guide = |s: &SourceMeasurement| GuideSource { x: s.x, y: s.y, snr: s.snr };
        Self {
            image: &characterized.image,
            wcs: &exposure.wcs,
            photo_calib: exposure.photo_calib,
            psf: characterized.psf_model(),
            fwhm_px: characterized.psf.fwhm_px,
            aperture_correction: characterized.aperture_corrections.psf,
            guides: characterized.sources.iter().filter(is_clean).map(guide).collect(),
        }
    }

    fn fluxes(&self, positions: &[(f64, f64)], config: &ForcedConfig) -> Vec<PsfFlux> {
        let factor = self.aperture_correction.factor;
        fit_fluxes(self.image, self.psf, positions, self.fwhm_px, None, &config.psf_flux)
            .fluxes
            .into_iter()
            .map(|f| PsfFlux { flux: f.flux * factor, flux_err: f.flux_err * factor, ..f })
            .collect()
    }
}

/// Measure `targets` in a characterised exposure; those outside the image have no row.
pub fn force(
    input: &ForcedInput<'_>,
    targets: &[ForcedTarget],
    config: &ForcedConfig,
) -> ForcedPhotometry {
    let predicted: Vec<(ForcedTarget, (f64, f64))> =
        targets.iter().filter_map(|t| Some((*t, input.wcs.sky_to_pixel(t.ra, t.dec)?))).collect();
    let registration = register(&input.guides, &predicted, config);
    let placed: Vec<(ForcedTarget, (f64, f64))> = predicted
        .into_iter()
        .map(|(t, (x, y))| (t, (x + registration.dx_px, y + registration.dy_px)))
        .filter(|(_, place)| is_inside(input.image, *place))
        .collect();
    let positions: Vec<(f64, f64)> = placed.iter().map(|(_, place)| *place).collect();
    let njy_per_adu = input.photo_calib.map_or(f64::NAN, |c| c.njy_per_adu);
    let measurements = input
        .fluxes(&positions, config)
        .into_iter()
        .zip(&placed)
        .map(|(psf_inst_flux, &(target, (x, y)))| ForcedMeasurement {
            object_id: target.object_id,
            ra: target.ra,
            dec: target.dec,
            x,
            y,
            psf_inst_flux,
            psf_flux: psf_inst_flux.flux * njy_per_adu,
            psf_flux_err: psf_inst_flux.flux_err * njy_per_adu,
            pixel_flags: PixelFlags::read(
                &input.image.mask,
                x,
                y,
                config.flag_radius_fwhm * input.fwhm_px,
            ),
        })
        .collect();
    ForcedPhotometry { measurements, registration }
}

fn is_inside(image: &MaskedImage, (x, y): (f64, f64)) -> bool {
    let (ny, nx) = image.image.dim();
    x >= -0.5 && y >= -0.5 && x < nx as f64 - 0.5 && y < ny as f64 - 0.5
}

/// Median offset of bright, clean sources from the nearest predicted place.
fn register(
    guides: &[GuideSource],
    predicted: &[(ForcedTarget, (f64, f64))],
    config: &ForcedConfig,
) -> Registration {
    let none = Registration { dx_px: 0.0, dy_px: 0.0, n_sources: 0 };
    if !config.register {
        return none;
    }
    let mut offsets: Vec<(f64, f64)> = guides
        .iter()
        .filter(|s| s.snr >= config.register_min_snr)
        .filter_map(|s| {
            predicted
                .iter()
                .map(|(_, (x, y))| (s.x - x, s.y - y))
                .min_by(|a, b| a.0.hypot(a.1).total_cmp(&b.0.hypot(b.1)))
                .filter(|d| d.0.hypot(d.1) < config.register_radius_px)
        })
        .collect();
    if offsets.len() < config.register_min_sources.max(1) {
        return none;
    }
    let component =
        |f: fn(&(f64, f64)) -> f64, of: &[(f64, f64)]| -> Vec<f64> { of.iter().map(f).collect() };
    let centre =
        (median(&mut component(|d| d.0, &offsets)), median(&mut component(|d| d.1, &offsets)));
    let spread = robust_sigma(&mut component(|d| d.0, &offsets))
        .max(robust_sigma(&mut component(|d| d.1, &offsets)))
        .max(0.02);
    offsets.retain(|d| (d.0 - centre.0).hypot(d.1 - centre.1) < 4.0 * spread);
    Registration {
        dx_px: median(&mut component(|d| d.0, &offsets)),
        dy_px: median(&mut component(|d| d.1, &offsets)),
        n_sources: offsets.len(),
    }
}
