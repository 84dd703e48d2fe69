//! How a direction, or a piece of an arc, lies with respect to a shape.
//!
//! Combined shapes follow from their parts: a place is on the edge of a union if it is on that of a
//! part and inside none. (Where parts abut, their common edge remains one. That errs on the side of
//! closed sets, which is where touching errs anyway.)

use std::f64::consts::{FRAC_PI_2, PI};

use super::arc::Arc;
use super::{Shape, TOUCH};
use crate::sphgeom::cone::Cone;
use crate::sphgeom::lonlat_box::LonLatBox;
use crate::sphgeom::polygon::Place;
use crate::sphgeom::{Angle, Boundary, UnitVector};

/// Does the cone hold nothing?
pub(super) fn is_empty(cone: &Cone) -> bool {
    cone.radius() < Angle::ZERO || cone.radius().degrees().is_nan()
}

/// Does the cone leave out nothing that could be told from a rounding error?
pub(super) fn is_everything(cone: &Cone) -> bool {
    cone.radius().radians() >= PI - TOUCH
}

/// Is the cone hardly more than its centre?
fn is_point(cone: &Cone) -> bool {
    !is_empty(cone) && cone.radius().radians() <= TOUCH
}

/// Is the direction a pole that the range reaches? It has all longitudes, so those of the range.
pub(super) fn is_pole_of(sky_box: &LonLatBox, v: &UnitVector) -> bool {
    let (lat_min, lat_max) = sky_box.lat_deg();
    let at_pole = v.x.hypot(v.y) <= TOUCH;
    at_pole && ((v.z > 0.0 && lat_max == 90.0) || (v.z < 0.0 && lat_min == -90.0))
}

impl Shape {
    /// Where the direction lies, by the exact tests of the parts.
    pub(super) fn place(&self, v: &UnitVector) -> Place {
        match self {
            Self::Circle(cone) => {
                let open = Cone::new(*cone.center(), cone.radius(), Boundary::Open);
                if is_everything(cone) || open.contains(v) {
                    Place::Inside
                } else {
                    edge_or_outside(cone.contains(v))
                }
            }
            Self::Polygon(polygon) => polygon.place(v),
            Self::Range(sky_box) if sky_box.signed_distance(v) < 0.0 => Place::Inside,
            Self::Range(_) => edge_or_outside(self.contains_point(v)),
            _ => self.combine(v, Self::place),
        }
    }

    /// Where the direction lies, for edges so many radians wide to either side.
    pub(super) fn place_within(&self, v: &UnitVector, slack: f64) -> Place {
        let by_distance = |distance: f64| {
            if distance.abs() <= slack {
                Place::Edge
            } else if distance < 0.0 {
                Place::Inside
            } else {
                Place::Outside
            }
        };
        match self {
            Self::Point(point) => edge_or_outside(point.angle_to(v).radians() <= slack),
            Self::Circle(_) | Self::Range(_) => by_distance(self.depth_bound(v)),
            Self::Polygon(polygon) => polygon.place_within(v, slack),
            _ => self.combine(v, |shape, v| shape.place_within(v, slack)),
        }
    }

    fn combine(&self, v: &UnitVector, place: impl Fn(&Self, &UnitVector) -> Place) -> Place {
        let places =
            |shapes: &[Self]| shapes.iter().map(|shape| place(shape, v)).collect::<Vec<_>>();
        let first_of = |order: [Place; 3], places: Vec<Place>| {
            order.into_iter().find(|place| places.contains(place)).unwrap_or(order[2])
        };
        match self {
            Self::Union(shapes) => {
                first_of([Place::Inside, Place::Edge, Place::Outside], places(shapes))
            }
            Self::Intersection(shapes) => {
                first_of([Place::Outside, Place::Edge, Place::Inside], places(shapes))
            }
            Self::Not(shape) => match place(shape, v) {
                Place::Inside => Place::Outside,
                Place::Edge => Place::Edge,
                Place::Outside => Place::Inside,
            },
            Self::Point(_) => edge_or_outside(self.contains_point(v)),
            // Nothing is on the edge of a MOC: each position belongs to one cell.
            _ if self.contains_point(v) => Place::Inside,
            _ => Place::Outside,
        }
    }

