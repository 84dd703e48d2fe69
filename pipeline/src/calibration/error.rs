//! What can be wrong with calibrations and the frames that they are made of.

/// A calibration that cannot be made or used; each names the product, frame or amplifier.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// Calibrations that are needed do not hold at the time of an exposure.
    #[error(
        "no {} for detector {detector} at MJD {mjd:.5} ({} without)",
        datasets.join(", "),
        settings.join(", ")
    )]
    NoneHolds {
        /// The calibrations.
        datasets: Vec<&'static str>,
        /// Number of the detector.
        detector: i32,
        /// Middle of the exposure, MJD TAI.
        mjd: f64,
        /// The settings that make them needless.
        settings: Vec<&'static str>,
    },
    /// A calibration is of another detector, or of other pixels.
    #[error("{dataset}: is of {found}, the frame is of {wanted}")]
    Mismatch {
        /// The calibration.
        dataset: &'static str,
        /// What it is of.
        found: String,
        /// What it should be of.
        wanted: String,
    },
    /// A calibration says nothing of an amplifier.
    #[error("{dataset}: says nothing of amplifier {amplifier}")]
    NoAmplifier {
        /// The calibration.
        dataset: &'static str,
        /// The amplifier.
        amplifier: String,
    },
    /// An amplifier has no overscan.
    #[error(
        "amplifier {amplifier}: has no serial overscan (overscan.enabled=false goes without it)"
    )]
    NoOverscan {
        /// The amplifier.
        amplifier: String,
    },
    /// A frame that should be bright is not.
    #[error("{frame}: no light: amplifier {amplifier} has {level:.1} {unit}")]
    NoLight {
        /// The frame.
        frame: String,
        /// The amplifier.
        amplifier: String,
        /// What it has.
        level: f64,
        /// The unit.
        unit: &'static str,
    },
    /// Too few frames, or frames that do not fit together.
    #[error("{product}: {found} {what}, {needed} are needed")]
    TooFew {
        /// What was to be made.
        product: &'static str,
        /// What there are too few of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        needed: usize,
    },
    /// A fit without a solution.
    #[error("{product}: amplifier {amplifier}: {reason}")]
    NoFit {
        /// What was to be fitted.
        product: &'static str,
        /// The amplifier.
        amplifier: String,
        /// Why not.
        reason: String,
    },
    /// A document that is not what it should be.
    #[error("{dataset}: {reason}")]
    Malformed {
        /// The calibration.
        dataset: String,
        /// What is wrong.
        reason: String,
    },
}
