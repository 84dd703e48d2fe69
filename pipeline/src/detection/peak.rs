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
    /// Signal to noise of a point source there.
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
                signal_to_noise: filtered.signal_to_noise[[y, x]],
            })
            .collect();
    }
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
