//! HEALPix tiles of about the same number of rows, in the order of their keys.

use std::collections::BTreeMap;

/// A tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub order: u8,
    pub pixel: u64,
}

impl Tile {
    /// Where its file lies in the dataset's folder.
    pub fn path(self) -> String {
        let Self { order, pixel } = self;
        format!("Norder={order}/Dir={}/Npix={pixel}.parquet", pixel / 10_000 * 10_000)
    }

    /// Its first key of order 29.
    pub fn start(self) -> u64 {
        self.pixel << (2 * (29 - u32::from(self.order)))
    }

    /// First key of order 29 after it.
    pub fn end(self) -> u64 {
        (self.pixel + 1) << (2 * (29 - u32::from(self.order)))
    }

    /// Find the place of the tile that holds a key, among tiles that are ascending and disjoint.
    pub fn find(tiles: &[Self], key: i64) -> Option<usize> {
        let key = key.cast_unsigned();
        let place = tiles.partition_point(|tile| tile.end() <= key);
        let tile = tiles.get(place)?;
        (key >> (2 * (29 - u32::from(tile.order))) == tile.pixel).then_some(place)
    }
}

/// Split the sky into tiles of at most `max_rows`, by the number of rows in the cells of an order, which
/// is the greatest of a tile. Tiles without rows are left out.
pub(super) fn tiles(counts: &BTreeMap<u64, u64>, order: u8, max_rows: u64) -> Vec<Tile> {
    let mut tiles = vec![];
    // The last is taken first, so that they come out ascending.
    let mut left: Vec<Tile> = (0..12).rev().map(|pixel| Tile { order: 0, pixel }).collect();
    while let Some(tile) = left.pop() {
        let shift = 2 * u32::from(order - tile.order);
        let cells = tile.pixel << shift..(tile.pixel + 1) << shift;
        let n_rows: u64 = counts.range(cells).map(|(_, n_rows)| n_rows).sum();
        match n_rows {
            0 => {}
            n if n <= max_rows || tile.order == order => tiles.push(tile),
            _ => left.extend(
                (0..4)
                    .rev()
                    .map(|quarter| Tile { order: tile.order + 1, pixel: tile.pixel * 4 + quarter }),
            ),
        }
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_cell_is_split_and_an_empty_one_left_out() {
        let counts = BTreeMap::from([(0, 5), (1, 5), (5, 3), (16 * 7, 1)]);
        let found = tiles(&counts, 2, 10);
        let tile = |order, pixel| Tile { order, pixel };
        assert_eq!(found, [tile(1, 0), tile(1, 1), tile(0, 7)]);
        assert_eq!(tiles(&counts, 2, 4)[..2], [tile(2, 0), tile(2, 1)]);
        assert_eq!(found[2].path(), "Norder=0/Dir=0/Npix=7.parquet");
        for (cell, place) in [(0_i64, Some(0)), (3, Some(0)), (5, Some(1)), (112, Some(2))] {
            assert_eq!(Tile::find(&found, cell << 54), place);
        }
        assert_eq!(Tile::find(&found, 20 << 54), None);
    }
}
