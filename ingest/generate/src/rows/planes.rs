//! Mask planes that a footprint meets: flags of a measurement in one image.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray};

use crate::draws::{mix, unit};
use crate::focal_plane::{DETECTOR_PX, Pixel};

/// The planes, as the columns `pixelFlags_…` are called.
const PLANES: [&str; 12] = [
    "bad",
    "cr",
    "crCenter",
    "edge",
    "interpolated",
    "interpolatedCenter",
    "nodata",
    "offimage",
    "saturated",
    "saturatedCenter",
    "suspect",
    "suspectCenter",
];
const BAD: u16 = 1;
const CR: u16 = 1 << 1;
const CR_CENTER: u16 = 1 << 2;
const EDGE: u16 = 1 << 3;
const INTERPOLATED: u16 = 1 << 4;
const INTERPOLATED_CENTER: u16 = 1 << 5;
const NODATA: u16 = 1 << 6;
const OFFIMAGE: u16 = 1 << 7;
const SATURATED: u16 = 1 << 8;
const SATURATED_CENTER: u16 = 1 << 9;
const SUSPECT: u16 = 1 << 10;
const SUSPECT_CENTER: u16 = 1 << 11;

/// What a footprint meets besides the edge and saturation: share of the footprints, planes. They
/// come together as they do in images, where a hit pixel is interpolated.
const FLAWS: [(f32, u16); 6] = [
    (0.012, CR | INTERPOLATED),
    (0.003, CR | CR_CENTER | INTERPOLATED | INTERPOLATED_CENTER),
    (0.008, BAD | INTERPOLATED),
    (0.002, BAD | INTERPOLATED | INTERPOLATED_CENTER | SUSPECT),
    (0.001, SUSPECT | SUSPECT_CENTER),
    (0.002, NODATA),
];

/// Flux from which the centre of a star saturates, nJy: magnitude 16.5.
const SATURATION_NJY: f64 = 913_000.0;
/// Width of the edge, pixels.
const EDGE_PX: f64 = 12.0;

/// Return the planes that a measurement meets, one bit each.
pub fn planes_of(bits: u64, pixel: &Pixel, flux_njy: f64) -> u16 {
    let mut planes = 0;
    let mut left = unit(mix(bits));
    for (share, flaw) in FLAWS {
        left -= share;
        if left < 0.0 {
            planes = flaw;
            break;
        }
    }
    let (width, height) = DETECTOR_PX;
    let from_edge = pixel.x.min(pixel.y).min(width - pixel.x).min(height - pixel.y);
    if from_edge < EDGE_PX {
        planes |= EDGE;
        if from_edge < 1.0 {
            planes |= OFFIMAGE;
        }
    }
    if flux_njy > SATURATION_NJY {
        planes |= SATURATED | INTERPOLATED;
        if flux_njy > 2.0 * SATURATION_NJY {
            planes |= SATURATED_CENTER | INTERPOLATED_CENTER;
        }
    }
    planes
}

/// Return the column of a plane, by its whole name.
pub fn plane_column(name: &str, planes: &[u16]) -> Option<ArrayRef> {
    let plane = name.strip_prefix("pixelFlags_")?;
    let index = PLANES.iter().position(|known| *known == plane)?;
    Some(Arc::new(BooleanArray::from_iter(
        planes.iter().map(|planes| Some(planes & (1 << index) != 0)),
    )))
}
