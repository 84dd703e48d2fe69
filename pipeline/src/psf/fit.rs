//! A PSF from the stars of one exposure: a Moffat profile that varies over the image, plus what it leaves
//! over, on a pixel basis.
//!
//! 1. Stack the stars at their centres and fit an elliptical Moffat profile. It carries the wings and the
//!    interpolation between pixels.
//! 2. Fit each star's flux and position under the model so far, and polynomials of the position to how
//!    its width and shear differ from the profile's (`variation`).
//! 3. Shift what is left of each star to the grid, in units of its flux, and fit a polynomial of the
//!    position to each grid pixel. The degree follows the number of stars; a value that its error explains
//!    is shrunk towards zero.
//! 4. Repeat step 3. Stars that the model does not describe are left out of each step.
//!
//! The flux of the model is one out to infinity: the wings beyond the grid are the Moffat profile's.
//! References: Bertin 2011 (2011ASPC..442..435B), Jarvis et al. 2021 (2021MNRAS.501.1282J).

use super::basis::{BasisPsf, polynomial_terms, raised, term_count};
use super::profile::StarProfile;
use super::resample::{Kernel, resample};
use super::star_fit::{StarFit, fit_star};
use super::variation::{self, StarChange, Variation};
use super::{PsfModel, moffat_fit};
use crate::image::{MaskedImage, mask_plane};
use crate::linear_algebra::Cholesky;
use crate::statistics::{median, robust_sigma};
use ndarray::{Array1, Array2, Array3, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Pixels that say nothing about the PSF.
const UNUSABLE: u32 = mask_plane::BAD
    | mask_plane::SAT
    | mask_plane::INTRP
    | mask_plane::CR
    | mask_plane::SUSPECT
    | mask_plane::NO_DATA;
/// Spacing of the model's grid, pixels: at twice the pixels' density interpolation is exact.
const STEP_PX: f64 = 0.5;
/// The interpolation that brings residuals to the grid.
const RESIDUAL_REACH_PX: usize = 3;
const RESIDUAL_KERNEL: Kernel = Kernel::Lanczos(RESIDUAL_REACH_PX);

/// Rounds in which the variation of the profile is fitted.
const VARIATION_ROUNDS: usize = 2;
/// Stars, the first ones, that the analytic part is fitted to.
const PROFILE_STARS: usize = 50;
/// Largest radius of a model, pixels.
const MAX_RADIUS_PX: f64 = 30.0;

/// How a PSF is fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PsfFitConfig {
    /// Stars below which no model is made.
    pub min_stars: usize,
    /// Stars from which on what the profile leaves over varies linearly over the image.
    pub stars_for_linear: usize,
    /// Stars from which on it varies quadratically.
    pub stars_for_quadratic: usize,
    /// Rounds of fitting stars and what the profile leaves over in turn.
    pub rounds: usize,
    /// Limit of the signal to noise with which a star counts.
    pub max_snr: f64,
}

impl Default for PsfFitConfig {
    fn default() -> Self {
        Self {
            min_stars: 3,
            stars_for_linear: 20,
            stars_for_quadratic: 80,
            rounds: 3,
            max_snr: 200.0,
        }
    }
}

/// A PSF and the stars it rests on.
#[derive(Debug, Clone)]
pub struct FittedPsf {
    /// The model.
    pub model: PsfModel,
    /// Its analytic part.
    pub profile: StarProfile,
    /// Indices of the input stars that were used to the end.
    pub used: Vec<usize>,
}

/// Fits PSF models to one image.
pub struct PsfFitter<'a> {
    config: &'a PsfFitConfig,
    image: &'a MaskedImage,
    /// All detected centres, so that a star's neighbours can be left out of its stamp.
    sources: &'a [(f64, f64)],
    fwhm_px: f64,
}

