//! Orbits around the Sun: elements, and the places they lead to (two bodies only).

use super::motion::{ecliptic, equatorial};

/// Gauss's constant squared: the Sun's gravity, AU³/day².
const GM_SUN: f64 = 0.017_202_098_95 * 0.017_202_098_95;

/// Elements of an elliptic orbit, ecliptic J2000, degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orbit {
    /// Semi-major axis.
    pub a_au: f64,
    /// Eccentricity.
    pub e: f64,
    /// Inclination.
    pub inclination_deg: f64,
    /// Longitude of the ascending node.
    pub node_deg: f64,
    /// Argument of perihelion.
    pub perihelion_deg: f64,
    /// Mean anomaly at the epoch.
    pub mean_anomaly_deg: f64,
    /// Epoch of the elements, MJD TAI.
    pub epoch_mjd_tai: f64,
}

impl Orbit {
    /// The orbit through a place with a velocity, heliocentric, equatorial, AU and AU/day; `None` for
    /// one that is no ellipse.
    pub fn from_state(place: [f64; 3], velocity: [f64; 3], mjd_tai: f64) -> Option<Orbit> {
        let (r, v) = (ecliptic(place), ecliptic(velocity));
        let distance = norm(r);
        let a = 1.0 / (2.0 / distance - dot(v, v) / GM_SUN);
        let h = cross(r, v);
        let towards = cross(v, h);
        let e_vector = [0, 1, 2].map(|i| towards[i] / GM_SUN - r[i] / distance);
        let e = norm(e_vector);
        if !(a > 0.0 && e < 1.0 && norm(h) > 0.0) {
            return None;
        }
        let inclination = (h[2] / norm(h)).acos();
        let node = h[0].atan2(-h[1]);
        let (sin_n, cos_n) = node.sin_cos();
        // Axes in the orbit's plane: to the node, and a quarter turn on.
        let ahead = cross(h.map(|c| c / norm(h)), [cos_n, sin_n, 0.0]);
        let angle = |u: [f64; 3]| dot(u, ahead).atan2(u[0] * cos_n + u[1] * sin_n);
        let perihelion = angle(e_vector);
        let true_anomaly = angle(r) - perihelion;
        let eccentric = 2.0 * (((1.0 - e) / (1.0 + e)).sqrt() * (true_anomaly / 2.0).tan()).atan();
        let mean = eccentric - e * eccentric.sin();
        let degrees = |angle: f64| angle.to_degrees().rem_euclid(360.0);
        Some(Orbit {
            a_au: a,
            e,
            inclination_deg: inclination.to_degrees(),
            node_deg: degrees(node),
            perihelion_deg: degrees(perihelion),
            mean_anomaly_deg: degrees(mean),
            epoch_mjd_tai: mjd_tai,
        })
    }

    /// Place at a time, heliocentric, equatorial, AU.
    pub fn place_au(&self, mjd_tai: f64) -> [f64; 3] {
        let motion = (GM_SUN / self.a_au.powi(3)).sqrt();
        let mean = self.mean_anomaly_deg.to_radians() + motion * (mjd_tai - self.epoch_mjd_tai);
        let mut eccentric = mean + self.e * mean.sin();
        for _ in 0..30 {
            let step =
                (eccentric - self.e * eccentric.sin() - mean) / (1.0 - self.e * eccentric.cos());
            eccentric -= step;
            if step.abs() < 1e-14 {
                break;
            }
        }
        let x = self.a_au * (eccentric.cos() - self.e);
        let y = self.a_au * (1.0 - self.e * self.e).sqrt() * eccentric.sin();
        let (sin_w, cos_w) = self.perihelion_deg.to_radians().sin_cos();
        let (sin_n, cos_n) = self.node_deg.to_radians().sin_cos();
        let (sin_i, cos_i) = self.inclination_deg.to_radians().sin_cos();
        let (u, v) = (x * cos_w - y * sin_w, x * sin_w + y * cos_w);
        equatorial([u * cos_n - v * cos_i * sin_n, u * sin_n + v * cos_i * cos_n, v * sin_i])
    }
}

/// Speed at a distance from the Sun on an orbit of a semi-major axis, AU/day.
pub(super) fn speed_au_day(distance_au: f64, a_au: f64) -> f64 {
    (GM_SUN * (2.0 / distance_au - 1.0 / a_au)).max(0.0).sqrt()
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub(super) fn norm(a: [f64; 3]) -> f64 {
    dot(a, a).sqrt()
}

pub(super) fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
