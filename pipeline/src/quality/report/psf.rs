//! Figures of the PSF: whiskers of ellipticity visit by visit, residuals over the focal plane, their
//! correlations.

use plotters::prelude::*;

use super::astrometry::nice;
use super::focal_map::{Field, FocalArea, cell_map, focal_map, outlines, stick};
use super::html::{band_key, escape, figure, figures, number, ramp};
use super::palette::{ACCENT, BAD, FAINT, INK, band};
use super::plot::{Axis, DrawResult, chart, error_bars, line, points};
use crate::error::Result;
use crate::quality::Quality;
use crate::quality::ellipticity_correlation::{Correlation, is_psf_star};
use crate::quality::observations::{Observations, SourceRow};
use crate::statistics::{median, quantile};

/// Visits whose whiskers are shown on the first page: those of the most elongated stars.
const MAX_VISITS: usize = 18;
const SMALL_PX: u32 = 230;
const MAP_PX: u32 = 440;
/// Cells across the focal plane in which whiskers are averaged.
const N_CELLS: usize = 16;

/// All of them.
pub fn section(quality: &Quality) -> Result<String> {
    let observations = &quality.observations;
    let field = Field::of(observations.images.iter().map(|image| &image.placement));
    let by_visit = observations.sources_by_visit();
    let whiskers: Vec<(usize, Vec<Whisker>)> = by_visit
        .iter()
        .enumerate()
        .map(|(visit, sources)| (visit, whiskers_of(observations, &field, sources)))
        .collect();
    let mut lengths: Vec<f64> =
        whiskers.iter().flat_map(|(_, all)| all).map(|w| w.star.0).collect();
    let mut html = String::new();
    if lengths.is_empty() {
        html += "<p class=\"soft\">No star is bright enough to tell its shape.</p>\n";
    } else {
        let long = nice(quantile(&mut lengths, 0.9).max(1e-3));
        let mut ranked: Vec<(f64, &(usize, Vec<Whisker>))> = whiskers
            .iter()
            .filter(|(_, all)| !all.is_empty())
            .map(|one| (median(&mut one.1.iter().map(|w| w.star.0).collect::<Vec<_>>()), one))
            .collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut maps = vec![];
        for (typical, (visit, whiskers)) in ranked.iter().take(MAX_VISITS) {
            let foot = format!("median e {}", number(*typical));
            let svg = whisker_map(observations, &field, *visit, whiskers, long, SMALL_PX, &foot)?;
            let row = &observations.visits[*visit];
            let caption = format!(
                "<a href=\"visits/{0}.html\">visit {0}</a>, {1}",
                row.visit,
                escape(&row.band)
            );
            maps.push(figure(&svg, &caption));
        }
        html += &format!(
            "<p>Ellipticity over the focal plane, mean of each cell: <b>stars</b> thin, on the <b>PSF model</b>, thick and orange; \
             the bar at the lower left is e = {}. {} of {} visits, the most elongated first.</p>\n",
            number(long),
            maps.len(),
            observations.visits.len()
        );
        html += &figures("maps", &maps);
    }
    let mut drawn = residual_maps(quality, &field)?;
    drawn.extend(correlations(quality)?);
    drawn.extend(sizes(quality)?);
    Ok(html + &figures("figures", &drawn))
}

/// Mean ellipticity of stars, and of the PSF at them, in a cell: size and angle.
pub struct Whisker {
    place: (f64, f64),
    star: (f64, f64),
    model: (f64, f64),
}

impl Whisker {
    /// Ellipticity of the stars.
    pub fn length(&self) -> f64 {
        self.star.0
    }
}

