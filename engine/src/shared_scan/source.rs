//! A scan of a whole table as DataFusion's source of rows.

use std::fmt;
use std::sync::Arc;

use almagest_storage::footers::Footers;
use datafusion::arrow::datatypes::Schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileScanConfig, FileSource};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::physical_expr::projection::{ProjectionExprs, Projector};
use datafusion::physical_expr::utils::reassign_expr_columns;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::file_stream::FileOpener;
use datafusion_datasource::morsel::Morselizer;
use object_store::ObjectStore;

use super::SharedScans;
use super::row_groups::{Scan, SharedMorselizer};

/// A scan of a whole table, which `inner` reads where it is not shared.
#[derive(Clone)]
pub struct SharedSource {
    pub(super) inner: Arc<dyn FileSource>,
    pub(super) shared: Arc<SharedScans>,
    pub(super) footers: Arc<Footers>,
    pub(super) table: Arc<str>,
    pub(super) scan: u64,
    pub(super) batch_rows: Option<usize>,
}

impl SharedSource {
    fn with(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(Self { inner, ..self.clone() })
    }
}

impl FileSource for SharedSource {
    fn create_file_opener(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(object_store, base_config, partition)
    }

    fn create_morselizer(
        &self,
        object_store: Arc<dyn ObjectStore>,
        base_config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let inner = self.inner.create_morselizer(object_store, base_config, partition)?;
        let (Some(projection), Some(batch_rows)) = (self.inner.projection(), self.batch_rows)
        else {
            return Ok(inner);
        };
        let columns = projection.column_indices();
        let file_schema = self.inner.table_schema().file_schema();
        // The number of rows is known without a column.
        if columns.is_empty() || columns.iter().any(|c| *c >= file_schema.fields().len()) {
            return Ok(inner);
        }
        let read = Arc::new(file_schema.project(&columns)?);
        let projector = projector(projection, &read)?;
        Ok(Box::new(SharedMorselizer {
            inner,
            member: self.shared.convoys.join(&self.table, self.scan, partition),
            partition,
            scan: Arc::new(Scan {
                shared: self.shared.clone(),
                footers: self.footers.clone(),
                file_schema: file_schema.clone(),
                columns,
                read,
                projector,
                batch_rows,
                predicate: self.inner.filter(),
                metrics: self.inner.metrics().clone(),
            }),
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        let inner = self.inner.with_batch_size(batch_size);
        Arc::new(Self { inner, batch_rows: Some(batch_size), ..self.clone() })
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, t: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        self.inner.fmt_extra(t, f)
    }

    /// Fragments are cut already.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let FilterPushdownPropagation { filters, updated_node } =
            self.inner.try_pushdown_filters(filters, config)?;
        let updated_node = updated_node.map(|inner| self.with(inner));
        Ok(FilterPushdownPropagation { filters, updated_node })
    }

    /// A scan in a certain order is not shared: it is `inner`, with the order.
    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        eq_properties: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        self.inner.try_pushdown_sort(order, eq_properties)
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.with(inner)))
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(f)
    }
}

/// What evaluates `projection` on batches of the columns `read`.
fn projector(projection: &ProjectionExprs, read: &Schema) -> Result<Projector> {
    let exprs = projection.iter().cloned().map(|mut item| {
        item.expr = reassign_expr_columns(item.expr, read)?;
        Ok(item)
    });
    ProjectionExprs::new(exprs.collect::<Result<Vec<_>>>()?).make_projector(read)
}
