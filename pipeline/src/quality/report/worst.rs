//! Cut-outs of the worst cases: what a person wants to see with their own eyes.
//!
//! Pixels come from the butler: the image without its sky, else the calibrated image, else what instrument
//! signature removal made. Where none of them is there any more, the case is shown without.

use std::collections::HashMap;

use base64::Engine;
use ndarray::Array2;

use super::html::{escape, figures, number};
use crate::butler::{Butler, DataId, DatasetRef, Dimension, Value};
use crate::error::{Error, Result};
use crate::exposure::Exposure;
use crate::quality::Quality;
use crate::quality::completeness::judged;
use crate::quality::observations::{Observations, SourceKind};
use crate::statistics::{median, robust_sigma};

/// Cases of each kind.
const PER_KIND: usize = 6;
/// Cases of one image in each kind.
const PER_IMAGE: usize = 2;
/// Half of the side of a cut-out, arcsec.
const RADIUS_ARCSEC: f64 = 8.0;
/// Images that are kept in memory at a time.
const MAX_IMAGES: usize = 4;
/// Where pixels are looked for, in this order.
const DATASET_TYPES: [&str; 4] = ["subtracted_image", "visit_image", "post_isr_image", "raw"];
/// The colour of a pixel that has no value, or lies beyond the edge.
const NO_PIXEL: [u8; 3] = [24, 38, 66];
/// Side of the picture of a whole image, pixels.
const OVERVIEW_PX: usize = 160;

/// A place on an image that should be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Index of the image.
    pub image: usize,
    /// Where, ICRS degrees.
    pub place: (f64, f64),
    /// What is wrong there.
    pub text: String,
}

/// All cases, by kind, with their pictures.
pub fn section(quality: &Quality, butler: Option<&Butler>) -> Result<String> {
    let mut album = Album { butler, images: HashMap::new(), order: vec![] };
    let mut html = overviews(quality, butler)?;
    for (title, cases) in cases(quality) {
        if cases.is_empty() {
            continue;
        }
        let pictures: Vec<String> = cases
            .iter()
            .map(|case| album.picture(&quality.observations, case))
            .collect::<Result<_>>()?;
        html += &format!("<h3>{title}</h3>\n{}", figures("cuts", &pictures));
    }
    if html.is_empty() {
        html += "<p class=\"soft\">There is nothing that stands out.</p>\n";
    }
    Ok(html)
}

/// The worst cases, by kind.
pub fn cases(quality: &Quality) -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("Magnitudes farthest from their star's mean", deviant_magnitudes(quality)),
        ("Positions farthest from the standard", displaced(quality)),
        ("Stars least like the PSF model", unlike_psf(quality)),
        ("Bright stars that were not found", missed(quality)),
        ("Brightest detections of nothing", invented(quality)),
    ]
}

/// The first of a list by a measure of badness; of one image only a few, so that one streak does not hide
/// all else.
fn worst(mut ranked: Vec<(f64, Case)>) -> Vec<Case> {
    ranked.retain(|(badness, _)| badness.is_finite());
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut of_image: HashMap<usize, usize> = HashMap::new();
    let is_new = |case: &Case| {
        let n = of_image.entry(case.image).or_default();
        *n += 1;
        *n <= PER_IMAGE
    };
    ranked.into_iter().map(|(_, case)| case).filter(is_new).take(PER_KIND).collect()
}

fn at_source(observations: &Observations, source: usize, text: String) -> Case {
    let row = &observations.sources[source];
    Case { image: row.image, place: (row.ra, row.dec), text }
}

fn deviant_magnitudes(quality: &Quality) -> Vec<Case> {
    let stars = quality.repeatabilities.iter().filter(|star| star.is_bright);
    let ranked = stars.flat_map(|star| &star.deviations_mmag).map(|(source, deviation)| {
        let side = if *deviation > 0.0 { "fainter" } else { "brighter" };
        let text = format!("{} mmag {side} than its mean", number(deviation.abs()));
        (deviation.abs(), at_source(&quality.observations, *source, text))
    });
    worst(ranked.filter(|(deviation, _)| *deviation > 15.0).collect())
}

fn displaced(quality: &Quality) -> Vec<Case> {
    let residuals = quality.standards.iter().flat_map(|(_, residuals)| residuals);
    let ranked = residuals.map(|r| {
        let mas = r.east_mas.hypot(r.north_mas);
        (mas, at_source(&quality.observations, r.source, format!("{} mas off", number(mas))))
    });
    worst(ranked.filter(|(mas, _)| *mas > 15.0).collect())
}

