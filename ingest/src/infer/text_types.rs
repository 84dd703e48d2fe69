//! The types that columns of text may stand for, found row by row in bounded memory.
//!
//! | all values are                      | type      |
//! |-------------------------------------|-----------|
//! | `true` or `false`, in any case      | boolean   |
//! | whole numbers of 64 bits            | long      |
//! | numbers                             | double    |
//! | instants (ISO 8601)                 | timestamp |
//! | anything else, or there is none     | text      |
//!
//! A number with leading zeros is a name: `007` is text.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};

use crate::conform::instant;

/// The types of a table's columns as far as the rows so far allow them.
#[derive(Debug, Clone)]
pub struct TextTypes {
    columns: Vec<Possible>,
}

/// What all values of one column could be.
#[derive(Debug, Clone, Copy)]
struct Possible {
    has_values: bool,
    boolean: bool,
    integer: bool,
    number: bool,
    instant: bool,
}

impl TextTypes {
    /// Begin with any type for each of the columns.
    pub fn new(n_columns: usize) -> Self {
        let any = Possible {
            has_values: false,
            boolean: true,
            integer: true,
            number: true,
            instant: true,
        };
        Self { columns: vec![any; n_columns] }
    }

    /// Look at rows; columns that are not text keep their types.
    pub fn look_at(&mut self, batch: &RecordBatch) {
        for (possible, column) in self.columns.iter_mut().zip(batch.columns()) {
            let Some(texts) = column.as_string_opt::<i32>() else { continue };
            texts.iter().flatten().for_each(|text| possible.look_at(text.trim()));
        }
    }

    /// The schema with the types that were found for columns of text.
    pub fn typed(&self, schema: &Schema) -> Schema {
        let fields = schema.fields().iter().zip(&self.columns).map(|(field, possible)| match field
            .data_type()
        {
            DataType::Utf8 => field.as_ref().clone().with_data_type(possible.data_type()),
            _ => field.as_ref().clone(),
        });
        Schema::new_with_metadata(fields.collect::<Vec<Field>>(), schema.metadata().clone())
    }
}

impl Possible {
    fn look_at(&mut self, text: &str) {
        self.has_values = true;
        self.boolean =
            self.boolean && ["true", "false"].iter().any(|word| text.eq_ignore_ascii_case(word));
        self.integer = self.integer && !has_leading_zero(text) && text.parse::<i64>().is_ok();
        self.number = self.number && !has_leading_zero(text) && text.parse::<f64>().is_ok();
        self.instant = self.instant && instant(text).is_some();
    }

    fn data_type(self) -> DataType {
        match self {
            Self { has_values: false, .. } => DataType::Utf8,
            Self { boolean: true, .. } => DataType::Boolean,
            Self { integer: true, .. } => DataType::Int64,
            Self { number: true, .. } => DataType::Float64,
            Self { instant: true, .. } => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => DataType::Utf8,
        }
    }
}

fn has_leading_zero(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']).as_bytes();
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use arrow::array::{ArrayRef, StringArray};

    fn check(batches: &[&[Option<&str>]], expected: DataType) {
        let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8, true)]));
        let mut types = TextTypes::new(1);
        for values in batches {
            let column: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
            types.look_at(&RecordBatch::try_new(schema.clone(), vec![column]).unwrap());
        }
        assert_eq!(types.typed(&schema).field(0).data_type(), &expected, "{batches:?}");
    }

    #[test]
    fn a_column_has_the_narrowest_type_of_all_its_values() {
        check(&[&[Some("1"), None], &[Some(" -20 ")]], DataType::Int64);
        check(&[&[Some("1")], &[Some("2.5e3")], &[Some("NaN")]], DataType::Float64);
        check(&[&[Some("9223372036854775808")]], DataType::Float64);
        check(&[&[Some("true")], &[Some("False")]], DataType::Boolean);
        check(&[&[Some("1")], &[Some("x")]], DataType::Utf8);
        check(&[&[Some("007")]], DataType::Utf8);
        check(&[&[Some("0.5"), Some("-0.25"), Some("0")]], DataType::Float64);
        let instants = DataType::Timestamp(TimeUnit::Microsecond, None);
        check(&[&[Some("2026-01-02T03:04:05"), Some("2026-01-02T03:04:05Z")]], instants);
        check(&[&[None], &[]], DataType::Utf8);
    }
}
