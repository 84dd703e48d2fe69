//! Arcs of circles on the sphere: what the edges of all shapes are made of.
//!
//! An arc turns counter-clockwise about its axis, so that the axis lies to its left. An edge of a
//! polygon is an arc of radius 90°, the edge of a circle one of 360°.
//!
//! Two circles meet where a triangle of sides `r₁`, `r₂` and the distance of the axes has its third
//! corner. The half-angle formula finds it without loss of digits, for tiny circles and for great
//! ones.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use crate::sphgeom::UnitVector;

/// An arc of a circle, from `start` counter-clockwise about the axis.
#[derive(Debug, Clone)]
pub(super) struct Arc {
    axis: UnitVector,
    /// Angle between the axis and the arc, radians in (0, π).
    radius: f64,
    /// How far the arc turns about the axis, radians in (0, 2π].
    sweep: f64,
    start: UnitVector,
    /// Directions at right angles to the axis: towards the start, and a quarter turn on.
    first: UnitVector,
    second: UnitVector,
    middle: UnitVector,
    /// Angle from the middle to the ends, radians.
    reach: f64,
}

impl Arc {
    /// The whole edge of a circle.
    pub(super) fn circle(center: &UnitVector, radius: f64) -> Self {
        let first = center.perpendicular();
        Self::about(*center, radius, first, TAU)
    }

    /// An edge of a polygon, shorter than half a turn; its left pole is known.
    pub(super) fn edge(start: &UnitVector, end: &UnitVector, left_pole: &UnitVector) -> Self {
        let mut arc = Self::about(*left_pole, FRAC_PI_2, *start, start.angle_to(end).radians());
        arc.start = *start;
        arc
    }

    /// So much of the circle about an axis, from the direction of `first`, which need only be
    /// roughly at a right angle to the axis.
    pub(super) fn about(axis: UnitVector, radius: f64, first: UnitVector, sweep: f64) -> Self {
        let along = axis.dot(&first);
        let first =
            unit([first.x - along * axis.x, first.y - along * axis.y, first.z - along * axis.z])
                .unwrap_or_else(|| axis.perpendicular());
        let second = unit(axis.cross(&first)).unwrap_or_else(|| axis.perpendicular());
        let mut arc =
            Self { axis, radius, sweep, start: first, first, second, middle: first, reach: 0.0 };
        arc.start = arc.at(0.0);
        arc.middle = arc.at(sweep / 2.0);
        arc.reach = arc.middle.angle_to(&arc.start).radians();
        arc
    }

    pub(super) fn axis(&self) -> &UnitVector {
        &self.axis
    }

    pub(super) fn radius(&self) -> f64 {
        self.radius
    }

    pub(super) fn sweep(&self) -> f64 {
        self.sweep
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sweep >= TAU
    }

    /// The point that lies so many radians of turn from the start.
    pub(super) fn at(&self, turn: f64) -> UnitVector {
        let (sin, cos) = turn.sin_cos();
        let (across, along) = self.radius.sin_cos();
        let point = |axis: f64, first: f64, second: f64| {
            along * axis + across * (cos * first + sin * second)
        };
        UnitVector {
            x: point(self.axis.x, self.first.x, self.second.x),
            y: point(self.axis.y, self.first.y, self.second.y),
            z: point(self.axis.z, self.first.z, self.second.z),
        }
    }

    /// Both ends; a closed arc has none.
    pub(super) fn ends(&self) -> Vec<UnitVector> {
        if self.is_closed() { Vec::new() } else { vec![self.start, self.at(self.sweep)] }
    }

    /// Angle from the arc's circle, radians: negative to the left.
    pub(super) fn offset(&self, v: &UnitVector) -> f64 {
        self.axis.angle_to(v).radians() - self.radius
    }

    /// Radians on the sphere for one radian of turn.
    pub(super) fn stretch(&self) -> f64 {
        self.radius.sin()
    }

    /// The turn at which a point of the arc's circle lies, if the arc gets there (within `slack`,
    /// radians on the sphere).
    pub(super) fn turn_of(&self, v: &UnitVector, slack: f64) -> Option<f64> {
        let turn = v.dot(&self.second).atan2(v.dot(&self.first)).rem_euclid(TAU);
        let slack = slack / self.stretch();
        if turn <= self.sweep + slack {
            Some(turn.min(self.sweep))
        } else if turn >= TAU - slack {
            Some(0.0)
        } else {
            None
        }
    }

