//! Crosstalk: what the signal of one amplifier left in another that was read at the same time.

use serde::{Deserialize, Serialize};

use super::{AmplifierImage, CROSSTALK, Calibrations, IsrConfig, Origin, needed};
use crate::calibration::crosstalk::CrosstalkElement;
use crate::calibration::{CalibrationError, CrosstalkMatrix};
use crate::camera::RawFrame;
use crate::error::Result;
use crate::image::mask_plane;

/// Settings of the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrosstalkConfig {
    /// Is it done?
    pub enabled: bool,
    /// Where the coefficients come from.
    pub from: Origin,
    /// Pixels into which a source brighter than this leaked are `CROSSTALK`, electrons.
    pub mask_above_e: f64,
}

impl Default for CrosstalkConfig {
    fn default() -> Self {
        Self { enabled: true, from: Origin::Calibration, mask_above_e: 45_000.0 }
    }
}

/// The coefficients that hold for a frame.
pub(super) fn of(
    raw: &RawFrame,
    calibrations: &Calibrations,
    config: &IsrConfig,
) -> Result<CrosstalkMatrix> {
    if config.crosstalk.from == Origin::Camera {
        let name = |index: usize| raw.detector.amplifiers[index].name.clone();
        let element = |element: &crate::camera::model::Crosstalk| CrosstalkElement {
            target: name(element.target),
            source: name(element.source),
            coefficient: element.coefficient,
            error: 0.0,
        };
        return Ok(CrosstalkMatrix {
            elements: raw.detector.crosstalk.iter().map(element).collect(),
        });
    }
    needed(calibrations.crosstalk.as_ref(), raw, CROSSTALK).cloned()
}

/// Subtract from each amplifier what the others left in it. To first order: what was left is taken of
/// what the sources read, with the 10⁻⁴ of it that others left in them.
///
/// # Errors
/// Coefficients of amplifiers that there are not, or that are read pixel by pixel otherwise.
pub(super) fn correct(
    amplifiers: &mut [AmplifierImage],
    matrix: &CrosstalkMatrix,
    config: &CrosstalkConfig,
) -> Result<()> {
    let before: Vec<_> = amplifiers.iter().map(|amplifier| amplifier.image.clone()).collect();
    let names: Vec<String> = amplifiers.iter().map(|amplifier| amplifier.name.clone()).collect();
    let index = |name: &str| {
        let found = names.iter().position(|known| known == name);
        found.ok_or_else(|| CalibrationError::Mismatch {
            dataset: "crosstalk",
            found: format!("an amplifier {name}"),
            wanted: names.join(", "),
        })
    };
    let limit = config.mask_above_e as f32;
    for element in &matrix.elements {
        let (target, source) = (index(&element.target)?, index(&element.source)?);
        let target = &mut amplifiers[target];
        if target.image.dim() != before[source].dim() {
            let size = |(ny, nx): (usize, usize)| format!("{nx} x {ny} pixels");
            return Err(CalibrationError::Mismatch {
                dataset: "crosstalk",
                found: format!("{} of {}", element.source, size(before[source].dim())),
                wanted: format!("{} of {}", element.target, size(target.image.dim())),
            }
            .into());
        }
        let coefficient = element.coefficient as f32;
        ndarray::Zip::from(&mut target.image)
            .and(&mut target.mask)
            .and(&before[source])
            .par_for_each(|value, bits, &signal| {
                *value -= coefficient * signal;
                if signal > limit {
                    *bits |= mask_plane::CROSSTALK;
                }
            });
    }
    Ok(())
}
