//! Charts and maps as SVG text, all in one manner.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::palette::{GRID, INK};
use crate::error::{Error, Result};

/// A chart that is drawn into.
pub type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// What plotters says when it cannot draw.
pub type DrawResult = std::result::Result<(), Box<dyn std::error::Error>>;

/// Height of the text of axes.
const TEXT_PX: u32 = 14;

/// What an axis shows.
pub struct Axis<'a> {
    /// Name, with the unit.
    pub label: &'a str,
    /// From where to where.
    pub range: Range<f64>,
    /// Are the values powers of ten?
    pub is_log: bool,
}

impl<'a> Axis<'a> {
    /// A linear axis.
    pub fn new(label: &'a str, range: Range<f64>) -> Self {
        Self { label, range, is_log: false }
    }

    /// An axis of the logarithms of what its labels say.
    pub fn log(label: &'a str, range: Range<f64>) -> Self {
        Self { label, range: range.start.log10()..range.end.log10(), is_log: true }
    }

    fn format(&self, value: f64) -> String {
        if self.is_log {
            let power = 10f64.powf(value);
            return match value {
                v if (-2.1..4.1).contains(&v) => trimmed(power),
                v => format!("1e{}", trimmed(v)),
            };
        }
        trimmed(value)
    }

    /// Labels of a logarithmic axis are whole powers where there are several of them.
    fn n_labels(&self, most: usize) -> usize {
        let decades = self.range.end.floor() - self.range.start.ceil();
        if self.is_log && decades >= 1.0 { (decades as usize + 1).min(most) } else { most }
    }
}

/// A number with four digits at most, without zeros at the end.
fn trimmed(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 1.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Draw a chart with axes.
///
/// # Errors
/// A chart that cannot be drawn, with what plotters says.
pub fn chart(
    size: (u32, u32),
    x: &Axis<'_>,
    y: &Axis<'_>,
    draw: impl FnOnce(&mut Chart<'_, '_>) -> DrawResult,
) -> Result<String> {
    svg(size, |area| {
        let mut chart = ChartBuilder::on(area)
            .margin(8)
            .margin_right(16)
            .x_label_area_size(44)
            .y_label_area_size(62)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        chart
            .configure_mesh()
            .x_desc(x.label)
            .y_desc(y.label)
            .axis_desc_style(("sans-serif", TEXT_PX).into_font().color(&INK))
            .label_style(("sans-serif", TEXT_PX - 1).into_font().color(&INK))
            .axis_style(INK)
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .x_labels(x.n_labels(9))
            .y_labels(y.n_labels(7))
            .x_label_formatter(&|value| x.format(*value))
            .y_label_formatter(&|value| y.format(*value))
            .draw()?;
        draw(&mut chart)
    })
}

/// Draw a picture.
///
/// # Errors
/// A picture that cannot be drawn, with what plotters says.
pub fn svg(
    size: (u32, u32),
    draw: impl FnOnce(&DrawingArea<SVGBackend<'_>, Shift>) -> DrawResult,
) -> Result<String> {
    let mut text = String::new();
    let drawn = {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        draw(&area).and_then(|()| Ok(area.present()?))
    };
    drawn.map_err(|error| Error::Figure { reason: error.to_string() })?;
    Ok(text)
}

/// A range that holds values with a margin; `floor` is the least width.
pub fn range_of(values: impl Iterator<Item = f64>, floor: f64) -> Range<f64> {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    if low > high {
        return 0.0..1.0;
    }
    let middle = 0.5 * (low + high);
    let half = (0.55 * (high - low)).max(0.5 * floor).max(1e-12);
    middle - half..middle + half
}

/// Draw a line.
///
/// # Errors
/// What plotters says.
pub fn line(
    chart: &mut Chart<'_, '_>,
    points: Vec<(f64, f64)>,
    style: impl Into<ShapeStyle>,
) -> DrawResult {
    chart.draw_series(std::iter::once(PathElement::new(points, style)))?;
    Ok(())
}

/// Draw points.
///
/// # Errors
/// What plotters says.
pub fn points(
    chart: &mut Chart<'_, '_>,
    points: impl Iterator<Item = (f64, f64)>,
    radius: u32,
    colour: RGBColor,
) -> DrawResult {
    chart.draw_series(points.map(|at| Circle::new(at, radius, colour.mix(0.65).filled())))?;
    Ok(())
}

/// Draw points with error bars.
///
/// # Errors
/// What plotters says.
pub fn error_bars(
    chart: &mut Chart<'_, '_>,
    points: impl Iterator<Item = (f64, f64, f64)>,
    colour: RGBColor,
) -> DrawResult {
    chart.draw_series(points.map(|(x, y, error)| {
        ErrorBar::new_vertical(x, y - error, y, y + error, colour.filled(), 5)
    }))?;
    Ok(())
}

/// Draw the bars of a histogram.
///
/// # Errors
/// What plotters says.
pub fn steps(
    chart: &mut Chart<'_, '_>,
    counts: &[f64],
    from: f64,
    width: f64,
    colour: RGBColor,
) -> DrawResult {
    let bars = counts.iter().enumerate().map(|(k, &count)| {
        let left = from + k as f64 * width;
        Rectangle::new([(left, 0.0), (left + width, count)], colour.mix(0.45).filled())
    });
    chart.draw_series(bars)?;
    Ok(())
}

/// Write into a chart.
///
/// # Errors
/// What plotters says.
pub fn note(chart: &mut Chart<'_, '_>, text: &str, at: (f64, f64), colour: RGBColor) -> DrawResult {
    let style = ("sans-serif", TEXT_PX - 1).into_font().color(&colour);
    chart.draw_series(std::iter::once(Text::new(text.to_owned(), at, style)))?;
    Ok(())
}

/// Counts of values in bins.
pub fn counts(values: impl Iterator<Item = f64>, range: &Range<f64>, n_bins: usize) -> Vec<f64> {
    let mut counts = vec![0.0; n_bins];
    let width = (range.end - range.start) / n_bins as f64;
    for value in values.filter(|value| value.is_finite()) {
        let bin = ((value - range.start) / width).floor();
        if bin >= 0.0
            && let Some(count) = counts.get_mut(bin as usize)
        {
            *count += 1.0;
        }
    }
    counts
}

/// Text of a map's scale.
pub fn small_text(colour: RGBColor) -> TextStyle<'static> {
    ("sans-serif", TEXT_PX - 2).into_font().color(&colour)
}
