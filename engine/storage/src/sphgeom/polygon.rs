//! A polygon of great-circle edges.
//!
//! Membership is a count of crossings: the arc from the point to a place whose side is known
//! crosses an odd number of edges when the point lies on the other side. An arc that touches a
//! vertex is no special case, as a vertex on the arc's great circle counts as left of it.

use super::angle::Angle;
use super::cap::Cap;
use super::error::PositionError;
use super::unit_vector::UnitVector;

mod sides;

pub(super) use sides::Place;

/// Points so close to an edge (radians) are on it: the rounding of a product of unit vectors.
const ON_EDGE: f64 = 1e-15;

/// A great-circle polygon, its edges included: convex or not, with any winding.
///
/// Two regions have the same edges; the polygon is the smaller one. Where edges cross each other,
/// the even-odd rule decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    vertices: Vec<UnitVector>,
    edges: Vec<Edge>,
    bounding_cap: Cap,
    references: Vec<Reference>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Edge {
    start: UnitVector,
    end: UnitVector,
    /// Pole of the edge's great circle, to the left of the way from start to end.
    normal: UnitVector,
}

/// A place whose side is known.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reference {
    at: UnitVector,
    inside: bool,
}

impl Polygon {
    /// A polygon of these vertices; the last is joined to the first.
    ///
    /// # Errors
    /// Fewer than three different vertices, or two opposite neighbours.
    pub fn try_new(vertices: &[UnitVector]) -> Result<Self, PositionError> {
        let mut distinct: Vec<UnitVector> = Vec::with_capacity(vertices.len());
        for vertex in vertices {
            if distinct.last().is_none_or(|last| !same(last, vertex)) {
                distinct.push(*vertex);
            }
        }
        while distinct.len() > 1
            && distinct.first().zip(distinct.last()).is_some_and(|(a, b)| same(a, b))
        {
            distinct.pop();
        }
        if distinct.len() < 3 {
            return Err(PositionError::PolygonVertices { distinct: distinct.len() });
        }
        let mut edges = Vec::with_capacity(distinct.len());
        for (first, start) in distinct.iter().enumerate() {
            let second = (first + 1) % distinct.len();
            edges.push(
                Edge::try_new(*start, distinct[second])
                    .ok_or(PositionError::PolygonEdge { first, second })?,
            );
        }
        let cap = Cap::smallest_around(&distinct).unwrap_or(Cap::FULL);
        // A cap smaller than a hemisphere holds the edges of the vertices it holds.
        let in_hemisphere = cap.radius < Angle::from_degrees(90.0 - 1e-9);
        let references =
            if in_hemisphere { outside_of(&cap) } else { references_by_area(&distinct, &edges) };
        let bounding_cap = if in_hemisphere { cap } else { Cap::FULL };
        Ok(Self { vertices: distinct, edges, bounding_cap, references })
    }

    /// A polygon of vertices given as (longitude, latitude), degrees.
    ///
    /// # Errors
    /// As [`Polygon::try_new`].
    pub fn try_from_lonlat_deg(vertices: &[(f64, f64)]) -> Result<Self, PositionError> {
        let vectors: Vec<_> =
            vertices.iter().map(|&(lon, lat)| UnitVector::from_lonlat_deg(lon, lat)).collect();
        Self::try_new(&vectors)
    }

    /// ADQL's BOX: its sides are the great circles that cross, at right angles, the ends of two
    /// arms of half the width and height along the axes at the centre. Not a `LonLatBox`.
    ///
    /// # Errors
    /// A side that is not between 0° and 180°.
    pub fn center_box(
        center: &UnitVector,
        width: Angle,
        height: Angle,
    ) -> Result<Self, PositionError> {
        Self::box_along(center, center.east_north().0, width, height)
    }

    /// ADQL's BOX about a centre given in degrees. At a pole its arms follow the longitude, which
    /// the direction alone has lost there.
    ///
    /// # Errors
    /// As [`Polygon::center_box`].
    pub fn center_box_deg(
        lon_deg: f64,
        lat_deg: f64,
        width: Angle,
        height: Angle,
    ) -> Result<Self, PositionError> {
        let center = UnitVector::from_lonlat_deg(lon_deg, lat_deg);
        let east = match lat_deg.abs() == 90.0 {
            true => UnitVector::from_lonlat_deg(lon_deg + 90.0, 0.0),
            false => center.east_north().0,
        };
        Self::box_along(&center, east, width, height)
    }

