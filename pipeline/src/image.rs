//! Pixels and what travels with them: image, mask planes, variance.
//!
//! Arrays have the shape `(ny, nx)` and are indexed `[[y, x]]`; pixel centres lie at integers and the
//! first pixel is `(0, 0)`.

use ndarray::Array2;

/// Bits of a mask pixel, named as in the Rubin pipelines.
#[allow(missing_docs)]
pub mod mask_plane {
    pub const BAD: u32 = 1 << 0;
    pub const SAT: u32 = 1 << 1;
    pub const INTRP: u32 = 1 << 2;
    pub const CR: u32 = 1 << 3;
    pub const EDGE: u32 = 1 << 4;
    pub const DETECTED: u32 = 1 << 5;
    pub const DETECTED_NEGATIVE: u32 = 1 << 6;
    pub const SUSPECT: u32 = 1 << 7;
    pub const NO_DATA: u32 = 1 << 8;
    pub const CROSSTALK: u32 = 1 << 9;

    /// Every plane with its name.
    pub const ALL: [(&str, u32); 10] = [
        ("BAD", BAD),
        ("SAT", SAT),
        ("INTRP", INTRP),
        ("CR", CR),
        ("EDGE", EDGE),
        ("DETECTED", DETECTED),
        ("DETECTED_NEGATIVE", DETECTED_NEGATIVE),
        ("SUSPECT", SUSPECT),
        ("NO_DATA", NO_DATA),
        ("CROSSTALK", CROSSTALK),
    ];
}

/// Image, mask and variance of one detector; the three arrays have one shape.
#[derive(Debug, Clone)]
pub struct MaskedImage {
    /// Pixel values, ADU (or nJy once calibrated).
    pub image: Array2<f32>,
    /// Bits of [`mask_plane`].
    pub mask: Array2<u32>,
    /// Variance of each pixel, the square of the image's unit.
    pub variance: Array2<f32>,
}

impl MaskedImage {
    /// Number of pixels with any of the given mask planes.
    pub fn count(&self, planes: u32) -> usize {
        self.mask.iter().filter(|&&bits| bits & planes != 0).count()
    }
}
