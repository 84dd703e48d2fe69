//! Effective exposure time: how long an exposure under reference conditions would take to be as deep.
//!
//! `t_eff = t_ref · 10^{0.8 (m₅ − m₅_ref)}`; it is the exposure time times three factors, those of the seeing,
//! `(s_ref / s)²`, of the sky, `10^{0.4 (m_sky − m_sky_ref)}`, and of all that dims the stars.

use super::Characterized;
use crate::exposure::Exposure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Conditions that an exposure is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FiducialConditions {
    /// AB magnitude of a point source of signal to noise 5.
    pub depth_mag: f64,
    /// Exposure time that reaches it, s.
    pub exposure_time_s: f64,
    /// Full width of a star at half maximum, arcsec.
    pub seeing_arcsec: f64,
    /// Brightness of the sky, magnitudes per arcsec².
    pub sky_mag: f64,
}

impl FiducialConditions {
    /// Those of LSST's Science Requirements Document for a visit of 30 s, with dark skies at the zenith.
    pub fn of_bands() -> BTreeMap<String, Self> {
        let bands = [
            ("u", 23.9, 0.77, 22.96),
            ("g", 25.0, 0.73, 22.26),
            ("r", 24.7, 0.70, 21.20),
            ("i", 24.0, 0.67, 20.48),
            ("z", 23.3, 0.65, 19.60),
            ("y", 22.1, 0.63, 18.61),
        ];
        let conditions = |(band, depth_mag, seeing_arcsec, sky_mag): (&str, f64, f64, f64)| {
            let conditions = Self { depth_mag, exposure_time_s: 30.0, seeing_arcsec, sky_mag };
            (band.to_owned(), conditions)
        };
        bands.into_iter().map(conditions).collect()
    }
}

/// An effective exposure time with its factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EffectiveTime {
    /// The time, s.
    pub seconds: f64,
    /// Factor of the seeing.
    pub psf_scale: f64,
    /// Factor of the sky.
    pub sky_scale: f64,
    /// Factor of the transparency, and of all else.
    pub zero_point_scale: f64,
}

impl EffectiveTime {
    /// That of an exposure; `None` without a zero point.
    pub fn of(
        exposure: &Exposure,
        image: &Characterized,
        ideal: &FiducialConditions,
    ) -> Option<Self> {
        let (depth, calib) = (image.mag_lim?, exposure.photo_calib?);
        let (nx, ny) = exposure.size();
        let area = exposure.wcs.pixel_area_arcsec2(0.5 * nx as f64, 0.5 * ny as f64);
        let sky_mag = calib.adu_to_magnitude(image.sky_level / area);
        let seconds = ideal.exposure_time_s * 10f64.powf(0.8 * (depth - ideal.depth_mag));
        let psf_scale = (ideal.seeing_arcsec / image.seeing_arcsec).powi(2);
        let sky_scale = 10f64.powf(0.4 * (sky_mag - ideal.sky_mag));
        let rest = exposure.visit_info.exposure_time_s * psf_scale * sky_scale;
        Some(Self { seconds, psf_scale, sky_scale, zero_point_scale: seconds / rest })
    }
}
