//! Aperture correction: from the fluxes of an algorithm to total fluxes.
//!
//! The light of bright stars within 12 pixels, divided by the fraction that the PSF has there, is their
//! total flux; its mean ratio to the PSF flux corrects what the PSF's core has wrong, and that to other
//! fluxes what they miss of a star. One number per exposure and algorithm, applied to all sources.

use super::ExposurePsf;
use crate::image::MaskedImage;
use crate::measurement::Measured;
use crate::measurement::aperture_flux::{aperture_flux, circle_pixel_overlap};
use crate::statistics::{median, robust_sigma};

/// Radius of the aperture, pixels.
const RADIUS_PX: f64 = 12.0;
/// Stars below this signal to noise are not used.
const MIN_SNR: f64 = 50.0;
/// Stars that make a correction.
const MIN_STARS: usize = 3;
/// Relative error of an aperture flux that no photon noise accounts for: sky and faint neighbours.
const FLOOR: f64 = 0.003;

/// Factor that turns PSF fluxes into total fluxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApertureCorrection {
    /// The factor; 1 without enough stars.
    pub factor: f64,
    /// Its standard error; 0 without enough stars.
    pub error: f64,
    /// Stars that it rests on.
    pub n_stars: usize,
}

impl ApertureCorrection {
    /// No correction.
    pub const NONE: Self = Self { factor: 1.0, error: 0.0, n_stars: 0 };

    /// Measure the correction of the fluxes that `flux_of` takes, from the stars of the PSF.
    pub(super) fn measure(
        image: &MaskedImage,
        psf: &ExposurePsf,
        sources: &[Measured],
        flux_of: impl Fn(&Measured) -> f64,
    ) -> Self {
        let radius = RADIUS_PX.min(psf.model.radius_px() as f64);
        let mut ratios: Vec<(f64, f64)> = sources
            .iter()
            .filter(|s| is_psf_star(psf, s) && s.psf_flux.flux > MIN_SNR * s.psf_flux.flux_err)
            .filter(|s| !has_neighbour(sources, s, 1.5 * radius))
            .filter_map(|s| {
                let (x, y) = (s.centroid.x, s.centroid.y);
                let inside = aperture_flux(image, x, y, radius);
                let total = inside.flux / fraction_inside(psf, x, y, radius);
                let error = (inside.flux_err / inside.flux).hypot(FLOOR);
                let ratio = total / flux_of(s);
                (!inside.flag() && total > 0.0 && ratio.is_finite()).then_some((ratio, error))
            })
            .collect();
        clip(&mut ratios);
        if ratios.len() < MIN_STARS {
            return Self::NONE;
        }
        let weights: f64 = ratios.iter().map(|r| r.1.powi(-2)).sum();
        let factor = ratios.iter().map(|r| r.0 * r.1.powi(-2)).sum::<f64>() / weights;
        Self { factor, error: weights.powf(-0.5), n_stars: ratios.len() }
    }
}

/// The corrections of all fluxes that are given as total fluxes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ApertureCorrections {
    /// Of PSF fluxes.
    pub psf: ApertureCorrection,
    /// Of Gaussian fluxes.
    pub gaussian: ApertureCorrection,
    /// Of Kron fluxes.
    pub kron: ApertureCorrection,
    /// Of compensated tophat fluxes.
    pub tophat: ApertureCorrection,
}

impl ApertureCorrections {
    /// Measure all corrections from the stars of the PSF.
    pub(super) fn measure(image: &MaskedImage, psf: &ExposurePsf, sources: &[Measured]) -> Self {
        let of = |flux_of: fn(&Measured) -> f64| {
            ApertureCorrection::measure(image, psf, sources, flux_of)
        };
        Self {
            psf: of(|s| s.psf_flux.flux),
            gaussian: of(|s| s.shape.gaussian_flux),
            kron: of(|s| s.kron.flux),
            tophat: of(|s| s.tophat.flux),
        }
    }
}

fn is_psf_star(psf: &ExposurePsf, source: &Measured) -> bool {
    let (x, y) = (source.centroid.x, source.centroid.y);
    !source.psf_flux.flag() && psf.stars.iter().any(|s| (s.0 - x).hypot(s.1 - y) < 1.5)
}

fn has_neighbour(sources: &[Measured], star: &Measured, within_px: f64) -> bool {
    sources.iter().any(|other| {
        let apart = (other.centroid.x - star.centroid.x).hypot(other.centroid.y - star.centroid.y);
        apart > 0.0 && apart < within_px && other.psf_flux.flux > 0.003 * star.psf_flux.flux
    })
}

/// Fraction of the PSF's light within `radius` of its centre.
pub(super) fn fraction_inside(psf: &ExposurePsf, x: f64, y: f64, radius: f64) -> f64 {
    let stamp = psf.model.stamp(x, y, radius.ceil() as usize + 1);
    stamp
        .values
        .indexed_iter()
        .map(|((j, i), value)| {
            let (px, py) = ((stamp.x0 + i as i64) as f64, (stamp.y0 + j as i64) as f64);
            value * circle_pixel_overlap(px - x, py - y, radius)
        })
        .sum()
}

fn clip(ratios: &mut Vec<(f64, f64)>) {
    if ratios.len() < 5 {
        return;
    }
    let mut values: Vec<f64> = ratios.iter().map(|r| r.0).collect();
    let centre = median(&mut values);
    let spread = robust_sigma(&mut values).max(0.002);
    ratios.retain(|r| (r.0 - centre).abs() < 4.0 * spread.max(r.1));
}
