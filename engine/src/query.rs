//! A planned query, ready to run.

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;

use crate::Result;

/// A planned query: what its columns are, and the rows once it is run.
pub struct Query {
    schema: SchemaRef,
    warnings: Vec<String>,
    version: u64,
}

impl Query {
    /// The output columns; field metadata hold unit, UCD, utype, xtype and description
    /// under the keys of `almagest_storage::schema::arrow`.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// What was read leniently, or renamed, and should be said to the user.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The catalog's version that the rows come from.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Run the query. Dropping the stream cancels it.
    pub fn into_stream(self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        Ok(Box::pin(futures::stream::empty()))
    }
}
