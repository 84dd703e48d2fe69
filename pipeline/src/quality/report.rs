//! The report: pages that show everything at once, without a network or a script.
//!
//! ```text
//!   DIR/index.html            verdict, what failed, all metrics, figures, worst cases, visits
//!   DIR/visits/VISIT.html     one visit: its metrics, its focal plane, its detectors
//! ```
//!
//! What has to be looked at first comes first: what failed, then why, then all the rest.

mod astrometry;
mod cost;
mod detection;
mod focal_map;
mod html;
mod mosaic;
mod palette;
mod photometry;
mod plot;
mod psf;
mod summary;
mod visit_page;
mod worst;

use std::fs;
use std::path::{Path, PathBuf};

use super::Quality;
use crate::butler::Butler;
use crate::error::{Error, Result};
use html::{count, escape, page};

/// What the report is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportTitle {
    /// Name of the catalog.
    pub catalog: String,
    /// When it was measured, UTC.
    pub measured_at: String,
}

/// Write the report into a folder, which is made; files of an earlier report are replaced. Return the
/// page to open.
///
/// # Errors
/// Files that cannot be written, figures that cannot be drawn.
pub fn write(
    quality: &Quality,
    butler: Option<&Butler>,
    folder: &Path,
    title: &ReportTitle,
) -> Result<PathBuf> {
    let visits = folder.join("visits");
    fs::create_dir_all(&visits).map_err(|source| Error::Io { path: visits.clone(), source })?;
    let put = |path: &Path, text: String| {
        fs::write(path, text).map_err(|source| Error::Io { path: path.to_owned(), source })
    };
    let by_visit = quality.observations.sources_by_visit();
    for (index, visit) in quality.observations.visits.iter().enumerate() {
        let path = visits.join(format!("{}.html", visit.visit));
        put(&path, visit_page::visit_page(quality, index, &by_visit[index])?)?;
    }
    let index = folder.join("index.html");
    put(&index, index_page(quality, butler, title)?)?;
    Ok(index)
}

fn index_page(quality: &Quality, butler: Option<&Butler>, title: &ReportTitle) -> Result<String> {
    let mut body = head(quality, title);
    body += &summary::verdict(quality);
    body += &summary::failures(quality);
    let sections: [(&str, &str, String); 9] = [
        ("metrics", "Metrics of all visits", metrics(quality)),
        ("psf", "Point-spread function", psf::section(quality)?),
        ("photometry", "Photometry", photometry::section(quality)?),
        ("astrometry", "Astrometry", astrometry::section(quality)?),
        ("detection", "Detection and errors", detection::section(quality)?),
        ("focal-plane", "Focal plane", mosaic::section(quality)?),
        ("worst", "Worst cases", worst::section(quality, butler)?),
        ("cost", "Times and memory", cost::section(quality)),
        ("visits", "Visits", visit_page::visits_table(quality)),
    ];
    for (anchor, name, html) in &sections {
        body += &format!("<h2 id=\"{anchor}\">{name}</h2>\n{html}");
    }
    body += &foot(quality);
    Ok(page(&format!("Quality of {}", title.catalog), &body))
}

fn head(quality: &Quality, title: &ReportTitle) -> String {
    let observations = &quality.observations;
    let of_night = quality.night.map_or(String::new(), |night| format!(", night {night}"));
    format!(
        "<h1>Quality of {}</h1>\n<div class=\"soft\">version {}{of_night}, measured {} UTC: {} visits, {} images, {} sources, \
         {} objects, {:.0} Mpix</div>\n<nav><a href=\"#metrics\">metrics</a><a href=\"#psf\">PSF</a><a href=\"#photometry\">photometry</a>\
         <a href=\"#astrometry\">astrometry</a><a href=\"#detection\">detection</a><a href=\"#focal-plane\">focal plane</a>\
         <a href=\"#worst\">worst cases</a><a href=\"#cost\">times</a><a href=\"#visits\">visits</a></nav>\n",
        escape(&title.catalog),
        observations.version,
        escape(&title.measured_at),
        count(observations.visits.len()),
        count(observations.images.len()),
        count(observations.sources.len()),
        count(observations.objects.len()),
        1e-6 * observations.n_pixels(),
    )
}

fn metrics(quality: &Quality) -> String {
    format!(
        "<p class=\"soft small\">Green passes, red fails by the level {}; n. m. is not measurable (hold the pointer over it for the \
         reason); the others are not judged. Metrics of LPM-17, the LSST Science Requirements Document, have its names and \
         definitions.</p>\n{}<h3>Of single visits</h3>\n{}",
        quality.level.name(),
        summary::of_survey(quality),
        summary::of_visits(quality)
    )
}

fn foot(quality: &Quality) -> String {
    format!(
        "<footer>The same numbers are in the table Metrics of the catalog: <span class=\"mono\">SELECT metric, band, visit, value, \
         design, status FROM Metrics WHERE version = {} ORDER BY status</span></footer>\n",
        quality.observations.version
    )
}
