//! Reading raw frames by what the camera's file says of them.

use std::path::Path;
use std::sync::Arc;

use ndarray::{Array2, s};

use super::{RawAmplifier, RawExposure, RawFacts, RawFrame};
use crate::camera::model::header_map::DetectorBy;
use crate::camera::model::{Amplifier, CameraModel, DetectorModel, Given, Place, RawHdu, Section};
use crate::error::{Error, Result};
use crate::fits::{FitsReader, Hdu, HduKind, Header};
use crate::visit_info::VISIT_LIMIT;
use crate::wcs::Wcs;

/// Read a raw file: one frame for each of its detectors. The first of `cameras` that recognises the
/// primary header decides what the file means.
///
/// # Errors
/// A file that is not FITS or ends early; a header that no camera recognises; everything that a frame
/// lacks: amplifiers, sections, the time and other facts, each by its keyword.
pub fn read_raw(path: &Path, cameras: &[Arc<CameraModel>]) -> Result<Vec<RawFrame>> {
    read_frames(path, cameras, None)
}

/// Read one detector of a raw file: the one that is `index`-th of those that [`read_raw`] gives.
///
/// # Errors
/// Those of [`read_raw`]; [`Error::NoImage`] where there are fewer.
pub fn read_raw_detector(
    path: &Path,
    cameras: &[Arc<CameraModel>],
    index: usize,
) -> Result<RawFrame> {
    let frames = read_frames(path, cameras, Some(index))?;
    frames.into_iter().next().ok_or_else(|| Error::NoImage { path: path.to_owned() })
}

fn read_frames(
    path: &Path,
    cameras: &[Arc<CameraModel>],
    only: Option<usize>,
) -> Result<Vec<RawFrame>> {
    let mut reader = FitsReader::open(path)?;
    let primary = reader.hdus().first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let Some(camera) = cameras.iter().find(|camera| camera.recognises(&primary)) else {
        return Err(unknown_camera(path, &primary, cameras));
    };
    match camera.raw_hdu() {
        RawHdu::Amplifier => {
            let detector = detector(camera, &primary, path, 0)?.clone();
            Ok(vec![frame_of_amplifier_hdus(&mut reader, camera, detector, &primary)?])
        }
        RawHdu::Detector => {
            let images: Vec<Hdu> = reader.images().cloned().collect();
            if images.is_empty() {
                return Err(Error::NoImage { path: path.to_owned() });
            }
            let frame = |hdu: &Hdu| frame_of_detector_hdu(&mut reader, camera, hdu);
            let detectors = images.iter().filter(|hdu| !is_auxiliary(camera, hdu)).enumerate();
            let wanted = detectors.filter(|(index, _)| only.is_none_or(|only| *index == only));
            wanted.map(|(_, hdu)| hdu).map(frame).collect()
        }
    }
}

/// What a raw file is, read from its headers alone: one row for each of its detectors.
///
/// # Errors
/// Those of [`read_raw`] but for amplifiers, of which nothing is asked.
pub fn read_raw_facts(path: &Path, cameras: &[Arc<CameraModel>]) -> Result<Vec<RawFacts>> {
    let reader = FitsReader::open(path)?;
    let primary = reader.hdus().first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let Some(camera) = cameras.iter().find(|camera| camera.recognises(&primary)) else {
        return Err(unknown_camera(path, &primary, cameras));
    };
    let facts = |header: &Header, hdu: usize| {
        let detector = detector(camera, header, path, hdu)?;
        let mut missing = Vec::new();
        let exposure = exposure(camera, header, &mut missing);
        let exposure = exposure.ok_or_else(|| lacking(path, hdu, camera, missing))?;
        let (detector_id, detector_name) = (detector.id, detector.name.clone());
        Ok(RawFacts { camera: camera.clone(), detector_id, detector_name, exposure })
    };
    match camera.raw_hdu() {
        RawHdu::Amplifier => Ok(vec![facts(&primary, 0)?]),
        RawHdu::Detector => reader
            .images()
            .filter(|hdu| !is_auxiliary(camera, hdu))
            .map(|hdu| facts(&hdu.header, hdu.index))
            .collect(),
    }
}

