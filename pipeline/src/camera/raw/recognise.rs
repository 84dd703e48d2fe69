//! Telling raw files from calibrated ones by what stands in their headers, never by their names.
//!
//! | what is seen | what it means |
//! |---|---|
//! | an HDU for an amplifier, where the camera keeps one for each | raw: calibrated images hold whole detectors |
//! | a keyword that its file lists under `raw.marks` | raw by the values listed there, calibrated by others |
//! | an image larger than the detector, in which the data sections of all amplifiers lie | raw |
//! | anything else | calibrated |

use std::path::Path;
use std::sync::Arc;

use super::read::{named_detector, section_of, unknown_camera};
use crate::camera::Camera;
use crate::camera::model::{CameraModel, RawHdu};
use crate::error::{Error, Result};
use crate::fits::{FitsReader, Hdu, HduKind, Header};

/// Keywords by which raw images of many cameras say where their overscan is.
const OVERSCAN_KEYWORDS: [&str; 4] = ["BIASSEC", "BIASSECA", "OVRSEC", "OVERSCAN"];

/// The camera of a file that is raw; `None` for a calibrated one, and for one of no known camera.
///
/// # Errors
/// A file that cannot be read as FITS.
pub fn camera_of_raw(
    path: &Path,
    cameras: &[Arc<CameraModel>],
) -> Result<Option<Arc<CameraModel>>> {
    let reader = FitsReader::open(path)?;
    let Some(primary) = reader.hdus().first().map(|hdu| &hdu.header) else { return Ok(None) };
    let its = |camera: &&Arc<CameraModel>| camera.recognises(primary) && is_raw(camera, &reader);
    Ok(cameras.iter().find(its).cloned())
}

/// Why a file is of no use where it is raw, by its form, and no camera recognises it; `None` for any
/// other.
///
/// # Errors
/// A file that cannot be read as FITS.
pub fn raw_of_no_camera(path: &Path, cameras: &[Arc<CameraModel>]) -> Result<Option<Error>> {
    let reader = FitsReader::open(path)?;
    let primary = reader.hdus().first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let is_known = cameras.iter().any(|camera| camera.recognises(&primary));
    let has_sky = |header: &Header| {
        header.text("CTYPE1").is_some_and(|t| t.starts_with("RA--") || t.starts_with("DEC-"))
    };
    let has_overscan = |hdu: &Hdu| OVERSCAN_KEYWORDS.iter().any(|key| hdu.header.has(key));
    let mut images = reader.images().peekable();
    let has_images = images.peek().is_some();
    let looks_raw = has_images
        && images.all(|hdu| {
            Camera::of(&hdu.header) == Camera::Unknown
                && (has_overscan(hdu) || !has_sky(&hdu.header))
        });
    Ok((looks_raw && !is_known).then(|| unknown_camera(path, &primary, cameras)))
}

fn is_raw(camera: &CameraModel, reader: &FitsReader) -> bool {
    if camera.raw_hdu() == RawHdu::Amplifier {
        let amplifiers = || camera.detectors().iter().flat_map(|detector| &detector.amplifiers);
        let is_one = |hdu: &Hdu| hdu.name.is_some() && amplifiers().any(|a| a.hdu == hdu.name);
        return reader.images().any(is_one);
    }
    // Extensions inherit the primary header, and may be the ones that say it.
    let said = reader.images().find_map(|hdu| camera.says_raw(&hdu.header));
    said.unwrap_or_else(|| reader.images().any(|hdu| is_laid_out_as_raw(camera, hdu)))
}

/// Whether an image has the place of a detector's data among pixels that are none of the detector's.
fn is_laid_out_as_raw(camera: &CameraModel, hdu: &Hdu) -> bool {
    let HduKind::Image { nx, ny, .. } = hdu.kind else { return false };
    let text = camera.headers().detector_text(&hdu.header);
    let Some(detector) = text.and_then(|text| named_detector(camera, &text)) else { return false };
    (nx > detector.size_px.0 || ny > detector.size_px.1)
        && detector.amplifiers.iter().all(|amplifier| {
            let data = section_of(&amplifier.sections.data, &hdu.header);
            let is_its = |data: &crate::camera::model::Section| {
                data.fits(nx, ny) && (data.nx, data.ny) == (amplifier.bbox.nx, amplifier.bbox.ny)
            };
            data.as_ref().is_some_and(is_its)
        })
}
