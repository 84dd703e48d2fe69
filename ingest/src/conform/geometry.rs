//! Columns of points, circles and polygons: arrays of numbers, or DALI's strings of them.
//!
//! ```text
//!   List<Float32> [10.5, -20]   ┐
//!   FixedSizeList<Float64, 2>   ├─▶ FixedSizeList<Float64, 2> named point
//!   Utf8 "10.5 -20"             ┘
//! ```
//!
//! What lacks a number is NULL; what has too few or too many, or lies beyond a pole, is a fault.

use std::sync::Arc;

use almagest_storage::schema::GeometryType;
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Float64Array, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type};

use super::fault::{Faults, shown};
use crate::error::ValueProblem;

/// Say whether values of an Arrow type can become geometries.
pub(super) fn is_convertible(from: &DataType) -> bool {
    match from {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            item.data_type().is_numeric()
        }
        DataType::Dictionary(_, values) => is_convertible(values),
        from => from.is_string() || from.is_null(),
    }
}

/// Convert a column of a convertible type.
pub(super) fn convert(source: &ArrayRef, to: GeometryType) -> (ArrayRef, Faults) {
    let mut faults = Faults::default();
    let rows: Vec<Option<Vec<f64>>> = read(source, to, &mut faults)
        .into_iter()
        .enumerate()
        .map(|(row, numbers)| {
            // −0.0 becomes 0.0.
            let numbers = numbers?.iter().map(|x| x + 0.0).collect::<Vec<f64>>();
            if numbers.iter().any(|x| !x.is_finite()) {
                return None;
            }
            if let Some(problem) = problem(to, &numbers) {
                faults.add(row, problem, || format!("{numbers:?}"));
                return None;
            }
            Some(numbers)
        })
        .collect();
    (build(rows, to), faults)
}

/// The numbers of each row.
fn read(source: &ArrayRef, to: GeometryType, faults: &mut Faults) -> Vec<Option<Vec<f64>>> {
    let n_rows = source.len();
    let list = DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)));
    let plain = match source.data_type() {
        DataType::Null => return vec![None; n_rows],
        from if is_text(from) => cast(source, &DataType::Utf8),
        _ => cast(source, &list),
    };
    let Ok(plain) = plain else {
        // Unreachable for types that are convertible; every value is refused, none lost.
        for row in 0..n_rows {
            faults.add(row, ValueProblem::NotGeometry(to), || shown(source, row));
        }
        return vec![None; n_rows];
    };
    if let Some(texts) = plain.as_string_opt::<i32>() {
        let read = texts.iter().enumerate().map(|(row, text)| {
            let text = text.filter(|text| !text.trim().is_empty())?;
            let numbers: Option<Vec<f64>> =
                text.split_ascii_whitespace().map(|word| word.parse().ok()).collect();
            if numbers.is_none() {
                faults.add(row, ValueProblem::NotGeometry(to), || format!("{text:?}"));
            }
            numbers
        });
        return read.collect();
    }
    let lists = plain.as_list::<i32>();
    lists
        .iter()
        .map(|list| {
            let list = list?;
            let numbers = list.as_primitive::<Float64Type>();
            (numbers.null_count() == 0).then(|| numbers.values().to_vec())
        })
        .collect()
}

fn is_text(from: &DataType) -> bool {
    match from {
        DataType::Dictionary(_, values) => is_text(values),
        from => from.is_string(),
    }
}

fn problem(to: GeometryType, numbers: &[f64]) -> Option<ValueProblem> {
    let fits = match to {
        GeometryType::Point => numbers.len() == 2,
        GeometryType::Circle => numbers.len() == 3 && numbers[2] >= 0.0,
        _ => numbers.len() >= 6 && numbers.len().is_multiple_of(2),
    };
    if !fits {
        return Some(ValueProblem::NotGeometry(to));
    }
    let n_latitudes = if to == GeometryType::Polygon { numbers.len() / 2 } else { 1 };
    let mut latitudes = numbers.iter().skip(1).step_by(2).take(n_latitudes);
    latitudes.any(|lat| lat.abs() > 90.0).then_some(ValueProblem::BeyondPole)
}

fn build(rows: Vec<Option<Vec<f64>>>, to: GeometryType) -> ArrayRef {
    let valid: Vec<bool> = rows.iter().map(Option::is_some).collect();
    let nulls = Some(NullBuffer::from(valid)).filter(|nulls| nulls.null_count() > 0);
    let size = match to {
        GeometryType::Point => 2,
        GeometryType::Circle => 3,
        _ => 0,
    };
    let filled = rows.into_iter().map(|row| row.unwrap_or_else(|| vec![0.0; size]));
    let filled: Vec<Vec<f64>> = filled.collect();
    let lengths: Vec<usize> = filled.iter().map(Vec::len).collect();
    let numbers = Arc::new(Float64Array::from(filled.concat()));
    match size {
        0 => {
            let offsets = OffsetBuffer::from_lengths(lengths);
            Arc::new(ListArray::new(to.element(), offsets, numbers, nulls))
        }
        size => Arc::new(FixedSizeListArray::new(to.element(), size as i32, numbers, nulls)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::StringArray;

    fn check(source: ArrayRef, to: GeometryType, n_nulls: usize, n_faults: usize) -> ArrayRef {
        assert!(is_convertible(source.data_type()));
        let (values, faults) = convert(&source, to);
        assert_eq!(values.data_type(), &to.data_type());
        assert_eq!((values.null_count(), faults.count()), (n_nulls, n_faults));
        values
    }

    #[test]
    fn text_and_lists_become_the_same_geometries() {
        let texts = StringArray::from(vec![Some("10.5 -20"), None, Some(""), Some("1 -0.0")]);
        let lists = ListArray::from_iter_primitive::<Float64Type, _, _>(vec![
            Some(vec![Some(10.5), Some(-20.0)]),
            None,
            Some(vec![Some(1.0), None]),
            Some(vec![Some(1.0), Some(0.0)]),
        ]);
        let of_texts = check(Arc::new(texts), GeometryType::Point, 2, 0);
        let of_lists = check(Arc::new(lists), GeometryType::Point, 2, 0);
        assert_eq!(&of_texts, &of_lists);
    }

    #[test]
    fn what_is_no_geometry_is_a_fault() {
        let faulty = |texts: Vec<&str>, to, n_faults| {
            check(Arc::new(StringArray::from(texts)), to, n_faults, n_faults);
        };
        faulty(vec!["1", "1 2 3", "1 x", "1 91"], GeometryType::Point, 4);
        faulty(vec!["1 2", "1 2 -3", "1 -91 3"], GeometryType::Circle, 3);
        faulty(vec!["1 2 3 4", "1 2 3 4 5 6 7", "1 2 3 4 5 96"], GeometryType::Polygon, 3);
    }

    #[test]
    fn other_types_are_not_convertible() {
        assert!(!is_convertible(&DataType::Float64));
        assert!(!is_convertible(&DataType::Boolean));
    }
}
