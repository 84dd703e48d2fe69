//! The sphere in plain vectors: the slow, obvious reference that shares no code with Almagest.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A position, degrees; the longitude may be any number of turns off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    pub ra: f64,
    pub dec: f64,
}

pub type Vector = [f64; 3];

impl Position {
    pub fn vector(self) -> Vector {
        let (ra, dec) = (self.ra.to_radians(), self.dec.to_radians());
        [dec.cos() * ra.cos(), dec.cos() * ra.sin(), dec.sin()]
    }

    pub fn from_vector(v: Vector) -> Self {
        let ra = v[1].atan2(v[0]).to_degrees().rem_euclid(360.0);
        Self { ra, dec: v[2].atan2(v[0].hypot(v[1])).to_degrees() }
    }

    /// Unit vectors towards east and north.
    pub fn east_north(self) -> (Vector, Vector) {
        let (ra, dec) = (self.ra.to_radians(), self.dec.to_radians());
        let east = [-ra.sin(), ra.cos(), 0.0];
        (east, [-dec.sin() * ra.cos(), -dec.sin() * ra.sin(), dec.cos()])
    }

    /// The position at an angle from this one, in a direction from north through east, degrees.
    pub fn towards(self, angle: f64, direction: f64) -> Self {
        let (east, north) = self.east_north();
        let (angle, direction) = (angle.to_radians(), direction.to_radians());
        let along = sum(scaled(north, direction.cos()), scaled(east, direction.sin()));
        Self::from_vector(sum(scaled(self.vector(), angle.cos()), scaled(along, angle.sin())))
    }

    /// A position drawn evenly from the sphere.
    pub fn anywhere(rng: &mut ChaCha8Rng) -> Self {
        let z: f64 = rng.random_range(-1.0..=1.0);
        Self { ra: rng.random_range(0.0..360.0), dec: z.asin().to_degrees() }
    }
}

/// Angle between two vectors, degrees; accurate at any angle, 0 and 180 included.
pub fn separation(a: Vector, b: Vector) -> f64 {
    let c = cross(a, b);
    dot(c, c).sqrt().atan2(dot(a, b)).to_degrees()
}

pub fn dot(a: Vector, b: Vector) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

pub fn cross(a: Vector, b: Vector) -> Vector {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn sum(a: Vector, b: Vector) -> Vector {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn scaled(a: Vector, by: f64) -> Vector {
    a.map(|x| x * by)
}
