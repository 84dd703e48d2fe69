//! The order of rows in a file: by chunk, key, then the columns that order rows of one key.
//!
//! Sorting by place alone compares plain numbers; columns are compared only among rows of one
//! place, such as the points of one light curve. Columns of integers and of short texts are compared
//! as plain numbers too. Rows that come in order are not moved at all.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{LexicographicalComparator, SortColumn, cast};
use arrow::datatypes::{DataType, Int64Type};
use arrow::error::ArrowError;
use rayon::slice::ParallelSliceMut;

use crate::chunking::ChunkId;
use crate::place::Place;

/// Most columns that are compared as numbers.
const MOST_COLUMNS: usize = 3;

/// Return the numbers of the rows in the order of the file (`None`: they are in order), and their places
/// in that order.
///
/// # Arguments
/// * `columns` - order rows of one place, the first one first; NULL comes before values
pub(super) fn order(
    places: Vec<Place>,
    columns: Vec<ArrayRef>,
) -> Result<(Option<UInt32Array>, Vec<Place>), ArrowError> {
    let by_place = |place: &Place| (place.chunk.to_i64(), place.key);
    let mut is_moved = !places.is_sorted_by_key(by_place);
    let (mut rows, places): (Vec<u32>, Vec<Place>) = match is_moved {
        false => ((0..places.len() as u32).collect(), places),
        true => {
            let numbered = (0_u32..).zip(places);
            let mut keyed: Vec<((i64, i64), u32)> =
                numbered.map(|(row, place)| (by_place(&place), row)).collect();
            keyed.par_sort_unstable();
            let place = |(chunk, key)| Place { key, chunk: ChunkId::from_i64(chunk) };
            keyed.into_iter().map(|(of_place, row)| (row, place(of_place))).unzip()
        }
    };
    if !columns.is_empty() {
        is_moved |= sort_within_places(&places, &mut rows, columns)?;
    }
    Ok((is_moved.then(|| rows.into()), places))
}

/// Sort the rows of each place by columns; were any moved?
///
/// # Arguments
/// * `places` - the place of each row, in the order of `rows`
fn sort_within_places(
    places: &[Place],
    rows: &mut [u32],
    columns: Vec<ArrayRef>,
) -> Result<bool, ArrowError> {
    let mut is_moved = false;
    let mut rest = rows;
    let spans = places.chunk_by(|a, b| a == b).map(|places| {
        let (rows, others) = std::mem::take(&mut rest).split_at_mut(places.len());
        rest = others;
        rows
    });
    let spans = spans.filter(|rows| rows.len() > 1);
    if let Some(ranks) = ranks(&columns) {
        let mut of_place: Vec<([u64; MOST_COLUMNS], u32)> = vec![];
        for rows in spans {
            of_place.clear();
            of_place.extend(rows.iter().map(|&row| (ranks[row as usize], row)));
            if !of_place.is_sorted() {
                of_place.sort_unstable();
                rows.iter_mut().zip(&of_place).for_each(|(row, (_, sorted))| *row = *sorted);
                is_moved = true;
            }
        }
        return Ok(is_moved);
    }
    let column = |values| SortColumn { values, options: None };
    let columns: Vec<SortColumn> = columns.into_iter().map(column).collect();
    let comparator = LexicographicalComparator::try_new(&columns)?;
    let compare = |a: &u32, b: &u32| comparator.compare(*a as usize, *b as usize);
    for rows in spans {
        if !rows.is_sorted_by(|a, b| compare(a, b) != Ordering::Greater) {
            rows.sort_by(compare);
            is_moved = true;
        }
    }
    Ok(is_moved)
}

/// Return numbers for each row that compare as its values do; `None` where a column has others than
/// integers and short texts, or there are too many columns.
fn ranks(columns: &[ArrayRef]) -> Option<Vec<[u64; MOST_COLUMNS]>> {
    let n_rows = columns.first().filter(|_| columns.len() <= MOST_COLUMNS)?.len();
    let mut ranks = vec![[0; MOST_COLUMNS]; n_rows];
    for (index, column) in columns.iter().enumerate() {
        for (ranks, rank) in ranks.iter_mut().zip(ranks_of(column)?) {
            ranks[index] = rank;
        }
    }
    Some(ranks)
}

/// Most bytes of a short text: the eighth is its length, by which a text comes before those that it
/// begins, and before which comes NULL.
const SHORT_BYTES: usize = 7;

fn ranks_of(column: &ArrayRef) -> Option<Vec<u64>> {
    match column.data_type() {
        kind if kind.is_signed_integer() => {
            let integers = cast(column, &DataType::Int64).ok()?;
            // The least number has the place of NULL: it has to be absent.
            let rank = |value: Option<i64>| match value {
                Some(i64::MIN) => None,
                Some(value) => Some(value.cast_unsigned() ^ (1 << 63)),
                None => Some(0),
            };
            integers.as_primitive::<Int64Type>().iter().map(rank).collect()
        }
        DataType::Utf8 => {
            let rank = |text: Option<&str>| {
                let Some(text) = text else { return Some(0) };
                let mut bytes = [0; SHORT_BYTES + 1];
                if text.len() > SHORT_BYTES {
                    return None;
                }
                bytes[..text.len()].copy_from_slice(text.as_bytes());
                bytes[SHORT_BYTES] = text.len() as u8 + 1;
                Some(u64::from_be_bytes(bytes))
            };
            column.as_string::<i32>().iter().map(rank).collect()
        }
        _ => None,
    }
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
        let (rows, sorted) = order(places.to_vec(), columns).unwrap();
        let in_order = UInt32Array::from_iter_values(0..places.len() as u32);
        assert_eq!(rows.as_ref().unwrap_or(&in_order), &expected);
        let places_of = |rows: &UInt32Array| -> Vec<Place> {
            rows.values().iter().map(|&row| places[row as usize]).collect()
        };
        assert_eq!(sorted, places_of(&expected));
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
            check(&places, vec![Arc::clone(&bands), Arc::clone(&ids)]);
            let long = bands.as_string::<i32>().iter().map(|band| band.map(|band| band.repeat(9)));
            let long: ArrayRef = Arc::new(long.collect::<StringArray>());
            check(&places, vec![long, ids]);
        }
    }

    #[test]
    fn ranks_compare_as_values_do() {
        let texts = [None, Some(""), Some("\0"), Some("a"), Some("a\0"), Some("ab"), Some("b")];
        let integers = [None, Some(i64::MIN + 1), Some(-1), Some(0), Some(1), Some(i64::MAX)];
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        let integers: ArrayRef = Arc::new(Int64Array::from(integers.to_vec()));
        for column in [texts, integers] {
            assert!(ranks_of(&column).unwrap().is_sorted_by(|a, b| a < b), "{column:?}");
        }
        let others: [ArrayRef; 3] = [
            Arc::new(Int64Array::from(vec![i64::MIN])),
            Arc::new(StringArray::from(vec!["of eight"])),
            Arc::new(arrow::array::Float64Array::from(vec![1.0])),
        ];
        assert!(others.iter().all(|column| ranks_of(column).is_none()));
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
