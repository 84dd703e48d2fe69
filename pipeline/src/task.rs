//! A task: one pure step of the pipeline.
//!
//! A task holds its validated configuration and nothing else. `run` does no I/O and reads no clock,
//! environment or global state; random draws take their seed from the caller. Equal input and equal
//! configuration therefore give equal output, which is what makes a step repeatable and resumable.

use crate::error::Result;

/// One pure step from an input to an output.
pub trait Task {
    /// What the step reads; borrowed where it is large.
    type Input<'a>;
    /// What the step makes.
    type Output;

    /// Run the step.
    ///
    /// # Errors
    /// Only when there is no output at all. A source that cannot be measured is a row of NaN with a
    /// flag, not an error.
    fn run(&self, input: Self::Input<'_>) -> Result<Self::Output>;
}