    fn box_along(
        center: &UnitVector,
        east: UnitVector,
        width: Angle,
        height: Angle,
    ) -> Result<Self, PositionError> {
        let possible = |side: Angle| side > Angle::ZERO && side < Angle::HALF_TURN;
        let size = PositionError::BoxSize { width: width.degrees(), height: height.degrees() };
        if !possible(width) || !possible(height) {
            return Err(size);
        }
        let [x, y, z] = center.cross(&east);
        let north = UnitVector { x, y, z };
        let (right, up) = ((width.radians() / 2.0).tan(), (height.radians() / 2.0).tan());
        let corner = |right: f64, up: f64| {
            UnitVector::normalize(
                center.x + right * east.x + up * north.x,
                center.y + right * east.y + up * north.y,
                center.z + right * east.z + up * north.z,
            )
        };
        let corners =
            [corner(right, -up), corner(right, up), corner(-right, up), corner(-right, -up)];
        Self::try_new(&corners.into_iter().flatten().collect::<Vec<_>>())
    }

    /// The vertices, without repetitions.
    pub fn vertices(&self) -> &[UnitVector] {
        &self.vertices
    }

    /// Does the direction lie in the polygon or on its edge?
    pub fn contains(&self, v: &UnitVector) -> bool {
        if self.bounding_cap.radius < Angle::HALF_TURN
            && self.bounding_cap.center.angle_to(v) > self.bounding_cap.radius
        {
            return false;
        }
        self.edges.iter().any(|edge| edge.distance(v) <= ON_EDGE) || self.interior(v)
    }

    /// The angle from a direction to the nearest point of the polygon; zero inside.
    pub fn distance_to(&self, v: &UnitVector) -> Angle {
        Angle::from_radians(self.signed_distance(v).max(0.0))
    }

    /// A cap that holds the polygon.
    pub fn bounding_cap(&self) -> Cap {
        self.bounding_cap
    }

    /// Angle from the edge, radians: negative inside, positive outside.
    pub(super) fn signed_distance(&self, v: &UnitVector) -> f64 {
        let distance = self.edges.iter().map(|edge| edge.distance(v)).fold(f64::INFINITY, f64::min);
        if self.interior(v) { -distance } else { distance }
    }

    fn interior(&self, v: &UnitVector) -> bool {
        // The arc to the reference is best defined where the two lie near a right angle.
        let nearest_to_square =
            self.references.iter().min_by(|a, b| a.at.dot(v).abs().total_cmp(&b.at.dot(v).abs()));
        nearest_to_square.is_some_and(|reference| {
            reference.inside ^ crosses_oddly(&self.edges, v, &reference.at)
        })
    }
}

impl Edge {
    fn try_new(start: UnitVector, end: UnitVector) -> Option<Self> {
        // (start − end) × (start + end) = 2 start × end, without its cancellation.
        let difference = [start.x - end.x, start.y - end.y, start.z - end.z];
        let sum = [start.x + end.x, start.y + end.y, start.z + end.z];
        let opposite = sum.iter().map(|s| s * s).sum::<f64>() < 1e-24;
        if opposite {
            return None;
        }
        let normal = UnitVector::normalize(
            difference[1] * sum[2] - difference[2] * sum[1],
            difference[2] * sum[0] - difference[0] * sum[2],
            difference[0] * sum[1] - difference[1] * sum[0],
        )?;
        Some(Self { start, end, normal })
    }

    /// Angle to the nearest point of the edge, radians.
    fn distance(&self, v: &UnitVector) -> f64 {
        let after_start = triple(&self.normal, &self.start, v) >= 0.0;
        let before_end = triple(&self.normal, &self.end, v) <= 0.0;
        if after_start && before_end {
            self.normal.dot(v).clamp(-1.0, 1.0).asin().abs()
        } else {
            v.angle_to(&self.start).min(v.angle_to(&self.end)).radians()
        }
    }

    fn middle(&self) -> Option<UnitVector> {
        UnitVector::normalize(
            self.start.x + self.end.x,
            self.start.y + self.end.y,
            self.start.z + self.end.z,
        )
    }
}

fn same(a: &UnitVector, b: &UnitVector) -> bool {
    a.angle_to(b).radians() <= ON_EDGE
}

/// The triple product (a × b) · c.
fn triple(a: &UnitVector, b: &UnitVector, c: &UnitVector) -> f64 {
    let [x, y, z] = a.cross(b);
    x * c.x + y * c.y + z * c.z
}

