//! Writing raw frames, so that [`read_raw`](super::read_raw) gives them back.

use std::path::Path;

use super::RawFrame;
use crate::camera::model::header_map::{DetectorBy, HeaderMap, TimeScale, VisitKey};
use crate::camera::model::{CameraModel, ExposureType, RawHdu};
use crate::error::{Error, Result};
use crate::fits::{Card, Compression, FitsWriter};

/// File name of a raw frame: `raw-00012-science-r-S03.fits`.
pub fn raw_name(frame: &RawFrame) -> String {
    let exposure = &frame.exposure;
    let band = exposure.band.as_deref().map_or(String::new(), |band| format!("-{band}"));
    let kind = exposure.kind.name();
    format!("raw-{:05}-{kind}{band}-{}.fits", exposure.visit, frame.detector.name)
}

/// Write a raw frame of a camera that keeps one HDU for each amplifier. Pixels are whole numbers.
///
/// # Errors
/// A camera of another layout, or whose exposures are numbered by night or timed in UTC (a frame does
/// not know the night's number); a file that cannot be written, of which nothing remains.
pub fn write_raw(path: &Path, frame: &RawFrame, compression: Compression) -> Result<()> {
    let camera = &frame.camera;
    let cards = primary_cards(frame)
        .filter(|_| camera.raw_hdu() == RawHdu::Amplifier)
        .ok_or_else(|| unwritable(path, camera))?;
    let mut file = FitsWriter::create(path, &cards)?;
    for (amplifier, model) in frame.amplifiers.iter().zip(&frame.detector.amplifiers) {
        let mut cards = vec![
            Card::new("EXTNAME", model.hdu.as_deref().unwrap_or(&model.name), "amplifier"),
            Card::new("BUNIT", "adu", ""),
            Card::new("DATASEC", amplifier.data.to_string().as_str(), "pixels of the sky"),
            Card::new("DETSEC", amplifier.bbox.to_string().as_str(), "where they lie"),
        ];
        if let Some(overscan) = amplifier.serial_overscan {
            cards.push(Card::new("BIASSEC", overscan.to_string().as_str(), "serial overscan"));
        }
        let whole = amplifier.pixels.mapv(|adu| adu.round() as i32);
        file.integers(&whole, &cards, compression)?;
    }
    file.finish()
}

fn unwritable(path: &Path, camera: &CameraModel) -> Error {
    Error::RawFrame {
        path: path.to_owned(),
        hdu: 0,
        camera: camera.name().to_owned(),
        missing: vec![
            "raw frames of this layout are read, not written (needed: one HDU an amplifier, an \
             exposure number in one keyword, times in TAI)"
                .to_owned(),
        ],
    }
}

fn primary_cards(frame: &RawFrame) -> Option<Vec<Card>> {
    let (camera, exposure) = (&frame.camera, &frame.exposure);
    let keys = camera.headers();
    let mut cards: Vec<Card> = camera
        .marks()
        .iter()
        .filter_map(|(keyword, values)| Some(Card::new(keyword, values.first()?.as_str(), "")))
        .collect();
    let VisitKey::Keyword(visit) = &keys.visit else { return None };
    cards.push(Card::new(visit, exposure.visit, "number of the exposure"));
    cards.extend(detector_cards(keys, frame));
    let kind = match exposure.kind {
        ExposureType::Bias => &keys.exposure_type.bias,
        ExposureType::Dark => &keys.exposure_type.dark,
        ExposureType::Flat => &keys.exposure_type.flat,
        ExposureType::Science => &keys.exposure_type.science,
        ExposureType::Spot => &keys.exposure_type.spot,
        ExposureType::Fe55 => &keys.exposure_type.fe55,
    };
    cards.push(Card::new(&keys.exposure_type.keyword, kind.first()?.as_str(), ""));
    if keys.start.scale != TimeScale::Tai {
        return None;
    }
    cards.push(Card::new("TIMESYS", "TAI", "scale of the times"));
    cards.push(Card::new(&keys.start.keyword, exposure.start_mjd_tai, "[d] start, MJD"));
    cards.push(Card::new(&keys.exposure_time, exposure.exposure_time_s, "[s] shutter open"));
    let mut add = |key: &Option<String>, value: Option<f64>, comment: &str| {
        if let (Some(keyword), Some(value)) = (key, value) {
            cards.push(Card::new(keyword, value, comment));
        }
    };
    add(&keys.dark_time, Some(exposure.dark_time_s), "[s] dark current gathered");
    let boresight = keys.boresight.as_ref();
    add(&boresight.map(|b| b.ra.clone()), exposure.boresight_deg.map(|b| b.0), "[deg] ICRS");
    add(&boresight.map(|b| b.dec.clone()), exposure.boresight_deg.map(|b| b.1), "[deg] ICRS");
    add(&keys.rotation, exposure.rotation_deg, "[deg] position angle of +y");
    add(&keys.airmass, exposure.airmass, "");
    for (key, value) in
        [(&keys.filter, &exposure.physical_filter), (&keys.target, &exposure.target)]
    {
        if let (Some(keyword), Some(value)) = (key, value) {
            cards.push(Card::new(keyword, value.as_str(), ""));
        }
    }
    Some(cards)
}

fn detector_cards(keys: &HeaderMap, frame: &RawFrame) -> Vec<Card> {
    let detector = &frame.detector;
    match keys.detector.is {
        DetectorBy::Id => keys
            .detector
            .keywords
            .iter()
            .map(|keyword| Card::new(keyword, i64::from(detector.id), "number of the detector"))
            .collect(),
        DetectorBy::Name => {
            let words = detector.name.splitn(keys.detector.keywords.len(), &keys.detector.join);
            keys.detector
                .keywords
                .iter()
                .zip(words)
                .map(|(keyword, word)| Card::new(keyword, word, "detector"))
                .collect()
        }
    }
}
