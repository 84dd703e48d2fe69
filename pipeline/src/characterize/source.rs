//! Rows of the Source table: what was measured, on the sky and in nanojansky.

use super::{ApertureCorrections, ExposurePsf, Sky};
use crate::exposure::Exposure;
use crate::measurement::aperture_flux::RADII_PX;
use crate::measurement::{
    ApertureFlux, Centroid, KronFlux, Measured, PixelFlags, PsfFlux, Regaussianized, Shape,
};
use crate::wcs::Wcs;

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
    /// Number of the footprint it was found in, from 0; `None` of an empty place.
    pub footprint: Option<usize>,
    /// Pixels of that footprint.
    pub footprint_area_px: usize,
    /// Peaks in that footprint; more than one means a blend.
    pub footprint_peaks: usize,
    /// Index of the blend that it was separated from, among the parents.
    pub parent: Option<usize>,
    /// Sources that were separated from it.
    pub n_children: usize,
    /// It was separated from its parent with the PSF for a template.
    pub deblended_as_point: bool,
    /// Signal to noise of the PSF flux.
    pub snr: f64,
    /// Nanojansky per ADU; NaN where the exposure has no zero point.
    pub njy_per_adu: f64,
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
    /// Flux of the Gaussian of the adaptive moments and its standard error, with aperture correction, ADU.
    pub gaussian_inst_flux: (f64, f64),
    /// Kron flux with aperture correction, ADU.
    pub kron_inst_flux: KronFlux,
    /// Compensated tophat flux, scaled to that of the 12 pixel aperture, ADU.
    pub tophat_inst_flux: ApertureFlux,
    /// Adaptive moments, px².
    pub shape: Shape,
    /// Adaptive moments of the PSF here, px².
    pub psf_shape: Shape,
    /// 0 for a point, 1 for an extended source; NaN where the shape failed.
    pub extendedness: f64,
    /// How sure it is that the source is larger than the PSF, 0 to 1.
    pub size_extendedness: f64,
    /// Ellipticity before the PSF.
    pub regaussianized: Regaussianized,
    /// Part of the light here that is the neighbours', 0 to 1.
    pub blendedness: f64,
    /// Sky around the source that the estimate left, and its standard error, ADU per pixel.
    pub local_background: (f64, f64),
    /// Variance of the pixel at the centre, ADU².
    pub variance: f64,
    /// Solid angle of a pixel here, in units of that at the centre of the image.
    pub jacobian: f64,
    /// Sky that was subtracted here, ADU per pixel.
    pub sky: f64,
    /// Mask planes on and around the source.
    pub pixel_flags: PixelFlags,
    /// It was taken for a star fit to model the PSF.
    pub psf_candidate: bool,
    /// It was used to model the PSF.
    pub psf_used: bool,
    /// It was kept out of the PSF to test it.
    pub psf_reserved: bool,
    /// It was used to fit the world coordinates.
    pub astrometry_used: bool,
    /// It was used to fit the zero point.
    pub photometry_used: bool,
}

impl SourceMeasurement {
    /// Column `raErr` and its like need one flag: no position better than the peak's.
    pub fn centroid_flag(&self) -> bool {
        self.centroid.flag()
    }
}

impl SourceMeasurement {
    /// Take the place on the sky from other world coordinates.
    pub(super) fn place(&mut self, wcs: &Wcs) {
        (self.ra, self.dec) = wcs.pixel_to_sky(self.x, self.y);
        let j = wcs.local_affine(self.x, self.y);
        let variance = |a: [f64; 2], b: [f64; 2]| {
            a[0] * b[0] * self.x_err.powi(2)
                + a[1] * b[1] * self.y_err.powi(2)
                + (a[0] * b[1] + a[1] * b[0]) * self.centroid.xy_cov
        };
        let (ra, dec, cov) = (variance(j[0], j[0]), variance(j[1], j[1]), variance(j[0], j[1]));
        (self.ra_err, self.dec_err, self.ra_dec_cov) = (ra.sqrt(), dec.sqrt(), cov);
    }
}

/// Makes rows of what was measured on one exposure.
pub(super) struct RowMaker<'a> {
    pub exposure: &'a Exposure,
    pub sky: &'a Sky,
    pub psf: &'a ExposurePsf,
    pub corrections: ApertureCorrections,
}