    /// Does the point lie on the arc, within `slack` radians?
    pub(super) fn passes(&self, v: &UnitVector, slack: f64) -> bool {
        self.offset(v).abs() <= slack && self.turn_of(v, slack).is_some()
    }

    /// The direction, at a right angle to a point of the arc, that leads to the left.
    pub(super) fn left_at(&self, v: &UnitVector) -> Option<UnitVector> {
        let along = self.axis.dot(v);
        unit([self.axis.x - along * v.x, self.axis.y - along * v.y, self.axis.z - along * v.z])
    }

    /// Can the two arcs share a point? Never false if they do.
    pub(super) fn may_meet(&self, other: &Self, slack: f64) -> bool {
        self.middle.angle_to(&other.middle).radians() <= self.reach + other.reach + slack
    }

    /// The points that two arcs' circles share, or the one where they touch within `slack` radians.
    /// Circles that coincide share no single points.
    pub(super) fn meetings(&self, other: &Self, slack: f64) -> Vec<UnitVector> {
        let apart = self.axis.angle_to(&other.axis).radians();
        if apart < slack || apart > PI - slack {
            return Vec::new();
        }
        let half = (self.radius + other.radius + apart) / 2.0;
        // The four sides of the half-angle formula; a negative one is a gap between the circles.
        let sides = [half - self.radius, half - apart, PI - half, half - other.radius];
        if sides.iter().any(|side| *side < -slack) {
            return Vec::new();
        }
        let [s1, s2, s3, s4] = sides.map(|side| side.max(0.0).sin());
        let angle = 2.0 * (s1 * s2).sqrt().atan2((s3 * s4).sqrt());
        let along = self.axis.dot(&other.axis);
        let Some(toward) = unit([
            other.axis.x - along * self.axis.x,
            other.axis.y - along * self.axis.y,
            other.axis.z - along * self.axis.z,
        ]) else {
            return Vec::new();
        };
        let whole = Self::about(self.axis, self.radius, toward, TAU);
        vec![whole.at(angle), whole.at(-angle)]
    }
}

fn unit([x, y, z]: [f64; 3]) -> Option<UnitVector> {
    UnitVector::normalize(x, y, z)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn circle(lon: f64, lat: f64, radius_deg: f64) -> Arc {
        Arc::circle(&UnitVector::from_lonlat_deg(lon, lat), radius_deg.to_radians())
    }

    #[test]
    fn meetings_lie_on_both_circles() {
        for scale in [1e-6, 1e-3, 1.0] {
            let a = circle(10.0, 20.0, 5.0 * scale);
            for (lon, radius) in [(3.0, 4.0), (1.0, 4.5), (6.0, 2.0)] {
                let b = circle(10.0 + lon * scale, 20.0 + scale, radius * scale);
                let meetings = a.meetings(&b, 1e-14);
                assert_eq!(meetings.len(), 2);
                for v in meetings {
                    assert!(a.offset(&v).abs() < 1e-15 && b.offset(&v).abs() < 1e-15, "{scale}");
                }
            }
        }
        assert!(circle(0.0, 0.0, 1.0).meetings(&circle(3.0, 0.0, 1.0), 1e-14).is_empty());
        assert!(circle(0.0, 0.0, 5.0).meetings(&circle(1.0, 0.0, 1.0), 1e-14).is_empty());
        assert!(circle(0.0, 0.0, 170.0).meetings(&circle(180.0, 0.0, 5.0), 1e-14).is_empty());
    }

    #[test]
    fn great_circles_meet_at_opposite_points() {
        let meetings = circle(0.0, 90.0, 90.0).meetings(&circle(0.0, 0.0, 90.0), 1e-14);
        assert_eq!(meetings.len(), 2);
        assert!(meetings[0].angle_to(&meetings[1].antipode()).degrees() < 1e-13);
        assert!((meetings[0].y.abs() - 1.0).abs() < 1e-15);
    }
}
