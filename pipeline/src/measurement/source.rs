//! All algorithms on the sources of one image.
//!
//! 1. Positions and PSF fluxes in turn: each source is centred on the image without the light of the others,
//!    then the fluxes are fitted together at the new positions.
//! 2. Footprints with several peaks are deblended.
//! 3. All else is measured on one source at a time, the others replaced by noise. PSF fluxes stay those
//!    of the joint fit, which knows of the neighbours all that a share of pixels does, and its own errors.
//! 4. Each blend is measured once more as a whole, and empty places as if there were sources.

use super::aperture_flux::{RADII_PX, apertures};
use super::blendedness::blendedness;
use super::compensated_tophat::compensated_tophat;
use super::isolated::{Isolated, NoiseReplaced};
use super::local_background::local_background;
use super::psf_flux::{PointSources, UNUSABLE, fit_alone, fit_fluxes};
use super::sky_source;
use super::{
    ApertureFlux, Centroid, KronFlux, PixelFlags, PsfFlux, PsfFluxConfig, Regaussianized, Shape,
};
use crate::deblend::{BlendedPeak, Child, DeblendConfig, deblend};
use crate::detection::Footprint;
use crate::image::MaskedImage;
use crate::measurement::extendedness::{extendedness, size_extendedness};
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
    /// Deblending.
    pub deblend: DeblendConfig,
    /// Rounds of centring all sources.
    pub centroid_rounds: usize,
    /// Radius of the pixels that decide a position, in units of the PSF's full width.
    pub centroid_radius_fwhm: f64,
    /// Farthest that a position may lie from its peak, in the same units.
    pub max_shift_fwhm: f64,
    /// Radius of the disc whose mask bits become flags, in the same units.
    pub flag_radius_fwhm: f64,
    /// Empty places that are measured in 10⁶ pixels.
    pub sky_sources_per_mpix: f64,
}

impl Default for MeasureConfig {
    fn default() -> Self {
        Self {
            psf_flux: PsfFluxConfig::default(),
            deblend: DeblendConfig::default(),
            centroid_rounds: 2,
            centroid_radius_fwhm: 1.5,
            max_shift_fwhm: 0.6,
            flag_radius_fwhm: 1.5,
            sky_sources_per_mpix: 50.0,
        }
    }
}

/// One source as measured in pixels and in the image's unit.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Number of the footprint that it lies in; `None` of an empty place.
    pub footprint: Option<usize>,
    /// Sources that were made of it; 0 unless it is a blend as a whole.
    pub n_children: usize,
    /// It was deblended with the PSF for a template.
    pub deblended_as_point: bool,
    /// Position.
    pub centroid: Centroid,
    /// Flux of the PSF, without aperture correction.
    pub psf_flux: PsfFlux,
    /// Fluxes within [`RADII_PX`].
    pub apertures: [ApertureFlux; RADII_PX.len()],
    /// Compensated tophat flux, not scaled to the aperture's.
    pub tophat: ApertureFlux,
    /// Kron flux.
    pub kron: KronFlux,
    /// Adaptive moments.
    pub shape: Shape,
    /// The same of the PSF at this place.
    pub psf_shape: Shape,
    /// Ellipticity before the PSF.
    pub regaussianized: Regaussianized,
    /// 0 for a point, 1 for an extended source, NaN if unknown.
    pub extendedness: f64,
    /// How sure it is that the source is larger than the PSF, 0 to 1.
    pub size_extendedness: f64,
    /// Part of the light here that is the neighbours'.
    pub blendedness: f64,
    /// Sky around the source per pixel, and its standard error.
    pub local_background: (f64, f64),
    /// Variance of the pixel at the centre.
    pub variance: f64,
    /// Mask planes on and around it.
    pub pixel_flags: PixelFlags,
}

/// What was measured on one image.
#[derive(Debug, Clone)]
pub struct Measurements {
    /// One row per peak, in the order of the footprints and their peaks.
    pub sources: Vec<Measured>,
    /// One row per footprint with several peaks, in the order of the footprints.
    pub parents: Vec<Measured>,
    /// Empty places.
    pub sky_sources: Vec<Measured>,
}

/// Adaptive moments of the PSF at a place, px².
pub fn psf_shape(psf: &PsfModel, (x, y): (f64, f64), fwhm_px: f64) -> Shape {
    let star = psf.stamp(x, y, psf.radius_px());
    Shape::measure(&|x, y| at(&star, x, y).map(|v| (v, 0.0)), (x, y), fwhm_px / 2.355, 30.0)
}

