//! World coordinates of an image: TAN, TAN with SIP distortion, and TPV.
//!
//! ```text
//! pixel ──SIP──▶ pixel ──CD──▶ plane (deg) ──TPV──▶ plane ──gnomonic──▶ unit vector ──▶ ra, dec
//! ```
//!
//! Pixels are 0-based: the centre of the first pixel of a FITS image, (1, 1) in its header, is (0, 0).
//! The plane's ξ grows to the east, η to the north. Points are handled as unit vectors, so that the
//! poles and RA 0/360 are places like any other.
//! References: Greisen & Calabretta 2002 (A&A 395, 1061); Calabretta & Greisen 2002 (A&A 395, 1077);
//! Shupe et al. 2005 (SIP); the TPV registration at the FITS support office.

mod distortion;
mod fit_sip;
mod header;
mod tangent;

use distortion::{Sip, Tpv};
use tangent::Tangent;

pub(crate) use distortion::PlanePolynomial;

pub use crate::error::WcsError;

/// Newton steps that the inverse may take; a few suffice for any real camera.
const MAX_STEPS: usize = 40;
/// A pixel position has converged when a step is shorter than this.
const CONVERGED_PX: f64 = 1e-9;

/// The map between the pixels of one detector and the sky (ICRS, degrees).
#[derive(Debug, Clone, PartialEq)]
pub struct Wcs {
    tangent: Tangent,
    /// 0-based pixel of the tangent point.
    crpix: [f64; 2],
    /// Degrees per pixel; rows ξ, η.
    cd: [[f64; 2]; 2],
    /// Inverse of `cd`, pixels per degree.
    cd_inverse: [[f64; 2]; 2],
    distortion: Distortion,
}

/// What bends the map away from a plain gnomonic projection.
#[derive(Debug, Clone, PartialEq)]
enum Distortion {
    None,
    /// A polynomial in pixels, before the CD matrix.
    Sip(Box<Sip>),
    /// A polynomial in the plane, after the CD matrix.
    Tpv(Box<Tpv>),
}

/// A point and the derivatives of its two coordinates by two variables.
#[derive(Debug, Clone, Copy)]
struct Mapped {
    at: [f64; 2],
    /// `jacobian[i][j]` = d at\[i\] / d variable\[j\].
    jacobian: [[f64; 2]; 2],
}

impl Wcs {
    /// A gnomonic projection without distortion.
    ///
    /// `crval_deg` is the RA and Dec of the tangent point, `crpix` its pixel (0-based),
    /// `cd_deg_per_px` the matrix from pixels to (ξ, η); north is up for `[[-s, 0], [0, s]]`.
    ///
    /// # Errors
    /// [`WcsError::SingularMatrix`] when the matrix has no inverse, [`WcsError::BadKeyword`] when a
    /// number is not finite or the declination lies beyond a pole.
    pub fn tan(
        crval_deg: [f64; 2],
        crpix: [f64; 2],
        cd_deg_per_px: [[f64; 2]; 2],
    ) -> Result<Wcs, WcsError> {
        Wcs::new(Tangent::new(crval_deg, 180.0)?, crpix, cd_deg_per_px, Distortion::None)
    }

    /// A gnomonic projection with a polynomial in the plane, as the TPV projection has it; the other
    /// arguments are those of [`tan`](Self::tan).
    ///
    /// # Errors
    /// Those of [`tan`](Self::tan).
    pub(crate) fn tpv(
        crval_deg: [f64; 2],
        crpix: [f64; 2],
        cd_deg_per_px: [[f64; 2]; 2],
        polynomial: &PlanePolynomial,
    ) -> Result<Wcs, WcsError> {
        let distortion = Distortion::Tpv(Box::new(polynomial.to_tpv()));
        Wcs::new(Tangent::new(crval_deg, 180.0)?, crpix, cd_deg_per_px, distortion)
    }

    fn new(
        tangent: Tangent,
        crpix: [f64; 2],
        cd: [[f64; 2]; 2],
        distortion: Distortion,
    ) -> Result<Wcs, WcsError> {
        let cd_inverse = invert(cd).ok_or(WcsError::SingularMatrix)?;
        Ok(Wcs { tangent, crpix, cd, cd_inverse, distortion })
    }

    /// The map of an image that begins at pixel `(x, y)` of this one.
    pub fn from_pixel(&self, x: f64, y: f64) -> Wcs {
        // Distortions are polynomials about the tangent point.
        Wcs { crpix: [self.crpix[0] - x, self.crpix[1] - y], ..self.clone() }
    }

