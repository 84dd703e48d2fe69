//! Instrument signature removal: from what amplifiers read to the electrons that light set free.
//!
//! ```text
//!   RawFrame ─ amplifier by amplifier ─────────────────────────────────────────┐ in order of reading, ADU
//!     overscan            level of each row                       [overscan]
//!     parallel overscan   level of each column                    [parallel_overscan]
//!     saturation          SAT, SUSPECT                            [saturation]
//!     gain                ADU to electrons                        [amplifier]
//!     crosstalk           what other amplifiers leaked, CROSSTALK [crosstalk]
//!     amplifier check     too noisy: BAD                          [amplifier]
//!     linearity           what bright pixels lost                 [linearity]
//!   assembly              amplifiers turned, at their places      [assembly]   ─┐ the detector, electrons
//!     variance            photons and reading                     [variance]
//!     bias, dark          what is there without light             [bias], [dark]
//!     defects             BAD; pixels without a number NO_DATA    [defects]
//!     brighter-fatter     charge back over moved boundaries       [brighter_fatter]
//!     flat                response                                [flat]
//!     fringe              interference of the night sky           [fringe]
//!     interpolation       INTRP                                   [interpolation]
//!   exposure of the sky, electrons
//! ```
//!
//! Each step is a function with a file of its own and a switch of [`IsrConfig`]; it undoes one step of
//! the sensor ([`simulate::sensor`](crate::simulate::sensor) makes them in the other direction). The
//! order is that of Rubin's `IsrTaskLSST`, but for the variance, which is taken before dark current is
//! subtracted, so that its photons count too.
//!
//! The variance plane holds everything that adds noise: photons, reading, and the noise of the bias,
//! dark and flat that were applied.

mod amplifier;
mod assembly;
mod bias;
pub mod brighter_fatter;
mod config;
mod crosstalk;
mod dark;
mod defects;
mod flat;
mod fringe;
pub mod interpolation;
mod linearity;
mod overscan;
mod parallel_overscan;
mod saturation;
mod variance;

use rayon::prelude::*;

pub use amplifier::AmplifierImage;
pub use brighter_fatter::BrighterFatterConfig;
pub use config::{IsrConfig, Origin, Switch};
pub use crosstalk::CrosstalkConfig;
pub use fringe::FringeConfig;
pub use interpolation::InterpolationConfig;
pub use overscan::{OverscanConfig, OverscanStatistic};
pub use parallel_overscan::ParallelOverscanConfig;
pub use saturation::SaturationConfig;

use crate::calibration::{
    BrighterFatterKernel, CalibrationError, CalibrationFrame, CrosstalkMatrix, Defects, Linearity,
    PhotonTransfer,
};
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::{MaskedImage, mask_plane};

/// A calibration, and the setting that goes without it.
type Need = (&'static str, &'static str);

const BIAS: Need = ("bias", "bias.enabled=false");
const DARK: Need = ("dark", "dark.enabled=false");
const FLAT: Need = ("flat", "flat.enabled=false");
const DEFECTS: Need = ("defects", "defects.enabled=false");
const GAIN: Need = ("photon_transfer", "gain.from=camera");
const LINEARITY: Need = ("linearity", "linearity.from=camera");
const CROSSTALK: Need = ("crosstalk", "crosstalk.from=camera");
const KERNEL: Need = ("brighter_fatter_kernel", "brighter_fatter.enabled=false");
const FRINGE: Need = ("fringe", "fringe.enabled=false");

/// What is known of the instrument; each may be absent, as long as no step needs it.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Calibrations {
    pub bias: Option<CalibrationFrame>,
    pub dark: Option<CalibrationFrame>,
    pub flat: Option<CalibrationFrame>,
    pub fringe: Option<CalibrationFrame>,
    pub defects: Option<Defects>,
    pub photon_transfer: Option<PhotonTransfer>,
    pub linearity: Option<Linearity>,
    pub crosstalk: Option<CrosstalkMatrix>,
    pub kernel: Option<BrighterFatterKernel>,
}