impl<'a> PsfFitter<'a> {
    /// Prepare for a sky-subtracted image with the detected `sources` and a first guess of the width.
    pub fn new(
        config: &'a PsfFitConfig,
        image: &'a MaskedImage,
        sources: &'a [(f64, f64)],
        fwhm_px: f64,
    ) -> Self {
        Self { config, image, sources, fwhm_px }
    }

    /// Fit the PSF to `stars`, brightest first; `None` when fewer than the least number are left.
    pub fn fit(&self, stars: &[(f64, f64)]) -> Option<FittedPsf> {
        if stars.len() < self.config.min_stars {
            return None;
        }
        let profile = self.fit_profile(stars)?;
        let radius = (3.5 * profile.fwhm_px).ceil().clamp(8.0, MAX_RADIUS_PX) as usize;
        let mut built = Built::new(profile, radius);
        let mut model = self.assemble(&built)?;
        let mut used = Vec::new();
        for round in 0..VARIATION_ROUNDS + self.config.rounds {
            let fits: Vec<Option<StarFit>> =
                stars.par_iter().map(|&star| self.fit_one(&model, star, profile.fwhm_px)).collect();
            used = self.good_stars(&fits);
            let fitted: Vec<StarFit> = used.iter().filter_map(|&k| fits[k]).collect();
            if used.len() < self.config.min_stars {
                return None;
            }
            if round < VARIATION_ROUNDS {
                built.variation = self.fit_variation(&built, &model, &fitted);
            } else {
                let degree = self.degree(used.len());
                built.add(self.fit_residuals(&model, &fitted, degree, radius), degree);
            }
            model = self.assemble(&built)?;
        }
        Some(FittedPsf { model, profile, used })
    }

    fn degree(&self, stars: usize) -> usize {
        usize::from(stars >= self.config.stars_for_linear)
            + usize::from(stars >= self.config.stars_for_quadratic)
    }

    /// Step 1: the Moffat profile of the stacked stars.
    fn fit_profile(&self, stars: &[(f64, f64)]) -> Option<StarProfile> {
        let mut profile =
            StarProfile::circular(super::RadialLaw::Moffat { beta: 3.0 }, self.fwhm_px);
        for _ in 0..2 {
            let model = PsfModel::Analytic(profile);
            let radius = (3.5 * profile.fwhm_px).ceil().clamp(8.0, MAX_RADIUS_PX) as usize;
            let n = 2 * radius + 1;
            let (mut sum, mut weight) = (Array2::zeros((n, n)), Array2::zeros((n, n)));
            for &star in stars.iter().take(PROFILE_STARS) {
                let Some(fit) = self.fit_one(&model, star, profile.fwhm_px) else { continue };
                let (values, good) = self.shifted(&fit, radius, |_, _| 0.0);
                let w = (fit.flux / fit.flux_err).min(self.config.max_snr).powi(2);
                sum.scaled_add(w / fit.flux, &(&values * &good));
                weight.scaled_add(w, &good);
            }
            let full = weight.iter().copied().fold(0.0, f64::max);
            if full == 0.0 {
                return None;
            }
            let stack =
                ndarray::Zip::from(&sum).and(&weight).map_collect(|s, w| s / f64::max(*w, 1e-30));
            let relative = weight.mapv(|w| w / full);
            profile = moffat_fit::fit(stack.view(), relative.view(), profile.fwhm_px)?;
        }
        Some(profile)
    }

    /// Step 2: how the stars differ from the profile, over the image.
    fn fit_variation(&self, built: &Built, model: &PsfModel, fits: &[StarFit]) -> Variation {
        let radius = core_radius(built.profile.fwhm_px);
        let changes: Vec<StarChange> = fits
            .par_iter()
            .filter_map(|star| {
                let surroundings = self.surroundings((star.x, star.y));
                let pixel = |x, y| surroundings.pixel(x, y);
                let (rest, error) =
                    variation::change_of(model, &built.profile, &pixel, star, radius)?;
                let at = self.place(star.x, star.y);
                let so_far = built.variation.at(at);
                Some(StarChange { at, change: [0, 1, 2].map(|k| so_far[k] + rest[k]), error })
            })
            .collect();
        Variation::through(&changes)
    }

