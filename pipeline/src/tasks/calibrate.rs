//! The tasks that make calibrations, one for each product.
//!
//! A calibration that another task of the run makes comes before one that is certified.

use serde::Serialize;

use crate::butler::{Dimension, DimensionSet, StorageClass, Value};
use crate::calibration::bias::{self, BiasConfig};
use crate::calibration::brighter_fatter::{self, BrighterFatterKernelConfig};
use crate::calibration::crosstalk::{self, CrosstalkMeasureConfig};
use crate::calibration::dark::{self, DarkConfig};
use crate::calibration::defects::{self, DefectsConfig};
use crate::calibration::fe55::{self, Fe55Config};
use crate::calibration::flat::{self, FlatConfig};
use crate::calibration::fringe::{self, FringeMeasureConfig};
use crate::calibration::linearity::{self, LinearityConfig};
use crate::calibration::photon_transfer::{self, PhotonTransferConfig};
use crate::calibration::{CalibrationError, CalibrationFrame};
use crate::connections::{Connection, Connections, Inputs, Lookup, Outputs, PipelineTask};
use crate::error::Result;
use crate::isr::Calibrations;

const DETECTOR: [Dimension; 1] = [Dimension::Detector];
const READOUT: [Dimension; 2] = [Dimension::Exposure, Dimension::Detector];
const FILTER: [Dimension; 2] = [Dimension::PhysicalFilter, Dimension::Detector];

/// A calibration image that holds at the time of the frames.
pub(super) fn frame(name: &'static str, dimensions: &[Dimension]) -> Connection {
    Connection::one(name, StorageClass::Calibration, dimensions)
        .found_by(Lookup::Calibration)
        .optional()
}

/// Numbers that hold at the time of the frames.
pub(super) fn numbers(name: &'static str) -> Connection {
    Connection::one(name, StorageClass::Document, &DETECTOR)
        .found_by(Lookup::Calibration)
        .optional()
}

/// The calibrations among the inputs; those for which the task has no connection are absent.
pub(super) fn calibrations(inputs: &mut Inputs) -> Result<Calibrations> {
    Ok(Calibrations {
        bias: inputs.take_frame("bias")?,
        dark: inputs.take_frame("dark")?,
        flat: inputs.take_frame("flat")?,
        fringe: inputs.take_frame("fringe")?,
        defects: inputs.document("defects")?,
        photon_transfer: inputs.document("photon_transfer")?,
        linearity: inputs.document("linearity")?,
        crosstalk: inputs.document("crosstalk")?,
        kernel: inputs.document("brighter_fatter_kernel")?,
    })
}

fn document(dataset: &str, numbers: &impl Serialize) -> Result<Value> {
    let malformed = |error: serde_json::Error| CalibrationError::Malformed {
        dataset: dataset.to_owned(),
        reason: error.to_string(),
    };
    Ok(Value::Document(serde_json::to_value(numbers).map_err(malformed)?))
}

fn image(frame: CalibrationFrame) -> Outputs {
    let mut outputs = Outputs::default();
    let (kind, n_frames) = (frame.kind.name(), frame.n_frames);
    outputs.log.push(format!("{kind} of {n_frames} frames"));
    outputs.push(kind, Value::Calibration(Box::new(frame)));
    outputs
}

