//! What was understood of an image file, for a person to read before trusting the numbers.

use std::fmt;
use std::path::Path;

use crate::camera::{FrameFacts, FrameFiles, FrameOptions, interpret_frame};
use crate::error::{Error, Result};
use crate::exposure::Exposure;
use crate::fits::{FitsReader, Hdu, HduKind};
use crate::image::mask_plane;

/// The report on one file; displayed as some lines of text.
#[derive(Debug)]
pub struct Inspection {
    /// The file and what belongs to it.
    pub files: FrameFiles,
    /// One line for each HDU.
    pub hdus: Vec<String>,
    /// One report for each detector.
    pub detectors: Vec<DetectorInspection>,
    /// Why the file is no frame, where it is none.
    pub problem: Option<Error>,
}

/// The report on one detector of a file.
#[derive(Debug)]
pub struct DetectorInspection {
    /// Number of its HDU.
    pub hdu: usize,
    /// What header, sidecar and options say.
    pub facts: FrameFacts,
    /// The exposure, or why it cannot be read.
    pub exposure: Result<Exposure>,
}

impl Inspection {
    /// Whether the file could be processed as it is.
    pub fn is_usable(&self) -> bool {
        self.problem.is_none() && self.detectors.iter().all(|detector| detector.exposure.is_ok())
    }
}

/// Reads a file and everything that belongs to it, and reports what was understood.
///
/// # Errors
/// Only a file that cannot be read as FITS; whatever else is wrong stands in the report.
pub fn inspect(path: &Path, options: &FrameOptions) -> Result<Inspection> {
    let files = FrameFiles::of(path);
    let hdus = FitsReader::open(path)?.hdus().iter().map(describe_hdu).collect();
    let mut inspection = Inspection { files, hdus, detectors: Vec::new(), problem: None };
    match interpret_frame(&inspection.files, options) {
        Ok(mut frame) => {
            let detectors = std::mem::take(&mut frame.detectors);
            let count = detectors.len();
            for (nth, detector) in detectors.into_iter().enumerate() {
                let (hdu, facts) = (detector.hdu.index, detector.facts.clone());
                let exposure = frame.expose(detector, nth, count);
                inspection.detectors.push(DetectorInspection { hdu, facts, exposure });
            }
        }
        Err(problem) => inspection.problem = Some(problem),
    }
    Ok(inspection)
}

fn describe_hdu(hdu: &Hdu) -> String {
    let kind = match hdu.kind {
        HduKind::Empty => "header only".to_owned(),
        HduKind::Other => "no image".to_owned(),
        HduKind::Image { nx, ny, bitpix, compressed } => {
            let pixel = if bitpix < 0 { "real" } else { "integer" };
            let stored = if compressed { ", in compressed tiles" } else { "" };
            format!("image {nx} x {ny}, {} bit {pixel}{stored}", bitpix.unsigned_abs())
        }
    };
    format!("{:<3} {:<10} {kind}", hdu.index, hdu.name.as_deref().unwrap_or(""))
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.files.image.display())?;
        for hdu in &self.hdus {
            writeln!(f, "  HDU {hdu}")?;
        }
        let companions = [
            ("weight", &self.files.weight),
            ("mask", &self.files.mask),
            ("PSF model", &self.files.psf),
            ("sidecar", &self.files.sidecar),
        ];
        for (role, path) in companions {
            if let Some(path) = path {
                writeln!(f, "  {role:<13} {}", path.display())?;
            }
        }
        for detector in &self.detectors {
            detector.fmt(f)?;
        }
        if let Some(problem) = &self.problem {
            writeln!(f, "  cannot be used: {problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DetectorInspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.facts;
        writeln!(f, "detector in HDU {}", self.hdu)?;
        let mut line = |name: &str, text: String| writeln!(f, "  {name:<13} {text}");
        line("camera rule", facts.rule.to_owned())?;
        line("visit", from(show(facts.visit), &facts.identity_from))?;
        let detector = show(facts.detector_id);
        line("detector", from(detector, facts.detector_name.as_deref().unwrap_or("")))?;
        line(
            "band",
            from(show(facts.band.as_ref()), facts.physical_filter.as_deref().unwrap_or("")),
        )?;
        let mid = facts.midpoint().map(|mjd| format!("MJD {mjd:.8} TAI"));
        line("midpoint", from(show(mid), &facts.time_from))?;
        line("exposure time", unit(facts.exposure_time_s, "s"))?;
        line("zero point", unit(facts.zero_point_mag, "mag (AB, 1 ADU)"))?;
        line("gain", unit(facts.gain_e_per_adu, "electrons per ADU"))?;
        line("read noise", unit(facts.read_noise_e, "electrons"))?;
        line("saturation", unit(facts.saturation_adu, "ADU"))?;
        line("subtracted sky", unit(facts.subtracted_sky_adu, "ADU"))?;
        line("seeing", unit(facts.psf_fwhm_px, "pixels (FWHM)"))?;
        line("mask", facts.mask_meaning.describe().to_owned())?;
        match &self.exposure {
            Ok(exposure) => show_exposure(f, exposure),
            Err(error) => {
                facts
                    .warnings
                    .iter()
                    .try_for_each(|warning| writeln!(f, "  warning       {warning}"))?;
                writeln!(f, "  cannot be used: {error}")
            }
        }
    }
}

fn show_exposure(f: &mut fmt::Formatter<'_>, exposure: &Exposure) -> fmt::Result {
    let (nx, ny) = exposure.size();
    let (x, y) = ((nx as f64 - 1.0) / 2.0, (ny as f64 - 1.0) / 2.0);
    let (ra, dec) = exposure.wcs.pixel_to_sky(x, y);
    let scale = exposure.wcs.pixel_scale_arcsec(x, y);
    let projection = exposure.wcs.projection();
    writeln!(
        f,
        "  sky           {projection}, centre {ra:.6} {dec:+.6} deg, {scale:.4} arcsec per pixel"
    )?;
    for (ra, dec) in exposure.wcs.corners(nx, ny) {
        writeln!(f, "  corner        {ra:.6} {dec:+.6} deg")?;
    }
    for (name, plane) in mask_plane::ALL {
        let count = exposure.masked_image.count(plane);
        if count > 0 {
            writeln!(f, "  mask plane    {name}: {count} of {} pixels", nx * ny)?;
        }
    }
    exposure.warnings.iter().try_for_each(|warning| writeln!(f, "  warning       {warning}"))
}

fn show<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
}

fn unit(value: Option<f64>, unit: &str) -> String {
    value.map_or_else(|| "unknown".to_owned(), |value| format!("{value} {unit}"))
}

fn from(value: String, source: &str) -> String {
    if source.is_empty() { value } else { format!("{value}  [{source}]") }
}
