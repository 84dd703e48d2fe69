//! What must be known of a column before its first row is written, and the form that follows.

use std::sync::Arc;

use almagest_engine::arrow::array::{Array, ArrowPrimitiveType, PrimitiveArray};
use almagest_engine::arrow::compute::cast;
use almagest_engine::arrow::datatypes::{DataType, Field, Schema};
use almagest_engine::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use almagest_engine::tap_schema::{ArraySize, VotableType};

use super::super::cell::Column;
use super::super::row_bytes::{Slot, element_count, element_width};
use crate::Result;

/// Text up to this many bytes is in the row itself, however much of that is filling.
const MAX_TEXT: u64 = 256;
/// Bytes of filling that longer text may bring, beside as many as the text has.
const MAX_FILLING: u64 = 1 << 20;
/// Integers at the end of the range of a type that may stand for an absent value.
const N_CANDIDATES: u32 = 64;

/// What is known of the values of a column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnFacts {
    /// Is a value absent in some row?
    pub has_nulls: bool,
    /// Rows so far.
    pub n_rows: u64,
    /// Elements of the longest value.
    pub most_elements: u64,
    /// Bytes of the elements of all values of varying length.
    pub n_bytes: u64,
    /// Which of the integers that could stand for an absent value are values: a bit each, from the
    /// end of the range inwards.
    taken: u64,
}

impl ColumnFacts {
    /// Take the rows of a batch into account.
    pub fn add(&mut self, column: &Column<'_>, n_rows: usize) {
        self.has_nulls |= column.null_count() > 0;
        self.n_rows += n_rows as u64;
        match column {
            Column::Byte(a) => self.take(a, |value| u64::from(u8::MAX - value)),
            Column::Short(a) => self.take(a, |value| value.abs_diff(i16::MIN).into()),
            Column::Int(a) => self.take(a, |value| value.abs_diff(i32::MIN).into()),
            Column::Long(a) => self.take(a, |value| value.abs_diff(i64::MIN)),
            Column::Text(_) | Column::Bytes(_) | Column::Time(_) | Column::Numbers(..) => {
                for row in 0..n_rows {
                    let count = element_count(column, row) as u64;
                    self.most_elements = self.most_elements.max(count);
                    self.n_bytes += count * element_width(column) as u64;
                }
            }
            Column::Boolean(_) | Column::Float(_) | Column::Double(_) => {}
        }
    }

    fn take<T: ArrowPrimitiveType>(
        &mut self,
        array: &PrimitiveArray<T>,
        distance_from_end: impl Fn(T::Native) -> u64,
    ) {
        for (row, value) in array.values().iter().enumerate() {
            let distance = distance_from_end(*value);
            if distance < u64::from(N_CANDIDATES) && array.is_valid(row) {
                self.taken |= 1 << distance;
            }
        }
    }

    /// Does text lie in the row, rather than in the heap? Few readers know text in the heap.
    fn is_in_row(&self) -> bool {
        let filled = self.most_elements.saturating_mul(self.n_rows);
        self.most_elements <= MAX_TEXT || filled <= 2 * self.n_bytes + MAX_FILLING
    }

    /// The first integer of the candidates that is not a value; none if all are.
    fn free(&self) -> Option<i64> {
        let first = self.taken.trailing_ones();
        (first < N_CANDIDATES).then_some(first.into())
    }
}

/// How a column is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The letter of FITS for an element.
    letter: char,
    element_bytes: usize,
    shape: Shape,
    absent: Option<i64>,
    /// The wider integer type in which the values are written, where all integers that could stand
    /// for an absent value are values.
    widened: Option<DataType>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Scalar,
    Array(usize),
    Text(usize),
    Heap { most_elements: u64, n_bytes: u64, is_long: bool },
}

impl Form {
    /// Decide how a column is written; `heap_bytes` bounds the size of the heap of the table.
    pub fn of(facts: &ColumnFacts, kind: &VotableType, field: &Field, heap_bytes: u64) -> Self {
        let element = match field.data_type() {
            DataType::List(item) => item.data_type(),
            other => other,
        };
        let (letter, element_bytes) = letter(element);
        let is_text = matches!(element, DataType::Utf8 | DataType::Timestamp(..));
        let heap = Shape::Heap {
            most_elements: facts.most_elements,
            n_bytes: facts.n_bytes,
            is_long: heap_bytes > i32::MAX as u64,
        };
        let shape = match (field.data_type(), kind.arraysize) {
            (_, _) if is_text && facts.is_in_row() => {
                Shape::Text(facts.most_elements.max(1) as usize)
            }
            (DataType::List(_), ArraySize::Fixed(n)) => Shape::Array(n as usize),
            (DataType::List(_) | DataType::Utf8 | DataType::Binary, _) => heap,
            (DataType::Timestamp(..), _) => heap,
            _ => Shape::Scalar,
        };
        let mut form = Self { letter, element_bytes, shape, absent: None, widened: None };
        if shape == Shape::Scalar && facts.has_nulls {
            form.stand_for_absent(facts, element);
        }
        form
    }

