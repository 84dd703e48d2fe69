//! From the files of a frame to exposures: facts first, then pixels, mask and variance.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Zip};

use super::facts::FrameFacts;
use super::files::FrameFiles;
use super::options::FrameOptions;
use super::{Camera, almagest_sim, unknown, variance};
use crate::error::{Error, Result};
use crate::exposure::{DetectorInfo, Exposure};
use crate::fits::{FitsReader, Hdu};
use crate::image::{MaskedImage, mask_plane};
use crate::photo_calib::PhotoCalib;
use crate::visit_info::{VISIT_LIMIT, VisitInfo};
use crate::wcs::Wcs;

/// Reads an image with what belongs to it by name: one exposure per detector, in the file's order.
///
/// # Errors
/// A file that is not FITS, ends early, holds no image or no world coordinates; facts that neither the
/// header nor sidecar nor options give (all of them are named); companions that do not fit.
pub fn read_exposures(path: &Path, options: &FrameOptions) -> Result<Vec<Exposure>> {
    read_frame(&FrameFiles::of(path), options)
}

/// Reads a frame from its files; see [`read_exposures`].
pub fn read_frame(files: &FrameFiles, options: &FrameOptions) -> Result<Vec<Exposure>> {
    let mut frame = interpret_frame(files, options)?;
    let count = frame.detectors.len();
    let detectors = std::mem::take(&mut frame.detectors);
    detectors
        .into_iter()
        .enumerate()
        .map(|(n, detector)| frame.expose(detector, n, count))
        .collect()
}

/// Visit and detector of each exposure of a frame, without reading its pixels.
pub fn read_visits(
    files: &FrameFiles,
    options: &FrameOptions,
) -> Result<Vec<(VisitInfo, DetectorInfo)>> {
    let frame = interpret_frame(files, options)?;
    frame.detectors.iter().map(|detector| detector.identify(&files.image)).collect()
}

/// Refuses frames of which two claim one visit and detector.
///
/// # Errors
/// [`Error::IdentityConflict`] with the two files.
pub fn refuse_conflicts<'a>(frames: impl IntoIterator<Item = (i64, i32, &'a Path)>) -> Result<()> {
    let mut claimed: HashMap<(i64, i32), &Path> = HashMap::new();
    for (visit, detector, second) in frames {
        if let Some(first) = claimed.insert((visit, detector), second) {
            let (first, second) = (first.to_owned(), second.to_owned());
            return Err(Error::IdentityConflict { visit, detector, first, second });
        }
    }
    Ok(())
}

/// A frame whose headers are understood and whose pixels are still in their files.
pub(crate) struct Frame {
    pub reader: FitsReader,
    pub detectors: Vec<Detector>,
    weight: Option<FitsReader>,
    mask: Option<FitsReader>,
    psf: Option<PathBuf>,
}

/// One detector of a frame.
pub(crate) struct Detector {
    pub hdu: Hdu,
    pub camera: Camera,
    pub facts: FrameFacts,
}

/// Opens the files of a frame and understands its headers.
pub(crate) fn interpret_frame(files: &FrameFiles, options: &FrameOptions) -> Result<Frame> {
    let reader = FitsReader::open(&files.image)?;
    let sidecar = match &files.sidecar {
        Some(path) => Some((FrameOptions::from_sidecar(path)?, path.display().to_string())),
        None => None,
    };
    let mut detectors = Vec::new();
    for hdu in reader.images() {
        let camera = Camera::of(&hdu.header);
        if !camera.is_detector(hdu) {
            continue;
        }
        let mut facts = camera.facts(&hdu.header);
        if let Some((given, path)) = &sidecar {
            facts.override_with(given, path);
        }
        facts.override_with(options, "the options");
        if camera == Camera::Unknown {
            unknown::number(&mut facts, hdu.index);
        }
        detectors.push(Detector { hdu: hdu.clone(), camera, facts });
    }
    if detectors.is_empty() {
        return Err(Error::NoImage { path: files.image.clone() });
    }
    let sidecar = sidecar.map(|(given, _)| given).unwrap_or_default();
    if let Some(id) = options.detector.or(sidecar.detector)
        && detectors.len() > 1
    {
        return Err(Error::BadValue {
            path: files.image.clone(),
            hdu: 0,
            keyword: "detector".to_owned(),
            value: id.to_string(),
            reason: format!(
                "the file holds {} detectors, one number cannot name them",
                detectors.len()
            ),
        });
    }
    let open = |option: &Option<PathBuf>, beside: Option<PathBuf>, by_name: &Option<PathBuf>| {
        option
            .clone()
            .or(beside)
            .or(by_name.clone())
            .map(|path| FitsReader::open(&path))
            .transpose()
    };
    Ok(Frame {
        reader,
        detectors,
        weight: open(&options.weight, sidecar.weight, &files.weight)?,
        mask: open(&options.mask, sidecar.mask, &files.mask)?,
        psf: options.psf.clone().or(sidecar.psf).or(files.psf.clone()),
    })
}