/// A detector without the signature of its instrument.
#[derive(Debug, Clone)]
pub struct Corrected {
    /// Electrons, mask planes, variance.
    pub pixels: MaskedImage,
    /// Electrons per ADU that were applied, by amplifier.
    pub gains: Vec<(String, f64)>,
    /// Read noise of the noisiest amplifier that is not bad, electrons.
    pub read_noise_e: f64,
    /// Charge at which the first amplifier saturates, electrons.
    pub saturation_e: f64,
    /// Scatter of the overscan of each amplifier that has one, electrons.
    pub overscan_noise_e: Vec<Option<f64>>,
    /// What there is to say, a line each.
    pub log: Vec<String>,
}

/// Instrument signature removal with its settings.
#[derive(Debug, Clone, Default)]
pub struct Isr {
    config: IsrConfig,
}

impl Isr {
    /// Instrument signature removal with valid settings.
    pub fn new(config: IsrConfig) -> Self {
        Self { config }
    }

    /// Remove the signature of the instrument from a frame.
    ///
    /// # Errors
    /// A step that is switched on and lacks its calibration; a calibration of another detector, of other
    /// pixels, or silent on an amplifier.
    pub fn correct(&self, raw: &RawFrame, calibrations: &Calibrations) -> Result<Corrected> {
        self.check(raw, calibrations)?;
        let mut log = vec![];
        let amplifiers = self.amplifiers(raw, calibrations, &mut log)?;
        let gains = amplifiers.iter().map(|a| (a.name.clone(), a.gain_e_per_adu)).collect();
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let saturation_e = least(&mut amplifiers.iter().map(|a| a.saturation_e));
        let good = amplifiers.iter().filter(|amplifier| !amplifier.is_bad);
        let read_noise_e = good.map(|a| a.read_noise_e).fold(0.0, f64::max);
        let pixels = self.detector(raw, calibrations, &amplifiers, &mut log)?;
        let overscan_noise_e = amplifiers.iter().map(|amplifier| amplifier.noise_e).collect();
        Ok(Corrected { pixels, gains, read_noise_e, saturation_e, overscan_noise_e, log })
    }

    /// Name all calibrations that the steps need and that are not there.
    fn check(&self, raw: &RawFrame, calibrations: &Calibrations) -> Result<()> {
        let (config, there) = (&self.config, calibrations);
        let measured = |enabled: bool, from| enabled && from == Origin::Calibration;
        let needs = [
            (config.bias.enabled, there.bias.is_some(), BIAS),
            (config.dark.enabled, there.dark.is_some(), DARK),
            (config.flat.enabled, there.flat.is_some(), FLAT),
            (config.defects.enabled, there.defects.is_some(), DEFECTS),
            (measured(true, config.gain.from), there.photon_transfer.is_some(), GAIN),
            (
                measured(config.linearity.enabled, config.linearity.from),
                there.linearity.is_some(),
                LINEARITY,
            ),
            (
                measured(config.crosstalk.enabled, config.crosstalk.from),
                there.crosstalk.is_some(),
                CROSSTALK,
            ),
            (config.brighter_fatter.enabled, there.kernel.is_some(), KERNEL),
            (config.fringe.is_meant(raw.exposure.band.as_deref()), there.fringe.is_some(), FRINGE),
        ];
        let lacking: Vec<Need> =
            needs.into_iter().filter(|need| need.0 && !need.1).map(|need| need.2).collect();
        match lacking.is_empty() {
            true => Ok(()),
            false => Err(none_holds(raw, lacking).into()),
        }
    }

    /// The steps in the order of reading.
    ///
    /// # Errors
    /// Those of [`correct`](Self::correct).
    pub(crate) fn amplifiers(
        &self,
        raw: &RawFrame,
        calibrations: &Calibrations,
        log: &mut Vec<String>,
    ) -> Result<Vec<AmplifierImage>> {
        let config = &self.config;
        let linearity = linearity::of(raw, calibrations, config)?;
        let transfer = amplifier::of(raw, calibrations, config)?;
        let mut amplifiers = raw
            .amplifiers
            .par_iter()
            .zip(&linearity)
            .zip(&transfer)
            .map(|((amplifier, linearity), numbers)| {
                let levels = overscan::levels(amplifier, &config.overscan)?;
                let mut image = overscan::subtract(amplifier, &levels);
                parallel_overscan::subtract(
                    amplifier,
                    &levels.rows,
                    &mut image,
                    &config.parallel_overscan,
                );
                let mask =
                    saturation::mask(&image, linearity, numbers.saturation_adu, &config.saturation);
                Ok(AmplifierImage::new(image, mask, numbers, levels.noise_adu))
            })
            .collect::<Result<Vec<_>>>()?;
        if config.crosstalk.enabled {
            let matrix = crosstalk::of(raw, calibrations, config)?;
            crosstalk::correct(&mut amplifiers, &matrix, &config.crosstalk)?;
        }
        for amplifier in amplifiers.iter_mut() {
            log.extend(amplifier.check(&config.amplifier_check));
        }
        amplifiers.par_iter_mut().zip(&linearity).for_each(|(amplifier, linearity)| {
            linearity::correct(&mut amplifier.image, linearity, amplifier.gain_e_per_adu);
        });
        Ok(amplifiers)
    }