/// Does the arc from `from` to `to` cross an odd number of the edges?
fn crosses_oddly<'a>(
    edges: impl IntoIterator<Item = &'a Edge>,
    from: &UnitVector,
    to: &UnitVector,
) -> bool {
    let [x, y, z] = from.cross(to);
    let Some(pole) = UnitVector::normalize(x, y, z) else {
        return false;
    };
    let mut odd = false;
    for edge in edges {
        let (start, end) = (pole.dot(&edge.start), pole.dot(&edge.end));
        if (start >= 0.0) == (end >= 0.0) {
            continue;
        }
        // Where the edge meets the arc's great circle, up to a positive factor.
        let meeting = UnitVector {
            x: edge.start.x * end.abs() + edge.end.x * start.abs(),
            y: edge.start.y * end.abs() + edge.end.y * start.abs(),
            z: edge.start.z * end.abs() + edge.end.z * start.abs(),
        };
        if triple(&pole, from, &meeting) >= 0.0 && triple(&pole, to, &meeting) < 0.0 {
            odd = !odd;
        }
    }
    odd
}

/// Two places outside a cap that is smaller than a hemisphere, at a right angle to each other.
fn outside_of(cap: &Cap) -> Vec<Reference> {
    let places = [cap.center.antipode(), cap.center.perpendicular()];
    places.into_iter().map(|at| Reference { at, inside: false }).collect()
}

/// For polygons that no hemisphere holds: the side of smaller area is the inside.
fn references_by_area(vertices: &[UnitVector], edges: &[Edge]) -> Vec<Reference> {
    let left_is_inside = left_area(edges) <= 2.0 * std::f64::consts::PI;
    let longest = edges.iter().enumerate().max_by(|(_, a), (_, b)| {
        a.start.angle_to(&a.end).degrees().total_cmp(&b.start.angle_to(&b.end).degrees())
    });
    let Some((index, edge)) = longest else { return Vec::new() };
    let Some(middle) = edge.middle() else { return Vec::new() };
    let others = || edges.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, edge)| edge);
    // From the middle of the longest edge, walk to places far from all edges.
    let mut places: Vec<(f64, UnitVector)> = candidates(vertices)
        .into_iter()
        .map(|at| {
            let margin = edges.iter().map(|edge| edge.distance(&at)).fold(f64::INFINITY, f64::min);
            (margin.min(middle.angle_to(&at.antipode()).radians()), at)
        })
        .collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    let side_of = |at: UnitVector| {
        let leaves_to_left = edge.normal.dot(&at) > 0.0;
        let odd = crosses_oddly(others(), &middle, &at);
        Reference { at, inside: (leaves_to_left == left_is_inside) ^ odd }
    };
    let Some(&(_, first)) = places.first() else { return Vec::new() };
    let second = places.iter().find(|(_, at)| at.dot(&first).abs() < 0.8);
    [Some(first), second.map(|(_, at)| *at)].into_iter().flatten().map(side_of).collect()
}

/// Directions spread over the sphere on a spiral.
fn candidates(vertices: &[UnitVector]) -> Vec<UnitVector> {
    let count = 64 + 2 * vertices.len().min(500);
    (0..count)
        .map(|i| {
            let z = 1.0 - (2.0 * i as f64 + 1.0) / count as f64;
            let (sin, cos) = (i as f64 * 2.399_963_229_728_653).sin_cos();
            let across = (1.0 - z * z).sqrt();
            UnitVector { x: across * cos, y: across * sin, z }
        })
        .collect()
}

