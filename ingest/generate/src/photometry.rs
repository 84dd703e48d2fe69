//! Fluxes, magnitudes and noise.
//!
//! Fluxes are AB in nJy: m = 31.4 − 2.5 log10 f. The noise of a PSF flux has three parts: sky and
//! read-out (from the depth of the visit), photons of the source itself, and calibration.

/// AB magnitude of 1 nJy.
pub const ZERO_POINT_MAG: f64 = 31.4;
/// Signal to noise from which a source is detected.
pub const DETECTION_SNR: f64 = 5.0;
/// Noise of the calibration, as a share of the flux.
const CALIBRATION_SHARE: f64 = 0.005;
/// Variance of the photon noise for each nJy of the source, nJy: some 25 electrons a µJy and visit.
const PHOTON_NJY: f64 = 20.0;

/// Return the flux of a magnitude, nJy.
pub fn flux_njy(mag: f64) -> f64 {
    libm::exp10((ZERO_POINT_MAG - mag) / 2.5)
}

/// Return the magnitude of a flux in nJy.
pub fn magnitude(flux_njy: f64) -> f64 {
    ZERO_POINT_MAG - 2.5 * libm::log10(flux_njy)
}

/// Return the standard deviation of a measured flux, nJy.
///
/// # Arguments
/// * `sky_njy` - standard deviation for a source without light
pub fn noise_njy(flux_njy: f64, sky_njy: f64) -> f64 {
    let calibration = CALIBRATION_SHARE * flux_njy;
    (sky_njy * sky_njy + PHOTON_NJY * flux_njy.max(0.0) + calibration * calibration).sqrt()
}

/// Return the probability that a source of this signal to noise is detected.
pub fn detection_probability(snr: f64) -> f64 {
    0.5 * libm::erfc((DETECTION_SNR - snr) * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fluxes_are_ab() {
        assert!((flux_njy(31.4) - 1.0).abs() < 1e-12);
        // 3631 Jy is magnitude 0.
        assert!((flux_njy(0.0) / 3.631e12 - 1.0).abs() < 2e-3);
        assert!((magnitude(flux_njy(22.5)) - 22.5).abs() < 1e-12);
    }

    #[test]
    fn half_of_the_sources_at_the_threshold_are_detected() {
        assert!((detection_probability(DETECTION_SNR) - 0.5).abs() < 1e-15);
        assert!((detection_probability(DETECTION_SNR + 1.0) - 0.841_344_746).abs() < 1e-8);
    }
}
