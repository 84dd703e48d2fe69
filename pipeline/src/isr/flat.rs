//! Flat field: how many electrons each pixel makes of the same light.

use ndarray::s;

use super::{AmplifierImage, check_frame};
use crate::calibration::{CalibrationError, CalibrationFrame};
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};

/// Response below which a pixel is `BAD`.
const LEAST_RESPONSE: f32 = 0.05;

/// Divide by a master flat, with its noise. A flat that was made with other gains is brought to those of
/// the frame, amplifier by amplifier.
///
/// # Errors
/// A flat of another detector, silent on an amplifier, or without response on most of one.
pub(super) fn divide(
    pixels: &mut MaskedImage,
    flat: &CalibrationFrame,
    raw: &RawFrame,
    amplifiers: &[AmplifierImage],
) -> Result<()> {
    check_frame(flat, raw, pixels)?;
    for (amplifier, place) in amplifiers.iter().zip(&raw.amplifiers) {
        let name = &amplifier.name;
        let gain = flat.gains.iter().find(|(known, _)| known == name).map(|(_, gain)| *gain);
        let no_amplifier =
            || CalibrationError::NoAmplifier { dataset: "flat", amplifier: name.clone() };
        let rescale = (amplifier.gain_e_per_adu / gain.ok_or_else(no_amplifier)?) as f32;
        let b = place.bbox;
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let response = flat.pixels.image.slice(part);
        let unusable = response.iter().filter(|&&r| r.is_nan() || r < LEAST_RESPONSE).count();
        if 2 * unusable > response.len() {
            let level = response.iter().map(|&r| f64::from(r)).sum::<f64>() / response.len() as f64;
            let (frame, amplifier) = ("master flat".to_owned(), name.clone());
            let unit = "of the response";
            return Err(CalibrationError::NoLight { frame, amplifier, level, unit }.into());
        }
        ndarray::Zip::from(pixels.image.slice_mut(part))
            .and(pixels.mask.slice_mut(part))
            .and(pixels.variance.slice_mut(part))
            .and(response)
            .and(flat.pixels.mask.slice(part))
            .and(flat.pixels.variance.slice(part))
            .par_for_each(|electrons, bits, variance, &response, &own, &noise| {
                *bits |= own;
                if response.is_nan() || response < LEAST_RESPONSE {
                    *bits |= mask_plane::BAD;
                    return;
                }
                let response = response * rescale;
                *electrons /= response;
                let of_flat = *electrons * *electrons * noise * rescale * rescale;
                let of_flat = if of_flat.is_finite() { of_flat } else { 0.0 };
                *variance = (*variance + of_flat) / (response * response);
            });
    }
    Ok(())
}