    fn stand_for_absent(&mut self, facts: &ColumnFacts, element: &DataType) {
        let from_end = |distance: i64| match element {
            DataType::UInt8 => Some(i64::from(u8::MAX) - distance),
            DataType::Int16 => Some(i64::from(i16::MIN) + distance),
            DataType::Int32 => Some(i64::from(i32::MIN) + distance),
            DataType::Int64 => Some(i64::MIN + distance),
            _ => None,
        };
        self.absent = facts.free().and_then(from_end);
        if self.absent.is_none() && from_end(0).is_some() {
            let (wider, absent) = match element {
                DataType::UInt8 => (DataType::Int16, i64::from(i16::MIN)),
                DataType::Int16 => (DataType::Int32, i64::from(i32::MIN)),
                // Nothing is wider than 64 bits.
                _ => (DataType::Int64, i64::MIN),
            };
            (self.letter, self.element_bytes) = letter(&wider);
            self.absent = Some(absent);
            self.widened = Some(wider);
        }
    }

    /// The value of TFORM.
    pub fn code(&self) -> String {
        match self.shape {
            Shape::Scalar => self.letter.to_string(),
            Shape::Array(n) | Shape::Text(n) => format!("{n}{}", self.letter),
            Shape::Heap { most_elements, is_long, .. } => {
                format!("1{}{}({most_elements})", if is_long { 'Q' } else { 'P' }, self.letter)
            }
        }
    }

    /// The value of TNULL.
    pub fn absent(&self) -> Option<i64> {
        self.absent
    }

    /// Bytes in a row.
    pub fn row_bytes(&self) -> usize {
        match self.shape {
            Shape::Scalar => self.element_bytes,
            Shape::Array(n) | Shape::Text(n) => n * self.element_bytes,
            Shape::Heap { is_long, .. } => {
                if is_long {
                    16
                } else {
                    8
                }
            }
        }
    }

    /// Bytes in the heap, of all rows.
    pub fn heap_bytes(&self) -> u64 {
        match self.shape {
            Shape::Heap { n_bytes, .. } => n_bytes,
            _ => 0,
        }
    }

    /// The slot in a row; the elements of a column in the heap begin at `heap`.
    pub fn slot(&self, heap: u64) -> Slot {
        match self.shape {
            Shape::Scalar => Slot::Scalar { absent: self.absent.unwrap_or(0) },
            Shape::Array(n) => Slot::Array(n),
            Shape::Text(width) => Slot::PaddedText(width),
            Shape::Heap { is_long, .. } => Slot::Descriptor { is_long, next: heap },
        }
    }
}

/// Convert the columns that are written in a wider type.
pub fn widened(batch: &RecordBatch, forms: &[Form]) -> Result<RecordBatch> {
    if forms.iter().all(|form| form.widened.is_none()) {
        return Ok(batch.clone());
    }
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for ((column, form), field) in batch.columns().iter().zip(forms).zip(batch.schema().fields()) {
        let data_type = form.widened.as_ref().unwrap_or(column.data_type());
        columns.push(cast(column, data_type)?);
        fields.push(field.as_ref().clone().with_data_type(data_type.clone()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let schema = Arc::new(Schema::new(fields));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}

/// The letter of FITS for a type, and the bytes of a value.
fn letter(data_type: &DataType) -> (char, usize) {
    match data_type {
        DataType::Boolean => ('L', 1),
        DataType::UInt8 | DataType::Binary => ('B', 1),
        DataType::Int16 => ('I', 2),
        DataType::Int32 => ('J', 4),
        DataType::Int64 => ('K', 8),
        DataType::Float32 => ('E', 4),
        DataType::Float64 => ('D', 8),
        _ => ('A', 1),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::{ArrayRef, Int16Array, StringArray, UInt8Array};

    fn form(array: ArrayRef) -> Form {
        let field = Field::new("c", array.data_type().clone(), true);
        let mut facts = ColumnFacts::default();
        facts.add(&Column::of(&array).unwrap(), array.len());
        Form::of(&facts, &VotableType::of_field(&field).unwrap(), &field, facts.n_bytes)
    }

    #[test]
    fn what_stands_for_an_absent_integer_is_no_value() {
        let least = i16::MIN;
        assert_eq!(form(Arc::new(Int16Array::from(vec![least]))).absent(), None);
        let one = Int16Array::from(vec![None, Some(3)]);
        assert_eq!(form(Arc::new(one)).absent(), Some(least.into()));
        let next = Int16Array::from(vec![None, Some(least), Some(least + 1)]);
        assert_eq!(form(Arc::new(next)).absent(), Some(i64::from(least) + 2));
        let all = UInt8Array::from_iter(std::iter::once(None).chain((0..=255).map(Some)));
        let all = form(Arc::new(all));
        assert_eq!((all.code().as_str(), all.absent()), ("I", Some(least.into())));
    }

    #[test]
    fn text_is_in_the_row_unless_most_would_be_filling() {
        let code = |text: &str, n_empty: usize| {
            let texts = std::iter::once(text).chain(std::iter::repeat_n("", n_empty));
            form(Arc::new(StringArray::from_iter_values(texts))).code()
        };
        assert_eq!(code("", 0), "1A");
        assert_eq!(code("Ω", 0), "2A");
        assert_eq!(code(&"x".repeat(1000), 1000), "1000A");
        assert_eq!(code(&"x".repeat(1000), 2000), "1PA(1000)");
    }
}
