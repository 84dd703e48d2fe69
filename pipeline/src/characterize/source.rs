//! Rows of the Source table: what was measured, on the sky and in nanojansky.

use super::{ApertureCorrection, ExposurePsf, Sky};
use crate::exposure::Exposure;
use crate::measurement::aperture_flux::RADII_PX;
use crate::measurement::{ApertureFlux, Centroid, Measured, PixelFlags, PsfFlux, Shape};

/// One detected and measured source of one exposure.
///
/// Instrumental fluxes are ADU; those in nanojansky are NaN where the exposure has no zero point. What
/// could not be measured is NaN and has a flag.
#[derive(Debug, Clone)]
pub struct SourceMeasurement {
    /// Column, pixels, 0-based.
    pub x: f64,
    /// Row, pixels, 0-based.
    pub y: f64,
    /// Standard error of `x`, pixels.
    pub x_err: f64,
    /// Standard error of `y`, pixels.
    pub y_err: f64,
    /// Right ascension, ICRS degrees.
    pub ra: f64,
    /// Declination, ICRS degrees.
    pub dec: f64,
    /// Standard error of the position along RA, on the sky (times cos Dec), degrees.
    pub ra_err: f64,
    /// Standard error of the declination, degrees.
    pub dec_err: f64,
    /// Covariance of the two, deg².
    pub ra_dec_cov: f64,
    /// The centroid's details.
    pub centroid: Centroid,
    /// Number of the footprint it was found in, from 0.
    pub footprint: usize,
    /// Pixels of that footprint.
    pub footprint_area_px: usize,
    /// Peaks in that footprint; more than one means a blend.
    pub footprint_peaks: usize,
    /// Signal to noise of the PSF flux.
    pub snr: f64,
    /// PSF flux with aperture correction, ADU, and its details.
    pub psf_inst_flux: PsfFlux,
    /// PSF flux, nJy.
    pub psf_flux: f64,
    /// Standard error of `psf_flux`, nJy.
    pub psf_flux_err: f64,
    /// Sums over circles of [`RADII_PX`], ADU.
    pub ap_inst_flux: [ApertureFlux; RADII_PX.len()],
    /// Sums over circles of [`RADII_PX`] and their standard errors, nJy.
    pub ap_flux: [(f64, f64); RADII_PX.len()],
    /// Adaptive moments, px².
    pub shape: Shape,
    /// Adaptive moments of the PSF here, px².
    pub psf_shape: Shape,
    /// 0 for a point, 1 for an extended source; NaN where the shape failed.
    pub extendedness: f64,
    /// Sky that was subtracted here, ADU per pixel.
    pub sky: f64,
    /// Mask planes on and around the source.
    pub pixel_flags: PixelFlags,
    /// It was taken for a star fit to model the PSF.
    pub psf_candidate: bool,
    /// It was used to model the PSF.
    pub psf_used: bool,
}

impl SourceMeasurement {
    /// Column `raErr` and its like need one flag: no position better than the peak's.
    pub fn centroid_flag(&self) -> bool {
        self.centroid.flag()
    }
}

/// Rows of the measured peaks, in the order of the detections.
pub(super) fn rows(
    exposure: &Exposure,
    sky: &Sky,
    psf: &ExposurePsf,
    measured: &[Measured],
    correction: ApertureCorrection,
) -> Vec<SourceMeasurement> {
    let njy_per_adu = exposure.photo_calib.map_or(f64::NAN, |c| c.njy_per_adu);
    let footprints = &sky.detections.footprints;
    let places = footprints.iter().enumerate().flat_map(|(number, footprint)| {
        footprint.peaks.iter().map(move |peak| (number, footprint, peak))
    });
    places
        .zip(measured)
        .map(|((number, footprint, peak), m)| {
            let Centroid { x, y, x_err, y_err, xy_cov, .. } = m.centroid;
            let (ra, dec) = exposure.wcs.pixel_to_sky(x, y);
            let j = exposure.wcs.local_affine(x, y);
            let variance = |a: [f64; 2], b: [f64; 2]| {
                a[0] * b[0] * x_err.powi(2)
                    + a[1] * b[1] * y_err.powi(2)
                    + (a[0] * b[1] + a[1] * b[0]) * xy_cov
            };
            let psf_inst_flux = PsfFlux {
                flux: m.psf_flux.flux * correction.factor,
                flux_err: m.psf_flux.flux_err * correction.factor,
                ..m.psf_flux
            };
            let at = (peak.x as f64, peak.y as f64);
            SourceMeasurement {
                x,
                y,
                x_err,
                y_err,
                ra,
                dec,
                ra_err: variance(j[0], j[0]).sqrt(),
                dec_err: variance(j[1], j[1]).sqrt(),
                ra_dec_cov: variance(j[0], j[1]),
                centroid: m.centroid,
                footprint: number,
                footprint_area_px: footprint.area_px(),
                footprint_peaks: footprint.peaks.len(),
                snr: psf_inst_flux.flux / psf_inst_flux.flux_err,
                psf_flux: psf_inst_flux.flux * njy_per_adu,
                psf_flux_err: psf_inst_flux.flux_err * njy_per_adu,
                psf_inst_flux,
                ap_flux: m.apertures.map(|a| (a.flux * njy_per_adu, a.flux_err * njy_per_adu)),
                ap_inst_flux: m.apertures,
                shape: m.shape,
                psf_shape: m.psf_shape,
                extendedness: m.extendedness,
                sky: f64::from(sky.background[[peak.y, peak.x]]),
                pixel_flags: m.pixel_flags,
                psf_candidate: psf.candidates.contains(&at),
                psf_used: psf.stars.contains(&at),
            }
        })
        .collect()
}
