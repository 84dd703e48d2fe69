//! All algorithms on the peaks of one image.
//!
//! 1. Positions and PSF fluxes in turn: each source is centred on the image without the light of the others,
//!    then the fluxes are fitted together at the new positions.
//! 2. Shape on the image without the light of the others; apertures and flags on the image as it is.

use super::aperture_flux::RADII_PX;
use super::psf_flux::{PointSources, UNUSABLE, fit_fluxes};
use super::{ApertureFlux, Centroid, PixelFlags, PsfFlux, PsfFluxConfig, Shape, aperture_flux};
use crate::image::MaskedImage;
use crate::measurement::extendedness::extendedness;
use crate::psf::{PsfModel, Stamp};
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How sources are measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeasureConfig {
    /// PSF fluxes.
    pub psf_flux: PsfFluxConfig,
    /// Rounds of centring all sources.
    pub centroid_rounds: usize,
    /// Radius of the pixels that decide a position, in units of the PSF's full width.
    pub centroid_radius_fwhm: f64,
    /// Farthest that a position may lie from its peak, in the same units.
    pub max_shift_fwhm: f64,
    /// Radius of the disc whose mask bits become flags, in the same units.
    pub flag_radius_fwhm: f64,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            psf_flux: PsfFluxConfig::default(),
            centroid_rounds: 2,
            centroid_radius_fwhm: 1.5,
            max_shift_fwhm: 0.6,
            flag_radius_fwhm: 1.5,
        }
    }
}

/// One source as measured in pixels and in the image's unit.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Position.
    pub centroid: Centroid,
    /// Flux of the PSF, without aperture correction.
    pub psf_flux: PsfFlux,
    /// Fluxes within [`RADII_PX`].
    pub apertures: [ApertureFlux; RADII_PX.len()],
    /// Adaptive moments.
    pub shape: Shape,
    /// The same of the PSF at this place.
    pub psf_shape: Shape,
    /// 0 for a point, 1 for an extended source, NaN if unknown.
    pub extendedness: f64,
    /// Mask planes on and around it.
    pub pixel_flags: PixelFlags,
}

/// Adaptive moments of the PSF at a place, px².
pub fn psf_shape(psf: &PsfModel, (x, y): (f64, f64), fwhm_px: f64) -> Shape {
    let star = psf.stamp(x, y, psf.radius_px());
    Shape::measure(&|x, y| at(&star, x, y).map(|v| (v, 0.0)), (x, y), fwhm_px / 2.355, 30.0)
}

/// Measure the sources whose peaks are at `peaks` in the sky-subtracted `image`.
pub fn measure(
    image: &MaskedImage,
    psf: &PsfModel,
    peaks: &[(f64, f64)],
    fwhm_px: f64,
    config: &MeasureConfig,
) -> Vec<Measured> {
    let scene = Scene { image, psf, fwhm_px, config };
    let (centroids, sources) = scene.positions_and_fluxes(peaks);
    centroids
        .par_iter()
        .zip(&sources.fluxes)
        .map(|(centroid, psf_flux)| scene.measure_one(*centroid, *psf_flux, &sources))
        .collect()
}

struct Scene<'a> {
    image: &'a MaskedImage,
    psf: &'a PsfModel,
    fwhm_px: f64,
    config: &'a MeasureConfig,
}

impl Scene<'_> {
    fn positions_and_fluxes(&self, peaks: &[(f64, f64)]) -> (Vec<Centroid>, PointSources) {
        let mut centroids: Vec<Centroid> =
            peaks.iter().map(|&(x, y)| Centroid::at_peak(x, y)).collect();
        let mut sources = self.fluxes(&centroids, None);
        let radius = (self.config.centroid_radius_fwhm * self.fwhm_px).ceil().max(3.0) as usize;
        let max_shift = self.config.max_shift_fwhm * self.fwhm_px;
        for _ in 0..self.config.centroid_rounds {
            centroids = centroids
                .par_iter()
                .zip(&sources.fluxes)
                .zip(peaks)
                .map(|((centroid, flux), &peak)| {
                    let own = self.own_light(centroid, flux);
                    let pixel = |x, y| self.pixel_without_others(x, y, &sources.model, &own);
                    let start = (centroid.x, centroid.y);
                    Centroid::fit(self.psf, &pixel, start, peak, radius, max_shift)
                })
                .collect();
            let start: Vec<f64> = sources.fluxes.iter().map(amplitude).collect();
            sources = self.fluxes(&centroids, Some(&start));
        }
        (centroids, sources)
    }

    fn fluxes(&self, centroids: &[Centroid], start: Option<&[f64]>) -> PointSources {
        let positions: Vec<(f64, f64)> = centroids.iter().map(|c| (c.x, c.y)).collect();
        fit_fluxes(self.image, self.psf, &positions, self.fwhm_px, start, &self.config.psf_flux)
    }

    fn measure_one(&self, centroid: Centroid, psf_flux: PsfFlux, all: &PointSources) -> Measured {
        let (x, y) = (centroid.x, centroid.y);
        let own = self.own_light(&centroid, &psf_flux);
        let pixel = |x, y| self.pixel_without_others(x, y, &all.model, &own);
        let sigma_px = self.fwhm_px / 2.355;
        let shape = Shape::measure(&pixel, (x, y), sigma_px, 8.0 * self.fwhm_px);
        let psf_shape = psf_shape(self.psf, (x, y), self.fwhm_px);
        Measured {
            centroid,
            psf_flux,
            apertures: RADII_PX.map(|radius| aperture_flux(self.image, x, y, radius)),
            shape,
            psf_shape,
            extendedness: extendedness(&shape, &psf_shape),
            pixel_flags: PixelFlags::read(
                &self.image.mask,
                x,
                y,
                self.config.flag_radius_fwhm * self.fwhm_px,
            ),
        }
    }

    /// The light that the model of all sources holds of this one.
    fn own_light(&self, centroid: &Centroid, flux: &PsfFlux) -> Stamp {
        let mut star = self.psf.stamp(centroid.x, centroid.y, self.psf.radius_px());
        star.values.mapv_inplace(|v| v * amplitude(flux));
        star
    }

    fn pixel_without_others(
        &self,
        x: i64,
        y: i64,
        model: &Array2<f32>,
        own: &Stamp,
    ) -> Option<(f64, f64)> {
        let (ny, nx) = self.image.image.dim();
        if x < 0 || y < 0 || x >= nx as i64 || y >= ny as i64 {
            return None;
        }
        let pixel = [y as usize, x as usize];
        let (value, variance) = (self.image.image[pixel], self.image.variance[pixel]);
        if self.image.mask[pixel] & UNUSABLE != 0 || !value.is_finite() || !(variance > 0.0) {
            return None;
        }
        let others = f64::from(model[pixel]) - at(own, x, y).unwrap_or(0.0);
        Some((f64::from(value) - others, f64::from(variance)))
    }
}

/// Light that the model of all sources has for one.
fn amplitude(flux: &PsfFlux) -> f64 {
    if flux.flag() { 0.0 } else { flux.flux }
}

/// Value of a stamp at a pixel of the large image.
fn at(stamp: &Stamp, x: i64, y: i64) -> Option<f64> {
    let (i, j) = (x - stamp.x0, y - stamp.y0);
    (i >= 0 && j >= 0).then(|| stamp.values.get([j as usize, i as usize]).copied()).flatten()
}