/// The whiskers of sources.
pub fn whiskers_of(observations: &Observations, field: &Field, sources: &[usize]) -> Vec<Whisker> {
    let mut cells: std::collections::BTreeMap<(usize, usize), Vec<[f64; 6]>> = Default::default();
    let sources = sources.iter().map(|number| &observations.sources[*number]);
    for source in sources.filter(|source| is_psf_star(source)) {
        let placement = &observations.images[source.image].placement;
        let place = placement.place(source.x, source.y);
        let ((star, star_angle), (model, model_angle)) =
            (placement.whisker(&source.shape), placement.whisker(&source.psf));
        if let Some(cell) = field.cell_of(place, N_CELLS) {
            cells.entry(cell).or_default().push([
                place.0,
                place.1,
                star * (2.0 * star_angle).cos(),
                star * (2.0 * star_angle).sin(),
                model * (2.0 * model_angle).cos(),
                model * (2.0 * model_angle).sin(),
            ]);
        }
    }
    let mean = |rows: &[[f64; 6]], k: usize| {
        rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64
    };
    let polar = |e1: f64, e2: f64| (e1.hypot(e2), 0.5 * e2.atan2(e1));
    cells
        .into_values()
        .map(|rows| Whisker {
            place: (mean(&rows, 0), mean(&rows, 1)),
            star: polar(mean(&rows, 2), mean(&rows, 3)),
            model: polar(mean(&rows, 4), mean(&rows, 5)),
        })
        .collect()
}

/// Draw whiskers; an ellipticity of `long` is as long as a cell is wide.
pub fn whisker_map(
    observations: &Observations,
    field: &Field,
    visit: usize,
    whiskers: &[Whisker],
    long: f64,
    size_px: u32,
    foot: &str,
) -> Result<String> {
    let scale = 1.3 * field.cell(N_CELLS) / long;
    focal_map(field, size_px, foot, |area: &FocalArea<'_, '_>| -> DrawResult {
        let of_visit = observations.images.iter().filter(|image| image.visit == visit);
        outlines(area, of_visit.map(|image| &image.placement))?;
        for whisker in whiskers {
            let (e, angle) = whisker.model;
            stick(area, whisker.place, (scale * e, angle), ACCENT.stroke_width(4))?;
        }
        for whisker in whiskers {
            let (e, angle) = whisker.star;
            stick(area, whisker.place, (scale * e, angle), INK.stroke_width(1))?;
        }
        let length = scale * long;
        let corner =
            (field.centre.0 - 0.97 * field.half + 0.5 * length, field.centre.1 - 0.97 * field.half);
        stick(area, corner, (length, 0.0), BAD.stroke_width(2))
    })
}

/// Residuals of the PSF model and of magnitudes over the focal plane, all visits together.
fn residual_maps(quality: &Quality, field: &Field) -> Result<Vec<String>> {
    let observations = &quality.observations;
    let place =
        |source: &SourceRow| observations.images[source.image].placement.place(source.x, source.y);
    let stars: Vec<&SourceRow> = observations.sources.iter().filter(|s| is_psf_star(s)).collect();
    let sizes: Vec<((f64, f64), f64)> =
        stars.iter().map(|s| (place(s), 100.0 * (s.shape.trace() / s.psf.trace() - 1.0))).collect();
    let magnitudes: Vec<((f64, f64), f64)> = quality
        .repeatabilities
        .iter()
        .filter(|star| star.is_bright)
        .flat_map(|star| &star.deviations_mmag)
        .map(|(source, deviation)| (place(&observations.sources[*source]), *deviation))
        .collect();
    let mut drawn = vec![];
    for (values, unit, what) in [
        (sizes, "%", "Size of stars against the PSF model, (T − T<sub>PSF</sub>)/T<sub>PSF</sub>"),
        (magnitudes, "mmag", "Bright stars against their mean over all visits; red is too faint"),
    ] {
        if values.len() >= 10 {
            let n_cells = if values.len() > 2000 { 20 } else { 12 };
            let (svg, scale) = cell_map(field, MAP_PX, "", observations, &values, n_cells)?;
            let caption = format!(
                "{what}: median of each cell of the focal plane, all visits together. {}",
                ramp(&scale, number, unit)
            );
            drawn.push(figure(&svg, &caption));
        }
    }
    Ok(drawn)
}

