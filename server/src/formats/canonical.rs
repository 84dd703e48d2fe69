//! The few Arrow types that encoders know, and the way of all others to them.
//!
//! They are the engine's output types. What comes from elsewhere, or from a plan whose batches
//! differ from its schema, is converted; a type without a conversion is refused by the column's name.

use std::sync::Arc;

use almagest_engine::arrow::compute::cast;
use almagest_engine::arrow::datatypes::{Field, Schema, SchemaRef};
use almagest_engine::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use almagest_engine::output_type;

use crate::{Error, Result};

/// The conversion of batches of one schema.
#[derive(Debug, Clone)]
pub struct Canonical {
    schema: SchemaRef,
}

impl Canonical {
    /// Prepare the conversion of batches with the columns of `schema`.
    ///
    /// # Errors
    /// A column has a type for which there is no conversion.
    pub fn new(schema: &Schema) -> Result<Self> {
        let fields = schema.fields().iter().map(|field| {
            let data_type =
                output_type(field.data_type()).ok_or_else(|| Error::UnsupportedColumn {
                    column: field.name().clone(),
                    data_type: field.data_type().to_string(),
                    format: "VOTable",
                })?;
            Ok(Field::new(field.name(), data_type, true).with_metadata(field.metadata().clone()))
        });
        Ok(Self { schema: Arc::new(Schema::new(fields.collect::<Result<Vec<_>>>()?)) })
    }

    /// The schema of converted batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Convert a batch.
    pub fn convert(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = batch
            .columns()
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| cast(column, field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use almagest_engine::arrow::array::{
        ArrayRef, AsArray, NullArray, StringViewArray, UInt64Array,
    };
    use almagest_engine::arrow::datatypes::{DataType, Int64Type, TimeUnit};

    #[test]
    fn columns_are_converted_and_keep_their_metadata() {
        let unit = [("unit".to_owned(), "deg".to_owned())];
        let fields = vec![
            Field::new("s", DataType::Utf8View, false).with_metadata(unit.into()),
            Field::new("n", DataType::UInt64, true),
            Field::new("nothing", DataType::Null, true),
        ];
        let schema = Arc::new(Schema::new(fields));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from(vec!["a", "b"])),
            Arc::new(UInt64Array::from(vec![Some(7), None])),
            Arc::new(NullArray::new(2)),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let canonical = Canonical::new(&schema).unwrap();
        let found = canonical.convert(&batch).unwrap();
        assert_eq!(found.schema().field(0).metadata().get("unit").unwrap(), "deg");
        assert_eq!(found.column(0).as_string::<i32>().value(1), "b");
        assert_eq!(found.column(1).as_primitive::<Int64Type>().value(0), 7);
        assert_eq!(found.column(2).null_count(), 2);
    }

    #[test]
    fn a_column_without_conversion_is_named() {
        let schema = Schema::new(vec![Field::new("t", DataType::Duration(TimeUnit::Second), true)]);
        let error = Canonical::new(&schema).unwrap_err();
        assert!(error.to_string().starts_with("column t: "), "{error}");
    }
}
