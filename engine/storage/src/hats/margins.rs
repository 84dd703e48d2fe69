//! Which tiles a row is near without being in them.
//!
//! ```text
//!   cell of the row, a small part of a tile ─▶ tiles that the cell may be near   (once a cell)
//!                                                    └─▶ those that the row is near   (once a row)
//! ```

use std::collections::HashMap;

use super::tiles::Tile;
use crate::chunking::{HEALPIX_ORDER, healpix29_center};
use crate::coverage::{cell_cap, cell_of, healpix_ranges};
use crate::sphgeom::{Angle, Boundary, Cone, Region, UnitVector};

/// Ranges of keys that stand for the surroundings of a cell.
const MAX_RANGES: usize = 32;
/// A margin may be wider than asked by this share.
const EXCESS: f64 = 0.01;
/// Orders from the smallest tile to the cells: by far most of the tile's cells are not at its edge.
const ORDERS_BELOW_TILE: u8 = 5;
/// Cells whose surroundings are kept in memory.
const MOST_CELLS: usize = 1 << 20;

/// The surroundings of tiles.
pub(super) struct Margins<'a> {
    tiles: &'a [Tile],
    width: Angle,
    /// Order of the cells.
    order: u8,
    /// Places of the tiles that rows of a cell may be near.
    near: HashMap<u64, Vec<usize>>,
}

impl<'a> Margins<'a> {
    /// Look at tiles, which are ascending and disjoint.
    pub fn new(tiles: &'a [Tile], width: Angle) -> Self {
        let is_wide = |order: &u8| cell_cap(*order, 0).radius > width;
        let as_wide = (0..HEALPIX_ORDER).find(|order| !is_wide(order)).unwrap_or(HEALPIX_ORDER);
        let finest = tiles.iter().map(|tile| tile.order).max().unwrap_or(0);
        let order = as_wide.min(finest + ORDERS_BELOW_TILE);
        Self { tiles, width, order, near: HashMap::new() }
    }

    /// Return the places of the tiles that the row of a key is near, and not in.
    pub fn around(&mut self, key: i64) -> Vec<usize> {
        let (tiles, width, order) = (self.tiles, self.width, self.order);
        if self.near.len() > MOST_CELLS {
            self.near.clear();
        }
        let cell = cell_of(key, order);
        let near = self.near.entry(cell).or_insert_with(|| near(tiles, order, cell, width));
        let Some(position) = healpix29_center(key).filter(|_| !near.is_empty()) else {
            return vec![];
        };
        let own = Tile::find(tiles, key);
        let is_near = |place: &&usize| {
            let Tile { order, pixel } = tiles[**place];
            Some(**place) != own && is_within(&position, order, pixel, width)
        };
        near.iter().filter(is_near).copied().collect()
    }
}

/// The tiles that points of a cell may be near, unless all of them are in the only one.
fn near(tiles: &[Tile], order: u8, cell: u64, width: Angle) -> Vec<usize> {
    let cap = cell_cap(order, cell);
    let around = Cone::new(cap.center, cap.radius + width, Boundary::Closed);
    let mut places = vec![];
    for range in healpix_ranges(&Region::Cone(around), Angle::ZERO, MAX_RANGES) {
        let (first, last) = (range.start().cast_unsigned(), range.end().cast_unsigned());
        let from = tiles.partition_point(|tile| tile.end() <= first);
        let met = tiles[from..].iter().take_while(|tile| tile.start() <= last);
        places.extend((from..).zip(met).map(|(place, _)| place));
    }
    places.sort_unstable();
    places.dedup();
    match places.as_slice() {
        [only] if tiles[*only].order <= order => vec![],
        _ => places,
    }
}

/// Is a point of a cell within `width`, or a little more, of a position?
fn is_within(position: &UnitVector, order: u8, cell: u64, width: Angle) -> bool {
    let cap = cell_cap(order, cell);
    let distance = cap.center.angle_to(position);
    if distance <= width {
        return true;
    }
    if distance > cap.radius + width {
        return false;
    }
    let is_fine = cap.radius.radians() <= EXCESS * width.radians() || order == HEALPIX_ORDER;
    is_fine || (4 * cell..4 * cell + 4).any(|child| is_within(position, order + 1, child, width))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::chunking::healpix29;

    /// Against points that are thrown about each row: those within the width that lie in another tile
    /// show that the row is near that tile.
    #[test]
    fn every_tile_within_the_width_is_found_and_none_far_beyond() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let tiles: Vec<Tile> = (0..12_u64)
            .flat_map(|base| match base % 3 {
                0 => vec![Tile { order: 0, pixel: base }],
                1 => (base * 4..base * 4 + 4).map(|pixel| Tile { order: 1, pixel }).collect(),
                _ => (base * 64..base * 64 + 64).map(|pixel| Tile { order: 3, pixel }).collect(),
            })
            .collect();
        for width_deg in [0.002, 0.1, 3.0] {
            let width = Angle::from_degrees(width_deg);
            let mut margins = Margins::new(&tiles, width);
            let (mut n_near, mut n_rows) = (0, 0);
            while n_near < 50 {
                n_rows += 1;
                let tile = tiles[rng.random_range(0..tiles.len())];
                // Along an edge of the tile, near it.
                let (lon, lat) = cell_cap(tile.order, tile.pixel).center.to_lonlat_deg();
                let lat =
                    lat + rng.random_range(-1.0..1.0) * if n_rows % 2 == 0 { 30.0 } else { 5.0 };
                let lon = lon + rng.random_range(-45.0..45.0);
                if lat.abs() > 89.0 {
                    continue;
                }
                let key = healpix29(lon, lat).unwrap();
                let found = margins.around(key);
                let own = Tile::find(&tiles, key).unwrap();
                assert!(!found.contains(&own));
                let row = healpix29_center(key).unwrap();
                let mut proven = vec![];
                for _ in 0..40 {
                    let reach = width_deg * 0.999;
                    let dec = (lat + rng.random_range(-reach..reach)).clamp(-90.0, 90.0);
                    let ra =
                        lon + rng.random_range(-reach..reach) / dec.to_radians().cos().max(0.01);
                    let point = UnitVector::from_lonlat_deg(ra, dec);
                    let place = Tile::find(&tiles, healpix29(ra, dec).unwrap()).unwrap();
                    if row.angle_to(&point) <= width && place != own {
                        proven.push(place);
                    }
                }
                assert!(
                    proven.iter().all(|place| found.contains(place)),
                    "{lon} {lat} {width_deg}"
                );
                n_near += usize::from(!proven.is_empty());
                for place in found {
                    let Tile { order, pixel } = tiles[place];
                    let wider = Angle::from_degrees(width_deg * (1.0 + 2.0 * EXCESS));
                    assert!(is_within(&row, order, pixel, wider));
                }
                assert!(n_rows < 400_000);
            }
        }
    }
}
