//! The page of one visit.

use std::fmt::Write;

use super::astrometry::{nice, shifts};
use super::focal_map::Field;
use super::html::{count, escape, figure, figures, number, page};
use super::mosaic;
use super::psf::{whisker_map, whiskers_of};
use super::summary;
use crate::error::Result;
use crate::quality::Quality;
use crate::quality::metric::Status;
use crate::quality::standard::StandardResidual;
use crate::statistics::quantile;

const MAP_PX: u32 = 440;

/// Make the page of a visit, of which these are the sources.
///
/// # Errors
/// A figure that cannot be drawn.
pub fn visit_page(quality: &Quality, visit: usize, sources: &[usize]) -> Result<String> {
    let observations = &quality.observations;
    let row = &observations.visits[visit];
    let mut html = String::new();
    let neighbour = |index: Option<usize>, text: &str| {
        index
            .and_then(|index| observations.visits.get(index))
            .map_or(String::new(), |other| format!("<a href=\"{}.html\">{text}</a>", other.visit))
    };
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<h1>Visit {} <span class=\"soft\">{}</span></h1>\n<div class=\"soft\">MJD {:.5} TAI, {} s, airmass {}</div>\n\
         <nav><a href=\"../index.html\">all visits</a>{}{}</nav>\n",
        row.visit,
        escape(&row.band),
        row.mid_mjd_tai,
        number(row.exposure_s),
        number(row.airmass),
        neighbour(visit.checked_sub(1), "← earlier"),
        neighbour(Some(visit + 1), "later →"),
    );
    let lost: Vec<_> = quality
        .costs
        .failures
        .iter()
        .filter(|failure| {
            failure.data_id.split(',').any(|part| part.trim() == format!("visit={}", row.visit))
        })
        .collect();
    for failure in lost {
        let _ = writeln!(
            html,
            "<div class=\"verdict bad\">{} {}<small class=\"mono\">{}: {}</small></div>",
            escape(&failure.label),
            escape(&failure.status),
            escape(&failure.data_id),
            escape(&failure.reason)
        );
    }
    html += &summary::of_visit(quality, row.visit);
    html += "<h2>Focal plane</h2>\n";
    html += &mosaic::of_visit(observations, visit)?;
    let field = Field::of(observations.images.iter().map(|image| &image.placement));
    let mut drawn = vec![];
    let whiskers = whiskers_of(observations, &field, sources);
    if !whiskers.is_empty() {
        let mut lengths: Vec<f64> = whiskers.iter().map(super::psf::Whisker::length).collect();
        let long = nice(quantile(&mut lengths, 0.9).max(1e-3));
        let foot = format!("bar at the lower left: e = {}", number(long));
        let svg = whisker_map(observations, &field, visit, &whiskers, long, MAP_PX, &foot)?;
        drawn.push(figure(
            &svg,
            "Ellipticity of stars (thin) and of the PSF model (thick, orange).",
        ));
    }
    if let Some((_, residuals)) = &quality.standards {
        let of_visit = |r: &&StandardResidual| {
            observations.images[observations.sources[r.source].image].visit == visit
        };
        let of_visit: Vec<&StandardResidual> = residuals.iter().filter(of_visit).collect();
        if of_visit.len() >= 6 {
            drawn.push(shifts(observations, &field, &of_visit, MAP_PX)?);
        }
    }
    html += &figures("figures", &drawn);
    html += &detectors(quality, visit, sources);
    Ok(page(&format!("Visit {}", row.visit), &html))
}

/// Numbers of each detector.
fn detectors(quality: &Quality, visit: usize, sources: &[usize]) -> String {
    let observations = &quality.observations;
    let n_sources = |image: usize| {
        sources.iter().filter(|number| observations.sources[**number].image == image).count()
    };
    let mut html = "<h2>Detectors</h2>\n<table class=\"grid\"><tr><th class=\"n\">detector</th><th class=\"n\">sources</th>\
         <th class=\"n\">PSF stars</th><th class=\"n\">seeing [″]</th><th class=\"n\">sky [ADU]</th><th class=\"n\">sky [mag/″²]</th>\
         <th class=\"n\">sky noise [ADU]</th><th class=\"n\">zero point [mag]</th><th class=\"n\">5σ depth [mag]</th></tr>\n"
        .to_owned();
    for (number_of, image) in
        observations.images.iter().enumerate().filter(|(_, i)| i.visit == visit)
    {
        let _ = writeln!(
            html,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{:.2}</td><td class=\"n\">{}</td><td class=\"n\">{:.3}</td><td class=\"n\">{:.2}</td></tr>",
            image.detector,
            count(n_sources(number_of)),
            fixed(image.n_psf_stars, 0),
            image.seeing_arcsec,
            number(image.sky_adu),
            mosaic::sky_brightness(image),
            number(image.sky_noise_adu),
            image.zero_point_mag,
            image.mag_lim,
        );
    }
    html + "</table>\n"
}

/// All visits in a table, the most recent last.
pub fn visits_table(quality: &Quality) -> String {
    let observations = &quality.observations;
    let mut html = "<div class=\"scroll\"><table class=\"grid\"><tr><th>visit</th><th>band</th><th class=\"n\">MJD TAI</th><th class=\"n\">airmass</th>\
         <th class=\"n\">images</th><th class=\"n\">seeing [″]</th><th class=\"n\">zero point [mag]</th><th class=\"n\">5σ depth [mag]</th><th>fails</th></tr>\n"
        .to_owned();
    for (index, visit) in observations.visits.iter().enumerate() {
        let images: Vec<_> =
            observations.images.iter().filter(|image| image.visit == index).collect();
        let middle = |of: fn(&crate::quality::observations::ImageRow) -> f64| {
            let mut values: Vec<f64> =
                images.iter().map(|image| of(image)).filter(|v| v.is_finite()).collect();
            crate::statistics::median(&mut values)
        };
        let failing: Vec<&str> = quality
            .metrics
            .iter()
            .filter(|m| {
                m.scope.visit == Some(visit.visit) && m.status(quality.level) == Status::Fail
            })
            .map(|m| m.requirement.name.as_ref())
            .collect();
        let fails = match failing.is_empty() {
            true => "<td></td>".to_owned(),
            false => format!("<td class=\"fail small\">{}</td>", escape(&failing.join(", "))),
        };
        let _ = writeln!(
            html,
            "<tr><td class=\"name\"><a href=\"visits/{0}.html\">{0}</a></td><td>{1}</td><td class=\"n\">{2:.4}</td><td class=\"n\">{3}</td>\
             <td class=\"n\">{4}</td><td class=\"n\">{5}</td><td class=\"n\">{6}</td><td class=\"n\">{7}</td>{8}</tr>",
            visit.visit,
            escape(&visit.band),
            visit.mid_mjd_tai,
            number(visit.airmass),
            images.len(),
            number(middle(|i| i.seeing_arcsec)),
            fixed(middle(|i| i.zero_point_mag), 3),
            fixed(middle(|i| i.mag_lim), 2),
            fails,
        );
    }
    html + "</table></div>\n"
}

fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "–".to_owned() }
}
