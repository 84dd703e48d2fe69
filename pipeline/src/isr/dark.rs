//! Dark current: what gathers without light, in proportion to time.

use super::{AmplifierImage, bias};
use crate::calibration::CalibrationFrame;
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::MaskedImage;

/// Subtract a master dark (ADU a second) as often as there were seconds of darkness, with its noise.
///
/// # Errors
/// A dark of another detector.
pub(super) fn subtract(
    pixels: &mut MaskedImage,
    dark: &CalibrationFrame,
    raw: &RawFrame,
    amplifiers: &[AmplifierImage],
) -> Result<()> {
    bias::subtract_scaled(pixels, dark, raw, amplifiers, raw.exposure.dark_time_s)
}
