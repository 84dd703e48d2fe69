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

/// Difference of opposite pixels, in units of its noise, that only a neighbour can make.
const ASYMMETRY_SIGMA: f64 = 2.5;

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

    /// The template on the smallest box that holds its light.
    fn cropped(self) -> Self {
        let (ny, nx) = self.values.dim();
        let (mut rows, mut columns) = ((ny, 0), (nx, 0));
        for (y, x, _) in self.pixels() {
            let (j, i) = (y - self.y0, x - self.x0);
            rows = (rows.0.min(j), rows.1.max(j + 1));
            columns = (columns.0.min(i), columns.1.max(i + 1));
        }
        if rows.0 >= rows.1 {
            return Self { values: Array2::zeros((0, 0)), ..self };
        }
        let inside = ndarray::s![rows.0..rows.1, columns.0..columns.1];
        Self {
            x0: self.x0 + columns.0,
            y0: self.y0 + rows.0,
            values: self.values.slice(inside).to_owned(),
            ..self
        }
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
    for (y, x) in footprint.pixels() {
        inside[[y - y0, x - x0]] = true;
    }
    let rest = Array2::from_shape_fn((ny, nx), |(j, i)| f64::from(image.image[[y0 + j, x0 + i]]));
    let radius = ((POINT_RADIUS_FWHM * fwhm_px).ceil() as usize).min(psf.radius_px());
    // The PSF changes little over a footprint; far ones would cost a polynomial for each peak.
    let local = psf.at(x0 as f64 + nx as f64 / 2.0, y0 as f64 + ny as f64 / 2.0);
    let stamps: Vec<Stamp> = peaks.iter().map(|p| drawn(&local, p, radius, (x0, y0))).collect();
    let mut parent = Parent { image, x0, y0, inside, rest };
    for (stamp, peak) in stamps.iter().zip(peaks) {
        parent.subtract(stamp, peak.flux);
    }
    let radius_px = TEST_RADIUS_FWHM * fwhm_px;
    let is_point = |parent: &Parent, k: usize, peak: &BlendedPeak| {
        parent.is_point(&stamps[k], peak, radius_px, config)
    };
    let all_points = peaks.len() >= config.max_peaks;
    let mut peaks = peaks.to_vec();
    let mut points: Vec<bool> =
        (0..peaks.len()).map(|k| all_points || is_point(&parent, k, &peaks[k])).collect();
    // What is no point was no point when it was subtracted either; its own light comes back.
    let mut extended: Vec<Option<Template>> = vec![None; peaks.len()];
    for k in (0..peaks.len()).filter(|k| !points[*k]) {
        parent.subtract(&stamps[k], -peaks[k].flux);
        extended[k] = Some(parent.symmetric(&peaks[k]));
        parent.subtract(&stamps[k], peaks[k].flux);
    }
    for k in (0..peaks.len()).filter(|k| !points[*k]) {
        parent.subtract(&stamps[k], -peaks[k].flux);
    }
    extended.iter().flatten().for_each(|template| parent.add(template, -1.0));
    // A star beside a galaxy is no point as long as a point stands for the galaxy: look once more.
    let mut found: Vec<(usize, BlendedPeak)> = Vec::new();
    for (k, template) in extended.iter().enumerate() {
        let Some(template) = template else { continue };
        parent.add(template, 1.0);
        let flux = parent.point_flux(&stamps[k], &peaks[k], radius_px);
        let peak = BlendedPeak { flux, ..peaks[k] };
        parent.subtract(&stamps[k], flux);
        if is_point(&parent, k, &peak) {
            found.push((k, peak));
        }
        parent.subtract(&stamps[k], -flux);
        parent.add(template, -1.0);
    }
    for (k, peak) in found {
        if let Some(template) = extended[k].take() {
            parent.add(&template, 1.0);
        }
        (peaks[k], points[k]) = (peak, true);
        parent.subtract(&stamps[k], peak.flux);
    }
    // Each extended one once more, on what neither points nor other extended ones explain.
    for k in 0..peaks.len() {
        let Some(template) = extended[k].take() else { continue };
        parent.add(&template, 1.0);
        let template = parent.symmetric(&peaks[k]);
        parent.add(&template, -1.0);
        extended[k] = Some(template);
    }
    extended
        .into_iter()
        .enumerate()
        .map(|(k, template)| template.unwrap_or_else(|| parent.point(&stamps[k], &peaks[k])))
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

    /// Add the light of a template to the rest.
    fn add(&mut self, template: &Template, sign: f64) {
        for (y, x, value) in template.pixels() {
            self.rest[[y - self.y0, x - self.x0]] += sign * f64::from(value);
        }
    }

    /// Flux of a point source in the rest, by the pixels near it.
    fn point_flux(&self, stamp: &Stamp, peak: &BlendedPeak, radius_px: f64) -> f64 {
        let (cx, cy) = (peak.x - self.x0 as f64, peak.y - self.y0 as f64);
        let (mut right, mut weight) = (0.0, 0.0);
        for (j, i, value) in stamp.inside(self.inside.dim()) {
            let at = [self.y0 + j, self.x0 + i];
            let near = (i as f64 - cx).hypot(j as f64 - cy) <= radius_px;
            if near && self.inside[[j, i]] && self.image.mask[at] & UNUSABLE == 0 {
                right += value * self.rest[[j, i]];
                weight += value * value;
            }
        }
        if weight > 0.0 { right / weight } else { 0.0 }
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

    /// What is left of the image at a pixel counted from the footprint's box, inside of the footprint or
    /// not, and its variance; `None` outside the image.
    fn rest_at(&self, j: i64, i: i64) -> Option<(f64, f64)> {
        let at =
            [usize::try_from(self.y0 as i64 + j).ok()?, usize::try_from(self.x0 as i64 + i).ok()?];
        let (value, variance) = (self.image.image.get(at)?, self.image.variance.get(at)?);
        let here = usize::try_from(j).ok().zip(usize::try_from(i).ok());
        let rest = here.and_then(|(j, i)| self.rest.get([j, i])).copied();
        Some((rest.unwrap_or(f64::from(*value)), f64::from(*variance)))
    }

    /// The rest of the image made symmetric about a peak, smoothed, and falling outwards.
    fn symmetric(&self, peak: &BlendedPeak) -> Template {
        let (ny, nx) = self.inside.dim();
        let limit = |c: f64, n: usize| (c.round().max(0.0) as usize).min(n - 1);
        let (cx, cy) = (limit(peak.x - self.x0 as f64, nx), limit(peak.y - self.y0 as f64, ny));
        // Opposite pixels count also where they lie outside of the footprint, which is just the part above
        // the threshold; beyond the border of the image a pixel stands for its opposite.
        let mut values = Array2::from_shape_fn((ny, nx), |(j, i)| {
            let (j, i) = (j as i64, i as i64);
            let own = self.rest_at(j, i);
            let opposite = self.rest_at(2 * cy as i64 - j, 2 * cx as i64 - i);
            symmetric_value(own, opposite.or(own)).max(0.0)
        });
        values = smoothed(&values);
        fall_outwards(&mut values, (cy, cx));
        let values =
            Array2::from_shape_fn(
                (ny, nx),
                |at| {
                    if self.inside[at] { values[at] as f32 } else { 0.0 }
                },
            );
        Template { x0: self.x0, y0: self.y0, values, is_point: false }.cropped()
    }
}

/// What two opposite pixels, each with its variance, have in common: their mean where they differ by no more
/// than noise, else the smaller. (The smaller of two noisy ones would always be too small.)
fn symmetric_value(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> f64 {
    let (Some((a, of_a)), Some((b, of_b))) = (a, b) else { return 0.0 };
    if (a - b).powi(2) <= ASYMMETRY_SIGMA.powi(2) * (of_a + of_b) {
        0.5 * (a + b)
    } else {
        a.min(b)
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
