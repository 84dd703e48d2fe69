//! Bounding caps: what footprints of files and chunks are pruned by.

use std::ops::RangeInclusive;

use super::angle::Angle;
use super::separation::{self, Separation};
use super::unit_vector::UnitVector;

/// Rounding of centres and radii that a bound must absorb.
const SLACK: Angle = Angle::from_degrees(1e-12);

/// A cap that is known to hold something. It bounds; for an exact test use a `Cone`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cap {
    /// The axis.
    pub center: UnitVector,
    /// The angle from the axis to the edge.
    pub radius: Angle,
}

impl Cap {
    /// The cap that holds the whole sphere.
    pub const FULL: Self =
        Self { center: UnitVector { x: 0.0, y: 0.0, z: 1.0 }, radius: Angle::HALF_TURN };

    /// Latitudes that hold the latitudes of all that is in it, degrees.
    pub fn latitudes_deg(&self) -> RangeInclusive<f64> {
        /// Rounding of a position, and more.
        const SLACK_DEG: f64 = 1e-9;
        let (_, lat) = self.center.to_lonlat_deg();
        let reach = self.radius.degrees() + SLACK_DEG;
        lat - reach..=lat + reach
    }

    /// A cap about the mean direction of the points that holds them all; `None` for no points.
    ///
    /// It is not the smallest one, but at most twice as wide.
    pub fn around(points: &[UnitVector]) -> Option<Self> {
        let first = points.first()?;
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for point in points {
            x += point.x;
            y += point.y;
            z += point.z;
        }
        // Points that cancel out have no mean direction: any of them will do.
        let center = UnitVector::normalize(x, y, z).unwrap_or(*first);
        Some(Self { center, radius: farthest(&center, points) + SLACK }.clamped())
    }

    /// A nearly smallest cap that holds all the points; `None` for no points.
    ///
    /// Reference: Badoiu and Clarkson 2003, "Smaller core-sets for balls".
    pub(crate) fn smallest_around(points: &[UnitVector]) -> Option<Self> {
        let mut best = Self::around(points)?;
        let mut center = best.center;
        for step in 1..100 {
            let Some(far) = points.iter().min_by(|a, b| a.dot(&center).total_cmp(&b.dot(&center)))
            else {
                break;
            };
            let t = 1.0 / f64::from(step + 1);
            let moved = UnitVector::normalize(
                center.x + t * (far.x - center.x),
                center.y + t * (far.y - center.y),
                center.z + t * (far.z - center.z),
            );
            let Some(moved) = moved else { break };
            center = moved;
            let radius = farthest(&center, points) + SLACK;
            if radius < best.radius {
                best = Self { center, radius };
            }
        }
        Some(best.clamped())
    }

    /// Does the direction lie in the cap or on its edge?
    pub fn contains(&self, v: &UnitVector) -> bool {
        self.center.angle_to(v) <= self.radius
    }

    /// May the caps share a point? Never false if they do.
    pub fn intersects(&self, other: &Self) -> bool {
        self.center.angle_to(&other.center) <= self.radius + other.radius + SLACK
    }

    /// A cap that holds both. The smallest one, up to rounding.
    pub fn union(&self, other: &Self) -> Self {
        let distance = self.center.angle_to(&other.center);
        if distance + other.radius <= self.radius {
            return *self;
        }
        if distance + self.radius <= other.radius {
            return *other;
        }
        let radius = Angle::from_degrees(
            (distance.degrees() + self.radius.degrees() + other.radius.degrees()) / 2.0,
        );
        if radius + SLACK >= Angle::HALF_TURN {
            return Self { center: self.center, radius: Angle::HALF_TURN };
        }
        let shift = radius - self.radius;
        let center = self.center.toward(&other.center, shift);
        // However the centre was rounded, the radius is measured from where it came to lie.
        let reach = (center.angle_to(&self.center) + self.radius)
            .max(center.angle_to(&other.center) + other.radius);
        Self { center, radius: reach + SLACK }.clamped()
    }

    /// The cap with its edge moved outwards.
    pub fn widened(&self, by: Angle) -> Self {
        Self { center: self.center, radius: self.radius + by }.clamped()
    }

    fn clamped(self) -> Self {
        Self { center: self.center, radius: self.radius.min(Angle::HALF_TURN) }
    }
}

fn farthest(center: &UnitVector, points: &[UnitVector]) -> Angle {
    let separations = points.iter().map(|point| separation::between(center, point));
    separations.fold(Separation::NONE, Separation::max).angle()
}

impl UnitVector {
    /// The direction that lies `angle` from this one on the way to `other`.
    fn toward(&self, other: &Self, angle: Angle) -> Self {
        let along = self.dot(other);
        let tangent = Self::normalize(
            other.x - along * self.x,
            other.y - along * self.y,
            other.z - along * self.z,
        )
        .unwrap_or_else(|| self.perpendicular());
        let (sin, cos) = angle.radians().sin_cos();
        Self {
            x: cos * self.x + sin * tangent.x,
            y: cos * self.y + sin * tangent.y,
            z: cos * self.z + sin * tangent.z,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn sky(n: u32, stride: f64) -> Vec<UnitVector> {
        (0..n)
            .map(|i| {
                let t = f64::from(i);
                UnitVector::from_lonlat_deg((t * stride) % 360.0, (t * 17.77) % 180.0 - 90.0)
            })
            .collect()
    }

    #[test]
    fn caps_hold_their_points() {
        let points = sky(600, 137.507_764);
        for group in points.chunks(5) {
            for cap in [Cap::around(group).unwrap(), Cap::smallest_around(group).unwrap()] {
                assert!(group.iter().all(|point| cap.contains(point)));
            }
            let (mean, small) = (Cap::around(group).unwrap(), Cap::smallest_around(group).unwrap());
            assert!(small.radius <= mean.radius);
        }
        assert!(Cap::around(&[]).is_none());
    }

    #[test]
    fn unions_hold_both() {
        let centers = sky(80, 99.1);
        let points = sky(3000, 137.507_764);
        for (i, pair) in centers.windows(2).enumerate() {
            let a = Cap { center: pair[0], radius: Angle::from_degrees(i as f64 * 0.7) };
            let b = Cap { center: pair[1], radius: Angle::from_degrees(40.0 - i as f64 * 0.5) };
            let union = a.union(&b);
            for point in points.iter().filter(|p| a.contains(p) || b.contains(p)) {
                assert!(union.contains(point));
            }
            assert!(union.radius >= a.radius.max(b.radius));
        }
        let pole = UnitVector::from_lonlat_deg(0.0, 90.0);
        let north = Cap { center: pole, radius: Angle::from_degrees(1.0) };
        let south = Cap { center: pole.antipode(), radius: Angle::from_degrees(1.0) };
        assert!(north.union(&south).contains(&pole) && north.union(&south).contains(&south.center));
    }
}
