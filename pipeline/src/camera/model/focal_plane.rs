//! From the pixels of a detector to the focal plane and to the sky.
//!
//! ```text
//!   pixel ──turn and place of the detector──▶ focal plane (mm) ──scale──▶ degrees
//!         ──radial distortion──▶ field angle ──rotation, gnomonic──▶ sky
//! ```
//!
//! At rotation 0 the focal plane's y axis points to the north and its x axis to the west. The rotation is
//! the position angle of the y axis, from north through east. The whole chain is one TPV map, so that a
//! header can say it exactly: the distortion is a polynomial in the plane.

use super::{CameraModel, DetectorModel};
use crate::error::WcsError;
use crate::wcs::{PlanePolynomial, Wcs};

/// Where the telescope points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pointing {
    /// Right ascension of the centre of the focal plane, ICRS degrees.
    pub ra_deg: f64,
    /// Its declination.
    pub dec_deg: f64,
    /// Position angle of the focal plane's y axis, degrees.
    pub rotation_deg: f64,
}

impl CameraModel {
    /// Degrees of the undistorted field per mm of the focal plane.
    pub fn deg_per_mm(&self) -> f64 {
        self.pixel_scale_arcsec / 3600.0 / (self.pixel_um / 1000.0)
    }

    /// The place of a pixel in the focal plane, mm.
    pub fn pixel_to_focal(&self, detector: &DetectorModel, x: f64, y: f64) -> (f64, f64) {
        let (cx, cy) = detector.centre_px();
        let pixel_mm = self.pixel_um / 1000.0;
        let (dx, dy) = ((x - cx) * pixel_mm, (y - cy) * pixel_mm);
        let (sin, cos) = detector.rotation_deg.to_radians().sin_cos();
        let (x_mm, y_mm) = detector.centre_mm;
        (x_mm + cos * dx - sin * dy, y_mm + sin * dx + cos * dy)
    }

    /// The pixel of a detector at a place in the focal plane, also where it lies beyond the detector.
    pub fn focal_to_pixel(&self, detector: &DetectorModel, x_mm: f64, y_mm: f64) -> (f64, f64) {
        let (cx, cy) = detector.centre_px();
        let pixel_mm = self.pixel_um / 1000.0;
        let (dx, dy) =
            ((x_mm - detector.centre_mm.0) / pixel_mm, (y_mm - detector.centre_mm.1) / pixel_mm);
        let (sin, cos) = detector.rotation_deg.to_radians().sin_cos();
        (cx + cos * dx + sin * dy, cy - sin * dx + cos * dy)
    }

    /// Largest distance of a detector's corner from the centre of the focal plane, mm.
    pub fn focal_radius_mm(&self) -> f64 {
        let corners = self.detectors().iter().flat_map(|detector| {
            let (nx, ny) = (detector.size_px.0 as f64, detector.size_px.1 as f64);
            [(0.0, 0.0), (nx, 0.0), (0.0, ny), (nx, ny)]
                .map(|(x, y)| self.pixel_to_focal(detector, x - 0.5, y - 0.5))
        });
        corners.map(|(x, y)| x.hypot(y)).fold(0.0, f64::max)
    }

    /// The nominal world coordinates of a detector.
    ///
    /// # Errors
    /// When the pointing is no place on the sky.
    pub fn wcs(&self, detector: &DetectorModel, pointing: &Pointing) -> Result<Wcs, WcsError> {
        self.bent_wcs(detector, pointing, &self.distortion_polynomial())
    }

    /// The radial distortion as a polynomial in the plane.
    pub(crate) fn distortion_polynomial(&self) -> PlanePolynomial {
        let [k2, k4] = self.distortion;
        let mut polynomial = PlanePolynomial::identity();
        // x (x² + y²) k₂ + x (x² + y²)² k₄, and the same with x and y exchanged.
        for axis in 0..2 {
            for (p, q, value) in [(3, 0, k2), (1, 2, k2), (5, 0, k4), (3, 2, 2.0 * k4), (1, 4, k4)]
            {
                let (px, py) = if axis == 0 { (p, q) } else { (q, p) };
                polynomial.add(axis, px, py, value);
            }
        }
        polynomial
    }

    /// World coordinates with a polynomial of the caller's between the plane and the sky.
    pub(crate) fn bent_wcs(
        &self,
        detector: &DetectorModel,
        pointing: &Pointing,
        polynomial: &PlanePolynomial,
    ) -> Result<Wcs, WcsError> {
        let scale = self.pixel_scale_arcsec / 3600.0;
        let (sin_d, cos_d) = detector.rotation_deg.to_radians().sin_cos();
        let (sin_c, cos_c) = pointing.rotation_deg.to_radians().sin_cos();
        // Columns: where the focal plane's axes point in the plane (ξ to the east, η to the north).
        let axes = [[-cos_c, sin_c], [sin_c, cos_c]];
        let turn = [[cos_d, -sin_d], [sin_d, cos_d]];
        let cd = [0, 1]
            .map(|i| [0, 1].map(|j| scale * (axes[i][0] * turn[0][j] + axes[i][1] * turn[1][j])));
        let (x, y) = self.focal_to_pixel(detector, 0.0, 0.0);
        Wcs::tpv([pointing.ra_deg, pointing.dec_deg], [x, y], cd, polynomial)
    }
}

impl DetectorModel {
    /// The centre of the pixel grid.
    pub fn centre_px(&self) -> (f64, f64) {
        ((self.size_px.0 as f64 - 1.0) / 2.0, (self.size_px.1 as f64 - 1.0) / 2.0)
    }
}