/// Declares a task: a configuration, a name, what it reads and makes.
macro_rules! task {
    ($(#[$about:meta])* $task:ident, $config:ty, $name:literal, $dimensions:expr,
     $inputs:expr => $output:expr, $run:expr) => {
        $(#[$about])*
        #[derive(Debug, Clone)]
        pub struct $task {
            config: $config,
        }

        impl PipelineTask for $task {
            type Config = $config;
            const NAME: &'static str = $name;

            fn connections() -> Connections {
                Connections {
                    dimensions: DimensionSet::of(&$dimensions),
                    inputs: $inputs.into(),
                    outputs: vec![$output],
                    is_sequence: false,
                }
            }

            fn new(config: Self::Config) -> Self {
                Self { config }
            }

            fn run(&self, inputs: Inputs) -> Result<Outputs> {
                let run: fn(&$config, Inputs) -> Result<Outputs> = $run;
                run(&self.config, inputs)
            }
        }
    };
}

fn raw(name: &'static str) -> Connection {
    Connection::many(name, StorageClass::Raw, &READOUT)
}

task! {
    /// Bias frames to the master bias.
    BiasTask, BiasConfig, "bias", DETECTOR,
    [raw("raw_bias")] => Connection::one("bias", StorageClass::Calibration, &DETECTOR),
    |config, inputs| Ok(image(bias::measure(&inputs.raws("raw_bias")?, config)?))
}

task! {
    /// Flats of growing time to the linearity of amplifiers.
    LinearityTask, LinearityConfig, "linearity", DETECTOR,
    [raw("raw_flat"), frame("bias", &DETECTOR)]
        => Connection::one("linearity", StorageClass::Document, &DETECTOR),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        let measured = linearity::measure(&inputs.raws("raw_flat")?, &calibrations, config)?;
        let mut outputs = Outputs::default();
        for own in &measured.amplifiers {
            outputs.log.push(format!(
                "amplifier {}: {:.3e} ± {:.1e} per ADU, turn-off at {:.0} ADU, {} flats to {:.1e}",
                own.amplifier,
                own.coefficients.first().copied().unwrap_or(0.0),
                own.errors.first().copied().unwrap_or(0.0),
                own.turn_off_adu,
                own.n_flats,
                own.residual,
            ));
        }
        outputs.push("linearity", document("linearity", &measured)?);
        Ok(outputs)
    }
}

task! {
    /// Pairs of flats to gain, read noise, a₀₀ and covariances.
    PhotonTransferTask, PhotonTransferConfig, "photon_transfer", DETECTOR,
    [raw("raw_flat"), frame("bias", &DETECTOR), numbers("linearity")]
        => Connection::one("photon_transfer", StorageClass::Document, &DETECTOR),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        let measured = photon_transfer::measure(&inputs.raws("raw_flat")?, &calibrations, config)?;
        let mut outputs = Outputs::default();
        for own in &measured.amplifiers {
            outputs.log.push(format!(
                "amplifier {}: gain {:.4} ± {:.4}, read noise {:.2} electrons, a00 {:.3e} ± {:.1e}, \
                 turn-off at {:.0} ADU, chi2 {:.2}",
                own.amplifier,
                own.gain_e_per_adu,
                own.gain_error,
                own.read_noise_e,
                own.a00_per_e,
                own.a00_error,
                own.turn_off_adu,
                own.chi2,
            ));
        }
        outputs.push("photon_transfer", document("photon_transfer", &measured)?);
        Ok(outputs)
    }
}

task! {
    /// Frames of bright spots to crosstalk coefficients.
    CrosstalkTask, CrosstalkMeasureConfig, "crosstalk", DETECTOR,
    [raw("raw_spot"), numbers("photon_transfer")]
        => Connection::one("crosstalk", StorageClass::Document, &DETECTOR),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        let measured = crosstalk::measure(&inputs.raws("raw_spot")?, &calibrations, config)?;
        let mut outputs = Outputs::default();
        outputs.log.push(format!("{} coefficients differ from 0", measured.elements.len()));
        outputs.push("crosstalk", document("crosstalk", &measured)?);
        Ok(outputs)
    }
}