impl Detector {
    /// The visit and detector, checked.
    fn identify(&self, path: &Path) -> Result<(VisitInfo, DetectorInfo)> {
        let hdu = self.hdu.index;
        let missing = self.facts.missing();
        let Some((visit, detector)) = self.facts.complete().filter(|_| missing.is_empty()) else {
            return Err(Error::MissingFacts {
                path: path.to_owned(),
                hdu,
                rule: self.facts.rule,
                missing,
            });
        };
        let bad = |keyword: &str, value: String, reason: &str| {
            let (keyword, reason) = (keyword.to_owned(), reason.to_owned());
            Err(Error::BadValue { path: path.to_owned(), hdu, keyword, value, reason })
        };
        if !(0..VISIT_LIMIT).contains(&visit.visit) {
            return bad("visit", visit.visit.to_string(), "a visit is at least 0 and below 2^38");
        }
        if detector.id < 0 {
            return bad("detector", detector.id.to_string(), "a detector is at least 0");
        }
        if !(visit.exposure_time_s >= 0.0 && visit.exposure_time_s.is_finite()) {
            return bad(
                "exposure time",
                visit.exposure_time_s.to_string(),
                "it is no length of time",
            );
        }
        if detector.gain_e_per_adu.is_some_and(|gain| !(gain > 0.0 && gain.is_finite())) {
            return bad("gain", format!("{:?}", detector.gain_e_per_adu), "a gain is positive");
        }
        Ok((visit, detector))
    }
}

impl Frame {
    /// Reads the pixels of the `nth` of `count` detectors and puts the exposure together.
    pub fn expose(&mut self, detector: Detector, nth: usize, count: usize) -> Result<Exposure> {
        let source = self.reader.path().to_owned();
        let (mut visit_info, info) = detector.identify(&source)?;
        let hdu = detector.hdu.index;
        let wcs = Wcs::from_header(&detector.hdu.header).map_err(|error| Error::Wcs {
            path: source.clone(),
            hdu,
            source: error,
        })?;
        let mut warnings = detector.facts.warnings.clone();
        let unused = self.reader.images().filter(|hdu| !detector.camera.is_detector(hdu));
        let unused: Vec<&str> = unused.filter_map(|hdu| hdu.name.as_deref()).collect();
        if detector.camera == Camera::Unknown && !unused.is_empty() {
            warnings.push(format!("not understood and not used: extensions {}", unused.join(", ")));
        }
        let image = self.reader.read_image(hdu)?;
        let mask = self.read_mask(&detector, nth, count, &image, &mut warnings)?;
        let variance = self.read_variance(&detector, nth, count, &image, &mut warnings)?;
        let photo_calib = detector.facts.zero_point_mag.and_then(PhotoCalib::from_zero_point);
        if photo_calib.is_none() {
            warnings.push(
                "no zero point: fluxes in nJy will be NULL (--zeropoint gives one)".to_owned(),
            );
        }
        let (ny, nx) = image.dim();
        visit_info.sky_rotation_deg = Some(sky_rotation(&wcs, nx, ny));
        Ok(Exposure {
            masked_image: clean(image, mask, variance, info.gain_e_per_adu),
            wcs,
            visit_info,
            photo_calib,
            detector: info,
            psf_fwhm_hint_px: detector.facts.psf_fwhm_px,
            psf_model: self.psf.clone(),
            warnings,
            source,
        })
    }

