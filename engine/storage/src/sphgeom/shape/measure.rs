//! Area and centroid, as integrals along the edge.
//!
//! With the shape to the left of its edge and a pole `p` near by,
//!
//! ```text
//!   area     = ∮ (1 − cos θ) dφ          θ, φ about p; 4π more if the shape holds −p
//!   ∫ n dA   = ½ ∮ r × dr                whose direction is the centroid
//! ```
//!
//! A great-circle piece adds the triangle that it makes with `p` (van Oosterom and Strackee 1983,
//! IEEE Trans. Biomed. Eng. 30, 125), a small-circle piece also the segment between it and its
//! chord. Triangles are taken from differences of vectors, so that a square second of arc keeps ten
//! digits.

use std::f64::consts::PI;

use super::arrangement::{Arrangement, Piece};
use super::{Shape, ShapeError, TOUCH, leaf};
use crate::sphgeom::polygon::Place;
use crate::sphgeom::{Moc, UnitVector};

/// Square degrees in a steradian.
const SQ_DEG: f64 = (180.0 / PI) * (180.0 / PI);
/// Small-circle pieces are integrated in steps of at most so many radians of turn.
const STEP: f64 = PI / 16.0;
/// The place opposite the pole must be farther from the edge than a step bulges over its chord.
const CLEARANCE: f64 = 0.02;
/// A mean of the unit vectors of a shape that is shorter has no direction to speak of.
const BALANCED: f64 = 1e-9;
/// Shapes within so many radians of their pole are integrated by quadrature.
const SMALL: f64 = 0.02;

pub(super) fn area_sq_deg(shape: &Shape) -> Result<f64, ShapeError> {
    match shape {
        Shape::Point(_) => Ok(0.0),
        Shape::Circle(cone) if leaf::is_empty(cone) => Ok(0.0),
        Shape::Circle(cone) => {
            let half = cone.radius().radians().min(PI) / 2.0;
            Ok(4.0 * PI * half.sin().powi(2) * SQ_DEG)
        }
        _ if shape.has_moc() => {
            as_moc(shape).map(|moc| moc.area_sq_deg()).ok_or(ShapeError::MixedMoc)
        }
        _ => Ok(edge_of(shape).area() * SQ_DEG),
    }
}

pub(super) fn centroid(shape: &Shape) -> Result<UnitVector, ShapeError> {
    match shape {
        Shape::Point(point) => Ok(*point),
        Shape::Circle(cone) if !leaf::is_empty(cone) && !leaf::is_everything(cone) => {
            Ok(*cone.center())
        }
        _ if shape.has_moc() => {
            let moc = as_moc(shape).ok_or(ShapeError::MixedMoc)?;
            moc.centroid().ok_or(ShapeError::NoCentroid)
        }
        _ => edge_of(shape).centroid().ok_or(ShapeError::NoCentroid),
    }
}

/// Combine a shape made of MOCs alone to one.
fn as_moc(shape: &Shape) -> Option<Moc> {
    let all = || Moc::from_ranges(0, []).complement();
    match shape {
        Shape::Moc(moc) => Some(moc.clone()),
        Shape::Union(shapes) => shapes
            .iter()
            .map(as_moc)
            .try_fold(all().complement(), |sum, moc| Some(sum.union(&moc?))),
        Shape::Intersection(shapes) => {
            shapes.iter().map(as_moc).try_fold(all(), |sum, moc| Some(sum.intersection(&moc?)))
        }
        Shape::Not(shape) => as_moc(shape).map(|moc| moc.complement()),
        _ => None,
    }
}

/// The edge of a combined shape.
struct Outline {
    /// A step along the edge, the shape to its left.
    steps: Vec<Step>,
    /// Points that belong to a shape without area.
    points: Vec<UnitVector>,
    /// The pole of the integrals.
    pole: UnitVector,
    /// Is the place opposite the pole inside?
    holds_antipode: bool,
}

/// A step along the edge, from `start` to `end`.
struct Step {
    start: UnitVector,
    end: UnitVector,
    /// Axis, radius and turn of a small circle, the axis to the left of `start` to `end` if the
    /// turn is positive; `None` for a great circle.
    small: Option<(UnitVector, f64, f64)>,
}

