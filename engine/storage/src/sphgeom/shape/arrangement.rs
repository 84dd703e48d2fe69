//! All edges of some shapes, cut where they meet.
//!
//! Between two cuts nothing changes: one sample per piece tells, for each shape, whether it holds
//! the piece, its left bank and its right bank. Every patch of the sphere that the edges enclose has
//! a piece for a bank, so samples and cuts decide every relation of the shapes.
//!
//! ```text
//!        ╭──┼──╮           4 cuts, 8 pieces: the piece of A's edge inside B has the
//!     A  │  │  │  B        banks (A and B) and (B only), and so on
//!        ╰──┼──╯
//! ```
//!
//! Cost: the square of the number of edges, for edges that are near each other.

use std::f64::consts::TAU;

use super::arc::Arc;
use super::{Shape, TOUCH};
use crate::sphgeom::UnitVector;

/// The edges of some shapes.
pub(super) struct Arrangement {
    arcs: Vec<Arc>,
    /// Points that are shapes of their own.
    isolated: Vec<UnitVector>,
}

/// A piece of an arc between two cuts.
pub(super) struct Piece<'a> {
    pub(super) arc: &'a Arc,
    /// From which turn to which, radians.
    pub(super) from: f64,
    pub(super) to: f64,
    /// The point half-way.
    pub(super) middle: UnitVector,
    /// The direction to its left there.
    pub(super) left: UnitVector,
}

impl Arrangement {
    pub(super) fn of(shapes: &[&Shape]) -> Self {
        let leaves: Vec<_> = shapes.iter().flat_map(|shape| shape.leaves()).collect();
        Self {
            arcs: leaves.iter().flat_map(|leaf| leaf.arcs()).collect(),
            isolated: leaves.iter().filter_map(|leaf| leaf.isolated()).collect(),
        }
    }

    pub(super) fn isolated(&self) -> &[UnitVector] {
        &self.isolated
    }

    pub(super) fn arcs(&self) -> &[Arc] {
        &self.arcs
    }

    /// Are there neither edges nor points? Then every shape is all of the sphere or none of it.
    pub(super) fn is_blank(&self) -> bool {
        self.arcs.is_empty() && self.isolated.is_empty()
    }

    /// The pieces of one arc and the cuts between them.
    pub(super) fn pieces(&self, index: usize) -> (Vec<Piece<'_>>, Vec<UnitVector>) {
        let arc = &self.arcs[index];
        let (mut turns, cuts) = self.cuts(index);
        if turns.is_empty() {
            turns = vec![0.0, TAU];
        } else if arc.is_closed() {
            turns.sort_by(f64::total_cmp);
            turns.push(turns[0] + TAU);
        } else {
            turns.sort_by(f64::total_cmp);
        }
        let shortest = 4.0 * TOUCH / arc.stretch();
        let pieces = turns.windows(2).filter(|pair| pair[1] - pair[0] > shortest);
        let pieces = pieces.filter_map(|pair| {
            let middle = arc.at((pair[0] + pair[1]) / 2.0);
            let left = arc.left_at(&middle)?;
            Some(Piece { arc, from: pair[0], to: pair[1], middle, left })
        });
        (pieces.collect(), cuts)
    }

    /// Where the other arcs cut this one, as turns and as points; the ends of an open arc too.
    fn cuts(&self, index: usize) -> (Vec<f64>, Vec<UnitVector>) {
        let arc = &self.arcs[index];
        let (mut turns, mut points) = (Vec::new(), arc.ends());
        if !arc.is_closed() {
            turns.extend([0.0, arc.sweep()]);
        }
        let mut cut_at = |v: UnitVector, other: &Arc| {
            // A cut may be that of two arcs that run within a rounding error of each other.
            if let (Some(turn), true) = (arc.turn_of(&v, TOUCH), other.turn_of(&v, TOUCH).is_some())
            {
                turns.push(turn);
                points.push(v);
            }
        };
        for (i, other) in self.arcs.iter().enumerate() {
            if i == index || !arc.may_meet(other, TOUCH) {
                continue;
            }
            for v in arc.meetings(other, TOUCH) {
                cut_at(v, other);
            }
            for end in other.ends() {
                if arc.offset(&end).abs() <= 4.0 * TOUCH {
                    cut_at(end, other);
                }
            }
        }
        for v in &self.isolated {
            if let (true, Some(turn)) = (arc.offset(v).abs() <= TOUCH, arc.turn_of(v, TOUCH)) {
                turns.push(turn);
            }
        }
        (turns, points)
    }
}
