//! Bias: what each pixel reads without light and time.

use ndarray::s;

use super::{AmplifierImage, check_frame};
use crate::calibration::CalibrationFrame;
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::MaskedImage;

/// Subtract a master bias (ADU), with its noise.
///
/// # Errors
/// A bias of another detector.
pub(super) fn subtract(
    pixels: &mut MaskedImage,
    bias: &CalibrationFrame,
    raw: &RawFrame,
    amplifiers: &[AmplifierImage],
) -> Result<()> {
    subtract_scaled(pixels, bias, raw, amplifiers, 1.0)
}

/// Subtract so many times a calibration image in ADU; each amplifier has its gain.
pub(super) fn subtract_scaled(
    pixels: &mut MaskedImage,
    frame: &CalibrationFrame,
    raw: &RawFrame,
    amplifiers: &[AmplifierImage],
    times: f64,
) -> Result<()> {
    check_frame(frame, raw, pixels)?;
    for (amplifier, place) in amplifiers.iter().zip(&raw.amplifiers) {
        let b = place.bbox;
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let scale = (amplifier.gain_e_per_adu * times) as f32;
        ndarray::Zip::from(pixels.image.slice_mut(part))
            .and(pixels.mask.slice_mut(part))
            .and(pixels.variance.slice_mut(part))
            .and(frame.pixels.image.slice(part))
            .and(frame.pixels.mask.slice(part))
            .and(frame.pixels.variance.slice(part))
            .par_for_each(|electrons, bits, variance, &value, &own, &noise| {
                *electrons -= scale * value;
                *bits |= own;
                if noise.is_finite() {
                    *variance += scale * scale * noise;
                }
            });
    }
    Ok(())
}
