//! Which detections are stars fit to model the PSF: the cluster of small, bright, clean sources.
//!
//! In a plot of width over brightness the stars of one exposure lie on a line, the stellar locus. It is
//! found as the densest window of relative width, the narrower one where two are nearly as dense;
//! then clipped about its median.

use crate::statistics::{median, robust_sigma};
use serde::{Deserialize, Serialize};

/// A detection that might be a star.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Column of the centre, pixels.
    pub x: f64,
    /// Row of the centre, pixels.
    pub y: f64,
    /// Signal to noise.
    pub snr: f64,
    /// Width: root of the mean second moment under a Gaussian weight, pixels.
    pub width_px: f64,
}

/// How stars are selected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SelectConfig {
    /// Signal to noise a star should have.
    pub min_snr: f64,
    /// Signal to noise that is accepted where too few stars have `min_snr`.
    pub floor_snr: f64,
    /// Stars that `min_snr` should leave; below, `floor_snr` rules.
    pub enough_stars: usize,
    /// Half width of the window on the stellar locus, relative to the width.
    pub window: f64,
    /// Stars kept, the brightest first.
    pub max_stars: usize,
    /// One star in so many is kept out of the model, to test it.
    pub reserve_every: usize,
    /// Stars below which none is kept out.
    pub enough_to_reserve: usize,
}

impl Default for SelectConfig {
    fn default() -> Self {
        Self {
            min_snr: 50.0,
            floor_snr: 20.0,
            enough_stars: 8,
            window: 0.08,
            max_stars: 300,
            reserve_every: 5,
            enough_to_reserve: 40,
        }
    }
}

/// Indices of the stars among `candidates`, brightest first.
///
/// `expected_width_px`, where the caller knows it, rules out other widths by more than a quarter.
pub fn select_stars(
    candidates: &[Candidate],
    expected_width_px: Option<f64>,
    config: &SelectConfig,
) -> Vec<usize> {
    let plausible = |c: &Candidate| {
        c.width_px.is_finite()
            && c.width_px > 0.4
            && expected_width_px.is_none_or(|w| (c.width_px / w - 1.0).abs() < 0.25)
    };
    let above = |snr: f64| -> Vec<usize> {
        let bright = |i: &usize| candidates[*i].snr >= snr && plausible(&candidates[*i]);
        (0..candidates.len()).filter(bright).collect()
    };
    let mut chosen = above(config.min_snr);
    if chosen.len() < config.enough_stars {
        chosen = above(config.floor_snr);
    }
    let Some(centre) = locus(candidates, &chosen, config.window) else { return Vec::new() };
    chosen.retain(|&i| (candidates[i].width_px / centre - 1.0).abs() <= config.window);
    clip(candidates, &mut chosen);
    chosen.sort_by(|&a, &b| candidates[b].snr.total_cmp(&candidates[a].snr).then(a.cmp(&b)));
    chosen.truncate(config.max_stars);
    chosen
}

/// Width at which the window holds most candidates.
fn locus(candidates: &[Candidate], chosen: &[usize], window: f64) -> Option<f64> {
    let mut widths: Vec<f64> = chosen.iter().map(|&i| candidates[i].width_px).collect();
    widths.sort_by(f64::total_cmp);
    let inside = |w: f64| {
        let first = widths.partition_point(|&v| v < w * (1.0 - window));
        let last = widths.partition_point(|&v| v <= w * (1.0 + window));
        last - first
    };
    let most = widths.iter().map(|&w| inside(w)).max()?;
    let dense = widths.iter().copied().find(|&w| inside(w) as f64 >= 0.8 * most as f64)?;
    // The first dense window starts below the cluster; its members' median is the cluster's centre.
    let mut members: Vec<f64> =
        widths.iter().copied().filter(|w| (w / dense - 1.0).abs() <= window).collect();
    Some(median(&mut members))
}

fn clip(candidates: &[Candidate], chosen: &mut Vec<usize>) {
    if chosen.len() < 6 {
        return;
    }
    let mut widths: Vec<f64> = chosen.iter().map(|&i| candidates[i].width_px).collect();
    let centre = median(&mut widths);
    let spread = robust_sigma(&mut widths).max(0.01 * centre);
    chosen.retain(|&i| (candidates[i].width_px - centre).abs() <= 3.0 * spread);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(snr: f64, width_px: f64) -> Candidate {
        Candidate { x: 0.0, y: 0.0, snr, width_px }
    }

    #[test]
    fn stars_are_told_from_galaxies_and_cosmic_rays() {
        let mut all: Vec<Candidate> =
            (0..20).map(|i| candidate(60.0 + f64::from(i), 2.0 + 0.004 * f64::from(i))).collect();
        all.extend((0..15).map(|i| candidate(100.0, 2.8 + 0.3 * f64::from(i))));
        all.push(candidate(90.0, 0.9));
        let stars = select_stars(&all, None, &SelectConfig::default());
        assert_eq!(stars.len(), 20);
        assert!(stars.iter().all(|&i| i < 20));
        assert_eq!(stars[0], 19, "brightest first");
    }

    #[test]
    fn a_known_width_rules_out_a_lonely_galaxy() {
        let galaxy = [candidate(80.0, 4.0)];
        assert!(select_stars(&galaxy, Some(2.0), &SelectConfig::default()).is_empty());
        assert!(select_stars(&[], None, &SelectConfig::default()).is_empty());
    }

    #[test]
    fn fainter_stars_serve_where_bright_ones_are_few() {
        let faint: Vec<Candidate> = (0..5).map(|_| candidate(25.0, 2.0)).collect();
        assert_eq!(select_stars(&faint, None, &SelectConfig::default()).len(), 5);
    }
}
