//! Maps of the focal plane: detectors by value, whiskers of ellipticity, arrows of shifts.

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::palette::{self, GRID, INK, text_on};
use super::plot::{DrawResult, small_text, svg};
use crate::error::Result;
use crate::quality::focal_plane::FocalPlacement;
use crate::quality::observations::Observations;

/// An area with coordinates of the focal plane, arcmin.
pub type FocalArea<'a, 'b> =
    DrawingArea<SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The part of the focal plane that a map shows: a square about the middle of all images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Field {
    /// Middle, arcmin.
    pub centre: (f64, f64),
    /// Half of its width, arcmin.
    pub half: f64,
}

impl Field {
    /// The field of images.
    pub fn of<'a>(placements: impl Iterator<Item = &'a FocalPlacement>) -> Self {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for (x, y) in placements.flat_map(|placement| placement.corners) {
            for (k, value) in [x, y].into_iter().enumerate().filter(|(_, v)| v.is_finite()) {
                low[k] = low[k].min(value);
                high[k] = high[k].max(value);
            }
        }
        if low[0] > high[0] || low[1] > high[1] {
            return Self { centre: (0.0, 0.0), half: 1.0 };
        }
        let half = 0.53 * (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
        Self { centre: (0.5 * (low[0] + high[0]), 0.5 * (low[1] + high[1])), half }
    }

    /// The side of one of `n` cells across the field, arcmin.
    pub fn cell(&self, n: usize) -> f64 {
        2.0 * self.half / n as f64
    }

    /// The cell, of `n` by `n`, that holds a place.
    pub fn cell_of(&self, (x, y): (f64, f64), n: usize) -> Option<(usize, usize)> {
        let index = |value: f64, centre: f64| {
            let at = ((value - centre + self.half) / self.cell(n)).floor();
            (at >= 0.0 && at < n as f64).then_some(at as usize)
        };
        Some((index(x, self.centre.0)?, index(y, self.centre.1)?))
    }

    /// The middle of a cell, arcmin.
    pub fn middle_of(&self, (column, row): (usize, usize), n: usize) -> (f64, f64) {
        let at =
            |index: usize, centre: f64| centre - self.half + (index as f64 + 0.5) * self.cell(n);
        (at(column, self.centre.0), at(row, self.centre.1))
    }
}

/// Draw a square map of a field, with room for a line of text below it.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn focal_map(
    field: &Field,
    size_px: u32,
    foot: &str,
    draw: impl FnOnce(&FocalArea<'_, '_>) -> DrawResult,
) -> Result<String> {
    const FOOT_PX: u32 = 18;
    svg((size_px, size_px + FOOT_PX), |area| {
        let (map, below) = area.split_vertically(size_px);
        let range = |centre: f64| RangedCoordf64::from(centre - field.half..centre + field.half);
        let side = size_px as i32;
        let map = map.apply_coord_spec(Cartesian2d::<RangedCoordf64, RangedCoordf64>::new(
            range(field.centre.0),
            range(field.centre.1),
            (0..side, side..0),
        ));
        draw(&map)?;
        below.draw(&Text::new(foot.to_owned(), (4, 2), small_text(INK)))?;
        Ok(())
    })
}

/// Draw the outlines of the detectors of a visit.
///
/// # Errors
/// What plotters says.
pub fn outlines<'a>(
    area: &FocalArea<'_, '_>,
    placements: impl Iterator<Item = &'a FocalPlacement>,
) -> DrawResult {
    for placement in placements {
        let [a, b, c, d] = placement.corners;
        if placement.corners.iter().all(|corner| corner.0.is_finite()) {
            area.draw(&PathElement::new(vec![a, b, c, d, a], GRID.stroke_width(1)))?;
        }
    }
    Ok(())
}

/// Draw a stick about a place: length in arcmin, angle from x, counter-clockwise.
///
/// # Errors
/// What plotters says.
pub fn stick(
    area: &FocalArea<'_, '_>,
    (x, y): (f64, f64),
    (length, angle): (f64, f64),
    style: ShapeStyle,
) -> DrawResult {
    let (dx, dy) = (0.5 * length * angle.cos(), 0.5 * length * angle.sin());
    area.draw(&PathElement::new(vec![(x - dx, y - dy), (x + dx, y + dy)], style))?;
    Ok(())
}

/// Draw an arrow from a place.
///
/// # Errors
/// What plotters says.
pub fn arrow(
    area: &FocalArea<'_, '_>,
    (x, y): (f64, f64),
    (dx, dy): (f64, f64),
    style: ShapeStyle,
) -> DrawResult {
    let tip = (x + dx, y + dy);
    area.draw(&PathElement::new(vec![(x, y), tip], style))?;
    // Two strokes back from the tip.
    let back = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        (tip.0 - 0.3 * (dx * cos - dy * sin), tip.1 - 0.3 * (dx * sin + dy * cos))
    };
    area.draw(&PathElement::new(vec![back(0.45), tip, back(-0.45)], style))?;
    Ok(())
}

