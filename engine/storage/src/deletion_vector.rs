//! Which rows of a data file are deleted.
//!
//! A data file is never modified; a deletion is a set of row numbers beside it, a compressed bitmap
//! (Chambi et al. 2016, "Better bitmap performance with Roaring bitmaps"). A vector never changes
//! either: a commit that deletes more rows of a file puts a greater vector in the place of the
//! former, and each version sees the vector that it had. Compaction folds vectors in.
//!
//! ```text
//!   file       row  0 1 2 3 4 5 6 7          a reader skips 2, 5 and 6 (a Parquet row selection),
//!   vector          . . × . . × × .          and counts 5 rows
//! ```

use std::ops::Range;

use parquet::arrow::arrow_reader::{RowSelection, RowSelector};
use roaring::RoaringBitmap;

/// A set of rows of one data file: their numbers in the order of the file, from 0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeletionVector {
    rows: RoaringBitmap,
}

impl DeletionVector {
    /// Number of rows in the set.
    pub fn n_rows(&self) -> u64 {
        self.rows.len()
    }

    /// Is the set empty?
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Is a row in the set?
    pub fn contains(&self, row: u32) -> bool {
        self.rows.contains(row)
    }

    /// Add a row.
    pub fn insert(&mut self, row: u32) {
        self.rows.insert(row);
    }

    /// The rows, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.rows.iter()
    }

    /// The greatest row.
    pub fn last(&self) -> Option<u32> {
        self.rows.max()
    }

    /// Return the rows of both sets together.
    pub fn union(&self, other: &Self) -> Self {
        Self { rows: &self.rows | &other.rows }
    }

    /// Return the rows of this set that `other` lacks.
    pub fn difference(&self, other: &Self) -> Self {
        Self { rows: &self.rows - &other.rows }
    }

    /// Have the sets no row in common?
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.rows.is_disjoint(&other.rows)
    }

    /// Count the rows of a range that are in the set.
    pub fn n_rows_in(&self, rows: Range<u64>) -> u64 {
        let bound = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
        self.rows.range_cardinality(bound(rows.start)..bound(rows.end))
    }

    /// Return what a reader of some ranges of the file's rows, one after the other, selects and
    /// skips; it covers the ranges exactly.
    pub fn selection(&self, ranges: impl IntoIterator<Item = Range<u64>>) -> RowSelection {
        let mut selectors: Vec<RowSelector> = vec![];
        for range in ranges {
            let mut next = range.start;
            let bound = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
            for row in self.rows.range(bound(range.start)..bound(range.end)).map(u64::from) {
                selectors.push(RowSelector::select((row - next) as usize));
                selectors.push(RowSelector::skip(1));
                next = row + 1;
            }
            selectors.push(RowSelector::select((range.end - next) as usize));
        }
        // Joins neighbours of one kind, and leaves out what is empty.
        RowSelection::from(selectors)
    }

    /// Write the set in the portable format of Roaring bitmaps.
    pub(crate) fn to_bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.rows.serialized_size());
        self.rows.serialize_into(&mut bytes)?;
        Ok(bytes)
    }

    /// The inverse of [`Self::to_bytes`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> std::io::Result<Self> {
        RoaringBitmap::deserialize_from(bytes).map(|rows| Self { rows })
    }
}

impl FromIterator<u32> for DeletionVector {
    fn from_iter<I: IntoIterator<Item = u32>>(rows: I) -> Self {
        Self { rows: rows.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_selection_covers_the_ranges_and_skips_the_set() {
        let vector: DeletionVector = [2, 5, 6, 9, 10, 19].into_iter().collect();
        let check = |ranges: &[(u64, u64)], expected: &[(bool, usize)]| {
            let selectors: Vec<RowSelector> =
                vector.selection(ranges.iter().map(|(start, end)| *start..*end)).into();
            let found: Vec<_> = selectors.iter().map(|s| (!s.skip, s.row_count)).collect();
            assert_eq!(found, expected, "{ranges:?}");
            let n_rows: u64 = ranges.iter().map(|(start, end)| end - start).sum();
            assert_eq!(selectors.iter().map(|s| s.row_count as u64).sum::<u64>(), n_rows);
        };
        check(&[(0, 8)], &[(true, 2), (false, 1), (true, 2), (false, 2), (true, 1)]);
        check(&[(3, 6), (9, 12)], &[(true, 2), (false, 3), (true, 1)]);
        check(&[(11, 19)], &[(true, 8)]);
        check(&[(19, 20)], &[(false, 1)]);
    }

    #[test]
    fn sets_count_and_come_back_from_bytes() {
        let vector: DeletionVector = (0..100_000).filter(|row| row % 7 == 3).collect();
        assert_eq!(vector.n_rows_in(0..14), 2);
        assert_eq!(vector.n_rows_in(4..11), 1);
        let bytes = vector.to_bytes().unwrap();
        assert_eq!(DeletionVector::from_bytes(&bytes).unwrap(), vector);
        assert!(DeletionVector::from_bytes(&bytes[..10]).is_err());
        let more: DeletionVector = [0, 3].into_iter().collect();
        assert!(!vector.is_disjoint(&more));
        assert_eq!(more.difference(&vector).iter().collect::<Vec<_>>(), [0]);
        assert_eq!(vector.union(&more).n_rows(), vector.n_rows() + 1);
        assert_eq!(vector.last(), Some(99_998));
    }
}
