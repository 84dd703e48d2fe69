//! Figures of photometry: repeatability, zero points, differences from standards.

use plotters::prelude::*;

use super::html::{band_key, escape, figure, figures};
use super::palette::{self, BAD, FAINT, INK};
use super::plot::{self, Axis, chart, line, points, range_of};
use crate::error::Result;
use crate::quality::Quality;
use crate::quality::repeatability::{StarRepeatability, zero_point_errors};
use crate::quality::requirement;
use crate::quality::standard::Origin;
use crate::statistics::median;

const SIZE: (u32, u32) = (600, 380);

/// All of them.
pub fn section(quality: &Quality) -> Result<String> {
    let mut drawn = vec![];
    drawn.extend(repeatability(quality)?);
    drawn.extend(standards(quality)?);
    drawn.extend(zero_points(quality)?);
    drawn.extend(deviations(quality)?);
    Ok(figures("figures", &drawn))
}

/// Rms of each star by magnitude, with the running median of what the errors claim.
fn repeatability(quality: &Quality) -> Result<Option<String>> {
    let stars = &quality.repeatabilities;
    let is_drawn = |s: &&StarRepeatability| s.rms_mmag > 0.0 && s.rms_mmag.is_finite();
    if stars.iter().filter(is_drawn).count() < 3 {
        return Ok(None);
    }
    let mags = range_of(stars.iter().map(|star| star.mag), 1.0);
    let (x, y) = (
        Axis::new("mean magnitude", mags.clone()),
        Axis::log("rms of the visits [mmag]", 0.5..300.0),
    );
    let bands = quality.observations.bands();
    let svg = chart(SIZE, &x, &y, |chart| {
        for band in &bands {
            let of_band: Vec<&StarRepeatability> =
                stars.iter().filter(is_drawn).filter(|star| star.band == *band).collect();
            let colour = palette::band(band);
            let at = |s: &&StarRepeatability| (s.mag, s.rms_mmag.log10());
            points(chart, of_band.iter().filter(|s| !s.is_bright).map(at), 2, colour)?;
            points(chart, of_band.iter().filter(|s| s.is_bright).map(at), 4, colour)?;
            let claimed = running_median(of_band.iter().map(|s| (s.mag, s.claimed_mmag.log10())));
            line(chart, claimed, colour.stroke_width(2))?;
        }
        for limit in [8.0f64, 5.0, 3.0] {
            let style =
                if limit == 5.0 { BAD.stroke_width(2) } else { BAD.mix(0.4).stroke_width(1) };
            let ends = vec![(mags.start, limit.log10()), (mags.end, limit.log10())];
            line(chart, ends, style)?;
        }
        Ok(())
    })?;
    let caption = format!(
        "Scatter of stars from visit to visit; large points are above S/N 200 and make PA1. Red: minimum, design and \
         stretch of PA1 in g, r, i. Lines: what the errors claim.{}",
        band_key(bands.iter().map(String::as_str))
    );
    Ok(Some(figure(&svg, &caption)))
}

/// Medians of values in steps of half a magnitude.
fn running_median(values: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut bins: std::collections::BTreeMap<i64, Vec<f64>> = Default::default();
    for (mag, value) in values.filter(|(_, value)| value.is_finite()) {
        bins.entry((2.0 * mag).floor() as i64).or_default().push(value);
    }
    bins.into_iter()
        .filter(|(_, values)| values.len() >= 3)
        .map(|(bin, mut values)| (0.5 * bin as f64 + 0.25, median(&mut values)))
        .collect()
}

/// Differences from truth or reference by magnitude.
fn standards(quality: &Quality) -> Result<Option<String>> {
    let Some((origin, residuals)) = &quality.standards else { return Ok(None) };
    let seen: Vec<(&str, f64, f64)> = residuals
        .iter()
        .filter(|r| r.fainter_mmag.is_finite())
        .map(|r| {
            let source = &quality.observations.sources[r.source];
            (quality.observations.band_of(source), r.mag, r.fainter_mmag)
        })
        .collect();
    if seen.len() < 3 {
        return Ok(None);
    }
    let mags = range_of(seen.iter().map(|s| s.1), 1.0);
    let (x, y) = (
        Axis::new("magnitude", mags.clone()),
        Axis::new("fainter than it should be [mmag]", -60.0..60.0),
    );
    let bands = quality.observations.bands();
    let svg = chart(SIZE, &x, &y, |chart| {
        for band in &bands {
            let of_band = || seen.iter().filter(|s| s.0 == band);
            let colour = palette::band(band);
            points(chart, of_band().map(|s| (s.1, s.2.clamp(-60.0, 60.0))), 2, colour)?;
            line(chart, running_median(of_band().map(|s| (s.1, s.2))), colour.stroke_width(3))?;
        }
        line(chart, vec![(mags.start, 0.0), (mags.end, 0.0)], INK.stroke_width(1))
    })?;
    let against = match origin {
        Origin::Truth => "the truth of the simulation".to_owned(),
        Origin::Reference(path) => format!("the stars of {}", escape(&path.display().to_string())),
    };
    let caption = format!(
        "Bright stars against {against}, with medians in steps of half a magnitude; beyond ±60 mmag at the edge.{}",
        band_key(bands.iter().map(String::as_str))
    );
    Ok(Some(figure(&svg, &caption)))
}