fn edge_of(shape: &Shape) -> Outline {
    let arrangement = Arrangement::of(&[shape]);
    let mut steps = Vec::new();
    for index in 0..arrangement.arcs().len() {
        for piece in arrangement.pieces(index).0 {
            // Where arcs run on top of each other, the first speaks for all.
            let spoken_for =
                arrangement.arcs()[..index].iter().any(|arc| arc.passes(&piece.middle, TOUCH));
            match shape.sides(&piece.middle, &piece.left) {
                Some((true, false)) if !spoken_for => push_steps(&mut steps, &piece, true),
                Some((false, true)) if !spoken_for => push_steps(&mut steps, &piece, false),
                _ => {}
            }
        }
    }
    let held = |v: &&UnitVector| shape.place_within(v, TOUCH) != Place::Outside;
    let points = arrangement.isolated().iter().filter(held).copied().collect();
    let clear = |pole: &UnitVector| shape.place_within(&pole.antipode(), TOUCH) != Place::Edge;
    let pole = if steps.is_empty() {
        // An edge that bounds nothing may run anywhere.
        spiral().find(clear).unwrap_or(UnitVector { x: 0.0, y: 0.0, z: 1.0 })
    } else {
        pole_for(&steps)
    };
    let holds_antipode = shape.place_within(&pole.antipode(), TOUCH) == Place::Inside;
    Outline { steps, points, pole, holds_antipode }
}

/// The pole nearest to the edge whose antipode is clear of it.
fn pole_for(steps: &[Step]) -> UnitVector {
    let sum = steps
        .iter()
        .fold([0.0; 3], |[x, y, z], step| [x + step.start.x, y + step.start.y, z + step.start.z]);
    let middle = UnitVector::normalize(sum[0], sum[1], sum[2]).unwrap_or(UnitVector {
        x: 0.0,
        y: 0.0,
        z: 1.0,
    });
    let clearance = |pole: &UnitVector| {
        let opposite = pole.antipode();
        steps.iter().map(|step| step.distance_bound(&opposite)).fold(f64::INFINITY, f64::min)
    };
    let mut best = (clearance(&middle), middle);
    for pole in spiral() {
        if best.0 > CLEARANCE {
            break;
        }
        let found = clearance(&pole);
        if found > best.0 {
            best = (found, pole);
        }
    }
    best.1
}

/// Directions spread over the sphere.
fn spiral() -> impl Iterator<Item = UnitVector> {
    (0..256).map(|i| {
        let z = 1.0 - (2.0 * f64::from(i) + 1.0) / 256.0;
        let (sin, cos) = (f64::from(i) * 2.399_963_229_728_653).sin_cos();
        let across = (1.0 - z * z).sqrt();
        UnitVector { x: across * cos, y: across * sin, z }
    })
}

fn push_steps(steps: &mut Vec<Step>, piece: &Piece<'_>, forward: bool) {
    let is_great = (piece.arc.radius() - PI / 2.0).abs() < TOUCH;
    let turn = piece.to - piece.from;
    let count = (turn / STEP).ceil().max(1.0);
    for i in 0..count as u32 {
        let at = |part: u32| piece.arc.at(piece.from + turn * f64::from(part) / count);
        let (start, end) = if forward { (at(i), at(i + 1)) } else { (at(i + 1), at(i)) };
        let turn = if forward { turn / count } else { -turn / count };
        let small = (!is_great).then_some((*piece.arc.axis(), piece.arc.radius(), turn));
        steps.push(Step { start, end, small });
    }
}

impl Outline {
    /// Steradians.
    fn area(&self) -> f64 {
        if self.steps.is_empty() {
            return if self.holds_antipode { 4.0 * PI } else { 0.0 };
        }
        let around: f64 = self.steps.iter().map(|step| step.area_about(&self.pole)).sum();
        let area = if self.holds_antipode { 4.0 * PI + around } else { around };
        area.clamp(0.0, 4.0 * PI)
    }

