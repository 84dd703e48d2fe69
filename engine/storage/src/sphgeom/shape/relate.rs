//! Whether one shape lies within another, and whether two have a point in common.

use super::arrangement::Arrangement;
use super::{Shape, TOUCH, cells, leaf};
use crate::sphgeom::UnitVector;
use crate::sphgeom::cone::Cone;
use crate::sphgeom::polygon::Place;

/// What is held by one shape may stick out of another by a rounding error more than `TOUCH`.
const STICKS_OUT: f64 = 8.0 * TOUCH;

/// Any direction, for shapes that are everything or nothing.
const ANYWHERE: UnitVector = UnitVector { x: 0.48, y: 0.6, z: 0.64 };

pub(super) fn is_within(a: &Shape, b: &Shape) -> bool {
    match (a, b) {
        (Shape::Point(point), _) => b.contains_point(point),
        (Shape::Circle(a), Shape::Circle(b)) => circle_is_within(a, b),
        (Shape::Moc(a), Shape::Moc(b)) => a.is_within(b),
        _ if a.has_moc() || b.has_moc() => !cells::some_outside(a, b),
        _ => arrangement_is_within(a, b),
    }
}

pub(super) fn intersects(a: &Shape, b: &Shape) -> bool {
    match (a, b) {
        (Shape::Point(point), _) => b.contains_point(point),
        (_, Shape::Point(point)) => a.contains_point(point),
        (Shape::Circle(a), Shape::Circle(b)) => circles_intersect(a, b),
        (Shape::Moc(a), Shape::Moc(b)) => a.intersects(b),
        _ if !a.bounding_cap().intersects(&b.bounding_cap()) => false,
        _ if a.has_moc() || b.has_moc() => cells::some_common(a, b),
        _ => arrangement_intersects(a, b),
    }
}

fn circle_is_within(a: &Cone, b: &Cone) -> bool {
    if leaf::is_empty(a) || leaf::is_everything(b) {
        return true;
    }
    let reach = a.center().angle_to(b.center()) + a.radius();
    !leaf::is_empty(b) && reach.radians() <= b.radius().radians() + TOUCH
}

fn circles_intersect(a: &Cone, b: &Cone) -> bool {
    let apart = a.center().angle_to(b.center()).radians();
    let reach = (a.radius() + b.radius()).radians();
    !leaf::is_empty(a) && !leaf::is_empty(b) && apart <= reach + TOUCH
}

fn arrangement_is_within(a: &Shape, b: &Shape) -> bool {
    let arrangement = Arrangement::of(&[a, b]);
    let sticks_out = |v: &UnitVector| {
        a.place_within(v, TOUCH) != Place::Outside
            && b.place_within(v, STICKS_OUT) == Place::Outside
    };
    if arrangement.is_blank() {
        return !sticks_out(&ANYWHERE);
    }
    if arrangement.isolated().iter().any(sticks_out) {
        return false;
    }
    // Isolated points divide nothing: without edges, one more place speaks for the rest.
    if arrangement.arcs().is_empty() {
        return !sticks_out(&away_from(arrangement.isolated()));
    }
    (0..arrangement.arcs().len()).all(|index| {
        let (pieces, cuts) = arrangement.pieces(index);
        let banks_are_within = pieces.iter().all(|piece| {
            let banks =
                a.sides(&piece.middle, &piece.left).zip(b.sides(&piece.middle, &piece.left));
            // A piece too short to have banks says nothing that a longer one does not.
            banks.is_none_or(|((al, ar), (bl, br))| (!al || bl) && (!ar || br))
        });
        banks_are_within
            && !cuts.iter().any(sticks_out)
            && !pieces.iter().any(|piece| sticks_out(&piece.middle))
    })
}

fn arrangement_intersects(a: &Shape, b: &Shape) -> bool {
    let arrangement = Arrangement::of(&[a, b]);
    let common = |v: &UnitVector| {
        a.place_within(v, TOUCH) != Place::Outside && b.place_within(v, TOUCH) != Place::Outside
    };
    if arrangement.isolated().iter().any(common) {
        return true;
    }
    if arrangement.arcs().is_empty() {
        return common(&away_from(arrangement.isolated()));
    }
    // Shapes with a point in common have one on an edge, or all of the sphere in common.
    (0..arrangement.arcs().len()).any(|index| {
        let (pieces, cuts) = arrangement.pieces(index);
        cuts.iter().any(common) || pieces.iter().any(|piece| common(&piece.middle))
    })
}

/// A direction that is none of the points.
fn away_from(points: &[UnitVector]) -> UnitVector {
    let axes = [
        ANYWHERE,
        ANYWHERE.antipode(),
        UnitVector { x: 1.0, y: 0.0, z: 0.0 },
        UnitVector { x: 0.0, y: 1.0, z: 0.0 },
        UnitVector { x: 0.0, y: 0.0, z: 1.0 },
    ];
    let distance = |v: &UnitVector| {
        points.iter().map(|point| point.angle_to(v).degrees()).fold(f64::INFINITY, f64::min)
    };
    axes.into_iter().max_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(ANYWHERE)
}
