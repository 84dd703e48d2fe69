//! The camera on the sky: 189 detectors that cover a pointing.
//!
//! ```text
//!         ┌───┬───┬───┐            15 x 15 detectors without the four corners of 3 x 3;
//!     ┌───┼───┼───┼───┼───┐        numbered row by row from the bottom left
//!     ├───┼───┼───┼───┼───┤
//!     ├───┼───┼───┼───┼───┤        y
//!     └───┼───┼───┼───┼───┘        │
//!         └───┴───┴───┘            └── x
//! ```
//!
//! Offsets from the pointing are measured in Lambert's azimuthal equal-area projection, so that the
//! area of the detectors is exactly the solid angle in which objects are seen, however wide the
//! camera.

use almagest_storage::sphgeom::{Angle, UnitVector};

/// Detectors along an edge of the square.
const SIDE: usize = 15;
/// Detectors along an edge of the corners that are not there.
const CORNER: usize = 3;
/// Number of detectors.
pub const N_DETECTORS: usize = SIDE * SIDE - 4 * CORNER * CORNER;
/// Columns and rows of a detector's image.
pub const DETECTOR_PX: (f64, f64) = (4072.0, 4000.0);

/// The field of view of LSSTCam, square degrees.
pub const LSST_FIELD_DEG2: f64 = 9.6;
/// The whole sky, square degrees.
pub const SKY_DEG2: f64 = 41_252.961_249_419_28;

/// A camera.
#[derive(Debug, Clone)]
pub struct FocalPlane {
    /// Edge of a detector, in the projection on a sphere of radius 1.
    pitch: f64,
    /// Cosine of the angle from the pointing to the farthest corner.
    cos_reach: f64,
    /// Number of the detector in each place of the square.
    numbers: [Option<u8>; SIDE * SIDE],
}

/// The direction in which a camera points, and how it is turned.
#[derive(Debug, Clone, Copy)]
pub struct Attitude {
    /// Middle of the field.
    pub pointing: UnitVector,
    /// Direction of the detectors' rows on the sky.
    pub x: UnitVector,
    /// Direction of their columns.
    pub y: UnitVector,
}

/// A place in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixel {
    /// Number of the detector.
    pub detector: u8,
    /// Column, from 0.
    pub x: f64,
    /// Row, from 0.
    pub y: f64,
}

impl FocalPlane {
    /// Make a camera whose detectors cover a solid angle.
    pub fn new(area_deg2: f64) -> Self {
        let steradians = area_deg2 / SKY_DEG2 * 4.0 * std::f64::consts::PI;
        let pitch = (steradians / N_DETECTORS as f64).sqrt();
        let half = SIDE as f64 / 2.0;
        let farthest = pitch * half.hypot(half - CORNER as f64);
        let mut numbers = [None; SIDE * SIDE];
        let mut n_before = 0;
        for (place, number) in numbers.iter_mut().enumerate() {
            let is_outer = |index: usize| !(CORNER..SIDE - CORNER).contains(&index);
            if !(is_outer(place / SIDE) && is_outer(place % SIDE)) {
                *number = Some(n_before);
                n_before += 1;
            }
        }
        Self { pitch, cos_reach: 1.0 - farthest * farthest / 2.0, numbers }
    }

    /// Angle from the pointing to the farthest corner.
    pub fn reach(&self) -> Angle {
        Angle::from_degrees(libm::acos(self.cos_reach).to_degrees())
    }

    /// Return where a position is seen; `None`: beside the detectors.
    pub fn pixel(&self, attitude: &Attitude, position: &UnitVector) -> Option<Pixel> {
        let cos = attitude.pointing.dot(position);
        if cos < self.cos_reach {
            return None;
        }
        let scale = (2.0 / (1.0 + cos)).sqrt() / self.pitch;
        let half = SIDE as f64 / 2.0;
        let column = attitude.x.dot(position) * scale + half;
        let row = attitude.y.dot(position) * scale + half;
        let inside = 0.0..SIDE as f64;
        if !inside.contains(&column) || !inside.contains(&row) {
            return None;
        }
        let detector = self.numbers[row as usize * SIDE + column as usize]?;
        let (width, height) = DETECTOR_PX;
        Some(Pixel { detector, x: column.fract() * width, y: row.fract() * height })
    }
}

impl Attitude {
    /// Point a camera.
    ///
    /// # Arguments
    /// * `rotation` - angle from north through east to the direction of the columns
    pub fn new(pointing: UnitVector, rotation: Angle) -> Self {
        let right = Angle::from_degrees(90.0);
        let towards = |angle: f64| pointing.offset(Angle::from_degrees(angle), right);
        Self { pointing, x: towards(rotation.degrees() + 90.0), y: towards(rotation.degrees()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use rand::RngExt;

    use super::*;
    use crate::draws::{Purpose, Seed};

    #[test]
    fn detectors_cover_their_area() {
        let mut draws = Seed::new(1).stream(Purpose::Calibration, 0);
        for area in [LSST_FIELD_DEG2, 1200.0] {
            let camera = FocalPlane::new(area);
            let attitude =
                Attitude::new(UnitVector::from_lonlat_deg(359.9, 88.0), Angle::from_degrees(31.0));
            // Uniform in a cap a little wider than the camera.
            let cos_cap = libm::cos((camera.reach().degrees() + 0.5).to_radians());
            let n = 40_000;
            let mut seen = [0; N_DETECTORS];
            for _ in 0..n {
                let cos = draws.random_range(cos_cap..1.0);
                let angle = Angle::from_degrees(draws.random_range(0.0..360.0));
                let distance = Angle::from_degrees(libm::acos(cos).to_degrees());
                let position = attitude.pointing.offset(angle, distance);
                if let Some(pixel) = camera.pixel(&attitude, &position) {
                    seen[usize::from(pixel.detector)] += 1;
                    assert!((0.0..4072.0).contains(&pixel.x) && (0.0..4000.0).contains(&pixel.y));
                }
            }
            let covered = seen.iter().sum::<u32>() as f64 / n as f64;
            let expected = area / (SKY_DEG2 * (1.0 - cos_cap) / 2.0);
            // Four standard errors of a share.
            assert!((covered - expected).abs() < 2.0 / (n as f64).sqrt(), "{covered} {expected}");
            assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
        }
    }

    #[test]
    fn the_middle_detector_is_in_the_middle() {
        let camera = FocalPlane::new(LSST_FIELD_DEG2);
        let pointing = UnitVector::from_lonlat_deg(20.0, -30.0);
        let attitude = Attitude::new(pointing, Angle::ZERO);
        let pixel = camera.pixel(&attitude, &pointing).unwrap();
        assert_eq!(pixel.detector, 94);
        assert!((pixel.x - 2036.0).abs() < 1e-6 && (pixel.y - 2000.0).abs() < 1e-6);
        // A little north is a little up.
        let north = pointing.offset(Angle::ZERO, Angle::from_arcsec(2.0));
        assert!(camera.pixel(&attitude, &north).unwrap().y > 2000.5);
        assert_eq!(camera.pixel(&attitude, &pointing.antipode()), None);
    }
}