    fn centroid(&self) -> Option<UnitVector> {
        let near = |step: &Step| step.start.angle_to(&self.pole).radians() < SMALL;
        if !self.steps.is_empty() && self.steps.iter().all(near) {
            return self.centroid_of_small();
        }
        let vectors: Vec<[f64; 3]> = if self.steps.is_empty() {
            self.points.iter().map(|v| [v.x, v.y, v.z]).collect()
        } else {
            self.steps.iter().map(Step::normal_integral).collect()
        };
        let sum = vectors.iter().fold([0.0; 3], |s, v| [s[0] + v[0], s[1] + v[1], s[2] + v[2]]);
        let length = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        let weight = if self.steps.is_empty() { self.points.len() as f64 } else { self.area() };
        if length <= BALANCED * weight {
            return None;
        }
        UnitVector::normalize(sum[0], sum[1], sum[2])
    }
}

impl Outline {
    /// The centroid of a shape near the pole, from the mean of `n − p`, which does not cancel.
    fn centroid_of_small(&self) -> Option<UnitVector> {
        let area = self.area();
        let sum = self.steps.iter().map(|step| step.moment_about(&self.pole));
        let [x, y, z] = sum.fold([0.0; 3], |s, m| [s[0] + m[0], s[1] + m[1], s[2] + m[2]]);
        let p = &self.pole;
        (area > 0.0 && !self.holds_antipode)
            .then(|| UnitVector::normalize(p.x + x / area, p.y + y / area, p.z + z / area))
            .flatten()
    }
}

impl Step {
    /// ∫ (n − p) dA over what lies between the step and a pole near by.
    fn moment_about(&self, pole: &UnitVector) -> [f64; 3] {
        let under = triangle_moment(pole, &self.start, &self.end);
        let Some((axis, radius, turn)) = self.small else { return under };
        let (axis, radius, turn) = if radius > PI / 2.0 {
            (axis.antipode(), PI - radius, -turn)
        } else {
            (axis, radius, turn)
        };
        // About the axis: sector less triangle; then about the pole.
        let chord = UnitVector {
            x: self.start.x - self.end.x,
            y: self.start.y - self.end.y,
            z: self.start.z - self.end.z,
        };
        // Across: ∫ sin²θ dθ times ∫ u dψ; along: ∫ (cos θ − 1) sin θ dθ dψ.
        let (sin, cos) = radius.sin_cos();
        let squares = if radius < 1e-3 { radius.powi(3) / 3.0 } else { (radius - sin * cos) / 2.0 };
        let dip = -turn * 2.0 * (radius / 2.0).sin().powi(4);
        let swung = axis.cross(&chord);
        let sector_area = turn * 2.0 * (radius / 2.0).sin().powi(2);
        let segment_area = sector_area - triangle(&axis, &self.start, &self.end);
        let inner = triangle_moment(&axis, &self.start, &self.end);
        let c = [axis.x, axis.y, axis.z];
        let p = [pole.x, pole.y, pole.z];
        [0, 1, 2].map(|i| {
            let sector = swung[i] / sin * squares + dip * c[i];
            under[i] + sector - inner[i] + (c[i] - p[i]) * segment_area
        })
    }

    /// A lower bound of the angle from a direction to the step, radians.
    fn distance_bound(&self, v: &UnitVector) -> f64 {
        v.angle_to(&self.start).radians() - self.start.angle_to(&self.end).radians() * 1.1
    }

    /// ∫ (1 − cos θ) dφ about a pole.
    fn area_about(&self, pole: &UnitVector) -> f64 {
        let under = triangle(pole, &self.start, &self.end);
        let Some((axis, radius, turn)) = self.small else { return under };
        // Seen from the nearer of the two axes, the step bulges away from it.
        let (axis, radius, turn) = if radius > PI / 2.0 {
            (axis.antipode(), PI - radius, -turn)
        } else {
            (axis, radius, turn)
        };
        let sector = turn * 2.0 * (radius / 2.0).sin().powi(2);
        under + sector - triangle(&axis, &self.start, &self.end)
    }

    /// ½ ∫ r × dr.
    fn normal_integral(&self) -> [f64; 3] {
        let (a, b) = (&self.start, &self.end);
        let Some((axis, radius, turn)) = self.small else {
            let [x, y, z] = difference_cross(a, b);
            let sine = (x * x + y * y + z * z).sqrt();
            let per_sine = if sine > 0.0 { a.angle_to(b).radians() / sine } else { 1.0 };
            return [x, y, z].map(|c| 0.5 * c * per_sine);
        };
        // r = cos ρ · c + u(ψ): the integral of u is c × (u₀ − u₁), that of u × u′ is sin²ρ · c.
        let (sin, cos) = radius.sin_cos();
        let chord = UnitVector { x: a.x - b.x, y: a.y - b.y, z: a.z - b.z };
        let swung = axis.cross(&chord);
        let c = [axis.x, axis.y, axis.z];
        [0, 1, 2].map(|i| 0.5 * (sin * sin * turn * c[i] - cos * swung[i]))
    }
}

