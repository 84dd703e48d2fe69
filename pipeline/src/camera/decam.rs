//! DECam images as NOIRLab's Community Pipeline (CP) delivers them, whole or resampled by others.
//!
//! - An image `*_ooi_*` has its weight (inverse variance) in `*_oow_*` and its mask in `*_ood_*`. From
//!   version 3.5 of the pipeline (`PLVER`) the mask holds codes, before it bits.
//! - `EXPNUM` is the visit, `CCDNUM` the detector, the first word of `FILTER` the band.
//! - `MJD-OBS` is the start of the exposure in UTC. The time in an archive name `c4d_yymmdd_hhmmss_*` is
//!   no substitute: up to March 2017 it is when the exposure was saved (*after* its end), from November
//!   2017 on its start.
//! - Files that a resampling tool wrote may carry the time of another exposure, the one they were aligned
//!   to. They have no `EXPNUM`; who they are stands in `EXP_BN`, the archive name, whose digits become the
//!   visit. Their start stands, to the second, in the CP's own names of the weight and mask (`WTMAP`,
//!   `BPM`: `…-i-20160818T064529_ow[N6]`), which resampling leaves alone.
//! - `MAGZERO` is the AB magnitude of one ADU of the image.
//! - Positions are tied to reference catalogs in ICRS, whatever `RADESYS` says.
//! - `SKYBRITE`, `SKYDIP` and `SKYPEAK` of a sky-subtracted image tell the sky that was there, `ESATUR`
//!   its saturation level after the subtraction.

use super::facts::FrameFacts;
use super::mask::MaskMeaning;
use super::sexagesimal::sexagesimal;
use super::time::{compact_utc_to_tai, iso_utc_to_tai, utc_to_tai};
use crate::fits::Header;

/// Whether a header without `INSTRUME` is DECam's all the same.
pub(super) fn has_marks(header: &Header) -> bool {
    archive_name(header).is_some()
        || header.text("FILTER").is_some_and(|filter| filter.contains(" DECam "))
}

/// What the rule reads from the header of one detector.
pub(super) fn facts(header: &Header) -> FrameFacts {
    let filter = header.text("FILTER");
    let mut facts = FrameFacts {
        rule: "DECam Community Pipeline",
        instrument: Some("DECam".to_owned()),
        physical_filter: filter.map(str::to_owned),
        band: filter.and_then(band),
        exposure_time_s: header.f64("EXPTIME"),
        boresight_deg: boresight(header),
        azimuth_deg: header.f64("AZ"),
        altitude_deg: header.f64("ZD").map(|distance| 90.0 - distance),
        airmass: header.f64("AIRMASS"),
        target: header.text("OBJECT").map(str::to_owned),
        detector_id: header.i64("CCDNUM").and_then(|number| i32::try_from(number).ok()),
        detector_name: header.text("DETPOS").or(header.text("EXTNAME")).map(str::to_owned),
        gain_e_per_adu: gain(header),
        read_noise_e: read_noise(header),
        saturation_adu: header.f64("ESATUR").or(header.f64("SATURATE")),
        zero_point_mag: header.f64("MAGZERO"),
        psf_fwhm_px: header.f64("FWHM").filter(|&fwhm| fwhm > 0.0),
        subtracted_sky_adu: Some(subtracted_sky(header)),
        ..FrameFacts::default()
    };
    match header.i64("EXPNUM") {
        Some(number) => identify_by_number(header, number, &mut facts),
        None => identify_by_name(header, &mut facts),
    }
    facts.mask_meaning = mask_meaning(header, &mut facts.warnings);
    warn(header, &mut facts.warnings);
    facts
}

fn identify_by_number(header: &Header, number: i64, facts: &mut FrameFacts) {
    facts.visit = Some(number);
    facts.identity_from = "EXPNUM".to_owned();
    let mjd = header.f64("MJD-OBS").map(utc_to_tai);
    let date = header.text("DATE-OBS").and_then(iso_utc_to_tai);
    facts.start_mjd_tai = mjd.or(date);
    let keyword = if mjd.is_some() { "MJD-OBS" } else { "DATE-OBS" };
    facts.time_from = format!("{keyword} (start, UTC)");
    if let (Some(mjd), Some(date)) = (mjd, date)
        && (mjd - date).abs() * 86_400.0 > 1.0
    {
        facts
            .warnings
            .push("MJD-OBS and DATE-OBS differ by more than a second; MJD-OBS is used".to_owned());
    }
}

