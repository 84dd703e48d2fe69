//! Detection: the image filtered with the PSF, thresholded, and cut into footprints with peaks.
//!
//! 1. Correlate image and variance with a kernel like the PSF, leaving out unusable pixels; the
//!    ratio is the signal to noise of a point source at each pixel.
//! 2. Pixels above the threshold, less what the highest pixel can miss of the maximum, connected through
//!    any of their eight neighbours, are footprints; they are grown by a multiple of the PSF's σ, and those
//!    that touch merge.
//! 3. Peaks are the maxima of the filtered image that stand out from the saddle to a higher one by more
//!    than the noise; their height is that of the parabola through the neighbouring pixels, and it must
//!    exceed the threshold.

mod footprint;
mod kernel;
mod matched_filter;
mod peak;

pub use footprint::{Footprint, Span};
pub use kernel::FilterKernel;
pub use matched_filter::{FilteredImage, matched_filter};
pub use peak::Peak;

use crate::image::{MaskedImage, mask_plane};
use serde::{Deserialize, Serialize};

/// Pixels that do not take part in the filter.
const UNUSABLE: u32 = mask_plane::BAD | mask_plane::NO_DATA;

/// The filtered image between pixels may be higher than at any of them, for a star of two pixels' full
/// width by so much.
const BETWEEN_PIXELS: f64 = 0.93;

/// Signal to noise from which on a footprint is looked at with a sharper filter.
const BRIGHT: f32 = 20.0;
/// Height of a peak of the sharper filter above the saddle, in units of its noise.
const SHARP_PROMINENCE_SIGMA: f64 = 5.0;
/// Pixels whose sharp structure is none of the sky's.
const NOT_SHARP: u32 = mask_plane::SAT | mask_plane::CR | mask_plane::INTRP | mask_plane::BAD;

/// How sources are detected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectionConfig {
    /// Threshold on the signal to noise of a point source.
    pub threshold: f64,
    /// Regions below the sky are detected too; they are masked, not measured.
    pub negative: bool,
    /// Growth of the footprints, in units of the PSF's σ.
    pub grow_sigma: f64,
    /// Height of a peak above the saddle to a higher one, in units of the noise there.
    pub min_prominence_sigma: f64,
    /// The same as a fraction of the saddle's height: against structure that the PSF does not describe.
    pub min_prominence_fraction: f64,
    /// Width of a second, sharper filter that parts close pairs in bright footprints, in units of the first
    /// one's; 0 for none.
    pub sharp_filter: f64,
    /// Height of a peak of the sharper filter above the saddle, as a fraction of the saddle's height.
    pub sharp_prominence_fraction: f64,
}

impl Default for DetectionConfig {
    fn default() -> Self {
        Self {
            threshold: 5.0,
            negative: true,
            grow_sigma: 2.4,
            min_prominence_sigma: 4.0,
            min_prominence_fraction: 0.02,
            sharp_filter: 0.35,
            sharp_prominence_fraction: 0.05,
        }
    }
}

/// What was detected in one image.
#[derive(Debug, Clone, Default)]
pub struct Detections {
    /// Connected regions, by their first pixel from below; each has a peak at least.
    pub footprints: Vec<Footprint>,
    /// The same of what lies below the sky, grown but without peaks.
    pub negative: Vec<Footprint>,
    /// Ratio of the filtered image's scatter off the sources to what the variance predicts: 1 for
    /// independent pixels, more where resampling has correlated them.
    pub noise_ratio: f64,
    /// Gaussian width of the PSF that they were looked for with, pixels.
    pub filter_sigma_px: f64,
}

impl Detections {
    /// All peaks, footprint by footprint.
    pub fn peaks(&self) -> impl Iterator<Item = &Peak> {
        self.footprints.iter().flat_map(|f| &f.peaks)
    }

    /// Set [`mask_plane::DETECTED`] and [`mask_plane::DETECTED_NEGATIVE`] on the pixels of the footprints
    /// and clear them elsewhere.
    pub fn mark(&self, image: &mut MaskedImage) {
        let planes = [
            (mask_plane::DETECTED, &self.footprints),
            (mask_plane::DETECTED_NEGATIVE, &self.negative),
        ];
        for (plane, footprints) in planes {
            image.mask.mapv_inplace(|bits| bits & !plane);
            for (y, x) in footprints.iter().flat_map(Footprint::pixels) {
                image.mask[[y, x]] |= plane;
            }
        }
    }
}

/// Detect the sources of a sky-subtracted image for a PSF of Gaussian width `psf_sigma_px`.
pub fn detect(image: &MaskedImage, psf_sigma_px: f64, config: &DetectionConfig) -> Detections {
    detect_with(image, &FilterKernel::gaussian(psf_sigma_px), psf_sigma_px, config)
}

