//! What is understood of one detector's frame before its pixels are read.

use super::mask::MaskMeaning;
use super::options::FrameOptions;
use super::unknown;
use crate::exposure::DetectorInfo;
use crate::visit_info::{VisitInfo, mid_mjd};

/// Facts of a frame as a camera rule, a sidecar and the options give them; what is absent is unknown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameFacts {
    /// The rule that was applied, in a few words.
    pub rule: &'static str,
    /// Where the visit's number comes from.
    pub identity_from: String,
    /// Where the time comes from.
    pub time_from: String,
    /// The visit.
    pub visit: Option<i64>,
    /// Name of the instrument.
    pub instrument: Option<String>,
    /// Full name of the filter.
    pub physical_filter: Option<String>,
    /// Name of the band.
    pub band: Option<String>,
    /// Time that the shutter was open, s.
    pub exposure_time_s: Option<f64>,
    /// Start of the exposure, MJD TAI; where absent, midpoint and exposure time give it.
    pub start_mjd_tai: Option<f64>,
    /// Middle of the exposure, MJD TAI; where absent, start and exposure time give it.
    pub mid_mjd_tai: Option<f64>,
    /// Where the telescope pointed (RA, Dec), degrees.
    pub boresight_deg: Option<(f64, f64)>,
    /// Azimuth of the telescope, degrees.
    pub azimuth_deg: Option<f64>,
    /// Altitude of the telescope, degrees.
    pub altitude_deg: Option<f64>,
    /// Airmass.
    pub airmass: Option<f64>,
    /// Name of the object in the observing log.
    pub target: Option<String>,
    /// Number of the detector.
    pub detector_id: Option<i32>,
    /// Name of the detector.
    pub detector_name: Option<String>,
    /// Electrons per ADU.
    pub gain_e_per_adu: Option<f64>,
    /// Read noise, electrons.
    pub read_noise_e: Option<f64>,
    /// Saturation, ADU of the image as it is.
    pub saturation_adu: Option<f64>,
    /// AB magnitude of one ADU.
    pub zero_point_mag: Option<f64>,
    /// Full width of a star at half its maximum, pixels.
    pub psf_fwhm_px: Option<f64>,
    /// Sky that was taken out of the image but left its noise there, ADU; 0 where the image still has it.
    pub subtracted_sky_adu: Option<f64>,
    /// What the pixels of a mask mean.
    pub mask_meaning: MaskMeaning,
    /// What had to be assumed.
    pub warnings: Vec<String>,
}

impl FrameFacts {
    /// Replaces facts by those that a sidecar or the options give; `from` names the giver.
    pub fn override_with(&mut self, given: &FrameOptions, from: &str) {
        fn replace<T: Clone>(fact: &mut Option<T>, given: &Option<T>) -> bool {
            if given.is_some() {
                *fact = given.clone();
            }
            given.is_some()
        }
        if replace(&mut self.visit, &given.visit) {
            self.identity_from = from.to_owned();
        }
        if replace(&mut self.mid_mjd_tai, &given.mid_mjd_tai) {
            // The start follows from the new midpoint.
            self.start_mjd_tai = None;
            self.time_from = format!("{from} (midpoint, TAI)");
        }
        replace(&mut self.detector_id, &given.detector);
        replace(&mut self.band, &given.band);
        if replace(&mut self.exposure_time_s, &given.exposure_time_s) && self.mid_mjd_tai.is_some()
        {
            self.start_mjd_tai = None;
        }
        replace(&mut self.zero_point_mag, &given.zero_point_mag);
        replace(&mut self.gain_e_per_adu, &given.gain_e_per_adu);
        replace(&mut self.read_noise_e, &given.read_noise_e);
        replace(&mut self.saturation_adu, &given.saturation_adu);
        replace(&mut self.psf_fwhm_px, &given.psf_fwhm_px);
        replace(&mut self.subtracted_sky_adu, &given.subtracted_sky_adu);
    }

    /// Middle of the exposure, MJD TAI, as far as the facts determine it.
    pub fn midpoint(&self) -> Option<f64> {
        self.mid_mjd_tai.or_else(|| Some(mid_mjd(self.start_mjd_tai?, self.exposure_time_s?)))
    }

    /// The facts that a visit cannot do without and that nobody gave, each with the ways to give it.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let mut need = |present: bool, text: &str| {
            if !present {
                missing.push(text.to_owned());
            }
        };
        need(self.band.is_some(), "the band (--band, or 'band' in a sidecar)");
        need(
            self.mid_mjd_tai.is_some() || self.start_mjd_tai.is_some(),
            "the time (--time, or 'mjd_mid_tai' in a sidecar)",
        );
        need(
            self.exposure_time_s.is_some(),
            "the exposure time (--exposure-time, or 'exposure_time' in a sidecar)",
        );
        // An unknown camera's frame is numbered by its time, once that is known.
        let will_be_numbered = self.rule == unknown::RULE;
        need(
            self.visit.is_some() || will_be_numbered,
            "the visit (--visit, or 'visit' in a sidecar)",
        );
        need(self.detector_id.is_some(), "the detector (--detector, or 'detector' in a sidecar)");
        missing
    }

    /// The visit and detector, where nothing is [`missing`](Self::missing).
    pub fn complete(&self) -> Option<(VisitInfo, DetectorInfo)> {
        let mid_mjd_tai = self.midpoint()?;
        let exposure_time_s = self.exposure_time_s?;
        let detector_id = self.detector_id?;
        let before_midpoint = || mid_mjd_tai - exposure_time_s / 2.0 / 86_400.0;
        let visit = VisitInfo {
            visit: self.visit?,
            instrument: self.instrument.clone().unwrap_or_else(|| "unknown".to_owned()),
            physical_filter: self.physical_filter.clone(),
            band: self.band.clone()?,
            exposure_time_s,
            start_mjd_tai: self.start_mjd_tai.unwrap_or_else(before_midpoint),
            mid_mjd_tai,
            boresight_ra_deg: self.boresight_deg.map(|(ra, _)| ra),
            boresight_dec_deg: self.boresight_deg.map(|(_, dec)| dec),
            sky_rotation_deg: None,
            azimuth_deg: self.azimuth_deg,
            altitude_deg: self.altitude_deg,
            airmass: self.airmass,
            target: self.target.clone(),
        };
        let detector = DetectorInfo {
            id: detector_id,
            name: self.detector_name.clone().unwrap_or_else(|| detector_id.to_string()),
            gain_e_per_adu: self.gain_e_per_adu,
            read_noise_e: self.read_noise_e,
            saturation_adu: self.saturation_adu,
        };
        Some((visit, detector))
    }
}
