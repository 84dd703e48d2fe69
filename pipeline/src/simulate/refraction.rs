//! Refraction by the atmosphere: how far above its place a star is seen, by wavelength.
//!
//! Bulk refraction moves the whole field and is part of the pointing; what is left is chromatic: a red
//! star is lifted less than a blue one, and each star is drawn out into a short spectrum towards the
//! zenith. Reference: Filippenko 1982 (1982PASP...94..715F), equations 1 to 3, dry air.

/// The air at the telescope and where it looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Air {
    pub pressure_mbar: f64,
    pub temperature_c: f64,
    pub zenith_distance_deg: f64,
}

impl Air {
    /// Refraction at a wavelength, arcsec towards the zenith.
    pub fn refraction_arcsec(&self, wavelength_nm: f64) -> f64 {
        let s2 = (1000.0 / wavelength_nm).powi(2);
        let sea_level = 64.328 + 29_498.1 / (146.0 - s2) + 255.4 / (41.0 - s2);
        let pressure_mm = self.pressure_mbar * 0.750_062;
        let t = self.temperature_c;
        let density = pressure_mm * (1.0 + (1.049 - 0.0157 * t) * 1e-6 * pressure_mm)
            / (720.883 * (1.0 + 0.003_661 * t));
        let excess = sea_level * 1e-6 * density;
        excess * self.zenith_distance_deg.to_radians().tan() * 206_265.0
    }
}

/// A part of a filter's band: wavelength, and the part of a star's photons that it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SubBand {
    pub wavelength_nm: f64,
    pub weight: f64,
}

/// Three parts of a band for a spectrum F_ν ∝ λ^slope.
pub(super) fn sub_bands(wavelength_nm: f64, width_nm: f64, slope: f64) -> [SubBand; 3] {
    let centres = [-1.0, 0.0, 1.0].map(|step| wavelength_nm + step * width_nm / 3.0);
    // Photons per wavelength of a flux per frequency: F_ν dν / hν ∝ F_ν dλ / λ.
    let weights = centres.map(|centre| (centre / wavelength_nm).powf(slope - 1.0));
    let total: f64 = weights.iter().sum();
    [0, 1, 2].map(|k| SubBand { wavelength_nm: centres[k], weight: weights[k] / total })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refraction_follows_the_index_of_standard_air() {
        // n − 1 of dry air at 15 °C and 760 mm: 2.8276e-4 at 400 nm, 2.7897e-4 at 500, 2.7652e-4 at 633.
        let pressure_mbar = 760.0 / 0.750_062;
        let air = Air { pressure_mbar, temperature_c: 15.0, zenith_distance_deg: 45.0 };
        for (nm, excess) in [(400.0, 2.8276e-4), (500.0, 2.7897e-4), (633.0, 2.7652e-4)] {
            let expected = excess * 206_265.0;
            assert!((air.refraction_arcsec(nm) - expected).abs() < 0.006, "{nm}");
        }
    }

    #[test]
    fn red_stars_have_their_photons_in_the_red() {
        let mean = |slope| {
            sub_bands(480.0, 130.0, slope).iter().map(|b| b.weight * b.wavelength_nm).sum::<f64>()
        };
        assert!(mean(3.0) > 480.0 && mean(-2.0) < 480.0);
        assert!((mean(1.0) - 480.0).abs() < 1e-9);
    }
}
