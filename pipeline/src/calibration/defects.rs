//! Defects: pixels that are too bright in the dark, or too dark in the light.

use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

use super::{CalibrationError, CalibrationFrame};
use crate::camera::model::Section;
use crate::config::TaskConfig;
use crate::error::Result;
use crate::statistics::median;
use crate::tasks::not_positive;

/// Half the side of the box with whose median a pixel's response is compared, pixels.
const HALF_BOX: usize = 7;

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DefectsConfig {
    /// Dark current above which a pixel is a defect, ADU a second…
    pub bright_adu_per_s: f64,
    /// …where it also exceeds the noise of the dark so many times.
    pub bright_sigma: f64,
    /// Response below which a pixel is a defect, of the response around it.
    pub dark_fraction: f64,
    /// Bad pixels of a column from which on the gaps between them are bad too…
    pub column_pixels: usize,
    /// …where these are shorter than this, pixels.
    pub column_gap_px: usize,
}

impl Default for DefectsConfig {
    fn default() -> Self {
        Self {
            bright_adu_per_s: 2.5,
            bright_sigma: 4.8,
            dark_fraction: 0.8,
            column_pixels: 50,
            column_gap_px: 30,
        }
    }
}

impl TaskConfig for DefectsConfig {
    fn faults(&self) -> Vec<String> {
        not_positive(&[
            ("bright_adu_per_s", self.bright_adu_per_s),
            ("bright_sigma", self.bright_sigma),
            ("dark_fraction", self.dark_fraction),
        ])
    }
}

/// Why pixels are defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DefectKind {
    /// Charge without light.
    Bright,
    /// Light without charge.
    Dark,
}

/// A rectangle of defects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefectBox {
    /// Why.
    pub kind: DefectKind,
    /// Its pixels on the assembled detector.
    pub bbox: Section,
}

/// The defects of a detector.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defects {
    /// Rectangles, which do not overlap within a kind.
    pub boxes: Vec<DefectBox>,
}

/// Find the defects of a detector in its master dark and master flats (of any filters).
///
/// # Errors
/// Frames of different sizes; neither dark nor flat.
pub fn measure(
    dark: Option<&CalibrationFrame>,
    flats: &[&CalibrationFrame],
    config: &DefectsConfig,
) -> Result<Defects> {
    let size = dark.or(flats.first().copied()).map(|frame| frame.pixels.image.dim());
    let Some(size) = size else {
        let (product, what) = ("defects", "dark or flat");
        return Err(CalibrationError::TooFew { product, what, found: 0, needed: 1 }.into());
    };
    if let Some(other) = flats.iter().find(|flat| flat.pixels.image.dim() != size) {
        let of = |(ny, nx): (usize, usize)| format!("{nx} x {ny} pixels");
        let (found, wanted) = (of(other.pixels.image.dim()), of(size));
        return Err(CalibrationError::Mismatch { dataset: "flat", found, wanted }.into());
    }
    let mut boxes = vec![];
    if let Some(dark) = dark {
        let pixels = &dark.pixels;
        let is_bright = Array2::from_shape_fn(size, |at| {
            let (value, variance) = (f64::from(pixels.image[at]), f64::from(pixels.variance[at]));
            value > config.bright_adu_per_s && value > config.bright_sigma * variance.sqrt()
        });
        boxes.extend(boxes_of(is_bright, DefectKind::Bright, config));
    }
    let mut is_dark = Array2::from_elem(size, false);
    for flat in flats {
        for (at, &response) in flat.pixels.image.indexed_iter() {
            let least = config.dark_fraction * around(&flat.pixels.image, at, response);
            is_dark[at] |= response.is_nan() || f64::from(response) < least;
        }
    }
    boxes.extend(boxes_of(is_dark, DefectKind::Dark, config));
    Ok(Defects { boxes })
}

