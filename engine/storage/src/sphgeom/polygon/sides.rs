//! What lies to the left and to the right of an arc that runs through, or along, a polygon.

use super::{ON_EDGE, Polygon, Reference, crosses_oddly, left_area};
use crate::sphgeom::{Angle, UnitVector};

/// Where a direction lies with respect to a closed shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sphgeom) enum Place {
    /// In the shape, off its edge.
    Inside,
    /// On the edge.
    Edge,
    /// Off the shape.
    Outside,
}

impl Polygon {
    /// The edges, each with the pole to its left.
    pub(in crate::sphgeom) fn edges(
        &self,
    ) -> impl Iterator<Item = (&UnitVector, &UnitVector, &UnitVector)> {
        self.edges.iter().map(|edge| (&edge.start, &edge.end, &edge.normal))
    }

    /// Is the polygon what lies to the left of its edges, as seen from outside the sphere?
    pub(in crate::sphgeom) fn is_left_of_edges(&self) -> bool {
        left_area(&self.edges) <= 2.0 * std::f64::consts::PI
    }

    /// Where the direction lies, the edge as [`Polygon::contains`] has it.
    pub(in crate::sphgeom) fn place(&self, v: &UnitVector) -> Place {
        self.place_within(v, ON_EDGE)
    }

    /// Where the direction lies, for an edge so many radians wide to either side.
    pub(in crate::sphgeom) fn place_within(&self, v: &UnitVector, slack: f64) -> Place {
        let cap = self.bounding_cap;
        let beyond = cap.radius + Angle::from_radians(slack);
        if cap.radius < Angle::HALF_TURN && cap.center.angle_to(v) > beyond {
            Place::Outside
        } else if self.edges.iter().any(|edge| edge.distance(v) <= slack) {
            Place::Edge
        } else if self.interior(v) {
            Place::Inside
        } else {
            Place::Outside
        }
    }

    /// Do the points next to `v` in direction `left`, and those opposite, belong to the interior?
    ///
    /// Edges within `slack` radians of `v` are taken to run at a right angle to `left`. `None`
    /// where that is not so, or where `v` is a vertex.
    pub(in crate::sphgeom) fn sides(
        &self,
        v: &UnitVector,
        left: &UnitVector,
        slack: f64,
    ) -> Option<(bool, bool)> {
        let touched: Vec<bool> = self.edges.iter().map(|edge| edge.distance(v) <= slack).collect();
        let Some(first) = touched.iter().position(|touched| *touched) else {
            let inside = self.interior(v);
            return Some((inside, inside));
        };
        let at_vertex = |end: &UnitVector| v.angle_to(end).radians() <= 4.0 * slack;
        let mut along = self.edges.iter().zip(&touched).filter(|(_, touched)| **touched);
        let clear = along.all(|(edge, _)| {
            edge.normal.dot(left).abs() > 0.99 && !at_vertex(&edge.start) && !at_vertex(&edge.end)
        });
        if !clear {
            return None;
        }
        // A way from `v` to a place whose side is known, beginning on one side of the edge.
        let normal = self.edges[first].normal;
        let reference = self.known_place(&normal)?;
        let others = self.edges.iter().zip(&touched).filter(|(_, touched)| !**touched);
        let odd = crosses_oddly(others.map(|(edge, _)| edge), v, &reference.at);
        let near = reference.inside ^ odd;
        // Edges that run on top of each other cancel in pairs.
        let far = near ^ (touched.iter().filter(|touched| **touched).count() % 2 == 1);
        let begins_left = (normal.dot(&reference.at) > 0.0) == (normal.dot(left) > 0.0);
        Some(if begins_left { (near, far) } else { (far, near) })
    }

    /// A place far from the great circle about `pole` whose side is known.
    fn known_place(&self, pole: &UnitVector) -> Option<Reference> {
        [*pole, pole.antipode()]
            .into_iter()
            .find(|at| self.edges.iter().all(|edge| edge.distance(at) > 1e-6))
            .map(|at| Reference { at, inside: self.interior(&at) })
            .or_else(|| {
                let distance = |reference: &&Reference| pole.dot(&reference.at).abs();
                self.references
                    .iter()
                    .filter(|reference| distance(reference) > 1e-3)
                    .max_by(|a, b| distance(a).total_cmp(&distance(b)))
                    .copied()
            })
    }
}