task! {
    /// Covariances of flats to the brighter-fatter kernel.
    BrighterFatterTask, BrighterFatterKernelConfig, "brighter_fatter", DETECTOR,
    [Connection::one("photon_transfer", StorageClass::Document, &DETECTOR)]
        => Connection::one("brighter_fatter_kernel", StorageClass::Document, &DETECTOR),
    |config, inputs| {
        let name = "photon_transfer";
        let absent = || CalibrationError::Malformed {
            dataset: name.to_owned(),
            reason: "is absent".to_owned(),
        };
        let transfer = inputs.document(name)?.ok_or_else(absent)?;
        let kernel = brighter_fatter::measure(&transfer, config)?;
        let mut outputs = Outputs::default();
        let peak = kernel.at(0, 0);
        outputs.log.push(format!("kernel of {} pixels, {peak:.3e} in the middle", kernel.lag));
        outputs.push("brighter_fatter_kernel", document("brighter_fatter_kernel", &kernel)?);
        Ok(outputs)
    }
}

task! {
    /// Dark frames to the master dark.
    DarkTask, DarkConfig, "dark", DETECTOR,
    [raw("raw_dark"), frame("bias", &DETECTOR), numbers("linearity")]
        => Connection::one("dark", StorageClass::Calibration, &DETECTOR),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        Ok(image(dark::measure(&inputs.raws("raw_dark")?, &calibrations, config)?))
    }
}

task! {
    /// Flats of a filter to its master flat.
    FlatTask, FlatConfig, "flat", FILTER,
    [
        raw("raw_flat"),
        frame("bias", &DETECTOR),
        frame("dark", &DETECTOR),
        numbers("linearity"),
        numbers("photon_transfer"),
        numbers("crosstalk"),
    ] => Connection::one("flat", StorageClass::Calibration, &FILTER),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        Ok(image(flat::measure(&inputs.raws("raw_flat")?, &calibrations, config)?))
    }
}

task! {
    /// Master dark and flats to the defects of a detector.
    DefectsTask, DefectsConfig, "defects", DETECTOR,
    [
        Connection::one("dark", StorageClass::Calibration, &DETECTOR),
        Connection::many("flat", StorageClass::Calibration, &FILTER).optional(),
    ] => Connection::one("defects", StorageClass::Document, &DETECTOR),
    |config, mut inputs| {
        let dark = inputs.take_frame("dark")?;
        let found = defects::measure(dark.as_ref(), &inputs.frames("flat")?, config)?;
        let mut outputs = Outputs::default();
        let area: usize = found.boxes.iter().map(|b| b.bbox.nx * b.bbox.ny).sum();
        outputs.log.push(format!("{area} pixels in {} rectangles", found.boxes.len()));
        outputs.push("defects", document("defects", &found)?);
        Ok(outputs)
    }
}

task! {
    /// Exposures to iron-55 to gains.
    Fe55Task, Fe55Config, "fe55", DETECTOR,
    [raw("raw_fe55"), frame("bias", &DETECTOR), numbers("linearity")]
        => Connection::one("fe55_gains", StorageClass::Document, &DETECTOR),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        let measured = fe55::measure(&inputs.raws("raw_fe55")?, &calibrations, config)?;
        let mut outputs = Outputs::default();
        for own in &measured.amplifiers {
            outputs.log.push(format!(
                "amplifier {}: gain {:.4} ± {:.4} of {} X-rays",
                own.amplifier, own.gain_e_per_adu, own.gain_error, own.n_events
            ));
        }
        outputs.push("fe55_gains", document("fe55_gains", &measured)?);
        Ok(outputs)
    }
}

task! {
    /// Exposures of the sky in a filter to its fringes.
    FringeTask, FringeMeasureConfig, "fringe", FILTER,
    [
        Connection::many("raw", StorageClass::Raw, &[Dimension::Visit, Dimension::Detector]),
        frame("bias", &DETECTOR),
        frame("dark", &DETECTOR),
        frame("flat", &FILTER),
        numbers("defects"),
        numbers("linearity"),
        numbers("photon_transfer"),
        numbers("crosstalk"),
        numbers("brighter_fatter_kernel"),
    ] => Connection::one("fringe", StorageClass::Calibration, &FILTER),
    |config, mut inputs| {
        let calibrations = calibrations(&mut inputs)?;
        Ok(image(fringe::measure(&inputs.raws("raw")?, &calibrations, config)?))
    }
}
