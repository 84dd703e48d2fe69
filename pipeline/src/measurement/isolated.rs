//! One source at a time: the image in which all other sources are replaced by noise.
//!
//! Within footprints the image holds Gaussian noise of the variance there, and only the source in
//! question has its light: all of the pixels of its own footprint, or a deblended child its share `w` of
//! them, with noise of the weight `√(1 − w²)` that keeps the variance what it was. Outside of footprints
//! the image is as it is. The noise follows from a seed and is the same for all sources.

use super::psf_flux::UNUSABLE;
use crate::deblend::Child;
use crate::detection::Footprint;
use crate::image::{MaskedImage, mask_plane};
use ndarray::Array2;
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// No footprint.
const NONE: u32 = u32::MAX;

/// An image with noise in place of its sources.
#[derive(Debug)]
pub struct NoiseReplaced<'a> {
    image: &'a MaskedImage,
    /// Number of the footprint of each pixel.
    labels: Array2<u32>,
    /// Noise within footprints.
    noise: Array2<f32>,
}

impl<'a> NoiseReplaced<'a> {
    /// Replace the sources of `footprints`; equal seeds give equal noise.
    pub fn new(image: &'a MaskedImage, footprints: &[Footprint], seed: u64) -> Self {
        let mut labels = Array2::from_elem(image.image.dim(), NONE);
        let mut noise = Array2::zeros(image.image.dim());
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        // The noise that the sky alone would have: a star's own photons go with the star.
        let sky = sky_variance(image);
        for (number, footprint) in footprints.iter().enumerate() {
            for (y, x) in footprint.pixels() {
                labels[[y, x]] = number as u32;
                let deviate: f32 = StandardNormal.sample(&mut rng);
                noise[[y, x]] = deviate * image.variance[[y, x]].min(sky).max(0.0).sqrt();
            }
        }
        Self { image, labels, noise }
    }

    /// The source of a footprint, or its part that is `child`.
    pub fn source<'b>(&'b self, footprint: usize, child: Option<&'b Child>) -> Isolated<'b> {
        Isolated { scene: self, footprint: footprint as u32, child }
    }

    /// No source at all: what a sky source is measured on.
    pub fn sky(&self) -> Isolated<'_> {
        Isolated { scene: self, footprint: NONE, child: None }
    }
}

/// Median variance of the pixels, by a sample of them.
fn sky_variance(image: &MaskedImage) -> f32 {
    let step = (image.variance.len() / 10_000).max(1);
    let mut values: Vec<f32> = image.variance.iter().copied().step_by(step).collect();
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}

/// One source alone.
#[derive(Debug, Clone, Copy)]
pub struct Isolated<'a> {
    scene: &'a NoiseReplaced<'a>,
    footprint: u32,
    child: Option<&'a Child>,
}

impl Isolated<'_> {
    /// Value and variance of a pixel; `None` outside the image and where it holds no measured light.
    pub fn measured(&self, x: i64, y: i64) -> Option<(f64, f64)> {
        self.pixel(x, y, UNUSABLE)
    }

    /// The same with saturated and interpolated pixels as they are; `None` only where there are no data.
    pub fn filled(&self, x: i64, y: i64) -> Option<(f64, f64)> {
        self.pixel(x, y, mask_plane::NO_DATA)
    }

    fn pixel(&self, x: i64, y: i64, unusable: u32) -> Option<(f64, f64)> {
        let at = [usize::try_from(y).ok()?, usize::try_from(x).ok()?];
        let image = self.scene.image;
        let bits = *image.mask.get(at)?;
        let variance = f64::from(image.variance[at]);
        if bits & unusable != 0 || variance <= 0.0 {
            return None;
        }
        let value = self.value(at);
        value.is_finite().then(|| (f64::from(value), variance))
    }

    fn value(&self, at: [usize; 2]) -> f32 {
        let scene = self.scene;
        let label = scene.labels[at];
        if label == NONE {
            return scene.image.image[at];
        }
        if label != self.footprint {
            return scene.noise[at];
        }
        match self.child {
            None => scene.image.image[at],
            Some(child) => {
                let share = child.share_at(at[1], at[0]);
                let rest = (1.0 - share * share).max(0.0).sqrt();
                share * scene.image.image[at] + rest * scene.noise[at]
            }
        }
    }

    /// Shape `(ny, nx)` of the image.
    pub fn image_shape(&self) -> (usize, usize) {
        self.scene.image.image.dim()
    }

    /// The image with all of its sources.
    pub fn whole(&self) -> &MaskedImage {
        self.scene.image
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::{DetectionConfig, detect};
    use crate::measurement::aperture_flux::apertures;
    use crate::psf::{PsfModel, RadialLaw, StarProfile};

    #[test]
    fn a_neighbour_in_another_footprint_leaves_no_light() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(6);
        let mut image = MaskedImage {
            image: Array2::from_shape_simple_fn((80, 80), || StandardNormal.sample(&mut rng)),
            mask: Array2::zeros((80, 80)),
            variance: Array2::ones((80, 80)),
        };
        let psf = PsfModel::Analytic(StarProfile::circular(RadialLaw::Gaussian, 3.0));
        for (x, flux) in [(30.0, 500.0), (42.0, 5000.0)] {
            for (row, column, value) in psf.stamp(x, 40.0, 12).inside((80, 80)) {
                image.image[[row, column]] += (flux * value) as f32;
            }
        }
        let config = DetectionConfig { grow_sigma: 0.0, ..DetectionConfig::default() };
        let footprints = detect(&image, 3.0 / 2.355, &config).footprints;
        assert_eq!(footprints.len(), 2);
        let own = footprints.iter().position(|f| f.peaks[0].x == 30).unwrap_or(9);
        let scene = NoiseReplaced::new(&image, &footprints, 1);
        let alone = apertures(&scene.source(own, None), (30.0, 40.0))[4];
        let whole = crate::measurement::aperture_flux(&image, 30.0, 40.0, 12.0);
        assert!(whole.flux > 1500.0, "{whole:?}");
        assert!((alone.flux - 500.0).abs() < 5.0 * alone.flux_err, "{alone:?}");
        assert!((alone.flux_err - whole.flux_err).abs() < 0.05 * whole.flux_err);
    }
}
