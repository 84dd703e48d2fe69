//! Figures of astrometry: shifts over the focal plane, their distribution.

use plotters::prelude::*;

use super::focal_map::{Field, arrow, first_visit, focal_map, outlines};
use super::html::{escape, figure, figures, number};
use super::palette::{BAD, FAINT, INK, band};
use super::plot::{self, Axis, chart, line, points};
use crate::error::Result;
use crate::quality::Quality;
use crate::quality::observations::Observations;
use crate::quality::standard::{Origin, StandardResidual};
use crate::statistics::{median, quantile, robust_sigma};

const SIZE: (u32, u32) = (600, 380);
const MAP_PX: u32 = 440;
/// Cells across the focal plane.
const N_CELLS: usize = 12;

/// All of them.
pub fn section(quality: &Quality) -> Result<String> {
    let Some((origin, residuals)) = &quality.standards else {
        return Ok("<p class=\"soft\">Neither truth (<span class=\"mono\">--truth</span>) nor a reference catalog \
                   (<span class=\"mono\">--reference</span>) was given.</p>\n"
            .to_owned());
    };
    if residuals.len() < 3 {
        return Ok("<p class=\"soft\">No bright star has a standard.</p>\n".to_owned());
    }
    let all: Vec<&StandardResidual> = residuals.iter().collect();
    let field = Field::of(quality.observations.images.iter().map(|image| &image.placement));
    let arrows = shifts(&quality.observations, &field, &all, MAP_PX)?;
    let mut drawn = vec![arrows, scatter(quality, residuals)?, distances(residuals)?];
    drawn.extend(by_magnitude(quality, residuals)?);
    let against = match origin {
        Origin::Truth => "the truth of the simulation".to_owned(),
        Origin::Reference(path) => format!("the stars of {}", escape(&path.display().to_string())),
    };
    Ok(format!("<p>Bright stars against {against}.</p>\n{}", figures("figures", &drawn)))
}

/// Mean shift of the stars of each cell of the focal plane, as arrows.
pub fn shifts(
    observations: &Observations,
    field: &Field,
    residuals: &[&StandardResidual],
    size_px: u32,
) -> Result<String> {
    let mut cells: std::collections::BTreeMap<(usize, usize), (Vec<f64>, Vec<f64>)> =
        Default::default();
    for residual in residuals {
        let source = &observations.sources[residual.source];
        let image = &observations.images[source.image];
        let rotation = observations.visits[image.visit].rotation_deg;
        let rotation = if rotation.is_finite() { rotation } else { 0.0 };
        let (sin, cos) = rotation.to_radians().sin_cos();
        let (east, north) = (residual.east_mas, residual.north_mas);
        if let Some(cell) = field.cell_of(image.placement.place(source.x, source.y), N_CELLS) {
            let (x, y) = cells.entry(cell).or_default();
            x.push(north * sin - east * cos);
            y.push(north * cos + east * sin);
        }
    }
    // Of many stars, one alone in its cell says nothing.
    let least = if residuals.len() > 100 { 2 } else { 1 };
    let arrows: Vec<((usize, usize), (f64, f64))> = cells
        .into_iter()
        .filter(|(_, (x, _))| x.len() >= least)
        .map(|(cell, (mut x, mut y))| (cell, (median(&mut x), median(&mut y))))
        .collect();
    let mut lengths: Vec<f64> = arrows.iter().map(|(_, (x, y))| x.hypot(*y)).collect();
    // The long ones reach over a cell.
    let long_mas = quantile(&mut lengths, 0.9).max(1e-3);
    let scale = 0.9 * field.cell(N_CELLS) / long_mas;
    let unit_mas = nice(long_mas);
    let foot = format!("scale at the lower left: {} mas", number(unit_mas));
    let svg = focal_map(field, size_px, &foot, |area| {
        outlines(area, first_visit(observations))?;
        for (cell, (x, y)) in &arrows {
            let middle = field.middle_of(*cell, N_CELLS);
            let from = (middle.0 - 0.5 * scale * x, middle.1 - 0.5 * scale * y);
            arrow(area, from, (scale * x, scale * y), INK.stroke_width(1))?;
        }
        let corner = (field.centre.0 - 0.97 * field.half, field.centre.1 - 0.97 * field.half);
        arrow(area, corner, (scale * unit_mas, 0.0), BAD.stroke_width(2))
    })?;
    Ok(figure(
        &svg,
        "Where stars lie against their standards, over the focal plane: median of each cell, in the camera's axes. \
         Arrows that point alike are a shift, those that turn a distortion.",
    ))
}

/// A round number near to another.
pub fn nice(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|k| k * power)
        .rfind(|round| *round <= value * 1.001)
        .unwrap_or(power)
}

