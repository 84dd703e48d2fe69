//! Where images and sources lie in the focal plane, in arcminutes from where the telescope pointed.
//!
//! It follows from the corners of the images on the sky, so that no camera needs to be known:
//!
//! ```text
//!   corners ─ gnomonic about the pointing ─ turned by the camera's rotation ─▶ x to the right,
//!                                                                             y along the camera's y axis
//! ```
//!
//! In between, pixels are taken to lie evenly.

use almagest_storage::sphgeom::{Cone, Region, UnitVector};

use super::observations::{ImageRow, Moments, VisitRow};

/// Arcminutes in a radian.
const ARCMIN_PER_RAD: f64 = 3_437.746_770_784_939;

/// An image in the focal plane, arcmin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FocalPlacement {
    /// Its corners: lower left, lower right, upper right, upper left; NaN where they are not known.
    pub corners: [(f64, f64); 4],
    /// Its corners on the sky, ICRS degrees.
    pub sky_corners: [(f64, f64); 4],
    /// Columns and rows.
    size_px: (f64, f64),
}

impl FocalPlacement {
    /// Place an image of a visit.
    pub fn new(visit: &VisitRow, size_px: (f64, f64), sky_corners: [(f64, f64); 4]) -> Self {
        let pointing = match visit.pointing {
            (ra, dec) if ra.is_finite() && dec.is_finite() => (ra, dec),
            // Each image is then shown as though it were the only one.
            _ => middle(&sky_corners),
        };
        let rotation = if visit.rotation_deg.is_finite() { visit.rotation_deg } else { 0.0 };
        let (sin, cos) = rotation.to_radians().sin_cos();
        let corners = sky_corners.map(|corner| {
            let (east, north) = gnomonic_arcmin(pointing, corner);
            (north * sin - east * cos, north * cos + east * sin)
        });
        Self { corners, sky_corners, size_px }
    }

    /// The place of a pixel, arcmin.
    pub fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let [lower_left, lower_right, _, upper_left] = self.corners;
        let (u, v) = ((x + 0.5) / self.size_px.0, (y + 0.5) / self.size_px.1);
        (
            lower_left.0 + u * (lower_right.0 - lower_left.0) + v * (upper_left.0 - lower_left.0),
            lower_left.1 + u * (lower_right.1 - lower_left.1) + v * (upper_left.1 - lower_left.1),
        )
    }

    /// The middle of the image, arcmin.
    pub fn middle(&self) -> (f64, f64) {
        self.place((self.size_px.0 - 1.0) / 2.0, (self.size_px.1 - 1.0) / 2.0)
    }

    /// Ellipticity in the focal plane: size, and angle of the long axis from x, counter-clockwise.
    pub fn whisker(&self, moments: &Moments) -> (f64, f64) {
        // Columns and rows of the pixels, as vectors of the focal plane.
        let (from, x, y) = (self.place(0.0, 0.0), self.place(1.0, 0.0), self.place(0.0, 1.0));
        let [[a, b], [c, d]] = [[x.0 - from.0, y.0 - from.0], [x.1 - from.1, y.1 - from.1]];
        let Moments { xx, yy, xy } = *moments;
        let turned = Moments {
            xx: a * a * xx + 2.0 * a * b * xy + b * b * yy,
            yy: c * c * xx + 2.0 * c * d * xy + d * d * yy,
            xy: a * c * xx + (a * d + b * c) * xy + b * d * yy,
        };
        let (e1, e2) = turned.ellipticity();
        (e1.hypot(e2), 0.5 * e2.atan2(e1))
    }
}

/// Standard coordinates of a place about another: east and north, arcmin.
fn gnomonic_arcmin(about: (f64, f64), place: (f64, f64)) -> (f64, f64) {
    let (about, place) = (
        UnitVector::from_lonlat_deg(about.0, about.1),
        UnitVector::from_lonlat_deg(place.0, place.1),
    );
    let (east, north) = about.east_north();
    let depth = about.dot(&place);
    if depth <= 0.0 {
        return (f64::NAN, f64::NAN);
    }
    (ARCMIN_PER_RAD * east.dot(&place) / depth, ARCMIN_PER_RAD * north.dot(&place) / depth)
}