impl RowMaker<'_> {
    /// Rows in the order of `measured`; `parents` are the blends among which a source's parent is.
    pub fn rows(&self, measured: &[Measured], parents: &[Measured]) -> Vec<SourceMeasurement> {
        let (nx, ny) = self.exposure.size();
        let centre = (0.5 * (nx as f64 - 1.0), 0.5 * (ny as f64 - 1.0));
        let nominal_area = self.exposure.wcs.pixel_area_arcsec2(centre.0, centre.1);
        let row = |m| self.row(m, parents, nominal_area);
        measured.iter().map(row).collect()
    }

    fn row(&self, m: &Measured, parents: &[Measured], nominal_area: f64) -> SourceMeasurement {
        let Self { exposure, sky, psf, corrections } = self;
        let njy_per_adu = exposure.photo_calib.map_or(f64::NAN, |c| c.njy_per_adu);
        let Centroid { x, y, x_err, y_err, .. } = m.centroid;
        let factor = corrections.psf.factor;
        let psf_inst_flux = PsfFlux {
            flux: m.psf_flux.flux * factor,
            flux_err: m.psf_flux.flux_err * factor,
            ..m.psf_flux
        };
        let (of_gaussian, of_kron) = (corrections.gaussian.factor, corrections.kron.factor);
        // Scaled to the light within 12 pixels, not to all of it.
        let of_tophat = corrections.tophat.factor
            * super::aperture_correction::fraction_inside(psf, x, y, 12.0);
        let is_psf_star = |stars: &[(f64, f64)]| {
            m.n_children == 0
                && m.footprint.is_some()
                && stars.iter().any(|s| (s.0 - x).hypot(s.1 - y) < 1.5)
        };
        let footprint = m.footprint.map(|number| &sky.detections.footprints[number]);
        let is_parent = |p: &Measured| m.n_children == 0 && p.footprint == m.footprint;
        let pixel = [y.round().max(0.0) as usize, x.round().max(0.0) as usize];
        let mut row = SourceMeasurement {
            x,
            y,
            x_err,
            y_err,
            ra: f64::NAN,
            dec: f64::NAN,
            ra_err: f64::NAN,
            dec_err: f64::NAN,
            ra_dec_cov: f64::NAN,
            centroid: m.centroid,
            footprint: m.footprint,
            footprint_area_px: footprint.map_or(0, |f| f.area_px()),
            footprint_peaks: footprint.map_or(0, |f| f.peaks.len()),
            parent: m.footprint.and_then(|_| parents.iter().position(is_parent)),
            n_children: m.n_children,
            deblended_as_point: m.deblended_as_point,
            snr: psf_inst_flux.flux / psf_inst_flux.flux_err,
            njy_per_adu,
            psf_flux: psf_inst_flux.flux * njy_per_adu,
            psf_flux_err: psf_inst_flux.flux_err * njy_per_adu,
            psf_inst_flux,
            ap_flux: m.apertures.map(|a| (a.flux * njy_per_adu, a.flux_err * njy_per_adu)),
            ap_inst_flux: m.apertures,
            gaussian_inst_flux: (
                m.shape.gaussian_flux * of_gaussian,
                m.shape.gaussian_flux_err * of_gaussian,
            ),
            kron_inst_flux: KronFlux {
                flux: m.kron.flux * of_kron,
                flux_err: m.kron.flux_err * of_kron,
                ..m.kron
            },
            tophat_inst_flux: ApertureFlux {
                flux: m.tophat.flux * of_tophat,
                flux_err: m.tophat.flux_err * of_tophat,
                ..m.tophat
            },
            shape: m.shape,
            psf_shape: m.psf_shape,
            extendedness: m.extendedness,
            size_extendedness: m.size_extendedness,
            regaussianized: m.regaussianized,
            blendedness: m.blendedness,
            local_background: m.local_background,
            variance: m.variance,
            jacobian: exposure.wcs.pixel_area_arcsec2(x, y) / nominal_area,
            sky: sky.background.get(pixel).map_or(f64::NAN, |v| f64::from(*v)),
            pixel_flags: m.pixel_flags,
            psf_candidate: is_psf_star(&psf.candidates),
            psf_used: is_psf_star(&psf.stars),
            psf_reserved: is_psf_star(&psf.reserved),
            astrometry_used: false,
            photometry_used: false,
        };
        row.place(&exposure.wcs);
        row
    }
}
