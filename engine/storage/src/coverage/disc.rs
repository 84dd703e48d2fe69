//! The cells of one order that a disc may reach: what makes neighbours meet in a join on cells.
//!
//! Two positions no further apart than the radius share a cell: that of the one is among those of
//! the disc about the other. The reverse is not promised.

use cdshealpix::nested;

use super::{CELL_REACH, cell_center};
use crate::sphgeom::{Angle, UnitVector};

/// The deepest order that is used: cells of 3″, about the density of sources in the deepest images.
const DEEPEST: u8 = 16;

/// Side of a cell of order 0, radians: the root of its area.
const SIDE: f64 = 1.023_326_707_946_488_5;

/// Finds the cells that discs of one radius may reach.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscCells {
    order: u8,
    /// For each order the square of the chord from the centre of a disc to that of a cell that it
    /// may reach, at most.
    limits: Vec<f64>,
}

impl DiscCells {
    /// Prepare to find the cells for discs of `radius`, of an order whose cells are some two to four
    /// radii wide, so that a disc reaches few of them.
    pub fn new(radius: Angle) -> Self {
        let radius = radius.radians().max(0.0);
        let order = (SIDE / (2.0 * radius)).log2().floor().clamp(0.0, f64::from(DEEPEST)) as u8;
        let limit = |order: u8| {
            let reach = radius + CELL_REACH / f64::from(1_u32 << order);
            (2.0 * (reach.min(std::f64::consts::PI) / 2.0).sin()).powi(2)
        };
        Self { order, limits: (0..=order).map(limit).collect() }
    }

    /// The order of the cells.
    pub fn order(&self) -> u8 {
        self.order
    }

    /// The cell in which a position lies.
    pub fn cell_of(&self, position: &UnitVector) -> u64 {
        let UnitVector { x, y, z } = *position;
        nested::hash(self.order, y.atan2(x), z.atan2(x.hypot(y)))
    }

    /// Append the cells that hold all points of the disc about `center`, each once.
    pub fn reached_from(&self, center: &UnitVector, found: &mut Vec<u64>) {
        for base in 0..12 {
            self.descend(0, base, center, found);
        }
    }

    fn descend(&self, order: u8, cell: u64, center: &UnitVector, found: &mut Vec<u64>) {
        let at = cell_center(order, cell);
        let chord2 =
            (at.x - center.x).powi(2) + (at.y - center.y).powi(2) + (at.z - center.z).powi(2);
        // A position that is no number reaches nothing.
        let is_reached = chord2 <= self.limits[usize::from(order)];
        if !is_reached {
            return;
        }
        if order == self.order {
            found.push(cell);
            return;
        }
        for child in cell * 4..cell * 4 + 4 {
            self.descend(order + 1, child, center, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sphgeom::Boundary;
    use crate::sphgeom::Cone;

    /// A point at a distance and a position angle from another, radians.
    fn offset(from: &UnitVector, distance: f64, angle: f64) -> UnitVector {
        let pole = if from.z.abs() < 0.9 { [0.0, 0.0, 1.0] } else { [1.0, 0.0, 0.0] };
        let cross = |a: [f64; 3], b: [f64; 3]| {
            [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
        };
        let u = [from.x, from.y, from.z];
        let e = cross(pole, u);
        let n = e.iter().map(|c| c * c).sum::<f64>().sqrt();
        let e = e.map(|c| c / n);
        let f = cross(u, e);
        let along = |i: usize| {
            u[i] * distance.cos() + (e[i] * angle.cos() + f[i] * angle.sin()) * distance.sin()
        };
        UnitVector { x: along(0), y: along(1), z: along(2) }
    }

    #[test]
    fn a_neighbour_lies_in_a_cell_that_the_disc_reaches() {
        let mut n_cells = 0;
        let mut n_discs = 0;
        for i in 0..20_000 {
            let t = f64::from(i);
            let radius_deg = [0.0, 1e-6, 3e-4, 1.0 / 60.0, 0.7, 11.0, 75.0, 180.0][i as usize % 8];
            let radius = Angle::from_degrees(radius_deg);
            let cells = DiscCells::new(radius);
            let lat = match i % 5 {
                0 => 90.0 - 1e-4 * (t % 7.0),
                1 => -90.0 + 0.3 * (t % 11.0),
                2 => 41.81 + 1e-3 * (t % 13.0),
                _ => (t * 1.77) % 180.0 - 90.0,
            };
            let center = UnitVector::from_lonlat_deg((t * 45.000_01) % 360.0, lat);
            // On the edge of the disc, inside by what a vector's coordinates can tell.
            let edge = (radius.radians() * (1.0 - 1e-9) - 1e-15).max(0.0);
            let distance = edge * if i % 3 == 0 { 0.5 } else { 1.0 };
            let neighbour = offset(&center, distance, t);
            let cone = Cone::new(center, Angle::from_degrees(radius_deg), Boundary::Closed);
            let mut found = vec![];
            cells.reached_from(&center, &mut found);
            if radius_deg > 0.0 {
                assert!(cone.contains(&neighbour), "{i}");
                assert!(found.contains(&cells.cell_of(&neighbour)), "{i}: {radius_deg} at {lat}");
            }
            assert!(found.contains(&cells.cell_of(&center)), "{i}: its own");
            let mut once = found.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), found.len());
            if radius_deg < 1.0 {
                n_cells += found.len();
                n_discs += 1;
            }
        }
        assert!(n_cells < 12 * n_discs, "{n_cells} cells of {n_discs} discs");
    }
}