/// Area to the left of the edges, steradians in [0, 4π), by the turns at the vertices.
fn left_area(edges: &[Edge]) -> f64 {
    let mut turns = 0.0;
    for (i, edge) in edges.iter().enumerate() {
        let next = &edges[(i + 1) % edges.len()];
        turns +=
            triple(&edge.normal, &next.normal, &next.start).atan2(edge.normal.dot(&next.normal));
    }
    (2.0 * std::f64::consts::PI - turns).rem_euclid(4.0 * std::f64::consts::PI)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn check(vertices: &[(f64, f64)], point: (f64, f64), inside: bool) {
        let mut turned = vertices.to_vec();
        for _ in 0..2 {
            for start in 0..turned.len() {
                turned.rotate_left(1);
                let polygon = Polygon::try_from_lonlat_deg(&turned).unwrap();
                let v = UnitVector::from_lonlat_deg(point.0, point.1);
                assert_eq!(polygon.contains(&v), inside, "{turned:?} {start} {point:?}");
            }
            turned.reverse();
        }
    }

    #[test]
    fn convex_concave_and_wrapping() {
        let square = [(10.0, -5.0), (20.0, -5.0), (20.0, 5.0), (10.0, 5.0)];
        check(&square, (15.0, 0.0), true);
        check(&square, (195.0, 0.0), false);
        check(&square, (15.0, 5.01), true); // The edge bulges towards the pole.
        check(&square, (15.0, 6.0), false);
        let chevron = [(350.0, -10.0), (5.0, 0.0), (350.0, 10.0), (20.0, 0.0)];
        check(&chevron, (0.0, 0.0), false);
        check(&chevron, (6.0, 0.0), true);
        check(&chevron, (19.0, 0.0), true);
        let polar = [(0.0, 80.0), (120.0, 80.0), (240.0, 80.0)];
        check(&polar, (77.0, 90.0), true);
        check(&polar, (60.0, 70.0), false);
        check(&polar, (0.0, -90.0), false);
    }

    #[test]
    fn vertices_and_edges_belong() {
        let triangle = [(0.0, 0.0), (90.0, 0.0), (0.0, 90.0)];
        for point in [(0.0, 0.0), (90.0, 0.0), (33.0, 90.0), (45.0, 0.0), (0.0, 45.0), (90.0, 30.0)]
        {
            check(&triangle, point, true);
        }
        check(&triangle, (45.0, -1e-9), false);
        let small = [(10.0, 10.0), (10.0001, 10.0), (10.0001, 10.0001)];
        for point in small {
            check(&small, point, true);
        }
    }

    #[test]
    fn bands_that_no_hemisphere_holds() {
        let band = [
            (0.0, -5.0),
            (70.0, -5.0),
            (140.0, -5.0),
            (210.0, -5.0),
            (280.0, -5.0),
            (280.0, 5.0),
            (210.0, 5.0),
            (140.0, 5.0),
            (70.0, 5.0),
            (0.0, 5.0),
        ];
        check(&band, (100.0, 0.0), true);
        check(&band, (279.0, 1.0), true);
        check(&band, (300.0, 0.0), false);
        check(&band, (100.0, 90.0), false);
        check(&band, (100.0, -90.0), false);
    }

    #[test]
    fn center_box_follows_its_arms() {
        for (lon, lat) in [(0.0, 0.0), (40.0, 60.0), (200.0, -90.0), (359.9, 89.0)] {
            let center = UnitVector::from_lonlat_deg(lon, lat);
            let (east, north) = center.east_north();
            let sky_box =
                Polygon::center_box(&center, Angle::from_degrees(20.0), Angle::from_degrees(8.0))
                    .unwrap();
            for (axis, arm) in [(east, 10.0_f64), (north, 4.0)] {
                for (angle, inside) in [(arm - 1e-6, true), (arm + 1e-6, false)] {
                    for sign in [1.0, -1.0] {
                        let (sin, cos) = angle.to_radians().sin_cos();
                        let v = UnitVector {
                            x: cos * center.x + sign * sin * axis.x,
                            y: cos * center.y + sign * sin * axis.y,
                            z: cos * center.z + sign * sin * axis.z,
                        };
                        assert_eq!(sky_box.contains(&v), inside, "{lon} {lat} {arm} {angle}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_box_at_a_pole_follows_its_longitude() {
        let angle = Angle::from_degrees;
        for (lon, lat) in [(0.0, 90.0), (30.0, 90.0), (211.0, -90.0), (-45.0, -90.0)] {
            let at_pole = Polygon::center_box_deg(lon, lat, angle(20.0), angle(8.0)).unwrap();
            let near = lat.signum() * (90.0 - 1e-9);
            let beside = Polygon::center_box_deg(lon, near, angle(20.0), angle(8.0)).unwrap();
            for (a, b) in at_pole.vertices().iter().zip(beside.vertices()) {
                assert!(a.angle_to(b).degrees() < 1e-8, "{lon} {lat}: {a:?} {b:?}");
            }
        }
    }

    #[test]
    fn bad_polygons_are_refused() {
        let two = [(0.0, 0.0), (1.0, 0.0), (0.0, 0.0)];
        let opposite = [(0.0, 0.0), (180.0, 0.0), (0.0, 45.0)];
        assert!(matches!(
            Polygon::try_from_lonlat_deg(&two),
            Err(PositionError::PolygonVertices { distinct: 2 })
        ));
        assert!(matches!(
            Polygon::try_from_lonlat_deg(&opposite),
            Err(PositionError::PolygonEdge { first: 0, second: 1 })
        ));
    }
}