/// E₁, E₂ and E_X by separation, all visits of the bands in which they are judged.
fn correlations(quality: &Quality) -> Result<Option<String>> {
    let judged: Vec<&(String, Vec<(usize, Correlation)>)> = {
        let is_judged = |name: &str| matches!(name, "r" | "i");
        let judged: Vec<_> =
            quality.correlations.iter().filter(|(name, _)| is_judged(name)).collect();
        if judged.is_empty() { quality.correlations.iter().collect() } else { judged }
    };
    let all =
        Correlation::sum(judged.iter().flat_map(|(_, visits)| visits.iter().map(|(_, one)| one)));
    let found = all.points();
    if found.is_empty() {
        return Ok(None);
    }
    let top = 1.3 * found.iter().flat_map(|p| p.value.map(f64::abs)).fold(3e-5, f64::max);
    let (x, y) = (
        Axis::log(
            "separation [arcmin]",
            0.04..found.last().map_or(10.0, |p| 1.6 * p.separation_arcmin),
        ),
        Axis::new("correlation of residuals [1e-5]", -1e5 * top..1e5 * top),
    );
    let range = x.range.clone();
    let svg = chart((600, 380), &x, &y, |chart| {
        line(chart, vec![(range.start, 0.0), (range.end, 0.0)], FAINT.stroke_width(1))?;
        for (from, to, limit) in [(range.start, 0.0, 2.0), (5f64.log10(), range.end, 0.01)] {
            for limit in [limit, -limit] {
                line(chart, vec![(from, limit), (to.max(from), limit)], BAD.stroke_width(2))?;
            }
        }
        for (part, colour) in [FAINT, ACCENT, RGBColor(28, 126, 214)].into_iter().enumerate() {
            let shift = 0.012 * (part as f64 - 1.0);
            let seen = found.iter().map(|p| {
                (p.separation_arcmin.log10() + shift, 1e5 * p.value[part], 1e5 * p.error[part])
            });
            error_bars(chart, seen, colour)?;
        }
        Ok(())
    })?;
    let names: Vec<&str> = judged.iter().map(|(name, _)| name.as_str()).collect();
    let caption = format!(
        "E<sub>1</sub> (grey), E<sub>2</sub> (orange) and E<sub>X</sub> (blue) of the residual ellipticities in {}. \
         Red: design of TE1 within 1′, of TE2 beyond 5′.",
        escape(&names.join(", "))
    );
    Ok(Some(figure(&svg, &caption)))
}

/// Size of reserved stars by magnitude: what the brighter-fatter effect would tilt.
fn sizes(quality: &Quality) -> Result<Option<String>> {
    let observations = &quality.observations;
    let seen: Vec<(&str, f64, f64)> = observations
        .sources
        .iter()
        .filter(|s| is_psf_star(s) && s.flux > 0.0)
        .map(|s| {
            let mag = crate::photo_calib::njy_to_magnitude(s.flux);
            (observations.band_of(s), mag, 100.0 * (s.shape.trace() / s.psf.trace() - 1.0))
        })
        .collect();
    if seen.len() < 10 {
        return Ok(None);
    }
    let mags = super::plot::range_of(seen.iter().map(|s| s.1), 1.0);
    let (x, y) =
        (Axis::new("magnitude", mags.clone()), Axis::new("(T − T_PSF) / T_PSF [%]", -12.0..12.0));
    let bands = observations.bands();
    let svg = chart((600, 380), &x, &y, |chart| {
        for name in &bands {
            let of_band = seen.iter().filter(|s| s.0 == name);
            points(chart, of_band.map(|s| (s.1, s.2.clamp(-11.8, 11.8))), 2, band(name))?;
        }
        let mut bins: std::collections::BTreeMap<i64, Vec<f64>> = Default::default();
        for (_, mag, value) in &seen {
            bins.entry((2.0 * mag).floor() as i64).or_default().push(*value);
        }
        let medians = bins.into_iter().filter(|(_, values)| values.len() >= 5);
        let curve = medians.map(|(bin, mut v)| (0.5 * bin as f64 + 0.25, median(&mut v))).collect();
        line(chart, vec![(mags.start, 0.0), (mags.end, 0.0)], FAINT.stroke_width(1))?;
        line(chart, curve, INK.stroke_width(3))
    })?;
    let caption = format!(
        "Size of stars against the PSF model by magnitude, with the median: a slope is an uncorrected brighter-fatter \
         effect.{}",
        band_key(bands.iter().map(String::as_str))
    );
    Ok(Some(figure(&svg, &caption)))
}
