//! PSF flux: the linear least-squares amplitude of the PSF at fixed positions, neighbours together.
//!
//! Sources closer than `link_fwhm` form a group and are fitted simultaneously: with the stamps `P_i`,
//! usable pixels `m` and data `d`, `Σ_j (Σ m P_i P_j) f_j = Σ m P_i d`. The fainter influence of other
//! groups is subtracted from the data, and the whole is repeated `rounds` times. For a single source this is
//! the flux `Σ P d / Σ P²`. Pixels have equal weights, so that the flux does not depend on how well the
//! variance knows the source's own light; the covariance `A⁻¹ (Σ m P_i P_j V) A⁻¹` does contain it.

use crate::image::{MaskedImage, mask_plane};
use crate::linear_algebra::Cholesky;
use crate::psf::star_fit::PixelAt;
use crate::psf::{PsfModel, Stamp};
use ndarray::{Array1, Array2};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Pixels that hold no measured light.
pub const UNUSABLE: u32 =
    mask_plane::BAD | mask_plane::SAT | mask_plane::CR | mask_plane::INTRP | mask_plane::NO_DATA;
/// Share of the PSF's squared weight below which the flux is not trusted.
const MIN_WEIGHT: f64 = 0.5;

/// How PSF fluxes are fitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PsfFluxConfig {
    /// Radius of the pixels that take part, in units of the PSF's full width at half maximum.
    pub radius_fwhm: f64,
    /// Distance within which two sources are fitted together, in the same units.
    pub link_fwhm: f64,
    /// Largest group; where more are linked the distance is shortened.
    pub max_group: usize,
    /// Rounds of fitting groups and subtracting them from each other.
    pub rounds: usize,
}

impl Default for PsfFluxConfig {
    fn default() -> Self {
        Self { radius_fwhm: 2.5, link_fwhm: 2.0, max_group: 100, rounds: 3 }
    }
}

/// A PSF flux.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsfFlux {
    /// Flux of the source out to infinity, in the image's unit; NaN where it cannot be fitted.
    pub flux: f64,
    /// Standard error of `flux`.
    pub flux_err: f64,
    /// Effective area `1 / Σ P²`, pixels.
    pub area_px: f64,
    /// Pixels of the stamp lie outside the image.
    pub flag_edge: bool,
    /// Too little of the PSF falls on usable pixels.
    pub flag_no_good_pixels: bool,
}

impl PsfFlux {
    /// Any failure.
    pub fn flag(&self) -> bool {
        self.flag_no_good_pixels || !self.flux.is_finite()
    }
}

/// Point sources at fixed positions, as fitted to an image.
#[derive(Debug, Clone)]
pub struct PointSources {
    /// One flux per position.
    pub fluxes: Vec<PsfFlux>,
    /// The light of all of them.
    pub model: Array2<f32>,
}

/// Fit the fluxes of point sources at `positions` in the sky-subtracted `image`.
///
/// With approximate fluxes to `start` from, one round does.
pub fn fit_fluxes(
    image: &MaskedImage,
    psf: &PsfModel,
    positions: &[(f64, f64)],
    fwhm_px: f64,
    start: Option<&[f64]>,
    config: &PsfFluxConfig,
) -> PointSources {
    let radius = (config.radius_fwhm * fwhm_px).ceil().max(3.0) as usize;
    let groups = groups(positions, config.link_fwhm * fwhm_px, config.max_group);
    let shape = image.image.dim();
    let (mut amplitudes, mut model, rounds) = match start {
        Some(start) => (start.to_vec(), render(psf, positions, start, shape), 1),
        None => (vec![0.0; positions.len()], Array2::zeros(shape), config.rounds.max(1)),
    };
    let mut fluxes = Vec::new();
    for _ in 0..rounds {
        let solved: Vec<Vec<PsfFlux>> = groups
            .par_iter()
            .map(|members| {
                Group::new(image, psf, positions, members, radius).solve(&model, &amplitudes)
            })
            .collect();
        fluxes = vec![None; positions.len()];
        for (members, results) in groups.iter().zip(solved) {
            for (&k, result) in members.iter().zip(results) {
                amplitudes[k] = if result.flag() { 0.0 } else { result.flux };
                fluxes[k] = Some(result);
            }
        }
        model = render(psf, positions, &amplitudes, shape);
        if groups.len() < 2 {
            break;
        }
    }
    PointSources { fluxes: fluxes.into_iter().flatten().collect(), model }
}

