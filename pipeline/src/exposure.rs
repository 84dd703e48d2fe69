//! An exposure of one detector: pixels with all that their meaning needs.

use std::path::PathBuf;

use crate::image::MaskedImage;
use crate::photo_calib::PhotoCalib;
use crate::visit_info::VisitInfo;
use crate::wcs::Wcs;

/// A calibrated image of one detector.
///
/// As read from a file, each image pixel is finite and each variance finite and positive: where the
/// file has no number, the image is 0 and the mask says `NO_DATA`; where it gives a pixel no weight,
/// the variance is modelled and the mask says why the pixel must not be used.
#[derive(Debug, Clone)]
pub struct Exposure {
    /// Image (ADU), mask, variance (ADU²).
    pub masked_image: MaskedImage,
    /// Pixels to sky.
    pub wcs: Wcs,
    /// The visit.
    pub visit_info: VisitInfo,
    /// From ADU to nanojansky; `None` as long as no zero point is known.
    pub photo_calib: Option<PhotoCalib>,
    /// The detector.
    pub detector: DetectorInfo,
    /// Full width of a star at half its maximum, as the header knows it, pixels.
    pub psf_fwhm_hint_px: Option<f64>,
    /// A file with a model of the point-spread function: as given, or found beside the image.
    pub psf_model: Option<PathBuf>,
    /// What had to be assumed or corrected in reading.
    pub warnings: Vec<String>,
    /// The file of the image.
    pub source: PathBuf,
}

/// Facts of one detector.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorInfo {
    /// Number of the detector in its camera.
    pub id: i32,
    /// Name of the detector.
    pub name: String,
    /// Electrons per ADU of the image.
    pub gain_e_per_adu: Option<f64>,
    /// Read noise, electrons.
    pub read_noise_e: Option<f64>,
    /// Level at which pixels saturate, ADU of the image as it is (after any subtraction of the sky).
    pub saturation_adu: Option<f64>,
}

impl Exposure {
    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        let (ny, nx) = self.masked_image.image.dim();
        (nx, ny)
    }
}