/// The direction between places.
fn middle(places: &[(f64, f64)]) -> (f64, f64) {
    let mut sum = [0.0; 3];
    for &(ra, dec) in places {
        let v = UnitVector::from_lonlat_deg(ra, dec);
        sum = [sum[0] + v.x, sum[1] + v.y, sum[2] + v.z];
    }
    UnitVector::normalize(sum[0], sum[1], sum[2])
        .map_or((f64::NAN, f64::NAN), |direction| direction.to_lonlat_deg())
}

/// A cone that holds all images; none where they are spread over the sky.
pub fn region_of(images: &[ImageRow]) -> Option<Region> {
    /// Beyond it the whole table is read.
    const WIDEST_DEG: f64 = 30.0;
    let corners: Vec<(f64, f64)> =
        images.iter().flat_map(|image| image.placement.sky_corners).collect();
    let (ra, dec) = middle(&corners);
    let centre = UnitVector::from_lonlat_deg(ra, dec);
    let farthest = corners
        .iter()
        .map(|&(ra, dec)| centre.angle_to(&UnitVector::from_lonlat_deg(ra, dec)).degrees())
        .fold(f64::NAN, f64::max);
    // Objects a little beyond the edge are neighbours.
    let radius = farthest + 1.0 / 60.0;
    (radius < WIDEST_DEG).then(|| Cone::closed_deg(ra, dec, radius).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(ra: f64, dec: f64, rotation_deg: f64) -> VisitRow {
        VisitRow {
            visit: 1,
            band: "r".to_owned(),
            pointing: (ra, dec),
            rotation_deg,
            mid_mjd_tai: 60_000.0,
            airmass: 1.0,
            exposure_s: 30.0,
        }
    }

    fn near(found: (f64, f64), expected: (f64, f64)) {
        let off = (found.0 - expected.0).hypot(found.1 - expected.1);
        assert!(off < 1e-4, "{found:?} is not {expected:?}");
    }

    /// Corners of an image of 2′ by 2′ about (ra, dec), north up and east to the left.
    fn corners(ra: f64, dec: f64) -> [(f64, f64); 4] {
        let d = 1.0 / 60.0;
        let s = d / dec.to_radians().cos();
        [(ra + s, dec - d), (ra - s, dec - d), (ra - s, dec + d), (ra + s, dec + d)]
    }

    #[test]
    fn the_focal_plane_does_not_turn_with_the_sky() {
        let placement =
            FocalPlacement::new(&visit(10.0, 0.0, 0.0), (100.0, 100.0), corners(10.0, 0.0));
        near(placement.corners[0], (-1.0, -1.0));
        near(placement.corners[2], (1.0, 1.0));
        near(placement.place(49.5, 99.5), (0.0, 1.0));
        // The camera's y axis points east: what is east on the sky is up in the focal plane.
        let turned =
            FocalPlacement::new(&visit(10.0, 0.0, 90.0), (100.0, 100.0), corners(10.0, 0.0));
        near(turned.corners[0], (-1.0, 1.0));
        near(turned.middle(), (0.0, 0.0));
    }

    #[test]
    fn whiskers_turn_with_their_detector() {
        let along_x = Moments { xx: 2.0, yy: 1.0, xy: 0.0 };
        let upright =
            FocalPlacement::new(&visit(10.0, 0.0, 0.0), (100.0, 100.0), corners(10.0, 0.0));
        let (e, angle) = upright.whisker(&along_x);
        assert!((e - 1.0 / 3.0).abs() < 1e-4 && angle.abs() < 1e-4, "{e} {angle}");
        let turned =
            FocalPlacement::new(&visit(10.0, 0.0, 90.0), (100.0, 100.0), corners(10.0, 0.0));
        let (e, angle) = turned.whisker(&along_x);
        let quarter = std::f64::consts::FRAC_PI_2;
        assert!(
            (e - 1.0 / 3.0).abs() < 1e-4 && (angle.abs() - quarter).abs() < 1e-4,
            "{e} {angle}"
        );
    }
}