/// Fit the flux of a point source at `(x, y)` that has no neighbours.
pub fn fit_alone(psf: &PsfModel, pixel: &PixelAt, (x, y): (f64, f64), radius: usize) -> PsfFlux {
    let stamp = psf.stamp(x, y, radius);
    let (mut right, mut weight, mut noise, mut full) = (0.0, 0.0, 0.0, 0.0);
    let mut is_cut = false;
    for ((j, i), &value) in stamp.values.indexed_iter() {
        full += value * value;
        match pixel(stamp.x0 + i as i64, stamp.y0 + j as i64) {
            Some((data, variance)) => {
                right += value * data;
                weight += value * value;
                noise += value * value * variance;
            }
            None => is_cut = true,
        }
    }
    let lost = weight <= MIN_WEIGHT * full;
    PsfFlux {
        flux: if lost { f64::NAN } else { right / weight },
        flux_err: if lost { f64::NAN } else { noise.sqrt() / weight },
        area_px: 1.0 / full,
        flag_edge: is_cut,
        flag_no_good_pixels: lost,
    }
}

/// Light of point sources on an empty image.
fn render(
    psf: &PsfModel,
    positions: &[(f64, f64)],
    amplitudes: &[f64],
    shape: (usize, usize),
) -> Array2<f32> {
    let radius = psf.radius_px();
    let stamps: Vec<Stamp> = positions.par_iter().map(|&(x, y)| psf.stamp(x, y, radius)).collect();
    let mut model = Array2::<f32>::zeros(shape);
    for (stamp, amplitude) in stamps.iter().zip(amplitudes) {
        for (y, x, value) in stamp.inside(shape) {
            model[[y, x]] += (amplitude * value) as f32;
        }
    }
    model
}

/// Sets of positions linked by steps of at most `link_px`.
fn groups(positions: &[(f64, f64)], link_px: f64, max_group: usize) -> Vec<Vec<usize>> {
    let cell = |v: f64| (v / link_px).floor() as i64;
    let mut cells = std::collections::HashMap::<(i64, i64), Vec<usize>>::new();
    for (k, &(x, y)) in positions.iter().enumerate() {
        cells.entry((cell(x), cell(y))).or_default().push(k);
    }
    let mut label = vec![usize::MAX; positions.len()];
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for seed in 0..positions.len() {
        if label[seed] != usize::MAX {
            continue;
        }
        let (number, mut members, mut next) = (groups.len(), vec![seed], 0);
        label[seed] = number;
        while next < members.len() {
            let (x, y) = positions[members[next]];
            next += 1;
            for v in cell(y) - 1..=cell(y) + 1 {
                for u in cell(x) - 1..=cell(x) + 1 {
                    for &k in cells.get(&(u, v)).into_iter().flatten() {
                        let apart = (positions[k].0 - x).hypot(positions[k].1 - y);
                        if label[k] == usize::MAX && apart <= link_px {
                            label[k] = number;
                            members.push(k);
                        }
                    }
                }
            }
        }
        groups.push(members);
    }
    groups.into_iter().flat_map(|members| split(positions, members, link_px, max_group)).collect()
}

/// A group, or its parts under a shorter link where it is too large.
fn split(
    positions: &[(f64, f64)],
    members: Vec<usize>,
    link_px: f64,
    max_group: usize,
) -> Vec<Vec<usize>> {
    if members.len() <= max_group || link_px < 0.1 {
        return vec![members];
    }
    let inside: Vec<(f64, f64)> = members.iter().map(|&k| positions[k]).collect();
    groups(&inside, 0.7 * link_px, max_group)
        .into_iter()
        .map(|part| part.into_iter().map(|k| members[k]).collect())
        .collect()
}

/// Sources that are fitted together, with their stamps laid out on one box.
struct Group<'a> {
    image: &'a MaskedImage,
    psf: &'a PsfModel,
    positions: Vec<(f64, f64)>,
    members: &'a [usize],
    stamps: Vec<Stamp>,
}

impl<'a> Group<'a> {
    fn new(
        image: &'a MaskedImage,
        psf: &'a PsfModel,
        positions: &[(f64, f64)],
        members: &'a [usize],
        radius: usize,
    ) -> Self {
        let positions: Vec<(f64, f64)> = members.iter().map(|&k| positions[k]).collect();
        let stamps = positions.iter().map(|&(x, y)| psf.stamp(x, y, radius)).collect();
        Self { image, psf, positions, members, stamps }
    }