/// Whether an image belongs to no detector of the model, as those of guiders and focus sensors.
fn is_auxiliary(camera: &CameraModel, hdu: &Hdu) -> bool {
    match camera.headers().detector_text(&hdu.header) {
        Some(text) => named_detector(camera, &text).is_none(),
        None => false,
    }
}

pub(super) fn unknown_camera(path: &Path, header: &Header, cameras: &[Arc<CameraModel>]) -> Error {
    let mut keywords: Vec<&str> =
        cameras.iter().flat_map(|c| c.marks()).map(|(keyword, _)| keyword.as_str()).collect();
    keywords.sort_unstable();
    keywords.dedup();
    let seen: Vec<String> = keywords
        .iter()
        .map(|keyword| match header.text(keyword) {
            Some(value) => format!("{keyword} = '{value}'"),
            None => format!("{keyword} (absent)"),
        })
        .collect();
    Error::UnknownCamera {
        path: path.to_owned(),
        seen: seen.join(", "),
        known: cameras.iter().map(|camera| camera.name().to_owned()).collect(),
    }
}

pub(super) fn named_detector<'a>(camera: &'a CameraModel, text: &str) -> Option<&'a DetectorModel> {
    match camera.headers().detector.is {
        DetectorBy::Name => camera.detector_named(text),
        DetectorBy::Id => camera.detector(text.parse().ok()?),
    }
}

fn detector<'a>(
    camera: &'a CameraModel,
    header: &Header,
    path: &Path,
    hdu: usize,
) -> Result<&'a DetectorModel> {
    let keywords = camera.headers().detector.keywords.join(" and ");
    let Some(text) = camera.headers().detector_text(header) else {
        return Err(lacking(path, hdu, camera, vec![format!("no detector ({keywords})")]));
    };
    named_detector(camera, &text).ok_or_else(|| {
        let missing = format!("{keywords} = {text}: the camera has no such detector");
        lacking(path, hdu, camera, vec![missing])
    })
}

fn lacking(path: &Path, hdu: usize, camera: &CameraModel, missing: Vec<String>) -> Error {
    Error::RawFrame { path: path.to_owned(), hdu, camera: camera.name().to_owned(), missing }
}

fn frame_of_amplifier_hdus(
    reader: &mut FitsReader,
    camera: &Arc<CameraModel>,
    detector: DetectorModel,
    primary: &Header,
) -> Result<RawFrame> {
    let path = reader.path().to_owned();
    let mut missing = Vec::new();
    let exposure = exposure(camera, primary, &mut missing);
    let mut found = Vec::new();
    for amplifier in &detector.amplifiers {
        let name = amplifier.hdu.as_deref().unwrap_or_default();
        let hdu = reader.images().find(|hdu| hdu.name.as_deref() == Some(name)).cloned();
        match hdu {
            None => missing.push(format!("no image HDU {name} (amplifier {})", amplifier.name)),
            Some(hdu) => {
                if let Some(facts) = amplifier_facts(amplifier, &hdu, &mut missing) {
                    found.push((hdu.index, facts));
                }
            }
        }
    }
    let (Some(exposure), true) = (exposure, missing.is_empty()) else {
        return Err(lacking(&path, 0, camera, missing));
    };
    let mut amplifiers = Vec::new();
    for (hdu, facts) in found {
        amplifiers.push(facts.with_pixels(reader.read_image(hdu)?));
    }
    Ok(RawFrame {
        camera: camera.clone(),
        detector,
        exposure,
        amplifiers,
        header_wcs: sky_wcs(primary),
        source: path,
    })
}

