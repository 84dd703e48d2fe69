//! Templates: what each peak of a blend looks like.

use super::{BlendedPeak, DeblendConfig};
use crate::detection::Footprint;
use crate::image::MaskedImage;
use crate::measurement::psf_flux::UNUSABLE;
use crate::psf::{LocalPsf, PsfModel, Stamp};
use ndarray::Array2;

/// Radius around a peak in which a PSF must describe the light, in units of its full width.
const TEST_RADIUS_FWHM: f64 = 1.0;
/// Radius out to which a point source is drawn, in the same units.
const POINT_RADIUS_FWHM: f64 = 6.0;

/// Light of one peak on a box of the image; nothing outside of the footprint, nothing negative.
#[derive(Debug, Clone)]
pub(super) struct Template {
    pub x0: usize,
    pub y0: usize,
    pub values: Array2<f32>,
    pub is_point: bool,
}

impl Template {
    /// The pixels with light, as row, column and value.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize, f32)> + '_ {
        let with_light = self.values.indexed_iter().filter(|(_, value)| **value > 0.0);
        with_light.map(|((j, i), &value)| (self.y0 + j, self.x0 + i, value))
    }
}

/// A footprint's pixels cut out of the image.
struct Parent<'a> {
    image: &'a MaskedImage,
    x0: usize,
    y0: usize,
    inside: Array2<bool>,
    /// The image minus the peaks that are points.
    rest: Array2<f64>,
}

/// A template for each peak.
pub(super) fn templates(
    image: &MaskedImage,
    footprint: &Footprint,
    peaks: &[BlendedPeak],
    psf: &PsfModel,
    fwhm_px: f64,
    config: &DeblendConfig,
) -> Vec<Template> {
    let ((x0, nx), (y0, ny)) = footprint.bounds();
    let mut inside = Array2::from_elem((ny, nx), false);
    let mut rest = Array2::zeros((ny, nx));
    for (y, x) in footprint.pixels() {
        inside[[y - y0, x - x0]] = true;
        rest[[y - y0, x - x0]] = f64::from(image.image[[y, x]]);
    }
    let radius = ((POINT_RADIUS_FWHM * fwhm_px).ceil() as usize).min(psf.radius_px());
    // The PSF changes little over a footprint; far ones would cost a polynomial for each peak.
    let local = psf.at(x0 as f64 + nx as f64 / 2.0, y0 as f64 + ny as f64 / 2.0);
    let stamps: Vec<Stamp> = peaks.iter().map(|p| drawn(&local, p, radius, (x0, y0))).collect();
    let mut parent = Parent { image, x0, y0, inside, rest };
    for (stamp, peak) in stamps.iter().zip(peaks) {
        parent.subtract(stamp, peak.flux);
    }
    let is_point: Vec<bool> = if peaks.len() >= config.max_peaks {
        vec![true; peaks.len()]
    } else {
        stamps
            .iter()
            .zip(peaks)
            .map(|(s, p)| parent.is_point(s, p, TEST_RADIUS_FWHM * fwhm_px, config))
            .collect()
    };
    // What is no point was no point when it was subtracted either.
    for (k, (stamp, peak)) in stamps.iter().zip(peaks).enumerate() {
        if !is_point[k] {
            parent.subtract(stamp, -peak.flux);
        }
    }
    stamps
        .iter()
        .zip(peaks)
        .zip(is_point)
        .map(
            |((stamp, peak), is_point)| {
                if is_point { parent.point(stamp, peak) } else { parent.symmetric(peak) }
            },
        )
        .collect()
}

/// A unit star, its box counted from the footprint's.
fn drawn(psf: &LocalPsf, peak: &BlendedPeak, radius: usize, (x0, y0): (usize, usize)) -> Stamp {
    psf.stamp(peak.x - x0 as f64, peak.y - y0 as f64, radius)
}

