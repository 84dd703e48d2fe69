//! A Multi-Order Coverage map: a part of the sky as HEALPix cells (IVOA MOC 2.0).
//!
//! Whatever the orders of its cells, a MOC is a list of ranges of order 29, sorted, disjoint and
//! never adjacent, the same numbers as the sort key `_healpix_29` of rows. A cell has half of its
//! edge, as HEALPix gives each position to one cell: MOCs that only touch have nothing in common.
//!
//! ```text
//!   order 28:      5              cell 5 of order 28
//!   order 29: 20 21 22 23         range 20..24
//! ```

use std::ops::Range;

use crate::chunking::{HEALPIX_ORDER, healpix29};

use super::angle::Angle;
use super::cap::Cap;
use super::unit_vector::UnitVector;

mod ascii;

pub use ascii::MocError;

/// Cells of order 29 on the sphere.
const ALL_CELLS: u64 = 12 << (2 * HEALPIX_ORDER);
/// Square degrees of the sphere.
const SPHERE_SQ_DEG: f64 = 4.0 * 180.0 * 180.0 / std::f64::consts::PI;
/// No cell of order 0 reaches farther from its centre than so many radians (as in `coverage`).
const CELL_REACH: f64 = 1.10;

/// A part of the sky made of HEALPix cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moc {
    order: u8,
    ranges: Vec<Range<u64>>,
}

impl Moc {
    /// A MOC of ranges of order-29 cells, in any order, which may overlap. What lies beyond the
    /// last cell of the sphere is cut off, and ranges are widened to whole cells of `order`
    /// (at most 29).
    pub fn from_ranges(order: u8, ranges: impl IntoIterator<Item = Range<u64>>) -> Self {
        let order = order.min(HEALPIX_ORDER);
        let cell = 1_u64 << (2 * (HEALPIX_ORDER - order));
        let widened = ranges.into_iter().filter(|range| range.start < range.end).map(|range| {
            let end = range.end.min(ALL_CELLS);
            range.start / cell * cell..end.div_ceil(cell) * cell
        });
        let mut sorted: Vec<_> = widened.filter(|range| range.start < range.end).collect();
        sorted.sort_by_key(|range| range.start);
        let mut merged: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self { order, ranges: merged }
    }

    /// The finest order of its cells.
    pub fn order(&self) -> u8 {
        self.order
    }