fn identify_by_name(header: &Header, facts: &mut FrameFacts) {
    let Some((keyword, date, time)) = archive_name(header) else { return };
    facts.visit = format!("{date}{time}").parse().ok();
    facts.identity_from = format!("{keyword} (archive name)");
    let observed = header.text("DATE-OBS").and_then(iso_utc_to_tai);
    let (start, from) = match product_start(header) {
        Some((keyword, start)) => (Some(start), format!("{keyword} (start to the second, UTC)")),
        None => {
            facts.warnings.push(format!(
                "start time taken from the archive name in {keyword}; up to March 2017 such names tell when \
                 an exposure was saved, minutes later"
            ));
            (compact_utc_to_tai(date, time), format!("{keyword} (archive name, UTC)"))
        }
    };
    facts.time_from = from;
    facts.start_mjd_tai = start;
    let (Some(start), Some(observed)) = (start, observed) else { return };
    // Names are cut to whole seconds; a header time in that second is the better one.
    let later_s = (observed - start) * 86_400.0;
    if (-0.001..1.0).contains(&later_s) {
        facts.start_mjd_tai = Some(observed);
        facts.time_from = "DATE-OBS (start, UTC; agrees with the name)".to_owned();
    } else {
        facts.warnings.push(format!(
            "DATE-OBS = {} was copied from another exposure and is not used",
            header.text("DATE-OBS").unwrap_or_default()
        ));
    }
}

/// The keyword that holds an archive name `c4d_yymmdd_hhmmss_…`, its date and its time.
fn archive_name(header: &Header) -> Option<(&'static str, &str, &str)> {
    ["EXP_BN", "SWARP_O"].into_iter().find_map(|keyword| {
        let mut words = header.text(keyword)?.strip_prefix("c4d_")?.split('_');
        let (date, time) = (words.next()?, words.next()?);
        compact_utc_to_tai(date, time)?;
        Some((keyword, date, time))
    })
}

/// The start of the exposure in the CP's own name of its weight or mask, MJD TAI.
fn product_start(header: &Header) -> Option<(&'static str, f64)> {
    ["WTMAP", "BPM"].into_iter().find_map(|keyword| {
        let (name, _) = header.text(keyword)?.split_once("_o")?;
        let (date, time) = name.rsplit_once('-')?.1.split_once('T')?;
        Some((keyword, compact_utc_to_tai(date, time)?))
    })
}

/// `r` of `r DECam SDSS c0002 6415.0 1480.0`; DECam's `Y` is the band y.
fn band(filter: &str) -> Option<String> {
    let word = filter.split_whitespace().next()?;
    Some(if word.len() == 1 { word.to_lowercase() } else { word.to_owned() })
}

/// `RA` (hours) and `DEC`, sexagesimal, or what tools made of them in degrees.
fn boresight(header: &Header) -> Option<(f64, f64)> {
    let sexagesimal = || {
        let (ra, dec) = (header.text("RA")?, header.text("DEC")?);
        Some((sexagesimal(ra)? * 15.0, sexagesimal(dec)?))
    };
    let degrees = || Some((header.f64("RA_EXP")?, header.f64("DEC_EXP")?));
    sexagesimal()
        .or_else(degrees)
        .filter(|(ra, dec)| (0.0..360.0).contains(ra) && dec.abs() <= 90.0)
}

/// The mean gain of the two amplifiers; `ARAWGAIN` is that of the raw image, before the flat.
fn gain(header: &Header) -> Option<f64> {
    let amplifiers = || Some((header.f64("GAINA")? + header.f64("GAINB")?) / 2.0);
    amplifiers().or(header.f64("GAIN")).filter(|&gain| gain > 0.0)
}

/// The larger read noise of the two amplifiers, electrons.
fn read_noise(header: &Header) -> Option<f64> {
    let amplifiers = || Some(header.f64("RDNOISEA")?.max(header.f64("RDNOISEB")?));
    amplifiers().or(header.f64("RDNOISE")).filter(|&noise| noise >= 0.0)
}

/// Sky that is no longer in the image, ADU: 0 for the CP's own images, which keep it.
fn subtracted_sky(header: &Header) -> f64 {
    if !header.has("ESATUR") && !header.has("SKYPEAK") {
        return 0.0;
    }
    match (header.f64("SKYDIP"), header.f64("SKYPEAK")) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        (low, high) => {
            low.or(high).or(header.f64("AVSKY")).or(header.f64("SKYBRITE")).unwrap_or(0.0)
        }
    }
}

