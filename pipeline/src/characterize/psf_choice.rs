//! The PSF of an exposure: from its stars where there are enough, else the best that is known.

use super::{CharacterizeConfig, FWHM_PER_SIGMA};
use crate::detection::{Detections, Footprint};
use crate::image::MaskedImage;
use crate::measurement::psf_flux::UNUSABLE;
use crate::measurement::{PixelFlags, Shape};
use crate::psf::fit::PsfFitter;
use crate::psf::select::{Candidate, SelectConfig, select_stars};
use crate::psf::{PsfModel, RadialLaw, StarProfile};
use rayon::prelude::*;

/// Stars below which the width that the header gives decides what is a star.
const FEW_STARS: usize = 6;
/// Exponent of the Moffat profile where the stars do not tell.
pub(super) const DEFAULT_BETA: f64 = 3.0;
/// Stars closer than this to the border or to a neighbour, in full widths, do not make the PSF.
const CLEARANCE_FWHM: f64 = 2.0;

/// Where a PSF comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PsfOrigin {
    /// Fitted to stars of the image.
    Stars,
    /// Read from a file that came with the image.
    File,
    /// A Moffat profile of the width in the header.
    HeaderWidth,
    /// A Moffat profile of the smallest width among the sources.
    SourceWidth,
    /// A Moffat profile of the configured width.
    ConfiguredWidth,
}

/// The PSF of an exposure.
#[derive(Debug, Clone)]
pub struct ExposurePsf {
    /// The model.
    pub model: PsfModel,
    /// Where it comes from.
    pub origin: PsfOrigin,
    /// Full width at half maximum at the centre of the image, pixels.
    pub fwhm_px: f64,
    /// Peaks that were taken for stars.
    pub candidates: Vec<(f64, f64)>,
    /// Peaks of the stars that were used to the end.
    pub stars: Vec<(f64, f64)>,
    /// Peaks of the stars that were kept out, to test the model on.
    pub reserved: Vec<(f64, f64)>,
}

/// Median width σ of the stars among the detections; `None` where there are too few.
pub(super) fn star_width_px(
    image: &MaskedImage,
    detections: &Detections,
    fwhm_hint_px: Option<f64>,
    config: &SelectConfig,
) -> Option<f64> {
    let candidates = candidates(image, detections);
    let stars = stars(&candidates, fwhm_hint_px, config);
    let mut widths: Vec<f64> = stars.iter().map(|&i| candidates[i].width_px).collect();
    (widths.len() >= 3).then(|| crate::statistics::median(&mut widths))
}

/// Make the PSF from the final detections; `given` is the model that came with the image.
pub(super) fn choose(
    image: &MaskedImage,
    detections: &Detections,
    fwhm_hint_px: Option<f64>,
    given: Option<&PsfModel>,
    config: &CharacterizeConfig,
) -> ExposurePsf {
    let all = candidates(image, detections);
    let chosen = stars(&all, fwhm_hint_px, &config.select);
    let candidates: Vec<(f64, f64)> = chosen.iter().map(|&i| (all[i].x, all[i].y)).collect();
    let (reserved, positions) = reserve(&candidates, &config.select);
    let peaks: Vec<(f64, f64)> = detections.peaks().map(|p| (p.x as f64, p.y as f64)).collect();
    let fwhm_px = FWHM_PER_SIGMA * detections.filter_sigma_px;
    let (ny, nx) = image.image.dim();
    let centre = (nx as f64 / 2.0, ny as f64 / 2.0);
    let of_file = given.map(|model| ExposurePsf {
        fwhm_px: model.fwhm_px(centre.0, centre.1),
        model: model.clone(),
        origin: PsfOrigin::File,
        candidates: candidates.clone(),
        stars: Vec::new(),
        reserved: candidates.clone(),
    });
    if config.prefer_psf_file
        && let Some(psf) = of_file
    {
        return psf;
    }
    if let Some(fitted) = PsfFitter::new(&config.psf_fit, image, &peaks, fwhm_px).fit(&positions) {
        return ExposurePsf {
            fwhm_px: fitted.model.fwhm_px(centre.0, centre.1),
            model: fitted.model,
            origin: PsfOrigin::Stars,
            stars: fitted.used.iter().map(|&i| positions[i]).collect(),
            candidates,
            reserved,
        };
    }
    if let Some(psf) = of_file {
        return psf;
    }
    let smallest = all
        .iter()
        .filter(|c| c.snr >= config.select.floor_snr && c.width_px.is_finite())
        .map(|c| FWHM_PER_SIGMA * c.width_px)
        .min_by(f64::total_cmp);
    let (origin, fwhm_px) = match (fwhm_hint_px, smallest) {
        (Some(width), _) => (PsfOrigin::HeaderWidth, width),
        (None, Some(width)) => (PsfOrigin::SourceWidth, width),
        (None, None) => (PsfOrigin::ConfiguredWidth, config.default_fwhm_px),
    };
    let law = RadialLaw::Moffat { beta: DEFAULT_BETA };
    let model = PsfModel::Analytic(StarProfile::circular(law, fwhm_px));
    ExposurePsf { model, origin, fwhm_px, candidates, stars: Vec::new(), reserved: Vec::new() }
}

