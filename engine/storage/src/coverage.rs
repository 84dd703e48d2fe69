//! Regions as ranges of the sort key `_healpix_29`.
//!
//! The cover descends from the twelve base cells. A cell is judged by a cap that bounds it: left
//! out when the region cannot reach the cap, kept whole when the region holds the cap, divided in
//! four otherwise, until the cover is as fine as its number of ranges allows.
//!
//! Nothing is ever missed: a key outside the ranges belongs to no point of the region. The reverse
//! is not promised, so rows found through the ranges are still tested one by one.

use std::ops::RangeInclusive;

use crate::chunking::HEALPIX_ORDER;
use crate::sphgeom::{Angle, Cap, Region, Relation};

mod cell;

use cell::cell_center;

/// The largest distance from the centre of a cell to its edge is below this many radians over
/// 2^order. (The supremum, 1.07, is reached where the polar caps begin, at |dec| = 41.8°.)
const CELL_REACH: f64 = 1.10;

/// Return the ranges of `_healpix_29` that hold all points of the region, its edge moved outwards
/// by `widen`: sorted, disjoint, at most `max_ranges` (0 counts as 1) of them.
pub fn healpix_ranges(
    region: &Region,
    widen: Angle,
    max_ranges: usize,
) -> Vec<RangeInclusive<i64>> {
    let max_ranges = max_ranges.max(1);
    let mut spans: Vec<Span> = Vec::new();
    let mut undecided: Vec<u64> = (0..12).collect();
    for order in 0..=HEALPIX_ORDER {
        let test =
            region.cap_test(widen, Angle::from_radians(CELL_REACH / f64::from(1_u32 << order)));
        undecided.retain(|&cell| match test.relation(&cell_center(order, cell)) {
            Relation::Disjoint => false,
            Relation::Overlaps => true,
            Relation::Inside => {
                spans.push(Span::of_cell(order, cell));
                false
            }
        });
        let fine_enough = undecided.len() > 2 * max_ranges || order == HEALPIX_ORDER;
        if fine_enough {
            spans.extend(undecided.iter().map(|&cell| Span::of_cell(order, cell)));
            break;
        }
        undecided = undecided.iter().flat_map(|cell| cell * 4..cell * 4 + 4).collect();
    }
    merge_to(spans, max_ranges)
}

/// The cell of an order that holds the point of a key.
pub(crate) fn cell_of(key: i64, order: u8) -> u64 {
    key.cast_unsigned() >> (2 * u32::from(HEALPIX_ORDER - order))
}

/// A cap that holds a cell of an order.
pub(crate) fn cell_cap(order: u8, cell: u64) -> Cap {
    let radius = Angle::from_radians(CELL_REACH / f64::from(1_u32 << order.min(HEALPIX_ORDER)));
    Cap { center: cell_center(order, cell), radius }
}

/// The keys of the points of a cell of an order.
pub(crate) fn cell_keys(order: u8, cell: u64) -> RangeInclusive<i64> {
    let Span { first, end } = Span::of_cell(order, cell);
    first as i64..=(end - 1) as i64
}

/// Keys from `first` up to, not including, `end`.
#[derive(Debug, Clone, Copy)]
struct Span {
    first: u64,
    end: u64,
}

impl Span {
    fn of_cell(order: u8, cell: u64) -> Self {
        let shift = 2 * u32::from(HEALPIX_ORDER - order);
        Self { first: cell << shift, end: (cell + 1) << shift }
    }
}

/// Join what touches, then close the smallest gaps until no more than `max_ranges` are left.
fn merge_to(mut spans: Vec<Span>, max_ranges: usize) -> Vec<RangeInclusive<i64>> {
    spans.sort_unstable_by_key(|span| span.first);
    spans.dedup_by(|next, last| {
        let touches = next.first <= last.end;
        if touches {
            last.end = last.end.max(next.end);
        }
        touches
    });
    if spans.len() > max_ranges {
        let mut gaps: Vec<(u64, usize)> = spans
            .windows(2)
            .enumerate()
            .map(|(i, pair)| (pair[1].first - pair[0].end, i))
            .collect();
        let closed = spans.len() - max_ranges;
        gaps.select_nth_unstable(closed - 1);
        let mut closes = vec![false; spans.len()];
        for &(_, i) in &gaps[..closed] {
            closes[i + 1] = true;
        }
        let mut joined: Vec<Span> = Vec::with_capacity(max_ranges);
        for (span, close) in spans.into_iter().zip(closes) {
            match joined.last_mut() {
                Some(last) if close => last.end = span.end,
                _ => joined.push(span),
            }
        }
        spans = joined;
    }
    spans.into_iter().map(|span| span.first as i64..=(span.end - 1) as i64).collect()
}

#[cfg(test)]
mod tests;