fn unlike_psf(quality: &Quality) -> Vec<Case> {
    let ranked = quality.psf_residuals.iter().map(|residual| {
        let e = residual.e1.hypot(residual.e2);
        let text =
            format!("size {:+.1} %, ellipticity off by {}", 100.0 * residual.size, number(e));
        let badness = (residual.size.abs() + e) / residual.size_noise;
        (badness, at_source(&quality.observations, residual.source, text))
    });
    worst(ranked.filter(|(badness, _)| *badness > 3.0).collect())
}

fn missed(quality: &Quality) -> Vec<Case> {
    let Some(truth) = &quality.truth else { return vec![] };
    let stars = truth.sources.iter().filter(|s| s.is_star && s.is_isolated && s.found.is_none());
    let ranked = stars.map(|star| {
        let text = format!("S/N {} by truth", number(star.snr));
        (star.snr, Case { image: star.image, place: (star.ra, star.dec), text })
    });
    worst(ranked.filter(|(snr, _)| *snr > 8.0).collect())
}

fn invented(quality: &Quality) -> Vec<Case> {
    let Some(truth) = &quality.truth else { return vec![] };
    let false_ones = judged(&quality.observations).filter(|number| !truth.is_real[*number]);
    let ranked = false_ones.map(|source| {
        let row = &quality.observations.sources[source];
        debug_assert!(row.kind == SourceKind::Primary);
        let text = format!("S/N {}, nothing in truth", number(row.snr));
        (row.snr, at_source(&quality.observations, source, text))
    });
    worst(ranked.collect())
}

/// Images on which quanta have failed, as a whole.
fn overviews(quality: &Quality, butler: Option<&Butler>) -> Result<String> {
    let Some(butler) = butler else { return Ok(String::new()) };
    let mut pictures = vec![];
    let mut seen = std::collections::HashSet::new();
    for failure in quality.costs.failures.iter().filter(|failure| failure.status == "failed") {
        let Ok(data_id) = DataId::parse(&failure.data_id) else { continue };
        let is_image = data_id.integer(Dimension::Detector).is_some();
        if !is_image || pictures.len() >= PER_KIND || !seen.insert(failure.data_id.clone()) {
            continue;
        }
        let Some(dataset) = newest(butler, &data_id)? else { continue };
        let Ok(Value::Exposure(exposure)) = butler.get(&dataset) else { continue };
        let picture = binned(&exposure.masked_image.image);
        pictures.push(frame(
            "cut",
            &png(&picture)?,
            &format!(
                "{} <span class=\"fail\">{}</span>",
                escape(&failure.data_id),
                escape(&failure.label)
            ),
        ));
    }
    Ok(match pictures.is_empty() {
        true => String::new(),
        false => format!("<h3>Images on which a task failed</h3>\n{}", figures("cuts", &pictures)),
    })
}

/// The dataset with the pixels of a data id.
fn newest(butler: &Butler, data_id: &DataId) -> Result<Option<DatasetRef>> {
    let datasets = butler.registry().of_data_id(data_id)?;
    let of_type = |name: &&str| datasets.iter().find(|dataset| dataset.dataset_type.name == **name);
    Ok(DATASET_TYPES.iter().find_map(of_type).cloned())
}

/// Images of the butler, a few of them in memory.
struct Album<'a> {
    butler: Option<&'a Butler>,
    images: HashMap<usize, Option<Exposure>>,
    order: Vec<usize>,
}

impl Album<'_> {
    /// A cut-out with its text.
    fn picture(&mut self, observations: &Observations, case: &Case) -> Result<String> {
        let image = &observations.images[case.image];
        let visit = observations.visits[image.visit].visit;
        let text = format!(
            "{}<br><a href=\"visits/{visit}.html\">visit {visit}</a>, detector {}<br><span class=\"mono\">{:.6} {:+.6}</span>",
            escape(&case.text),
            image.detector,
            case.place.0,
            case.place.1
        );
        let radius_px = (RADIUS_ARCSEC / image.pixel_arcsec).round();
        let cut =
            self.image(observations, case.image)?.and_then(|e| around(e, case.place, radius_px));
        Ok(match cut {
            Some(cut) => frame("cut aim", &png(&cut)?, &text),
            None => format!(
                "<figure><div class=\"cut\"></div><figcaption>{text}<br>its pixels are gone</figcaption></figure>\n"
            ),
        })
    }

    fn image(&mut self, observations: &Observations, image: usize) -> Result<Option<&Exposure>> {
        if !self.images.contains_key(&image) {
            if self.order.len() >= MAX_IMAGES {
                let oldest = self.order.remove(0);
                self.images.remove(&oldest);
            }
            let row = &observations.images[image];
            let visit = observations.visits[row.visit].visit;
            let detector = i32::try_from(row.detector).unwrap_or(-1);
            let data_id = DataId::visit_detector(&row.instrument, visit, detector);
            let exposure = match self.butler {
                Some(butler) => match newest(butler, &data_id)? {
                    // A file that cannot be read any more is as good as none.
                    Some(dataset) => match butler.get(&dataset) {
                        Ok(Value::Exposure(exposure)) => Some(*exposure),
                        _ => None,
                    },
                    None => None,
                },
                None => None,
            };
            self.images.insert(image, exposure);
            self.order.push(image);
        }
        Ok(self.images.get(&image).and_then(Option::as_ref))
    }
}