    fn fit_one(&self, model: &PsfModel, star: (f64, f64), fwhm_px: f64) -> Option<StarFit> {
        let radius = core_radius(fwhm_px);
        let surroundings = self.surroundings(star);
        let pixel = |x, y| surroundings.pixel(x, y);
        fit_star(model, &pixel, star, radius, 0.75 * fwhm_px)
    }

    fn surroundings(&self, star: (f64, f64)) -> Surroundings<'a> {
        let reach = MAX_RADIUS_PX + 2.0 * self.fwhm_px;
        let near = |s: &&(f64, f64)| {
            let apart = (s.0 - star.0).hypot(s.1 - star.1);
            apart > 1.5 && apart < 1.5 * reach
        };
        Surroundings {
            image: self.image,
            star,
            neighbours: self.sources.iter().filter(near).copied().collect(),
            neighbour_radius_px: 2.0 * self.fwhm_px,
        }
    }

    /// A star's pixels minus `model`, brought to the grid around its centre, and where they are known.
    fn shifted(
        &self,
        fit: &StarFit,
        radius: usize,
        model: impl Fn(i64, i64) -> f64,
    ) -> (Array2<f64>, Array2<f64>) {
        let margin = RESIDUAL_REACH_PX;
        let half = (radius + margin) as i64;
        let (x0, y0) = (fit.x.round() as i64 - half, fit.y.round() as i64 - half);
        let n = 2 * half as usize + 1;
        let surroundings = self.surroundings((fit.x, fit.y));
        let mut values = Array2::zeros((n, n));
        let mut good = Array2::zeros((n, n));
        for ((j, i), value) in values.indexed_iter_mut() {
            let (x, y) = (x0 + i as i64, y0 + j as i64);
            if let Some((data, _)) = surroundings.pixel(x, y) {
                *value = data - model(x, y);
                good[[j, i]] = 1.0;
            }
        }
        let start = (fit.y - y0 as f64 - radius as f64, fit.x - x0 as f64 - radius as f64);
        let size = (2 * radius + 1, 2 * radius + 1);
        let shifted = resample(values.view(), start, 1.0, size, RESIDUAL_KERNEL);
        let known = Array2::from_shape_fn(size, |(j, i)| {
            good[[(start.0.round() as usize) + j, (start.1.round() as usize) + i]]
        });
        (shifted, known)
    }

    /// Indices of fits that the model describes as well as it describes most.
    fn good_stars(&self, fits: &[Option<StarFit>]) -> Vec<usize> {
        // Model errors grow with the flux: judge the misfit per unit of relative noise.
        let misfit = |f: &StarFit| {
            let snr = f.flux / f.flux_err;
            (f.reduced_chi2.max(1.0) - 1.0).sqrt() / snr
        };
        let kept: Vec<usize> = (0..fits.len()).filter(|&k| fits[k].is_some()).collect();
        let mut values: Vec<f64> =
            kept.iter().filter_map(|&k| fits[k].as_ref().map(misfit)).collect();
        if values.len() < 6 {
            return kept;
        }
        let centre = median(&mut values);
        let limit = centre + 4.0 * robust_sigma(&mut values).max(2e-3);
        kept.into_iter().filter(|&k| fits[k].as_ref().is_some_and(|f| misfit(f) <= limit)).collect()
    }

    /// Step 3: one polynomial per grid pixel through the stars' residuals.
    fn fit_residuals(
        &self,
        model: &PsfModel,
        fits: &[StarFit],
        degree: usize,
        radius: usize,
    ) -> Array3<f64> {
        let of_place = |(u, v)| polynomial_terms(degree, u, v);
        let terms: Vec<Vec<f64>> = fits.iter().map(|f| of_place(self.place(f.x, f.y))).collect();
        let residuals: Vec<(Array2<f64>, Array2<f64>, f64)> = fits
            .par_iter()
            .map(|f| {
                let stamp = model.stamp(f.x, f.y, radius + RESIDUAL_REACH_PX);
                let drawn = |x: i64, y: i64| {
                    let at = [(y - stamp.y0) as usize, (x - stamp.x0) as usize];
                    f.flux * stamp.values.get(at).copied().unwrap_or(0.0)
                };
                let (values, known) = self.shifted(f, radius, drawn);
                let weight = (f.flux / f.flux_err).min(self.config.max_snr).powi(2);
                (values / f.flux, known, weight)
            })
            .collect();
        let n = 2 * radius + 1;
        let count = terms.first().map_or(1, Vec::len);
        let columns: Vec<Vec<f64>> = (0..n * n)
            .into_par_iter()
            .map(|pixel| fit_pixel(&residuals, &terms, (pixel / n, pixel % n), count))
            .collect();
        let mut images = Array3::from_shape_fn((count, n, n), |(k, j, i)| columns[j * n + i][k]);
        for mut image in images.axis_iter_mut(Axis(0)) {
            taper(&mut image, radius);
        }
        images
    }

    /// Origin and scale of the polynomials' coordinates.
    fn frame(&self) -> ((f64, f64), (f64, f64)) {
        let (ny, nx) = self.image.image.dim();
        let half = |n: usize| (n as f64 / 2.0).max(1.0);
        ((half(nx) - 0.5, half(ny) - 0.5), (half(nx), half(ny)))
    }

    /// A place in the polynomials' coordinates.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let (centre, scale) = self.frame();
        ((x - centre.0) / scale.0, (y - centre.1) / scale.1)
    }

    /// The model of what was built so far.
    fn assemble(&self, built: &Built) -> Option<PsfModel> {
        let degree = built.degree.max(built.variation.degree());
        let of_profile = built.variation.images(&built.profile, built.half(), STEP_PX);
        let mut images = raised(&of_profile, built.variation.degree(), degree);
        let base = images.index_axis(Axis(0), 0).to_owned();
        let full = base.sum();
        // Unit flux with the wings: what the pixels add must not change the sum.
        for (mut image, added) in
            images.outer_iter_mut().zip(raised(&built.added, built.degree, degree).outer_iter())
        {
            image += &added;
            image.scaled_add(-added.sum() / full, &base);
        }
        let (centre, scale) = self.frame();
        BasisPsf::new(images, degree, STEP_PX, centre, scale).map(PsfModel::Basis)
    }
}

