//! Row groups of which all rows are read, from columns that several scans decode together.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use almagest_storage::footers::Footers;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileMetrics;
use datafusion::datasource::physical_plan::parquet::{
    PagePruningAccessPlanFilter, ParquetAccessPlan, RowGroupAccess, RowGroupAccessPlanFilter,
};
use datafusion::error::{DataFusionError, Result};
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::file::metadata::RowGroupMetaData;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::projection::Projector;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion_datasource::morsel::{Morsel, MorselPlan, MorselPlanner, Morselizer};
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::SharedScans;
use super::convoy::Member;
use super::decoded::{ColumnChunk, Decoded};
use crate::fragments::Place;

/// What all files of a partition of a scan have in common.
pub struct Scan {
    pub(super) shared: Arc<SharedScans>,
    pub(super) footers: Arc<Footers>,
    pub(super) file_schema: SchemaRef,
    /// Places in the file of the columns that are read, and what they are.
    pub(super) columns: Vec<usize>,
    pub(super) read: SchemaRef,
    pub(super) projector: Projector,
    pub(super) batch_rows: usize,
    /// What rows must match that anybody wants to see.
    pub(super) predicate: Option<Arc<dyn PhysicalExpr>>,
    pub(super) metrics: ExecutionPlanMetricsSet,
}

pub struct SharedMorselizer {
    pub(super) inner: Box<dyn Morselizer>,
    pub(super) member: Member,
    pub(super) partition: usize,
    pub(super) scan: Arc<Scan>,
}

impl fmt::Debug for SharedMorselizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedMorselizer").field(&self.inner).finish()
    }
}

impl Morselizer for SharedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        let Some(place) = file.extension::<Place>() else { return self.inner.plan_file(file) };
        if !self.member.goes_to(place) {
            return self.inner.plan_file(file);
        }
        match self.scan.whole_row_groups(place.path.clone(), &file, self.partition)? {
            Some(planned) => Ok(Box::new(planned)),
            None => self.inner.plan_file(file),
        }
    }
}

impl Scan {
    /// The row groups of a fragment that are read; `None` where it is better not to read all of them.
    fn whole_row_groups(
        self: &Arc<Self>,
        path: Arc<Path>,
        file: &PartitionedFile,
        partition: usize,
    ) -> Result<Option<RowGroups>> {
        let location = file.object_meta.location.as_ref();
        let metrics = ParquetFileMetrics::new(partition, location, &self.metrics);
        let external = |error| DataFusionError::External(Box::new(error));
        let footer = self.footers.of(&path).map_err(external)?;
        let (groups, columns) = (footer.row_groups(), footer.file_metadata().schema_descr());
        let access = file.extension::<ParquetAccessPlan>().cloned();
        let access = access.unwrap_or_else(|| ParquetAccessPlan::new_all(groups.len()));
        if !is_whole(&access) {
            return Ok(None);
        }
        let mut wanted = RowGroupAccessPlanFilter::new(access);
        if let Some(range) = &file.range {
            wanted.prune_by_range(groups, range);
        }
        let schema = &self.file_schema;
        let access = match &self.predicate {
            None => wanted.build(),
            Some(predicate) => {
                let on_row_groups = PruningPredicateBuilder::new()
                    .with_file_schema(schema.clone())
                    .try_build(predicate.clone());
                if let Ok(on_row_groups) = on_row_groups {
                    wanted.prune_by_statistics(schema, columns, groups, &on_row_groups, &metrics);
                }
                let access = wanted.build();
                let on_pages = PagePruningAccessPlanFilter::new(predicate, schema.clone());
                on_pages.prune_plan_with_page_index(access, schema, columns, &footer, &metrics)
            }
        };
        if pages_pay(&access, groups) {
            return Ok(None);
        }
        let options = ArrowReaderOptions::new().with_schema(schema.clone());
        let footer = ArrowReaderMetadata::try_new(footer, options)?;
        let row_groups = access.row_group_indexes();
        Ok(Some(RowGroups { scan: self.clone(), path, footer, row_groups, metrics }))
    }
}

/// Are row groups read as a whole or not at all?
fn is_whole(access: &ParquetAccessPlan) -> bool {
    !access.inner().iter().any(|access| matches!(access, RowGroupAccess::Selection(_)))
}

/// Do pages leave out more than decoding them would cost? Rows that cannot match may be read all the
/// same: the query looks at each.
fn pages_pay(access: &ParquetAccessPlan, groups: &[RowGroupMetaData]) -> bool {
    let (mut n_rows, mut n_selected) = (0, 0);
    for (access, group) in access.inner().iter().zip(groups) {
        let n_rows_of_group = group.num_rows().try_into().unwrap_or(0_usize);
        n_selected += match access {
            RowGroupAccess::Skip => continue,
            RowGroupAccess::Scan => n_rows_of_group,
            RowGroupAccess::Selection(selection) => selection.row_count(),
        };
        n_rows += n_rows_of_group;
    }
    n_selected < n_rows / 2
}

/// Row groups of a file, of which all rows are read.
struct RowGroups {
    scan: Arc<Scan>,
    path: Arc<Path>,
    footer: ArrowReaderMetadata,
    row_groups: Vec<usize>,
    metrics: ParquetFileMetrics,
}

impl fmt::Debug for RowGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RowGroups").field(&self.path).field(&self.row_groups).finish()
    }
}

impl MorselPlanner for RowGroups {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        if self.row_groups.is_empty() {
            return Ok(None);
        }
        Ok(Some(MorselPlan::new().with_morsels(vec![self])))
    }
}

impl Morsel for RowGroups {
    fn into_stream(mut self: Box<Self>) -> BoxStream<'static, Result<RecordBatch>> {
        let row_groups = std::mem::take(&mut self.row_groups);
        let this: Arc<Self> = Arc::from(self);
        stream::iter(row_groups)
            .then(move |row_group| {
                let this = this.clone();
                async move {
                    let columns = this.columns(row_group).await?;
                    let n_batches = columns.first().map_or(0, |column| column.len());
                    let batches = (0..n_batches).map(move |nth| this.batch(&columns, nth));
                    Ok::<_, DataFusionError>(stream::iter(batches))
                }
            })
            .try_flatten()
            .boxed()
    }
}

impl RowGroups {
    /// The columns of a row group, decoded here or elsewhere.
    async fn columns(&self, row_group: usize) -> Result<Vec<Decoded>> {
        let mut columns = Vec::with_capacity(self.scan.columns.len());
        for column in &self.scan.columns {
            let chunk = ColumnChunk {
                path: self.path.clone(),
                row_group,
                column: *column,
                batch_rows: self.scan.batch_rows,
            };
            let note_read = |n_bytes| self.metrics.bytes_scanned.add(n_bytes);
            columns.push(self.scan.shared.decoded.get(&chunk, &self.footer, note_read).await?);
        }
        Ok(columns)
    }

    /// A batch of rows as the query wants them.
    fn batch(&self, columns: &[Decoded], nth: usize) -> Result<RecordBatch> {
        let arrays = columns.iter().map(|column| column[nth].clone()).collect();
        let batch = RecordBatch::try_new(self.scan.read.clone(), arrays)?;
        self.scan.projector.project_batch(&batch)
    }
}
