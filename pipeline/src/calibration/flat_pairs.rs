//! Pairs of flats of equal exposure time, and the signal of their amplifiers.

use ndarray::{Array2, s};

use super::CalibrationError;
use crate::camera::{RawAmplifier, RawFrame};
use crate::error::Result;
use crate::isr::{Calibrations, Isr, IsrConfig, OverscanConfig};
use crate::statistics::median;

/// Times that differ by less than this fraction are equal.
const TIME_TOLERANCE: f64 = 1e-3;
/// Pixels that differ from the median by more than this fraction of it take no part.
const WIDEST_RESPONSE: f32 = 0.25;
/// A flat has light where its median exceeds the read noise so many times.
const NO_LIGHT_SIGMA: f64 = 5.0;
/// One pixel in so many knows the median well enough.
const SAMPLE_STEP: usize = 5;

/// The flats of the filter that has flats of the most exposure times, in the order of time and number.
pub(super) fn series<'a>(raws: &[&'a RawFrame]) -> Vec<&'a RawFrame> {
    let mut filters: Vec<Option<&str>> = vec![];
    for raw in raws {
        let filter = raw.exposure.physical_filter.as_deref();
        if !filters.contains(&filter) {
            filters.push(filter);
        }
    }
    filters.sort_unstable();
    let of = |filter: &Option<&str>| {
        let own = raws.iter().filter(|raw| raw.exposure.physical_filter.as_deref() == *filter);
        let mut own: Vec<&RawFrame> = own.copied().collect();
        own.sort_by(|a, b| {
            let (a, b) = (&a.exposure, &b.exposure);
            a.exposure_time_s.total_cmp(&b.exposure_time_s).then(a.visit.cmp(&b.visit))
        });
        own
    };
    let all: Vec<Vec<&RawFrame>> = filters.iter().map(of).collect();
    all.into_iter().max_by_key(|flats| n_times(flats)).unwrap_or_default()
}

fn is_equal(a: &RawFrame, b: &RawFrame) -> bool {
    let (a, b) = (a.exposure.exposure_time_s, b.exposure.exposure_time_s);
    (a - b).abs() <= TIME_TOLERANCE * a.max(b)
}

/// How many exposure times flats have that are sorted by it.
pub(super) fn n_times(flats: &[&RawFrame]) -> usize {
    flats.chunk_by(|a, b| is_equal(a, b)).count()
}

/// Pairs of flats that are sorted by exposure time; one that remains alone is left out.
pub(super) fn pairs<'a>(flats: &[&'a RawFrame]) -> Vec<(&'a RawFrame, &'a RawFrame)> {
    flats
        .chunk_by(|a, b| is_equal(a, b))
        .flat_map(|equal| equal.chunks_exact(2).map(|pair| (pair[0], pair[1])))
        .collect()
}

/// What frames are corrected for before their signal is measured.
pub(super) fn steps(
    calibrations: &Calibrations,
    overscan: &OverscanConfig,
    linear: bool,
) -> Result<Isr> {
    let mut steps = IsrConfig::without_calibrations();
    steps.overscan = overscan.clone();
    steps.saturation.enabled = false;
    steps.bias.enabled = calibrations.bias.is_some();
    steps.linearity.enabled = linear;
    if linear && calibrations.linearity.is_none() {
        let (product, what) = ("photon_transfer", "linearity");
        return Err(CalibrationError::TooFew { product, what, found: 0, needed: 1 }.into());
    }
    Ok(Isr::new(steps))
}

/// The signal of an amplifier.
pub(super) struct Signal {
    /// Its pixels as they lie on the detector, ADU.
    pub adu: Array2<f32>,
    /// Scatter of its overscan, ADU; where there is none, the read noise of the camera's file.
    pub noise_adu: f64,
}

/// What frames without even light are corrected for.
pub(super) fn dark_steps(calibrations: &Calibrations, overscan: &OverscanConfig) -> Isr {
    let mut steps = IsrConfig::without_calibrations();
    steps.overscan = overscan.clone();
    steps.saturation.enabled = false;
    steps.bias.enabled = calibrations.bias.is_some();
    steps.linearity.enabled = calibrations.linearity.is_some();
    Isr::new(steps)
}

/// The signal of each amplifier of a flat.
///
/// # Errors
/// A flat without light.
pub(super) fn signals(
    raw: &RawFrame,
    isr: &Isr,
    calibrations: &Calibrations,
) -> Result<Vec<Signal>> {
    let signals = dark_signals(raw, isr, calibrations)?;
    for (signal, amplifier) in signals.iter().zip(&raw.amplifiers) {
        let level = f64::from(middle(&signal.adu));
        if level < NO_LIGHT_SIGMA * signal.noise_adu {
            let frame = format!("flat {}", raw.exposure.visit);
            let (amplifier, unit) = (amplifier.name.clone(), "ADU");
            return Err(CalibrationError::NoLight { frame, amplifier, level, unit }.into());
        }
    }
    Ok(signals)
}

/// The signal of each amplifier of any frame.
pub(super) fn dark_signals(
    raw: &RawFrame,
    isr: &Isr,
    calibrations: &Calibrations,
) -> Result<Vec<Signal>> {
    let corrected = isr.correct(raw, calibrations)?;
    let numbers = corrected.gains.iter().zip(&corrected.overscan_noise_e);
    type Numbers<'a> = (&'a (String, f64), &'a Option<f64>);
    let signal = |(amplifier, ((_, gain), noise)): (&RawAmplifier, Numbers<'_>)| {
        let b = amplifier.bbox;
        let part = corrected.pixels.image.slice(s![b.y0..b.y0 + b.ny, b.x0..b.x0 + b.nx]);
        Signal {
            adu: part.mapv(|electrons| electrons / *gain as f32),
            noise_adu: noise.unwrap_or(amplifier.read_noise_e) / gain,
        }
    };
    Ok(raw.amplifiers.iter().zip(numbers).map(signal).collect())
}

/// Limits within which pixels answer to even light; those beyond are dead, hot or hit.
pub(super) fn usable(signal: &Array2<f32>, noise_adu: f64) -> (f32, f32) {
    let mut sample: Vec<f64> = signal.iter().step_by(SAMPLE_STEP).map(|v| f64::from(*v)).collect();
    let middle = median(&mut sample) as f32;
    let width = WIDEST_RESPONSE * middle.abs() + 8.0 * noise_adu as f32;
    (middle - width, middle + width)
}

/// Median of a sample of the pixels.
fn middle(signal: &Array2<f32>) -> f32 {
    let sample = signal.iter().step_by(SAMPLE_STEP);
    median(&mut sample.map(|v| f64::from(*v)).collect::<Vec<_>>()) as f32
}
