//! The focal plane, detector by detector: sky, seeing, zero point, depth.

use super::focal_map::{DetectorValue, Field, Scale, mosaic};
use super::html::{escape, figure, figures, ramp};
use crate::error::Result;
use crate::quality::Quality;
use crate::quality::observations::{ImageRow, Observations};
use crate::statistics::median;

const MAP_PX: u32 = 270;

/// A quantity of an image.
struct Quantity {
    name: &'static str,
    unit: &'static str,
    of: fn(&ImageRow) -> f64,
    format: fn(f64) -> String,
    /// The scale is at least so wide: what differs by less is equal.
    least: f64,
}

const QUANTITIES: [Quantity; 4] = [
    Quantity {
        name: "sky",
        unit: "mag/arcsec²",
        of: sky_brightness,
        format: |v| format!("{v:.2}"),
        least: 0.1,
    },
    Quantity {
        name: "seeing",
        unit: "arcsec",
        of: |i| i.seeing_arcsec,
        format: |v| format!("{v:.2}"),
        least: 0.1,
    },
    Quantity {
        name: "zero point",
        unit: "mag",
        of: |i| i.zero_point_mag,
        format: |v| format!("{v:.3}"),
        least: 0.02,
    },
    Quantity {
        name: "depth (5σ)",
        unit: "mag",
        of: |i| i.mag_lim,
        format: |v| format!("{v:.2}"),
        least: 0.1,
    },
];

/// Brightness of the sky, AB magnitudes per square arcsecond; NaN without a zero point.
pub fn sky_brightness(image: &ImageRow) -> f64 {
    image.zero_point_mag - 2.5 * (image.sky_adu / image.pixel_arcsec.powi(2)).log10()
}

/// One row of maps for each band: medians over its visits.
pub fn section(quality: &Quality) -> Result<String> {
    let mut html = String::new();
    for band in quality.observations.bands() {
        let of_band = |image: &ImageRow| quality.observations.visits[image.visit].band == band;
        let visits = quality.observations.visits.iter().filter(|visit| visit.band == band).count();
        html += &format!(
            "<h3>{} <span class=\"soft small\">median of {visits} visits</span></h3>\n",
            escape(&band)
        );
        html += &figures("quads", &maps(&quality.observations, of_band)?);
    }
    Ok(html)
}

/// The maps of one visit.
pub fn of_visit(observations: &Observations, visit: usize) -> Result<String> {
    Ok(figures("quads", &maps(observations, |image| image.visit == visit)?))
}

fn maps(observations: &Observations, is_meant: impl Fn(&ImageRow) -> bool) -> Result<Vec<String>> {
    let field = Field::of(observations.images.iter().map(|image| &image.placement));
    let mut drawn = vec![];
    for quantity in &QUANTITIES {
        let mut detectors: std::collections::BTreeMap<i64, (DetectorValue, Vec<f64>)> =
            Default::default();
        for image in observations.images.iter().filter(|image| is_meant(image)) {
            let value = DetectorValue { placement: image.placement, value: f64::NAN };
            let (_, values) = detectors.entry(image.detector).or_insert((value, vec![]));
            let value = (quantity.of)(image);
            if value.is_finite() {
                values.push(value);
            }
        }
        let detectors: Vec<DetectorValue> = detectors
            .into_values()
            .map(|(detector, mut values)| DetectorValue { value: median(&mut values), ..detector })
            .collect();
        let mut values: Vec<f64> =
            detectors.iter().map(|d| d.value).filter(|v| v.is_finite()).collect();
        if values.is_empty() {
            continue;
        }
        let scale = Scale::of(&mut values, false).at_least(quantity.least);
        let svg = mosaic(&field, MAP_PX, "", &detectors, &scale, quantity.format)?;
        let caption =
            format!("<b>{}</b><br>{}", quantity.name, ramp(&scale, quantity.format, quantity.unit));
        drawn.push(figure(&svg, &caption));
    }
    Ok(drawn)
}
