//! Variance: photons as many as there are electrons, and the noise of reading, electrons².

use ndarray::s;

use super::AmplifierImage;
use crate::camera::RawFrame;
use crate::image::MaskedImage;

/// Fill the variance of an assembled detector.
pub(super) fn fill(pixels: &mut MaskedImage, raw: &RawFrame, amplifiers: &[AmplifierImage]) {
    for (amplifier, place) in amplifiers.iter().zip(&raw.amplifiers) {
        let b = place.bbox;
        let part = s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx];
        let reading = (amplifier.read_noise_e * amplifier.read_noise_e) as f32;
        ndarray::Zip::from(pixels.variance.slice_mut(part))
            .and(pixels.image.slice(part))
            .for_each(|variance, &electrons| *variance = electrons.max(0.0) + reading);
    }
}
