//! Settings of instrument signature removal: a switch for each step, and where its numbers come from.

use serde::{Deserialize, Serialize};

use super::{
    BrighterFatterConfig, CrosstalkConfig, FringeConfig, InterpolationConfig, OverscanConfig,
    ParallelOverscanConfig, SaturationConfig,
};
use crate::config::TaskConfig;
use crate::tasks::not_positive;

/// Where the numbers of a step come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// From the calibration that holds at the time of the exposure.
    #[default]
    Calibration,
    /// From the camera's file.
    Camera,
}

/// A step that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switch {
    /// Is it done?
    pub enabled: bool,
}

impl Default for Switch {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// A step that is on or off, and where its numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourcedSwitch {
    /// Is it done?
    pub enabled: bool,
    /// Where its numbers come from.
    pub from: Origin,
}

impl Default for SourcedSwitch {
    fn default() -> Self {
        Self { enabled: true, from: Origin::Calibration }
    }
}

/// Gains and read noise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GainConfig {
    /// Where they come from: photon transfer, or the camera's file.
    pub from: Origin,
}

/// When an amplifier is bad as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AmplifierCheckConfig {
    /// Is it done?
    pub enabled: bool,
    /// Scatter of the overscan above which an amplifier is bad, electrons.
    pub max_noise_e: f64,
}

impl Default for AmplifierCheckConfig {
    fn default() -> Self {
        Self { enabled: true, max_noise_e: 25.0 }
    }
}

/// Settings of all steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs)]
pub struct IsrConfig {
    pub overscan: OverscanConfig,
    pub parallel_overscan: ParallelOverscanConfig,
    pub saturation: SaturationConfig,
    pub gain: GainConfig,
    pub crosstalk: CrosstalkConfig,
    pub amplifier_check: AmplifierCheckConfig,
    pub linearity: SourcedSwitch,
    pub bias: Switch,
    pub dark: Switch,
    pub defects: Switch,
    pub brighter_fatter: BrighterFatterConfig,
    pub flat: Switch,
    pub fringe: FringeConfig,
    pub interpolation: InterpolationConfig,
}

impl IsrConfig {
    /// Only what needs no calibration: overscan, saturation, assembly, with the camera's own numbers.
    pub fn without_calibrations() -> Self {
        let off = Switch { enabled: false };
        let mut config = Self { bias: off, dark: off, defects: off, flat: off, ..Self::default() };
        config.gain.from = Origin::Camera;
        config.linearity.enabled = false;
        config.crosstalk.enabled = false;
        config.brighter_fatter.enabled = false;
        config.fringe.enabled = false;
        config.interpolation.enabled = false;
        config
    }
}

impl TaskConfig for IsrConfig {
    fn faults(&self) -> Vec<String> {
        let mut faults = not_positive(&[
            ("overscan.max_deviation_adu", self.overscan.max_deviation_adu),
            ("saturation.fraction", self.saturation.fraction),
            ("saturation.suspect_fraction", self.saturation.suspect_fraction),
            ("amplifier_check.max_noise_e", self.amplifier_check.max_noise_e),
            ("brighter_fatter.iterations", self.brighter_fatter.iterations as f64),
            ("interpolation.psf_sigma_px", self.interpolation.psf_sigma_px),
            ("interpolation.neighbours", self.interpolation.neighbours as f64),
        ]);
        if self.saturation.suspect_fraction > self.saturation.fraction {
            faults.push("saturation.suspect_fraction is above saturation.fraction".to_owned());
        }
        faults.extend(self.interpolation.unknown_planes());
        faults
    }
}