    /// RA in [0, 360) and Dec of a pixel position, degrees.
    pub fn pixel_to_sky(&self, x: f64, y: f64) -> (f64, f64) {
        self.tangent.plane_to_sky(self.pixel_to_plane(x, y).at)
    }

    /// The pixel position of a place on the sky; `None` where the place lies behind the tangent plane,
    /// or where no pixel that the search reaches maps to it.
    pub fn sky_to_pixel(&self, ra_deg: f64, dec_deg: f64) -> Option<(f64, f64)> {
        let target = self.tangent.sky_to_plane(ra_deg, dec_deg)?;
        let start = multiply(self.cd_inverse, target);
        let mut pixel = [self.crpix[0] + start[0], self.crpix[1] + start[1]];
        if self.distortion == Distortion::None {
            return Some((pixel[0], pixel[1]));
        }
        for _ in 0..MAX_STEPS {
            let here = self.pixel_to_plane(pixel[0], pixel[1]);
            let missing = [target[0] - here.at[0], target[1] - here.at[1]];
            let step = multiply(invert(here.jacobian)?, missing);
            pixel = [pixel[0] + step[0], pixel[1] + step[1]];
            let length = step[0].hypot(step[1]);
            if !length.is_finite() {
                return None;
            }
            if length < CONVERGED_PX.max(4.0 * f64::EPSILON * pixel[0].hypot(pixel[1])) {
                return Some((pixel[0], pixel[1]));
            }
        }
        None
    }

    /// The derivative of (RA·cos Dec, Dec) by (x, y) at a pixel, degrees per pixel.
    pub fn local_affine(&self, x: f64, y: f64) -> [[f64; 2]; 2] {
        let plane = self.pixel_to_plane(x, y);
        product(self.tangent.plane_to_sky_jacobian(plane.at), plane.jacobian)
    }

    /// The solid angle of a pixel, arcsec².
    pub fn pixel_area_arcsec2(&self, x: f64, y: f64) -> f64 {
        determinant(self.local_affine(x, y)).abs() * 3600.0 * 3600.0
    }

    /// The side of a square as large as the pixel, arcsec.
    pub fn pixel_scale_arcsec(&self, x: f64, y: f64) -> f64 {
        self.pixel_area_arcsec2(x, y).sqrt()
    }

    /// The sky positions of the outer corners of an image of `nx` × `ny` pixels, counter-clockwise in
    /// pixels from the first one.
    pub fn corners(&self, nx: usize, ny: usize) -> [(f64, f64); 4] {
        let (right, top) = (nx as f64 - 0.5, ny as f64 - 0.5);
        [(-0.5, -0.5), (right, -0.5), (right, top), (-0.5, top)]
            .map(|(x, y)| self.pixel_to_sky(x, y))
    }

    /// Short name of the projection: `TAN`, `TAN-SIP` or `TPV`.
    pub fn projection(&self) -> &'static str {
        match self.distortion {
            Distortion::None => "TAN",
            Distortion::Sip(_) => "TAN-SIP",
            Distortion::Tpv(_) => "TPV",
        }
    }

    /// The plane coordinates of a pixel, degrees, with their derivatives by (x, y).
    fn pixel_to_plane(&self, x: f64, y: f64) -> Mapped {
        let offset = [x - self.crpix[0], y - self.crpix[1]];
        match &self.distortion {
            Distortion::None => Mapped { at: multiply(self.cd, offset), jacobian: self.cd },
            Distortion::Sip(sip) => {
                let straight = sip.apply(offset);
                Mapped {
                    at: multiply(self.cd, straight.at),
                    jacobian: product(self.cd, straight.jacobian),
                }
            }
            Distortion::Tpv(tpv) => {
                let bent = tpv.apply(multiply(self.cd, offset));
                Mapped { at: bent.at, jacobian: product(bent.jacobian, self.cd) }
            }
        }
    }
}

fn determinant(m: [[f64; 2]; 2]) -> f64 {
    m[0][0] * m[1][1] - m[0][1] * m[1][0]
}

fn invert(m: [[f64; 2]; 2]) -> Option<[[f64; 2]; 2]> {
    let d = determinant(m);
    let inverse = [[m[1][1] / d, -m[0][1] / d], [-m[1][0] / d, m[0][0] / d]];
    (d != 0.0 && inverse.iter().flatten().all(|v| v.is_finite())).then_some(inverse)
}