fn frame_of_detector_hdu(
    reader: &mut FitsReader,
    camera: &Arc<CameraModel>,
    hdu: &Hdu,
) -> Result<RawFrame> {
    let path = reader.path().to_owned();
    let detector = detector(camera, &hdu.header, &path, hdu.index)?.clone();
    let mut missing = Vec::new();
    let exposure = exposure(camera, &hdu.header, &mut missing);
    let facts: Vec<AmplifierFacts> = detector
        .amplifiers
        .iter()
        .filter_map(|amplifier| amplifier_facts(amplifier, hdu, &mut missing))
        .collect();
    let (Some(exposure), true) = (exposure, missing.is_empty()) else {
        return Err(lacking(&path, hdu.index, camera, missing));
    };
    let image = reader.read_image(hdu.index)?;
    Ok(RawFrame {
        camera: camera.clone(),
        detector,
        exposure,
        amplifiers: facts.into_iter().map(|facts| facts.cut_from(&image)).collect(),
        header_wcs: sky_wcs(&hdu.header),
        source: path,
    })
}

/// World coordinates of the sky; raw headers may hold others, such as those of the focal plane.
fn sky_wcs(header: &Header) -> Option<Wcs> {
    header.text("CTYPE1").filter(|ctype| ctype.starts_with("RA--") || ctype.starts_with("DEC-"))?;
    Wcs::from_header(header).ok()
}

/// The facts of an exposure; what is missing is added to the list.
fn exposure(
    camera: &CameraModel,
    header: &Header,
    missing: &mut Vec<String>,
) -> Option<RawExposure> {
    let keys = camera.headers();
    let mut need = |what: &str, keyword: &str| missing.push(format!("no {what} ({keyword})"));
    let visit = keys.visit(header).filter(|visit| (0..VISIT_LIMIT).contains(visit));
    if visit.is_none() {
        need("exposure number", &keys.visit_keywords());
    }
    let kind = keys.exposure_type(header);
    if kind.is_none() {
        need("known type of exposure", &keys.exposure_type.keyword);
    }
    let start = keys.start_mjd_tai(header);
    if start.is_none() {
        need("start time", &keys.start.keyword);
    }
    let time = header.f64(&keys.exposure_time).filter(|seconds| *seconds >= 0.0);
    if time.is_none() {
        need("exposure time", &keys.exposure_time);
    }
    let number = |key: &Option<String>| key.as_ref().and_then(|keyword| header.f64(keyword));
    let text = |key: &Option<String>| key.as_ref().and_then(|keyword| header.text(keyword));
    let filter = text(&keys.filter);
    Some(RawExposure {
        visit: visit?,
        kind: kind?,
        exposure_time_s: time?,
        dark_time_s: number(&keys.dark_time).or(time)?,
        start_mjd_tai: start?,
        physical_filter: filter.map(str::to_owned),
        band: filter.and_then(|name| camera.filter(name)).map(|filter| filter.band.clone()),
        boresight_deg: keys.boresight_deg(header),
        rotation_deg: number(&keys.rotation),
        airmass: number(&keys.airmass),
        target: text(&keys.target).map(str::to_owned),
    })
}

/// An amplifier whose pixels are still in the file; sections count in the image of the HDU.
struct AmplifierFacts(RawAmplifier);

impl AmplifierFacts {
    /// The amplifier to which the whole image belongs.
    fn with_pixels(self, pixels: Array2<f32>) -> RawAmplifier {
        RawAmplifier { pixels, ..self.0 }
    }

