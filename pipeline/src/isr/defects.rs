//! Defects: pixels that tell nothing of the light.

use ndarray::s;

use crate::calibration::{CalibrationError, Defects};
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};

/// Mark the defects of the detector as `BAD`.
///
/// # Errors
/// A defect beyond the detector.
pub(super) fn mask(pixels: &mut MaskedImage, defects: &Defects) -> Result<()> {
    let (ny, nx) = pixels.mask.dim();
    for defect in &defects.boxes {
        let b = defect.bbox;
        if !b.fits(nx, ny) {
            let (found, wanted) =
                (format!("a detector that holds {b}"), format!("{nx} x {ny} pixels"));
            return Err(CalibrationError::Mismatch { dataset: "defects", found, wanted }.into());
        }
        let mut part = pixels.mask.slice_mut(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx]);
        part.mapv_inplace(|bits| bits | mask_plane::BAD);
    }
    Ok(())
}

/// Mark pixels that are no number as `NO_DATA`; they are 0 until they are interpolated.
pub(super) fn mask_without_number(pixels: &mut MaskedImage) {
    ndarray::Zip::from(&mut pixels.image)
        .and(&mut pixels.mask)
        .and(&mut pixels.variance)
        .par_for_each(|value, bits, variance| {
            if !value.is_finite() || !variance.is_finite() {
                *value = 0.0;
                *bits |= mask_plane::NO_DATA;
                *variance = if variance.is_finite() { *variance } else { 0.0 };
            }
        });
}
