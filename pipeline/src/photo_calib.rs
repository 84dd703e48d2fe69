//! The photometric calibration of an image: from counts to nanojansky.

/// AB magnitude of one nanojansky.
pub const AB_ZERO_POINT_NJY: f64 = 31.4;
/// Magnitudes in a relative change of flux: 2.5 / ln 10.
pub const MAG_PER_RELATIVE_FLUX: f64 = 1.085_736_204_758_129_6;

/// AB magnitude of a flux in nanojansky; not finite for one that is not positive.
pub fn njy_to_magnitude(flux_njy: f64) -> f64 {
    AB_ZERO_POINT_NJY - 2.5 * flux_njy.log10()
}

/// Flux of an AB magnitude, nanojansky.
pub fn magnitude_to_njy(magnitude: f64) -> f64 {
    10f64.powf((AB_ZERO_POINT_NJY - magnitude) / 2.5)
}

/// One factor for a whole detector, in the AB system: m = 31.4 − 2.5 log₁₀ F/nJy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhotoCalib {
    /// Nanojansky per ADU of the image.
    pub njy_per_adu: f64,
    /// AB magnitude of a source of one ADU.
    pub zero_point_mag: f64,
}

impl PhotoCalib {
    /// The calibration of an image in which a source of one ADU has this AB magnitude; `None` for a
    /// magnitude that is not finite.
    pub fn from_zero_point(zero_point_mag: f64) -> Option<PhotoCalib> {
        let njy_per_adu = magnitude_to_njy(zero_point_mag);
        (njy_per_adu.is_normal()).then_some(PhotoCalib { njy_per_adu, zero_point_mag })
    }

    /// Flux in nanojansky of so many ADU.
    pub fn adu_to_njy(&self, adu: f64) -> f64 {
        adu * self.njy_per_adu
    }

    /// AB magnitude of so many ADU; NaN for a flux that is not positive.
    pub fn adu_to_magnitude(&self, adu: f64) -> f64 {
        if adu > 0.0 { self.zero_point_mag - 2.5 * adu.log10() } else { f64::NAN }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn magnitude_and_flux_agree() {
        let calib = PhotoCalib::from_zero_point(29.915).unwrap();
        let njy = calib.adu_to_njy(1234.5);
        assert!((31.4 - 2.5 * njy.log10() - calib.adu_to_magnitude(1234.5)).abs() < 1e-12);
        assert_eq!(PhotoCalib::from_zero_point(31.4).unwrap().njy_per_adu, 1.0);
    }

    #[test]
    fn no_calibration_without_a_number() {
        assert_eq!(PhotoCalib::from_zero_point(f64::NAN), None);
        assert!(PhotoCalib::from_zero_point(25.0).unwrap().adu_to_magnitude(-1.0).is_nan());
    }
}