    /// The amplifier to which the smallest rectangle around its sections belongs.
    fn cut_from(self, image: &Array2<f32>) -> RawAmplifier {
        let mut amplifier = self.0;
        let others = [amplifier.prescan, amplifier.serial_overscan, amplifier.parallel_overscan];
        let all = || others.iter().flatten().chain([&amplifier.data]);
        let x0 = all().map(|section| section.x0).min().unwrap_or(0);
        let y0 = all().map(|section| section.y0).min().unwrap_or(0);
        let x1 = all().map(|section| section.x0 + section.nx).max().unwrap_or(0);
        let y1 = all().map(|section| section.y0 + section.ny).max().unwrap_or(0);
        let moved =
            |section: Section| Section { x0: section.x0 - x0, y0: section.y0 - y0, ..section };
        amplifier.pixels = image.slice(s![y0..y1, x0..x1]).to_owned();
        amplifier.data = moved(amplifier.data);
        amplifier.prescan = amplifier.prescan.map(moved);
        amplifier.serial_overscan = amplifier.serial_overscan.map(moved);
        amplifier.parallel_overscan = amplifier.parallel_overscan.map(moved);
        amplifier
    }
}

/// A section, that of the header resolved.
pub(super) fn section_of(place: &Place, header: &Header) -> Option<Section> {
    match place {
        Place::Fixed(section) => Some(*section),
        Place::Keyword(keyword) => header.text(keyword)?.parse().ok(),
    }
}

/// An amplifier's sections and numbers, those of the header resolved; what is missing is added to the
/// list.
fn amplifier_facts(
    amplifier: &Amplifier,
    hdu: &Hdu,
    missing: &mut Vec<String>,
) -> Option<AmplifierFacts> {
    let before = missing.len();
    let of = &amplifier.name;
    let HduKind::Image { nx, ny, .. } = hdu.kind else { return None };
    let mut section = |place: &Place, what: &str| {
        let section = section_of(place, &hdu.header);
        let name = match place {
            Place::Fixed(_) => what.to_owned(),
            Place::Keyword(keyword) => format!("{what} ({keyword})"),
        };
        match section {
            None => missing.push(format!("amplifier {of}: no {name}")),
            Some(section) if !section.fits(nx, ny) => missing.push(format!(
                "amplifier {of}: {name} {section} reaches beyond the image's {nx} x {ny} pixels"
            )),
            Some(_) => {}
        }
        section
    };
    let sections = &amplifier.sections;
    let data = section(&sections.data, "data section");
    let mut optional =
        |place: &Option<Place>, what: &str| place.as_ref().and_then(|p| section(p, what));
    let prescan = optional(&sections.prescan, "prescan");
    let serial_overscan = optional(&sections.serial_overscan, "serial overscan");
    let parallel_overscan = optional(&sections.parallel_overscan, "parallel overscan");
    if let Some(data) = data
        && (data.nx, data.ny) != (amplifier.bbox.nx, amplifier.bbox.ny)
    {
        let (nx, ny) = (amplifier.bbox.nx, amplifier.bbox.ny);
        missing.push(format!("amplifier {of}: data section {data} is not {nx} x {ny} pixels"));
    }
    let mut number = |given: &Given, what: &str| {
        let (value, name) = match given {
            Given::Number(value) => (Some(*value), what.to_owned()),
            Given::Keyword(keyword) => {
                (hdu.header.f64(keyword).filter(|v| *v > 0.0), format!("{what} ({keyword})"))
            }
        };
        if value.is_none() {
            missing.push(format!("amplifier {of}: no {name}"));
        }
        value
    };
    let gain = number(&amplifier.gain_e_per_adu, "gain");
    let read_noise = number(&amplifier.read_noise_e, "read noise");
    let saturation = number(&amplifier.saturation_adu, "saturation");
    if missing.len() > before {
        return None;
    }
    Some(AmplifierFacts(RawAmplifier {
        name: amplifier.name.clone(),
        pixels: Array2::zeros((0, 0)),
        data: data?,
        prescan,
        serial_overscan,
        parallel_overscan,
        bbox: amplifier.bbox,
        flip: amplifier.flip,
        gain_e_per_adu: gain?,
        read_noise_e: read_noise?,
        saturation_adu: saturation?,
        nonlinearity_per_e: amplifier.nonlinearity_per_e,
    }))
}
