//! Deblending: the light of a footprint with several peaks, shared among them.
//!
//! 1. Each peak gets a template `T`: the PSF where a PSF describes the light around it, else what is
//!    left of the image beside the point sources, made symmetric about the peak (the smaller of each two
//!    opposite pixels that differ) and falling outwards.
//! 2. Weights that are not negative fit the templates to the image together.
//! 3. A child's share of each pixel is `w T / Σ w T`; it gets that share of the image. Where no template
//!    reaches, the nearest peak gets all. So the children add up to the parent, pixel by pixel.
//!
//! Reference: Lupton, the deblender of the SDSS photometric pipeline; Bosch et al. 2018
//! (2018PASJ...70S...5B), section 4.8.

mod template;
mod weights;

use crate::detection::Footprint;
use crate::image::MaskedImage;
use crate::psf::PsfModel;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

/// How blends are taken apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeblendConfig {
    /// Blends are taken apart at all; else neighbours in a footprint keep each other's light.
    pub enabled: bool,
    /// Misfit, in χ² per pixel, up to which a peak is taken for a point source.
    pub max_point_chi2: f64,
    /// Error of the PSF, relative to its value, that the misfit allows for.
    pub psf_error: f64,
    /// Peaks of a footprint from which on all are taken for point sources.
    pub max_peaks: usize,
}

impl Default for DeblendConfig {
    fn default() -> Self {
        Self { enabled: true, max_point_chi2: 1.5, psf_error: 0.03, max_peaks: 200 }
    }
}

/// A peak with the point source that was fitted to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlendedPeak {
    /// Column of the centre, pixels.
    pub x: f64,
    /// Row of the centre, pixels.
    pub y: f64,
    /// Flux of a point source there, all peaks fitted together; 0 if it could not be fitted.
    pub flux: f64,
}

/// The part of its parent's pixels that a child has.
#[derive(Debug, Clone)]
pub struct Child {
    /// Column of the first pixel of `share`.
    pub x0: usize,
    /// Row of the first pixel of `share`.
    pub y0: usize,
    /// Fraction of each pixel, 0 to 1; 0 outside of the footprint.
    pub share: Array2<f32>,
    /// It was taken for a point source.
    pub is_point: bool,
}

impl Child {
    /// The child's fraction of a pixel.
    pub fn share_at(&self, x: usize, y: usize) -> f32 {
        let (Some(i), Some(j)) = (x.checked_sub(self.x0), y.checked_sub(self.y0)) else {
            return 0.0;
        };
        self.share.get([j, i]).copied().unwrap_or(0.0)
    }
}

/// Share the pixels of `footprint` among `peaks`, in their order.
pub fn deblend(
    image: &MaskedImage,
    footprint: &Footprint,
    peaks: &[BlendedPeak],
    psf: &PsfModel,
    fwhm_px: f64,
    config: &DeblendConfig,
) -> Vec<Child> {
    let mut templates = template::templates(image, footprint, peaks, psf, fwhm_px, config);
    weights::apply(image, footprint, &mut templates);
    let ((x0, nx), (y0, ny)) = footprint.bounds();
    let mut total = Array2::<f32>::zeros((ny, nx));
    for template in &templates {
        template.pixels().for_each(|(y, x, value)| total[[y - y0, x - x0]] += value);
    }
    // A template that is everywhere far below the noise says nothing of where the light belongs.
    let stray = nearest_peaks(footprint, &total, peaks);
    templates
        .iter()
        .enumerate()
        .map(|(k, template)| {
            let own = || stray.iter().filter(|pixel| pixel.2 == k).map(|&(y, x, _)| (y, x));
            let mut child = Child {
                share: Array2::zeros(template.values.dim()),
                x0: template.x0,
                y0: template.y0,
                is_point: template.is_point,
            };
            child.make_room(own());
            for (y, x, value) in template.pixels() {
                let sum = total[[y - y0, x - x0]];
                if sum > 0.0 {
                    child.share[[y - child.y0, x - child.x0]] = value / sum;
                }
            }
            for (y, x) in own() {
                child.share[[y - child.y0, x - child.x0]] = 1.0;
            }
            child
        })
        .collect()
}

impl Child {
    /// Enlarge the box so that it holds `pixels` too.
    fn make_room(&mut self, pixels: impl Iterator<Item = (usize, usize)>) {
        let (ny, nx) = self.share.dim();
        let (mut y, mut x) = (self.y0..self.y0 + ny, self.x0..self.x0 + nx);
        for (row, column) in pixels {
            if y.is_empty() || x.is_empty() {
                (y, x) = (row..row + 1, column..column + 1);
            }
            y = y.start.min(row)..y.end.max(row + 1);
            x = x.start.min(column)..x.end.max(column + 1);
        }
        if (y.len(), x.len()) != (ny, nx) {
            (self.y0, self.x0) = (y.start, x.start);
            self.share = Array2::zeros((y.len(), x.len()));
        }
    }
}

