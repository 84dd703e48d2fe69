//! VOTable with rows as base64 of binary values: BINARY2, where flags tell what is absent, and its
//! predecessor BINARY, where an integer that the FIELD names stands for none.
//!
//! BINARY is there for readers that know no BINARY2: in it, the least integer of a type stands for
//! none, so that a result with just that value ends with an error; an unsigned byte, all of whose
//! values are in use, goes out as a short. An empty string cannot be told from an absent one.
//!
//! Reference: VOTable 1.4, section 5.4.

use almagest_engine::arrow::array::{
    Array, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, RecordBatchOptions,
};
use almagest_engine::arrow::compute::cast;
use almagest_engine::arrow::datatypes::{
    DataType, Field, Int16Type, Int32Type, Int64Type, Schema, SchemaRef,
};
use almagest_engine::arrow::record_batch::RecordBatch;

use super::base64_rows::Base64Rows;
use super::row_bytes::Layout;
use super::votable::{self, Absent};
use super::{Encoder, Ending, Provenance};
use crate::{Error, Result};

/// Writes VOTable BINARY2 or BINARY.
pub struct Binary {
    head: String,
    element: &'static str,
    rows: Base64Rows,
    /// The columns of BINARY.
    widened: Option<SchemaRef>,
}

impl Binary {
    /// Make an encoder of rows of the canonical schema `schema` as BINARY2.
    pub fn version_2(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let head = votable::head(schema, provenance, Absent::Told)?;
        let rows = Base64Rows::new(Layout::binary2(&votable::types(schema)?));
        Ok(Self { head, element: "BINARY2", rows, widened: None })
    }

    /// Make an encoder of rows of the canonical schema `schema` as BINARY.
    pub fn version_1(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let schema = widened(schema);
        let head = votable::head(&schema, provenance, Absent::StoodFor)?;
        let rows = Base64Rows::new(Layout::binary(&votable::types(&schema)?));
        Ok(Self { head, element: "BINARY", rows, widened: Some(schema.into()) })
    }
}

/// The columns with shorts in the place of unsigned bytes.
fn widened(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::UInt8 => field.as_ref().clone().with_data_type(DataType::Int16),
        _ => field.as_ref().clone(),
    });
    Schema::new_with_metadata(fields.collect::<Vec<Field>>(), schema.metadata().clone())
}

/// Convert a batch to the columns of BINARY.
///
/// # Errors
/// A value is the one that stands for none.
fn to_binary(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        let column = cast(column, field.data_type())?;
        let stand_in = match field.data_type() {
            DataType::Int16 => least::<Int16Type>(&column),
            DataType::Int32 => least::<Int32Type>(&column),
            DataType::Int64 => least::<Int64Type>(&column),
            _ => None,
        };
        match stand_in {
            Some(value) => Err(Error::StandIn { column: field.name().clone(), value }),
            None => Ok(column),
        }
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema.clone(), columns, &options)?)
}

/// The least integer of a type, if it is among the values.
fn least<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &dyn Array) -> Option<i64> {
    let least = T::Native::MIN_TOTAL_ORDER;
    column.as_primitive::<T>().iter().flatten().any(|value| value == least).then(|| least.into())
}

impl Encoder for Binary {
    fn begin(&mut self) -> Result<Vec<u8>> {
        let head = std::mem::take(&mut self.head);
        let begin = format!("{head}<DATA><{}><STREAM encoding=\"base64\">\n", self.element);
        Ok(begin.into_bytes())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        match &self.widened {
            Some(schema) => self.rows.rows(&to_binary(batch, schema)?),
            None => self.rows.rows(batch),
        }
    }

    fn end(&mut self, ending: &Ending) -> Result<Vec<u8>> {
        let mut out = self.rows.end();
        let tail = votable::tail(ending);
        out.extend_from_slice(format!("</STREAM></{}></DATA>\n{tail}", self.element).as_bytes());
        Ok(out)
    }

    fn can_report_failure(&self) -> bool {
        true
    }
}