/// Codes from V3.5 on, bits before; a version that cannot be read is taken as recent.
fn mask_meaning(header: &Header, warnings: &mut Vec<String>) -> MaskMeaning {
    match header.text("PLVER").map(|text| (text, version(text))) {
        Some((_, Some(version))) if version < (3, 5) => MaskMeaning::DecamBits,
        Some((text, None)) => {
            warnings.push(format!("PLVER = '{text}' is no version; the mask is read as codes"));
            MaskMeaning::DecamCodes
        }
        _ => MaskMeaning::DecamCodes,
    }
}

/// Major and minor number of `V4.8.2a`, `V3.2`, `DES V2.1+1`.
fn version(text: &str) -> Option<(u32, u32)> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    let mut numbers = digits.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next().unwrap_or("0").parse().unwrap_or(0)))
}

fn warn(header: &Header, warnings: &mut Vec<String>) {
    if let Some(frame) = header.text("RADESYS").filter(|frame| *frame != "ICRS") {
        let other =
            header.text("RADECSYS").map_or(String::new(), |other| format!(" (RADECSYS = {other})"));
        warnings.push(format!(
            "RADESYS = {frame}{other}: positions are taken as ICRS, to which the pipeline calibrates"
        ));
    }
    if let Some(result) = header.text("WCSCAL").filter(|result| *result != "Successful") {
        warnings.push(format!("WCSCAL = {result}: the pipeline could not calibrate the positions"));
    }
    if header.has("MAGZERO") && !header.has("PHOTREF") {
        warnings.push("MAGZERO without PHOTREF: the zero point names no reference".to_owned());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn versions_of_the_pipeline() {
        for (text, expected) in
            [("V4.8.2a", (4, 8)), ("V3.5.0", (3, 5)), ("DES V2.1+1", (2, 1)), ("V3", (3, 0))]
        {
            assert_eq!(version(text), Some(expected), "{text}");
        }
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn mask_of_old_versions_is_bits() {
        let meaning = |plver: &str| {
            mask_meaning(&Header::from_lines(&format!("PLVER   = '{plver}'")), &mut Vec::new())
        };
        assert_eq!(meaning("V3.2.1"), MaskMeaning::DecamBits);
        assert_eq!(meaning("V3.5"), MaskMeaning::DecamCodes);
        assert_eq!(meaning("V4.8.2"), MaskMeaning::DecamCodes);
    }

    #[test]
    fn copied_time_gives_way_to_the_product_name() {
        let header = Header::from_lines(
            "EXP_BN  = 'c4d_160818_065148_ooi_i_v1'\nDATE-OBS= '2018-08-04T09:23:31.598174'\n\
             WTMAP   = 'DEC16B_20160816_8c5ed1a-i-20160818T064529_ow[N6]'\nEXPTIME = 330.0",
        );
        let facts = facts(&header);
        assert_eq!(facts.visit, Some(160_818_065_148));
        assert_eq!(facts.start_mjd_tai, iso_utc_to_tai("2016-08-18T06:45:29"));
        assert!(facts.warnings.iter().any(|w| w.contains("copied from another exposure")));
    }

    #[test]
    fn name_serves_where_nothing_better_is_known() {
        let facts =
            facts(&Header::from_lines("SWARP_O = 'c4d_180804_092331_ooi_i_v1.N6.skysub.fits'"));
        assert_eq!(facts.visit, Some(180_804_092_331));
        assert_eq!(facts.start_mjd_tai, iso_utc_to_tai("2018-08-04T09:23:31"));
        assert!(facts.warnings.iter().any(|w| w.contains("archive name in SWARP_O")));
    }

    #[test]
    fn boresight_is_read_from_hours_or_degrees() {
        let (ra, dec) =
            boresight(&Header::from_lines("RA      = '12:29:17.64'\nDEC     = '-00:28:45.5'"))
                .unwrap();
        assert!((ra - 187.3235).abs() < 1e-9 && (dec + 0.479_305_555).abs() < 1e-8);
        assert_eq!(
            boresight(&Header::from_lines("RA_EXP  = 10.5\nDEC_EXP = -66.0")),
            Some((10.5, -66.0))
        );
    }
}