/// Where a star is, pixels.
type Place = (f64, f64);

/// Every so many-th star, from bright to faint, is kept out of the model; none where stars are few.
fn reserve(candidates: &[Place], config: &SelectConfig) -> (Vec<Place>, Vec<Place>) {
    if candidates.len() < config.enough_to_reserve || config.reserve_every < 2 {
        return (Vec::new(), candidates.to_vec());
    }
    // The brightest stays in: it holds most of the light.
    let is_reserved = |k: usize| k % config.reserve_every == config.reserve_every - 1;
    let part = |reserved: bool| {
        let of_part = |k: &usize| is_reserved(*k) == reserved;
        (0..candidates.len()).filter(of_part).map(|k| candidates[k]).collect()
    };
    (part(true), part(false))
}

fn stars(candidates: &[Candidate], fwhm_hint_px: Option<f64>, config: &SelectConfig) -> Vec<usize> {
    let free = select_stars(candidates, None, config);
    match fwhm_hint_px {
        Some(width) if free.len() < FEW_STARS => {
            select_stars(candidates, Some(width / FWHM_PER_SIGMA), config)
        }
        _ => free,
    }
}

/// Unblended, unmasked detections away from the border, with their widths.
fn candidates(image: &MaskedImage, detections: &Detections) -> Vec<Candidate> {
    let sigma_px = detections.filter_sigma_px;
    let clearance = CLEARANCE_FWHM * FWHM_PER_SIGMA * sigma_px;
    let (ny, nx) = image.image.dim();
    let peaks: Vec<(f64, f64, f64)> =
        detections.peaks().map(|p| (p.x as f64, p.y as f64, f64::from(p.value))).collect();
    let alone = |x: f64, y: f64, value: f64| {
        !peaks.iter().any(|&(u, v, other)| {
            let apart = (u - x).hypot(v - y);
            apart > 0.0 && (apart < clearance && other > 0.02 * value)
        })
    };
    let inside = |v: f64, n: usize| v >= clearance && v < n as f64 - clearance;
    let usable: Vec<(&Footprint, usize)> = detections
        .footprints
        .iter()
        .flat_map(|f| (0..f.peaks.len()).map(move |k| (f, k)))
        .collect();
    usable
        .into_par_iter()
        .filter_map(|(footprint, k)| {
            let peak = footprint.peaks[k];
            let (x, y) = (peak.x as f64, peak.y as f64);
            let clean = inside(x, nx)
                && inside(y, ny)
                && peak.signal_to_noise > 10.0
                && alone(x, y, f64::from(peak.value))
                && is_clean(&PixelFlags::read(&image.mask, x, y, 0.5 * clearance));
            if !clean {
                return None;
            }
            let pixel = |px: i64, py: i64| pixel(image, px, py);
            let shape = Shape::measure(&pixel, (x, y), sigma_px, 2.0 * clearance);
            Some(Candidate {
                x,
                y,
                snr: f64::from(peak.signal_to_noise),
                width_px: if shape.flag { f64::NAN } else { shape.determinant_radius_px() },
            })
        })
        .collect()
}

fn is_clean(flags: &PixelFlags) -> bool {
    !(flags.saturated()
        || flags.bad()
        || flags.cr()
        || flags.interpolated()
        || flags.suspect()
        || flags.nodata())
}

fn pixel(image: &MaskedImage, x: i64, y: i64) -> Option<(f64, f64)> {
    let (ny, nx) = image.image.dim();
    if x < 0 || y < 0 || x >= nx as i64 || y >= ny as i64 {
        return None;
    }
    let at = [y as usize, x as usize];
    let (value, variance) = (image.image[at], image.variance[at]);
    (image.mask[at] & UNUSABLE == 0 && value.is_finite())
        .then_some((f64::from(value), f64::from(variance)))
}