/// East and north of each star.
fn scatter(quality: &Quality, residuals: &[StandardResidual]) -> Result<String> {
    let mut sizes: Vec<f64> =
        residuals.iter().map(|r| r.east_mas.abs().max(r.north_mas.abs())).collect();
    let limit = 1.3 * quantile(&mut sizes, 0.97).max(1.0);
    let clamp = |value: f64| value.clamp(-0.99 * limit, 0.99 * limit);
    let range = -limit..limit;
    let (x, y) = (Axis::new("east [mas]", range.clone()), Axis::new("north [mas]", range));
    let svg = chart((440, 440), &x, &y, |chart| {
        line(chart, vec![(-limit, 0.0), (limit, 0.0)], FAINT.stroke_width(1))?;
        line(chart, vec![(0.0, -limit), (0.0, limit)], FAINT.stroke_width(1))?;
        for name in quality.observations.bands() {
            let of_band = residuals.iter().filter(|r| {
                quality.observations.band_of(&quality.observations.sources[r.source]) == name
            });
            points(
                chart,
                of_band.map(|r| (clamp(r.east_mas), clamp(r.north_mas))),
                2,
                band(&name),
            )?;
        }
        Ok(())
    })?;
    let spread = |of: fn(&StandardResidual) -> f64| {
        let mut values: Vec<f64> = residuals.iter().map(of).collect();
        (median(&mut values), robust_sigma(&mut values))
    };
    let (east, north) = (spread(|r| r.east_mas), spread(|r| r.north_mas));
    let caption = format!(
        "East {} ± {} mas, north {} ± {} mas (median and spread of {} stars).{}",
        number(east.0),
        number(east.1),
        number(north.0),
        number(north.1),
        residuals.len(),
        super::html::band_key(quality.observations.bands().iter().map(String::as_str)),
    );
    Ok(figure(&svg, &caption))
}

/// Histogram of the distances.
fn distances(residuals: &[StandardResidual]) -> Result<String> {
    let mut mas: Vec<f64> = residuals.iter().map(|r| r.east_mas.hypot(r.north_mas)).collect();
    let (middle, p95) = (median(&mut mas), quantile(&mut mas, 0.95));
    let range = 0.0..(1.6 * p95).max(1.0);
    let bins = 48;
    let counts = plot::counts(mas.iter().copied(), &range, bins);
    let top = 1.1 * counts.iter().copied().fold(1.0, f64::max);
    let (x, y) = (
        Axis::new("distance from the standard [mas]", range.clone()),
        Axis::new("stars", 0.0..top),
    );
    let svg = chart(SIZE, &x, &y, |chart| {
        plot::steps(chart, &counts, 0.0, range.end / bins as f64, INK)?;
        for (at, text) in [(middle, "median"), (p95, "95 %")] {
            line(chart, vec![(at, 0.0), (at, top)], BAD.stroke_width(1))?;
            plot::note(chart, text, (at + 0.01 * range.end, 0.97 * top), BAD)?;
        }
        Ok(())
    })?;
    let caption =
        format!("Distances: median {} mas, 95 % below {} mas.", number(middle), number(p95));
    Ok(figure(&svg, &caption))
}

/// Spread of the differences by magnitude.
fn by_magnitude(quality: &Quality, residuals: &[StandardResidual]) -> Result<Option<String>> {
    let mut bins: std::collections::BTreeMap<i64, Vec<f64>> = Default::default();
    for residual in residuals.iter().filter(|r| r.mag.is_finite()) {
        let distance = residual.east_mas.hypot(residual.north_mas);
        bins.entry((2.0 * residual.mag).floor() as i64).or_default().push(distance);
    }
    bins.retain(|_, values| values.len() >= 5);
    if bins.len() < 2 {
        return Ok(None);
    }
    let curve = |q: f64, bins: &mut std::collections::BTreeMap<i64, Vec<f64>>| -> Vec<(f64, f64)> {
        bins.iter_mut()
            .map(|(bin, values)| (0.5 * *bin as f64 + 0.25, quantile(values, q)))
            .collect()
    };
    let (middle, upper) = (curve(0.5, &mut bins), curve(0.95, &mut bins));
    let mags = plot::range_of(middle.iter().map(|p| p.0), 1.0);
    let top = 1.15 * upper.iter().map(|p| p.1).fold(1.0, f64::max);
    let (x, y) = (Axis::new("magnitude", mags), Axis::new("distance [mas]", 0.0..top));
    let svg = chart(SIZE, &x, &y, |chart| {
        line(chart, upper, FAINT.stroke_width(2))?;
        line(chart, middle, INK.stroke_width(3))
    })?;
    let n = quality.observations.visits.len();
    let caption = format!(
        "Median (thick) and 95 % (thin) of the distances by magnitude, {n} visits together."
    );
    Ok(Some(figure(&svg, &caption)))
}