/// Detect the sources of a sky-subtracted image with a filter made for its PSF, of Gaussian width
/// `psf_sigma_px`.
pub fn detect_with(
    image: &MaskedImage,
    kernel: &FilterKernel,
    psf_sigma_px: f64,
    config: &DetectionConfig,
) -> Detections {
    let filtered = matched_filter(image, kernel, UNUSABLE);
    let above = filtered.signal_to_noise.mapv(|s| f64::from(s) > BETWEEN_PIXELS * config.threshold);
    let mut footprints = footprint::grown(&above, config.grow_sigma * psf_sigma_px);
    peak::find(&filtered, &above, &mut footprints, config);
    let plain = FilterKernel::gaussian(psf_sigma_px);
    if *kernel != plain {
        let plain = Second { kernel: plain, config: config.clone(), looks_at: |_| true };
        plain.part_close_pairs(image, &filtered, &above, &mut footprints, psf_sigma_px);
    }
    if config.sharp_filter > 0.0 && footprints.iter().any(is_bright) {
        let sharp = Second::sharp(psf_sigma_px, config);
        sharp.part_close_pairs(image, &filtered, &above, &mut footprints, psf_sigma_px);
    }
    for footprint in &mut footprints {
        let is_significant = |p: &Peak| f64::from(p.signal_to_noise) > config.threshold;
        footprint.peaks.retain(is_significant);
    }
    let noise_ratio = filtered.scatter_outside(&footprints);
    footprints.retain(|f| !f.peaks.is_empty());
    let negative = if config.negative {
        let below = filtered.signal_to_noise.mapv(|s| f64::from(s) < -config.threshold);
        footprint::grown(&below, config.grow_sigma * psf_sigma_px)
    } else {
        Vec::new()
    };
    Detections { footprints, negative, noise_ratio, filter_sigma_px: psf_sigma_px }
}

/// Is a footprint so bright that a sharper, noisier filter can tell more of it?
fn is_bright(footprint: &Footprint) -> bool {
    footprint.peaks.iter().any(|peak| peak.signal_to_noise > BRIGHT)
}

/// A second filter, for peaks that the first one makes one with their neighbours.
///
/// A filter widens a star, the matched one by a factor of 1.4 and one with wings by more, and stars less
/// than one and a half widths apart become one peak.
struct Second {
    kernel: FilterKernel,
    config: DetectionConfig,
    looks_at: fn(&Footprint) -> bool,
}

impl Second {
    /// In bright footprints there is signal to spare for less smoothing.
    fn sharp(psf_sigma_px: f64, config: &DetectionConfig) -> Self {
        let config = DetectionConfig {
            min_prominence_fraction: config.sharp_prominence_fraction,
            min_prominence_sigma: SHARP_PROMINENCE_SIGMA,
            ..config.clone()
        };
        let kernel = FilterKernel::gaussian(config.sharp_filter * psf_sigma_px);
        Self { kernel, config, looks_at: is_bright }
    }

    /// Add the peaks that only this filter shows.
    fn part_close_pairs(
        &self,
        image: &MaskedImage,
        filtered: &FilteredImage,
        above: &ndarray::Array2<bool>,
        footprints: &mut [Footprint],
        psf_sigma_px: f64,
    ) {
        let again = matched_filter(image, &self.kernel, UNUSABLE);
        for footprint in footprints.iter_mut().filter(|footprint| (self.looks_at)(footprint)) {
            let known = std::mem::take(&mut footprint.peaks);
            peak::find(&again, above, std::slice::from_mut(footprint), &self.config);
            let found = std::mem::replace(&mut footprint.peaks, known);
            for peak in found {
                let apart = |other: &Peak| {
                    let (dx, dy) =
                        (other.x.abs_diff(peak.x) as f64, other.y.abs_diff(peak.y) as f64);
                    dx.hypot(dy) > 1.5 * psf_sigma_px
                };
                let is_clean = near_bits(&image.mask, peak.x, peak.y) & NOT_SHARP == 0;
                if is_clean && footprint.peaks.iter().all(apart) {
                    let at = [peak.y, peak.x];
                    let (value, signal_to_noise) =
                        (filtered.value[at], filtered.signal_to_noise[at]);
                    footprint.peaks.push(Peak { value, signal_to_noise, ..peak });
                }
            }
            footprint.peaks.sort_by(|a, b| b.value.total_cmp(&a.value));
        }
    }
}

/// Mask bits of a pixel and its eight neighbours.
fn near_bits(mask: &ndarray::Array2<u32>, x: usize, y: usize) -> u32 {
    let (ny, nx) = mask.dim();
    let rows = y.saturating_sub(1)..(y + 2).min(ny);
    let columns = x.saturating_sub(1)..(x + 2).min(nx);
    mask.slice(ndarray::s![rows, columns]).iter().fold(0, |all, bits| all | bits)
}