    fn usable(&self, at: [usize; 2]) -> bool {
        self.image.mask[at] & UNUSABLE == 0
            && self.image.image[at].is_finite()
            && self.image.variance[at] > 0.0
    }

    /// Solve for the fluxes, given the light `model` of all sources at the present `amplitudes`.
    fn solve(&self, model: &Array2<f32>, amplitudes: &[f64]) -> Vec<PsfFlux> {
        let shape = self.image.image.dim();
        let n = self.stamps.len();
        // The group's own light on the image, to be put back.
        let own = self.own_light(amplitudes);
        let mut weight = vec![0.0; n];
        let mut normal = Array2::<f64>::zeros((n, n));
        let mut noise = Array2::<f64>::zeros((n, n));
        let mut right = Array1::<f64>::zeros(n);
        for (i, stamp) in self.stamps.iter().enumerate() {
            for (y, x, value) in stamp.inside(shape) {
                if !self.usable([y, x]) {
                    continue;
                }
                let own_at = [(y as i64 - own.y0) as usize, (x as i64 - own.x0) as usize];
                let others = f64::from(model[[y, x]]) - own.values[own_at];
                let variance = f64::from(self.image.variance[[y, x]]);
                right[i] += value * (f64::from(self.image.image[[y, x]]) - others);
                weight[i] += value * value;
                for (j, other) in self.stamps.iter().enumerate().take(i + 1) {
                    let at = [y as i64 - other.y0, x as i64 - other.x0];
                    if at[0] < 0 || at[1] < 0 {
                        continue;
                    }
                    if let Some(p) = other.values.get([at[0] as usize, at[1] as usize]) {
                        normal[[i, j]] += value * p;
                        noise[[i, j]] += value * p * variance;
                    }
                }
            }
        }
        self.results(normal, noise, right, &weight, shape)
    }

    /// Light of the members at `amplitudes` on the smallest box around their stamps.
    fn own_light(&self, amplitudes: &[f64]) -> Stamp {
        let side = self.stamps.first().map_or(0, |s| s.values.nrows() as i64);
        let bounds = |first: &dyn Fn(&Stamp) -> i64| {
            let low = self.stamps.iter().map(first).min().unwrap_or(0);
            (low, (self.stamps.iter().map(first).max().unwrap_or(0) + side - low) as usize)
        };
        let ((x0, nx), (y0, ny)) = (bounds(&|s| s.x0), bounds(&|s| s.y0));
        let mut light = Stamp { x0, y0, values: Array2::zeros((ny, nx)) };
        for (&k, &(x, y)) in self.members.iter().zip(&self.positions) {
            if amplitudes[k] == 0.0 {
                continue;
            }
            let mut star = self.psf.stamp(x, y, self.psf.radius_px());
            (star.x0, star.y0) = (star.x0 - x0, star.y0 - y0);
            for (row, column, value) in star.inside((ny, nx)) {
                light.values[[row, column]] += amplitudes[k] * value;
            }
        }
        light
    }