/// The pixels that no template reaches, as row, column and number of the nearest peak.
fn nearest_peaks(
    footprint: &Footprint,
    total: &Array2<f32>,
    peaks: &[BlendedPeak],
) -> Vec<(usize, usize, usize)> {
    let ((x0, _), (y0, _)) = footprint.bounds();
    let unreached = footprint.pixels().filter(|&(y, x)| total[[y - y0, x - x0]] <= 0.0);
    unreached
        .map(|(y, x)| {
            let distance2 =
                |k: usize| (peaks[k].x - x as f64).powi(2) + (peaks[k].y - y as f64).powi(2);
            let nearest = (0..peaks.len()).min_by(|&a, &b| distance2(a).total_cmp(&distance2(b)));
            (y, x, nearest.unwrap_or(0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{DetectionConfig, detect};
    use crate::psf::{RadialLaw, StarProfile};
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    const FWHM: f64 = 4.0;

    fn psf() -> PsfModel {
        PsfModel::Analytic(StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, FWHM))
    }

    fn sky() -> MaskedImage {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(9);
        MaskedImage {
            image: Array2::from_shape_simple_fn((120, 120), || StandardNormal.sample(&mut rng)),
            mask: Array2::zeros((120, 120)),
            variance: Array2::ones((120, 120)),
        }
    }

    fn add(image: &mut MaskedImage, profile: StarProfile, (x, y): (f64, f64), flux: f64) {
        for (row, column, value) in PsfModel::Analytic(profile).stamp(x, y, 40).inside((120, 120)) {
            image.image[[row, column]] += (flux * value) as f32;
        }
    }

    fn star() -> StarProfile {
        StarProfile::circular(RadialLaw::Moffat { beta: 3.0 }, FWHM)
    }

    fn galaxy() -> StarProfile {
        StarProfile { law: RadialLaw::Moffat { beta: 3.0 }, fwhm_px: 9.0, g1: 0.2, g2: 0.1 }
    }

    fn check(objects: &[(StarProfile, (f64, f64), f64)], points: &[bool], within: f64) {
        let mut image = sky();
        objects.iter().for_each(|&(profile, at, flux)| add(&mut image, profile, at, flux));
        let detections = detect(&image, FWHM / 2.355, &DetectionConfig::default());
        assert_eq!(detections.footprints.len(), 1);
        let footprint = &detections.footprints[0];
        let positions: Vec<(f64, f64)> = objects.iter().map(|o| o.1).collect();
        let fits = crate::measurement::psf_flux::fit_fluxes(
            &image,
            &psf(),
            &positions,
            FWHM,
            None,
            &Default::default(),
        );
        let peaks: Vec<BlendedPeak> = positions
            .iter()
            .zip(&fits.fluxes)
            .map(|(&(x, y), f)| BlendedPeak { x, y, flux: f.flux })
            .collect();
        let config = DeblendConfig::default();
        let children = deblend(&image, footprint, &peaks, &psf(), FWHM, &config);
        for (y, x) in footprint.pixels() {
            let sum: f32 = children.iter().map(|c| c.share_at(x, y)).sum();
            assert!((sum - 1.0).abs() < 1e-5, "pixel {x}, {y} is given away {sum} times");
        }
        for ((child, object), is_point) in children.iter().zip(objects).zip(points) {
            assert_eq!(child.is_point, *is_point, "{object:?}");
            let (mut flux, mut inside) = (0.0, 0.0);
            let truth = PsfModel::Analytic(object.0).stamp(object.1.0, object.1.1, 40);
            for (y, x) in footprint.pixels() {
                flux += f64::from(child.share_at(x, y) * image.image[[y, x]]);
            }
            let within_footprint = Array2::from_shape_fn((120, 120), |_| false);
            let mut member = within_footprint;
            footprint.pixels().for_each(|at| member[at] = true);
            for (y, x, value) in truth.inside((120, 120)) {
                inside += if member[[y, x]] { object.2 * value } else { 0.0 };
            }
            println!("{:.4} of the light of {object:?}", flux / inside);
            assert!((flux / inside - 1.0).abs() < within, "{flux} instead of {inside}");
        }
    }

    #[test]
    fn a_pair_of_stars_keeps_its_fluxes() {
        check(
            &[(star(), (57.2, 60.1), 4000.0), (star(), (64.1, 60.4), 2000.0)],
            &[true, true],
            0.03,
        );
    }

    #[test]
    fn a_star_on_the_wing_of_a_galaxy_keeps_its_flux() {
        check(
            &[(galaxy(), (56.0, 60.0), 12_000.0), (star(), (70.3, 61.2), 2500.0)],
            &[false, true],
            0.06,
        );
    }

    #[test]
    fn two_galaxies_keep_their_fluxes() {
        check(
            &[(galaxy(), (52.0, 60.0), 12_000.0), (galaxy(), (73.0, 64.0), 9000.0)],
            &[false, false],
            0.06,
        );
    }
}