/// The parts of a model under way.
struct Built {
    profile: StarProfile,
    variation: Variation,
    /// Radius of the grid, image pixels.
    radius: usize,
    /// What the profile leaves over, on the fine grid, with the terms of `degree`.
    added: Array3<f64>,
    degree: usize,
}

impl Built {
    fn new(profile: StarProfile, radius: usize) -> Self {
        let mut built = Self {
            profile,
            variation: Variation::none(),
            radius,
            added: Array3::zeros((1, 0, 0)),
            degree: 0,
        };
        let n = 2 * built.half() + 1;
        built.added = Array3::zeros((1, n, n));
        built
    }

    /// Points of the fine grid on either side of its centre.
    fn half(&self) -> usize {
        (self.radius as f64 / STEP_PX) as usize
    }

    /// Add residual images of a degree, given on whole pixels.
    fn add(&mut self, residuals: Array3<f64>, degree: usize) {
        let n = 2 * self.half() + 1;
        let both = degree.max(self.degree);
        let mut fine = Array3::zeros((term_count(degree), n, n));
        for (mut fine, whole) in fine.outer_iter_mut().zip(residuals.outer_iter()) {
            fine.assign(&resample(whole, (0.0, 0.0), STEP_PX, (n, n), RESIDUAL_KERNEL));
        }
        self.added = raised(&self.added, self.degree, both) + raised(&fine, degree, both);
        self.degree = both;
    }
}

