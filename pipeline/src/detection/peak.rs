//! Peaks: maxima of the filtered image that stand out.
//!
//! Pixels are visited from bright to faint. One without a visited neighbour starts a hill; one between two
//! hills is the saddle where they meet. There the lower hill either stands out from the saddle by more
//! than the noise and keeps its peak, or becomes part of the higher one. (This is persistence on the
//! watershed; the cost is that of sorting the pixels above threshold.)

use super::footprint::DisjointSets;
use super::{DetectionConfig, FilteredImage, Footprint};
use ndarray::Array2;

/// A maximum of the filtered image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Column of the pixel.
    pub x: usize,
    /// Row of the pixel.
    pub y: usize,
    /// Value of the filtered image.
    pub value: f32,
    /// Signal to noise of a point source at the maximum, between the pixels.
    pub signal_to_noise: f32,
}

/// Fill the peaks of `footprints`, which must cover the pixels `above` threshold.
pub(super) fn find(
    filtered: &FilteredImage,
    above: &Array2<bool>,
    footprints: &mut [Footprint],
    config: &DetectionConfig,
) {
    let (_, nx) = above.dim();
    let mut rank = Array2::<u32>::from_elem(above.dim(), u32::MAX);
    for footprint in footprints {
        let mut pixels: Vec<(usize, usize)> = footprint
            .spans
            .iter()
            .flat_map(|span| span.x.clone().map(|x| (span.y, x)))
            .filter(|&(y, x)| above[[y, x]])
            .collect();
        // Ties are broken by position, so that a plateau has one peak.
        pixels.sort_by(|a, b| {
            let (va, vb) = (filtered.value[[a.0, a.1]], filtered.value[[b.0, b.1]]);
            vb.total_cmp(&va).then((a.0 * nx + a.1).cmp(&(b.0 * nx + b.1)))
        });
        footprint.peaks = climb(filtered, &pixels, &mut rank, config)
            .into_iter()
            .map(|(y, x)| Peak {
                x,
                y,
                value: filtered.value[[y, x]],
                signal_to_noise: maximum(&filtered.signal_to_noise, y, x),
            })
            .collect();
    }
}

/// Height of the parabolas along both axes at a maximal pixel.
fn maximum(values: &Array2<f32>, y: usize, x: usize) -> f32 {
    let here = values[[y, x]];
    let gain = |before: Option<&f32>, after: Option<&f32>| {
        let (Some(before), Some(after)) = (before, after) else { return 0.0 };
        let (slope, curvature) = (0.5 * (after - before), after + before - 2.0 * here);
        // A pixel that is not the highest has no maximum within its borders.
        if curvature < 0.0 && slope.abs() <= -curvature {
            -0.5 * slope * slope / curvature
        } else {
            0.0
        }
    };
    let along_x = gain(values.get([y, x.wrapping_sub(1)]), values.get([y, x + 1]));
    let along_y = gain(values.get([y.wrapping_sub(1), x]), values.get([y + 1, x]));
    here + along_x + along_y
}

/// Peaks among `pixels`, which are sorted from bright to faint. `rank` is scratch space.
fn climb(
    filtered: &FilteredImage,
    pixels: &[(usize, usize)],
    rank: &mut Array2<u32>,
    config: &DetectionConfig,
) -> Vec<(usize, usize)> {
    // A hill's root is its highest pixel, which has the smallest rank.
    let mut hills = DisjointSets::new(pixels.len());
    let mut is_peak = vec![false; pixels.len()];
    let (ny, nx) = rank.dim();
    for (k, &(y, x)) in pixels.iter().enumerate() {
        rank[[y, x]] = k as u32;
        is_peak[k] = true;
        let mut touched: Vec<usize> = Vec::with_capacity(8);
        for v in y.saturating_sub(1)..(y + 2).min(ny) {
            for u in x.saturating_sub(1)..(x + 2).min(nx) {
                let neighbour = rank[[v, u]] as usize;
                if neighbour < k {
                    touched.push(hills.root(neighbour));
                }
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let Some(&highest) = touched.first() else { continue };
        is_peak[k] = false;
        hills.hang(k, highest);
        let saddle = f64::from(filtered.value[[y, x]]);
        let noise = f64::from(filtered.noise[[y, x]]);
        let least =
            (config.min_prominence_sigma * noise).max(config.min_prominence_fraction * saddle);
        for &lower in &touched[1..] {
            let (py, px) = pixels[lower];
            if f64::from(filtered.value[[py, px]]) - saddle < least {
                is_peak[lower] = false;
            }
            hills.hang(lower, highest);
        }
    }
    for &(y, x) in pixels {
        rank[[y, x]] = u32::MAX;
    }
    (0..pixels.len()).filter(|&k| is_peak[k]).map(|k| pixels[k]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_of_a_parabola_is_found_between_pixels() {
        let height = |x: f64, y: f64| 10.0 - (x - 2.3).powi(2) - 0.5 * (y - 1.8).powi(2);
        let values = Array2::from_shape_fn((5, 5), |(y, x)| height(x as f64, y as f64) as f32);
        assert!((maximum(&values, 2, 2) - 10.0).abs() < 1e-5);
        assert_eq!(maximum(&values, 0, 0), values[[0, 0]]);
    }
}
