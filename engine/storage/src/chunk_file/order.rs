//! The order of rows in a file: by chunk, key, then the columns that order rows of one key.
//!
//! Sorting by place alone compares plain numbers; columns are compared only among rows of one
//! place, such as the points of one light curve. Rows that come in order are not moved at all.

use std::cmp::Ordering;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::{LexicographicalComparator, SortColumn};
use arrow::error::ArrowError;

use crate::place::Place;

/// Return the numbers of the rows in the order of the file; `None`: they are in order.
///
/// # Arguments
/// * `columns` - order rows of one place, the first one first; NULL comes before values
pub(super) fn order(
    places: &[Place],
    columns: Vec<ArrayRef>,
) -> Result<Option<UInt32Array>, ArrowError> {
    let by_place = |place: &Place| (place.chunk.to_i64(), place.key);
    let mut rows: Vec<u32> = (0..places.len() as u32).collect();
    let mut is_moved = !places.is_sorted_by_key(by_place);
    if is_moved {
        let keyed = rows.iter().map(|&row| (by_place(&places[row as usize]), row));
        let mut keyed: Vec<((i64, i64), u32)> = keyed.collect();
        keyed.sort_unstable();
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    if !columns.is_empty() {
        let column = |values| SortColumn { values, options: None };
        let columns: Vec<SortColumn> = columns.into_iter().map(column).collect();
        let comparator = LexicographicalComparator::try_new(&columns)?;
        let compare = |a: &u32, b: &u32| comparator.compare(*a as usize, *b as usize);
        let is_one_place = |a: &u32, b: &u32| places[*a as usize] == places[*b as usize];
        for of_place in rows.chunk_by_mut(is_one_place) {
            if !of_place.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
                of_place.sort_by(compare);
                is_moved = true;
            }
        }
    }
    Ok(is_moved.then(|| rows.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};
    use arrow::compute::lexsort_to_indices;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::chunking::ChunkId;

    fn check(places: &[Place], columns: Vec<ArrayRef>) -> bool {
        let of_places: [fn(&Place) -> i64; 2] = [|place| place.chunk.to_i64(), |place| place.key];
        let mut all: Vec<ArrayRef> = of_places
            .iter()
            .map(|of| Arc::new(places.iter().map(of).collect::<Int64Array>()) as ArrayRef)
            .collect();
        all.extend(columns.iter().cloned());
        // With the row's number last, only one order is right.
        all.push(Arc::new((0..places.len() as i64).collect::<Int64Array>()));
        let all: Vec<SortColumn> =
            all.into_iter().map(|values| SortColumn { values, options: None }).collect();
        let expected = lexsort_to_indices(&all, None).unwrap();
        let rows = order(places, columns).unwrap();
        let in_order = UInt32Array::from_iter_values(0..places.len() as u32);
        assert_eq!(rows.as_ref().unwrap_or(&in_order), &expected);
        rows.is_none()
    }

    #[test]
    fn order_is_that_of_a_sort_by_all_columns() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for n_rows in [0, 1, 2, 50, 1000] {
            let mut random =
                |n: i64| -> Vec<i64> { (0..n_rows).map(|_| rng.random_range(-n..n)).collect() };
            let (chunks, keys, ids) = (random(3), random(10), random(20));
            let places: Vec<Place> = chunks
                .iter()
                .zip(&keys)
                .map(|(chunk, key)| Place { key: *key, chunk: ChunkId::from_i64(*chunk) })
                .collect();
            let optional = ids.iter().map(|id| (id % 3 != 0).then_some(*id));
            let ids: ArrayRef = Arc::new(optional.clone().collect::<Int64Array>());
            let bands = optional.map(|id| id.map(|id| ["g", "r", "i"][id.rem_euclid(3) as usize]));
            let bands: ArrayRef = Arc::new(bands.collect::<StringArray>());
            check(&places, vec![]);
            check(&places, vec![Arc::clone(&ids)]);
            check(&places, vec![bands, ids]);
        }
    }

    #[test]
    fn rows_in_order_are_left_alone() {
        let place = |key| Place { key, chunk: ChunkId::from_i64(7) };
        let ids = |ids: [i64; 4]| vec![Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef];
        let places = [1, 1, 1, 4].map(place);
        assert!(check(&places, ids([5, 6, 6, 1])));
        assert!(!check(&places, ids([5, 7, 6, 1])));
        assert!(!check(&[1, 4, 1, 1].map(place), ids([1, 2, 3, 4])));
    }
}