    fn read_mask(
        &mut self,
        detector: &Detector,
        nth: usize,
        count: usize,
        image: &Array2<f32>,
        warnings: &mut Vec<String>,
    ) -> Result<Array2<u32>> {
        if let Some(reader) = &mut self.mask {
            let index = matching(reader, &detector.hdu, nth, count, image.dim())?;
            // The mask's own header knows by which version of the pipeline it was written.
            let meaning = match reader.hdus().get(index) {
                Some(hdu)
                    if Camera::of(&hdu.header) == Camera::Decam && hdu.header.has("PLVER") =>
                {
                    Camera::Decam.facts(&hdu.header).mask_meaning
                }
                _ => detector.facts.mask_meaning,
            };
            return Ok(meaning.translate(&reader.read_integers(index)?));
        }
        if detector.camera == Camera::AlmagestSim
            && let Some(index) = extension(&self.reader, almagest_sim::MASK, image.dim())?
        {
            return Ok(detector.facts.mask_meaning.translate(&self.reader.read_integers(index)?));
        }
        let Some(saturation) = detector.facts.saturation_adu else {
            warnings.push("no mask and no saturation level: no pixel is flagged".to_owned());
            return Ok(Array2::zeros(image.dim()));
        };
        warnings.push(format!(
            "no mask: only pixels at or above {saturation:.0} ADU are flagged, as SAT"
        ));
        let saturated = |&adu: &f32| if f64::from(adu) >= saturation { mask_plane::SAT } else { 0 };
        Ok(image.map(saturated))
    }

    fn read_variance(
        &mut self,
        detector: &Detector,
        nth: usize,
        count: usize,
        image: &Array2<f32>,
        warnings: &mut Vec<String>,
    ) -> Result<Array2<f32>> {
        if let Some(reader) = &mut self.weight {
            let index = matching(reader, &detector.hdu, nth, count, image.dim())?;
            return Ok(variance::from_weight(&reader.read_image(index)?));
        }
        if detector.camera == Camera::AlmagestSim
            && let Some(index) = extension(&self.reader, almagest_sim::VARIANCE, image.dim())?
        {
            return self.reader.read_image(index);
        }
        let facts = &detector.facts;
        if let (Some(gain), Some(sky)) = (facts.gain_e_per_adu, facts.subtracted_sky_adu) {
            warnings.push(format!(
                "no weight: variance from gain {gain:.3}, sky {sky:.0} ADU and read noise"
            ));
            return Ok(variance::from_photons(image, sky, gain, facts.read_noise_e.unwrap_or(0.0)));
        }
        warnings
            .push("no weight: variance estimated from the scatter of the image itself".to_owned());
        let background = variance::of_background(image).unwrap_or_else(|| {
            warnings.push("the image has no scatter: variance set to 1 ADU^2".to_owned());
            1.0
        }) as f32;
        let Some(gain) = facts.gain_e_per_adu else {
            return Ok(Array2::from_elem(image.dim(), background));
        };
        let sky = variance::median(image.iter().copied().collect()).unwrap_or(0.0);
        Ok(image.mapv(|adu| background + (adu - sky).max(0.0) / gain as f32))
    }
}

/// The HDU of a weight or mask file that belongs to a detector: the one of its name, or of its place
/// where names do not tell and there are as many.
fn matching(
    reader: &FitsReader,
    detector: &Hdu,
    nth: usize,
    count: usize,
    shape: (usize, usize),
) -> Result<usize> {
    let refuse = |reason: String| Err(Error::Companion { path: reader.path().to_owned(), reason });
    let images: Vec<&Hdu> = reader.images().collect();
    let named = images.iter().find(|hdu| hdu.name.is_some() && hdu.name == detector.name);
    let placed = if images.len() == count { images.get(nth) } else { None };
    let Some(hdu) = named.or(placed) else {
        return refuse(format!(
            "no image in it belongs to HDU {} ({}) of the frame",
            detector.index,
            detector.name.as_deref().unwrap_or("unnamed")
        ));
    };
    check_shape(reader.path(), hdu, shape)?;
    Ok(hdu.index)
}

