//! A camera of which nothing is known: only keywords that mean the same everywhere are believed.
//!
//! `DATE-OBS` is not among them, as cameras write the start, the middle or the end into it; the FITS
//! standard's `DATE-AVG`, `MJD-AVG`, `DATE-BEG` and `MJD-BEG` are.

use super::facts::FrameFacts;
use super::mask::MaskMeaning;
use super::time::{iso_utc_to_tai, utc_to_tai};
use crate::fits::Header;

/// Name of this rule.
pub(super) const RULE: &str = "unknown camera";

/// Names of extensions that travel with an image and are none themselves.
pub(super) const COMPANION_NAMES: &[&str] =
    &["MASK", "DQ", "WEIGHT", "WHT", "WT", "VARIANCE", "VAR", "ERR", "ERROR", "BACKGROUND", "SKY"];

/// MJD from which a frame's number is counted where nothing else numbers it.
const COUNT_FROM_MJD: f64 = 50_000.0;

/// What can be read from a header of unknown meaning.
pub(super) fn facts(header: &Header) -> FrameFacts {
    let visit = ["VISIT", "EXPNUM", "EXPID"].into_iter().find_map(|k| Some((k, header.i64(k)?)));
    let detector = ["DETECTOR", "CCDNUM", "CCDID"].into_iter().find_map(|k| header.i64(k));
    let mut facts = FrameFacts {
        rule: RULE,
        instrument: header.text("INSTRUME").map(str::to_owned),
        physical_filter: header.text("FILTER").map(str::to_owned),
        band: header.text("BAND").map(str::to_owned),
        exposure_time_s: header.f64("EXPTIME").or(header.f64("XPOSURE")).or(header.f64("EXPOSURE")),
        airmass: header.f64("AIRMASS"),
        target: header.text("OBJECT").map(str::to_owned),
        visit: visit.map(|(_, number)| number),
        identity_from: visit.map_or(String::new(), |(keyword, _)| keyword.to_owned()),
        detector_id: detector.and_then(|number| i32::try_from(number).ok()),
        detector_name: header.text("EXTNAME").map(str::to_owned),
        gain_e_per_adu: header.f64("GAIN").filter(|&gain| gain > 0.0),
        read_noise_e: header.f64("RDNOISE").filter(|&noise| noise >= 0.0),
        saturation_adu: header.f64("SATURATE"),
        mask_meaning: MaskMeaning::ZeroIsGood,
        ..FrameFacts::default()
    };
    read_time(header, &mut facts);
    if let Some(frame) = header.text("RADESYS").filter(|frame| *frame != "ICRS") {
        facts.warnings.push(format!("RADESYS = {frame}: positions are taken as ICRS all the same"));
    }
    facts
}

fn read_time(header: &Header, facts: &mut FrameFacts) {
    let in_tai = header.text("TIMESYS").is_some_and(|scale| scale.eq_ignore_ascii_case("TAI"));
    let days = |mjd: f64| if in_tai { mjd } else { utc_to_tai(mjd) };
    let date = |keyword: &str| {
        let utc = iso_utc_to_tai(header.text(keyword)?)?;
        // A date in TAI has no leap seconds to count.
        Some(if in_tai { utc - (utc_to_tai(utc) - utc) } else { utc })
    };
    let read = |stem: &str| {
        header.f64(&format!("MJD-{stem}")).map(days).or_else(|| date(&format!("DATE-{stem}")))
    };
    facts.mid_mjd_tai = read("AVG");
    // Cameras disagree on what lies between the two, so that only one is believed.
    facts.start_mjd_tai = read("BEG").filter(|_| facts.mid_mjd_tai.is_none());
    let scale = if in_tai { "TAI" } else { "UTC" };
    if facts.mid_mjd_tai.is_some() {
        facts.time_from = format!("MJD-AVG or DATE-AVG (midpoint, {scale})");
    } else if facts.start_mjd_tai.is_some() {
        facts.time_from = format!("MJD-BEG or DATE-BEG (start, {scale})");
    }
}

/// Numbers a frame by its time and its place in the file, where nothing else does.
pub(super) fn number(facts: &mut FrameFacts, hdu: usize) {
    if facts.visit.is_none()
        && let Some(mid) = facts.midpoint()
    {
        let seconds = ((mid - COUNT_FROM_MJD) * 86_400.0).round() as i64;
        facts.visit = Some(seconds);
        facts.identity_from = format!("the midpoint, in seconds since MJD {COUNT_FROM_MJD}");
        facts.warnings.push(format!("no visit number in the header: {seconds} made from the time"));
    }
    if facts.detector_id.is_none() {
        facts.detector_id = i32::try_from(hdu).ok();
        facts.warnings.push(format!("no detector number in the header: HDU number {hdu} taken"));
    }
}
