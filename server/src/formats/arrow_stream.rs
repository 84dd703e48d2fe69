//! Arrow IPC as a stream: the rows as they are, unit, UCD and description as metadata of fields,
//! what the result is as metadata of the schema.
//!
//! The stream has no place behind the rows: it cannot say that there are more than the limit (a
//! result of just MAXREC rows may be cut), and breaks off where a query fails.

use std::collections::HashMap;
use std::sync::Arc;

use almagest_engine::arrow::datatypes::{Schema, SchemaRef};
use almagest_engine::arrow::ipc::writer::StreamWriter;
use almagest_engine::arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::{Encoder, Ending, Provenance};
use crate::Result;

/// Writes an Arrow IPC stream.
pub struct ArrowStream {
    schema: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
}

impl ArrowStream {
    /// Make an encoder of rows of the canonical schema `schema`.
    ///
    /// # Errors
    /// The schema cannot be written.
    pub fn new(schema: &Schema, provenance: &Provenance) -> Result<Self> {
        let mut facts: HashMap<String, String> = HashMap::new();
        for (name, value) in provenance.facts() {
            let told = facts.entry(name.to_owned()).or_default();
            if !told.is_empty() {
                told.push('\n');
            }
            told.push_str(&value);
        }
        let schema = Arc::new(schema.clone().with_metadata(facts));
        let writer = StreamWriter::try_new(Vec::new(), &schema)?;
        Ok(Self { schema, writer })
    }

    fn written(&mut self) -> Vec<u8> {
        std::mem::take(self.writer.get_mut())
    }
}

impl Encoder for ArrowStream {
    fn begin(&mut self) -> Result<Vec<u8>> {
        Ok(self.written())
    }

    fn rows(&mut self, batch: &RecordBatch) -> Result<Vec<u8>> {
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)?;
        self.writer.write(&batch)?;
        Ok(self.written())
    }

    fn end(&mut self, _: &Ending) -> Result<Vec<u8>> {
        self.writer.finish()?;
        Ok(self.written())
    }

    fn can_report_failure(&self) -> bool {
        false
    }
}