/// Median response around a pixel; 1 where the pixel is beyond doubt, which spares the look.
fn around(response: &Array2<f32>, (y, x): (usize, usize), own: f32) -> f64 {
    if own > 0.97 {
        return 1.0;
    }
    let (ny, nx) = response.dim();
    let rows = y.saturating_sub(HALF_BOX)..(y + HALF_BOX + 1).min(ny);
    let columns = x.saturating_sub(HALF_BOX)..(x + HALF_BOX + 1).min(nx);
    let near = response.slice(s![rows, columns]);
    // A dead block larger than the box must not make itself the measure.
    let median = median(&mut near.iter().map(|v| f64::from(*v)).collect::<Vec<_>>());
    median.max(0.5)
}

/// Rectangles of the marked pixels, after gaps of bad columns are closed.
fn boxes_of(mut is_bad: Array2<bool>, kind: DefectKind, config: &DefectsConfig) -> Vec<DefectBox> {
    let mut runs: Vec<Section> = vec![];
    for (x, mut column) in is_bad.columns_mut().into_iter().enumerate() {
        let rows: Vec<usize> =
            column.iter().enumerate().filter(|(_, bad)| **bad).map(|(y, _)| y).collect();
        if rows.len() >= config.column_pixels {
            for pair in rows.windows(2) {
                if pair[1] - pair[0] <= config.column_gap_px {
                    (pair[0]..pair[1]).for_each(|y| column[y] = true);
                }
            }
        }
        let mut y = 0;
        while y < column.len() {
            let ny = (y..column.len()).take_while(|&y| column[y]).count();
            if ny > 0 {
                runs.push(Section { x0: x, y0: y, nx: 1, ny });
            }
            y += ny.max(1);
        }
    }
    // Runs of neighbouring columns with the same rows are one rectangle.
    let mut boxes: Vec<Section> = vec![];
    for run in runs {
        let fits = |b: &&mut Section| b.x0 + b.nx == run.x0 && b.y0 == run.y0 && b.ny == run.ny;
        match boxes.iter_mut().rev().take_while(|b| b.x0 + b.nx + 64 > run.x0).find(fits) {
            Some(wider) => wider.nx += 1,
            None => boxes.push(run),
        }
    }
    boxes.into_iter().map(|bbox| DefectBox { kind, bbox }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::calibration::FrameKind;
    use crate::image::MaskedImage;

    fn frame(kind: FrameKind, value: f32) -> CalibrationFrame {
        let size = (200, 60);
        CalibrationFrame {
            kind,
            instrument: "Cam".to_owned(),
            detector: 0,
            physical_filter: None,
            n_frames: 5,
            pixels: MaskedImage {
                image: Array2::from_elem(size, value),
                mask: Array2::zeros(size),
                variance: Array2::from_elem(size, 1e-4),
            },
            gains: vec![],
        }
    }

    #[test]
    fn hot_pixels_columns_and_blocks_are_found() {
        let (mut dark, mut flat) = (frame(FrameKind::Dark, 0.02), frame(FrameKind::Flat, 1.0));
        dark.pixels.image[[10, 20]] = 7.0;
        // A noisy pixel of the same value is none.
        dark.pixels.image[[11, 20]] = 7.0;
        dark.pixels.variance[[11, 20]] = 4.0;
        flat.pixels.image.slice_mut(s![30..50, 5..25]).fill(0.0);
        // Dust is no defect.
        flat.pixels.image.slice_mut(s![100..120, 5..25]).fill(0.93);
        for y in (80..200).step_by(2) {
            flat.pixels.image[[y, 40]] = 0.3;
        }
        let found = measure(Some(&dark), &[&flat], &DefectsConfig::default()).unwrap();
        let boxes: Vec<_> = found.boxes.iter().map(|b| (b.kind, b.bbox.to_string())).collect();
        let expected = [
            (DefectKind::Bright, "[21:21,11:11]"),
            (DefectKind::Dark, "[6:25,31:50]"),
            (DefectKind::Dark, "[41:41,81:199]"),
        ];
        assert_eq!(boxes, expected.map(|(kind, text)| (kind, text.to_owned())));
        assert!(measure(None, &[], &DefectsConfig::default()).is_err());
    }
}