    /// Its ranges of order-29 cells: sorted, disjoint, not adjacent.
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// Has it no cell?
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Is the order-29 cell part of it?
    pub fn contains_cell(&self, cell: u64) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= cell);
        self.ranges.get(after).is_some_and(|range| range.start <= cell)
    }

    /// Does the direction lie in one of its cells?
    pub fn contains(&self, v: &UnitVector) -> bool {
        let (lon, lat) = v.to_lonlat_deg();
        self.contains_lonlat_deg(lon, lat)
    }

    /// Does the position, in degrees, lie in one of its cells? False if it is no position.
    pub fn contains_lonlat_deg(&self, lon_deg: f64, lat_deg: f64) -> bool {
        healpix29(lon_deg, lat_deg)
            .ok()
            .and_then(|cell| u64::try_from(cell).ok())
            .is_some_and(|cell| self.contains_cell(cell))
    }

    /// Have the two a cell in common?
    pub fn intersects(&self, other: &Self) -> bool {
        self.ranges.iter().any(|range| !other.is_disjoint_from(range))
    }

    /// Does the other hold all cells of this one?
    pub fn is_within(&self, other: &Self) -> bool {
        self.ranges.iter().all(|range| other.covers(range))
    }

    /// Are all these order-29 cells part of it?
    pub fn covers(&self, cells: &Range<u64>) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= cells.start);
        let found = self.ranges.get(after);
        cells.is_empty() || found.is_some_and(|r| r.start <= cells.start && cells.end <= r.end)
    }

    /// Is none of these order-29 cells part of it?
    pub fn is_disjoint_from(&self, cells: &Range<u64>) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= cells.start);
        self.ranges.get(after).is_none_or(|range| range.start >= cells.end)
    }

    /// The cells of either.
    pub fn union(&self, other: &Self) -> Self {
        let both = self.ranges.iter().chain(&other.ranges).cloned();
        Self::from_ranges(self.order.max(other.order), both)
    }

    /// The cells that it has not.
    pub fn complement(&self) -> Self {
        let starts = std::iter::once(0).chain(self.ranges.iter().map(|range| range.end));
        let ends = self.ranges.iter().map(|range| range.start).chain([ALL_CELLS]);
        Self::from_ranges(self.order, starts.zip(ends).map(|(start, end)| start..end))
    }

    /// The cells of both.
    pub fn intersection(&self, other: &Self) -> Self {
        self.complement().union(&other.complement()).complement()
    }

    /// Area, square degrees: all cells of one order are equal.
    pub fn area_sq_deg(&self) -> f64 {
        let cells: u64 = self.ranges.iter().map(|range| range.end - range.start).sum();
        cells as f64 * (SPHERE_SQ_DEG / ALL_CELLS as f64)
    }

    /// The cells as (order, index): the fewest possible, in the order of the sky.
    pub fn cells(&self) -> impl Iterator<Item = (u8, u64)> {
        self.ranges.iter().flat_map(|range| cells_of(range.clone()))
    }

    /// Mean direction, weighted by area; `None` for one that is balanced about the centre of the
    /// sphere. Cells coarser than order 6 are divided for it, which is good to 1 minute of arc.
    pub fn centroid(&self) -> Option<UnitVector> {
        let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
        for (order, cell) in self.cells() {
            let finer = 6_u8.saturating_sub(order);
            let weight = 0.25_f64.powi(i32::from(order + finer));
            for part in (cell << (2 * finer))..((cell + 1) << (2 * finer)) {
                let center = cell_center(order + finer, part);
                x += weight * center.x;
                y += weight * center.y;
                z += weight * center.z;
            }
        }
        UnitVector::normalize(x, y, z).filter(|_| x * x + y * y + z * z > 1e-18)
    }

    /// A cap that holds it; one of radius 0° for an empty one.
    pub fn bounding_cap(&self) -> Cap {
        let caps = || self.cells().map(|(order, cell)| cell_cap(order, cell));
        let centers: Vec<_> = caps().map(|cap| cap.center).collect();
        let Some(around) = Cap::around(&centers) else {
            return Cap { center: Cap::FULL.center, radius: Angle::ZERO };
        };
        let reach = caps().map(|cap| around.center.angle_to(&cap.center) + cap.radius);
        Cap { center: around.center, radius: Angle::ZERO }
            .widened(reach.fold(Angle::ZERO, Angle::max))
    }

    /// A number of radians that the distance from the edge exceeds: positive outside, negative
    /// inside, 0 where it is too close to tell. For pruning.
    pub(super) fn depth_bound(&self, v: &UnitVector) -> f64 {
        if self.contains(v) { -self.complement().distance_bound(v) } else { self.distance_bound(v) }
    }

    /// A lower bound of the angle to the nearest cell, radians.
    fn distance_bound(&self, v: &UnitVector) -> f64 {
        let mut best = f64::INFINITY;
        let mut stack: Vec<(u8, u64)> = (0..12).map(|cell| (0, cell)).collect();
        while let Some((order, cell)) = stack.pop() {
            let span = cell_range(order, cell);
            if self.is_disjoint_from(&span) {
                continue;
            }
            let cap = cell_cap(order, cell);
            let to_center = cap.center.angle_to(v).radians();
            let nearest = (to_center - cap.radius.radians()).max(0.0);
            if nearest >= best {
                continue;
            }
            // A covered cell that is small for its distance bounds well enough.
            let fine = cap.radius.radians() < 0.1 * to_center || order >= self.order;
            if fine && self.covers(&span) {
                best = nearest;
            } else if order < HEALPIX_ORDER {
                stack.extend((cell * 4..cell * 4 + 4).map(|child| (order + 1, child)));
            }
        }
        best.min(std::f64::consts::PI)
    }
}

