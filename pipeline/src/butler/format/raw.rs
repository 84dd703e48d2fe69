//! Reading one detector of a raw frame by the camera that wrote it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::ReadInstructions;
use crate::camera::{CameraModel, RawFrame, read_raw_detector};
use crate::error::Result;

/// The cameras that come with the program, read once.
static BUILTIN: OnceLock<Vec<Arc<CameraModel>>> = OnceLock::new();

/// The cameras that a raw frame may be of: one of a file, else those of the program.
pub(in crate::butler) fn cameras(file: Option<&Path>) -> Result<Vec<Arc<CameraModel>>> {
    if let Some(file) = file {
        return Ok(vec![Arc::new(CameraModel::open(file)?)]);
    }
    if let Some(cameras) = BUILTIN.get() {
        return Ok(cameras.clone());
    }
    let cameras: Vec<_> = CameraModel::builtin()?.into_iter().map(Arc::new).collect();
    Ok(BUILTIN.get_or_init(|| cameras).clone())
}

/// Read one detector; without instructions the first.
pub(super) fn read(path: &Path, instructions: Option<&ReadInstructions>) -> Result<RawFrame> {
    let index = instructions.map_or(0, |instructions| instructions.index);
    let camera = instructions.and_then(|instructions| instructions.camera.as_deref());
    read_raw_detector(path, &cameras(camera)?, index)
}