fn extension(reader: &FitsReader, name: &str, shape: (usize, usize)) -> Result<Option<usize>> {
    let Some(hdu) = reader.images().find(|hdu| hdu.name.as_deref() == Some(name)) else {
        return Ok(None);
    };
    check_shape(reader.path(), hdu, shape)?;
    Ok(Some(hdu.index))
}

fn check_shape(path: &Path, hdu: &Hdu, (ny, nx): (usize, usize)) -> Result<()> {
    let (width, height) = (hdu.header.i64("NAXIS1"), hdu.header.i64("NAXIS2"));
    if (width, height) == (i64::try_from(nx).ok(), i64::try_from(ny).ok()) {
        return Ok(());
    }
    let reason = format!(
        "HDU {} has {} x {} pixels, the image {nx} x {ny}",
        hdu.index,
        width.unwrap_or(0),
        height.unwrap_or(0)
    );
    Err(Error::Companion { path: path.to_owned(), reason })
}

/// Keeps the promise of [`Exposure`]: image finite, variance finite and positive, the mask says why.
fn clean(
    mut image: Array2<f32>,
    mut mask: Array2<u32>,
    mut variance: Array2<f32>,
    gain: Option<f64>,
) -> MaskedImage {
    Zip::from(&image).and(&variance).and(&mut mask).for_each(|&adu, &variance, mask| {
        if !adu.is_finite() {
            *mask |= mask_plane::NO_DATA;
        } else if !(variance > 0.0 && variance.is_finite()) && *mask == 0 {
            // No weight, and nobody says why.
            *mask |= mask_plane::BAD;
        }
    });
    variance::fill(&mut variance, &image, gain);
    image.mapv_inplace(|adu| if adu.is_finite() { adu } else { 0.0 });
    MaskedImage { image, mask, variance }
}

/// Position angle of the y axis at the centre, from north through east, degrees.
fn sky_rotation(wcs: &Wcs, nx: usize, ny: usize) -> f64 {
    let affine = wcs.local_affine(nx as f64 / 2.0, ny as f64 / 2.0);
    affine[0][1].atan2(affine[1][1]).to_degrees().rem_euclid(360.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn conflict_names_both_files() {
        let frames =
            [(7, 1, Path::new("a.fits")), (7, 2, Path::new("b.fits")), (7, 1, Path::new("c.fits"))];
        assert!(refuse_conflicts(frames[..2].iter().copied()).is_ok());
        let error = refuse_conflicts(frames).unwrap_err().to_string();
        assert_eq!(error, "visit 7, detector 1 is claimed by two frames: a.fits and c.fits");
    }

    #[test]
    fn unusable_pixels_are_masked_and_finite() {
        let image =
            Array2::from_shape_vec((1, 4), vec![1.0, f32::NAN, 3.0, f32::INFINITY]).unwrap();
        let mask = Array2::from_shape_vec((1, 4), vec![0, 0, mask_plane::CR, 0]).unwrap();
        let variance =
            Array2::from_shape_vec((1, 4), vec![f32::INFINITY, 2.0, 0.0, f32::NAN]).unwrap();
        let clean = clean(image, mask, variance, None);
        assert_eq!(
            clean.mask.as_slice().unwrap(),
            [mask_plane::BAD, mask_plane::NO_DATA, mask_plane::CR, mask_plane::NO_DATA]
        );
        assert_eq!(clean.image.as_slice().unwrap(), [1.0, 0.0, 3.0, 0.0]);
        assert!(clean.variance.iter().all(|&v| v == 2.0));
    }
}