/// Zero point of each visit over time.
fn zero_points(quality: &Quality) -> Result<Option<String>> {
    let observations = &quality.observations;
    let mut of_visits: Vec<Vec<f64>> = vec![vec![]; observations.visits.len()];
    for image in observations.images.iter().filter(|image| image.zero_point_mag.is_finite()) {
        of_visits[image.visit].push(image.zero_point_mag);
    }
    let seen: Vec<(&str, f64, f64)> = of_visits
        .into_iter()
        .zip(&observations.visits)
        .filter(|(values, _)| !values.is_empty())
        .map(|(mut values, visit)| (visit.band.as_str(), visit.mid_mjd_tai, median(&mut values)))
        .collect();
    let Some(first) = seen.first().map(|s| s.1.floor()) else { return Ok(None) };
    let days = range_of(seen.iter().map(|s| s.1 - first), 0.01);
    // Bands have zero points of their own: what changes is of interest.
    let bands = observations.bands();
    let middles: Vec<f64> = bands
        .iter()
        .map(|band| {
            median(&mut seen.iter().filter(|s| s.0 == band).map(|s| s.2).collect::<Vec<_>>())
        })
        .collect();
    let relative = |s: &(&str, f64, f64)| {
        let band = bands.iter().position(|band| band == s.0).unwrap_or_default();
        s.2 - middles[band]
    };
    let label = format!("days since MJD {first}");
    let (x, y) = (
        Axis::new(&label, days.clone()),
        Axis::new(
            "zero point less the band's median [mag]",
            range_of(seen.iter().map(relative), 0.02),
        ),
    );
    let svg = chart(SIZE, &x, &y, |chart| {
        line(chart, vec![(days.start, 0.0), (days.end, 0.0)], FAINT.stroke_width(1))?;
        for band in &bands {
            let of_band = seen.iter().filter(|s| s.0 == band).map(|s| (s.1 - first, relative(s)));
            points(chart, of_band, 4, palette::band(band))?;
        }
        Ok(())
    })?;
    let medians: Vec<String> = bands
        .iter()
        .zip(&middles)
        .map(|(band, middle)| format!("{} {middle:.3}", escape(band)))
        .collect();
    let caption = format!(
        "Zero point of the visits: what falls is clouds or airmass. Medians: {} mag.{}",
        medians.join(", "),
        band_key(bands.iter().map(String::as_str))
    );
    Ok(Some(figure(&svg, &caption)))
}

/// Error of the zero point of each image, from the repeatability of its stars.
fn deviations(quality: &Quality) -> Result<Option<String>> {
    let observations = &quality.observations;
    let errors = zero_point_errors(observations, &quality.repeatabilities);
    if errors.len() < 3 {
        return Ok(None);
    }
    let range = -40.0..40.0;
    let bins = 40;
    let values = errors.iter().map(|(_, error, _)| error.clamp(-39.9, 39.9));
    let counts = plot::counts(values, &range, bins);
    let top = 1.1 * counts.iter().copied().fold(1.0, f64::max);
    let (x, y) =
        (Axis::new("error of the zero point [mmag]", range.clone()), Axis::new("images", 0.0..top));
    let svg = chart(SIZE, &x, &y, |chart| {
        plot::steps(chart, &counts, range.start, (range.end - range.start) / bins as f64, INK)?;
        let limit = requirement::pa3("r").thresholds.map_or(10.0, |t| t.design);
        for limit in [-limit, limit] {
            line(chart, vec![(limit, 0.0), (limit, top)], BAD.stroke_width(2))?;
        }
        Ok(())
    })?;
    let caption = "How far the zero point of each image is off, as its bright stars deviate from their means over \
                   all visits. Red: PA3, which their rms should not exceed; beyond ±40 mmag at the edge.";
    Ok(Some(figure(&svg, caption)))
}