fn multiply(m: [[f64; 2]; 2], v: [f64; 2]) -> [f64; 2] {
    [m[0][0] * v[0] + m[0][1] * v[1], m[1][0] * v[0] + m[1][1] * v[1]]
}

fn product(a: [[f64; 2]; 2], b: [[f64; 2]; 2]) -> [[f64; 2]; 2] {
    let column = |j: usize| multiply(a, [b[0][j], b[1][j]]);
    let (first, second) = (column(0), column(1));
    [[first[0], second[0]], [first[1], second[1]]]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SCALE: f64 = 0.2 / 3600.0;

    fn north_up(crval: [f64; 2]) -> Wcs {
        Wcs::tan(crval, [100.0, 200.0], [[-SCALE, 0.0], [0.0, SCALE]]).unwrap()
    }

    #[test]
    fn tangent_pixel_is_the_tangent_point_everywhere() {
        for crval in [[0.0, 0.0], [359.99999, -45.0], [10.0, 90.0], [200.0, -90.0]] {
            let wcs = north_up(crval);
            let (ra, dec) = wcs.pixel_to_sky(100.0, 200.0);
            assert!((dec - crval[1]).abs() < 1e-12);
            assert!(crval[1].abs() == 90.0 || (ra - crval[0]).abs() < 1e-12);
        }
    }

    #[test]
    fn pixels_return_across_poles_and_ra_zero() {
        for crval in [[0.0, 0.0], [0.001, 30.0], [77.0, 89.99], [77.0, 90.0], [1.0, -89.995]] {
            let wcs = north_up(crval);
            for (x, y) in [(0.0, 0.0), (100.0, 200.0), (4095.0, 17.5), (-900.0, 4000.0)] {
                let (ra, dec) = wcs.pixel_to_sky(x, y);
                assert!((0.0..360.0).contains(&ra) && dec.abs() <= 90.0);
                let (x2, y2) = wcs.sky_to_pixel(ra, dec).unwrap();
                assert!(
                    (x2 - x).abs() < 1e-7 && (y2 - y).abs() < 1e-7,
                    "{crval:?}: {x},{y} became {x2},{y2}"
                );
            }
        }
    }

    #[test]
    fn nothing_behind_the_tangent_plane() {
        let wcs = north_up([40.0, 10.0]);
        assert_eq!(wcs.sky_to_pixel(220.0, -10.0), None);
        assert_eq!(wcs.sky_to_pixel(130.0, 0.0), None);
        assert!(wcs.sky_to_pixel(129.0, 0.0).is_some());
    }

    #[test]
    fn local_affine_is_the_finite_difference() {
        for crval in [[0.0, 60.0], [12.0, 89.99], [12.0, -90.0]] {
            let wcs = north_up(crval);
            let (x, y) = (731.0, 44.0);
            let affine = wcs.local_affine(x, y);
            let (ra, dec) = wcs.pixel_to_sky(x, y);
            for (column, (dx, dy)) in [(1e-2, 0.0), (0.0, 1e-2)].into_iter().enumerate() {
                let (ra2, dec2) = wcs.pixel_to_sky(x + dx, y + dy);
                let (ra1, dec1) = wcs.pixel_to_sky(x - dx, y - dy);
                let wrap = |d: f64| (d + 540.0).rem_euclid(360.0) - 180.0;
                let east = wrap(ra2 - ra1) * dec.to_radians().cos() / 2e-2;
                assert!(
                    (affine[0][column] - east).abs() < 2e-5 * SCALE,
                    "{crval:?} {ra}: {affine:?} {east}"
                );
                assert!((affine[1][column] - (dec2 - dec1) / 2e-2).abs() < 2e-5 * SCALE);
            }
        }
    }

    #[test]
    fn pixel_area_at_the_tangent_point_is_the_matrix_determinant() {
        let wcs = north_up([33.0, -70.0]);
        assert!((wcs.pixel_area_arcsec2(100.0, 200.0) - 0.04).abs() < 1e-12);
        assert!((wcs.pixel_scale_arcsec(100.0, 200.0) - 0.2).abs() < 1e-12);
    }

    #[test]
    fn singular_matrix_is_refused() {
        let singular = Wcs::tan([0.0, 0.0], [0.0, 0.0], [[1.0, 2.0], [2.0, 4.0]]);
        assert_eq!(singular, Err(WcsError::SingularMatrix));
    }
}
