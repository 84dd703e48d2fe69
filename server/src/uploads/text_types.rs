//! Types of columns that come as text: CSV and TSV say nothing of them.

use std::sync::Arc;

use almagest_engine::arrow::array::{Array, ArrayRef, AsArray};
use almagest_engine::arrow::compute::{CastOptions, cast_with_options};
use almagest_engine::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use almagest_engine::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use crate::Result;

/// Types that text may stand for, the narrowest first.
const TYPES: [DataType; 4] =
    [DataType::Int64, DataType::UInt64, DataType::Float64, DataType::Boolean];

/// Give each column the first of whole numbers, numbers and truth values that all its values are;
/// text where they are none of these. Whole numbers beyond 64 bits are text: as doubles, identifiers
/// that differ would be equal.
///
/// # Errors
/// The batches are not of the columns of `schema`.
pub fn typed(
    schema: &SchemaRef,
    batches: Vec<RecordBatch>,
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut fields: Vec<Arc<Field>> = vec![];
    let mut columns: Vec<Vec<ArrayRef>> = vec![vec![]; batches.len()];
    for (place, field) in schema.fields().iter().enumerate() {
        let texts: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(place)).collect();
        let typed = TYPES.iter().find_map(|kind| Some((kind, as_type(&texts, kind)?)));
        let (data_type, arrays) = match typed {
            Some((kind, arrays)) => (kind.clone(), arrays),
            None => (field.data_type().clone(), texts.into_iter().cloned().collect()),
        };
        fields.push(Arc::new(field.as_ref().clone().with_data_type(data_type)));
        for (columns, array) in columns.iter_mut().zip(arrays) {
            columns.push(array);
        }
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    let batches = batches.iter().zip(columns).map(|(batch, columns)| {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
    });
    let batches = batches.collect::<Result<Vec<_>>>()?;
    Ok((schema, batches))
}

/// The texts as values of `kind`; nothing if one is none, or if there is no value at all.
fn as_type(texts: &[&ArrayRef], kind: &DataType) -> Option<Vec<ArrayRef>> {
    if texts.iter().all(|text| text.null_count() == text.len()) {
        return None;
    }
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let cast = |text: &&ArrayRef| {
        // Arrow takes 1, 0, y and n for truth values, too; here only the words.
        let are_words = || {
            text.as_string::<i32>().iter().flatten().all(|value| {
                ["true", "false"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
            })
        };
        match kind == &DataType::Boolean && !are_words() {
            true => None,
            false => cast_with_options(text, kind, &strict).ok(),
        }
    };
    let is_whole = |value: &str| {
        let digits = value.trim().trim_start_matches(['+', '-']);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    if kind == &DataType::Float64
        && texts.iter().all(|text| text.as_string::<i32>().iter().flatten().all(is_whole))
    {
        return None;
    }
    texts.iter().map(cast).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::StringArray;

    fn check(batches: &[&[Option<&str>]], expected: DataType) {
        let schema = Arc::new(Schema::new(vec![Field::new("c", DataType::Utf8, true)]));
        let batch = |values: &&[Option<&str>]| {
            let column: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
            RecordBatch::try_new(schema.clone(), vec![column]).unwrap()
        };
        let (typed, batches) = typed(&schema, batches.iter().map(batch).collect()).unwrap();
        assert_eq!(typed.field(0).data_type(), &expected);
        assert!(batches.iter().all(|batch| batch.schema() == typed));
    }

    #[test]
    fn a_column_has_the_type_that_all_its_values_have() {
        check(&[&[Some("1"), None], &[Some("-20")]], DataType::Int64);
        check(&[&[Some("1")], &[Some("2.5e3")]], DataType::Float64);
        check(&[&[Some("9223372036854775807")], &[Some("18446744073709551615")]], DataType::UInt64);
        check(&[&[Some("-1")], &[Some("18446744073709551615")]], DataType::Utf8);
        check(&[&[Some("0.5")], &[Some("18446744073709551616")]], DataType::Float64);
        check(&[&[Some("true")], &[Some("False")]], DataType::Boolean);
        check(&[&[Some("1")], &[Some("x")]], DataType::Utf8);
        check(&[&[Some("y")], &[Some("n")]], DataType::Utf8);
        check(&[&[None], &[None]], DataType::Utf8);
        check(&[], DataType::Utf8);
    }
}