/// The order-29 cells of a cell.
pub(super) fn cell_range(order: u8, cell: u64) -> Range<u64> {
    let shift = 2 * (HEALPIX_ORDER - order);
    cell << shift..(cell + 1) << shift
}

/// A cap that holds the cell.
pub(super) fn cell_cap(order: u8, cell: u64) -> Cap {
    let radius = Angle::from_radians(CELL_REACH / f64::from(1_u32 << order));
    Cap { center: cell_center(order, cell), radius }
}

pub(super) fn cell_center(order: u8, cell: u64) -> UnitVector {
    let (lon, lat) = cdshealpix::nested::center(order, cell);
    UnitVector::from_lonlat_radians(lon, lat)
}

/// Divide a range into the largest cells.
fn cells_of(mut range: Range<u64>) -> impl Iterator<Item = (u8, u64)> {
    std::iter::from_fn(move || {
        let length = range.end.checked_sub(range.start).filter(|length| *length > 0)?;
        let by_place = range.start.trailing_zeros() / 2;
        let by_length = length.ilog2() / 2;
        let steps = by_place.min(by_length).min(u32::from(HEALPIX_ORDER)) as u8;
        let cell = (HEALPIX_ORDER - steps, range.start >> (2 * steps));
        range.start += 1 << (2 * steps);
        Some(cell)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn algebra_of_ranges() {
        let moc = |text: &str| Moc::parse(text).unwrap();
        assert_eq!(moc("1/0-3"), Moc { order: 1, ..moc("0/0") });
        let (a, b) = (moc("3/10-20 4/400"), moc("3/15-30"));
        assert_eq!(a.union(&b), moc("3/10-30 4/400"));
        assert_eq!(a.intersection(&b), Moc { order: 4, ..moc("3/15-20") });
        assert_eq!(a.complement().complement(), a);
        assert!(moc("3/15-20").is_within(&a) && !b.is_within(&a) && a.intersects(&b));
        assert!(!moc("3/10").intersects(&moc("3/11")));
        assert!(moc("29/5-7").contains_cell(5) && moc("29/5-7").contains_cell(7));
        assert!(!moc("29/5-7").contains_cell(4) && !moc("29/5-7").contains_cell(8));
        assert_eq!(moc("0/0-11").complement().ranges(), []);
        assert!((moc("0/0-11").area_sq_deg() - 41_252.961_249_419_27).abs() < 1e-9);
    }

    #[test]
    fn centroids_are_good_to_a_minute_of_arc() {
        for (text, order, first, last) in [("0/0", 0, 0, 0), ("3/5 6", 3, 5, 6), ("6/7", 6, 7, 7)] {
            let steps = 9 - order;
            let (mut x, mut y, mut z) = (0.0, 0.0, 0.0);
            for cell in (first << (2 * steps))..((last + 1) << (2 * steps)) {
                let v = cell_center(9, cell);
                (x, y, z) = (x + v.x, y + v.y, z + v.z);
            }
            let finer = UnitVector::normalize(x, y, z).unwrap();
            let off = Moc::parse(text).unwrap().centroid().unwrap().angle_to(&finer);
            assert!(off.arcmin() < 1.0, "{text}: {off}");
        }
    }

    #[test]
    fn distances_are_lower_bounds() {
        let moc = Moc::parse("3/10-20 5/4000-4100 7/0 100").unwrap();
        for i in 0..400_u32 {
            let t = f64::from(i);
            let v = UnitVector::from_lonlat_deg(t * 77.7 % 360.0, t * 13.3 % 180.0 - 90.0);
            let bound = moc.depth_bound(&v);
            assert_eq!(bound <= 0.0 && moc.contains(&v), moc.contains(&v));
            for (order, cell) in moc.cells() {
                let distance = v.angle_to(&cell_center(order, cell)).radians();
                assert!(bound <= distance + 1e-12);
            }
        }
        let far = Moc::parse("9/0").unwrap();
        let pole = UnitVector::from_lonlat_deg(0.0, -90.0);
        let exact = pole.angle_to(&cell_center(9, 0)).radians();
        assert!(far.depth_bound(&pole) > exact - 0.01);
        assert!(far.bounding_cap().radius.degrees() < 0.2);
    }
}
