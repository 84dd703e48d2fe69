//! Assembly: amplifiers turned, and put where they lie on the detector.

use ndarray::{Array2, ArrayView2, Axis, s};

use super::AmplifierImage;
use crate::camera::RawFrame;
use crate::camera::model::{Flip, Section};
use crate::image::MaskedImage;

/// The detector that the amplifiers make up; without variance yet.
pub(super) fn assemble(raw: &RawFrame, amplifiers: &[AmplifierImage]) -> MaskedImage {
    let (nx, ny) = raw.detector.size_px;
    let mut image = Array2::zeros((ny, nx));
    let mut mask = Array2::zeros((ny, nx));
    for (amplifier, place) in amplifiers.iter().zip(&raw.amplifiers) {
        put(&amplifier.image, place.flip, place.bbox, &mut image);
        put(&amplifier.mask, place.flip, place.bbox, &mut mask);
    }
    MaskedImage { image, mask, variance: Array2::zeros((ny, nx)) }
}

fn put<T: Copy>(from: &Array2<T>, flip: Flip, bbox: Section, to: &mut Array2<T>) {
    let mut view: ArrayView2<'_, T> = from.view();
    if flip.x() {
        view.invert_axis(Axis(1));
    }
    if flip.y() {
        view.invert_axis(Axis(0));
    }
    to.slice_mut(s![bbox.y0..bbox.y0 + bbox.ny, bbox.x0..bbox.x0 + bbox.nx]).assign(&view);
}