impl Parent<'_> {
    fn subtract(&mut self, stamp: &Stamp, flux: f64) {
        for (j, i, value) in stamp.inside(self.inside.dim()) {
            self.rest[[j, i]] -= flux * value;
        }
    }

    /// Does a PSF describe the light around a peak, `rest` being what all PSFs leave?
    fn is_point(
        &self,
        stamp: &Stamp,
        peak: &BlendedPeak,
        radius_px: f64,
        config: &DeblendConfig,
    ) -> bool {
        if peak.flux.is_nan() || peak.flux <= 0.0 {
            return false;
        }
        let (cx, cy) = (peak.x - self.x0 as f64, peak.y - self.y0 as f64);
        let (mut chi2, mut n) = (0.0, 0.0);
        for (j, i, value) in stamp.inside(self.inside.dim()) {
            let at = [self.y0 + j, self.x0 + i];
            let near = (i as f64 - cx).hypot(j as f64 - cy) <= radius_px;
            if near && self.inside[[j, i]] && self.image.mask[at] & UNUSABLE == 0 {
                let allowed = f64::from(self.image.variance[at])
                    + (config.psf_error * peak.flux * value).powi(2);
                chi2 += self.rest[[j, i]].powi(2) / allowed.max(1e-30);
                n += 1.0;
            }
        }
        // Scatter of χ² by chance: two standard deviations are allowed for.
        n > 0.0 && chi2 / n <= config.max_point_chi2 + 2.0 * (2.0f64 / n).sqrt()
    }

    fn point(&self, stamp: &Stamp, peak: &BlendedPeak) -> Template {
        let (ny, nx) = self.inside.dim();
        let range = |first: i64, n: usize, limit: usize| {
            let start = first.clamp(0, limit as i64) as usize;
            (start, ((first + n as i64).clamp(0, limit as i64) as usize) - start)
        };
        let (rows, columns) = stamp.values.dim();
        let (i0, width) = range(stamp.x0, columns, nx);
        let (j0, height) = range(stamp.y0, rows, ny);
        let mut values = Array2::zeros((height, width));
        for (j, i, value) in stamp.inside((ny, nx)) {
            if self.inside[[j, i]] {
                values[[j - j0, i - i0]] = (peak.flux * value).max(0.0) as f32;
            }
        }
        Template { x0: self.x0 + i0, y0: self.y0 + j0, values, is_point: true }
    }

    /// The rest of the image made symmetric about a peak, smoothed, and falling outwards.
    fn symmetric(&self, peak: &BlendedPeak) -> Template {
        let (ny, nx) = self.inside.dim();
        let limit = |c: f64, n: usize| (c.round().max(0.0) as usize).min(n - 1);
        let (cx, cy) = (limit(peak.x - self.x0 as f64, nx), limit(peak.y - self.y0 as f64, ny));
        // The largest box about the peak whose opposite pixels exist.
        let (reach_x, reach_y) = (cx.min(nx - 1 - cx), cy.min(ny - 1 - cy));
        let (i0, j0) = (cx - reach_x, cy - reach_y);
        let (width, height) = (2 * reach_x + 1, 2 * reach_y + 1);
        let at = |j: usize, i: usize| {
            let pixel = [j0 + j, i0 + i];
            if self.inside[pixel] { self.rest[pixel].max(0.0) } else { 0.0 }
        };
        let mut values = Array2::from_shape_fn((height, width), |(j, i)| {
            at(j, i).min(at(height - 1 - j, width - 1 - i))
        });
        values = smoothed(&values);
        fall_outwards(&mut values, (reach_y, reach_x));
        let values = Array2::from_shape_fn((height, width), |(j, i)| {
            if self.inside[[j0 + j, i0 + i]] { values[[j, i]] as f32 } else { 0.0 }
        });
        Template { x0: self.x0 + i0, y0: self.y0 + j0, values, is_point: false }
    }
}

/// Means over 3 × 3 pixels, the middle counting four times and its sides twice.
fn smoothed(values: &Array2<f64>) -> Array2<f64> {
    let (ny, nx) = values.dim();
    Array2::from_shape_fn((ny, nx), |(j, i)| {
        let (mut sum, mut weights) = (0.0, 0.0);
        for v in j.saturating_sub(1)..(j + 2).min(ny) {
            for u in i.saturating_sub(1)..(i + 2).min(nx) {
                let weight = f64::from(4 >> (v.abs_diff(j) + u.abs_diff(i)));
                sum += weight * values[[v, u]];
                weights += weight;
            }
        }
        sum / weights
    })
}

/// Lower each pixel to the larger of the two that lie before it on the way to the centre.
fn fall_outwards(values: &mut Array2<f64>, (cy, cx): (usize, usize)) {
    let (ny, nx) = values.dim();
    let offset = |(j, i): (usize, usize)| (j as i64 - cy as i64, i as i64 - cx as i64);
    let mut order: Vec<(usize, usize)> =
        (0..ny).flat_map(|j| (0..nx).map(move |i| (j, i))).collect();
    order.sort_by_key(|&at| {
        let (dy, dx) = offset(at);
        dy * dy + dx * dx
    });
    for (j, i) in order.into_iter().skip(1) {
        let (dy, dx) = offset((j, i));
        // One step along the longer axis, and the two pixels between which the way to the centre passes.
        let longer = dy.abs().max(dx.abs()) as f64;
        let (step_y, step_x) = (dy as f64 / longer, dx as f64 / longer);
        let inner = [
            ((dy as f64 - step_y).floor(), (dx as f64 - step_x).floor()),
            ((dy as f64 - step_y).ceil(), (dx as f64 - step_x).ceil()),
        ];
        let highest = inner
            .into_iter()
            .map(|(v, u)| values[[(v + cy as f64) as usize, (u + cx as f64) as usize]])
            .fold(0.0, f64::max);
        values[[j, i]] = values[[j, i]].min(highest);
    }
}