/// How values become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scale {
    /// From the least to the greatest.
    Between(f64, f64),
    /// About zero, up to this.
    About(f64),
}

impl Scale {
    /// A scale for values: about zero, or between the extremes of most of them.
    pub fn of(values: &mut [f64], is_about_zero: bool) -> Self {
        let quantile = |values: &mut [f64], q| crate::statistics::quantile(values, q);
        if is_about_zero {
            let mut sizes: Vec<f64> = values.iter().map(|value| value.abs()).collect();
            Self::About(quantile(&mut sizes, 0.95).max(f64::MIN_POSITIVE))
        } else {
            Self::Between(quantile(values, 0.02), quantile(values, 0.98))
        }
    }

    /// The same scale, but not narrower than a width.
    pub fn at_least(self, width: f64) -> Self {
        match self {
            Self::Between(low, high) if high - low < width => {
                let middle = 0.5 * (low + high);
                Self::Between(middle - 0.5 * width, middle + 0.5 * width)
            }
            scale => scale,
        }
    }

    /// The colour of a value.
    pub fn colour(&self, value: f64) -> RGBColor {
        match self {
            Self::Between(low, high) if high > low => {
                palette::sequential((value - low) / (high - low))
            }
            Self::Between(..) => palette::sequential(0.5),
            Self::About(limit) => palette::diverging(value / limit),
        }
    }

    /// What the two ends are.
    pub fn ends(&self) -> (f64, f64) {
        match self {
            Self::Between(low, high) => (*low, *high),
            Self::About(limit) => (-limit, *limit),
        }
    }
}

/// A value of a detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectorValue {
    /// Where the detector lies.
    pub placement: FocalPlacement,
    /// The value.
    pub value: f64,
}

/// Draw detectors coloured by their values, with the values where there is room.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn mosaic(
    field: &Field,
    size_px: u32,
    foot: &str,
    detectors: &[DetectorValue],
    scale: &Scale,
    format: impl Fn(f64) -> String,
) -> Result<String> {
    let px_per_arcmin = f64::from(size_px) / (2.0 * field.half);
    focal_map(field, size_px, foot, |area| {
        for DetectorValue { placement, value } in detectors {
            if placement.corners.iter().any(|corner| !corner.0.is_finite()) {
                continue;
            }
            let colour = scale.colour(*value);
            let corners = placement.corners.to_vec();
            area.draw(&Polygon::new(corners, colour.filled()))?;
            let [a, b, c, d] = placement.corners;
            area.draw(&PathElement::new(vec![a, b, c, d, a], GRID.stroke_width(1)))?;
            let text = if value.is_finite() { format(*value) } else { "–".to_owned() };
            let width_px = px_per_arcmin * (a.0 - c.0).abs();
            if width_px > 7.0 * text.len() as f64 + 6.0 {
                let style =
                    small_text(text_on(colour)).pos(plotters::style::text_anchor::Pos::new(
                        plotters::style::text_anchor::HPos::Center,
                        plotters::style::text_anchor::VPos::Center,
                    ));
                area.draw(&Text::new(text, placement.middle(), style))?;
            }
        }
        Ok(())
    })
}

/// Draw values at places as a map of the median in each cell.
///
/// # Errors
/// A picture that cannot be drawn.
pub fn cell_map(
    field: &Field,
    size_px: u32,
    foot: &str,
    observations: &Observations,
    values: &[((f64, f64), f64)],
    n_cells: usize,
) -> Result<(String, Scale)> {
    let mut cells: std::collections::BTreeMap<(usize, usize), Vec<f64>> = Default::default();
    for (place, value) in values.iter().filter(|(_, value)| value.is_finite()) {
        if let Some(cell) = field.cell_of(*place, n_cells) {
            cells.entry(cell).or_default().push(*value);
        }
    }
    let medians: Vec<((usize, usize), f64)> = cells
        .into_iter()
        .map(|(cell, mut values)| (cell, crate::statistics::median(&mut values)))
        .collect();
    let scale = Scale::of(&mut medians.iter().map(|(_, v)| *v).collect::<Vec<_>>(), true);
    let half = 0.5 * field.cell(n_cells);
    let drawn = focal_map(field, size_px, foot, |area| {
        for (cell, value) in &medians {
            let (x, y) = field.middle_of(*cell, n_cells);
            let colour = scale.colour(*value);
            area.draw(&Rectangle::new(
                [(x - half, y - half), (x + half, y + half)],
                colour.filled(),
            ))?;
        }
        outlines(area, first_visit(observations))
    })?;
    Ok((drawn, scale))
}

/// The images of the first visit: where the detectors are.
pub fn first_visit(observations: &Observations) -> impl Iterator<Item = &FocalPlacement> {
    let first = observations.images.first().map(|image| image.visit);
    let of_first =
        move |image: &&crate::quality::observations::ImageRow| Some(image.visit) == first;
    observations.images.iter().filter(of_first).map(|image| &image.placement)
}
