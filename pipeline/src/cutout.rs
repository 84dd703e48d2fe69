//! Cut-outs: the part of an exposure about a shape on the sky, with all that its meaning needs.

use std::path::Path;

use almagest_storage::sphgeom::{Angle, UnitVector};
use ndarray::{Array2, s};

use crate::camera::write_exposure_with_psf;
use crate::error::Result;
use crate::exposure::Exposure;
use crate::image::MaskedImage;
use crate::psf::PsfModel;

/// Points on the edge of a circle.
const N_ON_CIRCLE: usize = 72;
/// Points on each edge of a polygon: a great circle is bent in the pixels.
const N_ON_EDGE: usize = 8;

/// A shape on the sky, ICRS degrees.
#[derive(Debug, Clone, PartialEq)]
pub enum CutoutShape {
    /// Centre and radius.
    Circle {
        /// Right ascension of the centre.
        ra: f64,
        /// Declination of the centre.
        dec: f64,
        /// Radius.
        radius: f64,
    },
    /// Right ascension and declination of each vertex.
    Polygon(Vec<(f64, f64)>),
}

impl CutoutShape {
    /// A point inside a circle, or the middle of the vertices of a polygon.
    pub fn center(&self) -> (f64, f64) {
        match self {
            Self::Circle { ra, dec, .. } => (*ra, *dec),
            Self::Polygon(vertices) => mean(vertices),
        }
    }

    /// Does a circle hold one of the points? Polygons beyond a projection are not looked at.
    fn holds_one_of(&self, points: &[(f64, f64)]) -> bool {
        let Self::Circle { ra, dec, radius } = self else { return false };
        let center = UnitVector::from_lonlat_deg(*ra, *dec);
        let radius = Angle::from_degrees(*radius);
        points.iter().any(|&point| center.angle_to(&vector(point)) <= radius)
    }

    /// Points on its edge, and one inside.
    fn points(&self) -> Vec<(f64, f64)> {
        let mut points = vec![self.center()];
        match self {
            Self::Circle { ra, dec, radius } => {
                let on_edge = |i: usize| {
                    let angle = std::f64::consts::TAU * i as f64 / N_ON_CIRCLE as f64;
                    offset(*ra, *dec, *radius, angle)
                };
                points.extend((0..N_ON_CIRCLE).map(on_edge));
            }
            Self::Polygon(vertices) => {
                let next = vertices.iter().cycle().skip(1);
                for (&from, &to) in vertices.iter().zip(next) {
                    let on_edge = |i: usize| between(from, to, i as f64 / N_ON_EDGE as f64);
                    points.extend((0..N_ON_EDGE).map(on_edge));
                }
            }
        }
        points
    }
}

/// The part of `exposure` in the smallest rectangle of pixels that holds the shape; nothing where
/// they have no pixel in common.
///
/// Pixels keep their values, and the world coordinates their places.
pub fn cutout(exposure: &Exposure, shape: &CutoutShape) -> Option<Exposure> {
    let (nx, ny) = exposure.size();
    let pixels: Option<Vec<(f64, f64)>> =
        shape.points().into_iter().map(|(ra, dec)| exposure.wcs.sky_to_pixel(ra, dec)).collect();
    let pixels = match pixels {
        Some(pixels) => pixels,
        // A shape that reaches beyond the projection may still hold pixels.
        None if shape.holds_one_of(&exposure.wcs.corners(nx, ny)) => {
            vec![(0.0, 0.0), (nx as f64, ny as f64)]
        }
        None => return None,
    };
    let range = |n: usize, of: fn(&(f64, f64)) -> f64| -> Option<(usize, usize)> {
        let low = pixels.iter().map(of).fold(f64::INFINITY, f64::min);
        let high = pixels.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        // Pixel i reaches from i - 1/2 to i + 1/2.
        let first = (low + 0.5).floor().max(0.0);
        let last = (high + 0.5).floor().min(n as f64 - 1.0);
        (first <= last).then_some((first as usize, last as usize + 1))
    };
    let ((x0, x1), (y0, y1)) = (range(nx, |p| p.0)?, range(ny, |p| p.1)?);
    let MaskedImage { image, mask, variance } = &exposure.masked_image;
    let masked_image = MaskedImage {
        image: image.slice(s![y0..y1, x0..x1]).to_owned(),
        mask: mask.slice(s![y0..y1, x0..x1]).to_owned(),
        variance: variance.slice(s![y0..y1, x0..x1]).to_owned(),
    };
    let wcs = exposure.wcs.from_pixel(x0 as f64, y0 as f64);
    Some(Exposure {
        masked_image,
        wcs,
        visit_info: exposure.visit_info.clone(),
        photo_calib: exposure.photo_calib,
        detector: exposure.detector.clone(),
        psf_fwhm_hint_px: exposure.psf_fwhm_hint_px,
        psf_model: None,
        warnings: vec![],
        source: exposure.source.clone(),
    })
}