/// Radius of the pixels that a star is fitted to.
fn core_radius(fwhm_px: f64) -> usize {
    (1.5 * fwhm_px).ceil().max(4.0) as usize
}

/// The usable pixels around a star.
struct Surroundings<'a> {
    image: &'a MaskedImage,
    star: (f64, f64),
    neighbours: Vec<(f64, f64)>,
    neighbour_radius_px: f64,
}

impl Surroundings<'_> {
    /// A pixel's value and variance: inside, unmasked, and nearer to the star than to a neighbour.
    fn pixel(&self, x: i64, y: i64) -> Option<(f64, f64)> {
        let (ny, nx) = self.image.image.dim();
        if x < 0 || y < 0 || x >= nx as i64 || y >= ny as i64 {
            return None;
        }
        let at = [y as usize, x as usize];
        if self.image.mask[at] & UNUSABLE != 0 || self.near_neighbour(x as f64, y as f64) {
            return None;
        }
        let (value, variance) = (self.image.image[at], self.image.variance[at]);
        (value.is_finite() && variance > 0.0).then_some((f64::from(value), f64::from(variance)))
    }

    fn near_neighbour(&self, x: f64, y: f64) -> bool {
        let own = (x - self.star.0).hypot(y - self.star.1);
        self.neighbours.iter().any(|s| {
            let distance = (x - s.0).hypot(y - s.1);
            distance < own && distance < self.neighbour_radius_px
        })
    }
}

/// Weighted polynomial through one grid pixel of all stars, shrunk by its significance.
fn fit_pixel(
    residuals: &[(Array2<f64>, Array2<f64>, f64)],
    terms: &[Vec<f64>],
    (j, i): (usize, usize),
    count: usize,
) -> Vec<f64> {
    let mut normal = Array2::<f64>::zeros((count, count));
    let mut right = Array1::<f64>::zeros(count);
    let (mut n, mut weights) = (0.0, 0.0);
    for ((values, known, weight), t) in residuals.iter().zip(terms) {
        let w = weight * known[[j, i]];
        if w == 0.0 {
            continue;
        }
        (n, weights) = (n + 1.0, weights + w);
        for a in 0..count {
            right[a] += w * t[a] * values[[j, i]];
            for b in 0..count {
                normal[[a, b]] += w * t[a] * t[b];
            }
        }
    }
    let zero = vec![0.0; count];
    if n < count as f64 + 1.0 {
        return zero;
    }
    for k in 0..count {
        normal[[k, k]] += 1e-6 * weights;
    }
    let Some(factor) = Cholesky::new(&normal) else { return zero };
    let p = factor.solve(&right);
    let chi2: f64 = residuals
        .iter()
        .zip(terms)
        .map(|((values, known, weight), t)| {
            let model: f64 = t.iter().zip(&p).map(|(t, p)| t * p).sum();
            weight * known[[j, i]] * (values[[j, i]] - model).powi(2)
        })
        .sum();
    let unit_variance = chi2 / (n - count as f64);
    let inverse = factor.inverse();
    (0..count)
        .map(|k| {
            let variance = unit_variance * inverse[[k, k]];
            p[k] * (1.0 - variance / (p[k] * p[k]).max(1e-300)).max(0.0)
        })
        .collect()
}

/// Let an image fall to zero towards the edge of its inscribed circle.
fn taper(image: &mut ndarray::ArrayViewMut2<f64>, radius: usize) {
    let r = radius as f64;
    for ((j, i), value) in image.indexed_iter_mut() {
        let distance = (j as f64 - r).hypot(i as f64 - r) / r;
        let t = ((distance - 0.7) / 0.3).clamp(0.0, 1.0);
        *value *= 1.0 - t * t * (3.0 - 2.0 * t);
    }
}
