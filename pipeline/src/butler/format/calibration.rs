//! A calibration image as a FITS file: `IMAGE`, `MASK`, `VARIANCE`; what it is stands in the primary header.

use std::path::Path;

use super::super::ButlerError;
use crate::calibration::{CalibrationFrame, FrameKind};
use crate::error::{Error, Result};
use crate::fits::{Card, Compression, FitsReader, FitsWriter};
use crate::image::MaskedImage;

pub(super) fn write(path: &Path, frame: &CalibrationFrame) -> Result<()> {
    let mut cards = vec![
        Card::new("CALTYPE", frame.kind.name(), "kind of calibration"),
        Card::new("CAMERA", frame.instrument.as_str(), ""),
        Card::new("DETECTOR", i64::from(frame.detector), "number of the detector"),
        Card::new("NFRAMES", frame.n_frames as i64, "frames that were combined"),
    ];
    if let Some(filter) = &frame.physical_filter {
        cards.push(Card::new("FILTER", filter.as_str(), ""));
    }
    for (index, (amplifier, gain)) in frame.gains.iter().enumerate() {
        cards.push(Card::new(&format!("AMP{index}"), amplifier.as_str(), "amplifier"));
        cards.push(Card::new(&format!("GAIN{index}"), *gain, "[electron/ADU] used"));
    }
    let mut file = FitsWriter::create(path, &cards)?;
    let unit = Card::new("BUNIT", frame.kind.unit(), "");
    let pixels = &frame.pixels;
    file.image(&pixels.image, &[Card::new("EXTNAME", "IMAGE", ""), unit], Compression::None)?;
    let mask = pixels.mask.mapv(u32::cast_signed);
    file.integers(&mask, &[Card::new("EXTNAME", "MASK", "")], Compression::Lossless)?;
    file.image(&pixels.variance, &[Card::new("EXTNAME", "VARIANCE", "")], Compression::None)?;
    file.finish()
}

pub(super) fn read(path: &Path) -> Result<CalibrationFrame> {
    let mut file = FitsReader::open(path)?;
    let damaged = |reason: &str| -> Error {
        ButlerError::Damaged { path: path.to_owned(), reason: reason.to_owned() }.into()
    };
    let header = file.hdus().first().map(|hdu| hdu.header.clone()).unwrap_or_default();
    let kind = header.text("CALTYPE").and_then(|name| {
        FrameKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    });
    let detector = header.i64("DETECTOR").and_then(|number| i32::try_from(number).ok());
    let (Some(kind), Some(detector)) = (kind, detector) else {
        return Err(damaged("is no calibration image (CALTYPE, DETECTOR)"));
    };
    let index = |name: &str| {
        let hdu = file.images().find(|hdu| hdu.name.as_deref() == Some(name));
        hdu.map(|hdu| hdu.index).ok_or_else(|| damaged(&format!("has no extension {name}")))
    };
    let (image, mask, variance) = (index("IMAGE")?, index("MASK")?, index("VARIANCE")?);
    let pixels = MaskedImage {
        image: file.read_image(image)?,
        mask: file.read_integers(mask)?.mapv(i32::cast_unsigned),
        variance: file.read_image(variance)?,
    };
    if pixels.mask.dim() != pixels.image.dim() || pixels.variance.dim() != pixels.image.dim() {
        return Err(damaged("image, mask and variance differ in size"));
    }
    let gains = (0..).map_while(|index: usize| {
        let name = header.text(&format!("AMP{index}"))?;
        Some((name.to_owned(), header.f64(&format!("GAIN{index}"))?))
    });
    Ok(CalibrationFrame {
        kind,
        instrument: header.text("CAMERA").unwrap_or_default().to_owned(),
        detector,
        physical_filter: header.text("FILTER").map(str::to_owned),
        n_frames: header.i64("NFRAMES").and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        gains: gains.collect(),
        pixels,
    })
}
