//! Figures of detection against the truth: completeness, purity, pulls.

use plotters::prelude::*;

use super::html::{band_key, figure, figures, number};
use super::palette::{self, BAD, FAINT, INK};
use super::plot::{self, Axis, chart, error_bars, line};
use crate::error::Result;
use crate::photo_calib::njy_to_magnitude;
use crate::quality::Quality;
use crate::quality::completeness::{CompletenessPoint, curve, half_complete, judged};
use crate::quality::observations::Observations;
use crate::quality::pull;
use crate::quality::truth::Truth;
use crate::statistics::robust_sigma;

const SIZE: (u32, u32) = (600, 380);

/// All of them.
pub fn section(quality: &Quality) -> Result<String> {
    let mut drawn = vec![];
    let mut html = String::new();
    match &quality.truth {
        None => {
            html += "<p class=\"soft\">Completeness, purity and pulls need the truth of a simulation \
                     (<span class=\"mono\">--truth</span>).</p>\n";
        }
        Some(truth) => {
            drawn.push(by_signal_to_noise(truth)?);
            drawn.push(by_magnitude(quality, truth)?);
            drawn.extend(purity(&quality.observations, truth)?);
            let fluxes: Vec<f64> = pull::flux_pulls(&quality.observations, truth)
                .into_iter()
                .map(|(_, pull)| pull)
                .collect();
            drawn.extend(pulls(
                &fluxes,
                "PSF fluxes of isolated stars of S/N 10 to 100 against the truth",
            )?);
            let places = pull::centroid_pulls(&quality.observations, truth);
            drawn.extend(pulls(
                &places,
                "Positions of isolated stars of S/N 10 to 30 against the truth",
            )?);
        }
    }
    drawn.extend(pulls(&pull::sky_pulls(&quality.observations), "PSF fluxes at empty places")?);
    Ok(html + &figures("figures", &drawn))
}

fn shares(
    chart: &mut plot::Chart<'_, '_>,
    bins: &[CompletenessPoint],
    colour: RGBColor,
) -> plot::DrawResult {
    line(chart, bins.iter().map(|bin| (bin.at, bin.share())).collect(), colour.stroke_width(2))?;
    error_bars(chart, bins.iter().map(|bin| (bin.at, bin.share(), bin.error())), colour)
}

fn by_signal_to_noise(truth: &Truth) -> Result<String> {
    let bins = curve(truth.sources.iter(), |star| star.snr, (1.0, 15.0), 0.5);
    let (x, y) = (
        Axis::new("signal to noise that the star should have", 1.0..15.0),
        Axis::new("share found", 0.0..1.05),
    );
    let half = half_complete(truth);
    let svg = chart(SIZE, &x, &y, |chart| {
        line(chart, vec![(1.0, 0.5), (15.0, 0.5)], FAINT.stroke_width(1))?;
        for (snr, share) in [(7.0, 0.97), (8.0, 0.99)] {
            line(chart, vec![(snr - 0.25, share), (snr + 0.25, share)], BAD.stroke_width(3))?;
        }
        for snr in [4.7, 5.2] {
            line(chart, vec![(snr, 0.46), (snr, 0.54)], BAD.stroke_width(3))?;
        }
        shares(chart, &bins, INK)
    })?;
    let caption = match half {
        Some((snr, n)) => format!(
            "Completeness of isolated stars: half of them at S/N {} ({n} stars there). Red: what is asked at half, at 7 and at 8.",
            number(snr)
        ),
        None => {
            "Completeness of isolated stars. Red: what is asked at half, at 7 and at 8.".to_owned()
        }
    };
    Ok(figure(&svg, &caption))
}

fn by_magnitude(quality: &Quality, truth: &Truth) -> Result<String> {
    let observations = &quality.observations;
    let bands = observations.bands();
    let mags = (16.0, 27.0);
    let (x, y) = (Axis::new("true magnitude", mags.0..mags.1), Axis::new("share found", 0.0..1.05));
    let svg = chart(SIZE, &x, &y, |chart| {
        line(chart, vec![(mags.0, 0.5), (mags.1, 0.5)], FAINT.stroke_width(1))?;
        for band in &bands {
            let of_band =
                truth.sources.iter().filter(|s| observations.visit_of(s.image).band == *band);
            let bins = curve(of_band, |star| njy_to_magnitude(star.flux), mags, 0.5);
            let bins: Vec<CompletenessPoint> = bins.into_iter().filter(|bin| bin.n >= 5).collect();
            shares(chart, &bins, palette::band(band))?;
        }
        Ok(())
    })?;
    let key = band_key(bands.iter().map(String::as_str));
    Ok(figure(
        &svg,
        &format!("Completeness of isolated stars in single visits, by magnitude.{key}"),
    ))
}

/// Share of the detections that are something, by signal to noise.
fn purity(observations: &Observations, truth: &Truth) -> Result<Option<String>> {
    const EDGES: [f64; 9] = [5.0, 5.5, 6.0, 7.0, 8.5, 10.0, 15.0, 30.0, 400.0];
    let mut bins: Vec<CompletenessPoint> = EDGES
        .windows(2)
        .map(|edge| CompletenessPoint { at: (edge[0] * edge[1]).sqrt().log10(), n: 0, n_found: 0 })
        .collect();
    for number in judged(observations) {
        let snr = observations.sources[number].snr;
        let above = EDGES.partition_point(|edge| *edge <= snr);
        if let Some(bin) = above.checked_sub(1).and_then(|k| bins.get_mut(k)) {
            bin.n += 1;
            bin.n_found += usize::from(truth.is_real[number]);
        }
    }
    bins.retain(|bin| bin.n >= 10);
    if bins.is_empty() {
        return Ok(None);
    }
    let low = bins.iter().map(|bin| bin.share() - bin.error()).fold(0.95, f64::min);
    let (x, y) = (
        Axis::log("signal to noise", 4.5..200.0),
        Axis::new("share that is real", low - 0.02..1.005),
    );
    let range = x.range.clone();
    let svg = chart(SIZE, &x, &y, |chart| {
        line(chart, vec![(range.start, 0.985), (range.end, 0.985)], BAD.stroke_width(2))?;
        shares(chart, &bins, INK)
    })?;
    Ok(Some(figure(
        &svg,
        "Purity: detections at which there is something in truth. Red: what is asked of all together.",
    )))
}

/// Histogram of pulls with the Gaussian that they should be.
fn pulls(values: &[f64], what: &str) -> Result<Option<String>> {
    if values.len() < 30 {
        return Ok(None);
    }
    let range = -5.0..5.0;
    let bins = 50;
    let width = 10.0 / bins as f64;
    let mut counts = plot::counts(values.iter().map(|v| v.clamp(-4.99, 4.99)), &range, bins);
    let all = values.len() as f64 * width;
    counts.iter_mut().for_each(|count| *count /= all);
    let top = 1.1 * counts.iter().copied().fold(0.4, f64::max);
    let (x, y) = (Axis::new("difference / error", range), Axis::new("density", 0.0..top));
    let svg = chart(SIZE, &x, &y, |chart| {
        plot::steps(chart, &counts, -5.0, width, INK)?;
        let gauss = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let curve = (-100..=100).map(|k| f64::from(k) * 0.05).map(|x| (x, gauss(x))).collect();
        line(chart, curve, BAD.stroke_width(2))
    })?;
    let sigma = robust_sigma(&mut values.to_vec());
    let caption = format!(
        "{what}: spread {} of {}. Red: the unit Gaussian that it should be.",
        number(sigma),
        super::html::count(values.len())
    );
    Ok(Some(figure(&svg, &caption)))
}