/// Set [`mask_plane::EDGE`] within `width` pixels of the border.
pub fn mark_edge(image: &mut MaskedImage, width: usize) {
    let (ny, nx) = image.mask.dim();
    for ((y, x), bits) in image.mask.indexed_iter_mut() {
        if y.min(ny - 1 - y).min(x).min(nx - 1 - x) < width {
            *bits |= mask_plane::EDGE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psf::{PsfModel, RadialLaw, StarProfile};
    use ndarray::Array2;
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    fn noise(ny: usize, nx: usize, seed: u64) -> MaskedImage {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        MaskedImage {
            image: Array2::from_shape_simple_fn((ny, nx), || {
                let v: f32 = StandardNormal.sample(&mut rng);
                10.0 * v
            }),
            mask: Array2::zeros((ny, nx)),
            variance: Array2::from_elem((ny, nx), 100.0),
        }
    }

    fn add_star(image: &mut MaskedImage, x: f64, y: f64, flux: f64) {
        let psf = PsfModel::Analytic(StarProfile::circular(RadialLaw::Gaussian, 4.0));
        for (row, column, value) in psf.stamp(x, y, 15).inside(image.image.dim()) {
            image.image[[row, column]] += (flux * value) as f32;
            image.variance[[row, column]] += (flux * value) as f32;
        }
    }

    const SIGMA: f64 = 4.0 / 2.3548;

    #[test]
    fn noise_alone_rarely_makes_a_source() {
        let image = noise(1000, 1000, 11);
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        // Gaussian noise smoothed by this PSF has some 0.1 peaks above 5 sigma per 10^6 pixels.
        assert!(detections.footprints.len() <= 2, "{}", detections.footprints.len());
        assert!((detections.noise_ratio - 1.0).abs() < 0.02, "{}", detections.noise_ratio);
    }

    #[test]
    fn a_close_pair_has_two_peaks_in_one_footprint() {
        let mut image = noise(100, 100, 12);
        add_star(&mut image, 45.0, 50.0, 20_000.0);
        add_star(&mut image, 53.0, 50.0, 8_000.0);
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        assert_eq!(detections.footprints.len(), 1);
        let peaks = &detections.footprints[0].peaks;
        assert_eq!(peaks.iter().map(|p| (p.x, p.y)).collect::<Vec<_>>(), [(45, 50), (53, 50)]);
    }

    #[test]
    fn a_bright_star_is_one_peak() {
        let mut image = noise(200, 200, 13);
        add_star(&mut image, 100.3, 99.6, 3e6);
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        assert_eq!(detections.peaks().count(), 1);
    }

    #[test]
    fn masked_pixels_neither_make_nor_hide_sources() {
        let mut image = noise(100, 100, 14);
        add_star(&mut image, 50.0, 50.0, 5_000.0);
        for y in 0..100 {
            image.image[[y, 30]] = 60_000.0;
            image.mask[[y, 30]] |= mask_plane::BAD;
            image.image[[y, 52]] = f32::NAN;
            image.mask[[y, 52]] |= mask_plane::NO_DATA;
        }
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        assert_eq!(detections.peaks().count(), 1);
    }

    #[test]
    fn a_hole_in_the_sky_is_masked_and_no_source() {
        let mut image = noise(100, 100, 16);
        add_star(&mut image, 30.0, 30.0, 5_000.0);
        add_star(&mut image, 70.0, 70.0, -5_000.0);
        image.variance.fill(100.0);
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        assert_eq!((detections.peaks().count(), detections.negative.len()), (1, 1));
        detections.mark(&mut image);
        assert_eq!(image.mask[[30, 30]], mask_plane::DETECTED);
        assert_eq!(image.mask[[70, 70]], mask_plane::DETECTED_NEGATIVE);
    }

    #[test]
    fn the_mask_shows_footprints_and_edge() {
        let mut image = noise(60, 60, 15);
        add_star(&mut image, 30.0, 30.0, 5_000.0);
        let detections = detect(&image, SIGMA, &DetectionConfig::default());
        detections.mark(&mut image);
        mark_edge(&mut image, 5);
        assert_ne!(image.mask[[30, 30]] & mask_plane::DETECTED, 0);
        assert_eq!(image.mask[[10, 10]], 0);
        assert_eq!(image.mask[[4, 30]], mask_plane::EDGE);
        assert_eq!(image.mask[[30, 55]], mask_plane::EDGE);
        assert_eq!(image.mask[[54, 54]], 0);
    }
}
