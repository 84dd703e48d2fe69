//! Pixel flags: which mask planes are set on and around a source.

use crate::image::mask_plane;
use ndarray::Array2;

/// Mask planes found within the source's disc, and in the 3 × 3 pixels of its centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PixelFlags {
    around: u32,
    centre: u32,
    off_image: bool,
}

impl PixelFlags {
    /// Read the mask in the disc of `radius_px` about `(x, y)` and in its centre.
    pub fn read(mask: &Array2<u32>, x: f64, y: f64, radius_px: f64) -> Self {
        let (ny, nx) = mask.dim();
        let (column, row) = (x.round(), y.round());
        let off_image = !(column >= 0.0 && row >= 0.0 && column < nx as f64 && row < ny as f64);
        let mut flags = Self { around: 0, centre: 0, off_image };
        if !x.is_finite() || !y.is_finite() {
            return flags;
        }
        let reach = radius_px.max(1.5).ceil() as i64;
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (px, py) = (column as i64 + dx, row as i64 + dy);
                if px < 0 || py < 0 || px >= nx as i64 || py >= ny as i64 {
                    continue;
                }
                let bits = mask[[py as usize, px as usize]];
                if (px as f64 - x).hypot(py as f64 - y) <= radius_px {
                    flags.around |= bits;
                }
                if dx.abs() <= 1 && dy.abs() <= 1 {
                    flags.centre |= bits;
                }
            }
        }
        flags
    }

    /// The centre lies outside the image.
    pub fn off_image(&self) -> bool {
        self.off_image
    }

    /// The centre lies in the border that the detection filter cannot see around.
    pub fn edge(&self) -> bool {
        self.off_image || self.centre & mask_plane::EDGE != 0
    }

    /// A pixel is bad.
    pub fn bad(&self) -> bool {
        self.has(mask_plane::BAD)
    }

    /// A pixel at the centre is bad.
    pub fn bad_center(&self) -> bool {
        self.centre_has(mask_plane::BAD)
    }

    /// A pixel was hit by a cosmic ray.
    pub fn cr(&self) -> bool {
        self.has(mask_plane::CR)
    }

    /// A pixel at the centre was hit by a cosmic ray.
    pub fn cr_center(&self) -> bool {
        self.centre_has(mask_plane::CR)
    }

    /// A pixel was interpolated.
    pub fn interpolated(&self) -> bool {
        self.has(mask_plane::INTRP)
    }

    /// A pixel at the centre was interpolated.
    pub fn interpolated_center(&self) -> bool {
        self.centre_has(mask_plane::INTRP)
    }

    /// A pixel has no data.
    pub fn nodata(&self) -> bool {
        self.has(mask_plane::NO_DATA)
    }

    /// A pixel at the centre has no data.
    pub fn nodata_center(&self) -> bool {
        self.centre_has(mask_plane::NO_DATA)
    }

    /// A pixel is saturated.
    pub fn saturated(&self) -> bool {
        self.has(mask_plane::SAT)
    }

    /// A pixel at the centre is saturated.
    pub fn saturated_center(&self) -> bool {
        self.centre_has(mask_plane::SAT)
    }

    /// A pixel is suspect.
    pub fn suspect(&self) -> bool {
        self.has(mask_plane::SUSPECT)
    }

    /// A pixel at the centre is suspect.
    pub fn suspect_center(&self) -> bool {
        self.centre_has(mask_plane::SUSPECT)
    }

    fn has(&self, plane: u32) -> bool {
        (self.around | self.centre) & plane != 0
    }

    fn centre_has(&self, plane: u32) -> bool {
        self.centre & plane != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn centre_and_surroundings_are_told_apart() {
        let mut mask = Array2::<u32>::zeros((40, 40));
        mask[[20, 24]] = mask_plane::SAT;
        mask[[21, 21]] = mask_plane::CR;
        let flags = PixelFlags::read(&mask, 20.2, 19.9, 5.0);
        assert!(flags.saturated() && !flags.saturated_center());
        assert!(flags.cr() && flags.cr_center());
        assert!(!flags.bad() && !flags.edge() && !flags.off_image());
        assert!(!PixelFlags::read(&mask, 20.2, 19.9, 3.0).saturated());
    }

    #[test]
    fn a_source_outside_is_off_the_image() {
        let mask = Array2::<u32>::zeros((40, 40));
        assert!(PixelFlags::read(&mask, -0.6, 20.0, 5.0).off_image());
        assert!(!PixelFlags::read(&mask, -0.4, 20.0, 5.0).off_image());
        assert!(PixelFlags::read(&mask, f64::NAN, 20.0, 5.0).off_image());
    }
}
