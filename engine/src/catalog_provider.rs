//! The tables of a snapshot, and TAP_SCHEMA, as DataFusion finds them by name.

use std::sync::Arc;

use almagest_storage::Snapshot;
use almagest_storage::schema::SchemaDef;
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::Result;

use crate::chunked_table::ChunkedTable;
use crate::config::Pruning;
use crate::shared_scan::SharedScans;
use crate::tap_schema;

/// The tables of one snapshot.
#[derive(Debug)]
pub(crate) struct SnapshotSchema {
    snapshot: Snapshot,
    pruning: Pruning,
    shared: Option<Arc<SharedScans>>,
}

impl SnapshotSchema {
    pub fn new(snapshot: Snapshot, pruning: Pruning, shared: Option<Arc<SharedScans>>) -> Self {
        Self { snapshot, pruning, shared }
    }
}

#[async_trait]
impl SchemaProvider for SnapshotSchema {
    fn table_names(&self) -> Vec<String> {
        let tables = &self.snapshot.schema().tables;
        tables.iter().map(|table| table.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let table = ChunkedTable::find(&self.snapshot, name, self.pruning, self.shared.clone());
        Ok(table.map(|table| Arc::new(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.snapshot.schema().table(name).is_some()
    }
}

/// Make the provider of TAP_SCHEMA, which describes `schemas`.
pub(crate) fn tap_schema_provider(schemas: &[SchemaDef]) -> Result<Arc<dyn SchemaProvider>> {
    let provider = MemorySchemaProvider::new();
    for (table, batch) in tap_schema::rows(schemas)? {
        let rows = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
        provider.register_table(table, Arc::new(rows))?;
    }
    Ok(Arc::new(provider))
}
