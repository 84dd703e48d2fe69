//! The variance of each pixel: from a weight map, from gain and sky, or from the image's own scatter.

use ndarray::{Array2, Axis, Slice, Zip};

/// Turns the median absolute deviation of a normal distribution into its standard deviation.
const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Distance of the pixels whose differences measure the noise: beyond the reach of resampling kernels'
/// cores, within what sky and galaxies change little over.
const LAG_PX: usize = 3;

/// Variance from inverse variance; NaN where the weight is not positive.
pub(super) fn from_weight(weight: &Array2<f32>) -> Array2<f32> {
    weight.mapv(|w| if w > 0.0 && w.is_finite() { w.recip() } else { f32::NAN })
}

/// Variance of photons and read-out: (image + sky)/gain + (read noise/gain)², ADU².
pub(super) fn from_photons(
    image: &Array2<f32>,
    sky_adu: f64,
    gain: f64,
    read_noise_e: f64,
) -> Array2<f32> {
    let read_out = (read_noise_e / gain).powi(2);
    image.mapv(|adu| ((f64::from(adu) + sky_adu).max(0.0) / gain + read_out) as f32)
}

/// Variance of the background, from the differences of pixels some steps apart: robust against
/// sources, blind to a smooth sky. `None` for an image too small or without any scatter.
pub(super) fn of_background(image: &Array2<f32>) -> Option<f64> {
    let axis = if image.ncols() > LAG_PX { Axis(1) } else { Axis(0) };
    if image.len_of(axis) <= LAG_PX {
        return None;
    }
    let near = image.slice_axis(axis, Slice::from(..-(LAG_PX as isize)));
    let far = image.slice_axis(axis, Slice::from(LAG_PX as isize..));
    let mut differences = Vec::with_capacity(near.len());
    Zip::from(near).and(far).for_each(|&a, &b| differences.push((a - b).abs()));
    let sigma = f64::from(median(differences)?) * MAD_TO_SIGMA / std::f64::consts::SQRT_2;
    (sigma > 0.0).then_some(sigma * sigma)
}

/// Gives a variance to the pixels that have none (not finite, not positive): that of the background,
/// plus the photons of what stands above it where the gain is known.
pub(super) fn fill(variance: &mut Array2<f32>, image: &Array2<f32>, gain: Option<f64>) {
    let has = |v: f32| v > 0.0 && v.is_finite();
    if variance.iter().all(|&v| has(v)) {
        return;
    }
    let typical = median(variance.iter().copied().filter(|&v| has(v)).collect());
    // An image without a single good pixel has no scale; any positive number serves, all is masked.
    let floor = typical.map(f64::from).or_else(|| of_background(image)).unwrap_or(1.0);
    let sky =
        f64::from(median(image.iter().copied().filter(|v| v.is_finite()).collect()).unwrap_or(0.0));
    Zip::from(variance).and(image).for_each(|v, &adu| {
        if !has(*v) {
            let above = f64::from(if adu.is_finite() { adu } else { 0.0 }) - sky;
            *v = (floor + gain.map_or(0.0, |gain| above.max(0.0) / gain)) as f32;
        }
    });
}

/// Median of the finite values; of an even number, the upper of the middle two.
pub(super) fn median(mut values: Vec<f32>) -> Option<f32> {
    values.retain(|value| value.is_finite());
    if values.is_empty() {
        return None;
    }
    let middle = values.len() / 2;
    Some(*values.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::SeedableRng;
    use rand_distr::{Distribution, Normal};

    use super::*;

    #[test]
    fn background_variance_ignores_slope_and_stars() {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        let noise = Normal::new(0.0_f64, 5.0).unwrap();
        let image = Array2::from_shape_fn((200, 200), |(y, x)| {
            let star = if (x / 20 + 2 * (y / 20)) % 29 == 0 && x % 20 < 5 { 4000.0 } else { 0.0 };
            (noise.sample(&mut random) + 0.02 * x as f64 + 300.0 + star) as f32
        });
        let variance = of_background(&image).unwrap();
        assert!((variance / 25.0 - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn photons_and_read_out_add() {
        let variance = from_photons(&Array2::from_elem((1, 2), 60.0), 40.0, 4.0, 8.0);
        assert_eq!(variance[[0, 1]], 25.0 + 4.0);
        let dark = from_photons(&Array2::from_elem((1, 1), -60.0), 40.0, 4.0, 8.0);
        assert_eq!(dark[[0, 0]], 4.0);
    }

    #[test]
    fn every_pixel_gets_a_variance() {
        let image = Array2::from_shape_vec((1, 5), vec![0.0, 0.0, f32::NAN, 400.0, 0.0]).unwrap();
        let weight = Array2::from_shape_vec((1, 5), vec![0.25, 0.25, 0.25, 0.0, f32::NAN]).unwrap();
        let mut variance = from_weight(&weight);
        fill(&mut variance, &image, Some(4.0));
        assert_eq!(variance.into_raw_vec_and_offset().0, vec![4.0, 4.0, 4.0, 104.0, 4.0]);
    }
}
