//! Almagest's own frames: what its simulator writes, and any exposure that is to be kept whole.
//!
//! The primary header holds the facts, three extensions the pixels, each with the world coordinates: `IMAGE`
//! (`BUNIT = 'adu'`, of which `GAIN` says the electrons), `MASK` (bits of
//! [`mask_plane`]; `MP_NAME` is the number of a plane's bit, as Rubin writes it) and `VARIANCE`
//! (`BUNIT = 'adu2'`). Times are MJD in TAI, angles degrees.

use std::path::Path;

use ndarray::Array2;

use super::facts::FrameFacts;
use super::mask::MaskMeaning;
use crate::error::Result;
use crate::exposure::Exposure;
use crate::fits::{Card, CardValue, Compression, FitsWriter, Header};
use crate::image::mask_plane;

/// The value of `INSTRUME` by which these frames are recognised.
pub const INSTRUMENT: &str = "AlmagestSim";
/// Extension of the pixels.
pub(super) const IMAGE: &str = "IMAGE";
/// Extension of the mask.
pub(super) const MASK: &str = "MASK";
/// Extension of the variance.
pub(super) const VARIANCE: &str = "VARIANCE";
/// Extension of the image of the point-spread function.
const PSF: &str = "PSF";

/// What the rule reads from the header of one detector.
pub(super) fn facts(header: &Header) -> FrameFacts {
    FrameFacts {
        rule: "Almagest simulator",
        identity_from: "VISIT".to_owned(),
        time_from: "MJD-MID (midpoint, TAI)".to_owned(),
        visit: header.i64("VISIT"),
        instrument: header.text("CAMERA").or(Some(INSTRUMENT)).map(str::to_owned),
        physical_filter: header.text("FILTER").map(str::to_owned),
        band: header.text("BAND").map(str::to_owned),
        exposure_time_s: header.f64("EXPTIME"),
        start_mjd_tai: header.f64("MJD-BEG"),
        mid_mjd_tai: header.f64("MJD-MID"),
        boresight_deg: header.f64("BORE-RA").zip(header.f64("BORE-DEC")),
        azimuth_deg: header.f64("AZIMUTH"),
        altitude_deg: header.f64("ALTITUDE"),
        airmass: header.f64("AIRMASS"),
        target: header.text("OBJECT").map(str::to_owned),
        detector_id: header.i64("DETECTOR").and_then(|number| i32::try_from(number).ok()),
        detector_name: header.text("DETNAME").map(str::to_owned),
        gain_e_per_adu: header.f64("GAIN"),
        read_noise_e: header.f64("RDNOISE"),
        saturation_adu: header.f64("SATURATE"),
        zero_point_mag: header.f64("MAGZERO"),
        psf_fwhm_px: header.f64("FWHM"),
        subtracted_sky_adu: header.f64("SKYLEVEL"),
        mask_meaning: MaskMeaning::Planes,
        ..FrameFacts::default()
    }
}

/// Writes an exposure so that [`read_exposures`](super::read_exposures) gives it back: pixels, world
/// coordinates, visit, detector and calibration, number for number. A file of that name is replaced.
///
/// # Errors
/// A file that cannot be written; nothing remains under its name then.
pub fn write_exposure(path: &Path, exposure: &Exposure) -> Result<()> {
    write_exposure_compressed(path, exposure, Compression::None)
}

/// [`write_exposure`] with the pixels stored in compressed tiles.
pub fn write_exposure_compressed(
    path: &Path,
    exposure: &Exposure,
    compression: Compression,
) -> Result<()> {
    write(path, exposure, compression, None)
}

/// [`write_exposure`] with an image of the point-spread function beside the pixels.
pub(crate) fn write_exposure_with_psf(
    path: &Path,
    exposure: &Exposure,
    psf: Option<&Array2<f32>>,
) -> Result<()> {
    write(path, exposure, Compression::None, psf)
}

fn write(
    path: &Path,
    exposure: &Exposure,
    compression: Compression,
    psf: Option<&Array2<f32>>,
) -> Result<()> {
    let mut file = FitsWriter::create(path, &primary_cards(exposure))?;
    let pixels = &exposure.masked_image;
    let sky = exposure.wcs.to_cards();
    let of_sky = |name: &str, cards: Vec<Card>| [extension(name), cards, sky.clone()].concat();
    let unit = |unit: &str| vec![Card::new("BUNIT", unit, "unit of the pixels")];
    file.image(&pixels.image, &of_sky(IMAGE, unit("adu")), compression)?;
    let mask = pixels.mask.mapv(u32::cast_signed);
    file.integers(&mask, &of_sky(MASK, plane_cards()), compression)?;
    file.image(&pixels.variance, &of_sky(VARIANCE, unit("adu2")), compression)?;
    if let Some(psf) = psf {
        file.image(psf, &extension(PSF), compression)?;
    }
    file.finish()
}

fn extension(name: &str) -> Vec<Card> {
    vec![Card::new("EXTNAME", name, "")]
}

/// The number of the bit of each mask plane.
fn plane_cards() -> Vec<Card> {
    let card = |(name, bit): &(&str, u32)| {
        Card::new(&format!("MP_{name}"), i64::from(bit.trailing_zeros()), "bit of the mask")
    };
    mask_plane::ALL.iter().map(card).collect()
}

fn primary_cards(exposure: &Exposure) -> Vec<Card> {
    let (visit, detector) = (&exposure.visit_info, &exposure.detector);
    let mut cards = vec![
        Card::new("INSTRUME", INSTRUMENT, "layout of this file"),
        Card::new("CAMERA", visit.instrument.as_str(), "instrument"),
        Card::new("VISIT", visit.visit, "identity of the exposure"),
        Card::new("DETECTOR", i64::from(detector.id), "number of the detector"),
        Card::new("DETNAME", detector.name.as_str(), ""),
        Card::new("BAND", visit.band.as_str(), ""),
        Card::new("TIMESYS", "TAI", "scale of the times"),
        Card::new("MJD-BEG", visit.start_mjd_tai, "[d] start of the exposure"),
        Card::new("MJD-MID", visit.mid_mjd_tai, "[d] middle of the exposure"),
        Card::new("EXPTIME", visit.exposure_time_s, "[s]"),
    ];
    let mut add = |keyword: &str, value: Option<CardValue>, comment: &str| {
        if let Some(value) = value {
            cards.push(Card::new(keyword, value, comment));
        }
    };
    let number = |value: Option<f64>| value.map(CardValue::from);
    let text = |value: &Option<String>| value.as_deref().map(CardValue::from);
    add("FILTER", text(&visit.physical_filter), "");
    add("OBJECT", text(&visit.target), "");
    add("BORE-RA", number(visit.boresight_ra_deg), "[deg] ICRS");
    add("BORE-DEC", number(visit.boresight_dec_deg), "[deg] ICRS");
    add("AZIMUTH", number(visit.azimuth_deg), "[deg]");
    add("ALTITUDE", number(visit.altitude_deg), "[deg]");
    add("AIRMASS", number(visit.airmass), "");
    add(
        "MAGZERO",
        number(exposure.photo_calib.map(|calib| calib.zero_point_mag)),
        "[mag] AB of 1 ADU",
    );
    add("GAIN", number(detector.gain_e_per_adu), "[electron/ADU]");
    add("RDNOISE", number(detector.read_noise_e), "[electron]");
    add("SATURATE", number(detector.saturation_adu), "[ADU]");
    add("FWHM", number(exposure.psf_fwhm_hint_px), "[pixel] of a star");
    cards
}
