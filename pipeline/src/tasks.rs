//! The tasks that a pipeline can be made of.
//!
//! | task | a quantum is | reads | makes |
//! |---|---|---|---|
//! | `bias`, `dark` | a detector | raw frames | master bias, master dark |
//! | `linearity`, `photon_transfer` | a detector | raw flats | numbers of each amplifier |
//! | `crosstalk` | a detector | raw frames of spots | coefficients |
//! | `brighter_fatter` | a detector | photon transfer | the kernel |
//! | `flat` | a detector and filter | raw flats, all of the above | master flat |
//! | `defects` | a detector | master dark, master flats | rectangles |
//! | `fe55` | a detector | raw frames of X-rays | gains of each amplifier |
//! | `fringe` | a detector and filter | raw frames of the sky, all of the above | pattern of fringes |
//! | `isr` | a detector of a visit | raw frame, all calibrations | calibrated image |
//! | `characterize` | a detector of a visit | image, reference stars | sky-free image, sky, PSF, sources |
//! | `associate` | all there is | sources of all images, the catalog's objects | positions of objects |
//! | `force` | a detector of a visit | sky-free image, PSF, positions | fluxes at the positions |
//! | `assemble` | all there is | all fluxes | rows of Object and ForcedSource, by visit |
//! | `load` | a visit | all rows of the visit | one commit |
//!
//! All but `load` are pure: equal inputs and configuration make equal outputs, byte for byte. `load`
//! is the only one that touches the catalog; its quanta run in the order of time.

mod assemble;
mod associate;
mod calibrate;
mod characterize;
pub(crate) mod columns;
mod force;
mod image;
mod isr;
mod load;

use serde_yaml_ng::Value as Yaml;

pub use assemble::AssembleTask;
pub use associate::{AssociateConfig, AssociateTask};
pub use calibrate::{
    BiasTask, BrighterFatterTask, CrosstalkTask, DarkTask, DefectsTask, Fe55Task, FlatTask,
    FringeTask, LinearityTask, PhotonTransferTask,
};
pub use force::ForceTask;
pub use isr::IsrTask;
pub use load::{LoadTask, Receipt};

use crate::butler::nearest;
use crate::characterize::CharacterizeTask;
use crate::config::{ConfigError, Configuration, TaskConfig};
use crate::connections::{Connections, Inputs, Outputs, PipelineTask};
use crate::error::Result;

/// A task that a pipeline file can name.
#[derive(Clone, Copy)]
pub struct TaskKind {
    /// Its name.
    pub name: &'static str,
    /// Memory of a quantum, in bytes per byte of its inputs' files.
    pub memory_per_input_byte: f64,
    /// What it reads and makes.
    pub connections: fn() -> Connections,
    /// Its configuration by default, under a label.
    pub defaults: fn(&str) -> Configuration,
    /// The task of a configuration.
    pub build: fn(&Configuration) -> Result<Work, ConfigError>,
}

impl std::fmt::Debug for TaskKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "task {}", self.name)
    }
}

/// What a quantum does.
pub enum Work {
    /// Outputs from inputs.
    Pure(Box<dyn Pure>),
    /// Rows into the catalog.
    Load(LoadTask),
}

/// A pure task of any configuration.
pub trait Pure: Send + Sync {
    /// Make the outputs from the inputs.
    fn run(&self, inputs: Inputs) -> Result<Outputs>;
}

impl<T: PipelineTask> Pure for T {
    fn run(&self, inputs: Inputs) -> Result<Outputs> {
        PipelineTask::run(self, inputs)
    }
}

const fn pure<T: PipelineTask + 'static>() -> TaskKind {
    TaskKind {
        name: T::NAME,
        memory_per_input_byte: T::MEMORY_PER_INPUT_BYTE,
        connections: T::connections,
        defaults: Configuration::defaults::<T::Config>,
        build: |configuration| Ok(Work::Pure(Box::new(T::new(configuration.read()?)))),
    }
}

/// All tasks.
pub const KINDS: [TaskKind; 16] = [
    pure::<BiasTask>(),
    pure::<LinearityTask>(),
    pure::<PhotonTransferTask>(),
    pure::<CrosstalkTask>(),
    pure::<BrighterFatterTask>(),
    pure::<DarkTask>(),
    pure::<FlatTask>(),
    pure::<DefectsTask>(),
    pure::<Fe55Task>(),
    pure::<FringeTask>(),
    pure::<IsrTask>(),
    pure::<CharacterizeTask>(),
    pure::<AssociateTask>(),
    pure::<ForceTask>(),
    pure::<AssembleTask>(),
    TaskKind {
        name: LoadTask::NAME,
        memory_per_input_byte: 8.0,
        connections: LoadTask::connections,
        defaults: Configuration::defaults::<NoConfig>,
        build: |_| Ok(Work::Load(LoadTask)),
    },
];

/// The task of a name; else the nearest name that there is.
pub fn task_named(name: &str) -> Result<TaskKind, Option<String>> {
    let found = KINDS.into_iter().find(|kind| kind.name == name);
    found.ok_or_else(|| nearest(name, KINDS.iter().map(|kind| kind.name)))
}

/// The configuration of a task that has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

impl TaskConfig for NoConfig {
    fn faults(&self) -> Vec<String> {
        vec![]
    }
}

/// Faults of numbers that must be positive, by key.
pub(crate) fn not_positive(numbers: &[(&str, f64)]) -> Vec<String> {
    numbers
        .iter()
        .filter(|(_, number)| !(*number > 0.0 && number.is_finite()))
        .map(|(key, number)| format!("{key} = {number} is not positive"))
        .collect()
}

/// A tree as text, for documents.
pub(crate) fn yaml_number(value: &Yaml) -> Option<f64> {
    value.as_f64().or_else(|| value.as_i64().map(|value| value as f64))
}