/// The pixels about a place, which is in the middle also where the image ends before; NaN beyond its edge.
fn around(exposure: &Exposure, (ra, dec): (f64, f64), radius_px: f64) -> Option<Array2<f32>> {
    let (x, y) = exposure.wcs.sky_to_pixel(ra, dec)?;
    let is_sane = x.is_finite() && y.is_finite() && (4.0..400.0).contains(&radius_px);
    let (x, y, radius) = is_sane.then(|| (x.round() as i64, y.round() as i64, radius_px as i64))?;
    let image = &exposure.masked_image.image;
    let pixel = |row: i64, column: i64| {
        let (row, column) = (usize::try_from(row).ok()?, usize::try_from(column).ok()?);
        image.get((row, column)).copied()
    };
    let side = 2 * radius as usize + 1;
    Some(Array2::from_shape_fn((side, side), |(j, i)| {
        pixel(y - radius + j as i64, x - radius + i as i64).unwrap_or(f32::NAN)
    }))
}

/// A picture in its frame; `text` is HTML.
fn frame(class: &str, png: &[u8], text: &str) -> String {
    let data = base64::engine::general_purpose::STANDARD.encode(png);
    format!(
        "<figure><div class=\"{class}\"><img alt=\"\" src=\"data:image/png;base64,{data}\"></div><figcaption>{text}</figcaption></figure>\n"
    )
}

/// An image of the size of a picture: medians are not needed to see that all is saturated.
fn binned(image: &Array2<f32>) -> Array2<f32> {
    let (ny, nx) = image.dim();
    let step = ny.max(nx).div_ceil(OVERVIEW_PX).max(1);
    Array2::from_shape_fn((ny.div_ceil(step), nx.div_ceil(step)), |(y, x)| {
        image[[(y * step).min(ny - 1), (x * step).min(nx - 1)]]
    })
}

/// Pixels as a picture in grey: the sky dark, what is bright by its inverse hyperbolic sine; the first row
/// at the bottom, as astronomers look at it. Pixels without a value are dark blue.
///
/// # Errors
/// A picture that cannot be encoded: a bug.
pub fn png(pixels: &Array2<f32>) -> Result<Vec<u8>> {
    let mut values: Vec<f64> =
        pixels.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).collect();
    let (sky, noise) = (median(&mut values), robust_sigma(&mut values).max(1e-6));
    let top = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let stretch = |value: f64| ((value - sky) / (2.0 * noise)).asinh();
    let (low, high) = (stretch(sky - 2.0 * noise), stretch(top.max(sky + 8.0 * noise)));
    let mut bytes = Vec::with_capacity(3 * pixels.len());
    for row in pixels.rows().into_iter().rev() {
        for value in row {
            let grey = 255.0 * (stretch(f64::from(*value)) - low) / (high - low);
            match grey.is_finite() {
                true => bytes.extend([grey.clamp(0.0, 255.0).round() as u8; 3]),
                false => bytes.extend(NO_PIXEL),
            }
        }
    }
    let (ny, nx) = pixels.dim();
    let mut file = vec![];
    let failed = |error: png::EncodingError| Error::Figure { reason: error.to_string() };
    {
        let mut encoder = png::Encoder::new(&mut file, nx as u32, ny as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&bytes).map_err(failed)?;
        writer.finish().map_err(failed)?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_picture_has_the_first_row_at_the_bottom() {
        let mut pixels = Array2::from_shape_fn((3, 4), |(y, x)| ((x * 7 + y * 3) % 5) as f32);
        pixels[[0, 0]] = 1000.0;
        pixels[[2, 3]] = f32::NAN;
        let file = png(&pixels).unwrap();
        let mut reader = png::Decoder::new(file.as_slice()).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((info.width, info.height), (4, 3));
        let pixel = |x: usize, y: usize| &bytes[3 * (4 * y + x)..][..3];
        assert_eq!(pixel(0, 2), [255, 255, 255]);
        assert_eq!(pixel(3, 0), NO_PIXEL);
    }

    #[test]
    fn flat_pixels_make_a_picture_too() {
        assert!(!png(&Array2::zeros((5, 5))).unwrap().is_empty());
        assert!(!png(&Array2::from_elem((5, 5), f32::NAN)).unwrap().is_empty());
    }
}