/// Measure the sources of `footprints` in the sky-subtracted `image`; equal seeds give equal noise in
/// place of neighbours, and equal empty places.
pub fn measure(
    image: &MaskedImage,
    psf: &PsfModel,
    footprints: &[Footprint],
    fwhm_px: f64,
    config: &MeasureConfig,
    seed: u64,
) -> Measurements {
    let scene = Scene { image, psf, fwhm_px, config };
    let peaks: Vec<(f64, f64)> =
        footprints.iter().flat_map(|f| &f.peaks).map(|p| (p.x as f64, p.y as f64)).collect();
    let (centroids, fitted) = scene.positions_and_fluxes(&peaks);
    let children = scene.children(footprints, &centroids, &fitted.fluxes);
    let replaced = NoiseReplaced::new(image, footprints, seed);
    let footprint_of: Vec<usize> =
        footprints.iter().enumerate().flat_map(|(k, f)| vec![k; f.peaks.len()]).collect();
    let sources: Vec<Measured> = (0..peaks.len())
        .into_par_iter()
        .map(|k| {
            let source = replaced.source(footprint_of[k], children[k].as_ref());
            let row = scene.measure_one(&source, centroids[k], fitted.fluxes[k]);
            let deblended_as_point = children[k].as_ref().is_some_and(|child| child.is_point);
            Measured { footprint: Some(footprint_of[k]), deblended_as_point, ..row }
        })
        .collect();
    let mut first = 0;
    let mut blends = Vec::new();
    for (number, footprint) in footprints.iter().enumerate() {
        let members = first..first + footprint.peaks.len();
        first = members.end;
        if members.len() > 1 {
            blends.push((number, members));
        }
    }
    let parents = blends
        .into_par_iter()
        .filter_map(|(number, members)| {
            let n_children = members.len();
            // A blend lies where its brightest member is.
            let flux = |k: &usize| amplitude(&fitted.fluxes[*k]);
            let brightest = members.max_by(|a, b| flux(a).total_cmp(&flux(b)))?;
            let source = replaced.source(number, None);
            let row = scene.at_fixed_place(&source, centroids[brightest]);
            Some(Measured { footprint: Some(number), n_children, ..row })
        })
        .collect();
    let n_sky = (config.sky_sources_per_mpix * 1e-6 * image.image.len() as f64).round() as usize;
    let sky_sources = sky_source::places(image, fwhm_px, n_sky, seed)
        .into_par_iter()
        .map(|(x, y)| scene.at_fixed_place(&replaced.sky(), Centroid::fixed(x, y)))
        .collect();
    Measurements { sources, parents, sky_sources }
}

struct Scene<'a> {
    image: &'a MaskedImage,
    psf: &'a PsfModel,
    fwhm_px: f64,
    config: &'a MeasureConfig,
}

impl Scene<'_> {
    /// The share of each peak in its footprint; `None` where it has all.
    fn children(
        &self,
        footprints: &[Footprint],
        centroids: &[Centroid],
        fluxes: &[PsfFlux],
    ) -> Vec<Option<Child>> {
        let mut first = 0;
        let members: Vec<(&Footprint, std::ops::Range<usize>)> = footprints
            .iter()
            .map(|footprint| {
                let range = first..first + footprint.peaks.len();
                first = range.end;
                (footprint, range)
            })
            .collect();
        let children: Vec<Vec<Option<Child>>> = members
            .into_par_iter()
            .map(|(footprint, members)| {
                if members.len() < 2 || !self.config.deblend.enabled {
                    return vec![None; members.len()];
                }
                let peaks: Vec<BlendedPeak> = members
                    .map(|k| {
                        let Centroid { x, y, .. } = centroids[k];
                        BlendedPeak { x, y, flux: amplitude(&fluxes[k]) }
                    })
                    .collect();
                let config = &self.config.deblend;
                deblend(self.image, footprint, &peaks, self.psf, self.fwhm_px, config)
                    .into_iter()
                    .map(Some)
                    .collect()
            })
            .collect();
        children.into_iter().flatten().collect()
    }

    /// Measure where something is known to be, with a PSF flux of its own.
    fn at_fixed_place(&self, source: &Isolated, centroid: Centroid) -> Measured {
        let radius = (self.config.psf_flux.radius_fwhm * self.fwhm_px).ceil().max(3.0) as usize;
        let pixel = |x, y| source.measured(x, y);
        let flux = fit_alone(self.psf, &pixel, (centroid.x, centroid.y), radius);
        self.measure_one(source, centroid, flux)
    }

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

    fn measure_one(&self, source: &Isolated, centroid: Centroid, psf_flux: PsfFlux) -> Measured {
        let place = (centroid.x, centroid.y);
        let sigma_px = self.fwhm_px / 2.355;
        let pixel = |x, y| source.measured(x, y);
        let shape = Shape::measure(&pixel, place, sigma_px, 8.0 * self.fwhm_px);
        let psf_shape = psf_shape(self.psf, place, self.fwhm_px);
        let flag_radius = self.config.flag_radius_fwhm * self.fwhm_px;
        let at = [place.1.round().max(0.0) as usize, place.0.round().max(0.0) as usize];
        Measured {
            footprint: None,
            n_children: 0,
            deblended_as_point: false,
            centroid,
            psf_flux,
            apertures: apertures(source, place),
            tophat: compensated_tophat(source, place),
            kron: KronFlux::measure(source, place, &shape, &psf_shape),
            regaussianized: Regaussianized::measure(source, self.psf, &shape, &psf_shape),
            extendedness: extendedness(&shape, &psf_shape),
            size_extendedness: size_extendedness(&shape, &psf_shape),
            blendedness: blendedness(source, &shape),
            local_background: local_background(source, place, sigma_px),
            variance: self.image.variance.get(at).map_or(f64::NAN, |v| f64::from(*v)),
            pixel_flags: PixelFlags::read(&self.image.mask, place.0, place.1, flag_radius),
            shape,
            psf_shape,
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
        if self.image.mask[pixel] & UNUSABLE != 0 || !value.is_finite() || variance <= 0.0 {
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
