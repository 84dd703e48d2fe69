//! What cannot be done with a shape.

use thiserror::Error;

use crate::sphgeom::{Frame, PositionError};

/// A shape that does not exist, or a question that it has no answer to.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum ShapeError {
    /// Its coordinates make no shape.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// The edges of ranges and MOCs are tied to their frame.
    #[error("a {shape} given in {} cannot be converted to {}", from.name(), to.name())]
    Frame {
        /// What was to be converted.
        shape: &'static str,
        /// The frame it is given in.
        from: Frame,
        /// The frame it was wanted in.
        to: Frame,
    },
    /// A MOC combined with circles or polygons is measured by no formula.
    #[error("no area or centroid of a MOC combined with other shapes: combine MOCs with MOCs")]
    MixedMoc,
    /// The mean over the shape is no direction.
    #[error("the shape has no centroid: it is empty, or balanced about the centre of the sphere")]
    NoCentroid,
}
