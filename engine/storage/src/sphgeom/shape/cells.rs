//! Relations between MOCs and other shapes, by dividing the sky.
//!
//! The search starts from the twelve base cells. A cell that settles the question ends it, one that
//! cannot matter is dropped, any other is divided in four. It gives up when the edges of the two
//! run along each other for so long that 20,000 cells are undecided, or at order 29: what has not
//! been found by then is thinner than such a cell.

use super::Shape;
use crate::chunking::HEALPIX_ORDER;
use crate::sphgeom::UnitVector;
use crate::sphgeom::moc::{cell_cap, cell_center, cell_range};
use crate::sphgeom::region::Relation;

/// Undecided cells at which the search gives up.
const MANY: usize = 20_000;

/// Is some point of `a` not in `b`?
pub(super) fn some_outside(a: &Shape, b: &Shape) -> bool {
    let not_in_b = |order, cell| match relation(b, order, cell) {
        Relation::Disjoint => Relation::Inside,
        Relation::Inside => Relation::Disjoint,
        Relation::Overlaps => Relation::Overlaps,
    };
    let found = |v: &UnitVector| a.contains_point(v) && !b.contains_point(v);
    known_points(a).iter().any(found)
        || search(found, |o, c| both(relation(a, o, c), not_in_b(o, c)))
}

/// Is some point of `a` in `b`?
pub(super) fn some_common(a: &Shape, b: &Shape) -> bool {
    let found = |v: &UnitVector| a.contains_point(v) && b.contains_point(v);
    [a, b].iter().any(|shape| known_points(shape).iter().any(found))
        || search(found, |o, c| both(relation(a, o, c), relation(b, o, c)))
}

/// Points, centres and vertices, which a search by cells would hit only by chance.
fn known_points(shape: &Shape) -> Vec<UnitVector> {
    let of_leaf = |leaf: &Shape| match leaf {
        Shape::Point(point) => vec![*point],
        Shape::Circle(cone) => vec![*cone.center()],
        Shape::Polygon(polygon) => polygon.vertices().to_vec(),
        _ => Vec::new(),
    };
    shape.leaves().into_iter().flat_map(of_leaf).collect()
}

fn search(found: impl Fn(&UnitVector) -> bool, wanted: impl Fn(u8, u64) -> Relation) -> bool {
    let mut undecided: Vec<u64> = (0..12).collect();
    for order in 0..=HEALPIX_ORDER {
        let mut next = Vec::new();
        for cell in undecided {
            match wanted(order, cell) {
                Relation::Inside => return true,
                Relation::Overlaps if found(&cell_center(order, cell)) => return true,
                Relation::Overlaps => next.push(cell),
                Relation::Disjoint => {}
            }
        }
        if next.is_empty() || next.len() > MANY {
            return false;
        }
        undecided = next.iter().flat_map(|cell| cell * 4..cell * 4 + 4).collect();
    }
    false
}

/// How the shape relates to the points of a cell. `Inside` and `Disjoint` can be relied on.
fn relation(shape: &Shape, order: u8, cell: u64) -> Relation {
    match shape {
        Shape::Moc(moc) => {
            let span = cell_range(order, cell);
            if moc.is_disjoint_from(&span) {
                Relation::Disjoint
            } else if moc.covers(&span) {
                Relation::Inside
            } else {
                Relation::Overlaps
            }
        }
        Shape::Union(shapes) => shapes
            .iter()
            .fold(Relation::Disjoint, |sum, shape| either(sum, relation(shape, order, cell))),
        Shape::Intersection(shapes) => shapes
            .iter()
            .fold(Relation::Inside, |sum, shape| both(sum, relation(shape, order, cell))),
        Shape::Not(shape) => match relation(shape, order, cell) {
            Relation::Disjoint => Relation::Inside,
            Relation::Inside => Relation::Disjoint,
            Relation::Overlaps => Relation::Overlaps,
        },
        leaf => {
            let cap = cell_cap(order, cell);
            let (depth, reach) = (leaf.depth_bound(&cap.center), cap.radius.radians());
            if depth > reach {
                Relation::Disjoint
            } else if depth < -reach {
                Relation::Inside
            } else {
                Relation::Overlaps
            }
        }
    }
}

fn both(a: Relation, b: Relation) -> Relation {
    match (a, b) {
        (Relation::Disjoint, _) | (_, Relation::Disjoint) => Relation::Disjoint,
        (Relation::Inside, Relation::Inside) => Relation::Inside,
        _ => Relation::Overlaps,
    }
}

fn either(a: Relation, b: Relation) -> Relation {
    match (a, b) {
        (Relation::Inside, _) | (_, Relation::Inside) => Relation::Inside,
        (Relation::Disjoint, Relation::Disjoint) => Relation::Disjoint,
        _ => Relation::Overlaps,
    }
}