    fn results(
        &self,
        mut normal: Array2<f64>,
        mut noise: Array2<f64>,
        mut right: Array1<f64>,
        weight: &[f64],
        shape: (usize, usize),
    ) -> Vec<PsfFlux> {
        let n = self.stamps.len();
        let full: Vec<f64> =
            self.stamps.iter().map(|s| s.values.iter().map(|v| v * v).sum::<f64>()).collect();
        let lost: Vec<bool> = (0..n).map(|i| weight[i] <= MIN_WEIGHT * full[i]).collect();
        for i in 0..n {
            for j in 0..i {
                normal[[j, i]] = normal[[i, j]];
                noise[[j, i]] = noise[[i, j]];
            }
        }
        for i in (0..n).filter(|&i| lost[i]) {
            // A source without pixels must not spoil its neighbours' equations.
            normal.row_mut(i).fill(0.0);
            normal.column_mut(i).fill(0.0);
            normal[[i, i]] = full[i].max(1e-30);
            right[i] = 0.0;
        }
        let solution = Cholesky::new(&normal).map(|factor| {
            let inverse = factor.inverse();
            (factor.solve(&right), inverse.dot(&noise).dot(&inverse))
        });
        (0..n)
            .map(|i| {
                let inside = self.stamps[i].inside(shape).count();
                let (flux, variance) = match &solution {
                    Some((f, covariance)) if !lost[i] => (f[i], covariance[[i, i]]),
                    _ => (f64::NAN, f64::NAN),
                };
                PsfFlux {
                    flux,
                    flux_err: variance.sqrt(),
                    area_px: 1.0 / full[i],
                    flag_edge: inside < self.stamps[i].values.len(),
                    flag_no_good_pixels: lost[i],
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psf::{RadialLaw, StarProfile};
    use crate::statistics::robust_sigma;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    const FWHM: f64 = 4.0;

    fn psf() -> PsfModel {
        PsfModel::Analytic(StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, FWHM))
    }

    fn blank() -> MaskedImage {
        MaskedImage {
            image: Array2::zeros((120, 120)),
            mask: Array2::zeros((120, 120)),
            variance: Array2::from_elem((120, 120), 1.0),
        }
    }

    fn draw(image: &mut MaskedImage, stars: &[(f64, f64, f64)]) {
        for &(x, y, flux) in stars {
            for (row, column, value) in psf().stamp(x, y, 60).inside((120, 120)) {
                image.image[[row, column]] += (flux * value) as f32;
            }
        }
    }

    fn fit(image: &MaskedImage, positions: &[(f64, f64)]) -> Vec<PsfFlux> {
        fit_fluxes(image, &psf(), positions, FWHM, None, &PsfFluxConfig::default()).fluxes
    }

    #[test]
    fn neighbours_do_not_share_their_light() {
        let stars =
            [(50.2, 50.7, 1000.0), (54.4, 51.1, 200.0), (63.0, 50.0, 5000.0), (20.0, 90.5, 300.0)];
        let mut image = blank();
        draw(&mut image, &stars);
        let positions: Vec<(f64, f64)> = stars.iter().map(|s| (s.0, s.1)).collect();
        for (found, star) in fit(&image, &positions).iter().zip(&stars) {
            assert!((found.flux / star.2 - 1.0).abs() < 2e-3, "{found:?} for {star:?}");
            assert!(!found.flag() && !found.flag_edge);
        }
    }

    #[test]
    fn errors_of_a_blend_are_those_of_the_joint_fit() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(8);
        let stars = [(50.2, 50.7, 300.0), (53.4, 51.1, 200.0)];
        let positions = [(50.2, 50.7), (53.4, 51.1)];
        let mut clean = blank();
        draw(&mut clean, &stars);
        let mut pulls = Vec::new();
        for _ in 0..400 {
            let mut image = clean.clone();
            image.image.mapv_inplace(|v| {
                let noise: f32 = StandardNormal.sample(&mut rng);
                v + noise
            });
            let fluxes = fit(&image, &positions);
            pulls.extend(fluxes.iter().zip(&stars).map(|(f, s)| (f.flux - s.2) / f.flux_err));
        }
        let sigma = robust_sigma(&mut pulls);
        // Eight hundred draws fix a robust spread to 4 per cent.
        assert!((0.88..1.12).contains(&sigma), "pulls scatter by {sigma}");
        let alone = fit(&clean, &positions[..1])[0].flux_err;
        let together = fit(&clean, &positions)[0].flux_err;
        assert!(together > 1.05 * alone, "a neighbour costs precision: {together} {alone}");
    }

    #[test]
    fn masked_and_outlying_sources_are_flagged() {
        let mut image = blank();
        draw(&mut image, &[(50.0, 50.0, 500.0), (2.0, 60.0, 500.0), (80.0, 80.0, 500.0)]);
        for y in 45..56 {
            for x in 45..56 {
                image.mask[[y, x]] |= mask_plane::SAT;
            }
        }
        image.mask[[82, 78]] |= mask_plane::CR;
        image.image[[82, 78]] = 1e6;
        let fluxes = fit(&image, &[(50.0, 50.0), (2.0, 60.0), (80.0, 80.0)]);
        assert!(fluxes[0].flag() && fluxes[0].flag_no_good_pixels && fluxes[0].flux.is_nan());
        assert!(fluxes[1].flag_edge && (fluxes[1].flux / 500.0 - 1.0).abs() < 1e-2);
        assert!((fluxes[2].flux / 500.0 - 1.0).abs() < 2e-3, "{:?}", fluxes[2]);
    }

    #[test]
    fn chains_are_cut_into_groups_of_bounded_size() {
        let row: Vec<(f64, f64)> = (0..50).map(|k| (f64::from(k) * 3.0, 5.0)).collect();
        assert_eq!(groups(&row, 4.0, 100).len(), 1);
        assert!(groups(&row, 4.0, 10).iter().all(|g| g.len() <= 10));
        assert_eq!(groups(&row, 4.0, 10).iter().map(Vec::len).sum::<usize>(), 50);
    }
}