/// The image of a star of unit flux in the middle of a pixel, at a place of `exposure` on the sky;
/// nothing where the place lies beyond the projection.
pub fn psf_image(
    exposure: &Exposure,
    psf: &PsfModel,
    (ra, dec): (f64, f64),
) -> Option<Array2<f32>> {
    let (x, y) = exposure.wcs.sky_to_pixel(ra, dec)?;
    let (nx, ny) = exposure.size();
    let (x, y) = (x.clamp(0.0, nx as f64 - 1.0).round(), y.clamp(0.0, ny as f64 - 1.0).round());
    Some(psf.stamp(x, y, psf.radius_px()).values.mapv(|value| value as f32))
}

/// Write a cut-out: `IMAGE`, `MASK`, `VARIANCE`, and `PSF` where there is one.
///
/// # Errors
/// A file that cannot be written.
pub fn write_cutout(path: &Path, cutout: &Exposure, psf: Option<&Array2<f32>>) -> Result<()> {
    write_exposure_with_psf(path, cutout, psf)
}

/// The point at a distance and position angle (from north through east, radians) of another.
fn offset(ra: f64, dec: f64, distance: f64, angle: f64) -> (f64, f64) {
    let (angle, distance) =
        (Angle::from_degrees(angle.to_degrees()), Angle::from_degrees(distance));
    vector((ra, dec)).offset(angle, distance).to_lonlat_deg()
}

fn vector((ra, dec): (f64, f64)) -> UnitVector {
    UnitVector::from_lonlat_deg(ra, dec)
}

/// The point on a great circle; equal steps of the chord do to find its bounds.
fn between(from: (f64, f64), to: (f64, f64), share: f64) -> (f64, f64) {
    weighted([(from, 1.0 - share), (to, share)])
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    weighted(points.iter().map(|&point| (point, 1.0)))
}

/// The direction of the sum of weighted directions; any where they cancel each other.
fn weighted(points: impl IntoIterator<Item = ((f64, f64), f64)>) -> (f64, f64) {
    let mut sum = [0.0; 3];
    for (point, weight) in points {
        let direction = vector(point);
        for (sum, part) in sum.iter_mut().zip([direction.x, direction.y, direction.z]) {
            *sum += weight * part;
        }
    }
    let [x, y, z] = sum;
    UnitVector::normalize(x, y, z).map_or((0.0, 0.0), |direction| direction.to_lonlat_deg())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn near(found: (f64, f64), expected: (f64, f64)) {
        let around = (found.0 - expected.0 + 180.0).rem_euclid(360.0) - 180.0;
        let error = around.abs().max((found.1 - expected.1).abs());
        assert!(error < 1e-9, "{found:?} is not {expected:?}");
    }

    #[test]
    fn points_of_shapes_lie_where_they_should() {
        near(offset(10.0, 20.0, 1.0, 0.0), (10.0, 21.0));
        near(offset(0.0, 0.0, 2.0, std::f64::consts::FRAC_PI_2), (2.0, 0.0));
        near(offset(0.0, 0.0, 2.0, -std::f64::consts::FRAC_PI_2), (358.0, 0.0));
        near(between((350.0, 0.0), (10.0, 0.0), 0.5), (0.0, 0.0));
        near(CutoutShape::Polygon(vec![(359.0, -1.0), (1.0, -1.0), (0.0, 2.0)]).center(), {
            let (_, dec) = mean(&[(359.0, -1.0), (1.0, -1.0), (0.0, 2.0)]);
            (0.0, dec)
        });
    }

    #[test]
    fn a_circle_holds_the_corners_within_its_radius() {
        let circle = CutoutShape::Circle { ra: 359.9, dec: 0.0, radius: 0.2 };
        assert!(circle.holds_one_of(&[(5.0, 5.0), (0.05, 0.0)]));
        assert!(!circle.holds_one_of(&[(0.2, 0.0), (180.0, 0.0)]));
    }
}
