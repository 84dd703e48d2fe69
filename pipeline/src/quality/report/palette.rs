//! Colours: of bands, of values, of what is good and bad. Ink and grid follow the page's theme: the
//! style sheet replaces these two in the dark.

use plotters::style::RGBColor;

/// Axes and text.
pub const INK: RGBColor = RGBColor(33, 37, 41);
/// Lines of the grid, outlines of detectors.
pub const GRID: RGBColor = RGBColor(222, 226, 230);
/// What is between the two: points that are not looked at first.
pub const FAINT: RGBColor = RGBColor(134, 142, 150);
/// Thresholds, and what is bad.
pub const BAD: RGBColor = RGBColor(224, 49, 49);
/// A second thing beside the ink: models, expectations.
pub const ACCENT: RGBColor = RGBColor(247, 148, 29);

/// The colour of a band.
pub fn band(name: &str) -> RGBColor {
    match name {
        "u" => RGBColor(112, 72, 232),
        "g" => RGBColor(47, 158, 68),
        "r" => RGBColor(232, 89, 12),
        "i" => RGBColor(174, 62, 201),
        "z" => RGBColor(28, 126, 214),
        "y" => RGBColor(201, 146, 0),
        _ => RGBColor(134, 142, 150),
    }
}

/// Matplotlib's viridis at nine places (S. van der Walt and N. Smith, 2015, public domain).
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 45.0, 123.0],
    [59.0, 82.0, 139.0],
    [44.0, 114.0, 142.0],
    [33.0, 145.0, 140.0],
    [40.0, 174.0, 128.0],
    [94.0, 201.0, 98.0],
    [173.0, 220.0, 48.0],
    [253.0, 231.0, 37.0],
];

/// From blue over light grey to red: for values about zero.
const DIVERGING: [[f64; 3]; 5] = [
    [24.0, 100.0, 171.0],
    [116.0, 173.0, 220.0],
    [236.0, 238.0, 240.0],
    [244.0, 154.0, 120.0],
    [178.0, 34.0, 48.0],
];

/// The colour of a value from 0 to 1.
pub fn sequential(value: f64) -> RGBColor {
    between(&VIRIDIS, value)
}

/// The colour of a value from −1 to 1.
pub fn diverging(value: f64) -> RGBColor {
    between(&DIVERGING, 0.5 * (value + 1.0))
}

fn between(colours: &[[f64; 3]], value: f64) -> RGBColor {
    if value.is_nan() {
        return GRID;
    }
    let at = value.clamp(0.0, 1.0) * (colours.len() - 1) as f64;
    let below = (at as usize).min(colours.len() - 2);
    let part = at - below as f64;
    let mix = |k: usize| {
        (colours[below][k] + part * (colours[below + 1][k] - colours[below][k])).round() as u8
    };
    RGBColor(mix(0), mix(1), mix(2))
}

/// Is black or white text better to read on a colour?
pub fn text_on(colour: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = colour;
    let light = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if light > 140.0 { RGBColor(0, 0, 0) } else { RGBColor(255, 255, 255) }
}

/// As CSS writes it.
pub fn css(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}
