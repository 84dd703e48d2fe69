//! Tables whose rows are made when a query reads them: what is known beside the catalogs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use almagest_storage::schema::{SchemaDef, TableDef};
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::exec_datafusion_err;
use datafusion::datasource::MemTable;
use datafusion::error::{DataFusionError, Result};
use tokio::sync::Mutex;

/// A schema whose rows are made when a query reads them. They have no versions: `AS OF` finds them
/// as they are now.
pub trait LiveSchema: fmt::Debug + Send + Sync {
    /// Its tables.
    fn definition(&self) -> &SchemaDef;

    /// The rows of one of its tables as they are now, with at least the columns of the definition.
    ///
    /// # Errors
    /// They cannot be read.
    fn rows(
        &self,
        table: &str,
    ) -> std::result::Result<RecordBatch, Box<dyn std::error::Error + Send + Sync>>;

    /// A number that is another one when the rows may be others.
    fn stamp(&self) -> u64;
}

/// The tables of a live schema, as DataFusion finds them by name. Each is read once, so that all
/// parts of a query see the same rows.
#[derive(Debug)]
pub(crate) struct LiveTables {
    schema: Arc<dyn LiveSchema>,
    read: Mutex<HashMap<String, Arc<dyn TableProvider>>>,
}

impl LiveTables {
    pub fn of(schema: Arc<dyn LiveSchema>) -> Self {
        Self { schema, read: Mutex::default() }
    }
}

#[async_trait]
impl SchemaProvider for LiveTables {
    fn table_names(&self) -> Vec<String> {
        self.schema.definition().tables.iter().map(|table| table.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.schema.definition().table(name).cloned() else { return Ok(None) };
        if let Some(read) = self.read.lock().await.get(name) {
            return Ok(Some(read.clone()));
        }
        let (schema, asked) = (self.schema.clone(), name.to_owned());
        let rows = tokio::task::spawn_blocking(move || schema.rows(&asked)).await;
        let rows = rows
            .map_err(|error| DataFusionError::External(error.into()))?
            .map_err(DataFusionError::External)?;
        let rows = as_defined(&rows, &table)?;
        let read: Arc<dyn TableProvider> =
            Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?);
        Ok(Some(self.read.lock().await.entry(name.to_owned()).or_insert(read).clone()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.schema.definition().table(name).is_some()
    }
}

/// The columns of the definition, in its types.
fn as_defined(rows: &RecordBatch, table: &TableDef) -> Result<RecordBatch> {
    let schema = table.arrow_schema();
    let column = |name: &String, kind| -> Result<ArrayRef> {
        let column = rows
            .column_by_name(name)
            .ok_or_else(|| exec_datafusion_err!("{} has no column {name}", table.name))?;
        Ok(cast(column, kind)?)
    };
    let columns = schema.fields().iter().map(|field| column(field.name(), field.data_type()));
    Ok(RecordBatch::try_new(schema.clone(), columns.collect::<Result<_>>()?)?)
}