    /// Do the points next to `v` in direction `left`, and those opposite, belong to the interior?
    /// `None` where the edges at `v` do not run at a right angle to `left`.
    pub(super) fn sides(&self, v: &UnitVector, left: &UnitVector) -> Option<(bool, bool)> {
        match self {
            Self::Point(_) => Some((false, false)),
            Self::Polygon(polygon) => polygon.sides(v, left, TOUCH),
            Self::Circle(_) | Self::Range(_) => {
                let arcs = self.arcs();
                let touching: Vec<_> = arcs.iter().filter(|arc| arc.passes(v, TOUCH)).collect();
                match touching.as_slice() {
                    [] => {
                        let inside = self.place_within(v, TOUCH) == Place::Inside;
                        Some((inside, inside))
                    }
                    [arc] => {
                        let at_end = |end: &UnitVector| v.angle_to(end).radians() <= 4.0 * TOUCH;
                        let toward = arc.left_at(v)?.dot(left);
                        let clear = toward.abs() > 0.99 && !arc.ends().iter().any(at_end);
                        clear.then_some((toward > 0.0, toward < 0.0))
                    }
                    // Two meridians of a range without width.
                    _ => Some((false, false)),
                }
            }
            Self::Moc(moc) => {
                let inside = moc.contains(v);
                Some((inside, inside))
            }
            Self::Union(shapes) => {
                let mut sides = (false, false);
                let mut unclear = false;
                for shape in shapes {
                    match shape.sides(v, left) {
                        Some((l, r)) => sides = (sides.0 || l, sides.1 || r),
                        None => unclear = true,
                    }
                }
                (!unclear || sides == (true, true)).then_some(sides)
            }
            Self::Intersection(shapes) => {
                let mut sides = (true, true);
                let mut unclear = false;
                for shape in shapes {
                    match shape.sides(v, left) {
                        Some((l, r)) => sides = (sides.0 && l, sides.1 && r),
                        None => unclear = true,
                    }
                }
                (!unclear || sides == (false, false)).then_some(sides)
            }
            Self::Not(shape) => shape.sides(v, left).map(|(l, r)| (!l, !r)),
        }
    }

    /// The edge of a shape that is not combined, the shape to the left (of a circle or range) or on
    /// one side or the other (of a polygon).
    pub(super) fn arcs(&self) -> Vec<Arc> {
        match self {
            Self::Circle(cone) if is_empty(cone) || is_everything(cone) || is_point(cone) => {
                Vec::new()
            }
            Self::Circle(cone) => vec![Arc::circle(cone.center(), cone.radius().radians())],
            Self::Polygon(polygon) => {
                polygon.edges().map(|(start, end, pole)| Arc::edge(start, end, pole)).collect()
            }
            Self::Range(sky_box) => range_arcs(sky_box),
            _ => Vec::new(),
        }
    }

    /// The point that is all there is of a shape without area, if it is not combined.
    pub(super) fn isolated(&self) -> Option<UnitVector> {
        match self {
            Self::Point(point) => Some(*point),
            Self::Circle(cone) if is_point(cone) => Some(*cone.center()),
            Self::Range(sky_box) => {
                let (lat_min, lat_max) = sky_box.lat_deg();
                (lat_min == lat_max && lat_min.abs() == 90.0)
                    .then(|| UnitVector::from_lonlat_deg(0.0, lat_min))
            }
            _ => None,
        }
    }
}

fn edge_or_outside(on_edge: bool) -> Place {
    if on_edge { Place::Edge } else { Place::Outside }
}

/// Parallels and meridians, counter-clockwise as seen from the centre of the sphere.
fn range_arcs(sky_box: &LonLatBox) -> Vec<Arc> {
    let (lat_min, lat_max) = sky_box.lat_deg();
    let north = UnitVector { x: 0.0, y: 0.0, z: 1.0 };
    let at_lon = |lon: f64| UnitVector::from_lonlat_deg(lon, 0.0);
    let (west, sweep) = match sky_box.lon_deg() {
        None => (0.0, 2.0 * PI),
        Some((min, max)) => {
            (min, Angle::from_degrees(crate::sphgeom::normalize_lon_deg(max - min)).radians())
        }
    };
    let east = sky_box.lon_deg().map_or(0.0, |(_, max)| max);
    let height = Angle::from_degrees(lat_max - lat_min).radians();
    let mut arcs = Vec::new();
    if lat_min > -90.0 && lat_min < 90.0 && sweep > 0.0 {
        let radius = Angle::from_degrees(90.0 - lat_min).radians();
        arcs.push(Arc::about(north, radius, at_lon(west), sweep));
    }
    if sky_box.lon_deg().is_some() && height > 0.0 {
        let northward = |lon: f64| (UnitVector::from_lonlat_deg(lon - 90.0, 0.0), lat_min);
        let (pole, lat) = northward(east);
        arcs.push(Arc::about(pole, FRAC_PI_2, UnitVector::from_lonlat_deg(east, lat), height));
        let pole = UnitVector::from_lonlat_deg(west + 90.0, 0.0);
        arcs.push(Arc::about(pole, FRAC_PI_2, UnitVector::from_lonlat_deg(west, lat_max), height));
    }
    if lat_max < 90.0 && lat_max > -90.0 && sweep > 0.0 {
        let radius = Angle::from_degrees(90.0 + lat_max).radians();
        arcs.push(Arc::about(north.antipode(), radius, at_lon(east), sweep));
    }
    arcs
}