/// `a × b` without cancellation for neighbours.
fn difference_cross(a: &UnitVector, b: &UnitVector) -> [f64; 3] {
    a.cross(&UnitVector { x: b.x - a.x, y: b.y - a.y, z: b.z - a.z })
}

/// Area of a spherical triangle, positive if counter-clockwise, in (−2π, 2π).
fn triangle(p: &UnitVector, a: &UnitVector, b: &UnitVector) -> f64 {
    let from_p = |v: &UnitVector| UnitVector { x: v.x - p.x, y: v.y - p.y, z: v.z - p.z };
    let [x, y, z] = from_p(a).cross(&from_p(b));
    let volume = p.x * x + p.y * y + p.z * z;
    2.0 * volume.atan2(1.0 + p.dot(a) + a.dot(b) + b.dot(p))
}

/// ∫ (n − p) dA over a small triangle, by the seven points of Radon (1948), exact to degree 5.
fn triangle_moment(p: &UnitVector, a: &UnitVector, b: &UnitVector) -> [f64; 3] {
    let root = 15.0_f64.sqrt();
    let (near, far) = ((6.0 - root) / 21.0, (6.0 + root) / 21.0);
    let (near_weight, far_weight) = ((155.0 - root) / 2400.0, (155.0 + root) / 2400.0);
    let third = 1.0 / 3.0;
    let points = [
        (third, third, 9.0 / 80.0),
        (near, near, near_weight),
        (1.0 - 2.0 * near, near, near_weight),
        (near, 1.0 - 2.0 * near, near_weight),
        (far, far, far_weight),
        (1.0 - 2.0 * far, far, far_weight),
        (far, 1.0 - 2.0 * far, far_weight),
    ];
    let from_p = |v: &UnitVector| UnitVector { x: v.x - p.x, y: v.y - p.y, z: v.z - p.z };
    let (to_a, to_b) = (from_p(a), from_p(b));
    let [x, y, z] = to_a.cross(&to_b);
    let volume = p.x * x + p.y * y + p.z * z;
    points.into_iter().fold([0.0; 3], |sum, (s, t, weight)| {
        let d = [s * to_a.x + t * to_b.x, s * to_a.y + t * to_b.y, s * to_a.z + t * to_b.z];
        // q = p + d; |q|² − 1 without cancellation.
        let excess =
            2.0 * (p.x * d[0] + p.y * d[1] + p.z * d[2]) + d.iter().map(|c| c * c).sum::<f64>();
        let length = (1.0 + excess).sqrt();
        let shorter = -excess / (1.0 + length);
        let share = weight * volume / length.powi(4);
        let p = [p.x, p.y, p.z];
        [0, 1, 2].map(|i| sum[i] + share * (d[i] + shorter * p[i]))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn check(shape: &Shape, sq_deg: f64) {
        let area = shape.area_sq_deg().unwrap();
        assert!((area / sq_deg - 1.0).abs() < 1e-9, "{area} {sq_deg} {shape:?}");
    }

    fn circle(lon: f64, lat: f64, radius: f64) -> Shape {
        Shape::circle_deg(lon, lat, radius).unwrap()
    }

    #[test]
    fn areas_by_formula() {
        let sphere = 4.0 * PI * SQ_DEG;
        let octant = Shape::polygon_deg(&[(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)]).unwrap();
        check(&octant, sphere / 8.0);
        check(&Shape::Not(Box::new(octant)), sphere * 7.0 / 8.0);
        for radius in [1e-5_f64, 1.0, 89.0, 90.0, 120.0, 179.0, 180.0] {
            let expected = sphere / 2.0 * (1.0 - radius.to_radians().cos());
            let lone = circle(12.0, 34.0, radius);
            if radius > 0.1 {
                check(&lone, expected);
            }
            // The same by the integral.
            check(&Shape::Union(vec![lone.clone()]), lone.area_sq_deg().unwrap());
        }
        let small = 1.0 / 3600.0;
        let square = [(10.0, 0.0), (10.0 + small, 0.0), (10.0 + small, small), (10.0, small)];
        check(&Shape::polygon_deg(&square).unwrap(), small * small);
        let (a, b) = (circle(0.0, 0.0, 100.0), circle(180.0, 0.0, 100.0));
        check(&Shape::Union(vec![a.clone(), b.clone()]), sphere);
        let band = sphere * 10_f64.to_radians().sin();
        check(&Shape::Intersection(vec![a, b]), band);
        let range =
            |a, b, c, d| Shape::Range(crate::sphgeom::LonLatBox::try_new(a, b, c, d).unwrap());
        check(&range(350.0, 10.0, -30.0, 30.0), sphere * 0.5 * 20.0 / 360.0);
        check(&range(0.0, 360.0, 30.0, 90.0), sphere * 0.25);
        check(&range(100.0, 390.0, -90.0, 90.0), sphere * 290.0 / 360.0);
    }

    #[test]
    fn overlaps_count_once() {
        let (a, b) = (circle(0.0, 0.0, 1.0), circle(1.0, 0.0, 1.0));
        let area = |shape: &Shape| shape.area_sq_deg().unwrap();
        let union = area(&Shape::Union(vec![a.clone(), b.clone()]));
        let common = area(&Shape::Intersection(vec![a.clone(), b.clone()]));
        assert!((union + common - 2.0 * area(&a)).abs() < 1e-12);
        // In the plane: 2π/3 − √3/2.
        assert!((common - 1.2283696986).abs() < 1e-4, "{common}");
        assert!((area(&Shape::Union(vec![a.clone(), a.clone()])) - area(&a)).abs() < 1e-13);
        let bowtie = [(0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)];
        let bowtie = Shape::polygon_deg(&bowtie).unwrap();
        assert!((area(&bowtie) - 2.0).abs() < 1e-3, "{}", area(&bowtie));
    }

    #[test]
    fn centroids_by_symmetry() {
        let check = |shape: &Shape, lon: f64, lat: f64| {
            let found = shape.centroid().unwrap();
            let off = found.angle_to(&UnitVector::from_lonlat_deg(lon, lat)).degrees();
            assert!(off < 1e-9, "{:?} {off}", found.to_lonlat_deg());
        };
        check(&Shape::point_deg(370.0, 3.0).unwrap(), 10.0, 3.0);
        check(&circle(10.0, 20.0, 120.0), 10.0, 20.0);
        check(&Shape::Union(vec![circle(10.0, 20.0, 120.0)]), 10.0, 20.0);
        check(&Shape::Not(Box::new(circle(10.0, 20.0, 120.0))), 190.0, -20.0);
        check(&Shape::box_deg(10.0, 70.0, 30.0, 10.0).unwrap(), 10.0, 70.0);
        for side in [2.0, 0.5, 3e-5] {
            check(&Shape::box_deg(10.0, 70.0, side, side / 3.0).unwrap(), 10.0, 70.0);
        }
        // Two tiny circles of one size: half-way, to a hundred-millionth of their distance.
        let pair = vec![circle(10.0, 0.0, 1e-4), circle(10.0005, 0.0, 1e-4)];
        let found = Shape::Union(pair).centroid().unwrap().to_lonlat_deg();
        assert!((found.0 - 10.00025).abs() < 1e-12 && found.1.abs() < 1e-12, "{found:?}");
        check(&Shape::Union(vec![circle(10.0, 0.0, 5.0), circle(30.0, 0.0, 5.0)]), 20.0, 0.0);
        let polar = [(0.0, -80.0), (120.0, -80.0), (240.0, -80.0)];
        check(&Shape::polygon_deg(&polar).unwrap(), 0.0, -90.0);
        let everything = circle(0.0, 0.0, 180.0);
        assert_eq!(everything.centroid(), Err(ShapeError::NoCentroid));
        let both = Shape::Union(vec![circle(10.0, 20.0, 5.0), circle(190.0, -20.0, 5.0)]);
        assert_eq!(both.centroid(), Err(ShapeError::NoCentroid));
    }
}