    /// The steps on the whole detector.
    fn detector(
        &self,
        raw: &RawFrame,
        calibrations: &Calibrations,
        amplifiers: &[AmplifierImage],
        log: &mut Vec<String>,
    ) -> Result<MaskedImage> {
        let config = &self.config;
        let mut pixels = assembly::assemble(raw, amplifiers);
        variance::fill(&mut pixels, raw, amplifiers);
        if config.bias.enabled {
            let bias = needed(calibrations.bias.as_ref(), raw, BIAS)?;
            bias::subtract(&mut pixels, bias, raw, amplifiers)?;
        }
        if config.dark.enabled {
            let dark = needed(calibrations.dark.as_ref(), raw, DARK)?;
            dark::subtract(&mut pixels, dark, raw, amplifiers)?;
        }
        if config.defects.enabled {
            let defects = calibrations.defects.as_ref();
            let defects = needed(defects, raw, DEFECTS)?;
            defects::mask(&mut pixels, defects)?;
        }
        defects::mask_without_number(&mut pixels);
        if config.brighter_fatter.enabled {
            let kernel = calibrations.kernel.as_ref();
            let kernel = needed(kernel, raw, KERNEL)?;
            let report = brighter_fatter::correct(&mut pixels, kernel, &config.brighter_fatter);
            log.push(report.to_string());
        }
        if config.flat.enabled {
            let flat = needed(calibrations.flat.as_ref(), raw, FLAT)?;
            flat::divide(&mut pixels, flat, raw, amplifiers)?;
        }
        if config.fringe.is_meant(raw.exposure.band.as_deref()) {
            let fringe = calibrations.fringe.as_ref();
            let frame = needed(fringe, raw, FRINGE)?;
            log.push(fringe::subtract(&mut pixels, frame, &config.fringe)?);
        }
        if config.interpolation.enabled {
            interpolation::interpolate(&mut pixels, &config.interpolation);
        }
        let bad = pixels.count(mask_plane::BAD | mask_plane::NO_DATA);
        let (saturated, all) = (pixels.count(mask_plane::SAT), pixels.image.len());
        log.push(format!("{bad} bad and {saturated} saturated of {all} pixels"));
        Ok(pixels)
    }
}

/// The calibration of a step.
fn needed<'a, T>(calibration: Option<&'a T>, raw: &RawFrame, need: Need) -> Result<&'a T> {
    calibration.ok_or_else(|| none_holds(raw, vec![need]).into())
}

fn none_holds(raw: &RawFrame, lacking: Vec<Need>) -> CalibrationError {
    let (detector, mjd) = (raw.detector.id, raw.exposure.mid_mjd_tai());
    let (datasets, settings) = lacking.into_iter().unzip();
    CalibrationError::NoneHolds { datasets, detector, mjd, settings }
}

/// Refuse a calibration image of another detector or of other pixels.
fn check_frame(frame: &CalibrationFrame, raw: &RawFrame, pixels: &MaskedImage) -> Result<()> {
    let dataset = frame.kind.name();
    let of = |instrument: &str, detector: i32, (ny, nx): (usize, usize)| {
        format!("{instrument} detector {detector}, {nx} x {ny} pixels")
    };
    let found = of(&frame.instrument, frame.detector, frame.pixels.image.dim());
    let wanted = of(raw.camera.name(), raw.detector.id, pixels.image.dim());
    if found != wanted {
        return Err(CalibrationError::Mismatch { dataset, found, wanted }.into());
    }
    Ok(())
}
