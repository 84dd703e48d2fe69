//! The gnomonic projection: the sky seen from its centre on a plane that touches it.

use super::WcsError;

/// A tangent point with its axes east and north, and the rotation that `LONPOLE` asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tangent {
    /// RA and Dec of the tangent point, degrees.
    pub crval_deg: [f64; 2],
    /// Native longitude of the celestial pole, degrees; 180 leaves the plane as it is.
    pub lonpole_deg: f64,
    centre: [f64; 3],
    east: [f64; 3],
    north: [f64; 3],
    /// Sine and cosine of 180° − `LONPOLE`.
    turn: (f64, f64),
}

impl Tangent {
    /// The tangent plane at `crval_deg`, turned by 180° − `lonpole_deg`.
    pub fn new(crval_deg: [f64; 2], lonpole_deg: f64) -> Result<Tangent, WcsError> {
        let bad = |keyword: &str, value: f64, expected| {
            Err(WcsError::BadKeyword {
                keyword: keyword.to_owned(),
                value: value.to_string(),
                expected,
            })
        };
        if !crval_deg[0].is_finite() {
            return bad("CRVAL1", crval_deg[0], "a finite right ascension");
        }
        if !(-90.0..=90.0).contains(&crval_deg[1]) {
            return bad("CRVAL2", crval_deg[1], "a declination between -90 and 90 degrees");
        }
        if !lonpole_deg.is_finite() {
            return bad("LONPOLE", lonpole_deg, "a finite angle");
        }
        let (east, north) = east_and_north(crval_deg[0], crval_deg[1]);
        Ok(Tangent {
            crval_deg,
            lonpole_deg,
            centre: unit_vector(crval_deg[0], crval_deg[1]),
            east,
            north,
            turn: if lonpole_deg == 180.0 {
                (0.0, 1.0)
            } else {
                (180.0 - lonpole_deg).to_radians().sin_cos()
            },
        })
    }

    /// RA in [0, 360) and Dec of a plane point, degrees.
    pub fn plane_to_sky(&self, plane_deg: [f64; 2]) -> (f64, f64) {
        let ray = self.ray(plane_deg);
        let ra = ray[1].atan2(ray[0]).to_degrees().rem_euclid(360.0);
        let dec = ray[2].atan2(ray[0].hypot(ray[1])).to_degrees();
        // A tiny negative angle may round to 360 itself.
        (if ra >= 360.0 { 0.0 } else { ra }, dec)
    }

    /// The plane point of a sky position, degrees; `None` a quarter of the sky away and beyond.
    pub fn sky_to_plane(&self, ra_deg: f64, dec_deg: f64) -> Option<[f64; 2]> {
        let point = unit_vector(ra_deg, dec_deg);
        let height = dot(point, self.centre);
        // The horizon itself would project to infinity.
        if height.is_nan() || height <= 1e-12 {
            return None;
        }
        let east = (dot(point, self.east) / height).to_degrees();
        let north = (dot(point, self.north) / height).to_degrees();
        let (sin, cos) = self.turn;
        Some([east * cos + north * sin, north * cos - east * sin])
    }

    /// The derivative of (RA·cos Dec, Dec) by the plane coordinates, a pure number.
    pub fn plane_to_sky_jacobian(&self, plane_deg: [f64; 2]) -> [[f64; 2]; 2] {
        let ray = self.ray(plane_deg);
        let length = dot(ray, ray).sqrt();
        let (ra, dec) = self.plane_to_sky(plane_deg);
        let (east, north) = east_and_north(ra, dec);
        let (sin, cos) = self.turn;
        let columns = [[cos, sin], [-sin, cos]].map(|[e, n]| {
            // The axes east and north are perpendicular to the ray, so only the plane's own step counts.
            let step = combine(e, self.east, n, self.north);
            [dot(step, east) / length, dot(step, north) / length]
        });
        [[columns[0][0], columns[1][0]], [columns[0][1], columns[1][1]]]
    }

    /// The vector from the centre of the sky through a plane point, not normalised.
    fn ray(&self, plane_deg: [f64; 2]) -> [f64; 3] {
        let (sin, cos) = self.turn;
        let [xi, eta] = plane_deg.map(f64::to_radians);
        let offset = combine(xi * cos - eta * sin, self.east, xi * sin + eta * cos, self.north);
        [self.centre[0] + offset[0], self.centre[1] + offset[1], self.centre[2] + offset[2]]
    }
}

fn unit_vector(ra_deg: f64, dec_deg: f64) -> [f64; 3] {
    let (sin_ra, cos_ra) = ra_deg.to_radians().sin_cos();
    let (sin_dec, cos_dec) = dec_deg.to_radians().sin_cos();
    [cos_dec * cos_ra, cos_dec * sin_ra, sin_dec]
}

/// The directions of growing RA and growing Dec at a place, defined at the poles too.
fn east_and_north(ra_deg: f64, dec_deg: f64) -> ([f64; 3], [f64; 3]) {
    let (sin_ra, cos_ra) = ra_deg.to_radians().sin_cos();
    let (sin_dec, cos_dec) = dec_deg.to_radians().sin_cos();
    ([-sin_ra, cos_ra, 0.0], [-sin_dec * cos_ra, -sin_dec * sin_ra, cos_dec])
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn combine(p: f64, a: [f64; 3], q: f64, b: [f64; 3]) -> [f64; 3] {
    [p * a[0] + q * b[0], p * a[1] + q * b[1], p * a[2] + q * b[2]]
}
